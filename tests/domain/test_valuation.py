"""Is returned stock worth what was decided, is nothing guessed, and does what is owed tie to the roll-forwards?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from backhaul.domain.disposition import Outcome
from backhaul.domain.roll_forward import Flow, Rolled, RollForward, Whose
from backhaul.domain.valuation import NO_GOODS, UNGRADED, Figures, Owing, Policy, Returned, Where, liabilities, tied, valued

D = Decimal
HERE = Whose(entity="gb01", warehouse="GB-DC-01", currency="GBP")
MINE = Whose(entity="gb01", brand="QX", warehouse="GB-DC-01", currency="GBP")
FIRST, DAY = date(2026, 10, 1), date(2026, 10, 31)
POLICY = Policy(source="F-12", classes={"REFURBISH": "refurbishment"}, write_down={"refurbishment": D("0.30"), UNGRADED: D("0.10")},
                recovery={"gb01": D("1.50")})


def back(kind: str, units: str, booked: str | None, original: str | None, whose: Whose = HERE) -> Returned:
    return Returned(whose=whose, kind=kind, units=D(units), day=DAY, booked=None if booked is None else D(booked),
                    original=None if original is None else D(original))


def owed(where: Where, kind: str = UNGRADED, cost: str | None = "6", tax: str | None = "2", whose: Whose = MINE) -> Owing:
    return Owing(whose=whose, where=where, kind=kind, units=D(2), net=D(10), books="GBP", since=FIRST, return_ref="R1", line_id="A",
                 tax=None if tax is None else D(tax), cost=None if cost is None else D(cost))


def row(flow: Flow, closing: str, price: str = "0", whose: Whose = MINE) -> RollForward:
    return RollForward(flow=flow, whose=whose, first=FIRST, day=DAY, opening=D(0), movements={}, closing=D(closing), account="1",
                       balance=None, ageing={}, price=D(price), tax=D(price) / 5)


def test_a_class_is_called_as_the_policy_calls_its_disposition_else_as_the_mapping_treats_it() -> None:
    told = [POLICY.kind(disposition, outcome) for disposition, outcome in (
        ("REFURBISH", Outcome.NON_SELLABLE), ("OUTLET", Outcome.NON_SELLABLE), ("RESELL", Outcome.RESTOCKED), ("TRASH", Outcome.SCRAPPED),
        ("KEEP", Outcome.WITHOUT_GOODS))]

    assert told == ["refurbishment", "outlet", "sellable", "scrap", NO_GOODS]


def test_a_class_loses_what_the_policy_says_and_nothing_is_guessed_of_one_it_does_not_name() -> None:
    rows = valued([back("refurbishment", "2", "10", "9"), back("refurbishment", "1", "5", None), back("outlet", "1", None, "4"),
                   back("sellable", "1", "7", "7"), back("scrap", "1", "3", "3")], POLICY)

    told = {each.kind: (each.units, each.booked, each.original, each.compared, each.written_down, each.value) for each in rows}

    assert told == {
        "outlet": (1, 0, 4, 0, None, None), "refurbishment": (3, 15, 9, 1, D("4.50"), D("10.50")),
        "scrap": (1, 3, 3, 0, 3, 0), "sellable": (1, 7, 7, 0, 0, 7)}
    assert [(each.unbooked, each.untraced) for each in rows] == [(1, 0), (0, 1), (0, 0), (0, 0)]


def test_the_right_to_goods_is_their_cost_less_what_they_lose_and_what_it_takes_to_get_them() -> None:
    expected, received, stocked = liabilities(
        [owed(Where.IN_STOCK, "outlet"), owed(Where.EXPECTED), owed(Where.EXPECTED, cost=None, tax=None),
         owed(Where.RECEIVED, NO_GOODS, "0"), owed(Where.RECEIVED)], POLICY)

    assert (expected.net, expected.tax, expected.gross, expected.untaxed, expected.uncosted) == (20, 2, 22, 2, 2)
    assert (expected.cost, expected.recovery, expected.decrease, expected.asset) == (6, 3, D("0.60"), D("2.40"))
    assert (received.net, received.cost, received.recovery, received.asset) == (20, 6, 0, D("5.40"))
    assert (stocked.decrease, stocked.undecided, stocked.asset) == (0, 2, 6)


def test_nothing_is_recovered_at_less_than_nothing() -> None:
    (told,) = liabilities([owed(Where.EXPECTED, cost="1")], POLICY)

    assert (told.decrease, told.recovery, told.asset) == (D("0.10"), D("0.90"), 0)


def test_what_is_owed_ties_to_both_roll_forwards_and_says_what_customers_are_still_to_get() -> None:
    other = replace(MINE, brand="", currency="EUR")
    rolled = Rolled(first=FIRST, day=DAY, rows=(row(Flow.RECEIVED, "6", "9"), row(Flow.PAID, "5"), row(Flow.PAID, "3", whose=other)))

    mine, foreign = sorted(tied([owed(Where.IN_STOCK), owed(Where.EXPECTED, tax=None), owed(Where.IN_STOCK, whose=other)], rolled),
                           key=lambda each: each.whose.currency, reverse=True)

    assert (mine.in_stock, mine.memo, mine.difference, mine.in_stock_tax, mine.memo_tax) == (10, 9, 1, 2, D("1.8"))
    assert (mine.gross, mine.paid, mine.to_pay) == (22, 5, 17)
    assert (foreign.memo, foreign.difference, foreign.paid) == (None, None, 3)
    (alone,) = tied([owed(Where.IN_STOCK)], None)
    assert (alone.memo, alone.difference, alone.paid, alone.to_pay) == (None, None, None, None)


def test_what_nobody_decided_or_knows_is_said() -> None:
    told = Figures(first=FIRST, day=DAY, policy=Policy(), returned=(back("outlet", "2", None, None), back("sellable", "1", "1", "1")),
                   owing=(owed(Where.EXPECTED, cost=None, tax=None),), reasons=("gb01: away",)).remarks
    silent = Figures(first=FIRST, day=DAY, policy=POLICY, returned=(back("sellable", "1", "1", "1"),)).remarks

    assert (told[0], silent) == ("gb01: away", ())
    assert [words in sentence for words, sentence in zip((
        "no write-down of outlet, ungraded", "2 units came back of which nobody", "2 units came back of which the ERP", "no VAT rate",
        "no cost is known"), told[1:], strict=True)] == [True] * 5
