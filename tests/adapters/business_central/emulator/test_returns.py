"""Does the emulated returns API keep the contract of the extension?"""

from __future__ import annotations

from typing import Any

import pytest
from tests.adapters.business_central.emulator.conftest import told_by


@pytest.fixture
def returns(env: Any) -> Any:
    """Give a way to call the API of the extension."""
    env.control("seed", {"settings": {"extension": True}})

    def call(method: str, path: str, body: object = None, **headers: str) -> Any:
        return env.http.request(method, f"/v2.0/tenant/test/api/backhaul/returns/v1.0/companies({env.company})/{path}", json=body,
                                headers=headers)

    return call


def told(external: str = "R-1", **line: object) -> dict[str, Any]:
    return {"sourceSystem": "ZIGZAG", "externalId": external, "customerNumber": "C1", "externalDocumentNumber": external,
            "returnRequestLines": [{"externalLineId": "1", "number": "MUG", "quantity": 3, "unitPrice": 9.99, "locationCode": "RET",
                                    **line}]}


def asked(returns: Any, external: str = "R-1", **line: object) -> dict[str, Any]:
    answer = returns("POST", "returnRequests", told(external, **line))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def act(returns: Any, request: dict[str, Any], *steps: str) -> list[int]:
    return [returns("POST", f"returnRequests({request['id']})/Microsoft.NAV.{step}").status_code for step in steps]


def read(returns: Any, request: dict[str, Any]) -> dict[str, Any]:
    return dict(returns("GET", f"returnRequests({request['id']})?$expand=returnRequestLines").json())


def test_a_request_becomes_order_receipt_and_memo_at_the_cost_of_the_sale(env: Any, returns: Any) -> None:
    env.sell()
    env.control("seed", {"rows": {"items": [{"number": "MUG", "unitCost": 7}]}})
    request = asked(returns, originalDocumentNumber="SO1")

    received = act(returns, request, "postReceive"), read(returns, request)
    invoiced = act(returns, request, "postInvoice"), read(returns, request)

    assert (received[0], received[1]["status"], received[1]["creditMemoNumber"]) == ([204], "Received", "")
    assert (invoiced[0], invoiced[1]["status"], invoiced[1]["totalAmountIncludingTax"]) == ([204], "Invoiced", 35.96)
    entries = returns("GET", f"itemLedgerEntriesExt?$filter=documentNumber eq '{invoiced[1]['returnReceiptNumber']}'").json()["value"]
    assert [(row["quantity"], row["costAmountActual"], row["locationCode"]) for row in entries] == [(3, 12, "RET")]
    (left,) = returns("GET", "returnableLines").json()["value"]
    assert left["shippedQuantityNotReturned"] == -7
    assert env.ledgers()["unitsReceived"] == 3


def test_a_repeated_request_is_refused_and_writes_no_line_twice(env: Any, returns: Any) -> None:
    request = asked(returns)

    again = returns("POST", "returnRequests", told())

    assert told_by(again)[:2] == (400, "Internal_EntityWithSameKeyExists")
    assert len(read(returns, request)["returnRequestLines"]) == 1


def test_a_step_taken_twice_posts_once(env: Any, returns: Any) -> None:
    request = asked(returns)

    answers = act(returns, request, "postReceiveAndInvoice", "postReceiveAndInvoice", "postReceive", "postInvoice", "process")

    assert answers == [204] * 5
    assert len(env.ledgers()["creditNotes"]) == 1
    assert env.ledgers()["unitsReceived"] == 3


def test_an_invoice_before_the_receipt_is_refused_and_said_beside_the_request(env: Any, returns: Any) -> None:
    request = asked(returns)

    answer = returns("POST", f"returnRequests({request['id']})/Microsoft.NAV.postInvoice")

    assert told_by(answer)[2] == "Return request R-1 is not received yet."
    assert (read(returns, request)["status"], read(returns, request)["lastError"]) == ("Failed", "Return request R-1 is not received yet.")
    assert act(returns, request, "retry", "postReceive", "postInvoice") == [204] * 3


def test_a_total_that_differs_posts_nothing(env: Any, returns: Any) -> None:
    answer = returns("POST", "returnRequests", told() | {"expectedAmountIncludingTax": 35.95})

    refused = returns("POST", f"returnRequests({answer.json()['id']})/Microsoft.NAV.postReceiveAndInvoice")

    assert told_by(refused)[2] == "The return order comes to 35.96 including VAT, not to 35.95."
    assert env.ledgers()["inventoryTransactions"] == 0


def test_an_item_on_two_lines_of_the_sale_must_be_named_by_its_entry(env: Any, returns: Any) -> None:
    sold = env.sell("SO1", ("MUG", 5, "9.99"), ("MUG", 5, "8.99"))
    vague = asked(returns, originalDocumentNumber="SO1")
    exact = asked(returns, "R-2", applFromItemEntry=sold["lines"][1]["itemLedgerEntry"])

    answers = returns("POST", f"returnRequests({vague['id']})/Microsoft.NAV.process"), act(returns, exact, "process")

    assert "stands on several lines of SO1" in told_by(answers[0])[2]
    assert answers[1] == [204]


def test_more_than_is_left_cannot_come_back_through_two_requests(env: Any, returns: Any) -> None:
    env.sell("SO1", ("MUG", 4, "9.99"))
    first, second = asked(returns, originalDocumentNumber="SO1"), asked(returns, "R-2", originalDocumentNumber="SO1")
    both = act(returns, first, "process"), act(returns, second, "process")

    answers = act(returns, first, "postReceive"), act(returns, second, "postReceive")

    assert both == ([204], [204]), "an open order takes nothing away"
    assert answers == ([204], [400])
    assert env.ledgers()["unitsReceived"] == 3


def test_an_item_journal_adjusts_and_reclassifies_in_one_transaction_per_document(env: Any, returns: Any) -> None:
    batch = returns("POST", "itemJournalBatches", {"journalTemplateName": "ITEM", "name": "BACKHAUL"}).json()
    for number, line in enumerate(({"entryType": "Positive_x0020_Adjmt_x002E_", "quantity": 5},
                                   {"entryType": "Negative_x0020_Adjmt_x002E_", "quantity": 1},
                                   {"entryType": "Transfer", "quantity": 2, "newLocationCode": "BAD"}), start=1):
        made = returns("POST", f"itemJournalBatches({batch['id']})/itemJournalLines", line | {
            "itemNumber": "MUG", "locationCode": "RET", "documentNumber": "B1", "lineNumber": number * 10000})
        assert made.status_code == 201, made.text

    posted = returns("POST", f"itemJournalBatches({batch['id']})/Microsoft.NAV.post")

    ledgers = env.ledgers()
    assert posted.status_code == 204
    assert ledgers["stock"] == {"MUG||RET|": 2, "MUG||BAD|": 2}
    assert (ledgers["vouchers"], ledgers["trialBalance"]["2110"], ledgers["unitsReceived"]) == (1, 16, 0)
    assert returns("GET", "itemJournalLines").json()["value"] == []


def test_without_the_extension_its_api_is_not_there(env: Any) -> None:
    answer = env.http.get("/v2.0/tenant/test/api/backhaul/returns/v1.0/companies")

    assert answer.status_code == 404


def test_every_set_of_the_extension_answers(env: Any, returns: Any) -> None:
    from backhaul.adapters.business_central.emulator.surface import surface  # noqa: PLC0415 - what is there is asked of the contract

    answers = {name: returns("GET", name).status_code for name in surface("returns").sets}

    assert set(answers.values()) == {200}
    assert returns("GET", "capabilities").json()["value"][0]["canPostSales"] is True
