"""The warehouse changes its mind after goods were posted: documents stand, and what is made stands beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backhaul.application import approvals, resolve
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import PostingState
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator, RetryLater
from backhaul.domain.facts import Decision
from backhaul.domain.general_journal import Sort
from backhaul.domain.posting import PostingKind
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Close, TiedTo, Window
from backhaul.domain.valuation import Policy, valued
from backhaul.entrypoints import foreseeing, journaling, valuing
from backhaul.entrypoints.months import prove_month
from tests.journeys.stage import TENANT, World, life, line, message, open_world
from tests.journeys.test_journals import TIED
from tests.journeys.test_kinds_goods_parts import gained, money, stock

A, OUTLET, SCRAP = ("A", "RESELL"), ("B", "OUTLET"), ("D", "SCRAP")


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    world.change_rules(debit_item="SVC-MANUAL")
    yield world
    world.house.close()


def tea(*grades: tuple[tuple[str, str], int] | tuple[tuple[str, str], int, bool], units: int = 2) -> dict[str, Any]:
    return line("TEA", units, "4.25", received=units, grades=[(*how, count, not no) for how, count, *no in grades])


def credited(world: World, *grades: tuple[tuple[str, str], int]) -> dict[str, int]:
    """Let a return be received and credited as graded; give what stood where before."""
    before = stock(world)
    world.tell(*life("R-1", [tea(*grades)], at=world.at))
    world.pass_evenings(3, turns=2)
    return before


def regrade(world: World, told: dict[str, Any], number: int = 9) -> None:
    world.tell(message("R-1", "ReturnInspected", number, [told], at=world.at))


def debit(world: World, *, goods: str = "leave", approver: str = "ben") -> None:
    row = next(row for row in world.open() if row.case.kind == "REJECTED_AFTER_CREDIT")
    resolve.decide(world.house.store, TENANT, row.id, Decision.DEBIT, actor="ada", approver=approver, reason="worn", goods=goods,
                   now=world.at)


def invoices(world: World) -> list[tuple[str, Decimal, str]]:
    """Give what was invoiced to customers, as item, amount and text."""
    return [(row["ProductNumber"], Decimal(str(row["LineAmount"])), row["ProductDescription"])
            for row in world.rows("SalesInvoiceV2Lines") if row["LineAmount"] > 0 and row["ProductNumber"].startswith("SVC")]


# --- another grade ------------------------------------------------------------------------------------------------


def test_damaged_after_all_the_units_leave_the_shelf_the_credit_stands_and_finance_is_told_their_cost(daily: World) -> None:
    before = credited(daily, (A, 2))
    value = daily.ledgers["inventoryValue"]

    regrade(daily, tea((A, 1), (OUTLET, 1)))
    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {"TEA GB-DC-01 OUTLET": 1, "TEA GB-DC-01 SALE": 1}
    assert daily.ledgers["inventoryValue"] == value, "a transfer is net zero"
    assert money(daily) == [("TEA", 2, "8.50")]
    (told,) = daily.open()
    assert (told.case.kind, told.case.owner, told.case.holds) == ("REGRADED", "finance", False)
    assert told.case.money.amount > 0, "value at original cost"
    assert daily.state("R-1") == "settled"
    assert daily.ledgers["balanced"]


def write_downs(world: World, *, every: bool = False) -> list[Proposal]:
    with world.house.store.look() as tx:
        return list(tx.proposals(Scope.whole(TENANT), kinds={ProposalKind.WRITE_DOWN}, open_only=not every))


def priced(world: World) -> None:
    """Let accountants decide what units lose that go to the outlet or to scrap, and name the accounts of it."""
    world.change_rules(valuation=Policy(source="F-12", write_down={"outlet": Decimal("0.40")}),
                       accounts={"gb01": TiedTo(named={"write_down": "520300", "allowance": "149900"})})


def test_what_goods_lose_by_another_grade_is_proposed_by_itself_agreed_by_two_and_what_changed_is_made_anew(daily: World) -> None:
    priced(daily)
    credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (OUTLET, 1)))
    daily.turn()
    before = write_downs(daily)
    daily.pass_evenings(3, turns=2)
    (asked,) = write_downs(daily)
    daily.change_rules(valuation=Policy(source="F-13", write_down={"outlet": Decimal("0.50")}))
    daily.turn()
    (anew,) = write_downs(daily)
    store, rules = daily.house.store, daily.house.profiles[TENANT].rules
    cost = Decimal(str(anew.content["lines"][0]["cost"]))

    once = approvals.approve(store, EFFECTS, rules, anew.id, shown=anew.sha256, approver="fay", now=daily.at)
    with pytest.raises(NeedsOperator):
        approvals.approve(store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="ben", now=daily.at)
    done = approvals.approve(store, EFFECTS, rules, anew.id, shown=anew.sha256, approver="ben", now=daily.at)
    daily.pass_evenings(2, turns=2)

    assert before == [], "nothing is lost before the goods have moved"
    assert (asked.proposer, asked.needed, asked.content["debit"], asked.content["credit"]) == ("backhaul", 2, "520300", "149900")
    assert [(each["units"], each["before"], each["after"]) for each in asked.content["lines"]] == [("1", "sellable", "outlet")]
    assert asked.money.amount == -(cost * Decimal("0.40")).quantize(Decimal("0.01"))
    assert anew.money.amount == -(cost * Decimal("0.50")).quantize(Decimal("0.01"))
    assert [each.state.value for each in write_downs(daily, every=True)] == ["withdrawn", "approved"]
    assert (once.state.value, done.state.value, done.result) == (
        "open", "approved",
        f"a write-down of {anew.content['amount']} GBP in {anew.content['period']} is agreed; finance posts its journal")
    assert daily.exceptions() == {}
    assert money(daily) == [("TEA", 2, "8.50")], "the customer's credit stands"

    regrade(daily, tea((A, 1), (SCRAP, 1)), 10)
    daily.pass_evenings(3, turns=2)
    (further,) = write_downs(daily)
    assert [(each["before"], each["after"]) for each in further.content["lines"]] == [("outlet", "scrap")], "only what nobody agreed to yet"


def test_a_write_down_that_was_refused_is_not_proposed_again_and_nothing_is_where_nobody_decided_what_goods_lose(daily: World) -> None:
    credited(daily, (A, 2))
    regrade(daily, tea((OUTLET, 2)))
    daily.pass_evenings(3, turns=2)
    undecided = write_downs(daily)
    priced(daily)
    daily.turn()
    (asked,) = write_downs(daily)

    approvals.refuse(daily.house.store, EFFECTS, TENANT, asked.id, actor="ben", reason="sold at full price", now=daily.at)
    daily.pass_evenings(2, turns=2)

    assert undecided == []
    assert write_downs(daily) == []
    assert daily.exceptions() == {"REGRADED": 1}, "finance decides it by hand"


def test_what_finance_waived_is_closed_until_the_grade_changes_again(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((OUTLET, 2)))
    daily.pass_evenings(3, turns=2)
    resolve.decide(daily.house.store, TENANT, daily.open()[0].id, Decision.WAIVE, actor="ada", approver="ben", reason="written down",
                   now=daily.at)
    daily.pass_evenings(1, turns=2)
    waived = daily.exceptions()

    regrade(daily, tea((SCRAP, 2)), 10)
    daily.pass_evenings(3, turns=2)

    assert (waived, daily.exceptions()) == ({}, {"REGRADED": 1})
    assert gained(daily, before) == {"TEA GB-DC-01 SCRAP": 2}
    assert [row.posting.key.part for row in daily.postings() if row.posting.key.kind is PostingKind.TRANSFER] == [1, 2]
    assert money(daily) == [("TEA", 2, "8.50")]


def test_better_than_thought_goes_on_sale_only_as_the_mapping_says(daily: World) -> None:
    before = credited(daily, (OUTLET, 2))

    regrade(daily, tea((A, 1), (("A", "NOBODY"), 1)))
    daily.pass_evenings(3, turns=2)
    held = (gained(daily, before), daily.exceptions())
    regrade(daily, tea((A, 2)), 10)
    daily.pass_evenings(3, turns=2)

    assert held == ({"TEA GB-DC-01 OUTLET": 2}, {"GRADE_CHANGED_AFTER_POSTING": 1})
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert daily.exceptions() == {"REGRADED": 1}


def test_another_grade_before_anything_was_prepared_only_changes_the_plan(daily: World) -> None:
    before = stock(daily)
    daily.tell(*life("R-1", [tea((A, 2))], at=daily.at))
    daily.turn()
    regrade(daily, tea((OUTLET, 2)))

    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {"TEA GB-DC-01 OUTLET": 2}
    assert daily.exceptions() == {}
    assert not [row for row in daily.postings() if row.posting.key.kind is PostingKind.TRANSFER]


def test_goods_the_erp_has_scrapped_cannot_come_back_by_a_transfer(daily: World) -> None:
    before = credited(daily, (SCRAP, 2))

    regrade(daily, tea((A, 2)))
    daily.pass_evenings(3, turns=2)

    assert daily.exceptions() == {"GRADE_CHANGED_AFTER_POSTING": 1}
    assert gained(daily, before) == {}
    assert money(daily) == [("TEA", 2, "8.50")]


def test_units_that_come_later_in_the_old_grade_are_received_and_credited_beside_the_moved_ones(daily: World) -> None:
    before = stock(daily)
    told = tea((A, 2), units=3) | {"quantityReceived": 2}
    daily.tell(*life("R-1", [told], at=daily.at)[:3])
    daily.pass_evenings(3, turns=2)
    regrade(daily, tea((OUTLET, 2), units=3) | {"quantityReceived": 2})
    daily.pass_evenings(3, turns=2)

    regrade(daily, tea((A, 1), (OUTLET, 2), units=3), 10)
    daily.pass_evenings(3, turns=2)

    assert gained(daily, before) == {"TEA GB-DC-01 OUTLET": 2, "TEA GB-DC-01 SALE": 1}
    assert money(daily) == [("TEA", 1, "4.25"), ("TEA", 2, "8.50")]


@pytest.mark.parametrize("fault", [{"kind": "answer-lost"}, {"kind": "late-commit"}, {"kind": "error-after", "status": 504},
                                   {"kind": "error-before", "status": 503}], ids=lambda fault: str(fault["kind"]))
def test_whatever_becomes_of_the_request_units_are_moved_once(daily: World, fault: dict[str, Any]) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((OUTLET, 2)))
    daily.control("faults", {**fault, "path": r"\$batch", "body": "InventoryTransferJournal", "times": 2})

    daily.pass_evenings(6, turns=3)

    assert gained(daily, before) == {"TEA GB-DC-01 OUTLET": 2}
    assert {row.state for row in daily.postings() if row.posting.key.kind is PostingKind.TRANSFER} == {PostingState.VERIFIED}


# --- rejected after its credit ------------------------------------------------------------------------------------------


def test_what_is_rejected_after_its_credit_is_debited_when_two_people_approve_and_leaves_stock_once(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(2, turns=2)
    held = (daily.exceptions(), gained(daily, before), invoices(daily))

    with pytest.raises(NeedsOperator, match="somebody other"):
        debit(daily, approver="ADA")
    debit(daily)
    daily.pass_evenings(5, turns=2)

    assert held == ({"REJECTED_AFTER_CREDIT": 1}, {"TEA GB-DC-01 SALE": 2}, [])
    (note,) = [note["number"] for note in daily.ledgers["creditNotes"]]
    assert invoices(daily) == [("SVC-MANUAL", Decimal("4.25"), f"Debit for credit note {note}")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}
    assert money(daily) == [("TEA", 2, "8.50")], "posted documents are never edited"
    assert daily.placed() == {"credited_restocked": Decimal("-4.25"), "rejected": Decimal("-4.25")}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert daily.ledgers["balanced"]


def test_a_debit_has_the_tax_of_the_goods_whatever_group_its_service_item_is_of(daily: World) -> None:
    rows = [{name: value for name, value in row.items() if name[0] != "@"} | {"SalesSalesTaxItemGroupCode": ""}
            for row in daily.rows("ReleasedProductsV2") if row["ItemNumber"] == "SVC-MANUAL"]
    daily.control("seed", {"rows": {"ReleasedProductsV2": rows}})
    credited(daily, (A, 2))
    regrade(daily, tea((SCRAP, 2, True)))
    daily.pass_evenings(1, turns=2)

    debit(daily)
    daily.pass_evenings(4, turns=2)

    (note,) = daily.ledgers["creditNotes"]
    (taken,) = [row for row in daily.rows("SalesInvoiceV2Lines") if row["ProductNumber"] == "SVC-MANUAL"]
    assert Decimal(str(note["tax"])) < 0
    assert Decimal(str(taken["LineTotalTaxAmount"])) == -Decimal(str(note["tax"]))


def test_an_approval_covers_what_was_seen_and_a_further_rejection_needs_its_own(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(1, turns=2)
    debit(daily, goods="write-off")
    daily.pass_evenings(5, turns=2)

    regrade(daily, tea((SCRAP, 2, True)), 10)
    daily.pass_evenings(2, turns=2)
    held = (daily.exceptions(), len(invoices(daily)))
    debit(daily)
    daily.pass_evenings(5, turns=2)

    assert held == ({"REJECTED_AFTER_CREDIT": 1}, 1)
    assert [amount for _, amount, _ in invoices(daily)] == [Decimal("4.25")] * 2
    assert gained(daily, before) == {}
    assert daily.placed() == {"rejected": Decimal("-8.50")}


def test_only_a_rejection_after_credit_can_be_debited_and_the_goods_need_a_fate(daily: World) -> None:
    credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(1, turns=2)

    with pytest.raises(NeedsOperator, match="goods are one of leave, write-off"):
        debit(daily, goods="")


def test_without_a_service_item_nothing_is_debited_and_somebody_is_told(daily: World) -> None:
    daily.change_rules(debit_item="")
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(1, turns=2)

    debit(daily)
    daily.pass_evenings(3, turns=2)

    assert invoices(daily) == []
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 2}
    assert "SERVICE_ITEM_UNKNOWN" in {finding.code for row in daily.open() for finding in row.case.findings}


@pytest.mark.parametrize("fault", [
    {"kind": "answer-lost", "path": r"\$batch", "body": "POST [^ ]*/SalesOrderLines "}, {"kind": "late-commit", "path": r"\$batch"},
    {"kind": "error-after", "status": 504, "path": "ImportFromPackage"}, {"kind": "answer-lost", "path": r"\$batch", "body": "PATCH"}],
    ids=["lines", "late", "issue", "release"])
def test_whatever_becomes_of_the_requests_the_customer_is_debited_once(daily: World, fault: dict[str, Any]) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((SCRAP, 2, True)))
    daily.pass_evenings(1, turns=2)
    debit(daily)
    daily.control("faults", fault | {"times": 2})

    daily.pass_evenings(7, turns=3)

    assert [amount for _, amount, _ in invoices(daily)] == [Decimal("8.50")]
    assert gained(daily, before) == {}
    assert daily.exceptions() == {}


def test_the_debit_is_shown_as_it_would_be_posted_before_anybody_approves_it_and_is_posted_so(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(2, turns=2)
    store, rules = daily.house.store, daily.house.profiles[TENANT].rules
    row = next(row for row in daily.open() if row.case.kind == "REJECTED_AFTER_CREDIT")
    drafted = foreseeing.drafted(foreseeing.outlook(daily.house, TENANT), row, now=daily.at)
    asked = approvals.propose(store, EFFECTS, rules, ProposalKind.DEBIT, {"exception": row.id, "goods": "leave"}, proposer="ada",
                              reason="worn", now=daily.at)

    told = foreseeing.foreseen(foreseeing.outlook(daily.house, TENANT), asked, now=daily.at)
    kept = (daily.exceptions(), gained(daily, before), invoices(daily))
    approvals.approve(store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="ben", now=daily.at)
    daily.pass_evenings(5, turns=2)

    assert told is not None
    assert drafted == told, "it is drafted before anybody proposed it"
    assert kept == ({"REJECTED_AFTER_CREDIT": 1}, {"TEA GB-DC-01 SALE": 2}, []), "looking does nothing"
    issue, debit_ = told["documents"]
    (note,) = daily.ledgers["creditNotes"]
    (made,) = [row for row in daily.rows("SalesInvoiceV2Lines") if row["ProductNumber"] == "SVC-MANUAL"]
    assert (debit_["net"], debit_["tax"], debit_["unit_price"], debit_["item"], debit_["customer"], debit_["refers_to"]) == (
        Decimal(str(made["LineAmount"])), Decimal(str(made["LineTotalTaxAmount"])), Decimal(str(made["SalesPrice"])), "SVC-MANUAL", "10001",
        note["number"])
    assert (issue["item"], issue["quantity"], issue["place"], issue["why"]) == (
        "TEA", 1, "GB-DC-01/SALE", "the goods go back to the customer")
    assert (told["totals"], told["period"], told["closed"]) == (
        {"net": Decimal("4.25"), "tax": Decimal("0.85"), "gross": Decimal("5.10")}, "2010-12", "")
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}


def test_what_would_be_held_is_shown_held_with_why_and_a_decision_without_documents_shows_none(daily: World) -> None:
    credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(2, turns=2)
    row = next(row for row in daily.open() if row.case.kind == "REJECTED_AFTER_CREDIT")
    (entity,) = [each for each in daily.house.profiles[TENANT].rules.entities if each.id == "gb01"]
    daily.change_rules(debit_item="", entities=(replace(entity, closed_periods=frozenset({"2010-12"})),))
    store, rules = daily.house.store, daily.house.profiles[TENANT].rules
    here = foreseeing.outlook(daily.house, TENANT)

    def away(entity: str) -> Any:
        message = f"{entity} is away"
        raise RetryLater(message)

    told, alone = (foreseeing.drafted(over, row, now=daily.at) for over in (here, replace(here, desk_of=away)))
    close = approvals.propose(store, EFFECTS, rules, ProposalKind.CLOSE, {"exception": row.id}, proposer="ada", reason="worn", now=daily.at)
    text = StringIO()
    for each in (told, alone, None):
        foreseeing.show(Console(width=200, file=text), each)

    assert told is not None
    assert alone is not None
    assert told["documents"] == []
    assert "SERVICE_ITEM_UNKNOWN" in {each["code"] for each in told["findings"]}
    assert told["closed"] == "Period 2010-12 of gb01 is closed. It would be held, and could land in 2011-01."
    assert (alone["documents"], alone["not_checked"]) == ([], "gb01 is away")
    assert foreseeing.foreseen(here, close, now=daily.at) is None
    assert all(said in text.getvalue() for said in ("could land in 2011-01", "gb01 is away", "It makes no document by itself"))


# --- the proof of what was changed --------------------------------------------------------------------------------


def proof_of(world: World, folder: Path) -> tuple[int, int, list[str]]:
    """Prove the month; as of now, because the adapter dates journals by the wall clock."""
    world.house.settings = replace(world.house.settings, state_dir=folder)
    with prove_month(world.house, TENANT, "2010-12", datetime.now(UTC).date(), now=world.at) as (proof, books, _):
        return proof.lines, proof.proved, [each.kind for each in books.found()]


def test_units_that_were_moved_after_posting_are_proved_where_they_went(daily: World, tmp_path: Path) -> None:
    credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (OUTLET, 1)))
    daily.turn()
    before = proof_of(daily, tmp_path)
    daily.pass_evenings(3, turns=2)

    assert before == (1, 0, ["DAMAGED_ON_SALE"])
    assert proof_of(daily, tmp_path) == (1, 1, [])


def test_what_was_debited_after_its_credit_is_proved_without_it(daily: World, tmp_path: Path) -> None:
    credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.turn()
    debit(daily)
    daily.pass_evenings(6, turns=2)

    assert proof_of(daily, tmp_path) == (1, 1, [])


# --- late changes in a closed period ----------------------------------------------------------------------------------


def month(world: World, folder: Path, period: str, day: date) -> tuple[tuple[int, int, list[str]], list[Mapping[str, Any]]]:
    """Prove a month as of a day; give its lines, how many are proved, what is broken, and what it says of changes after the credit."""
    world.house.settings = replace(world.house.settings, state_dir=folder)
    with prove_month(world.house, TENANT, period, day, now=world.at) as (proof, books, _):
        return (proof.lines, proof.proved, [each.kind for each in books.found()]), list(proof.late)


def told_of(world: World, period: str) -> tuple[list[tuple[str, Decimal, Decimal | None]], dict[Sort, Decimal]]:
    """Give what a month's last proof says of the worth of what came back, and the journals it proposes."""
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    worth = [(row.kind, row.units, row.written_down) for row in valued(valuing.asked(store, TENANT, period).returned, rules.valuation)]
    return worth, {each.journal.sort: each.journal.debit for each in journaling.proposed(store, rules, period)}


