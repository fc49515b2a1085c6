"""Does the emulated environment post what Finance & SCM would post?"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

JOBS = ("arrivals", "packing-slip", "invoice")


def text_of(answer: Any) -> str:
    return str(answer.json()["error"]["innererror"]["message"])


def test_a_return_becomes_a_credit_note_and_the_goods_come_back_into_stock(env: Any) -> None:
    env.sell()
    line = env.line(env.header(CustomerRequisitionNumber="SO1", CustomerReturnReasonCode="SIZE"), quantity=-3)
    env.arrive("B1", line, (3, "CR", "DOCK"))

    outcomes = {entry["outcome"] for entry in env.run(*JOBS)}

    told = env.ledgers()
    note = told["creditNotes"][0]
    assert outcomes == {"posted"}
    assert (note["reference"], note["net"], note["tax"], note["gross"]) == ("ZZ-1", -29.97, -5.99, -35.96)
    assert told["stock"] == {"m|S1|RET|DOCK": 3}
    assert told["trialBalance"]["140100"] == 12
    assert told["trialBalance"]["401200"] == 29.97
    assert env.rows("ReturnOrderHeadersV2")[0]["ReturnStatus"] == "Closed"


def test_two_numbers_are_drawn_and_the_price_that_was_sent_is_kept(env: Any) -> None:
    header = env.header()
    line = env.line(header)

    assert header["ReturnOrderNumber"] != header["RMANumber"]
    assert (line["SalesPrice"], line["LineAmount"], line["ReturnSiteId"]) == (9.99, -29.97, "S1")
    assert env.rows("ReturnOrderHeadersV2")[0]["OrderTotalTaxAmount"] == -5.99


@pytest.mark.parametrize(
    ("code", "stock", "inventory", "scrap"),
    [("CR", {"m|S1|RET|BAD": 2}, 8, 0), ("SC", {}, 0, 8), ("CO", {}, 0, 8)],
)
def test_the_disposition_decides_over_stock_and_loss(env: Any, code: str, stock: dict[str, int], inventory: int, scrap: int) -> None:
    env.arrive("B1", env.line(env.header(), quantity=-2), (2, code, "BAD"))

    env.run(*JOBS)

    told = env.ledgers()
    balance = told["trialBalance"]
    assert told["stock"] == stock
    assert (balance.get("140100", 0), balance.get("520100", 0)) == (inventory, scrap)
    assert told["creditNotes"][0]["net"] == -19.98


def test_goods_that_go_back_to_the_customer_are_not_credited(env: Any) -> None:
    env.arrive("B1", env.line(env.header(), quantity=-2), (2, "RC", "DOCK"))

    env.run(*JOBS)

    told = env.ledgers()
    assert told["creditNotes"] == []
    assert (told["stock"], told["unitsReceived"]) == ({}, 2)


def test_a_partial_arrival_splits_the_line_and_the_rest_is_still_expected_under_its_lot(env: Any) -> None:
    line = env.line(env.header(), quantity=-5, ExternalItemNumber="L1")
    env.arrive("B1", line, (2, "CR", "DOCK"), (1, "SC", "BAD"))

    env.run(*JOBS)

    rows = {row["ReturnInventoryLotId"]: row for row in env.rows("ReturnOrderLinesV2", "$filter=ExternalItemNumber eq 'L1'")}
    assert rows[line["ReturnInventoryLotId"]]["ReturnSalesQuantity"] == -2
    assert rows[line["ReturnInventoryLotId"]]["ReturnStatus"] == "Awaiting"
    assert sorted(
        (row["ReturnDispositionCode"], row["ReturnSalesQuantity"]) for row in rows.values() if row["ReturnStatus"] == "Invoiced"
    ) == [("CR", -2), ("SC", -1)]

    env.arrive("B2", line, (2, "CR", "DOCK"))
    env.run(*JOBS)

    told = env.ledgers()
    assert [note["net"] for note in told["creditNotes"]] == [-29.97, -19.98]
    assert told["stock"] == {"m|S1|RET|DOCK": 4}


def test_a_journal_asking_for_more_than_expected_fails_as_a_whole(env: Any) -> None:
    line = env.line(env.header(), quantity=-2)
    env.arrive("B1", line, (1, "CR", "DOCK"), (2, "CR", "DOCK"))

    (entry,) = env.run("arrivals")

    assert entry["outcome"] == "failed"
    assert "only 1 is expected" in entry["message"]
    assert [row["ReturnStatus"] for row in env.rows("ReturnOrderLinesV2")] == ["Awaiting"]
    assert env.rows("ItemArrivalJournalHeadersV2")[0]["IsPosted"] == "No"


def test_the_posting_class_refuses_a_journal_whose_description_exists_already(env: Any) -> None:
    line = env.line(env.header(), quantity=-4)
    env.arrive("B1", line, (2, "CR", "DOCK"))
    env.run("arrivals")
    env.arrive("B1", line, (2, "CR", "DOCK"))

    (entry,) = env.run("arrivals")

    assert "carries the same description" in entry["message"]
    assert [row["IsPosted"] for row in env.rows("ItemArrivalJournalHeadersV2")] == ["Yes", "No"]


@pytest.mark.parametrize(
    ("entity_set", "values", "sentence"),
    [
        ("ReturnOrderHeadersV2", {}, "Field 'Customer account' must be filled in."),
        ("ReturnOrderHeadersV2", {"CustomerAccountNumber": "X"}, "The value 'X' in field 'Customer account' is not found"),
        ("ReturnOrderHeadersV2", {"CustomerAccountNumber": "HELD"}, "on hold"),
        ("ReturnOrderHeadersV2", {"CustomerAccountNumber": "C1", "CustomerReturnReasonCode": "X"}, "'Return reason codes'"),
        (
            "ReturnOrderHeadersV2",
            {"CustomerAccountNumber": "C1", "DefaultReturnWarehouseId": "RET", "DefaultReturnSiteId": "S2"},
            "not associated with site S2",
        ),
        ("ReturnOrderLinesV2", {"ItemNumber": "STOPPED"}, "Item 'STOPPED' is blocked for 'Sales order'."),
        ("ReturnOrderLinesV2", {"ItemNumber": "x"}, "The value 'x' in field 'Item number' is not found"),
        ("ReturnOrderLinesV2", {"ReturnDispositionCode": "X"}, "'Disposition codes'"),
        ("ReturnOrderLinesV2", {"ReturnSalesQuantity": 1}, "must be negative"),
        ("ReturnOrderLinesV2", {"ReturningInventoryLotId": "L"}, "Field 'ReturningInventoryLotId' cannot be edited."),
    ],
)
def test_what_the_platform_refuses_it_refuses_in_its_own_envelope(
    env: Any, entity_set: str, values: dict[str, object], sentence: str
) -> None:
    if entity_set == "ReturnOrderLinesV2":
        values = {"ReturnOrderNumber": env.header()["ReturnOrderNumber"], "ItemNumber": "m", "ReturnSalesQuantity": -1} | values

    answer = env.post(entity_set, **values)

    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert "Infolog: Warning: " in text_of(answer)


def test_items_that_differ_by_case_only_are_two_items(env: Any) -> None:
    header = env.header()

    env.line(header, item="m")
    env.line(header, item="M")

    assert [row["ReturnUnitCost"] for row in env.rows("ReturnOrderLinesV2")] == [4, 7]


def test_a_closed_period_keeps_the_document_until_it_is_open_again(env: Any) -> None:
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))
    env.run("arrivals", "packing-slip")
    env.control("periods", {"month": "2025-01", "status": "closed"})

    (entry,) = env.run("invoice")
    assert (entry["outcome"], env.ledgers()["creditNotes"]) == ("failed", [])
    assert env.rows("LedgerFiscalPeriodsV2")[0]["PeriodStatus"] == "Closed"

    env.control("periods", {"month": "2025-01", "status": "open"})
    env.run("invoice")
    assert len(env.ledgers()["creditNotes"]) == 1


def test_a_period_that_is_open_takes_no_returns_while_nobody_may_post_in_their_module(env: Any) -> None:
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))
    env.run("arrivals", "packing-slip")
    env.control("periods", {"month": "2025-01", "status": "open", "modules": {"Cust": "None"}})

    (entry,) = env.run("invoice")
    assert (entry["outcome"], env.ledgers()["creditNotes"]) == ("failed", [])

    env.control("periods", {"month": "2025-01", "status": "open", "modules": {"Cust": "All"}})
    env.run("invoice")
    assert len(env.ledgers()["creditNotes"]) == 1


def test_a_closing_period_over_the_same_days_keeps_nothing_out_of_the_operating_one(env: Any) -> None:
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))
    env.run("arrivals", "packing-slip")
    env.control("periods", {"from": "2025-01-01", "to": "2025-01-31", "status": "closed", "name": "Closing", "type": "Closing"})

    env.run("invoice")

    assert len(env.ledgers()["creditNotes"]) == 1


def test_jobs_run_when_the_clock_passes_their_times_and_stamp_that_instant(env: Any) -> None:
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))

    ran = env.control("clock", {"now": "2025-01-12T12:00:00Z"})["ran"]

    assert len(ran) == 10
    assert env.ledgers()["creditNotes"][0]["date"] == "2025-01-11T12:00:00Z"
    finished = env.rows("BatchJobs", "$filter=Status eq Microsoft.Dynamics.DataEntities.BatchStatus'Finished'")
    assert (finished[4]["JobDescription"], finished[4]["StartDateTime"]) == ("Sales invoice, returned orders", "2025-01-11T02:00:00Z")
    assert env.http.post("/control/clock", json={"now": "2025-01-01T00:00:00Z"}).status_code == 400


def test_a_draft_with_lines_cannot_be_deleted_but_its_lines_can(env: Any) -> None:
    header = env.header()
    line = env.line(header)
    at = f"/data/ReturnOrderHeadersV2(dataAreaId='usmf',ReturnOrderNumber='{header['ReturnOrderNumber']}')"

    refused = env.http.delete(at)
    number, lot = header["ReturnOrderNumber"], line["ReturnInventoryLotId"]
    part = f"/data/ReturnOrderLinesV2(dataAreaId='usmf',ReturnOrderNumber='{number}',ReturnInventoryLotId='{lot}')"

    assert "cannot be deleted while lines exist" in text_of(refused)
    assert env.http.delete(part).status_code == 204
    assert env.http.delete(at).status_code == 204


def test_orders_of_the_invoice_pool_are_invoiced_and_others_wait(env: Any) -> None:
    for pool in ("INV", "HOLD"):
        order = env.created(
            "SalesOrderHeadersV2", OrderingCustomerAccountNumber="C1", SalesOrderPoolId=pool, DefaultShippingWarehouseId="RET"
        )["SalesOrderNumber"]
        env.created("SalesOrderLines", SalesOrderNumber=order, ItemNumber="m", OrderedSalesQuantity=-2, SalesPrice=10)
        env.created("SalesOrderLines", SalesOrderNumber=order, ItemNumber="FEE", OrderedSalesQuantity=1, SalesPrice=3)

    env.run("invoice")

    told = env.ledgers()
    assert [(note["net"], note["tax"]) for note in told["creditNotes"]] == [(-17, Decimal("-3.4").__float__())]
    assert told["stock"] == {"m|S1|RET|": 2}
    assert (told["trialBalance"]["401200"], told["trialBalance"]["401100"]) == (20, -3)


@pytest.mark.parametrize("booking", ["clearing", "customer"])
@pytest.mark.parametrize("first", ["payout", "credit"])
def test_a_payout_and_its_credit_note_settle_in_either_order(env: Any, booking: str, first: str) -> None:
    payout = {
        "legalEntity": "usmf",
        "customer": "C1",
        "reference": "ZZ-1",
        "amount": "35.96",
        "currency": "GBP",
        "date": "2025-01-10",
        "booking": booking,
    }
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))
    if first == "payout":
        env.control("payouts", [payout])
    env.run(*JOBS)
    if first == "credit":
        env.control("payouts", [payout])

    balance = env.ledgers()["trialBalance"]

    assert (balance["130100"], balance.get("202900", 0), balance["110100"]) == (0, 0, -35.96)
    assert all(row["Closed"] == "2025-01-10T12:00:00Z" for row in env.rows("CustTransBiEntities"))


def test_stock_and_ledger_can_be_read_by_voucher_and_high_water_mark(env: Any) -> None:
    env.sell()
    mark = max(row["SourceKey"] for row in env.rows("InventTransBiEntities"))
    env.arrive("B1", env.line(env.header()), (3, "CR", "DOCK"))
    env.run(*JOBS)

    (fresh,) = env.rows("InventTransBiEntities", f"$filter=dataAreaId eq 'usmf' and SourceKey gt {mark}")
    entries = env.rows(
        "GeneralJournalAccountEntries", f"$filter=Voucher eq '{fresh['Voucher']}'&$select=LedgerAccount,AccountingCurrencyAmount"
    )

    assert (fresh["StatusReceipt"], fresh["Qty"], fresh["CostAmountPosted"], fresh["WMSLocationId"]) == ("Purchased", 3, 12, "DOCK")
    assert sum(Decimal(str(entry["AccountingCurrencyAmount"])) for entry in entries) == 0
    assert env.rows("WarehousesOnHandV2", "$filter=InventoryWarehouseId eq 'RET'")[0]["OnHandQuantity"] == 3


def test_everything_is_found_again_after_a_restart(env: Any, reopen: Any) -> None:
    env.sell()
    line = env.line(env.header())
    env.arrive("B1", line, (3, "CR", "DOCK"))
    env.run(*JOBS)
    before = env.ledgers()

    again = reopen()  # the first one was never closed: this is an abrupt end

    assert again.ledgers() == before
    assert again.rows("ReturnOrderLinesV2") == env.rows("ReturnOrderLinesV2")
    assert again.line(again.header("ZZ-2"))["ReturnInventoryLotId"] != line["ReturnInventoryLotId"]


def test_a_state_that_is_older_than_a_setting_gets_it(env: Any, reopen: Any, state: Path) -> None:
    env.sell()
    with closing(sqlite3.connect(state)) as file, file:
        (settings,) = file.execute("SELECT value FROM meta WHERE name = 'settings'").fetchone()
        old = {name: value for name, value in json.loads(settings).items() if name not in {"businessEvents", "visibilityEnvironment"}}
        file.execute("UPDATE meta SET value = ? WHERE name = 'settings'", (json.dumps(old),))

    again = reopen()
    again.arrive("B1", again.line(again.header()), (3, "CR", "DOCK"))

    assert {entry["outcome"] for entry in again.run(*JOBS)} == {"posted"}


def test_many_sales_and_returns_are_taken_in_one_call_each(env: Any) -> None:
    line = {"item": "m", "quantity": 5, "price": "9.99"}
    orders = [
        {"legalEntity": "usmf", "salesOrder": f"S{n}", "customer": "C1", "currency": "GBP", "date": "2025-01-02", "lines": [line] * 3}
        for n in range(1000)
    ]
    env.control("calls/reset")
    env.control("sales", {"orders": orders})
    body = {"CustomerAccountNumber": "C1", "DefaultReturnWarehouseId": "RET"}
    answer = env.batch(*([("POST", "ReturnOrderHeadersV2", body | {"CustomersOrderReference": f"Z{n}"})] for n in range(300)))

    assert answer.text.count("HTTP/1.1 201") == 300
    assert env.control("calls", get=True)["counted"] == 1
    assert len(env.rows("SalesOrderHeadersV2")) == 1000


def test_calls_are_counted_as_an_administrator_would_count_them(env: Any) -> None:
    env.control("calls/reset")
    env.header()
    env.rows("ReturnOrderHeadersV2")
    env.http.get("/data/$metadata")
    env.batch([("GET", "CustomersV3", None)])

    told = env.control("calls", get=True)

    assert told["counted"] == 3
    assert told["by"] == {"POST ReturnOrderHeadersV2": 1, "GET ReturnOrderHeadersV2": 1, "POST $batch": 1}
    assert told["excluded"]["metadata"] == 1


def test_a_wrong_secret_gets_no_token_and_a_missing_one_no_data(env: Any) -> None:
    form = {"grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "no", "scope": f"{env.url}/.default"}

    answer = env.http.post("/tenant/oauth2/v2.0/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert env.http.get("/data/CustomersV3", headers={"Authorization": ""}).status_code == 401


def test_the_preflight_service_tells_which_fields_may_be_edited(env: Any) -> None:
    def editable() -> bool:
        answer = env.http.get("/metadata/PublicEntities?$filter=EntitySetName eq 'ReturnOrderLinesV2'").json()["value"][0]
        return bool(next(p for p in answer["Properties"] if p["Name"] == "ReturningInventoryLotId")["AllowEdit"])

    assert not editable()
    env.control("seed", {"settings": {"editable": ["ReturnOrderLinesV2.ReturningInventoryLotId"]}})

    assert editable()
    env.sell()
    lot = env.rows("SalesOrderLines")[0]["InventoryLotId"]
    assert env.line(env.header(), ReturningInventoryLotId=lot)["ReturningInventoryLotId"] == lot
    over = env.post(
        "ReturnOrderLinesV2", ReturnOrderNumber="RO-000001", ItemNumber="m", ReturnSalesQuantity=-8, ReturningInventoryLotId=lot
    )
    assert "exceeds" in text_of(over)
    assert (
        env.http.get("/metadata/PublicEnumerations?$filter=Name eq 'DispositionAction'").json()["value"][0]["Members"][1]["Name"]
        == "CreditOnly"
    )
    assert (
        env.http.get("/metadata/DataEntities?$filter=PublicCollectionName eq 'CustomersV3'").json()["value"][0]["Name"]
        == "CustCustomerV3Entity"
    )
