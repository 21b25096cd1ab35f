"""Rules as data: each finds its example and leaves its look-alike alone; wrong files are refused by name."""

import hashlib
import re
import string
from itertools import count
from typing import Any, Final

import pytest

from staithe.sanitization.detect import ENTITIES, Detector, rules
from staithe.sanitization.detect.identities import Identity, load
from staithe.sanitization.detect.rules import Rule, entropy, rules_of

DETECTOR: Final = Detector(names=False)
RULES: Final = tuple(rule for stem in ("labels", "secrets", "assignments") for rule in rules.load(stem))
ALPHABETS: Final = {
    "hex": "0123456789abcdef",
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "url": string.ascii_letters + string.digits,
    "digits": string.digits,
    "dash": "-",
}
"""What stands in braces in an example, so that no credential lies in the repository."""


def example(template: str) -> str:
    """An example with its generated characters: the same for the same template."""
    numbers = count()

    def characters(alphabet: str, length: int) -> str:
        wanted = (f"{template} {next(numbers)}" for _ in range(length))
        return "".join(alphabet[hashlib.sha256(each.encode()).digest()[0] % len(alphabet)] for each in wanted)

    def generate(match: re.Match[str]) -> str:
        if match[1] == "uuid":
            return "-".join(characters(ALPHABETS["hex"], length) for length in (8, 4, 4, 4, 12))
        return characters(ALPHABETS[match[1]], int(match[2]))

    return re.sub(rf"\{{({'|'.join(ALPHABETS)}|uuid)(?::(\d+))?\}}", generate, template)


def entities(text: str) -> set[str]:
    return {each.entity for each in DETECTOR.find(text)}


def test_there_are_rules_for_two_hundred_credentials() -> None:
    names = [rule.id for rule in RULES]
    assert len(names) == len(set(names))
    assert sum(rule.entity == "SECRET" for rule in RULES) >= 200


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_finds_its_example_and_leaves_its_look_alike_alone(rule: Rule) -> None:
    assert rule.finds
    assert rule.ignores
    for around in ("{}", "see {} ,", "Grüße\n{}\n"):
        assert rule.entity in entities(around.replace("{}", example(rule.finds))), around
    alone = rules.Rules({"one": (rule,)})
    assert _found_by(alone, rule, example(rule.finds)), "the rule itself must find it, not another"
    assert not _found_by(alone, rule, example(rule.ignores))


def _found_by(one: rules.Rules, rule: Rule, text: str) -> bool:
    from staithe.sanitization.detect.keywords import Keywords  # noqa: PLC0415
    from staithe.sanitization.detect.work import Work  # noqa: PLC0415

    encoded = text.encode()
    _, announced = Keywords({}, [(rule.keywords, not rule.before)]).read(encoded.lower())
    return bool(one.find(encoded, announced, Work()))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"entity": "NOTHING"}, "x: unknown entity"), ({"regex": "a"}, "x: unknown fields"), ({"entity": None}, "x: unk")],
)
def test_wrong_rule_is_refused_by_name(change: dict[str, Any], complaint: str) -> None:
    rule = {"id": "x", "entity": "SECRET", "keywords": "a", "pattern": "a"}
    with pytest.raises(ValueError, match=f"rules/f.yaml: {complaint}"):
        rules_of("f", {"rules": [rule | change]})


def test_version_of_a_detector_changes_with_its_rules() -> None:
    other = rules.Rules({"secrets": RULES[:1]}), rules.Rules({"secrets": RULES[1:2]})
    assert other[0].versions != other[1].versions
    assert set(DETECTOR.versions) == {"patterns", "labels", "secrets"}
    assert DETECTOR.versions == Detector(names=False).versions


def test_entropy_counts_bits_a_character() -> None:
    assert entropy(b"") == entropy(b"aaaa") == 0
    assert entropy(b"abcd") == 2


