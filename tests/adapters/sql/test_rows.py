"""Is what is read equal to what was written, whatever stands in it?"""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import PostingState
from backhaul.domain.disposition import Sellability
from backhaul.domain.facts import FACTS
from backhaul.domain.posting import DOCUMENTS, ErpDocument, OrderLine, Posting, PostingKey, PostingKind

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20) | st.sampled_from(
    ["", "'; DROP TABLE facts; --", '"', "\\", "%s", ":x", "{}", "ß→漢", "e\u0301", "|%7C", "\u2028", "null"])
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e20"), max_value=Decimal("1e20"))
TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
                     timezones=st.just(UTC) | st.builds(timezone, st.integers(-720, 720).map(lambda minutes: timedelta(minutes=minutes))))
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT, Decimal: DECIMALS, datetime: TIMES, date: st.dates(date(2000, 1, 1), date(2100, 1, 1)), bool: st.booleans(),
    int: st.integers(0, 2**31 - 1), type(None): st.none()}

SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
NUMBERS = count(1)
NOTHING_ON_SALE = Sellability(places=frozenset(), dispositions=frozenset(), conditions=frozenset())


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Give every value a field of this type can hold."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of([anything(each) for each in arguments])
    if origin is tuple:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple) if ... in arguments else st.tuples(*map(anything, arguments))
    if origin in {dict, Mapping}:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert is_dataclass(kind), kind
    hints = typing.get_type_hints(kind)
    values = {each.name: anything(hints[each.name]) for each in fields(kind)}
    if "approver" in values:  # the database refuses one person for both
        values |= {name: values[name].map(lambda told, name=name: told if told is None else f"{name} {told}")
                   for name in ("actor", "approver")}
    return st.builds(kind, **values)


@pytest.mark.parametrize("kind", FACTS)
@SLOW
@given(data=st.data())
def test_a_fact_is_read_as_it_was_written(store: SqlStore, kind: str, data: st.DataObject) -> None:
    fact = data.draw(anything(FACTS[kind]))
    tenant = f"tenant-{next(NUMBERS)}"

    with store.begin() as tx:
        assert tx.add_facts(tenant, [fact]) == 1

    with store.begin() as tx:
        (again,) = tx.facts(tenant, [fact.return_ref])[fact.return_ref]
    assert again == fact
    assert again.identity == fact.identity


@pytest.mark.parametrize("kind", list(PostingKind))
@SLOW
@given(data=st.data())
def test_a_posting_is_read_as_it_was_written(store: SqlStore, kind: PostingKind, data: st.DataObject) -> None:
    key = PostingKey(tenant=f"tenant-{next(NUMBERS)}", legal_entity=data.draw(TEXT), return_ref=data.draw(TEXT),
                     subject=data.draw(TEXT), kind=kind)
    posting = Posting(key=key, document=data.draw(anything(DOCUMENTS[kind])), net=data.draw(DECIMALS), currency=data.draw(TEXT),
                      needs=tuple(data.draw(st.lists(anything(PostingKey), max_size=2))), accepted_at=data.draw(st.none() | TIMES))
    if isinstance(posting.document, OrderLine):  # what more than was sold comes to has tests of its own
        posting = replace(posting, document=replace(posting.document, lots=tuple(replace(lot, sold=None) for lot in posting.document.lots)))
    document, note = data.draw(anything(ErpDocument)), data.draw(TEXT)
    at = datetime(2011, 3, 1, tzinfo=UTC)

    with store.begin() as tx:
        tx.keep_sellable(key.tenant, "m1", NOTHING_ON_SALE)
        tx.fix(posting, mapping_version="m1", window="W1", at=at)
        tx.set_state(key, PostingState.AWAITED, document=document, note=note, at=at)

    with store.begin() as tx:
        kept = tx.postings(key.tenant, [key.return_ref])[key.return_ref][0]
    assert (kept.posting, kept.document, kept.note) == (posting, document, note)
    assert kept.posting.fingerprint == posting.fingerprint


def test_every_kind_of_document_is_known() -> None:
    assert set(DOCUMENTS) == set(PostingKind)
