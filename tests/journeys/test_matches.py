"""Somebody credits a line by hand: people say so, the proof believes them as long as the record stands, and we never credit it again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import approvals
from backhaul.application.effects import EFFECTS
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.posting import PostingBatch
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world
from tests.journeys.test_proof_of_a_period import LEDGER, NOTE_LINES, NOTES, change, lived, one, proved

D = Decimal
LINE = "C900010|POT#1"
BOOKED = {"SalesReturn", "Tax", "CustBalance"}
"""What a credit note without goods books."""


@pytest.fixture(params=["sqlite", "postgresql"])
def waiting(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a December in which two more pots may be kept and wait for the evening."""
    url = f"sqlite:///{tmp_path / 'backhaul.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("migrated_postgres_url")
    world = lived(open_world(erp, url, window=DAILY), tmp_path)
    world.tell(*life("C900010", [line("POT", 2, "12.50", order="500002", grades=[("NONE", "KEEP", 2, True)])], at=world.at))
    world.later()
    yield world
    world.house.close()


@pytest.fixture
def world(waiting: World) -> World:
    """Give the same December, in which somebody credited them by hand meanwhile."""
    by_hand(waiting)
    return waiting


def by_hand(world: World, **columns: Any) -> None:
    """Post a credit note like that of one pot, for two, with its entries in the ledger, without anything of ours in it, as of now."""
    pot = one(world, NOTE_LINES, ProductNumber="POT", InvoicedQuantity=-1, InvoiceNumber=first(world))
    note = one(world, NOTES, InvoiceNumber=pot["InvoiceNumber"])
    told = {"InvoiceNumber": "CN-HAND", "LedgerVoucher": "V-HAND", "InvoiceDate": world.at.isoformat()}
    change(world, NOTES, note, **told, SalesOrderNumber="", CustomersOrderReference="")
    change(world, NOTE_LINES, pot, **told, **({name: 2 * pot[name] for name in ("InvoicedQuantity", "LineAmount", "LineTotalTaxAmount")}
                                              | columns))
    entries = [row for row in world.rows(LEDGER) if row["Voucher"] == pot["LedgerVoucher"] and row["PostingType"] in BOOKED]
    for number, entry in enumerate(sorted(entries, key=lambda row: str(row["PostingType"])), start=1):
        change(world, LEDGER, entry, GeneralJournalAccountEntryRecId=number, Voucher="V-HAND", JournalNumber="V-HAND",
               DocumentNumber="CN-HAND", Description="Paid out", AccountingDate=world.at.isoformat(),
               **{name: 2 * entry[name] for name in entry if name.endswith("Amount")})


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
    proof, found = proved(world)
    assert (proof.complete, proof.broken, proof.orphans, proof.proved, found) == (True, 0, 0, 6, [])
    assert suggested(world) == []


def test_a_match_falls_when_its_record_changes_and_says_so(world: World) -> None:
    agree(world, ask(world, ProposalKind.PAIR, suggested(world)[0]))
    by_hand(world, LineAmount=-24.00)

    proof, found = proved(world)

    assert not proof.complete
    assert any("match 1 of C900010|POT#1: CN-HAND is not in the books as ann and bob confirmed it" in said for said in proof.reasons)
    assert [each.kind for each in found if each.document == "CN-HAND"] == ["EXTRA_IN_ERP"]
    world.pass_evenings(2)
    assert {row.state.value for row in credits_of(world)} <= {"held", "planned"}, "the money may still have been paid"


class _Meanwhile:
    """An ERP that somebody else approves beside, while its answer is awaited."""

    def __init__(self, erp: Any, approve: Callable[[], Any]) -> None:
        self.erp, self.approve, self.told = erp, approve, list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.erp, name)

    def post(self, batch: PostingBatch) -> Any:
        """Have it approved in the middle of the request, and remember what was said."""
        if any(posting.key.return_ref == "C900010" for posting in batch.postings):
            with pytest.raises(NeedsOperator) as refused:
                self.approve()
            self.told.append(str(refused.value))
        return self.erp.post(batch)


