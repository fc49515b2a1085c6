"""Is a parcel that somebody registers by hand a blind return like any other, once, and the same whenever it is read again?"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.application.test_casework import ENTITY, NOON, RULES

from backhaul.adapters.sql import SqlStore, lists
from backhaul.application import hand_in, receive
from backhaul.application.hand_in import ByHand, register
from backhaul.application.ports import Unusable
from backhaul.application.process import process
from backhaul.domain.access import Scope
from backhaul.domain.delivery import BY_HAND, Delivery
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.parcel import Item, NotAParcel, Parcel
from backhaul.domain.returns import fold
from backhaul.testing import builders

MUG = Item(sku="MUG", units=2, condition="A", disposition="RESELL", accepted=True, reason=builders.REASON)
PARCEL = Parcel(retailer=next(iter(ENTITY.retailers)), warehouse=builders.WAREHOUSE, currency="GBP", items=(MUG,), came_on=NOON.date(),
                parcel="1Z99", label="J. Doe", note="no slip", evidence="shelf 4", actor="person 7")
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def turn(store: SqlStore) -> None:
    """Read and judge, as the worker does at every turn."""
    receive.digest(store, ByHand(), RULES, now=NOON)
    process(store, RULES, {ENTITY.id: builders.ROUTE}, NOON)


def kept(store: SqlStore) -> list[tuple[str, str, bool]]:
    with store.begin() as tx:
        return [(each.source, each.channel, b"no slip" in each.body) for each in tx.kept("acme")]


@on_sqlite
def test_a_parcel_is_kept_as_a_message_is_and_raises_the_exception_that_a_platforms_event_would(store: SqlStore) -> None:
    ref = register(store, RULES, PARCEL, "key", now=NOON)
    turn(store)

    with store.begin() as tx:
        row, = tx.exceptions("acme")
        case = fold(ref, tx.facts("acme", [ref])[ref])
        said = [(entry.action, entry.actor, entry.detail["items"]) for entry in tx.trail("acme") if entry.subject == ref
                and entry.action == "parcel.registered"]
    with store.read() as connection:
        found = lists.search(connection, lists.reach(connection, Scope.whole("acme")), "1Z99", limit=5)
    assert (row.case.kind, row.case.owner, row.case.return_ref) == ("BLIND", KINDS["BLIND"].owner, ref)
    assert [(line.sku, line.stray, line.accepted) for line in case.lines] == [("MUG", 2, 2)]
    assert kept(store) == [(BY_HAND, "by-hand", True)]
    assert said == [("parcel.registered", "person 7", ["2 x MUG A/RESELL"])]
    assert [case.ref for _, case in found] == [ref]


@on_sqlite
def test_a_parcel_that_is_typed_twice_is_registered_once_and_one_that_says_something_else_not_under_the_same_key(store: SqlStore) -> None:
    ref = register(store, RULES, PARCEL, "key", now=NOON)

    again = register(store, RULES, PARCEL, "key", now=NOON + timedelta(seconds=1), known=[ref])
    with pytest.raises(NeedsOperator, match="under this key before, otherwise"):
        register(store, RULES, replace(PARCEL, note="another"), "key", now=NOON)
    other = register(store, RULES, replace(PARCEL, actor="person 8"), "key", now=NOON)
    turn(store)

    with store.begin() as tx:
        assert sorted(row.case.return_ref for row in tx.exceptions("acme")) == sorted([ref, other])
        assert [entry.subject for entry in tx.trail("acme") if entry.action == "parcel.registered"] == [ref, other]
    assert again == ref != other
    assert hand_in.key_of(PARCEL) == hand_in.key_of(replace(PARCEL)) != hand_in.key_of(replace(PARCEL, note=""))


@on_sqlite
def test_a_number_that_a_return_names_already_is_asked_about(store: SqlStore) -> None:
    with pytest.raises(NotAParcel, match="belongs to return R1") as refused:
        register(store, RULES, PARCEL, "key", now=NOON, known=["R1"])
    nothing = kept(store)

    register(store, RULES, PARCEL, "key", now=NOON, known=["R1"], another=True)
    turn(store)

    assert ([*refused.value.fields], nothing) == (["parcel"], [])
    assert kept(store) == [(BY_HAND, "by-hand", True)]


@on_sqlite
def test_what_was_typed_says_the_same_when_it_is_read_again(store: SqlStore) -> None:
    ref = register(store, RULES, PARCEL, "key", now=NOON)
    turn(store)
    with store.begin() as tx:
        before = tx.facts("acme", [ref])[ref]
        tx.read_again("acme", "ann", [each.id for each in tx.kept("acme")])
    turn(store)

    with store.begin() as tx:
        assert tx.facts("acme", [ref])[ref] == before


@on_sqlite
def test_the_platform_is_not_asked_for_what_it_never_knew(store: SqlStore) -> None:
    ref = register(store, RULES, PARCEL, "key", now=NOON)
    turn(store)

    with store.begin() as tx:
        told = (NOON - timedelta(days=1), NOON + timedelta(days=1))
        assert (set(tx.heard("acme", *told)), ref in tx.moved("acme", *told)) == (set(), True)


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"items": [{"sku": "MUG"}]}', b'{"items": [], "came_on": "2026-03-02"}'])
def test_what_is_no_parcel_is_set_aside(body: bytes) -> None:
    with pytest.raises(Unusable, match="no parcel that was registered by hand"):
        ByHand().facts(Delivery(tenant="acme", source=BY_HAND, identity="x", body=body, received_at=NOON))
