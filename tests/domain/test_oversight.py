"""Is what is wrong with the house as a whole found with its amount, and is a clean house of ten thousand documents left alone?"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.domain.discrepancy import CLASSES, Level
from backhaul.domain.disposition import Circumstance, MappingRow, Outcome, Place
from backhaul.domain.entry import Entry, Side
from backhaul.domain.facts import Fact, Progressed, Stage
from backhaul.domain.oversight import Total, Waits, blocked, gaps, miscounted, remapped, unbalanced

D = Decimal
DAY = date(2026, 10, 5)
WHEN = Circumstance(legal_entity="gb01", warehouse="GB-DC-01", disposition="RESELL", condition="A", reason="")
ROW = MappingRow(when=WHEN, outcome=Outcome.RESTOCKED, erp_disposition="Credit", place=Place(warehouse="GB-DC-01", location="SALE"))
ELSE = MappingRow(when=WHEN, outcome=Outcome.RESTOCKED, erp_disposition="Credit", place=Place(warehouse="GB-DC-01", location="OUTLET"))


def voucher(number: int, against: str | None = "8.50") -> Entry:
    return Entry(side=Side.LEDGER, document=f"V{number}", voucher=f"V{number}", net=D("8.50"),
                 against=None if against is None else D(against))


def waits(number: int, **more: object) -> Waits:
    told: dict[str, object] = {"line": f"R{number}|TEA", "entity": "gb01", "currency": "GBP", "net": D("4.25"), "sku": "TEA",
                               "fixed_under": "one", "circumstances": (WHEN,)}
    return Waits(**(told | more))  # type: ignore[arg-type]  by name


def messages(ref: str, *numbers: int | None) -> list[Fact]:
    return [Progressed(return_ref=ref, at=datetime(2026, 10, 5, tzinfo=UTC) + timedelta(hours=at), version=number, stage=Stage.RECEIVED)
            for at, number in enumerate(numbers)]


def test_ten_thousand_clean_documents_raise_no_alarm() -> None:
    count = range(10_000)
    ours = {("gb01", f"V{number}") for number in count}
    days = {DAY + timedelta(days=number): Total(day=DAY + timedelta(days=number), returns=number, units=D(number), net=D(number))
            for number in count}

    assert not [*unbalanced((("gb01", voucher(number)) for number in count), ours, set(), {"gb01": "GBP"})]
    assert not [*blocked((waits(number) for number in count), {("gb01", "CUP"), ("us01", "TEA")})]
    assert not [*remapped((waits(number) for number in count), (ROW,), {"one": (ROW,), "two": (ELSE,)})]
    assert not [*gaps({f"R{number}": messages(f"R{number}", 2, 1, 3, 3) for number in count})]
    assert not [*miscounted(days.values(), days)]


def test_a_journal_that_does_not_balance_is_found_by_what_its_entries_add_up_to_unless_a_line_stands_for_it() -> None:
    ledger = [("gb01", voucher(1, "8.00")), ("gb01", voucher(2, "8.00")), ("gb01", voucher(3, "8.00")), ("gb01", voucher(4, None)),
              ("gb01", Entry(side=Side.CREDIT, document="V5", voucher="V5", net=D(1), against=D(2)))]
    ours = {("gb01", f"V{number}") for number in (1, 2, 4, 5)}

    (found,) = unbalanced(ledger, ours, {("gb01", "V2")}, {"gb01": "GBP"})

    assert (found.kind, found.subject, found.amount, found.currency) == ("UNBALANCED_JOURNAL", "gb01 V1", D("0.50"), "GBP")


def test_a_line_that_waits_is_found_with_its_money_when_its_item_was_blocked_or_its_units_go_elsewhere_by_now() -> None:
    (stopped,) = blocked([waits(1), waits(2, sku="CUP")], {("gb01", "TEA")})
    (elsewhere,) = remapped([waits(1), waits(2, fixed_under="two"), waits(3, fixed_under="gone")], (ELSE,), {"one": (ROW,), "two": ()})

    assert (stopped.kind, stopped.subject, stopped.amount) == ("ITEM_BLOCKED_SINCE", "R1|TEA", D("4.25"))
    assert (elsewhere.kind, elsewhere.subject, elsewhere.amount) == ("MAPPING_CHANGED_SINCE", "R1|TEA", D("4.25"))


def test_messages_that_never_came_are_counted_and_what_has_no_number_is_not() -> None:
    (found,) = gaps({"R1": messages("R1", 1, 4, None), "R2": messages("R2", None, None), "R3": []})

    assert (found.kind, found.subject, found.count) == ("EVENT_GAP", "R1", 2)
    assert "message 2, 3 never came" in found.sentence


@pytest.mark.parametrize(("told", "amount", "count"), [
    (Total(day=DAY, net=D(9)), D(1), 1), (Total(day=DAY, returns=5), D(0), 3), (Total(day=DAY, units=D(4), net=D(10)), D(0), 1),
    (Total(day=date(2026, 10, 9), net=D(3)), D(-3), 1)])
def test_a_days_total_that_differs_is_found_by_what_it_says_and_by_nothing_else(told: Total, amount: Decimal, count: int) -> None:
    (found,) = miscounted([told], {DAY: Total(day=DAY, returns=2, units=D(3), net=D(10))})

    assert (found.kind, found.subject, found.amount, found.count) == ("COUNTER_MISMATCH", told.day.isoformat(), amount, count)


def test_every_class_about_the_house_is_looked_for_by_something() -> None:
    assert {name for name, each in CLASSES.items() if each.level is Level.HOUSE} == {
        "UNBALANCED_JOURNAL", "ITEM_BLOCKED_SINCE", "MAPPING_CHANGED_SINCE", "EVENT_GAP", "COUNTER_MISMATCH", "COST_NOT_FINAL",
        "AVAILABILITY_DIFFERS", "AUDIT_GAP", "UNOWNED_EXCEPTION"}
