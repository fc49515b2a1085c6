"""The trail: whoever alters the record breaks it at that place."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.trail import GENESIS, TrailEntry, canonical, digest, first_break, link, sealed, words_in

WORDS = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6)


def chain(length: int = 5) -> list[TrailEntry]:
    """Write a chain of so many decisions."""
    entries: list[TrailEntry] = []
    for number in range(1, length + 1):
        entries.append(link(TrailEntry(
            tenant="shop", sequence=number, at=f"2026-03-0{number}T12:00:00+00:00", actor="ann", subject="R1", action="case",
            detail={"to": "planned", "net": Decimal("10.50")}, previous=entries[-1].hash if entries else GENESIS)))
    return entries


def test_an_honest_chain_holds() -> None:
    assert first_break(chain()) is None
    assert first_break([]) is None


@pytest.mark.parametrize("field", ["tenant", "at", "actor", "subject", "action", "detail", "previous", "hash", "sequence"])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_an_edit_is_found_where_it_was_made(field: str, place: int) -> None:
    entries = chain()
    other: Any = 99 if field == "sequence" else {"net": Decimal("10.51")} if field == "detail" else "f" * 64

    entries[place] = replace(entries[place], **{field: other})

    assert first_break(entries) is entries[place]


def test_an_edit_with_a_hash_that_fits_breaks_at_the_next_entry() -> None:
    entries = chain()

    entries[2] = link(replace(entries[2], actor="nobody"))

    assert first_break(entries) is entries[3]


@given(st.permutations(range(5)))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_any_other_order_breaks(order: Sequence[int]) -> None:
    entries = chain()

    shuffled = [entries[at] for at in order]

    assert (first_break(shuffled) is None) == (list(order) == sorted(order))


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_a_deletion_breaks(gone: int) -> None:
    entries = chain()

    left = [entry for at, entry in enumerate(entries) if at != gone]

    assert first_break(left) is left[gone]


def test_an_insertion_and_a_repetition_break() -> None:
    entries = chain()
    forged = link(replace(entries[1], sequence=3, action="forged", previous=entries[1].hash))

    assert first_break([*entries[:2], forged, *entries[2:]]) is entries[2]
    assert first_break([*entries[:2], *entries[1:]]) is entries[1]


def test_a_number_left_out_breaks_even_if_every_hash_fits() -> None:
    entries = chain(2)

    skipped = link(replace(entries[1], sequence=3))

    assert first_break([entries[0], skipped]) is skipped


def test_a_chain_that_starts_in_the_middle_breaks_at_once() -> None:
    entries = chain()

    assert first_break(entries[2:]) is entries[2]


def test_an_end_cut_off_is_not_seen_here_so_the_head_is_anchored_outside() -> None:
    entries = chain()

    assert first_break(entries[:3]) is None


@given(st.dictionaries(WORDS, VALUES, max_size=4))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_an_entry_read_back_from_its_stored_text_still_verifies(detail: dict[str, Any]) -> None:
    written = link(TrailEntry(tenant="shop", sequence=1, at="", actor="", subject="", action="", detail=detail, previous=GENESIS))

    read = replace(written, detail=json.loads(canonical(detail)))

    assert link(read).hash == written.hash


@dataclass(frozen=True)
class Thing:
    when: datetime


class Colour(Enum):
    RED = "red"


def test_every_value_has_one_canonical_form() -> None:
    value = {"b": Thing(when=datetime(2026, 3, 1, tzinfo=UTC)), "a": [date(2026, 3, 1), Colour.RED, frozenset({"y", "x"}), {"z"},
                                                                     MappingProxyType({"k": Decimal("1.50")})]}

    text = canonical(value).decode()

    assert text == '{"a":["2026-03-01","red",["x","y"],["z"],{"k":"1.5"}],"b":{"when":"2026-03-01T00:00:00+00:00"}}'


@pytest.mark.parametrize(("number", "text"), [
    ("1.50", "1.5"), ("100", "100"), ("1E+3", "1000"), ("-0.00", "0"), ("0E+5", "0"), ("-2.10", "-2.1"),
    ("12345678901234567890123456789.5", "12345678901234567890123456789.5"),
])
def test_equal_numbers_are_written_alike_and_exactly(number: str, text: str) -> None:
    assert canonical(Decimal(number)) == f'"{text}"'.encode()


def test_a_value_without_a_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form for object"):
        digest({"thing": object()})
    with pytest.raises(TypeError, match="no canonical form for type"):
        digest(Thing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    sku: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    sku: str
    reason: str = ""
    parcel: str = ""
    marks: tuple[str, ...] = field(default_factory=tuple)


def test_a_field_that_a_later_version_adds_changes_no_hash_that_was_kept() -> None:
    assert digest(Before(sku="TEA", reason="late")) == digest(After(sku="TEA", reason="late"))

    assert digest(After(sku="TEA")) != digest(After(sku="TEA", parcel="P1"))
    assert digest(After(sku="TEA")) != digest(After(sku="TEA", marks=("a",)))
    assert digest(Before(sku="TEA")) != digest(Before(sku="CUP"))


def test_a_word_that_is_kept_beside_the_chain_can_be_erased_and_not_changed() -> None:
    said = link(TrailEntry(tenant="acme", sequence=1, at="2026-03-02", actor="ann", subject="R1", action="exception.close",
                           detail={"reason": "Jane rang", "exception": 7}, previous=GENESIS, seals={"reason": "salt"}))
    erased, forged = replace(said, detail=sealed(said), seals={}), replace(said, detail={"reason": "nobody rang", "exception": 7})

    assert first_break([said]) is None
    assert first_break([erased]) is None
    assert "Jane" not in repr(erased)
    assert first_break([forged]) == forged


def test_what_people_say_is_kept_beside_the_chain_and_what_we_say_ourselves_is_not() -> None:
    detail = {"reason": "Jane rang", "note": 12, "before": "15834", "resolution": "", "from": "open"}

    assert words_in(detail, ours=False) == ("before", "reason")
    assert words_in(detail, ours=True) == ("before",)
