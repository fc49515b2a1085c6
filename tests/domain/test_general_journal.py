"""Can no journal be built that does not balance, is no account ever assumed, and is what finance posted known again?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from backhaul.domain.general_journal import Apart, Ends, Journal, Leg, Role, Sort, Standing, Unbalanced, journals, standing
from backhaul.domain.open_side import Booked
from backhaul.domain.roll_forward import Flow, Rolled, RollForward, Whose
from backhaul.domain.valuation import NO_GOODS, UNGRADED, Figures, Owing, Policy, Regraded, Returned, Where

D = Decimal
LAST, NEXT = date(2026, 10, 31), date(2026, 11, 1)
ENDS = Ends(tenant="acme", period="2026-10", last={"gb01": LAST})
ACCOUNTS = {"gb01": {role: f"1{number:03}" for number, role in enumerate(Role)}}
MINE = Whose(entity="gb01", brand="QX", warehouse="DC", currency="EUR")
OWED = Owing(whose=MINE, where=Where.IN_STOCK, kind="outlet", units=D(2), net=D(10), tax=D(2), cost=D(6), books="GBP", since=LAST,
             return_ref="R1", line_id="A", accepted=True)
POLICY = Policy(source="F-12", write_down={"outlet": D("0.5")})


def figures(*owing: Owing, returned: tuple[Returned, ...] = (), policy: Policy = POLICY) -> Figures:
    return Figures(first=date(2026, 10, 1), day=LAST, policy=policy, owing=owing, returned=returned)


def proposed(told: Figures, *apart: Apart, rolled: Rolled | None = None, accounts: Mapping[str, Mapping[Role, str]] = ACCOUNTS,
             ) -> dict[Sort, Journal]:
    return {each.sort: each for each in journals(ENDS, accounts, told, apart, rolled)}


def legs(journal: Journal) -> dict[str, Decimal]:
    return {leg.role.value: leg.amount for leg in journal.legs}


@pytest.mark.parametrize("amounts", [("5", "-4"), ("5", "-5", "0"), ()])
def test_a_journal_whose_debits_are_not_its_credits_cannot_be_built(amounts: tuple[str, ...]) -> None:
    with pytest.raises(Unbalanced, match="its debits are not its credits"):
        Journal(entity="gb01", sort=Sort.LEDGER, subject="", currency="GBP", day=LAST, marker="ZZ", why="",
                legs=tuple(Leg(role=Role.RETURNS, account="1", amount=D(amount), text="") for amount in amounts))


def test_what_is_accepted_and_not_credited_is_accrued_with_vat_and_its_goods_at_cost_until_the_next_day() -> None:
    without = replace(OWED, line_id="B", kind=NO_GOODS, tax=None, cost=None)
    told = proposed(figures(OWED, without, replace(OWED, line_id="C", accepted=False)))

    money, goods = told[Sort.ACCRUAL], told[Sort.GOODS]
    assert (money.currency, legs(money), money.debit) == ("EUR", {"returns": 20, "tax": 2, "liability": -22}, 22)
    assert (goods.currency, legs(goods)) == ("GBP", {"recoverable": 3, "cost": -3})
    assert {(each.day, each.reverses_on, each.lines) for each in (money, goods)} == {(LAST, NEXT, ("R1|A", "R1|B"))}
    assert "no VAT rate" in money.why
    assert "no cost" in goods.why
    assert [(leg.debit, leg.credit) for leg in goods.legs] == [(3, 0), (0, 3)]


AGAIN = Regraded(whose=MINE, before="sellable", after="outlet", units=D(2), day=LAST, cost=D("3.33"), return_ref="R1", line_id="A",
                 sku="MUG", mark="ZZ1")


def test_what_goods_of_an_earlier_period_lose_by_another_grade_is_a_journal_of_their_line() -> None:
    better = replace(AGAIN, before="outlet", after="sellable", line_id="B", mark="ZZ2")
    told = replace(figures(), regraded=(AGAIN, replace(AGAIN, units=D(1), cost=D(1), mark="ZZ3"), better,
                                        replace(AGAIN, whose=replace(MINE, entity="de01"))))

    down, up = journals(ENDS, ACCOUNTS, told, (), None)

    assert (down.sort, legs(down)) == (Sort.REGRADE, {"write_down": D("2.17"), "allowance": D("-2.17")})
    assert (down.lines, down.currency) == (("R1|A",), "EUR")
    assert "2 x MUG from sellable to outlet on 2026-10-31; 1 x MUG" in down.why
    assert "lose 2.17 EUR of their cost (F-12)" in down.why
    assert (legs(up), "gain 1.67 EUR" in up.why) == ({"write_down": D("-1.67"), "allowance": D("1.67")}, True)
    assert down.marker != up.marker


def test_what_nobody_decided_or_knows_is_not_written_down() -> None:
    unknown = (replace(AGAIN, cost=None), replace(AGAIN, after="nobody's"), replace(AGAIN, before="nobody's"))

    assert [each.loses(POLICY) for each in (AGAIN, *unknown)] == [D("1.67"), None, None, None]
    assert proposed(replace(figures(), regraded=unknown)) == {}


def test_an_account_nobody_named_is_missing_and_never_assumed() -> None:
    told = proposed(figures(OWED), accounts={"gb01": {Role.RETURNS: "401200"}})

    assert told[Sort.ACCRUAL].missing == ("tax", "liability")
    assert [leg.account for leg in told[Sort.ACCRUAL].legs] == ["401200", "", ""]
    assert proposed(figures(OWED), accounts={})[Sort.GOODS].missing == ("recoverable", "cost")
    assert proposed(figures(OWED))[Sort.ACCRUAL].missing == ()


def test_what_came_back_is_written_down_once_by_its_class_and_what_is_scrapped_is_not() -> None:
    def back(kind: str) -> Returned:
        return Returned(whose=replace(MINE, currency="GBP"), kind=kind, units=D(1), day=LAST, booked=D(8), original=D(8))

    told = journals(ENDS, ACCOUNTS, figures(returned=tuple(map(back, ("outlet", "scrap", "sellable", "refurbish")))), (), None)

    (only,) = told
    assert (only.sort, legs(only), only.reverses_on) == (Sort.WRITE_DOWN, {"write_down": 4, "allowance": -4}, None)
    assert "F-12" in only.why


def test_what_does_not_hold_is_corrected_line_by_line_whichever_way_it_goes() -> None:
    def apart(kind: str, amount: str, line: str = "R1|A") -> Apart:
        return Apart(kind=kind, entity="gb01", currency="GBP", amount=D(amount), line=line, document="CN-1")

    told = journals(ENDS, ACCOUNTS, figures(), [
        apart("LEDGER_MISSING", "5"), apart("LEDGER_DIFFERS", "-2", "R2|A"), apart("WRONG_AMOUNT", "3", "R3|A"), apart("LATE", "9", "R4|A"),
        apart("WRONG_AMOUNT", "0", "R5|A"), replace(apart("LEDGER_MISSING", "1"), entity="gb02")], None)

    assert [(each.sort, each.lines, legs(each)) for each in told] == [
        (Sort.LEDGER, ("R1|A",), {"returns": 5, "customers": -5}), (Sort.LEDGER, ("R2|A",), {"returns": -2, "customers": 2}),
        (Sort.AMOUNT, ("R3|A",), {"customers": 3, "returns": -3})]
    assert len({each.marker for each in told}) == 3
    assert {len(each.marker) for each in told} == {20}


def row(flow: Flow, balance: str, entity: str = "gb01") -> RollForward:
    return RollForward(flow=flow, whose=replace(MINE, entity=entity, currency="GBP"), first=LAST, day=LAST, opening=D(0), movements={},
                       closing=D(10), account="x", balance=D(balance), ageing={})


def test_an_account_is_brought_to_the_roll_forward_only_against_one_that_finance_named_for_it() -> None:
    rolled = Rolled(first=LAST, day=LAST, rows=(row(Flow.PAID, "12"), row(Flow.RECEIVED, "9"), row(Flow.PAID, "1", "gb02")))
    bare = {"gb01": {Role.RECEIVED: "140110"}}

    told = journals(ENDS, ACCOUNTS, figures(), (), rolled)
    (only,) = journals(ENDS, bare, figures(), (), rolled)

    assert [legs(each) for each in told] == [{"clearing": -2, "differences": 2}, {"received": 1, "differences": -1}]
    assert (legs(only), only.missing) == ({"received": 1, "differences": -1}, ("differences",))


def posted(journal: Journal, day: date, factor: str = "1", text: str = "", currency: str = "EUR") -> list[Booked]:
    return [Booked(account=leg.account, voucher="V1" if text else journal.marker, day=day, amount=leg.amount * D(factor) * 2, text=text,
                   currency=currency, in_currency=leg.amount * D(factor)) for leg in journal.legs if leg.role is not Role.TAX]


def test_what_finance_posted_is_known_by_its_marker_and_an_accrual_until_it_is_reversed() -> None:
    accrual = proposed(figures(OWED))[Sort.ACCRUAL]
    read = {role: account for role, account in ACCOUNTS["gb01"].items() if role is not Role.TAX}
    there, back = posted(accrual, LAST, text=f"Doc {accrual.marker.lower()} accrual"), posted(accrual, NEXT, "-1")

    def stands(*booked: Booked, today: date = NEXT, about: Journal = accrual) -> Standing:
        return standing(about, booked, read, today)

    assert stands() is Standing.PROPOSED
    assert stands(*there, today=LAST) is Standing.POSTED
    assert stands(*there) is Standing.NOT_REVERSED
    assert stands(*there, *back) is Standing.REVERSED
    assert stands(*there, *back[:1]) is Standing.DIFFERS
    assert stands(*there, *there) is Standing.DIFFERS
    assert stands(*posted(accrual, LAST, currency="GBP"), today=LAST) is Standing.DIFFERS
    assert stands(*posted(accrual, LAST), about=replace(accrual, reverses_on=None)) is Standing.POSTED
    assert UNGRADED not in accrual.why
