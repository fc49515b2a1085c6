"""What is said to Business Central stands in the vendor's contract, and what would not is told."""

import json

import pytest

from backhaul.adapters.business_central import masters, preflight, wire
from backhaul.adapters.business_central.emulator.server import Request
from tests import wirelog_central as wirelog

COMPANY = "companies(11111111-1111-1111-1111-111111111111)"
SOME = "22222222-2222-2222-2222-222222222222"
HEADERS = {wirelog.OURS: "1", "accept-language": "en-US"}


def request(method: str, address: str, body: object = None) -> Request:
    path, _, query = address.partition("?")
    return Request(method=method, path=f"/v2.0/t/e/api/v2.0/{COMPANY}/{path}", query=query, headers=HEADERS,
                   body=b"" if body is None else json.dumps(body).encode())


def in_batch(asked: Request) -> Request:
    url = asked.path.partition("/api/v2.0/")[2] + (f"?{asked.query}" if asked.query else "")
    part = {"id": "1", "method": asked.method, "url": url, **({"body": json.loads(asked.body)} if asked.body else {})}
    return Request(method="POST", path="/v2.0/t/e/api/v2.0/$batch", query="", headers=HEADERS,
                   body=json.dumps({"requests": [part]}).encode())


@pytest.mark.parametrize("wrap", [lambda asked: asked, in_batch], ids=["alone", "in a batch"])
@pytest.mark.parametrize(("asked", "says"), [
    (request("GET", "salesReturns"), "entity set salesReturns is in no contract"),
    (request("GET", "items?$select=number,colour"), "field items.colour"),
    (request("GET", "salesCreditMemos?$expand=lines"), "leads nowhere by lines"),
    (request("GET", "salesCreditMemos?$filter=id eq 'x'"), "is a Guid and was compared with 'x'"),
    (request("GET", "items?$filter=number eq 1"), "is a String and was compared with 1"),
    (request("POST", "salesCreditMemos", {"returnReasonCode": "x"}), "field salesCreditMemos.returnReasonCode"),
    (request("POST", "salesCreditMemos", {"number": "x"}), "salesCreditMemos.number is read-only"),
    (request("POST", "salesCreditMemos", {"salesCreditMemoLines": [{"netAmount": 1}]}), "salesCreditMemoLines.netAmount is read-only"),
    (request("POST", "salesCreditMemoLines", {"quantity": "1"}), "quantity is a Decimal and was given '1'"),
    (request("POST", "salesCreditMemoLines", {"lineType": "Goods"}), "lineType has no member 'Goods'"),
    (request("POST", "itemLedgerEntries", {"quantity": 1}), "itemLedgerEntries is read-only"),
    (request("POST", f"salesCreditMemos({SOME})/Microsoft.NAV.receive"), "action receive of salesCreditMemos"),
    (request("DELETE", "salesCreditMemos(1001)"), "which is no id"),
])
def test_what_stands_in_no_contract_is_told(asked: Request, says: str, wrap: object) -> None:
    told = list(wirelog.flaws(wrap(asked)))  # type: ignore[operator]  # one of two functions

    assert any(says in sentence for sentence in told), told


def test_the_surfaces_are_never_one() -> None:
    assert "salesDocuments" not in wirelog.SURFACES["api/v2.0"]["sets"]
    assert "salesCreditMemos" not in wirelog.SURFACES["ODataV4"]["sets"]


def test_a_request_in_no_pinned_language_is_told() -> None:
    asked = Request(method="GET", path=f"/v2.0/t/e/api/v2.0/{COMPANY}/items", query="", headers={wirelog.OURS: "1"}, body=b"")

    assert list(wirelog.flaws(asked)) == [f"/v2.0/t/e/api/v2.0/{COMPANY}/items was asked in no language that is pinned"]


def test_every_column_that_is_read_is_in_the_contract() -> None:
    sets = wirelog.SURFACES["api/v2.0"]["sets"]

    lacking = {f"{name}.{column}" for name, columns in preflight.USED.items() for column in columns if column not in sets[name]["fields"]}

    assert not lacking
    assert set(wire.LINES_OF.values()) | {masters.VARIANTS} <= set(sets)
