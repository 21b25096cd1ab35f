"""Addresses come whole, postcodes beside places are found, and numbers that belong to nothing are left alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staithe.sanitization.detect import Detector, Finding
from staithe.sanitization.detect.places import assembled

DETECTOR = Detector(names=False)


def with_places(text: str, *places: str) -> list[tuple[str, str]]:
    """What is found when the model of names had found `places`."""
    found = [*DETECTOR.find(text)]
    found += [Finding("LOCATION", text.index(each), text.index(each) + len(each), 0.9, "names") for each in places]
    found.sort(key=lambda each: each.start)
    return [(each.entity, text[each.start : each.end]) for each in assembled(text, found)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Send it to 4500 12 Mill Street, Suite 9 today", "4500 12 Mill Street, Suite 9"),
        ("Anna Muster\n17 Harbour View Road\n Apt. 4\n", "17 Harbour View Road\n Apt. 4"),
        ("at 23100 Ilichova 23 Suite 274 in", "23100 Ilichova 23 Suite 274"),
        ("PSC 0413, Box 8144\nAPO AA 42323", "PSC 0413, Box 8144\nAPO AA 42323"),
        ("mieszka przy ul. Grochowa 80.", "ul. Grochowa 80"),
        ("meet at the corner of Mill Street and Harbour Road!", "the corner of Mill Street and Harbour Road"),
    ],
)
def test_an_address_is_found_whole(text: str, address: str) -> None:
    assert ("ADDRESS", address) in with_places(text)


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("12 Mill Street, Bath, 90210", "Bath", "90210"), ("in 1011 AB Amsterdam today", "Amsterdam", "1011 AB"),
        ("nach 20457 Hamburg", "Hamburg", "20457"), ("00-950 Warszawa", "Warszawa", "00-950"),
        ("Lisboa 1250-096 ", "Lisboa", "1250-096"), ("in Knivsta 741 30.", "Knivsta", "741 30"),
        ("Aalborg NO 9100", "Aalborg", "9100"),
    ],
)  # fmt: skip
def test_a_postcode_beside_a_place_is_found(text: str, place: str, code: str) -> None:
    assert ("POSTCODE", code) in with_places(text, place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("In Paris 2024 was warm", "Paris"), ("Berlin 5000 people came", "Berlin"), ("of 12345.50 Paris", "Paris"),
        ("Oslo 12345.50", "Oslo"), ("order 1-12345 Rome", "Rome"), ("Rome, 12345678", "Rome"), ("Kiel 4%", "Kiel"),
        ("Rome and 12345", "Rome"),
    ],
)  # fmt: skip
def test_a_number_beside_a_place_that_is_no_postcode_is_left_alone(text: str, place: str) -> None:
    assert "POSTCODE" not in [entity for entity, _ in with_places(text, place)]


@pytest.mark.parametrize("text", ["We rented Suite 12 there", "please visit suite 12", "Room 9, 14 flat screens"])
def test_what_stands_before_a_flat_without_a_house_number_is_no_street(text: str) -> None:
    assert all(value.lower().startswith("suite") for entity, value in with_places(text) if entity == "ADDRESS")


PIECES = st.sampled_from(
    [
        "12",
        " ",
        "\n",
        ", ",
        "Mill Street",
        "Suite 9",
        "Bath",
        "90210",
        "1011 AB",
        "ul. Grochowa 80",
        "Box",
        "> ",
        "Anna",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join), st.data())
def test_what_was_found_stays_covered_and_nothing_overlaps(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    kinds = st.sampled_from(["ADDRESS", "LOCATION", "CARD"])
    findings = [Finding(data.draw(kinds), start, end) for start, end in list(pairwise(cuts))[::2]]
    made = assembled(text, findings)
    assert all(each.end <= following.start for each, following in pairwise(made))
    assert all(0 <= each.start < each.end <= len(text) for each in made)
    covered = {place for each in made for place in range(each.start, each.end)}
    assert {place for each in findings for place in range(each.start, each.end)} <= covered
    assert [each for each in made if each.entity == "CARD"] == [each for each in findings if each.entity == "CARD"]
