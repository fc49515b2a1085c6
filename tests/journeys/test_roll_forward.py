"""Do both roll-forwards equal the accounts after every day, however refunds are booked, and is what is lacking just what is gone?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.application.roll_forward import roll_forward
from backhaul.domain.facts import Decision
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.roll_forward import Flow, Rolled, lines_under
from backhaul.domain.rules import Booking, Deadlines, TiedTo
from backhaul.entrypoints.story import payments
from tests.journeys.stage import DAILY, TENANT, World, life, line, message, open_world

D = Decimal
TEAS, POT = line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)]), line("POT", 1, "12.50", order="500002")
CUPS = line("CUP", 2, "2.95", received=2, grades=[("A", "RESELL", 1, True), ("D", "SCRAP", 1, False)])
SCM = TiedTo(clearing="202900", received=("140110",), since=date(2010, 12, 1))
LEDGER = "GeneralJournalAccountEntries"


def shop(erp: str, folder: Path, booking: Booking, kind: str = "finance-scm", mode: str = "A", tied: TiedTo = SCM) -> World:
    """Open a shop that books refunds this way and tied its accounts."""
    world = open_world(erp, f"sqlite:///{folder / 'backhaul.sqlite'}", window=DAILY, kind=kind, mode=mode)
    entity = replace(world.house.desk(TENANT, "gb01").entity, refund_booking=booking)
    world.change_rules(entities=(entity,), accounts={"gb01": tied}, deadlines=replace(Deadlines(), arrival=timedelta(days=5)))
    world.house.adopt(replace(world.house.desk(TENANT, "gb01"), entity=entity))
    return world


@pytest.fixture(params=[Booking.CLEARING, Booking.CUSTOMER])
def scm(request: Any, erp: str, tmp_path: Path) -> Iterator[World]:
    world = shop(erp, tmp_path, request.param)
    world.control("seed", {"settings": {"schedule": {"invoice": ["20:00"]}}, "rows": {}})  # so that received goods lie for a day
    yield world
    world.house.close()


def paid(world: World, ref: str, lines: list[dict[str, Any]], amount: str) -> None:
    """Announce a return, scan it and pay at once: the shop tells us, its payment process tells the ERP."""
    bare = [each | {"quantityReceived": None, "grades": None} for each in lines]
    told = message(ref, "RefundIssued", 2, bare, at=world.at + timedelta(hours=1))
    told["return"]["refund"] = {"amount": amount, "currency": "GBP", "reference": f"PAY-{ref}",
                                "paidAt": world.at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    world.tell(message(ref, "ReturnCreated", 1, bare, at=world.at), told)
    world.control("payouts", {"payouts": [{
        "legalEntity": company(world), "customer": "10001", "amount": amount, "currency": "GBP", "reference": f"PAY-{ref}",
        "date": world.at.date().isoformat(), "booking": world.house.profiles[TENANT].rules.entities[0].refund_booking.value}]})


def company(world: World) -> str:
    return world.house.desk(TENANT, "gb01").entity.options.get("company", "gb01")


def clerk(world: World) -> None:
    """Let somebody book in the ERP what is proposed and not booked yet."""
    for payment in payments(world.house, TENANT, world.at):
        for each in payment["settlements"]:
            told = f"{payment['reference']} {each['document']}"
            if told not in world.log:
                world.log.append(told)
                world.control("settlements", {"legalEntity": company(world), "payout": payment["reference"], "amount": each["amount"],
                                              "creditNote": each["document"]})


def rolled(world: World, day: date | None = None, first: date | None = None) -> Rolled:
    until = day or world.at.date()
    days = {"gb01": Period(name="", first=first or until.replace(day=1), last=until)}
    return roll_forward(world.house.store, {"gb01": world.house.desk(TENANT, "gb01").erp}, world.house.profiles[TENANT].rules, days,
                        today=world.at.date())


def change(world: World, entity: str, row: dict[str, Any], **columns: Any) -> None:
    """Let somebody change a record of the ERP behind everybody's back."""
    told = {name: value for name, value in row.items() if not name.startswith("@")} | columns
    world.control("seed", {"rows": {entity: [told]}})


def closing(told: Rolled, flow: Flow) -> Decimal:
    return sum((row.closing for row in told.rows if row.flow is flow), D(0))


def days(world: World, count: int) -> list[Rolled]:
    """Let days pass; on each the clerk books what is proposed, and both roll-forwards are rolled."""
    found = []
    for _ in range(count):
        world.pass_days()
        clerk(world)
        found.append(rolled(world))
    return found


def lived(world: World) -> list[Rolled]:
    """Early refunds, one late arrival, one that never comes and is written off, one of which a part is credited."""
    paid(world, "R-1", [TEAS], "10.20")
    paid(world, "R-2", [POT], "15.00")
    paid(world, "R-3", [CUPS], "7.08")
    told = days(world, 2)
    world.tell(*life("R-3", [CUPS], at=world.at)[1:])
    told += days(world, 3)
    world.tell(*life("R-1", [TEAS], at=world.at)[1:])
    told += days(world, 5)
    row = next(row for row in world.open() if row.case.kind == "PAID_NOT_ARRIVED" and row.case.return_ref == "R-2")
    resolve.decide(world.house.store, TENANT, row.id, Decision.CLOSE, actor="ann", approver="bob", reason="lost, no claim", now=world.at)
    world.turn()
    clerk(world)
    return [*told, *days(world, 1)]


