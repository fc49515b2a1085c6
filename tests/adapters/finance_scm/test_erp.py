"""Does the adapter carry a return into Finance & SCM and read it back, from order to ledger?"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tests.journeys.stage import WIRE

from backhaul.adapters.finance_scm import erp as adapter, masters, wire
from backhaul.adapters.finance_scm.emulator import Running, serve
from backhaul.adapters.finance_scm.wire import arrival_line
from backhaul.domain.disposition import Outcome, Place, Sellability
from backhaul.domain.errors import Misconfigured
from backhaul.domain.job_schedule import Job, Standing
from backhaul.domain.period_status import Status
from backhaul.domain.posting import (
    CreditNote,
    ErpDocument,
    OrderLine,
    Pending,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    Receipt,
    Rejected,
    Release,
    ReturnOrder,
    Spare,
    Unconfirmed,
)
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.validation import ItemState, Questions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

K = PostingKind
DOCK = Place(warehouse="RET", location="DOCK")
BAD = Place(warehouse="RET", location="BAD")
SEED: dict[str, Any] = {
    "settings": {"now": "2025-01-10T08:00:00Z"},
    "rows": {
        "LegalEntities": [{"LegalEntityId": "usmf", "Name": "Contoso"}],
        "CustomersV3": [{"CustomerAccount": "C1", "SalesTaxGroup": "DOM", "SalesCurrencyCode": "GBP"},
                        {"CustomerAccount": "HELD", "OnHoldStatus": "All"}],
        "ReleasedProductsV2": [
            {"ItemNumber": "m", "SalesSalesTaxItemGroupCode": "FULL", "SalesUnitSymbol": "ea", "SalesPrice": 12.5, "_unitCost": 4},
            {"ItemNumber": "M", "SalesSalesTaxItemGroupCode": "FULL", "SalesUnitSymbol": "ea", "_unitCost": 7},
            {"ItemNumber": "STOPPED", "_unitCost": 1}, {"ItemNumber": "OLD", "ProductLifecycleStateId": "Discontinued", "_unitCost": 1},
            {"ItemNumber": "FEE", "ProductType": "Service", "SalesSalesTaxItemGroupCode": "FULL", "SalesUnitSymbol": "ea"}],
        "ProductDefaultOrderSettings": [{"ItemNumber": "STOPPED", "IsSalesProcessingStopped": "Yes"}],
        "OperationalSitesV2": [{"SiteId": "S1"}],
        "Warehouses": [{"WarehouseId": "MAIN", "OperationalSiteId": "S1"}, {"WarehouseId": "RET", "OperationalSiteId": "S1"}],
        "WarehouseLocations": [{"WarehouseId": "RET", "WarehouseLocationId": place} for place in ("DOCK", "BAD")],
        "ReturnDispositionCodes": [{"DispositionCode": "CR", "DispositionAction": "Credit"},
                                   {"DispositionCode": "SC", "DispositionAction": "Scrap"}],
        "ReturnReasonCodeBiEntities": [{"ReasonCodeId": "SIZE"}],
        "TaxGroupDatas": [{"TaxGroupId": "DOM", "TaxCodeId": "V"}],
        "TaxItemGroups": [{"TaxItemGroupCode": "FULL", "TaxCodeId": "V"}],
        "TaxCodeValues": [{"TaxCodeId": "V", "FromDate": "2010-01-01", "Value": 20}],
    },
}


class Shop:
    """A return with one line of goods and one fee, its ERP, and what is known so far."""

    def __init__(self, running: Running, **options: str) -> None:
        self.url = running.base_url
        self.entity = LegalEntity(
            id="usmf", erp="finance-scm", deployment="A", currency="GBP", return_reason="SIZE",
            options={"base_url": self.url, "token_url": f"{self.url}/tenant/oauth2/v2.0/token", "client_id": "backhaul", "company": "usmf",
                     "site": "S1", "timeout_seconds": "5", "poll_seconds": "1", **options})
        self.rules = Rules(tenant="t", version="1", entities=(self.entity,), mapping=(), fees={}, sellability=Sellability(
            places=frozenset({DOCK}), dispositions=frozenset({"RESTOCK"}), conditions=frozenset({"NEW"})))
        self.erp = adapter.connect(self.entity, self.rules, {"client_secret": "secret"})
        self.basis: dict[PostingKey, ErpDocument] = {}
        self.batches: dict[PostingKey, str] = {}
        self.sent = 0

    def control(self, path: str, told: object = None) -> Any:
        answer = WIRE.post(f"{self.url}/control/{path}", json=told or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, *jobs: str) -> list[dict[str, Any]]:
        return [entry for job in jobs for entry in self.control("jobs/run", {"job": job})["log"]]

    def run_until(self, now: str) -> list[str]:
        """Let time pass; give the jobs that ran on the way."""
        return [each.split(" ")[1] for each in self.control("clock", {"now": now})["ran"]]

    def post(self, *postings: Posting) -> list[Any]:
        self.sent += 1
        key = f"ZZ-B{self.sent:04d}"
        batch = PostingBatch(key=key, tenant="t", legal_entity="usmf", kind=postings[0].key.kind, period="2025-01", postings=postings,
                             basis=self.basis)
        outcomes = list(self.erp.post(batch))
        for posting, outcome in zip(postings, outcomes, strict=True):
            self.batches[posting.key] = key
            if isinstance(outcome, Posted):
                self.basis[posting.key] = outcome.document
        return outcomes

    def find(self, *postings: Posting) -> Mapping[PostingKey, ErpDocument]:
        found = self.erp.find(postings, self.basis, self.batches)
        self.basis |= found
        return found


def key(kind: PostingKind, subject: str, ref: str = "R1", part: int = 1) -> PostingKey:
    return PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject=subject, kind=kind, part=part)


def head(ref: str = "R1", customer: str = "C1", kind: PostingKind = K.ORDER) -> Posting:
    return Posting(key=key(kind, "order:SO1" if kind is K.ORDER else "fees", ref), currency="GBP", document=ReturnOrder(
        return_ref=ref, customer=customer, currency="GBP", warehouse="RET", order="SO1" if kind is K.ORDER else "", reason="SIZE"))


def goods_line(ref: str = "R1", sku: str = "m", quantity: str = "3", line: str = "m#1") -> Posting:
    return Posting(key=key(K.ORDER_LINE, f"line:{line}", ref), needs=(head(ref).key,), document=OrderLine(
        line_id=line, sku=sku, quantity=Decimal(quantity), unit_price=Decimal("9.99"), warehouse="RET", order="SO1", unit_cost=Decimal(4)))


def fee_line(ref: str = "R1") -> Posting:
    return Posting(key=key(K.FEE_LINE, "line:fee#1", ref), needs=(head(ref, kind=K.FEE_ORDER).key,), document=OrderLine(
        line_id="fee#1", sku="FEE", quantity=Decimal(1), unit_price=Decimal("3.50"), warehouse="RET"))


def release(ref: str = "R1") -> Posting:
    line = fee_line(ref).key
    return Posting(key=key(K.FEE_RELEASE, "fees", ref), needs=(head(ref, kind=K.FEE_ORDER).key, line),
                   document=Release(return_ref=ref, lines=(line.marker,)))


def receipt(ref: str = "R1", quantity: str = "3", part: int = 1, **more: Any) -> Posting:
    told: dict[str, Any] = {"condition": "NEW", "disposition": "RESTOCK", "erp_disposition": "CR", "place": DOCK,
                            "outcome": Outcome.RESTOCKED}
    return Posting(key=key(K.RECEIPT, "line:m#1", ref, part), needs=(goods_line(ref).key,),
                   document=Receipt(line_id="m#1", sku=more.pop("sku", "m"), quantity=Decimal(quantity), **(told | more)))


def credit(ref: str = "R1", quantity: str = "3", part: int = 1) -> Posting:
    net = Decimal(quantity) * Decimal("9.99")
    return Posting(key=key(K.CREDIT_NOTE, "line:m#1", ref, part), needs=(receipt(ref, part=part).key,), net=-net, document=CreditNote(
        line_id="m#1", sku="m", quantity=Decimal(quantity), unit_price=Decimal("9.99"), net=net, outcome=Outcome.RESTOCKED))


def fee_credit(ref: str = "R1") -> Posting:
    return Posting(key=key(K.FEE_CREDIT_NOTE, "line:fee#1", ref), needs=(release(ref).key, fee_line(ref).key), net=Decimal("-3.50"),
                   document=CreditNote(line_id="fee#1", sku="FEE", quantity=Decimal(1), unit_price=Decimal("3.50"), net=Decimal("3.50")))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serve(tmp_path / "fscm.sqlite") as emulator:
        WIRE.post(f"{emulator.base_url}/control/seed", json=SEED, timeout=10).raise_for_status()
        line = {"item": "m", "quantity": 10, "price": "9.99"}
        sale = {"legalEntity": "usmf", "salesOrder": "SO1", "customer": "C1", "currency": "GBP", "date": "2024-12-20", "lines": [line]}
        WIRE.post(f"{emulator.base_url}/control/sales", json={"orders": [sale]}, timeout=10).raise_for_status()
        yield emulator


@pytest.fixture
def shop(running: Running) -> Shop:
    return Shop(running)


def test_a_return_travels_from_order_to_ledger_in_few_calls(shop: Shop) -> None:
    shop.erp.master_data(Questions(legal_entity="usmf", items=frozenset({"m"}), customers=frozenset({"C1"}), orders=frozenset({"SO1"})))
    drafts = (head(), head(kind=K.FEE_ORDER))
    assert all(isinstance(outcome, Posted) for outcome in shop.post(*drafts))
    assert all(isinstance(outcome, Posted) for outcome in shop.post(goods_line(), fee_line()))
    verified = shop.find(*drafts, goods_line(), fee_line())
    assert {posting.key for posting in (*drafts, goods_line(), fee_line())} == set(verified)
    assert verified[goods_line().key].quantity == Decimal(-3)
    assert verified[goods_line().key].net == Decimal("-29.97")
    assert all(isinstance(outcome, Posted) for outcome in shop.post(release()))
    assert shop.post(receipt()) == [Pending(reference="ZZ-B0004")]

    assert shop.find(receipt())[receipt().key].open
    shop.run("arrivals", "packing-slip", "invoice")
    received = shop.find(receipt())[receipt().key]
    assert (received.quantity, received.open) == (Decimal(3), False)
    notes = shop.find(credit(), fee_credit())
    read = list(shop.erp.documents(date(2025, 1, 1), date(2025, 1, 31)))

    assert (notes[credit().key].net, notes[credit().key].tax) == (Decimal("-29.97"), Decimal("-5.99"))
    assert notes[fee_credit().key].net == Decimal("-3.50")
    assert sorted((document.net, document.tax, document.gross) for document in read) == [
        (Decimal("-29.97"), Decimal("-5.99"), Decimal("-35.96")), (Decimal("-3.50"), Decimal("-0.70"), Decimal("-4.20"))]
    plan = {"masters": 1, "rates": 1, "drafts": 1, "lines": 1, "verify": 1, "release": 1, "receipts": 4, "looks": 3, "ledger": 2}
    assert shop.erp.odata.calls == sum(plan.values())


def ready(shop: Shop, *lines: Posting) -> None:
    """Bring a return's order and lines into the ERP."""
    assert isinstance(shop.post(head())[0], Posted)
    assert all(isinstance(outcome, Posted) for outcome in shop.post(*(lines or (goods_line(),))))