@pytest.mark.parametrize("rejected", [1, 2], ids=["one of two", "all"])
def test_what_changes_after_its_period_closed_lands_in_the_open_one_and_both_months_say_so(
    daily: World, tmp_path: Path, rejected: int,
) -> None:
    daily.change_rules(valuation=Policy(source="F-12", write_down={"outlet": Decimal("0.40")}), accounts={"gb01": TIED})
    daily.ask_anew()
    daily.tell(*life("R-1", [tea((A, 2))], at=daily.at), *life("R-2", [tea((A, 2))], at=daily.at))
    daily.pass_evenings(4, turns=2)
    daily.at = datetime(2010, 12, 31, 20, tzinfo=UTC)
    daily.control("clock", {"now": daily.at.isoformat()})
    before = (month(daily, tmp_path, "2010-12", daily.at.date()), told_of(daily, "2010-12"))
    notes = [(note["number"], note["date"], note["tax"]) for note in daily.ledgers["creditNotes"]]
    daily.at = datetime(2011, 1, 3, 9, tzinfo=UTC)
    daily.control("clock", {"now": daily.at.isoformat()})
    daily.control("periods", {"month": "2010-12", "status": "closed"})

    regrade(daily, tea((A, 1), (OUTLET, 1)))
    kept = [] if rejected == 2 else [(A, 1)]
    daily.tell(message("R-2", "ReturnInspected", 9, [tea(*kept, (SCRAP, rejected, True))], at=daily.at))
    daily.pass_evenings(2, turns=2)
    debit(daily)
    daily.pass_evenings(5, turns=2)
    today = datetime.now(UTC).date()  # the adapter dates journals by the wall clock
    december, january = (month(daily, tmp_path, period, today) for period in ("2010-12", "2011-01"))
    after = (told_of(daily, "2010-12"), told_of(daily, "2011-01"))

    (asked,) = write_downs(daily)
    assert before[0] == ((2, 2, []), [])
    assert [(note["number"], note["date"], note["tax"]) for note in daily.ledgers["creditNotes"]] == notes, "posted documents stay"
    (debited,) = [row for row in daily.rows("SalesInvoiceV2Lines") if row["ProductNumber"] == "SVC-MANUAL"]
    assert (debited["InvoiceDate"][:7], Decimal(str(debited["LineAmount"]))) == ("2011-01", rejected * Decimal("4.25"))
    assert december[0] == (2, 2, []), "the old month is proved as it was"
    assert january[0] == (0, 0, []), "a line counts for the month of its credit alone"
    late = [(row["what"], row["of"], row["posted_in"], row["lines"], row["net"]) for row in december[1]]
    assert late == [("re-graded", "2010-12", "2011-01", 1, 0), ("debited", "2010-12", "2011-01", 1, -rejected * Decimal("4.25"))]
    assert january[1] == december[1], "both months say so"
    assert after[0] == before[1], "nothing of the old month is worth another amount, and no journal is proposed for it"
    assert after[1] == ([], {Sort.REGRADE: Decimal(str(asked.content["amount"]))})
    assert (asked.content["period"], daily.exceptions()) == ("2011-01", {"REGRADED": 1})
