"""An adjustment for Inventory Visibility says what its contract asks for and nothing else; its answer is read without wishful thinking."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.finance_scm.yard import QUAR, Yard
from tests.journeys.stage import WIRE

from backhaul.adapters.finance_scm import erp as adapter, visibility
from backhaul.adapters.odata import Answer
from backhaul.domain.posting import Adjustment, ErpItem, Issue, Pending, Posting, PostingKey, PostingKind, Rejected, Unconfirmed

if TYPE_CHECKING:
    from backhaul.adapters.finance_scm.visibility import Visibility

NEEDED = {"id", "organizationId", "productId", "quantityDataSource", "physicalMeasure", "dimensions", "quantity"}
OPTIONAL = {"externalReferenceCategory", "externalReferenceId", "fnoJournalNameId", "costPrice", "transDate"}
"""The fields of an event, as documented (facts/finance-scm 2.5)."""
BULK = "/api/environment/env-1/transaction/adjustment/bulk"


@pytest.fixture
def seen(yard: Yard) -> Yard:
    """Give a legal entity whose adjustments go through the add-in."""
    (entity,) = yard.rules.entities
    options = {"journals_by": "visibility", "visibility_url": yard.url, "visibility_environment": "env-1", "visibility_source": "backhaul",
               "visibility_measure": "returned", "visibility_token_url": f"{yard.url}/security/token"}
    yard.erp = adapter.connect(replace(entity, options={**entity.options, **options}), yard.rules, {"client_secret": "secret"})
    return yard


def moved(ref: str, units: str = "2", kind: PostingKind = PostingKind.ADJUSTMENT, item: ErpItem | None = None) -> Posting:
    key = PostingKey(tenant="t", legal_entity="usmf", return_ref=ref, subject="surplus:m#1", kind=kind)
    document = Adjustment if kind is PostingKind.ADJUSTMENT else Issue
    return Posting(key=key, currency="GBP", document=document(line_id="m#1", sku="m", quantity=Decimal(units), place=QUAR, item=item,
                                                              unit_cost=Decimal("3.5")))


def events(yard: Yard) -> list[dict[str, Any]]:
    """Give what the add-in was handed, as it came."""
    wire = WIRE.get(f"{yard.url}/control/wire", timeout=10).json()["requests"]
    return [event for each in wire if each["target"] == BULK for event in json.loads(base64.b64decode(each["body"]))]


def service(yard: Yard) -> Visibility:
    told: Any = yard.erp
    return told.visibility


def test_an_event_holds_what_the_contract_names_and_nothing_else(seen: Yard) -> None:
    red = ErpItem(number="SHIRT", dimensions=(("ProductSizeId", "M"), ("ProductColorId", "RED")))

    outcomes = seen.post(moved("R-1"), moved("R-2", "1", PostingKind.ISSUE, red))

    assert [type(each) for each in outcomes] == [Pending, Rejected], "one kind travels at a time"
    seen.post(moved("R-2", "1", PostingKind.ISSUE, red), key="ZZB2")
    came, left = events(seen)
    assert all(NEEDED <= event.keys() <= NEEDED | OPTIONAL for event in (came, left))
    assert (came["id"], came["quantity"], left["quantity"], came["costPrice"]) == (moved("R-1").key.marker, 2, -1, 3.5)
    assert came["dimensions"] == {"siteId": "S1", "locationId": "RET", "WMSLocationId": "QUAR"}
    assert left["dimensions"] == came["dimensions"] | {"SizeId": "M", "ColorId": "RED"}


def test_one_call_takes_as_many_as_the_contract_lets_it_and_the_others_wait(seen: Yard) -> None:
    many = [moved(f"R-{number}") for number in range(visibility.MOST + 2)]

    outcomes = seen.post(*many)

    assert [type(each) for each in outcomes].count(Pending) == visibility.MOST == len(events(seen))
    assert [each.transient for each in outcomes if isinstance(each, Rejected)] == [True, True]


def part(**told: object) -> dict[str, object]:
    return {"id": moved("R-1").key.marker, "processingStatus": "failed", "message": "no", **told}


@pytest.mark.parametrize(("answer", "kind"), [
    pytest.param(Answer(status=200, empty=True), Pending, id="nothing said"),
    pytest.param(Answer(status=200, body=[]), Pending, id="an empty list"),
    pytest.param(Answer(status=202, empty=True), Pending, id="accepted"),
    pytest.param(Answer(status=200), Unconfirmed, id="a page"),
    pytest.param(Answer(status=500, body={"message": "no"}), Unconfirmed, id="an error of the server"),
    pytest.param(Answer(status=400, body={"message": "no"}), Rejected, id="an error of ours"),
    pytest.param(Answer(), Unconfirmed, id="no answer"),
    pytest.param(Answer(sent=False), Rejected, id="nothing sent"),
    pytest.param(Answer(status=200, body=[part(processingStatus="success", statusCode=200)]), Pending, id="taken"),
    pytest.param(Answer(status=200, body=[part(statusCode=400)]), Rejected, id="refused"),
    pytest.param(Answer(status=200, body=[part(statusCode=500)]), Unconfirmed, id="failed"),
    pytest.param(Answer(status=200, body=[part()]), Unconfirmed, id="failed without a code"),
    pytest.param(Answer(status=200, body=[part(id="another")]), Unconfirmed, id="another failed"),
    pytest.param(Answer(status=200, body=[part(id="another", processingStatus="success")]), Pending, id="another taken"),
])
def test_an_answer_means_what_it_says_and_no_more(answer: Answer, kind: type) -> None:
    key = moved("R-1").key

    told = visibility.read(answer, {key: {"id": key.marker}}, "ZZB1")

    assert type(told[key]) is kind


def test_what_an_answer_leaves_out_beside_others_is_in_doubt_and_an_error_about_several_proves_nothing() -> None:
    keys = [moved(ref).key for ref in ("R-1", "R-2")]
    both = {key: {"id": key.marker} for key in keys}

    told = visibility.read(Answer(status=200, body=[part(processingStatus="success", statusCode=200)]), both, "ZZB1")
    refused = visibility.read(Answer(status=400, body={"message": "no"}), both, "ZZB1")

    assert [type(told[key]) for key in keys] == [Pending, Unconfirmed]
    assert [type(refused[key]) for key in keys] == [Unconfirmed, Unconfirmed]


def test_the_add_in_takes_no_token_of_the_environment_and_no_call_without_its_version(seen: Yard) -> None:
    entra = {"grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{seen.url}/.default"}
    token = WIRE.post(f"{seen.url}/tenant/oauth2/v2.0/token", data=entra, timeout=10).json()["access_token"]
    ours = service(seen).token()

    foreign = WIRE.post(f"{seen.url}{BULK}", json=[], headers={"Authorization": f"Bearer {token}", "Api-Version": "1.0"}, timeout=10)
    bare = WIRE.post(f"{seen.url}{BULK}", json=[], headers={"Authorization": f"Bearer {ours}"}, timeout=10)
    known = {"Authorization": f"Bearer {ours}", "Api-Version": "1.0"}
    empty = WIRE.post(f"{seen.url}{BULK}", json=[{"id": "x"}], headers=known, timeout=10)

    assert (foreign.status_code, bare.status_code, empty.status_code) == (401, 400, 400)
    assert "quantity is missing" in empty.json()["message"]


def test_more_or_less_than_was_sent_settles_nothing(seen: Yard) -> None:
    first, second = moved("R-1"), moved("R-2", "3")
    seen.post(first)
    seen.post(second, key="ZZB2")
    before = seen.find(first, second)
    seen.control("jobs/run", {"job": "visibility"})
    exact = seen.find(first, second)
    journal = exact[first.key].number

    seen.write("InventoryAdjustmentJournalHeaders", {"JournalNumber": "HAND", "JournalNameId": "ZZ-INV"})
    seen.write("InventoryAdjustmentJournalEntriesV2", {
        "JournalNumber": "HAND", "ItemNumber": "m", "InventoryQuantity": 1, "InventorySiteId": "S1", "InventoryWarehouseId": "RET",
        "WarehouseLocationId": "QUAR", "JournalNameId": "ZZ-INV"})
    seen.control("jobs/run", {"job": "inventory"})

    assert before == {}
    assert {key.return_ref: (each.number, each.quantity) for key, each in exact.items()} == {"R-1": (journal, 2), "R-2": (journal, 3)}
    assert seen.find(first, second) == {}
