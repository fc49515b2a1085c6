"""Does the emulator import data packages as data management does?"""

from __future__ import annotations

import json
from typing import Any

ARRIVALS = "Item arrival journals V2"
ADJUSTMENTS = "Inventory adjustment journal headers and lines V2"


def arrival_line(line: dict[str, Any], quantity: int, code: str = "CR") -> str:
    fields = {
        "LINENUMBER": "",
        "ITEMNUMBER": line["ItemNumber"],
        "ISRETURNORDER": "Yes",
        "TRANSACTIONREFERENCETYPE": "Sales",
        "TRANSACTIONREFERENCENUMBER": line["ReturnOrderNumber"],
        "REFERENCEINVENTORYLOTID": line["ReturnInventoryLotId"],
        "RETURNDISPOSITIONCODEID": code,
        "ITEMQUANTITY": str(quantity),
        "RECEIVINGWAREHOUSEID": "RET",
        "RECEIVINGWAREHOUSELOCATIONID": "DOCK",
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<WMSITEMARRIVALJOURNALLINEV2ENTITY>{inner}</WMSITEMARRIVALJOURNALLINEV2ENTITY>"


def arrival(*lines: str, description: str = "B1") -> str:
    number = "<JOURNALNUMBER>PLACEHOLDER</JOURNALNUMBER><JOURNALNAMEID>ZZ-ARR</JOURNALNAMEID>"
    head = f"{number}<JOURNALDESCRIPTION>{description}</JOURNALDESCRIPTION>"
    inner = head + "".join(lines)
    return f"<Document><WMSITEMARRIVALJOURNALHEADERV2ENTITY>{inner}</WMSITEMARRIVALJOURNALHEADERV2ENTITY></Document>"


def status_of(env: Any, execution: str = "E1") -> str:
    return str(env.act("GetExecutionSummaryStatus", executionId=execution).json()["value"])


def errors_of(env: Any) -> list[dict[str, str]]:
    return list(json.loads(env.act("GetExecutionErrors", executionId="E1").json()["value"]))


def test_an_arrival_composite_draws_its_journal_number_and_hands_it_to_its_lines(env: Any) -> None:
    line = env.line(env.header())

    answer = env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 2), arrival_line(line, 1, "SC")))

    assert (answer.json()["value"], status_of(env)) == ("E1", "Succeeded")
    (journal,) = env.rows("ItemArrivalJournalHeadersV2", "$expand=ItemArrivalJournalLine")
    assert (journal["JournalNumber"], journal["JournalDescription"]) == ("ARR-000001", "B1")
    assert [row["LineNumber"] for row in journal["ItemArrivalJournalLine"]] == [1, 2]
    assert env.run("arrivals")[0]["outcome"] == "posted"


def test_a_row_in_error_leaves_the_good_rows_imported(env: Any) -> None:
    line = env.line(env.header())

    env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 1), arrival_line(line, 1, "NONSENSE")))

    assert status_of(env) == "PartiallySucceeded"
    assert [error["RecordId"] for error in errors_of(env)] == ["3"]
    assert "'Disposition codes'" in errors_of(env)[0]["ErrorMessage"]
    assert len(env.rows("ItemArrivalJournalLinesV2")) == 1
    assert env.act("GetImportTargetErrorKeysFileUrl", executionId="E1", entityName=ARRIVALS).json()["value"] == ""
    assert env.act("GenerateImportTargetErrorKeysFile", executionId="E1", entityName=ARRIVALS).json()["value"] is True
    keys = env.act("GetImportTargetErrorKeysFileUrl", executionId="E1", entityName=ARRIVALS).json()["value"]
    assert env.http.get(keys).text.startswith("KEY")


def test_a_composite_must_be_xml_and_must_not_overwrite(env: Any) -> None:
    env.send_package(ARRIVALS, "Arrivals.csv", "CSV-Comma", "JOURNALNUMBER\r\n1")
    csv_status = status_of(env)
    env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(), overwrite=True)

    assert (csv_status, status_of(env)) == ("Failed", "Failed")
    assert "overwrite=false" in errors_of(env)[0]["ErrorMessage"]


def test_an_adjustment_line_must_be_unique_per_set_of_dimensions(env: Any) -> None:
    columns = "JOURNALNUMBER,JOURNALNAMEID,ITEMNUMBER,INVENTORYSITEID,INVENTORYWAREHOUSEID,WAREHOUSELOCATIONID,INVENTORYQUANTITY,UNITCOST"
    rows = ["ADJ-1,ZZ-INV,m,S1,RET,DOCK,5,4", "ADJ-1,ZZ-INV,M,S1,RET,DOCK,1,7", "ADJ-1,ZZ-INV,m,S1,RET,DOCK,5,4"]

    env.send_package(ADJUSTMENTS, "Inventory adjustment.csv", "CSV-Comma", "\r\n".join([columns, *rows]))

    assert (status_of(env), [error["RecordId"] for error in errors_of(env)]) == ("PartiallySucceeded", ["3"])
    assert env.run("inventory")[0]["outcome"] == "posted"
    told = env.ledgers()
    assert (told["stock"], told["inventoryValue"]) == ({"M|S1|RET|DOCK": 1, "m|S1|RET|DOCK": 5}, 27)
    (line, _) = env.rows("InventoryJournalTransBiEntities", "$filter=JournalId eq 'ADJ-1'")
    assert (line["ItemId"], line["CostAmount"], line["Voucher"][:4]) == ("m", 20, "IJV-")


def test_a_repeated_execution_id_imports_again(env: Any) -> None:
    line = env.line(env.header())
    for _ in range(2):
        env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 1)))

    assert len(env.rows("ItemArrivalJournalHeadersV2")) == 2


def test_a_stuck_import_keeps_others_out_until_it_ends(env: Any) -> None:
    line = env.line(env.header())
    env.control("faults", {"kind": "import-stuck", "polls": 2})
    env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 1)))

    refused = env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 1)), executionId="E2")

    assert refused.status_code == 400
    assert [status_of(env) for _ in range(3)] == ["Executing", "Executing", "Succeeded"]
    assert len(env.rows("ItemArrivalJournalHeadersV2")) == 1


def test_a_row_can_be_made_to_fail(env: Any) -> None:
    line = env.line(env.header())
    env.control("faults", {"kind": "row-error", "row": 2})

    env.send_package(ARRIVALS, "Arrivals.xml", "XML-Element", arrival(arrival_line(line, 1), arrival_line(line, 1)))

    assert status_of(env) == "PartiallySucceeded"


def test_a_blob_needs_its_signature_and_its_type(env: Any) -> None:
    url = json.loads(env.act("GetAzureWriteUrl", uniqueFileName="a.zip").json()["value"])["BlobUrl"]

    assert env.http.put(url, content=b"x").status_code == 400
    assert env.http.put(url.partition("?")[0], content=b"x", headers={"x-ms-blob-type": "BlockBlob"}).status_code == 403
