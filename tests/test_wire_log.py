"""What is said to the ERP stands in the vendor's contract or in the documented list, and the two cannot drift."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from backhaul.adapters.finance_scm import masters, preflight, wire
from backhaul.adapters.finance_scm.emulator.server import Request
from tests import wirelog

COMPANY = "dataAreaId='gb01'"
LABEL = "Inventory adjustment journal headers and lines V2"
FOUND_AT_START = {"TaxCodeValues", "InventoryAdjustmentJournalNames", "InventoryMovementJournalNames", "InventoryTransferJournalNames"}
"""Sets whose public name is looked up in the environment."""


def request(method: str, path: str, query: str = "", body: object = None) -> Request:
    return Request(method=method, path=f"/data/{path}", query=query, headers={wirelog.OURS: "1"},
                   body=b"" if body is None else json.dumps(body).encode())


def in_batch(asked: Request) -> Request:
    address = f"http://erp/data{asked.path.removeprefix('/data')}?{asked.query}".replace(" ", "%20")
    text = f"--b\r\nContent-Type: application/http\r\n\r\n{asked.method} {address} HTTP/1.1\r\nAccept: x\r\n\r\n".encode() + asked.body
    return Request(method="POST", path="/data/$batch", query="", headers=asked.headers, body=text + b"\r\n--b--\r\n")


@pytest.mark.parametrize("wrap", [lambda asked: asked, in_batch], ids=["alone", "in a batch"])
@pytest.mark.parametrize(("asked", "says"), [
    (request("GET", "ReturnOrders"), "entity set ReturnOrders is in no contract"),
    (request("GET", "ReturnOrderLinesV2", "$select=ItemNumber,Colour"), "field ReturnOrderLinesV2.Colour"),
    (request("GET", "ReturnOrderHeadersV2", "$expand=Lines"), "leads nowhere by Lines"),
    (request("GET", "ReturnOrderLinesV2", "$filter=Nothing eq 'x'"), "field ReturnOrderLinesV2.Nothing"),
    (request("GET", "ReturnOrderLinesV2", "$filter=ReturnSalesQuantity eq '1'"), "is a Decimal and was compared with '1'"),
    (request("GET", "ReturnOrderLinesV2", "$filter=ItemNumber eq 1"), "is a String and was compared with 1"),
    (request("GET", "ReturnOrderLinesV2", "$filter=ReturnStatus eq 'Awaiting'"), "was compared with 'Awaiting'"),
    (request("POST", "ReturnOrderHeadersV2", body={"CustomersReference": "x"}), "field ReturnOrderHeadersV2.CustomersReference"),
    (request("POST", "ReturnOrderLinesV2", body={"LineAmount": 1}), "LineAmount may not be edited"),
    (request("POST", "ReturnOrderLinesV2", body={"ReturnSalesQuantity": "1"}), "ReturnSalesQuantity is a Decimal and was given '1'"),
    (request("POST", "ReturnOrderLinesV2", body={"ItemNumber": 1}), "ItemNumber is a String and was given 1"),
    (request("PATCH", f"ReturnOrderHeadersV2({COMPANY},ReturnOrderNumber='R')", body={"IsReturnProcessingStopped": "Perhaps"}),
     "IsReturnProcessingStopped has no member 'Perhaps'"),
    (request("DELETE", f"ReturnOrderHeadersV2({COMPANY})"), "was addressed by dataAreaId"),
    (request("DELETE", f"ItemArrivalJournalLinesV2({COMPANY},JournalNumber='J',LineNumber='1')"), "LineNumber is a Decimal"),
])
def test_what_stands_in_no_contract_is_told(asked: Request, says: str, wrap: Callable[[Request], Request]) -> None:
    told = list(wirelog.flaws(wrap(asked)))

    assert len(told) == 1, told
    assert says in told[0]


@pytest.mark.parametrize("asked", [
    request("GET", "ReturnOrderHeadersV2",
            "$select=RMANumber&$expand=ReturnOrderLines&$filter=dataAreaId eq 'gb01' and RMANumber eq 'it''s'"),
    request("GET", "SalesInvoiceHeadersV2", "$filter=InvoiceDate ge 2010-12-01T00:00:00Z and TotalInvoiceAmount lt 0"),
    request("POST", "ReturnOrderLinesV2", body={"ItemNumber": "TEA", "ReturnSalesQuantity": -1, "ReturnDispositionCode": "ZC"}),
    request("PATCH", f"ReturnOrderHeadersV2({COMPANY},ReturnOrderNumber='R,1')", body={"IsReturnProcessingStopped": "Yes"}),
    request("DELETE", f"ItemArrivalJournalLinesV2({COMPANY},JournalNumber='J',LineNumber=1.0)"),
])
def test_what_the_contract_knows_passes(asked: Request) -> None:
    assert list(wirelog.flaws(asked)) == []
    assert list(wirelog.flaws(in_batch(asked))) == []


def test_an_action_nobody_has_is_told() -> None:
    asked = request("POST", f"DataManagementDefinitionGroups/{wirelog.NAMESPACE}DropEverything")

    assert list(wirelog.flaws(asked)) == ["action DropEverything is in no contract"]


def test_a_column_no_entity_has_is_told() -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("Manifest.xml", f"<M xmlns='x'><DataManagementPackageEntityData><EntityName>{LABEL}</EntityName>"
                                         "<InputFilePath>a.csv</InputFilePath></DataManagementPackageEntityData></M>")
        archive.writestr("a.csv", "JOURNALNUMBER,COLOUR\r\n1,2\r\n")
    blob = Request(method="PUT", path="/blob/dmf/1.zip", query="", headers={wirelog.OURS: "1"}, body=memory.getvalue())

    assert list(wirelog.flaws(blob)) == [f"column {LABEL}.COLOUR is in no contract"]


def test_the_list_of_inferred_names_is_exactly_what_the_adapter_uses_and_the_contract_lacks() -> None:
    used = {name: {*columns} for name, columns in {**wire.SELECT, **masters.COLUMNS}.items()}
    for name, columns in preflight.WRITTEN.items():
        used[name] |= {*columns}
    lacking = FOUND_AT_START.copy()
    for name, columns in used.items():
        told = wirelog.CONTRACT["sets"].get(name)
        lacking |= {name} if told is None else {f"{name}.*"} if not told["fields"] else {
            f"{name}.{column}" for column in columns - told["fields"].keys()}

    assert lacking == wirelog.INFERRED


def test_keys_are_those_of_the_contract() -> None:
    for name, keys in wire.KEYS.items():
        assert sorted(keys) == sorted(wirelog.CONTRACT["sets"][name]["keys"]), name