def test_a_lost_answer_is_unconfirmed_and_then_found_once(shop: Shop) -> None:
    shop.find(head())
    shop.control("faults", {"kind": "answer-lost", "path": r"\$batch"})

    (outcome,) = shop.post(head())
    found = shop.find(head())

    assert isinstance(outcome, Unconfirmed)
    assert found[head().key].copies == 1
    assert found[head().key].ids["CustomersOrderReference"] == head().key.marker


@pytest.mark.parametrize("fault", [
    {"kind": "error-after"}, {"kind": "error-before", "status": 503}, {"kind": "html"}, {"kind": "html", "commit": True},
    {"kind": "cut-body"}, {"kind": "other-record"}, {"kind": "batch-part-missing"}, {"kind": "drip", "seconds": 0.2},
    {"kind": "error-before", "status": 408},
    {"kind": "error-before", "status": 409}, {"kind": "error-before", "status": 302},
], ids=lambda fault: f"{fault['kind']}-{fault.get('status', fault.get('commit', ''))}")
def test_whatever_leaves_doubt_is_unconfirmed(running: Running, fault: dict[str, Any]) -> None:
    shop = Shop(running, timeout_seconds="1.5")
    shop.find(head())
    shop.control("faults", {"path": r"\$batch", **fault})

    (outcome,) = shop.post(head())

    assert isinstance(outcome, Unconfirmed), outcome