def test_both_equal_their_accounts_after_every_day_and_end_at_what_nobody_answered(scm: World) -> None:
    told = lived(scm)

    assert [(each.day, each.differing) for each in told] == [(each.day, {}) for each in told]
    assert all(row.balance is not None for each in told for row in each.rows)
    assert [closing(each, Flow.PAID) for each in told][:2] == [D("32.28"), D("32.28")]
    assert max(closing(each, Flow.RECEIVED) for each in told) > 0, "goods lie received and not credited for a night"
    assert (closing(told[-1], Flow.PAID), closing(told[-1], Flow.RECEIVED)) == (D("3.54"), 0), "what was paid for the refused cup"


def test_one_posting_of_the_payment_process_that_is_gone_is_just_the_difference_and_leads_to_its_return(scm: World) -> None:
    lived(scm)
    before = rolled(scm)
    if scm.house.profiles[TENANT].rules.entities[0].refund_booking is Booking.CLEARING:
        (gone,) = [row for row in scm.rows(LEDGER) if row["LedgerAccount"] == "202900" and row["DocumentNumber"] == "PAY-R-3"
                   and row["TransactionCurrencyAmount"] > 0]
        change(scm, LEDGER, gone, TransactionCurrencyAmount=0, AccountingCurrencyAmount=0)
        amount = -D(str(gone["TransactionCurrencyAmount"]))
    else:
        (gone,) = [row for row in scm.rows("CustTransBiEntities") if row["Txt"] == "Payout PAY-R-3"]
        change(scm, "CustTransBiEntities", gone, AmountCur=0, SettleAmountCur=0)
        amount = D(str(gone["SettleAmountCur"])) - D(str(gone["AmountCur"]))

    told = rolled(scm)

    assert (before.differing, told.differing) == ({}, {(Flow.PAID, "gb01", "GBP"): amount})
    (row,) = [row for row in told.rows if row.difference]
    assert {each.return_ref for each in lines_under(told, row.flow, row.whose, "closing")} == {"R-3"}


def test_one_posting_of_a_receipt_that_is_gone_is_just_the_difference_at_cost(scm: World) -> None:
    lived(scm)
    gone = next(row for row in scm.rows(LEDGER) if row["LedgerAccount"] == "140110" and row["TransactionCurrencyAmount"] > 0)
    change(scm, LEDGER, gone, TransactionCurrencyAmount=0, AccountingCurrencyAmount=0)

    told = rolled(scm)

    assert told.differing == {(Flow.RECEIVED, "gb01", "GBP"): -D(str(gone["AccountingCurrencyAmount"]))}


def test_every_figure_is_the_sum_of_its_lines_and_a_past_day_is_what_it_was(scm: World) -> None:
    told = lived(scm)
    last = told[-1]
    for each in (last, told[3], rolled(scm, first=date(2010, 12, 5))):
        for row in each.rows:
            cells = {"opening": row.opening, "closing": row.closing, "balance": row.balance, **row.movements, **row.ageing,
                     **({"beside": row.beside} if row.flow is Flow.PAID else {})}
            sums = {cell: sum((line.amount for line in lines_under(each, row.flow, row.whose, cell)), D(0)) for cell in cells}
            assert sums == cells
            assert row.opening + sum(row.movements.values()) == row.closing == sum(row.ageing.values())



def test_a_past_day_is_what_it_was_and_where_the_erp_does_not_say_when_a_part_was_settled_nothing_is_said(scm: World) -> None:
    told = lived(scm)

    again = [rolled(scm, day=each.day, first=date(2010, 12, 1)) for each in told[:3]]

    by_clearing = scm.house.profiles[TENANT].rules.entities[0].refund_booking is Booking.CLEARING
    assert [(each.day, each.differing) for each in again] == [(each.day, {}) for each in told[:3]]
    assert {row.balance is None for each in again for row in each.rows if row.flow is Flow.PAID} == {not by_clearing}
    assert any("in parts" in reason for reason in again[0].reasons) is not by_clearing
    assert not any("in parts" in reason for reason in told[-1].reasons)


@pytest.mark.parametrize("booking", list(Booking))
@pytest.mark.parametrize("mode", ["A", "B"])
def test_business_central_ties_as_well_in_the_modes_that_show_its_customers(central_erp: str, tmp_path: Path, booking: Booking,
                                                                            mode: str) -> None:
    tied = TiedTo(clearing="5990", received=("2111",), since=date(2010, 12, 1))
    world = shop(central_erp, tmp_path, booking, kind="business-central", mode=mode, tied=tied)

    told = lived(world)

    assert [(each.day, each.differing) for each in told] == [(each.day, {}) for each in told]
    assert closing(told[0], Flow.PAID) == D("32.28")
    assert closing(told[-1], Flow.PAID) == D("3.54")
    assert all(row.balance is not None for each in told for row in each.rows)
    world.house.close()
