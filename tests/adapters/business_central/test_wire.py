"""What is said to Business Central, and how its answers are read, without anybody to say it to."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backhaul.adapters.business_central import refusals, wire
from backhaul.adapters.business_central.central import Ask
from backhaul.adapters.business_central.masters import _spans, books
from backhaul.adapters.odata import Answer
from backhaul.domain.disposition import Outcome, Place, Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.period_status import refusal
from backhaul.domain.posting import ErpItem, OrderLine, Posting, PostingKey, PostingKind as K, Receipt, ReturnOrder, Spare
from backhaul.domain.rules import LegalEntity

MAIN, QUAR = Place(warehouse="MAIN", location=wire.NO_BIN), Place(warehouse="QUAR", location=wire.NO_BIN)
RULES = Sellability(places=frozenset({MAIN}), dispositions=frozenset({"RESELL"}), conditions=frozenset({"A"}))
INVOICE = wire.Invoice(id="i-1", number="103001", date="2010-11-20", customer="C1", currency="GBP", remaining=Decimal(100),
                       rate=Decimal(20))


def key(kind: K, subject: str = "order:500001") -> PostingKey:
    return PostingKey(tenant="t", legal_entity="gb01", return_ref="R-1", subject=subject, kind=kind)


def head(net: str = "50", **more: Any) -> Posting:
    return Posting(key=key(K.ORDER), document=ReturnOrder(return_ref="R-1", customer="C1", currency="GBP", warehouse="MAIN",
                                                          order="500001", net=Decimal(net), **more))


def goods(place: Place = MAIN, *, disposition: str = "RESELL", condition: str = "A", code: str = "") -> Receipt:
    return Receipt(line_id="1", sku="TEA", quantity=Decimal(2), condition=condition, disposition=disposition, erp_disposition=code,
                   place=place, outcome=Outcome.RESTOCKED)


def line(quantity: str = "2", **more: Any) -> Posting:
    return Posting(key=key(K.ORDER_LINE, "line:1"), document=OrderLine(
        line_id="1", sku="TEA", quantity=Decimal(quantity), unit_price=Decimal("4.25"), warehouse="MAIN", **more))


IDS = {"id": "m-1", "entity": wire.MEMOS}


def test_a_head_carries_its_mark_twice_and_names_the_invoice_with_its_date() -> None:
    written = wire.head(head(), reason_id="r-1", invoice=INVOICE, applied=True)

    (comment,) = written.body["salesCreditMemoLines"] if written.body else [{}]
    assert written.body is not None
    assert written.body["externalDocumentNumber"] == comment["description2"] == head().key.marker
    assert comment["description"] == "Return R-1, invoice 103001 of 2010-11-20"
    assert (written.body["invoiceId"], written.body["customerReturnReasonId"]) == ("i-1", "r-1")


@pytest.mark.parametrize(("net", "more", "covered"), [
    ("83.33", {}, True), ("83.34", {}, False), ("0", {}, False),
    ("1", {"customer": "C2"}, False), ("1", {"currency": "EUR"}, False), ("1", {"remaining": Decimal(0)}, False)])
def test_a_memo_is_applied_only_while_its_own_invoice_is_open_by_as_much(net: str, more: dict[str, Any], *, covered: bool) -> None:
    document = head(net).document
    assert isinstance(document, ReturnOrder)

    assert replace(INVOICE, **more).covers(document) is covered


@pytest.mark.parametrize(("net", "entity"), [("1", wire.MEMOS), ("0", wire.MEMOS), ("-0.01", wire.INVOICES)])
def test_what_takes_more_than_it_gives_is_an_invoice(net: str, entity: str) -> None:
    written = wire.head(head(net), reason_id="r-1", invoice=INVOICE)

    assert written.address == entity
    assert written.body is not None
    assert wire.LINES_OF[entity] in written.body
    assert ("customerReturnReasonId" in written.body) is (entity == wire.MEMOS)


def test_a_line_is_positive_on_a_memo_and_turned_around_on_an_invoice() -> None:
    memo, invoice = wire.line(line("-1"), IDS), wire.line(line("-1"), {**IDS, "entity": wire.INVOICES})

    assert memo.body is not None
    assert invoice.body is not None
    assert (memo.address, memo.body["quantity"]) == ("salesCreditMemoLines", Decimal(-1))
    assert (invoice.address, invoice.body["quantity"]) == ("salesInvoiceLines", Decimal(1))


def test_item_variant_and_location_stand_before_what_their_validation_overwrites() -> None:
    item = ErpItem(number="SHIRT", dimensions=((wire.VARIANT, "RED"),))

    written = list(wire.line(line(item=item, intake=goods()), IDS, location_id="l-1", variant_id="v-1").body or {})

    assert written.index("lineObjectNumber") < written.index("itemVariantId") < written.index("locationId")
    assert written.index("locationId") < written.index("quantity") < written.index("unitPrice")


def test_the_same_line_has_the_same_number_and_another_line_another() -> None:
    other = key(K.ORDER_LINE, "line:2")

    assert wire.sequence(line().key) == wire.sequence(line().key) != wire.sequence(other)
    assert 10_000 < wire.sequence(other) < 2**31


def test_goods_that_never_come_into_stock_are_credited_on_their_account() -> None:
    written = wire.line(line(intake=goods(QUAR, code="account:6130")), IDS, location_id="l-1").body or {}

    assert (written["lineType"], written["lineObjectNumber"]) == ("Account", "6130")
    assert "locationId" not in written


def test_a_price_with_tax_in_it_needs_the_rate() -> None:
    taxed = {**IDS, "pricesIncludeTax": "True"}

    written = wire.line(line(tax_rate=Decimal("17.5")), taxed).body or {}

    assert written["unitPrice"] == Decimal("4.99375")
    with pytest.raises(KeyError, match="tax rate of TEA"):
        wire.line(line(), taxed)


@pytest.mark.parametrize(("status", "number", "posted"), [
    ("Draft", "1001", False), ("In_x0020_Review", "1001", False), ("Open", "1001", None), ("Open", "PM-7", True), ("Paid", "1001", True),
    ("Canceled", "PM-7", True)])
def test_open_alone_tells_nobody_whether_a_memo_is_posted(status: str, number: str, *, posted: bool | None) -> None:
    assert wire.is_posted({"status": status, "number": number}, "1001") is posted


@pytest.mark.parametrize(("place", "told"), [
    (MAIN, True), (replace(MAIN, warehouse=" main "), True), (replace(MAIN, location="A-01"), True), (replace(MAIN, location=""), True),
    (QUAR, False)])
def test_damaged_goods_are_looked_at_once_more_and_codes_know_no_case(place: Place, *, told: bool) -> None:
    assert bool(wire.unsellable_on_sale(goods(place, disposition="QUARANTINE", condition="C"), RULES)) is told
    assert wire.unsellable_on_sale(goods(place), RULES) == ""


def test_a_bin_that_is_not_on_sale_may_hold_damaged_goods_beside_one_that_is() -> None:
    binned = replace(RULES, places=frozenset({Place(warehouse="MAIN", location="A-01")}))

    assert wire.unsellable_on_sale(goods(Place(warehouse="MAIN", location="Q-01"), condition="C"), binned) == ""
    assert "is on sale" in wire.unsellable_on_sale(goods(Place(warehouse="MAIN", location="a-01"), condition="C"), binned)


def test_equal_errors_look_equal_whatever_their_correlation_id() -> None:
    texts = {refusals.sentence_of(Answer(status=400, body={"error": {
        "code": "Application_DialogException",
        "message": f"Posting Date is not within your range of allowed posting dates.  CorrelationId:  {number}."}}))
        for number in ("0b4f5c4e-8a30-4b1e-9c0a-3d6a31a0d2a1", "7c1f0c52-52c1-4f33-8f44-0f3c7f0c8d11")}

    assert texts == {("Posting Date is not within your range of allowed posting dates (Application_DialogException). "
                      "Open the period in General Ledger Setup, or agree to the next one.")}


def test_guids_are_asked_for_without_quotes_and_names_with_them() -> None:
    (by_id,) = Ask(entity_set="items", column="id", numeric=True, values=("a-b",)).addresses("companies(c)")
    (by_name,) = Ask(entity_set="items", column="number", values=("it's",), select=("id",)).addresses("companies(c)")

    assert by_id == "companies(c)/items?$count=true&$filter=(id%20eq%20a-b)"
    assert by_name == "companies(c)/items?$count=true&$filter=(number%20eq%20%27it%27%27s%27)&$select=id"


def test_a_rate_holds_from_the_day_it_was_told_until_another_was() -> None:
    spans = list(_spans({date(2010, 12, 1): Decimal("17.5"), date(2010, 12, 20): Decimal("17.5"), date(2011, 1, 6): Decimal(20)}))

    assert [(span.percent, span.first, span.last) for span in spans] == [
        (Decimal("17.5"), None, date(2011, 1, 5)), (Decimal(20), date(2011, 1, 6), None)]


def test_closed_periods_and_days_outside_the_range_are_closed() -> None:
    told = books([{"allowPostingFrom": "2011-01-10", "allowPostingTo": "2011-03-15"}],
                 [{"startingDate": "2011-02-01", "closed": True, "name": "February"}, {"startingDate": "2011-01-01", "closed": False},
                  {"startingDate": "2011-03-01", "closed": False}])

    taken = {day: refusal(told, date.fromisoformat(day)) is None for day in (
        "2010-12-31", "2011-01-09", "2011-01-10", "2011-01-31", "2011-02-01", "2011-02-28", "2011-03-01", "2011-03-15", "2011-03-16")}
    assert [day for day, is_taken in taken.items() if is_taken] == ["2011-01-10", "2011-01-31", "2011-03-01", "2011-03-15"]
    assert books([{"allowPostingFrom": "0001-01-01", "allowPostingTo": "0001-01-01"}], []) == []


@pytest.mark.parametrize("options", [{"sku": "ean"}, {"bins": "MAIN"}, {"requests_per_minute": "0"}, {"batch_operations": "many"}])
def test_an_option_that_cannot_be_used_is_named(options: dict[str, str]) -> None:
    entity = LegalEntity(id="gb01", erp="business-central", deployment="C", currency="GBP", options=options)

    with pytest.raises(Misconfigured, match=r"gb01: an option cannot be used"):
        wire.Settings.of(entity)


def test_a_spare_knows_its_set_by_its_own_word_or_by_its_kind() -> None:
    assert wire.entity_of(Spare(entity=wire.INVOICES, ids={"id": "1"})) == wire.INVOICES
    assert wire.entity_of(Spare(entity=K.ORDER.value, ids={"id": "1", "entity": wire.INVOICES})) == wire.INVOICES
