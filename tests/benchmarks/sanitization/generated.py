"""A second labelled set, made by code: other sentences and other formats than the first, and numbers that are none."""

import random
from collections.abc import Callable
from typing import Final

from labelled import Labelled
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

SEED: Final = 20261126
SENTENCES: Final = 2_000
_SLOT: Final = "{}"

TEMPLATES: Final = (
    ("Please wire the deposit to {} before Friday.", "IBAN"), ("Unser Konto: {}, bei Fragen bitte melden.", "IBAN"),
    ("IBAN {} / Verwendungszweck Miete", "IBAN"), ("account_iban;{};EUR", "IBAN"),
    ("The customer paid with {} at the counter.", "CARD"), ("Zahlung per Karte {} wurde abgelehnt.", "CARD"),
    ('{"pan": "{}", "brand": "x"}', "CARD"), ("PAN={} EXP=12/29", "CARD"),
    ("Reach our night desk on {} if the gate is locked.", "PHONE"), ("Tel.: {}", "PHONE"), ("Mobil {}", "PHONE"),
    ("Téléphone : {} (bureau)", "PHONE"), ("Llámame al {} esta tarde", "PHONE"), ("whatsapp {} anytime", "PHONE"),
    ("telefono {} ore pasti", "PHONE"), ("Kontakt: {} oder per Post", "PHONE"), ("phone,{},active", "PHONE"),
    ("She wrote from {} yesterday.", "EMAIL"), ("<{}> wrote:", "EMAIL"), ("cc: {};", "EMAIL"), ("mailto:{}", "EMAIL"),
    ("connection from {} refused", "IP"), ("src={} dst=gateway", "IP"), ("sshd[812]: Failed login from {} port 5022", "IP"),
    ("see {} for the terms", "URL"), ("Source: {}", "URL"), ("[manual]({})", "URL"),
    ("SSN on file: {}", "NATIONAL_ID"), ("My social security number changed to {} in error", "NATIONAL_ID"),
    ("Her National Insurance number is {}.", "NINO"), ("DNI {} caducado", "DNI"), ("CPF: {}", "CPF"),
    ("codice fiscale {}", "CF"), ("Order {} ships on Monday.", "ORDER"), ("Invoice total {} EUR", "PRICE"),
    ("Part no. {} is out of stock.", "PART"), ("Meeting on {} at noon.", "DAY"), ("build {} passed", "VERSION"),
    ("Tracking id {} was scanned twice.", "TRACKING"), ("commit {} breaks the parser", "COMMIT"),
    ("Room {} seats forty.", "ROOM"), ("Between {} the harbour was rebuilt.", "YEARS"),
)  # fmt: skip
"""A sentence and what stands in its gap; kinds that are none are not labelled."""

LABELS: Final = {"NINO": "NATIONAL_ID", "DNI": "NATIONAL_ID", "CPF": "NATIONAL_ID", "CF": "NATIONAL_ID"}
NONE: Final = frozenset({"ORDER", "PRICE", "PART", "DAY", "VERSION", "TRACKING", "COMMIT", "ROOM", "YEARS"})
PHONES: Final = (
    "+33 6 ## ## ## ##", "+49-171-#######", "+49 (0)89 / 12##-34", "0171/#######", "06-########", "(02) 9### ####",
    "+81 3-####-####", "+55 (11) 9####-####", "+91 98### #####", "+86 138 #### ####", "+353 87 ### ####", "0# ## ## ## ##",
    "+1 (212) ###-####", "212.###.####", "+44 (0)20 7### ####", "07### ######", "+351 91# ### ###", "9## ### ###",
    "+39 3## ### ####", "+48 6## ### ###", "+46 70-### ## ##", "+7 495 ###-##-##", "0043 1 ### ####", "+971 50 ### ####",
)  # fmt: skip
NAMES: Final = ("m.okafor", "LENA_BRANDT", "j-p.durand", "ravi99", "o'neill", "info+billing", "x1")
DOMAINS: Final = ("mail.example.org", "uni-bremen.example.de", "a.b.co.uk", "office.example.com.br", "post.example.io")
PREFIXES: Final = ("4539", "5425", "2720", "3714", "6011", "3530", "4917")


def generate() -> Labelled:
    """The same set each time."""
    chance = random.Random(SEED)  # noqa: S311 - a test's sentences
    labelled = Labelled()
    for _ in range(SENTENCES):
        template, kind = chance.choice(TEMPLATES)
        value = VALUES[kind](chance)
        start = template.index(_SLOT)
        spans = [] if kind in NONE else [(start, start + len(value), LABELS.get(kind, kind))]
        labelled.add(template.replace(_SLOT, value, 1), spans)
    return labelled


