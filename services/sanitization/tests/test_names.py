"""Names: found by their surroundings, other capitals left alone, exact spans, no start without the model."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staithe.kernel.errors import Integrity
from staithe.sanitization.detect import Detector, models
from staithe.sanitization.detect.blocks import BLOCK_CHARACTERS, blocks
from staithe.sanitization.detect.names import Names
from staithe.sanitization.detect.names.network import pack, unpack
from staithe.sanitization.detect.names.tokens import BLOCK_CHARACTERS_MAX, hash_word, tokenise

NAMES = Names()
NETWORK = NAMES._tagger._network
MAIL = (
    "Dear Ms Thorvaldsen,\n\nOlumide Adeyemi-Brandt from Kestrel Robotics GmbH will call you on Tuesday.\n"
    "He lives in Rotterdam now.\n\nKind regards,\nIngrid Solheim\nHead of Purchasing"
)


def found(text: str) -> list[tuple[str, str]]:
    return [(each.entity, text[each.start : each.end]) for each in NAMES.find(text)]


@pytest.mark.parametrize(
    ("text", "entity", "name"),
    [
        (MAIL, "PERSON", "Thorvaldsen"), (MAIL, "PERSON", "Olumide Adeyemi-Brandt"), (MAIL, "PERSON", "Ingrid Solheim"),
        (MAIL, "ORGANIZATION", "Kestrel Robotics GmbH"), (MAIL, "LOCATION", "Rotterdam"),
        ("My name is Zbigniew Wójcik and I need help.", "PERSON", "Zbigniew Wójcik"),
        ("Name: Nguyen Thi Lan\nPhone: 123", "PERSON", "Nguyen Thi Lan"),
        ("Sehr geehrter Herr Kowalczyk,", "PERSON", "Kowalczyk"),
        ("Je m'appelle Aurélie Fontaine et j'habite à Nantes.", "PERSON", "Aurélie Fontaine"),
        ("{\"reporter\": \"Priya Raghunathan\", \"status\": \"open\"}", "PERSON", "Priya Raghunathan"),
        ("The parcel went to 14 Alder Street by mistake.", "ADDRESS", "14 Alder Street"),
        ("Patient: Mrs. Adwoa Mensah\nWard: 4", "PERSON", "Adwoa Mensah"),
    ],
)  # fmt: skip
def test_name_is_found_at_its_place(text: str, entity: str, name: str) -> None:
    assert (entity, name) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\n\n", "12345 678", "()[]{}", "\U0001f600\U0001f680",
        "Please read the safety instructions before you start the machine.",
        "Total Net Amount\nValue Added Tax", "Opening hours: Monday to Friday, 9:00 to 17:00",
        "# Installation\n\nRun the installer and restart the computer.",
        "Der Vertrag endet am Montag. Die Rechnung liegt bei.",
        "total = sum(values) / len(values)\nreturn total",
    ],
)  # fmt: skip
def test_ordinary_text_holds_no_name(text: str) -> None:
    assert found(text) == []


def test_findings_say_how_sure_they_are_and_who_says_so() -> None:
    findings = NAMES.find(MAIL)
    assert findings
    assert all(0.7 <= each.score <= 1 and each.detector == "names" for each in findings)


def test_name_is_the_same_wherever_a_block_begins() -> None:
    for padding in (0, 1, 7, BLOCK_CHARACTERS - 40, BLOCK_CHARACTERS, 3 * BLOCK_CHARACTERS + 11):
        text = "x" * padding + "\n\nMy name is Zbigniew Wójcik."
        assert ("PERSON", "Zbigniew Wójcik") in found(text)


PIECES = st.sampled_from(
    ["Anna", "de", "O'Brien", "Müller-Lüdenscheidt", "Paris", "Ltd.", "J.", "\u200d", "\U0001f469", "李", "さくら",
     "محمد", "Иван", " ", " ", "\n", "\t", ",", "-", "\u2019", "123", "\ud800", "\x00", "\uffff", "ß", "İ", "ﬁ"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_findings_lie_in_the_text_in_order_without_overlap(text: str) -> None:
    findings = NAMES.find(text)
    for each, following in itertools.pairwise(findings):
        assert each.end <= following.start
    assert all(0 <= each.start < each.end <= len(text) for each in findings)
    assert not any("\n" in text[each.start : each.end].strip() for each in findings if each.entity == "PERSON")


@given(st.text(max_size=200))
def test_tokens_are_the_text_without_its_spaces(text: str) -> None:
    if text:
        tokens = tokenise(text, NETWORK.alphabet, NETWORK.lexicon)
        covered = "".join(text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True))
        assert covered == "".join(each for each in text if NETWORK.alphabet.classes[min(ord(each), 0xFFFF)] != 0)


@given(st.text(st.characters(categories=("L",), max_codepoint=0xFFFE), min_size=1, max_size=12))
def test_word_has_one_hash_wherever_it_stands(word: str) -> None:
    alone = hash_word(word, NETWORK.alphabet)
    text = f"17 %, {word} ..."
    tokens = tokenise(text, NETWORK.alphabet, NETWORK.lexicon)
    if word in [text[start:end] for start, end in zip(tokens.starts, tokens.ends, strict=True)]:
        assert alone in tokens.words.tolist()


@pytest.mark.parametrize("unit", ["A", "Ab ", "\U0001f600", "aB", "A\u0301", "\n", "-", "Anna Berg "])
def test_a_megabyte_of_one_thing_is_settled_block_by_block(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    parts = list(blocks(text))
    assert [start for start, _ in parts[1:]] == [end for _, end in parts[:-1]]
    assert max(end - start for start, end in parts) <= BLOCK_CHARACTERS < BLOCK_CHARACTERS_MAX
    assert isinstance(NAMES.find(text), list)


def test_many_threads_see_what_one_sees() -> None:
    texts = [f"Item {number}: {MAIL}" for number in range(24)]
    alone = [NAMES.find(text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(NAMES.find, texts)) == alone


def test_detector_gives_names_only_between_what_patterns_found() -> None:
    text = "Write to Ingrid Solheim <ingrid.solheim@example.com> in Rotterdam."
    entities = [(each.entity, text[each.start : each.end]) for each in Detector().find(text)]
    assert ("EMAIL", "ingrid.solheim@example.com") in entities
    assert ("PERSON", "Ingrid Solheim") in entities
    assert [each.detector for each in Detector(names=False).find(text)] == ["patterns"]


def test_changed_or_missing_model_is_refused() -> None:
    content = models.content_of("names.npz")
    with pytest.raises(Integrity, match="not the one"):
        models.arrays(content[:-1] + b"x", models.NAMES_SHA256, name="names.npz", bytes_max=len(content))
    with pytest.raises(Integrity, match="not the one"):
        models.arrays(content, models.NAMES_SHA256, name="names.npz", bytes_max=len(content) - 1)
    with pytest.raises(Integrity, match="missing"):
        models.content_of("absent.npz")


def test_packing_keeps_the_model() -> None:
    packed = pack(NETWORK)
    again = pack(unpack(packed))
    assert packed.keys() == again.keys()
    assert all(np.abs(packed[name].astype(np.float64) - again[name]).max() <= 1 for name in packed)
