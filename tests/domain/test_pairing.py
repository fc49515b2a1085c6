"""Are credits and receipts by hand brought to lines only where every digit agrees, and is nothing chosen where two would do?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from backhaul.domain.entry import Side
from backhaul.domain.pairing import MOST, Confirmed, Given, Loose, Match, Rule, Suggested, Waiting, fingerprint, suggest

D = Decimal
SAME: dict[str, Any] = {"entity": "gb", "customer": "C1", "currency": "GBP"}


def record(key: str, net: str, units: str | None = "1", **more: Any) -> Loose:
    return Loose(**{**SAME, "key": key, "document": f"CN-{key}", "net": D(net), "units": None if units is None else D(units), **more})


def waits(ref: str, net: str, units: str = "1", **more: Any) -> Waiting:
    return Waiting(**{**SAME, "return_ref": ref, "line_id": "1", "net": D(net), "units": D(units), **more})


def joined(told: Suggested) -> list[tuple[Rule, str, str]]:
    return [(each.rule, "".join(one.key for one in each.records), "".join(one.return_ref for one in each.lines)) for each in told.found]


def test_a_credit_like_one_line_is_suggested_with_its_evidence() -> None:
    (told,) = suggest([record("a", "4.25", item="TEA")], [waits("R", "4.25", item="TEA"), waits("S", "4.26")]).found

    assert (told.rule, told.ambiguous, told.net) == (Rule.ONE_TO_ONE, False, D("4.25"))
    assert told.evidence == "CN-a credits 1 for 4.25 GBP, as R|1 waits for: legal entity gb, the same customer, item TEA."


def test_two_lines_that_would_do_are_both_shown_as_ambiguous() -> None:
    told = suggest([record("a", "4.25")], [waits("R", "4.25"), waits("S", "4.25")])

    assert [each.ambiguous for each in told.found] == [True, True]


def test_a_credit_of_several_lines_and_a_line_of_several_credits_come_to_the_penny() -> None:
    told = suggest([record("a", "7.00", "2")], [waits("R", "3.00"), waits("S", "4.00"), waits("T", "4.01")])
    back = suggest([record("a", "3.00"), record("b", "4.00"), record("c", "4.01")], [waits("R", "7.00", "2")])

    assert (joined(told), joined(back)) == ([(Rule.ONE_TO_MANY, "a", "RS")], [(Rule.MANY_TO_ONE, "ab", "R")])
    assert told.found[0].evidence.startswith("CN-a credits 7.00 GBP, what 2 lines come to")
    assert back.found[0].evidence.startswith("2 credits (CN-a, CN-b) come to 7.00 GBP, as R|1 waits for")


def test_too_many_candidates_are_said_to_be_too_many() -> None:
    many = [waits(f"R{number}", "1.00") for number in range(MOST + 1)]
    parts = [record(f"p{number}", "1.00") for number in range(MOST + 1)]

    assert len(suggest([record("a", "9.00")], many).given_up) == len(suggest(parts, [waits("R", "9.00", "9")]).given_up) == 1


def test_a_sum_says_how_many_were_too_many_and_one_fewer_is_looked_through() -> None:
    few = suggest([record("a", "14.00", "14")], [waits(f"R{number}", "1.00") for number in range(MOST)])
    many = suggest([record("a", "14.00", "14")], [waits(f"R{number}", "1.00") for number in range(MOST + 1)])
    parts = suggest([record(f"p{number:02}", "1.00") for number in range(MOST + 1)], [waits("R", "9.00", "9")])

    assert (few.given_up, few.found) == ((), ())  # fourteen parts are more than a sum may have
    assert many.given_up == ("CN-a: 15 lines could be part of 14.00, too many to look for sums among them",)
    assert parts.given_up == ("R|1: 15 credits could be part of 9.00, too many to look for sums among them",)


def test_a_credit_of_no_told_units_is_a_sum_of_lines_and_one_of_other_units_is_not() -> None:
    lines = [waits("R", "3.00"), waits("S", "4.00")]

    assert joined(suggest([record("a", "7.00", None)], lines)) == [(Rule.ONE_TO_MANY, "a", "RS")]
    assert joined(suggest([record("a", "7.00", "3")], lines)) == []
    assert joined(suggest([record("a", "3.00", None), record("b", "4.00")], [waits("R", "7.00", "2")])) == []
    assert joined(suggest([record("a", "3.00"), record("b", "4.00")], [waits("R", "7.00", "3")])) == []


def test_a_suggestion_is_named_by_what_it_joins_and_nothing_else() -> None:
    told, again, other = (suggest([record("a", net)], [waits(ref, net)]).found[0]
                          for net, ref in (("4.25", "R"), ("4.30", "R"), ("4.25", "S")))

    assert told.key == again.key != other.key
    assert len(told.key) == 12


def books(**told: Any) -> dict[str, Any]:
    """Write a credit as the proof writes a record of the books."""
    row = {"entity": "gb", "side": "credit", "status": "posted", "document": "CN-1", "voucher": "V-1", "item": "TEA", "customer": "C1",
           "sale": None, "currency": "GBP", "posted_on": None, "units": D(2), "net": D("10.00"), "tax": D("2.00"), "line": ""}
    return row | told


def match(*lines: tuple[str, str, str], row: dict[str, Any] | None = None, number: int = 1) -> Match:
    return Match(
        tenant="acme", legal_entity="gb", rule=Rule.ONE_TO_MANY, records={f"{fingerprint(row or books())}-{number}": "CN-1"},
        lines=tuple(Given(return_ref=ref, line_id="1", units=D(units), net=D(net)) for ref, units, net in lines), currency="GBP",
        evidence="", proposal=1, actor="ann", approver="bob", reason="paid out", at=datetime(2011, 1, 1, tzinfo=UTC))


def shares(confirmed: Confirmed, row: dict[str, Any]) -> list[tuple[str, Any, Any, Any]]:
    return [(part["line"], part["units"], part["net"], part["tax"]) for _, part in confirmed.of(row)]


def test_a_record_of_several_lines_gives_each_its_share_and_the_first_what_rounding_leaves_of_the_tax() -> None:
    confirmed = Confirmed([match(("R", "1", "3.33"), ("S", "1", "3.33"), ("T", "1", "3.34"))])

    told = shares(confirmed, books())

    assert told == [("S|1", D(1), D("3.33"), D("0.67")), ("T|1", D(1), D("3.34"), D("0.67")), ("R|1", D(1), D("3.33"), D("0.66"))]
    assert (sum(net for _, _, net, _ in told), sum(tax for *_, tax in told)) == (D("10.00"), D("2.00"))
    assert (confirmed.loose, confirmed.fallen(confirmed.matches[0]), confirmed.refs) == ([], [], {"R", "S", "T"})


def test_a_record_that_tells_no_tax_gives_none_to_its_lines() -> None:
    row = books(tax=None)

    assert shares(Confirmed([match(("R", "1", "4.00"), ("S", "1", "6.00"), row=row)]), row) == [
        ("S|1", D(1), D("6.00"), None), ("R|1", D(1), D("4.00"), None)]


def test_a_record_of_one_line_is_the_lines_as_the_books_have_it() -> None:
    assert shares(Confirmed([match(("R", "2", "10.00"))]), books()) == [("R|1", D(2), D("10.00"), D("2.00"))]


def test_several_records_of_one_line_are_all_its_own_and_the_one_that_is_gone_is_named() -> None:
    one, two = books(net=D("4.00")), books(net=D("6.00"), document="CN-2")
    both = replace(match(("R", "2", "10.00")), records={f"{fingerprint(one)}-1": "CN-1", f"{fingerprint(two)}-1": "CN-2"})
    whole, half = Confirmed([both]), Confirmed([both])

    assert [shares(whole, row) for row in (one, two)] == [[("R|1", D(2), D("4.00"), D("2.00"))], [("R|1", D(2), D("6.00"), D("2.00"))]]
    assert shares(half, one)
    assert (whole.fallen(both), half.fallen(both)) == ([], ["CN-2"])
    assert both.said == "credited by CN-1, CN-2, confirmed by ann and bob"


def test_of_two_records_that_say_the_same_only_the_one_that_was_confirmed_is_taken() -> None:
    confirmed = Confirmed([match(("R", "2", "10.00"))])

    assert [len(confirmed.of(books())) for _ in range(2)] == [1, 0]
    assert [each.key[-2:] for each in confirmed.loose] == ["-2"]


@pytest.mark.parametrize("row", [books(net=None), books(net=D(0)), books(status="draft")])
def test_a_record_without_an_amount_and_a_draft_are_no_credit_anybody_could_confirm(row: dict[str, Any]) -> None:
    confirmed = Confirmed([])

    assert (confirmed.of(row), confirmed.loose) == ([], [])


@pytest.mark.parametrize("changed", [{"net": D("10.01")}, {"units": None}, {"tax": D(1)}, {"customer": "C2"}, {"voucher": "V-2"}])
def test_a_record_that_says_anything_else_is_not_the_one_that_was_confirmed(changed: dict[str, Any]) -> None:
    standing = match(("R", "2", "10.00"))
    confirmed = Confirmed([standing])

    assert confirmed.of(books(**changed)) == []
    assert confirmed.fallen(standing) == ["CN-1"]
    assert fingerprint(books(net=D("10.000"))) == fingerprint(books())


@given(st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(1, 9), max_size=6))
def test_no_suggestion_ever_hides_a_difference(credits_: list[int], lines: list[int]) -> None:
    told = suggest([record(f"k{at}", str(net)) for at, net in enumerate(credits_)],
                   [waits(f"R{at}", str(net)) for at, net in enumerate(lines)])

    for each in told.found:
        assert sum(one.net for one in each.records) == sum(one.net for one in each.lines)
        assert sum(one.units or 0 for one in each.records) == sum(one.units for one in each.lines)


# --- receipts


def receipt(key: str, units: str = "1", **more: Any) -> Loose:
    """Write goods that came in on sale."""
    told = {"entity": "gb", "customer": "C1", "item": "TEA", "side": Side.STOCK, "document": f"PS-{key}", "units": D(units),
            "sellable": D(units), "warehouse": "DC", "location": "SALE"}
    return Loose(key=key, **told | more)


def lacks(ref: str, units: str = "1", **more: Any) -> Waiting:
    """Write a line whose goods should be on sale and of which the books show no receipt."""
    told = {"entity": "gb", "customer": "C1", "item": "TEA", "currency": "GBP", "side": Side.STOCK, "units": D(units), "net": D("4.25"),
            "sellable": D(units), "warehouse": "DC", "location": "SALE"}
    return Waiting(return_ref=ref, line_id="1", **told | more)


def test_a_receipt_like_one_line_is_suggested_with_where_it_lies_and_a_credit_of_the_line_beside_it_is_not_ambiguous() -> None:
    told = suggest([receipt("a", sale="500"), record("b", "4.25")], [lacks("R", sale="500"), waits("R", "4.25"), lacks("S", "2")])

    assert [(each.side, each.rule, each.ambiguous, each.net, each.stays) for each in told.found] == [
        (Side.CREDIT, Rule.ONE_TO_ONE, False, D("4.25"), ()), (Side.STOCK, Rule.ONE_TO_ONE, False, D("4.25"), ())]
    assert told.found[1].evidence == ("PS-a brought in 1 at DC/SALE, on sale, as R|1 waits for: legal entity gb, the same customer, "
                                      "order 500, item TEA.")


@pytest.mark.parametrize("other", [{"entity": "fr"}, {"item": "CUP"}, {"item": None}, {"customer": "C2"}, {"sale": "501"}])
def test_a_receipt_of_another_company_item_customer_or_order_is_suggested_to_no_line(other: dict[str, Any]) -> None:
    assert suggest([receipt("a", **other)], [lacks("R", sale="500")]).found == ()


def test_a_receipt_need_not_tell_its_customer_and_then_says_nothing_of_one() -> None:
    (told,) = suggest([receipt("a", customer=None)], [lacks("R")]).found

    assert told.evidence == "PS-a brought in 1 at DC/SALE, on sale, as R|1 waits for: legal entity gb, item TEA."


@pytest.mark.parametrize(("came", "should", "stays"), [
    ({}, {"sellable": D(0)}, ("DAMAGED_ON_SALE",)),
    ({}, {"sellable": D(0), "warehouse": "QUAR", "location": "Q"}, ("DAMAGED_ON_SALE", "WRONG_WAREHOUSE", "WRONG_LOCATION")),
    ({"sellable": D(0)}, {}, ("SELLABLE_KEPT_BACK",)),
    ({"location": None}, {"sellable": None, "warehouse": None}, ()),
    ({"location": "BACK"}, {}, ("WRONG_LOCATION",)),
])
def test_goods_that_lie_otherwise_than_they_should_are_suggested_and_say_which_break_stays(
        came: dict[str, Any], should: dict[str, Any], stays: tuple[str, ...]) -> None:
    (told,) = suggest([receipt("a", **came)], [lacks("R", **should)]).found

    assert told.stays == stays
    assert told.evidence.endswith(f" which stays a break: {', '.join(stays)}." if stays else "item TEA.")


def test_receipts_are_sums_of_units_and_those_of_one_line_may_lie_at_several_places() -> None:
    many = suggest([receipt("a", "3")], [lacks("R", "1"), lacks("S", "2"), lacks("T", "5")])
    back = suggest([receipt("a", "1"), receipt("b", "2", sellable=D(0), location="BACK")],
                   [lacks("R", "3", sellable=D(1), warehouse=None, location=None)])

    assert (joined(many), joined(back)) == ([(Rule.ONE_TO_MANY, "a", "RS")], [(Rule.MANY_TO_ONE, "ab", "R")])
    assert many.found[0].evidence.startswith("PS-a brought in 3 at DC/SALE, on sale, what 2 lines come to: ")
    assert back.found[0].evidence.startswith(
        "2 receipts (PS-a, PS-b) brought in 3 at DC/SALE, DC/BACK, in part on sale, as R|1 waits for: ")
    assert (many.found[0].stays, back.found[0].stays) == ((), ())
    (kept,) = suggest([receipt("a", sellable=D(0))], [lacks("R")]).found
    assert ", not on sale, as R|1" in kept.evidence


def test_a_receipt_that_would_do_for_too_many_lines_is_suggested_to_none_and_too_many_sums_are_said_to_be_too_many() -> None:
    alike = [lacks(f"R{number:02}") for number in range(MOST + 1)]

    (alone,) = suggest([receipt("a")], alike).given_up
    assert suggest([receipt("a")], alike).found == ()
    assert len(suggest([receipt("a")], alike[1:]).found) == MOST
    assert alone == "PS-a: 15 lines wait for 1 of TEA, too many to choose among"
    assert suggest([receipt("a", "2")], alike[:7]).given_up == ("PS-a: 21 sums come to 2, too many to say which one it is",)
    assert suggest([receipt(f"p{number:02}") for number in range(MOST + 1)], [lacks("R", "2")]).given_up == (
        "R|1: 15 receipts could be part of 2, too many to look for sums among them",)


def moved(**told: Any) -> dict[str, Any]:
    """Write a receipt as the proof writes a record of the books."""
    return books(side="stock", document="PS-1", currency=None, net=None, tax=None, units=D(3), sellable=D(3), cost=D("10.00"),
                 warehouse="DC", location="SALE") | told


def received(*lines: tuple[str, str], row: dict[str, Any]) -> Match:
    return replace(match(*((ref, units, "4.25") for ref, units in lines), row=row), side=Side.STOCK,
                   records={f"{fingerprint(row)}-1": "PS-1"})


def test_a_receipt_of_several_lines_gives_each_its_units_and_a_share_of_its_cost_and_the_first_the_rest() -> None:
    standing = received(("R", "1"), ("S", "1"), ("T", "1"), row=moved())

    told = [(part["line"], part["units"], part["sellable"], part["cost"], part["net"]) for _, part in Confirmed([standing]).of(moved())]

    assert told == [("S|1", D(1), D(1), D("3.3333"), None), ("T|1", D(1), D(1), D("3.3333"), None), ("R|1", D(1), D(1), D("3.3334"), None)]
    assert (standing.kind, standing.said) == ("receipt", "received by PS-1, confirmed by ann and bob")


def test_a_receipt_is_the_one_that_was_confirmed_whatever_it_costs_by_now_and_another_once_it_lies_elsewhere() -> None:
    standing = received(("R", "3"), row=moved())

    assert [part["cost"] for _, part in Confirmed([standing]).of(moved(cost=D("11.00")))] == [D("11.00")]
    assert Confirmed([standing]).of(moved(warehouse="QUAR")) == Confirmed([standing]).of(moved(location="BACK")) == []
    unvalued = moved(cost=None)
    assert [part["cost"] for _, part in Confirmed([received(("R", "1"), ("S", "2"), row=unvalued)]).of(unvalued)] == [None, None]


@pytest.mark.parametrize("row", [
    moved(units=D(-3)), moved(sellable=None), moved(warehouse=None), moved(item=None), moved(status="draft")])
def test_goods_that_went_out_or_whose_item_or_place_nobody_tells_are_no_receipt_anybody_could_confirm(row: dict[str, Any]) -> None:
    confirmed = Confirmed([])

    assert (confirmed.of(row), confirmed.loose) == ([], [])


def test_a_receipt_nobody_confirmed_is_loose_with_its_place() -> None:
    confirmed = Confirmed([])

    assert confirmed.of(moved()) == []
    (told,) = confirmed.loose
    assert (told.side, told.units, told.sellable, told.warehouse, told.location, told.net) == (Side.STOCK, D(3), D(3), "DC", "SALE", D(0))


# --- payments


def paid(key: str, net: str, **more: Any) -> Loose:
    return Loose(**{"key": key, "side": Side.PAYMENT, "entity": "gb", "document": f"P-{key}", "voucher": "psp", "currency": "GBP",
                    "net": D(net)} | more)


def owed(ref: str, net: str, **more: Any) -> Waiting:
    return Waiting(**{"return_ref": ref, "line_id": "", "side": Side.PAYMENT, "entity": "gb", "currency": "GBP", "units": D(0),
                      "net": D(net)} | more)


def test_a_payment_that_is_just_what_one_claim_is_owed_is_suggested_and_says_how_little_speaks_for_it() -> None:
    (told,) = suggest([paid("a", "10.20")], [owed("R", "10.20"), owed("S", "10.21"), owed("T", "10.20", currency="EUR")]).found

    assert (told.side, told.rule, told.ambiguous, told.net, told.stays) == (Side.PAYMENT, Rule.ONE_TO_ONE, False, D("10.20"), ())
    assert told.evidence == ("P-a of psp pays 10.20 GBP and names no return we know; R is owed just that, in legal entity gb. Only "
                             "currency and amount speak for it.")


def test_payments_are_no_sums_and_too_many_claims_of_one_amount_are_said_to_be_too_many() -> None:
    both = suggest([paid("a", "10.20")], [owed("R", "10.20"), owed("S", "10.20")])

    assert [each.ambiguous for each in both.found] == [True, True]
    assert suggest([paid("a", "3.00"), paid("b", "4.00")], [owed("R", "7.00")]) == Suggested()
    assert suggest([paid("a", "7.00")], [owed("R", "3.00"), owed("S", "4.00")]) == Suggested()
    assert suggest([paid("a", "1.00")], [owed(f"R{number:02}", "1.00") for number in range(MOST + 1)]).given_up == (
        "P-a: 15 claims are owed 1.00, too many to choose among",)


def test_what_was_suggested_of_lines_and_of_claims_stands_side_by_side() -> None:
    lines, claims = suggest([record("a", "4.25")], [waits("R", "4.25")]), suggest([paid("b", "1.00")], [owed("R", "1.00")])

    assert (lines + claims).found == (*lines.found, *claims.found)
