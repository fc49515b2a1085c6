"""What the Business Central adapter asks, and what it makes of the answers, on an emulated company."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.finance_scm.test_erp import certificate
from tests.journeys.stage import WIRE

from backhaul.adapters.business_central import erp as adapter, wire
from backhaul.adapters.business_central.central import Write
from backhaul.adapters.business_central.changed import MANY, Changed
from backhaul.adapters.business_central.emulator import serve
from backhaul.domain.disposition import Circumstance, MappingRow, Outcome, Place, Sellability
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import (
    ErpDocument,
    ErpItem,
    OrderLine,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind as K,
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

MAIN, QUAR = Place(warehouse="MAIN", location="-"), Place(warehouse="QUAR", location="-")
SEED: dict[str, Any] = {"settings": {"now": "2025-01-10T08:00:00Z"}, "rows": {
    "companies": [{"name": "CRONUS"}], "locations": [{"code": "MAIN"}, {"code": "QUAR"}],
    "customers": [{"number": "C1", "displayName": "One", "vatBusPostingGroup": "DOM"}], "taxGroups": [{"code": "FULL"}],
    "vatPostingSetups": [{"vatBusPostingGroup": "DOM", "vatProdPostingGroup": "FULL", "vatPercent": 20}],
    "customerReturnReasons": [{"code": "SIZE"}],
    "items": [{"number": name, "type": "Inventory", "taxGroupCode": "FULL", "baseUnitOfMeasureCode": "PCS", "unitPrice": 5, "unitCost": 2,
               "gtin": f"400000000{at}"} for at, name in enumerate(("TEA", "SHIRT"))],
    "itemVariants": [{"itemNumber": "SHIRT", "code": "RED"}]}}
SALE = {"legalEntity": "CRONUS", "salesOrder": "W-1", "customer": "C1", "currency": "GBP", "date": "2024-12-20", "warehouse": "MAIN",
        "lines": [{"item": "TEA", "quantity": 10, "price": 5}, {"item": "SHIRT", "variant": "RED", "quantity": 2, "price": 5}]}


class Company:
    """An emulated company that sold something, and its ERP port."""

    def __init__(self, url: str, **options: str) -> None:
        self.url = url
        for path, told in (("reset", {}), ("seed", SEED), ("sales", {"orders": [SALE]})):
            self.control(path, told)
        entity = LegalEntity(id="crgb", erp="business-central", deployment="C", currency="GBP", options={
            "base_url": f"{url}/v2.0/tenant/test", "token_url": f"{url}/tenant/oauth2/v2.0/token", "client_id": "backhaul",
            "company": "CRONUS", "timeout_seconds": "5", "receivable_accounts": "2310", "tax_accounts": "5610"} | options)
        self.rules = Rules(tenant="t", version="1", entities=(entity,), mapping=(), fees={}, sellability=Sellability(
            places=frozenset({MAIN}), dispositions=frozenset({"RESELL"}), conditions=frozenset({"A"})))
        self.erp = adapter.connect(entity, self.rules, {"client_secret": "secret"})
        self.basis: dict[PostingKey, ErpDocument] = {}

    def control(self, path: str, told: object = None) -> Any:
        answer = WIRE.post(f"{self.url}/control/{path}", json=told or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledgers(self) -> Mapping[str, Any]:
        return dict(WIRE.get(f"{self.url}/control/ledgers", timeout=10).json())

    def post(self, *postings: Posting) -> list[Any]:
        outcomes = self.erp.post(PostingBatch(key="ZZB1", tenant="t", legal_entity="crgb", kind=postings[0].key.kind, period="2025-01",
                                              postings=postings, basis=self.basis))
        self.basis |= {posting.key: outcome.document for posting, outcome in zip(postings, outcomes, strict=True)
                       if isinstance(outcome, Posted)}
        return list(outcomes)

    def draft(self, ref: str = "R1", quantity: int = 2, place: Place = MAIN, **more: Any) -> list[Posting]:
        """Write head, line and release of one memo, and send the drafts."""
        head = Posting(key=_key(ref, K.ORDER, "order:W-1"), currency="GBP", document=ReturnOrder(
            return_ref=ref, customer="C1", currency="GBP", warehouse="MAIN", order="W-1", net=Decimal(5 * quantity)))
        goods = Receipt(line_id="1", sku="TEA", quantity=Decimal(quantity), condition="A", disposition="RESELL", erp_disposition="",
                        place=place, outcome=Outcome.RESTOCKED)
        line = Posting(key=_key(ref, K.ORDER_LINE, "line:1"), needs=(head.key,), currency="GBP", document=OrderLine(
            line_id="1", sku="TEA", quantity=Decimal(quantity), unit_price=Decimal(5), warehouse="MAIN", intake=goods, **more))
        release = Posting(key=_key(ref, K.RELEASE, "order:W-1"), needs=(head.key, line.key), currency="GBP",
                          document=Release(return_ref=ref, lines=(line.key.marker,)))
        assert all(isinstance(outcome, Posted) for posting in (head, line) for outcome in self.post(posting))
        return [head, line, release]


def _key(ref: str, kind: K, subject: str) -> PostingKey:
    return PostingKey(tenant="t", legal_entity="crgb", return_ref=ref, subject=subject, kind=kind)


@pytest.fixture(scope="module")
def environment() -> Iterator[str]:
    running = serve(state=None)
    yield running.base_url
    running.close()


@pytest.fixture
def company(environment: str) -> Company:
    return Company(environment)


def test_a_draft_is_read_back_with_tax_place_and_nothing_in_its_total_that_is_not_ours(company: Company) -> None:
    head, line, _ = company.draft(place=QUAR)

    found = company.erp.find([head, line], company.basis, {})

    assert (found[head.key].net, found[head.key].gross, found[head.key].copies) == (Decimal(-10), Decimal(-12), 1)
    told = found[line.key]
    assert (told.quantity, told.net, told.tax, told.place, told.item, told.unexplained) == (
        -2, -10, -2, QUAR, ErpItem(number="TEA"), 0)


def test_every_credit_of_the_ledger_is_told_ours_or_not_and_by_the_accounts(company: Company) -> None:
    *_, release = company.draft()
    company.post(release)
    (strange,) = company.erp.central.write([Write(method="POST", address="salesCreditMemos", body={
        "customerNumber": "C1", "salesCreditMemoLines": [{"lineType": "Item", "lineObjectNumber": "TEA", "quantity": 1, "unitPrice": 3,
                                                          "locationId": company.erp.masters.list_of("locations")["MAIN"]}]})])
    company.erp.central.act(f"salesCreditMemos({strange.body['id']})/Microsoft.NAV.post")

    told = list(company.erp.documents(date(2025, 1, 1), date(2025, 1, 31)))

    assert [(each.net, each.tax, each.gross, each.posted_on) for each in told] == [
        (Decimal(-10), Decimal(-2), Decimal(-12), date(2025, 1, 10)), (Decimal(-3), Decimal("-0.6"), Decimal("-3.6"), date(2025, 1, 10))]
    assert told[0].cost == 4
    assert list(company.erp.documents(date(2025, 2, 1), date(2025, 2, 28))) == []


@pytest.mark.parametrize("mode", ["A", "B"])
def test_where_the_customer_ledger_is_shown_it_says_what_a_memo_took_off_and_a_memo_it_lacks_has_no_gross(
        company: Company, mode: str) -> None:
    *_, release = company.draft()
    company.post(release)
    ghost = {"documentNumber": "PS-CR900000", "documentType": "Credit Memo", "postingDate": "2025-01-10"}
    company.control("seed", {"settings": {"extension": True}, "rows": {"generalLedger": [
        {**ghost, "entryNumber": 9001, "accountNumber": "2310", "amount": -5},
        {**ghost, "entryNumber": 9002, "accountNumber": "6110", "amount": 5}]}})
    entity = replace(company.erp.entity, deployment=mode, options=company.erp.entity.options | {"receivable_accounts": "none"})
    other = adapter.connect(entity, company.rules, {"client_secret": "secret"})

    ghostly, ours = sorted(other.documents(date(2025, 1, 1), date(2025, 1, 31)), key=lambda each: each.number != ghost["documentNumber"])

    assert (ours.net, ours.tax, ours.gross) == (Decimal(-10), Decimal(-2), Decimal(-12))
    assert (ghostly.number, ghostly.net, ghostly.gross) == ("PS-CR900000", None, None)


def test_where_the_customer_ledger_is_not_published_the_accounts_speak(company: Company) -> None:
    *_, release = company.draft()
    company.post(release)
    company.control("seed", {"settings": {"unpublished": ["Cust_LedgerEntries"]}, "rows": {}})
    other = adapter.connect(replace(company.erp.entity, deployment="B"), company.rules, {"client_secret": "secret"})

    (ours,) = other.documents(date(2025, 1, 1), date(2025, 1, 31))

    assert (ours.net, ours.tax, ours.gross) == (Decimal(-10), Decimal(-2), Decimal(-12))


def test_a_certificate_proves_the_application_here_as_well(company: Company) -> None:
    mine = certificate("backhaul")
    company.control("seed", {"settings": {"clientCertificate": mine[mine.index("-----BEGIN CERTIFICATE"):]}, "rows": {}})
    entity = company.erp.entity

    proven = adapter.connect(entity, company.rules, {"client_certificate": mine})
    stranger = adapter.connect(entity, company.rules, {"client_certificate": certificate("backhaul")})

    assert proven.central.token()
    with pytest.raises(Misconfigured, match="token service refuses"):
        stranger.central.token()


def test_a_second_head_with_one_mark_is_a_spare_and_a_posted_one_never_is(company: Company) -> None:
    head, _, release = company.draft()
    (twin,) = company.erp.central.write([wire.head(head)])
    found = company.erp.find([head], company.basis, {})[head.key]

    (spare,) = found.spares
    removal = Posting(key=replace(head.key, kind=K.SPARE), document=spare)
    company.post(release)
    posted = Posting(key=replace(head.key, kind=K.SPARE, subject="x"), document=Spare(entity=wire.MEMOS, ids={"id": found.ids["id"]}))

    assert (found.copies, spare.ids["id"]) == (2, twin.body["id"])
    assert [type(outcome) for outcome in company.post(removal, posted)] == [Posted, Rejected]
    assert company.erp.find([removal], {}, {}) == {}
    assert len(company.ledgers()["creditNotes"]) == 1


def test_posting_twice_credits_once_and_says_so_in_the_second_answer(company: Company) -> None:
    *_, release = company.draft()

    first, second = company.post(release)[0], company.post(release)[0]

    assert (type(first), type(second)) == (Posted, Posted), "what says that it is posted is read again, and is"
    assert len(company.ledgers()["creditNotes"]) == 1


def test_posted_under_the_drafts_own_number_is_told_by_the_ledger(company: Company) -> None:
    head, line, release = company.draft()
    company.post(release)
    posted = company.erp.find([release], company.basis, {})[release.key]
    same = company.basis | {head.key: replace(company.basis[head.key], number=posted.number)}

    assert posted.number != company.basis[head.key].number
    assert release.key in company.erp.find([release], same, {})
    assert company.erp.find([line], same, {})[line.key].copies == 1


def test_a_line_sent_twice_is_there_once(company: Company) -> None:
    _, line, _ = company.draft()

    (again,) = company.post(line)

    assert isinstance(again, Unconfirmed)
    assert company.erp.find([line], company.basis, {})[line.key].copies == 1


def test_damaged_goods_are_refused_before_anything_is_sent(company: Company) -> None:
    _, line, _ = company.draft()
    document = line.document
    assert isinstance(document, OrderLine)
    assert document.intake is not None
    bad = replace(line, key=replace(line.key, subject="line:2"),
                  document=replace(document, intake=replace(document.intake, condition="D", disposition="SCRAP")))
    company.control("calls/reset")

    (outcome,) = company.post(bad)

    assert isinstance(outcome, Rejected)
    assert "is on sale. Nothing was sent" in outcome.sentence
    assert WIRE.get(f"{company.url}/control/calls", timeout=10).json()["counted"] == 0


def test_masters_say_what_the_judge_asks(company: Company, environment: str) -> None:
    told = company.erp.master_data(Questions(legal_entity="crgb", items=frozenset({"TEA", "SHIRT"}), customers=frozenset({"C1"}),
                                             orders=frozenset({"W-1", "W-2"})))
    sale = told.sales["W-1"]

    assert set(told.sales) == {"W-1"}
    tea, _ = sale.lines
    assert (tea.sku, tea.quantity, tea.unit_price, tea.unit_cost) == ("TEA", 10, 5, 2)
    assert (told.items["SHIRT"].needs_variant, told.items["TEA"].needs_variant) == (True, False)
    assert told.taxes.rate(told.customers["C1"].tax_group, "FULL", date(2025, 1, 10)) == 20
    assert told.taxes.rate("another", "FULL", date(2025, 1, 10)) == 0
    assert told.warehouses == {"MAIN", "QUAR"}
    by_code = Company(environment, sku="gtin").erp.master_data(Questions(legal_entity="crgb", items=frozenset({"4000000000"})))
    wanted = Questions(legal_entity="crgb", items=frozenset({"SHIRT/RED", "SHIRT/BLUE"}))
    by_variant = Company(environment, sku="variant").erp.master_data(wanted)
    assert by_code.items["4000000000"].erp == ErpItem(number="TEA")
    assert (by_variant.items["SHIRT/RED"].needs_variant, by_variant.items["SHIRT/BLUE"].needs_variant) == (False, True)


def test_what_somebody_credited_by_hand_is_no_longer_returnable(company: Company) -> None:
    (memo,) = company.erp.central.write([Write(method="POST", address="salesCreditMemos", body={
        "customerNumber": "C1", "invoiceNumber": "PS-INV000001",
        "salesCreditMemoLines": [{"lineType": "Item", "lineObjectNumber": "TEA", "quantity": 4, "unitPrice": 5}]})])

    told = company.erp.master_data(Questions(legal_entity="crgb", items=frozenset({"TEA"}), orders=frozenset({"W-1"})))

    assert memo.good, memo.body
    assert [(line.returned, line.returned_net) for line in told.sales["W-1"].lines if line.sku == "TEA"] == [(4, 20)]


def test_rows_a_mode_cannot_carry_out_and_sets_that_refuse_its_question_are_named(company: Company) -> None:
    def row(outcome: Outcome, code: str, place: Place = QUAR) -> MappingRow:
        return MappingRow(when=Circumstance(legal_entity="crgb", warehouse="W", disposition="D", condition=outcome.value, reason=""),
                          outcome=outcome, erp_disposition=code, place=place)

    rules = replace(company.rules, mapping=(row(Outcome.WITHOUT_GOODS, ""), row(Outcome.SCRAPPED, "account:6130"),
                                            row(Outcome.NON_SELLABLE, "", Place(warehouse="QUAR", location="B-1"))))
    company.erp.rules = rules
    company.erp.master_data(Questions(legal_entity="crgb"))
    company.control("faults", {"kind": "batch-part-400", "part": 0})

    told = company.erp.capabilities()

    assert [line.partition(":")[0] for line in told.missing] == [
        "entity set items as this mode reads it", "mapping of D/without_goods at W", "mapping of D/scrapped at W",
        "mapping of D/non_sellable at W"]
    assert any("28.0.0.0" in note for note in told.notes)


def test_a_company_that_is_not_there_letter_by_letter_is_named(environment: str) -> None:
    with pytest.raises(Misconfigured, match="no company named 'cronus'"):
        Company(environment, company="cronus").erp.master_data(Questions(legal_entity="crgb"))


def test_stock_is_told_by_location_or_not_at_all(company: Company) -> None:
    told = company.erp.stock(["TEA"], ["MAIN"])

    assert told.units == {("TEA", "MAIN"): 10}
    company.control("seed", {"settings": {"unpublished": ["ItemLedgerEntries"]}})
    with pytest.raises(Misconfigured, match="ItemLedgerEntries is not published"):
        company.erp.stock(["TEA"], ["MAIN"])
    with pytest.raises(Misconfigured, match="it must sell as a whole"):
        company.erp.stock(["TEA"], ["QUAR"])


def test_a_read_that_is_not_whole_is_later_and_not_half(company: Company) -> None:
    company.control("faults", {"kind": "batch-part-missing", "part": 0})

    with pytest.raises(RetryLater):
        company.erp.master_data(Questions(legal_entity="crgb", items=frozenset({"TEA"})))


def test_more_than_a_batch_takes_is_several_and_what_comes_after_a_failed_one_is_not_sent(company: Company) -> None:
    company.erp.central.limits = replace(company.erp.central.limits, operations=2)
    company.control("faults", {"kind": "throttle", "retryAfter": 5, "skip": 1, "body": "POST"})
    heads = [Write(method="POST", address="salesCreditMemos", body={"customerNumber": "C1"}) for _ in range(6)]
    company.erp.master_data(Questions(legal_entity="crgb"))
    company.control("calls/reset")

    answers = company.erp.central.write(heads)

    assert [answer.status for answer in answers[:4]] == [201, 201, 429, 429]
    assert [answer.sent for answer in answers[4:]] == [False, False]


def test_nothing_is_asked_faster_than_the_limit(company: Company) -> None:
    central, slept, now = company.erp.central, list[float](), [0.0]
    central.limits = replace(central.limits, per_minute=2)
    central.age, central.sleep = lambda: now[0], slept.append

    for _ in range(3):
        central.read([])
        central._wait()

    assert slept == [60.0]


def test_an_item_or_a_customer_that_is_blocked_meanwhile_is_known_before_what_is_kept_of_it_is_old(company: Company) -> None:
    wanted = Questions(legal_entity="crgb", items=frozenset({"TEA", "SHIRT"}), customers=frozenset({"C1"}))
    before = company.erp.master_data(wanted)
    company.control("calls/reset", {})
    again = company.erp.master_data(wanted)
    quiet = WIRE.get(f"{company.url}/control/calls", timeout=10).json()["counted"]
    company.control("seed", {"rows": {"items": [{"number": "TEA", "blocked": True}], "customers": [{"number": "C1", "blocked": "All"}]}})

    after = company.erp.master_data(wanted)

    assert (before.items["TEA"].state, before.customers["C1"].on_hold) == (ItemState.ACTIVE, False)
    assert (again, quiet) == (before, 1)
    assert (after.items["TEA"].state, after.customers["C1"].on_hold) == (ItemState.BLOCKED, True)
    assert after.items["SHIRT"] == before.items["SHIRT"]
    assert company.erp.master_data(wanted) == after


def test_a_second_item_that_gets_a_barcode_we_know_makes_it_say_two_things(environment: str) -> None:
    company = Company(environment, sku="gtin")
    wanted = Questions(legal_entity="crgb", items=frozenset({"4000000000"}))
    before = company.erp.master_data(wanted)
    company.control("seed", {"rows": {"items": [{"number": "SHIRT", "gtin": "4000000000"}]}})

    after = company.erp.master_data(wanted)

    assert before.items["4000000000"].also == ()
    assert after.items["4000000000"].also == ("SHIRT", "TEA")


def test_a_price_list_that_changes_every_item_at_once_is_read_once_and_not_at_every_turn() -> None:
    kept = Changed(entity_set="items", names=("number", "gtin"))
    kept.keep([{"number": "TEA", "@odata.etag": "1", "lastModifiedDateTime": "2025-01-10T08:00:00Z"}])
    all_new = [{"number": str(each), "@odata.etag": "2", "lastModifiedDateTime": f"2025-01-11T02:00:{each % 60:02}.5Z"}
               for each in range(MANY + 1)]

    def asked() -> str:
        return kept.ask()[0].where.removeprefix("lastModifiedDateTime ")

    assert asked() == "ge 2025-01-10T07:55:00.000Z"
    assert len(kept.news(all_new)) == MANY + 1
    assert asked() == "gt 2025-01-11T02:00:59.500Z"
    kept.keep([{"number": "TEA", "@odata.etag": "2", "lastModifiedDateTime": "2025-01-11T02:00:30Z"}])
    assert asked() == "gt 2025-01-11T02:00:59.500Z", "what was read by name meanwhile says nothing of how many there are"
    kept.news([{"number": "TEA", "@odata.etag": "3", "lastModifiedDateTime": "2025-01-11T02:04:00Z"}])
    assert asked() == "gt 2025-01-11T02:00:59.500Z"
    kept.news([{"number": "TEA", "@odata.etag": "4", "lastModifiedDateTime": "2025-01-11T09:00:00Z"}])
    assert asked() == "ge 2025-01-11T08:55:00.000Z"
