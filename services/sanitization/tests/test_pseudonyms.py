"""Stand-ins: exact round trip for the tenant they were made for, nothing for anybody else."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.files import write_secret
from staithe.sanitization.pseudonyms import PSEUDONYM, PseudonymKeys

KEYS = PseudonymKeys(b"k" * 32)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80)
ENTITIES = st.from_regex(r"[A-Z][A-Z0-9_]{1,20}", fullmatch=True)


def name_of(stand_in: str) -> tuple[str, str]:
    match = PSEUDONYM.fullmatch(stand_in)
    assert match is not None
    return match[1], match[2]


@given(ENTITIES, VALUES)
def test_reversible_pseudonym_opens_to_exactly_its_value(entity: str, value: str) -> None:
    stand_in = KEYS.reversible("harbour", entity, value)
    assert KEYS.reveal("harbour", *name_of(stand_in)) == value
    assert KEYS.reversible("harbour", entity, value) == stand_in


@given(VALUES)
def test_pseudonym_opens_for_no_other_tenant_entity_or_key(value: str) -> None:
    entity, name = name_of(KEYS.reversible("harbour", "PERSON", value))
    for keys, tenant, kind in (
        (KEYS, "millrace", entity), (KEYS, "harbour", "ORGANIZATION"), (PseudonymKeys(b"o" * 32), "harbour", entity),
    ):  # fmt: skip
        with pytest.raises(Integrity):
            keys.reveal(tenant, kind, name)


@given(VALUES, st.data())
def test_changed_pseudonym_opens_to_nothing(value: str, data: st.DataObject) -> None:
    entity, name = name_of(KEYS.reversible("harbour", "PERSON", value))
    place = data.draw(st.integers(0, len(name) - 1))
    other = data.draw(st.sampled_from([each for each in "abcdefghijklmnopqrstuvwxyz234567" if each != name[place]]))
    with pytest.raises(Integrity):
        KEYS.reveal("harbour", entity, name[:place] + other + name[place + 1 :])


@pytest.mark.parametrize("name", ["", "a", "1", "aaaaaaaa", "A" * 32, "a" * 32, "ä" * 32, "=" * 32])
def test_what_was_never_a_pseudonym_is_refused(name: str) -> None:
    with pytest.raises(Integrity):
        KEYS.reveal("harbour", "PERSON", name)


def test_tenants_and_entities_have_different_names_for_one_value() -> None:
    made = [
        make(tenant, entity, "Jane Doe")
        for make in (KEYS.reversible, KEYS.irreversible)
        for tenant in ("harbour", "millrace")
        for entity in ("PERSON", "ORGANIZATION")
    ]
    assert len(set(made)) == len(made)


def test_one_way_pseudonym_is_stable_and_looks_like_no_reversible_one() -> None:
    made = KEYS.irreversible("harbour", "PERSON", "Jane Doe")
    assert made == KEYS.irreversible("harbour", "PERSON", "Jane Doe")
    assert re.fullmatch(r"\[PERSON#[a-z2-7]{16}\]", made)
    assert not PSEUDONYM.search(made)
    assert not PSEUDONYM.search("[PERSON]")


@given(st.text(max_size=20), st.text(max_size=20))
def test_dates_of_a_document_move_by_one_number_of_days(tenant: str, document: str) -> None:
    days = KEYS.days(tenant, document)
    assert days == KEYS.days(tenant, document)
    assert 0 < abs(days) <= 182


def test_documents_move_by_different_numbers_of_days() -> None:
    assert len({KEYS.days("harbour", f"document-{number}") for number in range(100)}) > 50


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_malformed_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pseudonym.key"
    write_secret(path, content)
    with pytest.raises(ConfigurationError):
        PseudonymKeys.from_file(path)


def test_missing_or_open_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    with pytest.raises(ConfigurationError):
        PseudonymKeys.from_file(path)
    write_secret(path, b"k" * 32)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError):
        PseudonymKeys.from_file(path)
