"""The environment changes beneath us: nothing more is sent until it is mended or two persons accepted it, and nothing is lost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import approvals, drift
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import Capabilities, PostingState
from backhaul.bootstrap import examine
from backhaul.domain.contract import Contract, Trait
from backhaul.domain.errors import NeedsOperator, RetryLater
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.rules import Close, Window
from backhaul.domain.trail import first_break
from backhaul.entrypoints import worker
from backhaul.testing.builders import NOON, ROUTE, entity, rules
from tests.journeys.stage import TENANT, World, life, line, open_world
from tests.stores import open_store

SUBJECT = "contract:gb01"
PRICE = "ReturnOrderLinesV2.SalesPrice"
DAILY = Window(close=Close.DAILY)


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'drift.sqlite'}", window=DAILY)
    yield world
    world.house.close()


def tea(world: World, ref: str) -> None:
    world.tell(*life(ref, [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at))


def done(world: World) -> list[str]:
    """Name what the trail says of the contract."""
    with world.house.store.begin() as tx:
        return [entry.action for entry in tx.trail(TENANT, subject=SUBJECT) if entry.action.startswith("contract.")]


def states(world: World) -> set[PostingState]:
    return {row.state for row in world.postings()}


def drifted(world: World, gone: str = "", changed: dict[str, Any] | None = None) -> None:
    """Let an update of the environment change what its metadata tells; nothing named repairs it."""
    world.control("metadata", {"gone": [gone] if gone else [], "changed": changed or {}})


def test_the_contract_is_recorded_once_and_an_environment_that_stands_still_is_compared_in_silence(daily: World) -> None:
    tea(daily, "R-1")

    daily.pass_days(3)

    assert done(daily) == ["contract.recorded"]
    assert daily.exceptions() == {}


def test_a_change_at_noon_stops_sending_within_a_day_and_after_repair_the_same_postings_go_out_once(daily: World) -> None:
    tea(daily, "R-1")
    daily.pass_days(4)
    before = daily.ledgers["creditNotes"]
    tea(daily, "R-2")
    drifted(daily, changed={PRICE: {"AllowEdit": False}})

    daily.pass_days(2)
    held = daily.ledgers["creditNotes"], daily.exceptions()
    wanted = {str(row.posting.key) for row in daily.postings() if row.posting.key.return_ref == "R-2"}
    drifted(daily)
    daily.pass_days(4)

    assert len(before) == 1
    assert held[0] == before
    assert held[1] == {"CONTRACT_DRIFT": 1}
    assert wanted == {str(row.posting.key) for row in daily.postings() if row.posting.key.return_ref == "R-2"}
    assert len(daily.credits) == 2
    assert daily.exceptions() == {}
    assert done(daily) == ["contract.recorded", "contract.drifted", "contract.restored"]


def test_the_exception_names_exactly_what_differs_and_integration_owns_it(daily: World) -> None:
    daily.pass_days()
    drifted(daily, gone="ReturnStatusLine.Registered", changed={PRICE: {"TypeName": "Edm.String"}})

    daily.pass_days(1)

    (row,) = daily.open()
    assert (row.case.kind, row.case.owner, row.case.severity.value) == ("CONTRACT_DRIFT", "integration", "stop")
    assert row.case.return_ref == SUBJECT
    assert f"{PRICE}: type was Edm.Decimal, is Edm.String" in row.case.findings[0].sentence
    assert "enumeration ReturnStatusLine lost its member Registered" in row.case.findings[0].sentence


def test_what_is_new_and_what_nobody_uses_is_a_note_of_the_doctor_and_stops_nothing(daily: World) -> None:
    tea(daily, "R-1")
    daily.pass_days()
    drifted(daily, gone="ReturnOrderLinesV2.ReturnAddressCity")

    daily.pass_days(4)
    told = examine(daily.house.profiles[TENANT], "gb01", daily.house.store, daily.at)

    assert len(daily.credits) == 1
    assert daily.exceptions() == {}
    assert "contract: ReturnOrderLinesV2.ReturnAddressCity is gone" in told["notes"]
    assert told["drift"] == []


def test_two_persons_accept_a_new_contract_and_what_waited_goes_out_once(daily: World) -> None:
    daily.pass_days()
    tea(daily, "R-1")
    drifted(daily, gone="ReturnStatusLine.Quarantine")
    daily.pass_days()
    rules = daily.house.profiles[TENANT].rules
    offer = worker.offer_contract(daily.house, TENANT, "gb01", daily.at)
    asked = approvals.propose(daily.house.store, EFFECTS, rules, ProposalKind.CONTRACT, offer, proposer="ann",
                              reason="the update of 3 December drops a member nobody uses", now=daily.at)

    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        approvals.approve(daily.house.store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="Ann", now=daily.at)
    stopped = daily.exceptions(), daily.ledgers["creditNotes"]
    approvals.approve(daily.house.store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="bob", now=daily.at)
    daily.pass_days(4)

    assert stopped == ({"CONTRACT_DRIFT": 1}, [])
    assert len(daily.credits) == 1
    assert daily.exceptions() == {}
    assert done(daily) == ["contract.recorded", "contract.drifted", "contract.accepted"]


def test_nobody_can_accept_an_environment_that_lacks_what_the_mode_needs(daily: World) -> None:
    daily.pass_days()
    drifted(daily, gone=PRICE)
    daily.pass_days()

    with pytest.raises(NeedsOperator, match=f"{PRICE} cannot be written|{PRICE}"):
        worker.offer_contract(daily.house, TENANT, "gb01", daily.at)

    assert daily.exceptions() == {"CONTRACT_DRIFT": 1}


def test_a_restart_into_a_changed_environment_still_takes_in_and_looks_and_sends_nothing(daily: World) -> None:
    daily.pass_days()
    drifted(daily, gone="InventTransType.Sales")
    again = open_world(daily.erp, str(daily.house.settings.database_url), window=DAILY)
    again.house.capabilities = {}
    again.at = daily.at
    tea(again, "R-1")

    again.pass_days()
    waiting = states(again), again.exceptions(), again.ledgers["creditNotes"]
    drifted(again)
    again.pass_days(4)

    assert waiting == ({PostingState.PLANNED}, {"CONTRACT_DRIFT": 1}, [])
    assert len(again.credits) == 1
    assert again.exceptions() == {}
    again.house.close()


def test_metadata_that_cannot_be_read_is_never_taken_for_unchanged(daily: World) -> None:
    daily.pass_days()
    tea(daily, "R-1")
    daily.arm("error-before", status=503, path="^/metadata/", times=1000)

    with pytest.raises(RetryLater):
        daily.pass_days()
    silent = daily.ledgers["creditNotes"], states(daily)

    assert silent == ([], {PostingState.PLANNED})
    assert done(daily) == ["contract.recorded"]


class Showing:
    """An ERP that can only be asked what it shows."""

    def __init__(self, editable: bool) -> None:  # noqa: FBT001  the one thing it shows
        self.editable = editable

    def capabilities(self) -> Capabilities:
        contract = Contract(sets={"Lines": {"Price": Trait(type="Edm.Decimal", editable=self.editable)}}, enums={},
                            used=frozenset({"Lines", "Lines.Price"}))
        return Capabilities(erp="told", deployment="A", route=ROUTE, contract=contract)


def test_a_set_that_is_asked_about_later_is_recorded_from_then_on(tmp_path: Path) -> None:
    store, erp, gb = open_store(f"sqlite:///{tmp_path / 'later.sqlite'}"), Showing(editable=True), entity()
    asked: Any = erp
    first = erp.capabilities()
    drift.stops(store, asked, rules(), gb, NOON, probed=first)
    heads = Contract(sets={**first.contract.sets, "Heads": {}}, enums={}, used=first.contract.used | {"Heads"})  # type: ignore[union-attr]

    joined = drift.stops(store, asked, rules(), gb, NOON, probed=replace(first, contract=heads))
    gone = drift.stops(store, asked, rules(), gb, NOON, probed=replace(first, contract=replace(heads, sets=first.contract.sets)))  # type: ignore[union-attr]
    store.close()

    assert (joined, gone) == ((), ("entity set Heads is gone",))


def test_either_database_keeps_the_contract_its_drift_and_its_acceptance(store: SqlStore) -> None:
    ours, gb, erp = rules(), entity(), Showing(editable=True)
    asked: Any = erp
    drift.stops(store, asked, ours, gb, NOON, probed=erp.capabilities())
    erp.editable = False

    early = drift.stops(store, asked, ours, gb, NOON + timedelta(hours=23))
    late = drift.stops(store, asked, ours, gb, NOON + timedelta(days=1))
    ours = replace(ours, entities=(gb,))
    offer = drift.offer(store, asked, ours, gb)
    said = approvals.propose(store, EFFECTS, ours, ProposalKind.CONTRACT, offer, proposer="ann", reason="agreed with the vendor", now=NOON)
    erp.editable = True
    drift.offer(store, asked, ours, gb)
    with pytest.raises(NeedsOperator, match="looked at once more since"):
        approvals.approve(store, EFFECTS, ours, said.id, shown=said.sha256, approver="bob", now=NOON)
    erp.editable = False
    drift.offer(store, asked, ours, gb)
    approvals.approve(store, EFFECTS, ours, said.id, shown=said.sha256, approver="bob", now=NOON + timedelta(days=1))
    after = drift.stops(store, asked, ours, gb, NOON + timedelta(days=3))

    assert (early, late, after) == ((), ("Lines.Price: AllowEdit was yes, is no",), ())
    with store.begin() as tx:
        (closed,) = tx.exceptions(ours.tenant, open_only=False)
        entries = list(tx.trail(ours.tenant, subject=closed.case.return_ref))
        assert first_break(tx.trail(ours.tenant)) is None
    assert (closed.resolution, closed.actor) == ("agreed with the vendor", "ann")
    told = [entry for entry in entries if entry.action.startswith("contract.")]
    assert [entry.action for entry in told] == ["contract.recorded", "contract.drifted", "contract.accepted"]
    assert (told[-1].detail["approver"], told[-1].detail["before"]) == ("bob", told[0].detail["sha256"])
