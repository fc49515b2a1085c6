"""Somebody credits a line by hand: people say so, the proof believes them as long as the record stands, and we never credit it again."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import approvals
from backhaul.application.effects import EFFECTS
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import DAILY, TENANT, World, life, line, open_world
from tests.journeys.test_proof_of_a_period import NOTE_LINES, NOTES, change, lived, one, proved

D = Decimal
LINE = "C900010|POT#1"


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    """Give a December in which one more pot may be kept and waits for the evening, and somebody credited it by hand meanwhile."""
    world = lived(open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY), tmp_path)
    world.tell(*life("C900010", [line("POT", 1, "12.50", order="500002", grades=[("NONE", "KEEP", 1, True)])], at=world.at))
    world.later()
    by_hand(world)
    yield world
    world.house.close()


def by_hand(world: World, **columns: Any) -> None:
    """Post a credit note like another one, without anything of ours in it, as of now."""
    pot = one(world, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1, InvoiceNumber=first(world))
    note = one(world, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    told = {"InvoiceNumber": "CN-HAND", "LedgerVoucher": "V-HAND", "InvoiceDate": world.at.isoformat()}
    change(world, NOTES, note, **told, SalesOrderNumber="", CustomersOrderReference="")
    change(world, NOTE_LINES, pot, **told, **columns)


def first(world: World) -> str:
    return min(str(row["InvoiceNumber"]) for row in world.rows(NOTE_LINES)
               if row["ProductNumber"] == "POT" and row["InvoicedQuantity"] == -1 and row["InvoiceNumber"] != "CN-HAND")


def suggested(world: World, period: str = "2010-12") -> list[dict[str, Any]]:
    with prove_month(world.house, TENANT, period, world.at.date(), now=world.at), world.house.store.begin() as tx:
        return [dict(each) for each in tx.suggested(TENANT, period)]


def ask(world: World, kind: ProposalKind, content: dict[str, Any]) -> Proposal:
    return approvals.propose(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, kind, content, proposer="ann",
                             reason="the branch paid it out", now=world.at)


def agree(world: World, asked: Proposal, approver: str = "bob") -> Proposal:
    return approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, asked.id, shown=asked.sha256,
                             approver=approver, now=world.at + timedelta(minutes=1))


def credits_of(world: World) -> list[Any]:
    return [row for row in world.postings() if row.posting.key.return_ref == "C900010" and row.posting.key.kind.value == "credit-note"]


def test_a_credit_by_hand_that_two_people_confirm_is_the_lines_and_we_never_credit_it_again(world: World) -> None:
    (told,) = suggested(world)
    assert (told["rule"], told["ambiguous"], [ref for ref, *_ in told["lines"]]) == ("one to one", False, ["C900010"])

    agree(world, ask(world, ProposalKind.PAIR, told))
    world.pass_evenings(3)

    assert {row.state.value for row in credits_of(world)} <= {"held", "planned"}
    assert [row.case.kind for row in world.open() if row.case.return_ref == "C900010"] == ["CREDITED_BY_HAND"]
    _, found = proved(world)
    assert not [each for each in found if each.document == "CN-HAND" and not each.line], "the record is no orphan any more"
    assert {each.kind for each in found if each.line == LINE} <= {"LEDGER_MISSING"}
    assert suggested(world) == []


def test_a_match_falls_when_its_record_changes_and_says_so(world: World) -> None:
    agree(world, ask(world, ProposalKind.PAIR, suggested(world)[0]))
    by_hand(world, LineAmount=-11.00)

    proof, found = proved(world)

    assert not proof.complete
    assert any("match 1 of C900010|POT#1: CN-HAND is not in the books as ann and bob confirmed it" in said for said in proof.reasons)
    assert [each.kind for each in found if each.document == "CN-HAND"] == ["EXTRA_IN_ERP"]
    world.pass_evenings(2)
    assert {row.state.value for row in credits_of(world)} <= {"held", "planned"}, "the money may still have been paid"


def test_a_line_we_are_crediting_is_matched_with_no_other_credit_however_late_the_approval_comes(world: World) -> None:
    asked = ask(world, ProposalKind.PAIR, suggested(world)[0])
    world.pass_evenings(2)
    assert [row.state.value for row in credits_of(world)] == ["verified"]

    with pytest.raises(NeedsOperator, match=r"a credit of our own is verified, so that another is a second credit"):
        agree(world, asked)

    _, found = proved(world)
    assert ("DUPLICATE_BY_HAND", LINE) in {(each.kind, each.other) for each in found} or suggested(world) == []


def test_a_revoked_match_lets_the_line_be_credited_once(world: World) -> None:
    agree(world, ask(world, ProposalKind.PAIR, suggested(world)[0]))
    world.pass_evenings(1)

    agree(world, ask(world, ProposalKind.UNPAIR, {"match": 1}))
    world.pass_evenings(3)

    assert [row.state.value for row in credits_of(world)] == ["verified"]
    with world.house.store.begin() as tx:
        assert (list(tx.matches(TENANT)), [each.revoked_by for each in tx.matches(TENANT, standing=False)]) == ([], ["ann"])


def test_nobody_confirms_alone_and_nothing_is_matched_twice(world: World) -> None:
    told = suggested(world)[0]
    asked = ask(world, ProposalKind.PAIR, told)
    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        agree(world, asked, "Ann")

    agree(world, asked)

    with pytest.raises(NeedsOperator, match="match 1 stands already: credited by CN-HAND, confirmed by ann and bob"):
        ask(world, ProposalKind.PAIR, told)


def test_a_credit_of_the_next_month_is_brought_to_the_line_of_this_one_and_is_no_orphan_there(world: World) -> None:
    world.at += timedelta(days=31)
    by_hand(world)
    agree(world, ask(world, ProposalKind.PAIR, next(each for each in suggested(world) if each["lines"][0][0] == "C900010")))

    _, found = proved(world, "2011-01")

    assert not [each for each in found if each.document == "CN-HAND"]