def test_an_approval_that_comes_while_our_documents_are_on_their_way_is_refused_and_the_second_credit_is_shown(world: World) -> None:
    asked = ask(world, ProposalKind.PAIR, suggested(world)[0])
    desk = world.house.desk(TENANT, "gb01")
    meanwhile = _Meanwhile(desk.erp, lambda: agree(world, asked))
    world.house.adopt(replace(desk, erp=meanwhile))  # type: ignore[arg-type]  it is one but for its story
    world.pass_evenings(3)

    assert ("C900010|POT#1: our order-line is sending, of which the ERP makes a credit, so that another is a second credit "
            "(DUPLICATE_BY_HAND) and belongs to no line; have the credit by hand taken back") in meanwhile.told
    assert [row.state.value for row in credits_of(world)] == ["verified"]
    with pytest.raises(NeedsOperator, match=r"second credit \(DUPLICATE_BY_HAND\) and belongs to no line"):
        agree(world, asked)
    _, found = proved(world)
    assert [(each.kind, each.other) for each in found if each.document == "CN-HAND"] == [("DUPLICATE_BY_HAND", LINE)]


def test_a_credit_that_is_being_made_in_business_central_is_refused_by_its_own_sentence(central: World, tmp_path: Path) -> None:
    central.house.settings = replace(central.house.settings, state_dir=tmp_path)
    central.tell(*life("C900010", [line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "RESELL", 1, True)])], at=MORNING))
    content = {"rule": "one to one", "ambiguous": False, "evidence": "", "legal_entity": "gb01", "currency": "GBP", "net": "12.50",
               "records": {"x-1": "CM-HAND"}, "lines": [["C900010", "POT#1", "1", "12.50"]], "key": "k"}
    central.later(600)
    asked = ask(central, ProposalKind.PAIR, content)
    desk = central.house.desk(TENANT, "gb01")
    meanwhile = _Meanwhile(desk.erp, lambda: agree(central, asked))
    central.house.adopt(replace(desk, erp=meanwhile))  # type: ignore[arg-type]  it is one but for its story
    central.pass_evenings(3)

    assert [row.state.value for row in credits_of(central)] == ["verified"]
    assert any("is sending" in each for each in meanwhile.told)


def test_a_line_that_two_people_close_as_its_exception_says_stays_proved_until_its_match_is_revoked(world: World) -> None:
    agree(world, ask(world, ProposalKind.PAIR, suggested(world)[0]))
    world.pass_evenings(1)
    (work,) = [row for row in world.open() if row.case.return_ref == "C900010"]
    agree(world, ask(world, ProposalKind.CLOSE, {"exception": work.id}))
    world.pass_evenings(2)

    proof, found = proved(world)
    assert (proof.complete, proof.proved, found) == (True, 6, [])
    assert [row for row in world.open() if row.case.return_ref == "C900010"] == []

    agree(world, ask(world, ProposalKind.UNPAIR, {"match": 1}))
    world.pass_evenings(2)

    _, found = proved(world)
    assert (credits_of(world), [(each.kind, each.document) for each in found]) == ([], [("EXTRA_IN_ERP", "CN-HAND")])


def test_a_revoked_match_lets_the_line_be_credited_once(world: World) -> None:
    agree(world, ask(world, ProposalKind.PAIR, suggested(world)[0]))
    world.pass_evenings(1)

    agree(world, ask(world, ProposalKind.UNPAIR, {"match": 1}))
    world.pass_evenings(3)

    assert [row.state.value for row in credits_of(world)] == ["verified"]
    assert [units for item, units, _ in world.credits if item == "POT" and units == 2] == [2, 2], "by hand, and by us once"
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


def test_a_credit_of_the_next_month_is_brought_to_the_line_of_this_one_and_is_no_orphan_there(waiting: World) -> None:
    waiting.at += timedelta(days=31)
    by_hand(waiting)
    agree(waiting, ask(waiting, ProposalKind.PAIR, next(each for each in suggested(waiting) if each["lines"][0][0] == "C900010")))

    _, found = proved(waiting, "2011-01")

    assert not [each for each in found if each.document == "CN-HAND"]
