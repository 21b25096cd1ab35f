"""Check digits that python-stdnum has no module for, each from its issuer's published rule. Pure.

Every function takes a number without separators, in capitals, whose shape was matched before.
"""

from collections.abc import Callable, Mapping
from typing import Final

from stdnum import luhn


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def sg_nric(number: str) -> bool:
    """Singapore's NRIC and FIN: a weighted sum picks the last letter."""
    total = _weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    letters = "JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK" if number[0] in "FG" else "KLJNPQRTUWX"
    return letters[10 - total % 11 if number[0] == "M" else total % 11] == number[8]


def tw_id(number: str) -> bool:
    """Taiwan's identity card: the letter stands for two digits."""
    code = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0])
    return (_weighted(f"{code}{number[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0


def hk_id(number: str) -> bool:
    """Hong Kong's identity card: weights 9 to 2, a blank counts 36, modulo 11, A is ten."""
    body = number[:-1].rjust(8)
    values = [36 if each == " " else int(each, 36) for each in body]
    check = (11 - sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) % 11) % 11
    return number[-1] == ("A" if check == 10 else str(check))


def ru_snils(number: str) -> bool:
    """Russia's insurance number: weights 9 to 1, modulo 101."""
    return _weighted(number, tuple(range(9, 0, -1))) % 101 % 100 == int(number[9:])


def hu_taj(number: str) -> bool:
    """Hungary's social security number: weights 3 and 7, modulo 10."""
    return _weighted(number, (3, 7, 3, 7, 3, 7, 3, 7)) % 10 == int(number[8])


def au_medicare(number: str) -> bool:
    """Australia's Medicare card: weights 1, 3, 7, 9, modulo 10."""
    return _weighted(number, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def us_npi(number: str) -> bool:
    """The United States' provider number: Luhn with 80840 before it (45 CFR 162.406)."""
    return bool(luhn.is_valid("80840" + number))


def us_dea(number: str) -> bool:
    """The United States' DEA registration: a sum's last digit."""
    digits = [int(each) for each in number[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def de_health(number: str) -> bool:
    """Germany's health insurance number: the letter as two digits, weights 1 and 2, digit sums, modulo 10."""
    digits = f"{ord(number[0]) - 64:02d}{number[1:9]}"
    products = (int(each) * (1 + index % 2) for index, each in enumerate(digits))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(number[9])


def vin(number: str) -> bool:
    """The check digit of North American vehicle numbers (49 CFR 565.15)."""
    values = {
        letter: int(value) for letter, value in zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True)
    }
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum((values.get(each) or int(each)) * weight for each, weight in zip(number, weights, strict=True))
    return number[8] == "0123456789X"[total % 11]


OWN: Final[Mapping[str, Callable[[str], bool]]] = {
    check.__name__: check
    for check in (sg_nric, tw_id, hk_id, ru_snils, hu_taj, au_medicare, us_npi, us_dea, de_health, vin)
}