def _digits(chance: random.Random, form: str) -> str:
    return "".join(str(chance.randrange(10)) if each == "#" else each for each in form)


def _card(chance: random.Random) -> str:
    prefix = chance.choice(PREFIXES)
    body = _digits(chance, prefix + "#" * (10 if prefix == "3714" else 11))
    number = body + luhn.calc_check_digit(body)
    groups = (4, 10, 15) if len(number) == 15 else (4, 8, 12, 16)
    parts = [number[first:last] for first, last in zip((0, *groups), groups, strict=False)]
    return chance.choice(("", " ", "-")).join(parts)


def _iban(chance: random.Random) -> str:
    country, body = chance.choice((
        ("DE", "#" * 18), ("FR", "#" * 23), ("NL", "ABNA" + "#" * 10), ("ES", "#" * 20), ("CH", "#" * 17), ("PL", "#" * 24),
        ("IE", "AIBK" + "#" * 14), ("NO", "#" * 11), ("PT", "#" * 21), ("SE", "#" * 20), ("GB", "BARC" + "#" * 14),
    ))  # fmt: skip
    account = _digits(chance, body)
    number = country + mod_97_10.calc_check_digits(account + country) + account
    return number if chance.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _ip(chance: random.Random) -> str:
    if chance.random() < 0.3:
        return ":".join(f"{chance.randrange(1, 1 << 16):x}" for _ in range(8))
    return f"{chance.randrange(11, 126)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


def _ssn(chance: random.Random) -> str:
    return f"{chance.randrange(1, 666):03d}-{chance.randrange(1, 100):02d}-{chance.randrange(1, 10_000):04d}"


def _nino(chance: random.Random) -> str:
    digits = _digits(chance, "######")
    pairs = [digits[at : at + 2] for at in (0, 2, 4)]
    return chance.choice(("", " ")).join([chance.choice(("JG", "AB", "CE")), *pairs, chance.choice("ABCD")])


def _dni(chance: random.Random) -> str:
    number = chance.randrange(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _cpf(chance: random.Random) -> str:
    from stdnum.br import cpf

    while True:
        body = _digits(chance, "#########")
        for check in range(100):
            if cpf.is_valid(number := f"{body}{check:02d}"):
                return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def _cf(chance: random.Random) -> str:
    from stdnum.it import codicefiscale

    body = f"{chance.choice(('RSSMRA', 'BNCLRA', 'VRDGPP'))}{chance.randrange(40, 99)}{chance.choice('ABCDEHLMPRST')}"
    body += f"{chance.randrange(1, 29):02d}{chance.choice(('H501', 'F205', 'L219'))}"
    return body + str(codicefiscale.calc_check_digit(body))


VALUES: Final[dict[str, Callable[[random.Random], str]]] = {
    "IBAN": _iban, "CARD": _card, "IP": _ip, "NATIONAL_ID": _ssn, "NINO": _nino, "DNI": _dni, "CPF": _cpf, "CF": _cf,
    "PHONE": lambda chance: _digits(chance, chance.choice(PHONES)),
    "EMAIL": lambda chance: f"{chance.choice(NAMES)}@{chance.choice(DOMAINS)}",
    "URL": lambda chance: f"{chance.choice(('https://', 'http://www.'))}{chance.choice(DOMAINS)}/{_digits(chance, 'a##/b')}",
    "ORDER": lambda chance: _digits(chance, chance.choice(("A-#####", "#######", "2026-#####", "##-####-#"))),
    "PRICE": lambda chance: _digits(chance, chance.choice(("1#,###.##", "2.###,##", "##.##", "1###.50"))),
    "PART": lambda chance: _digits(chance, chance.choice(("XR-###-##", "##.###.#", "B#C####", "###-####-X"))),
    "DAY": lambda chance: _digits(chance, chance.choice(("1#/0#/2026", "2026-0#-1#", "1#.0#.2026"))).replace("/00/", "/01/"),
    "VERSION": lambda chance: _digits(chance, chance.choice(("1#.#.#", "v#.#.#-rc#", "2026.#.#.1##"))),
    "TRACKING": lambda chance: _digits(chance, "1Z#A#B##########"),
    "COMMIT": lambda chance: f"{chance.randrange(1 << 160):040x}",
    "ROOM": lambda chance: _digits(chance, "#.#1#"),
    "YEARS": lambda chance: _digits(chance, "19##-19##"),
}  # fmt: skip