def test_a_busy_environment_says_when_to_come_back_and_it_does_not_count(shop: Shop) -> None:
    shop.find(head())
    shop.control("faults", {"kind": "throttle", "path": r"\$batch", "retryAfter": 17})

    (outcome,) = shop.post(head())

    assert outcome == Rejected(sentence=outcome.sentence, transient=True, after_seconds=17, counts=False)
    assert shop.find(head()) == {}


def test_one_busy_part_of_a_batch_does_not_hold_the_others(shop: Shop) -> None:
    shop.find(head())
    shop.control("faults", {"kind": "batch-part-429"})

    outcomes = shop.post(head("R1"), head("R2"), head("R3"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Posted", "Posted", "Rejected"]
    assert all(outcome.transient for outcome in outcomes if isinstance(outcome, Rejected))


def test_an_expired_token_is_renewed_and_the_request_resent_once(shop: Shop) -> None:
    shop.find(head())
    shop.control("faults", {"kind": "token-expired", "path": r"\$batch"})

    assert isinstance(shop.post(head())[0], Posted)


def test_a_refused_token_is_no_effect_and_no_fault_of_the_content(shop: Shop) -> None:
    shop.find(head())
    shop.control("faults", {"kind": "token-expired", "path": r"\$batch", "times": 2})

    (outcome,) = shop.post(head())

    assert isinstance(outcome, Rejected)
    assert (outcome.transient, outcome.counts) == (True, False)


def test_bad_content_is_refused_with_the_erps_sentence_and_sinks_no_other_return(shop: Shop) -> None:
    ready(shop)
    shop.post(head("R2"))

    outcomes = shop.post(goods_line("R2", sku="STOPPED", line="STOPPED#1"), goods_line("R2", line="m#2"), goods_line("R1", line="m#3"))

    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected, Posted]
    assert "STOPPED" in outcomes[0].sentence
    assert not outcomes[0].transient
    assert shop.find(goods_line("R2", line="m#2")) == {}


def test_a_draft_sent_twice_is_seen_as_two_and_the_spare_goes(shop: Shop) -> None:
    ready(shop)
    shop.post(head())
    seen = shop.erp.find([head()], {}, {})[head().key]
    spares = [Posting(key=key(K.SPARE, f"{at}"), document=spare) for at, spare in enumerate(seen.spares)]

    there = shop.find(*spares)
    removed = shop.post(*spares)

    assert [spare.open for spare in there.values()] == [True]
    assert (seen.copies, len(spares)) == (2, 1)
    assert isinstance(spares[0].document, Spare)
    assert [type(outcome) for outcome in removed] == [Posted]
    assert shop.find(*spares) == {}
    assert shop.find(head())[head().key].copies == 1
    assert isinstance(shop.post(*spares)[0], Posted), "removing it twice is removing it once"


def test_lines_sent_twice_are_seen_as_two_and_the_spare_goes(shop: Shop) -> None:
    ready(shop)
    shop.post(goods_line())
    seen = shop.find(goods_line())[goods_line().key]
    spare = Posting(key=key(K.SPARE, "1"), document=seen.spares[0])

    (removed,) = shop.post(spare)

    assert seen.copies == 2
    assert isinstance(removed, Posted)
    assert shop.find(goods_line())[goods_line().key].copies == 1


def test_damaged_goods_never_leave_for_a_place_that_sells(shop: Shop) -> None:
    ready(shop, goods_line(quantity="5"))

    outcomes = shop.post(receipt(condition="BROKEN", disposition="RESTOCK"), receipt(quantity="2", part=2))

    assert [type(outcome) for outcome in outcomes] == [Rejected, Pending]
    assert "on sale" in outcomes[0].sentence


def test_rows_the_import_refuses_are_refused_one_by_one(shop: Shop) -> None:
    ready(shop, goods_line(quantity="5"))
    shop.control("faults", {"kind": "row-error", "rows": [2]})

    outcomes = shop.post(receipt(quantity="3"), receipt(quantity="2", part=2, place=BAD, erp_disposition="SC", disposition="SCRAP"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Pending", "Rejected"]


def test_a_lost_answer_to_an_import_is_unconfirmed_and_found_once_the_journal_is_posted(shop: Shop) -> None:
    ready(shop)
    shop.control("faults", {"kind": "answer-lost", "path": "ImportFromPackage"})

    (outcome,) = shop.post(receipt())
    before = shop.find(receipt())
    shop.run("arrivals")

    assert isinstance(outcome, Unconfirmed)
    assert before[receipt().key].open, "it arrived, so nothing is sent again"
    assert shop.find(receipt())[receipt().key].copies == 1


@pytest.mark.parametrize("step", ["GetAzureWriteUrl", "/blob/"])
def test_what_fails_before_the_import_may_be_sent_again(shop: Shop, step: str) -> None:
    ready(shop)
    shop.control("faults", {"kind": "error-before", "path": step})

    (outcome,) = shop.post(receipt())

    assert isinstance(outcome, Rejected)
    assert outcome.transient


def test_a_journal_sent_twice_shows_two_copies_and_the_open_one_can_be_removed(shop: Shop) -> None:
    ready(shop)
    shop.post(receipt())
    shop.sent -= 1
    shop.post(receipt())
    seen = shop.find(receipt())[receipt().key]
    spare = Posting(key=key(K.SPARE, "1"), document=seen.spares[0])

    (removed,) = shop.post(spare)
    shop.run("arrivals")

    assert (seen.copies, len(seen.spares)) == (2, 1)
    assert isinstance(removed, Posted)
    assert shop.find(receipt())[receipt().key].copies == 1


def test_parts_that_look_alike_get_a_credit_note_line_each_even_when_asked_one_by_one(shop: Shop) -> None:
    ready(shop, goods_line(quantity="4"))
    shop.post(receipt(quantity="2"), receipt(quantity="2", part=2))
    shop.run("arrivals", "packing-slip", "invoice")
    shop.find(receipt(quantity="2"), receipt(quantity="2", part=2))

    first = shop.find(credit(quantity="2"))[credit().key]
    second = shop.find(credit(quantity="2", part=2))[credit(part=2).key]
    whole = shop.find(goods_line(quantity="4"))[goods_line().key]

    assert first != second
    assert (whole.copies, whole.quantity) == (1, Decimal(-4))


def test_a_fee_order_that_grew_since_it_was_read_is_released_after_a_second_look(shop: Shop) -> None:
    shop.post(head(kind=K.FEE_ORDER))
    shop.post(fee_line())
    fee_head = shop.basis[head(kind=K.FEE_ORDER).key]
    shop.basis[head(kind=K.FEE_ORDER).key] = replace(fee_head, ids={**fee_head.ids, "etag": 'W/"stale"'})

    (outcome,) = shop.post(release())

    assert isinstance(outcome, Posted)
    assert shop.find(release())[release().key].ids["SalesOrderPoolId"] == "INV"


def test_a_fee_order_with_a_strange_line_is_not_released(shop: Shop) -> None:
    shop.post(head(kind=K.FEE_ORDER))
    shop.post(fee_line())
    fee_head = shop.basis[head(kind=K.FEE_ORDER).key]
    strange = replace(fee_line(), key=key(K.FEE_LINE, "line:other"))
    shop.post(strange)
    shop.basis[head(kind=K.FEE_ORDER).key] = replace(fee_head, ids={**fee_head.ids, "etag": 'W/"stale"'})

    (outcome,) = shop.post(release())

    assert isinstance(outcome, Rejected)
    assert "no longer holds exactly" in outcome.sentence
    assert shop.find(release()) == {}


def test_masters_and_sales_are_answered_in_one_call_and_items_are_kept(shop: Shop) -> None:
    asked = Questions(legal_entity="usmf", items=frozenset({"m", "STOPPED", "OLD", "FEE", "none"}), customers=frozenset({"C1", "HELD"}),
                      orders=frozenset({"SO1"}))
    told = shop.erp.master_data(asked)
    before = shop.erp.odata.calls
    again = shop.erp.master_data(replace(asked, items=frozenset({"m"})))

    assert {name: item.state for name, item in told.items.items() if name != "M"} == {
        "m": ItemState.ACTIVE, "STOPPED": ItemState.BLOCKED, "OLD": ItemState.DISCONTINUED, "FEE": ItemState.ACTIVE}
    assert (told.items["FEE"].service, told.items["m"].unit, told.items["m"].highest_price) == (True, "ea", Decimal("12.5"))
    assert (told.customers["C1"].on_hold, told.customers["HELD"].on_hold) == (False, True)
    (line,) = told.sales["SO1"].lines
    assert (line.quantity, line.unit_price, line.unit_cost) == (Decimal(10), Decimal("9.99"), Decimal(4))
    assert told.places == {DOCK, BAD}
    assert (told.disposition_codes, told.reason_codes) == ({"CR", "SC"}, {"SIZE"})
    assert shop.erp.odata.calls - before == 1
    assert again.items["m"] == told.items["m"]


def test_closed_periods_come_from_the_environment(shop: Shop) -> None:
    shop.control("periods", {"month": "2024-12", "status": "closed"})

    (told,) = shop.erp.master_data(Questions(legal_entity="usmf")).periods
    assert (told.first, told.last, told.status) == (date(2024, 12, 1), date(2024, 12, 31), Status.CLOSED)


def test_a_period_on_hold_and_a_module_nobody_may_post_in_are_told_with_their_days(shop: Shop) -> None:
    shop.control("periods", [{"from": "2024-12-01", "to": "2024-12-28", "status": "on hold", "name": "P11", "year": "2024"},
                             {"from": "2024-12-29", "to": "2025-02-01", "status": "open", "name": "P12", "modules": {"Invent": "None"}},
                             {"from": "2024-12-29", "to": "2024-12-29", "status": "closed", "name": "Closing", "type": "Closing"}])

    told = shop.erp.master_data(Questions(legal_entity="usmf")).periods

    assert [str(each) for each in told] == ["P11 of 2024 is on hold", "P12 of 2024 is open", "P12 of 2024 is on hold for inventory"]
    assert [(str(each.first), str(each.last)) for each in told[:2]] == [("2024-12-01", "2024-12-28"), ("2024-12-29", "2025-02-01")]


def test_the_jobs_the_options_name_are_told_with_their_next_time_and_whether_they_will_run(running: Running) -> None:
    slip, sale = "Sales packing slip, returned orders", "Sales invoice, returned orders"
    shop = Shop(running, batch_jobs=f"{slip}; {sale}; Nobody's job")
    shop.control("clock", {"now": "2025-01-11T03:00:00Z"})  # so that runs that are over stand there too, under the same name
    asked = Questions(legal_entity="usmf")

    planned = shop.erp.master_data(asked).jobs
    shop.control("seed", {"settings": {"jobStates": {"packing-slip": "Hold", "invoice": "Canceled"}}, "rows": {}})
    stopped = shop.erp.master_data(asked).jobs

    assert planned == (Job(name=slip, standing=Standing.PLANNED, at=datetime(2025, 1, 12, 1, 30, tzinfo=UTC)),
                       Job(name=sale, standing=Standing.PLANNED, at=datetime(2025, 1, 12, 2, tzinfo=UTC)),
                       Job(name="Nobody's job", standing=Standing.MISSING))
    assert [each.standing for each in stopped] == [Standing.WITHHELD, Standing.ENDED, Standing.MISSING]
    assert shop.run_until("2025-01-13T03:00:00Z") == ["arrivals", "inventory", "visibility"] * 2, "what is held does not run"


def test_of_rows_of_one_job_what_comes_next_is_told_and_those_of_other_companies_are_left_out() -> None:
    def row(status: str, day: int, **more: Any) -> dict[str, Any]:
        return {"JobDescription": "Invoice", "Status": status, "StartDateTime": f"2025-01-{day:02d}T02:00:09Z", "Recurrence": "RA==",
                "OrigStartDateTime": f"2025-01-{day:02d}T02:00:00Z", "CompanyAccounts": "USMF"} | more

    def told(*rows: dict[str, Any]) -> Job:
        entity = LegalEntity(id="usmf", erp="finance-scm", deployment="A", currency="GBP", options={"batch_jobs": "Invoice"})
        (job,) = masters.jobs(wire.Settings.of(entity), rows)
        return job

    over = [row("Finished", 8), row("Error", 9)]
    assert told(*over, row("Waiting", 12), row("Waiting", 11)).at == datetime(2025, 1, 11, 2, 0, 9, tzinfo=UTC)
    assert told(*over, row("Executing", 10)).at == datetime(2025, 1, 10, 2, tzinfo=UTC), "when it should have begun"
    assert told(row("Waiting", 11, Recurrence=None)).again is False
    assert (told(*over).standing, told(row("Error", 8), row("Finished", 9)).standing) == (Standing.FAILED, Standing.ENDED)
    assert told(row("Waiting", 11, CompanyAccounts="demf")).standing is Standing.MISSING
    assert told(row("Waiting", 11, StartDateTime="1900-01-01T00:00:00Z")).at is None


def test_a_lone_case_of_letters_is_another_item(shop: Shop) -> None:
    told = shop.erp.master_data(Questions(legal_entity="usmf", items=frozenset({"m"})))

    assert told.items["m"].number == "m"
    assert all(name == item.number for name, item in told.items.items())


def test_all_pages_are_read(running: Running) -> None:
    shop = Shop(running, page_size="2")
    heads = [head(f"R{at}") for at in range(7)]
    shop.post(*heads)

    assert set(shop.find(*heads)) == {posting.key for posting in heads}


def test_an_environment_that_has_it_all_meets_the_needs_of_the_mode(shop: Shop) -> None:
    told = shop.erp.capabilities()

    assert told.missing == ()
    assert told.route.nature[K.RECEIPT] == "keyed"
    assert any("ReturningInventoryLotId" in note for note in told.notes)


def test_without_a_token_nothing_is_sent(running: Running) -> None:
    shop = Shop(running)
    shop.erp = adapter.connect(shop.entity, shop.rules, {"client_secret": "wrong"})

    with pytest.raises(Misconfigured, match="token service refuses"):
        shop.post(head())
    assert "wrong" not in repr(shop.erp.odata.connection)


def test_a_certificate_proves_the_application_and_no_secret_is_sent(running: Running) -> None:
    shop, mine, other = Shop(running), certificate("backhaul"), certificate("backhaul")
    registered = mine.partition("-----BEGIN CERTIFICATE-----")
    shop.control("seed", {"settings": {"clientCertificate": "".join(registered[1:]), "clientSecret": "nobody knows it"}, "rows": {}})
    stranger = adapter.connect(shop.entity, shop.rules, {"client_certificate": other})

    shop.erp = adapter.connect(shop.entity, shop.rules, {"client_certificate": mine, "client_secret": "of before"})

    assert shop.erp.capabilities().missing == ()
    with pytest.raises(Misconfigured, match="token service refuses"):
        stranger.odata.token()
    late = adapter.connect(shop.entity, shop.rules, {"client_certificate": mine})
    late.odata.now = lambda: datetime.now(UTC) - timedelta(minutes=6)
    with pytest.raises(Misconfigured, match="invalid_client"):
        late.odata.token()
    assert "PRIVATE" not in repr(shop.erp.odata.connection)
    for wrong in (registered[0], "".join(registered[1:]), "no PEM", mine.replace("M", "?")):
        with pytest.raises(Misconfigured, match="client certificate") as said:
            adapter.connect(shop.entity, shop.rules, {"client_certificate": wrong})
        assert "BEGIN" not in str(said.value)


def certificate(name: str) -> str:
    """Make a certificate of our own and its key, as one PEM file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    whose, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    signed = x509.CertificateBuilder().subject_name(whose).issuer_name(whose).public_key(key.public_key()).serial_number(
        x509.random_serial_number()).not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (secret + signed.public_bytes(serialization.Encoding.PEM)).decode()


def test_what_hangs_on_something_unknown_is_refused_unsent(shop: Shop) -> None:
    line, stock, note = shop.post(goods_line())[0], shop.post(receipt())[0], shop.post(credit())[0]

    assert all(isinstance(outcome, Rejected) for outcome in (line, stock, note))
    assert shop.erp.odata.calls == 0


def test_a_deployment_nobody_wrote_is_refused(shop: Shop) -> None:
    with pytest.raises(Misconfigured, match="deployment 'D'"):
        adapter.connect(replace(shop.entity, deployment="D"), shop.rules, {"client_secret": "secret"})
    with pytest.raises(Misconfigured, match="client_secret"):
        adapter.connect(shop.entity, shop.rules, {})


def test_dates_sent_are_noon(shop: Shop) -> None:
    line = ErpDocument(number="L", ids={"ReturnOrderNumber": "1", "ReturnInventoryLotId": "L"})

    row = arrival_line(receipt(), line, datetime(2025, 1, 31, 23, 59, tzinfo=UTC).date(), shop.erp.told)

    assert row["TransactionDate"] == "2025-01-31T12:00:00Z"
    assert row["ItemQuantity"] == "3"


def test_a_head_can_be_removed_by_the_kind_of_its_posting_together_with_its_lines(shop: Shop) -> None:
    shop.post(head(kind=K.FEE_ORDER))
    shop.post(fee_line())
    doubtful = shop.basis[head(kind=K.FEE_ORDER).key]
    spare = Posting(key=key(K.SPARE, "fees"), document=Spare(entity="fee-order", ids=doubtful.ids))

    (removed,) = shop.post(spare)

    assert isinstance(removed, Posted)
    assert shop.find(head(kind=K.FEE_ORDER), fee_line()) == {}


def test_units_somebody_else_returned_are_counted_and_ours_are_not(shop: Shop) -> None:
    ready(shop)
    token = {"Authorization": f"Bearer {shop.erp.odata.token()}"}
    order = {"CustomerAccountNumber": "C1", "CustomersOrderReference": "by hand", "CustomerRequisitionNumber": "SO1",
             "DefaultReturnWarehouseId": "RET"}
    made = WIRE.post(f"{shop.url}/data/ReturnOrderHeadersV2", json=order, headers=token, timeout=10).json()
    line = {"ReturnOrderNumber": made["ReturnOrderNumber"], "ItemNumber": "m", "ReturnSalesQuantity": -2, "SalesPrice": 9.99}
    WIRE.post(f"{shop.url}/data/ReturnOrderLinesV2", json=line, headers=token, timeout=10).raise_for_status()

    told = shop.erp.master_data(Questions(legal_entity="usmf", orders=frozenset({"SO1"})))

    assert [sold.returned for sold in told.sales["SO1"].lines] == [Decimal(2)]


def test_an_import_refused_before_it_ran_is_a_refusal(shop: Shop) -> None:
    ready(shop)
    shop.control("faults", {"kind": "error-before", "status": 400, "path": "ImportFromPackage"})

    (outcome,) = shop.post(receipt())

    assert isinstance(outcome, Rejected), outcome
    assert shop.find(receipt()) == {}


def test_an_import_that_failed_after_it_ran_is_settled_by_what_it_left(shop: Shop) -> None:
    ready(shop)
    shop.control("faults", {"kind": "error-after", "path": "ImportFromPackage"})

    (outcome,) = shop.post(receipt())

    assert isinstance(outcome, (Pending, Unconfirmed))
    assert shop.find(receipt())[receipt().key].open


def test_an_import_that_hangs_is_pending(shop: Shop) -> None:
    ready(shop)
    shop.control("faults", {"kind": "import-stuck"})

    assert isinstance(shop.post(receipt())[0], Pending)


class Bare(BaseHTTPRequestHandler):
    """An environment that has a metadata service and nothing in it."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{"access_token": "T", "expires_in": 3600, "value": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  the base class asks for this name

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_an_environment_that_lacks_something_is_told_by_name_as_far_as_the_mode_needs_it(mode: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bare) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        entity = LegalEntity(id="usmf", erp="finance-scm", deployment=mode, currency="GBP",
                             options={"base_url": url, "token_url": f"{url}/token", "client_id": "c"})
        rules = Rules(tenant="t", version="1", entities=(entity,), mapping=(), fees={},
                      sellability=Sellability(places=frozenset(), dispositions=frozenset(), conditions=frozenset()))
        erp = adapter.connect(entity, rules, {"client_secret": "x"})
        told = erp.capabilities()
        erp.odata.close()
        server.shutdown()

    returns = {"entity set ReturnOrderHeadersV2", "entity set ReturnOrderLinesV2", "enumeration InventTransType lacks Sales"}
    arrivals = {"entity set ItemArrivalJournalHeadersV2", "entity set ItemArrivalJournalLinesV2"}
    assert {"entity set SalesOrderHeadersV2", "entity set CustomersV3"} <= set(told.missing)
    assert told.deployment == mode
    assert set(told.missing) & (returns | arrivals) == {"A": returns | arrivals, "B": returns, "C": set()}[mode]
    assert "optional: entity set InventTransBiEntities" in told.notes


@pytest.mark.parametrize(("mode", "unwritable", "missing"), [
    ("A", "ReturnOrderLinesV2.ReturnDispositionCode", ()),
    ("B", "ReturnOrderLinesV2.ReturnDispositionCode", ("ReturnOrderLinesV2.ReturnDispositionCode cannot be written",)),
    ("B", "ReturnOrderHeadersV2.IsReturnProcessingStopped", ("ReturnOrderHeadersV2.IsReturnProcessingStopped cannot be written",)),
    ("C", "SalesOrderLines.ShippingWarehouseLocationId", ("SalesOrderLines.ShippingWarehouseLocationId cannot be written",)),
    ("C", "ReturnOrderHeadersV2.IsReturnProcessingStopped", ()),
])
def test_a_mode_is_refused_for_what_it_writes_and_for_nothing_else(running: Running, mode: str, unwritable: str,
                                                                  missing: tuple[str, ...]) -> None:
    shop = Shop(running)
    shop.control("seed", SEED | {"settings": SEED["settings"] | {"readOnly": [unwritable]}})
    erp = adapter.connect(replace(shop.entity, deployment=mode), shop.rules, {"client_secret": "secret"})

    assert erp.capabilities().missing == missing