VALID: Final = {
    "us_ssn": "SSN 536-22-1234", "us_itin": "912-71-1234", "gb_nino": "AB 12 34 56 C", "gb_nhs": "NHS 943 476 5919",
    "gb_utr": "UTR 1955839661", "de_tax": "Steuer-ID 36 574 261 809", "fr_nir": "2 95 10 99 126 111 93",
    "es_dni": "54362315K", "es_nie": "X2482300W", "it_cf": "RCCMNL83S18D969H", "it_iva": "partita iva 00743110157",
    "nl_bsn": "BSN 111222333", "be_nn": "85.07.30-033.28", "pt_nif": "NIF 501964843",
    "pt_cc": "cartão de cidadão 00000000 0 ZZ4", "ie_pps": "PPS 6433435F", "pl_pesel": "PESEL 44051401359",
    "pl_nip": "NIP 8567346215", "cz_rc": "710319/2745", "se_pnr": "880320-0016", "dk_cpr": "CPR 211062-5629",
    "no_fnr": "151086 95088", "fi_hetu": "131052-308T", "is_kt": "450401-3150", "ee_ik": "isikukood 36805280109",
    "lt_ak": "asmens kodas 33309240064", "lv_pk": "161175-19997", "ro_cnp": "CNP 1630615123457",
    "bg_egn": "ЕГН 7523169263", "hr_oib": "OIB 33392005961", "si_emso": "EMŠO 0101006500006",
    "gr_amka": "ΑΜΚΑ 01013099997", "gr_afm": "ΑΦΜ 094259216", "ch_ahv": "756.9217.0769.85",
    "at_svnr": "SVNR 1237 010180", "tr_tc": "TC Kimlik 17291716060", "il_tz": "Teudat Zehut 039337423",
    "br_cpf": "390.533.447-05", "br_cnpj": "16.727.230/0001-97", "mx_curp": "BOXW310820HNERXN09",
    "ar_cuit": "20-05536168-2", "cl_rut": "12.531.909-2", "ec_ci": "cédula 171430710-3",
    "do_cedula": "001-1391820-5", "ca_sin": "SIN 123-456-782", "au_tfn": "TFN 123 456 782",
    "au_medicare": "Medicare 2123 45670 1", "nz_ird": "IRD 4909185-0", "in_aadhaar": "2341 2341 2346",
    "in_pan": "ACUPA7085R", "cn_ric": "360426199101010071", "kr_rrn": "971013-9019902",
    "jp_my": "マイナンバー 6214 9832 0257", "sg_nric": "S1234567D", "hk_id": "HKID A123456(3)",
    "tw_id": "身分證 A123456789",
    "th_pin": "1-2345-45678-78-1", "my_nric": "770305-02-1234", "za_id": "RSA ID 7503305044089",
    "ru_snils": "112-233-445 95", "ru_inn": "ИНН 500100732259", "id_nik": "NIK 3171011708450001",
    "us_mbi": "Medicare 1EG4-TE5-MK73", "us_npi": "NPI 1234567893", "us_dea": "DEA AB1234563",
    "pk_cnic": "34201-0891231-8", "de_health": "KVNR A123456780", "ua_rn": "РНОКПП 1759013776",
    "hu_taj": "TAJ 123 456 788",
}  # fmt: skip
"""Numbers that the issuers, or python-stdnum, print as examples."""


@pytest.mark.parametrize("topic", VALID)
def test_number_of_a_state_is_found(topic: str) -> None:
    kind = load().by_topic[topic]
    findings = DETECTOR.find(f"Form. {VALID[topic]}, please")
    found = [each.entity for each in findings]
    assert found in ([kind.entity], ["NATIONAL_ID"], ["TAX_ID"], ["HEALTH_ID"]), found


def test_numbers_of_twenty_five_states_and_more_are_known() -> None:
    kinds: list[Identity] = list(load().by_topic.values())
    states = {kind.topic.split("_")[0] for kind in kinds if len(kind.topic.split("_")[0]) == 2}
    assert len(states) >= 25
    assert {topic.split("_")[0] for topic in VALID} >= {"us", "gb", "de", "fr", "es", "it", "in", "cn", "br", "jp"}
    assert all(kind.entity in ENTITIES for kind in kinds)


@pytest.mark.parametrize(
    "text",
    [
        "54362315A", "X2482300A", "RCCMNL83S18D969A", "85.07.30-033.29", "710319/2746", "880320-0018", "131052-308A",
        "756.9217.0769.86", "390.533.447-06", "12.531.909-3", "002-0021848-8", "2341 2341 2347", "S1234567A",
        "360426199101010072", "1-2345-45678-78-2", "000-12-3456", "666-12-3456", "HKID A123456(4)", "NHS 943 476 5918",
    ],
)  # fmt: skip
def test_number_whose_check_is_wrong_is_none(text: str) -> None:
    assert not entities(text) & {"NATIONAL_ID", "TAX_ID", "HEALTH_ID"}
