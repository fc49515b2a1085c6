"""Do the published services make, receive and invoice return orders as Business Central would?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.adapters.business_central.emulator.conftest import told_by

ORDER = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.fixture
def services(env: Any) -> Any:
    """Give a way to call the published services of the company."""
    def call(method: str, path: str, body: object = None, **headers: str) -> Any:
        return env.http.request(method, f"/v2.0/tenant/test/ODataV4/Company('CRONUS')/{path}", json=body, headers=headers)

    return call


def order(services: Any, **line: object) -> dict[str, Any]:
    head = services("POST", "salesDocuments", {"id": ORDER, "documentType": "Return Order", "sellToCustomerNumber": "C1",
                                               "externalDocumentNumber": "zz-1"})
    assert head.status_code == 201, head.text
    told = {"documentType": "Return Order", "documentNumber": head.json()["number"], "lineNumber": 10000, "type": "Item", "number": "MUG",
            "quantity": 3, "locationCode": "RET", "unitPrice": 9.99}
    made = services("POST", "salesDocumentLines", told | line)
    assert made.status_code == 201, made.text
    return dict(head.json()) | {"line": made.json()}


def test_a_repeat_with_the_same_id_meets_a_unique_key(env: Any, services: Any) -> None:
    made = order(services)

    again = services("POST", "salesDocuments", {"id": ORDER, "documentType": "Return Order", "sellToCustomerNumber": "C1"})

    assert made["id"] == ORDER
    assert told_by(again)[:2] == (400, "Internal_EntityWithSameKeyExists")
    assert len(services("GET", "salesDocuments").json()["value"]) == 1


def test_the_job_queue_receives_and_invoices_at_the_cost_of_the_sale(env: Any, services: Any) -> None:
    sold = env.sell()
    env.control("seed", {"rows": {"items": [{"number": "MUG", "unitCost": 7}],
                                  "jobQueueEntries": [{"objectTypeToRun": "Report", "objectIdToRun": 6655}]}})
    order(services, applFromItemEntry=sold["lines"][0]["itemLedgerEntry"])
    (job,) = env.rows("jobQueueEntries?$filter=objectIdToRun eq 6655")

    env.send("POST", f"jobQueueEntries({job['id']})/Microsoft.NAV.restart")

    (memo,) = env.rows("salesCreditMemos?$filter=externalDocumentNumber eq 'ZZ-1'")
    told = env.ledgers()
    received = services("GET", "ItemLedgerEntries?$filter=Document_Type eq 'Sales Return Receipt'").json()["value"]
    assert (memo["status"], memo["totalAmountIncludingTax"]) == ("Open", 35.96)
    assert memo["id"] != ORDER
    assert [(row["Quantity"], row["Cost_Amount_Actual"], row["Location_Code"]) for row in received] == [(3, 12, "RET")]
    assert told["stock"]["MUG||RET|"] == 3
    assert services("GET", "salesDocuments").json()["value"] == []


def test_more_than_was_sold_does_not_come_back(env: Any, services: Any) -> None:
    sold = env.sell("SO1", ("MUG", 2, "9.99"))
    head = order(services, quantity=1)
    told = {"documentType": "Return Order", "documentNumber": head["number"], "type": "Item", "number": "MUG", "quantity": 3,
            "applFromItemEntry": sold["lines"][0]["itemLedgerEntry"]}

    answer = services("POST", "salesDocumentLines", told)

    assert told_by(answer)[2].startswith("You cannot return more than the 2 units that you have shipped")


def test_a_reason_moves_the_goods_unless_the_location_comes_after_it(env: Any, services: Any) -> None:
    first = order(services, locationCode="RET", returnReasonCode="BROKEN")
    line = services("PATCH", f"salesDocumentLines('Return Order','{first['number']}',10000)", {"locationCode": "RET"}, **{"If-Match": "*"})

    assert first["line"]["locationCode"] == "BAD"
    assert line.json()["locationCode"] == "RET"


def test_goods_of_no_value_come_back_without_cost(env: Any, services: Any) -> None:
    order(services, returnReasonCode="SCRAP")

    env.control("jobs/run", {"job": "batch-post"})

    assert env.ledgers()["inventoryValue"] == 0
    assert env.ledgers()["unitsReceived"] == 3


def test_what_cannot_be_posted_is_left_as_it_is_and_the_job_says_why(env: Any, services: Any) -> None:
    order(services, locationCode="WMS")

    log = env.control("jobs/run", {"job": "batch-post"})["log"]

    assert log[0]["message"].startswith("Warehouse handling is required for")
    assert len(services("GET", "salesDocuments").json()["value"]) == 1
    assert env.ledgers()["creditNotes"] == []


def test_a_cost_link_put_on_a_draft_memo_reverses_its_cost(env: Any, services: Any) -> None:
    sold = env.sell()
    env.begin(exactCostReversingMandatory=True)
    env.control("seed", {"rows": {"items": [{"number": "MUG", "unitCost": 7}]}})
    draft = env.draft(env.line(sequence=10000))

    services("PATCH", f"salesDocumentLines('Credit Memo','{draft['number']}',10000)",
             {"applFromItemEntry": sold["lines"][0]["itemLedgerEntry"]}, **{"If-Match": "*"})
    answer = env.post(draft)

    assert answer.status_code == 204
    entries = env.rows("itemLedgerEntries?$filter=documentType eq 'Sales Credit Memo'")
    assert [row["costAmountActual"] for row in entries] == [12]


@pytest.mark.parametrize(("settings", "there"), [({}, 200), ({"bridge": False}, 404), ({"version": "30.0.0.0"}, 404)])
def test_the_pages_are_served_while_they_are_published_and_not_from_version_30(env: Any, services: Any, settings: dict[str, Any],
                                                                               there: int) -> None:
    env.control("seed", {"settings": settings})

    answers = services("GET", "salesDocuments?$top=1"), services("GET", "ValueEntries?$top=1")

    assert [answer.status_code for answer in answers] == [there, 200]


def test_return_orders_can_be_read_from_version_29_and_not_be_written(env: Any, services: Any) -> None:
    order(services)

    before = env.send("GET", "salesReturnOrders")
    env.control("seed", {"settings": {"version": "29.0.0.0"}})
    (row,) = env.rows("salesReturnOrders?$expand=salesReturnOrderLines")

    assert before.status_code == 404
    assert (row["externalDocumentNumber"], row["salesReturnOrderLines"][0]["returnQtyToReceive"]) == ("ZZ-1", 3)
    assert env.send("POST", "salesReturnOrders", {}).status_code == 405
