"""Do opening and movements come to the closing, is its age known, and does every figure have its lines?"""

from datetime import date
from decimal import Decimal

from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.open_side import Outstanding
from backhaul.domain.roll_forward import Account, Flow, Movement, Rolled, Tie, Whose, lines_under, roll

D = Decimal
MINE, OTHER = Whose(entity="gb01", brand="QX", warehouse="DC1", currency="GBP"), Whose(entity="gb02", currency="EUR")
FIRST, DAY = date(2026, 10, 1), date(2026, 10, 31)
TIED = {(Flow.PAID, "gb01"): Account(name="202900"), (Flow.RECEIVED, "gb01"): Account(name="140110")}


def move(name: str, item: str, day: date, amount: str, flow: Flow = Flow.PAID, whose: Whose = MINE, price: str = "0",
         ) -> Movement:
    return Movement(flow=flow, whose=whose, name=name, item=item, day=day, amount=D(amount), return_ref=item[-2:], price=D(price),
                    tax=D(price) / 5)


DAYS = {whose.entity: Period(name="2026-10", first=FIRST, last=DAY) for whose in (MINE, OTHER)}
MOVES = (
    move("payouts", "P-R1", date(2026, 7, 1), "10"), move("payouts", "P-R2", date(2026, 9, 25), "20"),
    move("settled", "P-R2", date(2026, 10, 2), "-20"), move("payouts", "P-R3", date(2026, 10, 30), "7"),
    move("written_off", "P-R1", date(2026, 10, 9), "-4"), move("payouts", "P-R9", date(2026, 11, 1), "99"),
    move("credited", "CN-1", date(2026, 10, 3), "20", Flow.CREDITED), move("settled", "CN-1", date(2026, 10, 4), "-15", Flow.CREDITED),
    move("received", "L-R4", date(2026, 10, 20), "8", Flow.RECEIVED, price="12"),
    move("credited", "L-R4", date(2026, 10, 21), "-4", Flow.RECEIVED), move("payouts", "P-R5", date(2026, 10, 1), "3", whose=OTHER))
TIES = (Tie(flow=Flow.PAID, whose=MINE, account="202900", document="V1", day=date(2026, 10, 1), open=D("12"), return_ref="R1"),
        Tie(flow=Flow.RECEIVED, whose=MINE, account="140110", document="V2", day=date(2026, 10, 20), open=D("4")))


def rolled() -> Rolled:
    return Rolled(first=FIRST, day=DAY, rows=roll(MOVES, TIES, TIED, DAYS), movements=MOVES, ties=TIES)


def test_opening_and_movements_come_to_the_closing_and_the_account_says_what_it_lacks() -> None:
    paid, other, received = rolled().rows

    assert (paid.opening, dict(paid.movements)["payouts"], paid.closing, paid.beside) == (30, 7, 13, 5)
    assert (paid.account, paid.balance, paid.difference) == ("202900", 12, -1)
    assert (other.whose, other.closing, other.balance, other.difference) == (OTHER, 3, None, None)
    assert (received.closing, received.difference, received.price, received.tax) == (4, 0, 6, D("1.2"))
    assert rolled().differing == {(Flow.PAID, "gb01", "GBP"): -1}


def test_a_closing_is_parted_by_age() -> None:
    paid = rolled().rows[0]

    assert {name: amount for name, amount in paid.ageing.items() if amount} == {"0-7": 7, "over 60": 6}


def test_every_figure_has_its_lines_and_each_leads_to_its_return() -> None:
    told = rolled()

    def refs(cell: str, flow: Flow = Flow.PAID) -> list[tuple[str, Decimal]]:
        return [(line.return_ref, line.amount) for line in lines_under(told, flow, MINE, cell)]

    assert refs("opening") == [("R1", 10), ("R2", 20)]
    assert refs("closing") == [("R1", 6), ("R3", 7)]
    assert refs("over 60") == [("R1", 6)]
    assert refs("settled") == [("R2", -20)]
    assert refs("beside") == [("-1", 5)]
    assert refs("balance") == [("R1", 12)]
    assert refs("received", Flow.RECEIVED) == [("R4", 8)]


def test_what_neither_moved_nor_stands_anywhere_is_no_row() -> None:
    moves = (move("payouts", "P", date(2026, 9, 1), "5"), move("settled", "P", date(2026, 9, 2), "-5"))

    assert roll(moves, (), TIED, DAYS) == ()


def test_each_legal_entity_is_rolled_over_the_days_of_its_own_period_and_one_without_it_is_left_out() -> None:
    days = {"gb02": Period(name="2026-10", first=date(2026, 10, 2), last=date(2026, 11, 1))}

    (row,) = rows = roll(MOVES, TIES, TIED, days)
    told = Rolled(first=FIRST, day=DAY, rows=rows, movements=MOVES, days=days)

    assert (row.whose, row.first, row.day) == (OTHER, date(2026, 10, 2), date(2026, 11, 1))
    assert (row.opening, row.movements["payouts"]) == (D(3), D(0))
    assert [line.days for line in lines_under(told, Flow.PAID, OTHER, "opening")] == [31]
    assert told.within("gb01") == Period(name="", first=FIRST, last=DAY)


def test_what_a_customer_was_paid_is_open_until_the_day_it_is_closed() -> None:
    paid = Outstanding(customer="C1", document="V1", day=FIRST, currency="GBP", amount=D(10), left=D(4))
    closed = Outstanding(customer="C1", document="V1", day=FIRST, currency="GBP", amount=D(10), left=D(0), closed_on=DAY)

    assert [paid.open_on(day) for day in (date(2026, 9, 30), FIRST)] == [0, 4]
    assert [closed.open_on(day) for day in (date(2026, 10, 30), DAY)] == [10, 0]
