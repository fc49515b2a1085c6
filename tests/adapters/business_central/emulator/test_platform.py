"""Does the emulated environment answer as the platform of Business Central does: queries, versions, batches, limits, webhooks?"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from tests.adapters.business_central.emulator.conftest import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator


def batch(env: Any, *operations: dict[str, Any], **headers: str) -> Any:
    told = [{"id": str(at), "headers": {"Content-Type": "application/json"}} | each | {"url": f"companies({env.company})/{each['url']}"}
            for at, each in enumerate(operations)]
    return env.http.post(f"{env.root}/$batch", json={"requests": told}, headers=headers)


def create(reference: str, customer: str = "C1") -> dict[str, Any]:
    return {"method": "POST", "url": "salesCreditMemos", "body": {"customerNumber": customer, "externalDocumentNumber": reference}}


# --- reading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "numbers"), [
    ("$filter=number eq 'mug'", ["MUG"]), ("$filter=startswith(displayName,'A ')", ["MUG", "CUP", "FEE"]),
    ("$filter=unitPrice gt 5 and blocked eq false", ["MUG"]), ("$filter=number eq 'MUG' or number eq 'CUP'", ["MUG", "CUP"]),
    ("$filter=type eq 'Service'", ["FEE"]), ("$filter=not (unitCost eq 0)&$orderby=unitCost", ["CUP", "MUG"]),
    ("$orderby=number desc&$top=2", ["UNSOLD", "STOPPED"]), ("$filter=lastModifiedDateTime gt 2025-01-10T08:00:00Z", []),
])
def test_items_are_found_as_they_are_asked_for(env: Any, query: str, numbers: list[str]) -> None:
    assert [row["number"] for row in env.rows(f"items?{query}")] == numbers


@pytest.mark.parametrize(("path", "status", "code"), [
    ("items?$filter=number eq 'A' or displayName eq 'B'", 400, "BadRequest"), ("items?$filter=nothing eq 1", 400, "BadRequest"),
    ("items?$filter=unitCost eq 'x'", 400, "BadRequest"), ("items?$apply=x", 400, "BadRequest"),
    ("nothing", 404, "BadRequest_ResourceNotFound"),
    ("items(00000000-0000-0000-0000-000000000001)", 404, "BadRequest_NotFound"), ("items(1)", 400, "BadRequest_InvalidRequestUrl"),
    ("salesCreditMemoLines", 400, "Application_DialogException"),
])
def test_a_question_that_is_wrong_is_refused_by_its_code(env: Any, path: str, status: int, code: str) -> None:
    answer = env.send("GET", path)

    assert told_by(answer)[:2] == (status, code)
    assert "  CorrelationId:  " in answer.json()["error"]["message"]


def test_pages_are_followed_to_the_end(env: Any) -> None:
    seen: list[str] = []
    answer = env.send("GET", "items?$select=number&$count=true", Prefer="odata.maxpagesize=2")
    count = answer.json()["@odata.count"]
    while True:
        seen += [row["number"] for row in answer.json()["value"]]
        if not (onwards := answer.json().get("@odata.nextLink")):
            break
        answer = env.http.get(onwards, headers={"Prefer": "odata.maxpagesize=2"})

    assert seen == ["MUG", "CUP", "STOPPED", "UNSOLD", "FEE"]
    assert count == 5


def test_the_metadata_says_what_can_be_written(env: Any) -> None:
    tree = ET.fromstring(env.http.get(f"{env.root}/$metadata").content)  # noqa: S314 - our own emulator

    names = {each.get("Name") for each in tree.iter("{http://docs.oasis-open.org/odata/ns/edm}EntitySet")}

    assert {"salesCreditMemos", "items", "subscriptions"} <= names
    assert "salesReturnOrders" not in names


def test_error_texts_come_in_the_tenants_language_unless_english_is_asked_for(env: Any) -> None:
    env.control("seed", {"settings": {"language": "de-DE"}})

    english, german = env.send("GET", "nothing"), env.send("GET", "nothing", **{"Accept-Language": "de-DE"})

    assert told_by(english)[2].startswith("No HTTP resource was found")
    assert told_by(german)[2] == "(de-DE) BadRequest_ResourceNotFound"


# --- writing -------------------------------------------------------------------------------------------


def test_a_change_needs_the_version_it_is_of(env: Any) -> None:
    draft = env.draft()
    path = f"salesCreditMemos({draft['id']})"

    fresh = env.read(draft)["@odata.etag"]
    answers = [env.send("PATCH", path, {"phoneNumber": "1"}, **({"If-Match": tag} if tag else {})) for tag in ("", 'W/"old"', fresh, fresh)]

    assert [answer.status_code for answer in answers] == [400, 409, 200, 409]
    assert told_by(answers[0])[1] == "BadRequest_InvalidToken"
    assert told_by(answers[1])[1:] == ("Request_EntityChanged", "Another user has already changed the record.")


@pytest.mark.parametrize(("field", "value", "code"), [
    ("totalTaxAmount", 1, "BadRequest_InvalidOperation"), ("number", "X", "BadRequest_InvalidOperation"), ("nonsense", 1, "BadRequest"),
    ("externalDocumentNumber", "X" * 36, "Application_StringExceededLength"), ("discountAmount", "x", "BadRequest"),
    ("customerReturnReasonId", "00000000-0000-0000-0000-000000000001", "Application_DialogException"),
])
def test_a_field_that_cannot_be_written_is_refused(env: Any, field: str, value: object, code: str) -> None:
    answer = env.send("POST", "salesCreditMemos", {"customerNumber": "C1", field: value})

    assert told_by(answer)[:2] == (400, code)


def test_every_read_only_field_of_the_contract_is_refused(env: Any) -> None:
    from backhaul.adapters.business_central.emulator.surface import surface  # noqa: PLC0415 - the contract is asked

    fields = [name for name, prop in surface("api").sets["salesCreditMemoLines"].props.items() if prop.read_only]
    draft = env.draft()

    codes = {told_by(env.send("POST", f"salesCreditMemos({draft['id']})/salesCreditMemoLines", {"lineType": "Comment", field: 0}))[1]
             for field in fields}

    assert len(fields) == 10
    assert codes == {"BadRequest_InvalidOperation"}


# --- batches -------------------------------------------------------------------------------------------


def test_a_batch_stops_at_the_first_failure_and_keeps_what_came_before(env: Any) -> None:
    answer = batch(env, create("A"), create("B", "NOBODY"), create("C"))

    assert answer.status_code == 200
    assert [each["status"] for each in answer.json()["responses"]] == [201, 400]
    assert [row["externalDocumentNumber"] for row in env.rows("salesCreditMemos")] == ["A"]


def test_a_batch_goes_on_after_errors_where_that_is_preferred(env: Any) -> None:
    answer = batch(env, create("A"), create("B", "NOBODY"), create("C"), Prefer="odata.continue-on-error")

    assert [each["status"] for each in answer.json()["responses"]] == [201, 400, 201]


def test_a_snapshot_is_undone_as_a_whole_unless_something_in_it_commits(env: Any) -> None:
    draft = env.draft()
    post = {"method": "POST", "url": f"salesCreditMemos({draft['id']})/Microsoft.NAV.post"}

    batch(env, create("A"), create("B", "NOBODY"), Isolation="snapshot")
    undone = [row["externalDocumentNumber"] for row in env.rows("salesCreditMemos")]
    batch(env, create("A"), post, create("B", "NOBODY"), Isolation="snapshot")
    committed = {row["externalDocumentNumber"]: row["status"] for row in env.rows("salesCreditMemos")}

    assert undone == ["ZZ-1"]
    assert committed == {"ZZ-1": "Open", "A": "Draft"}
    assert env.ledgers()["unitsReceived"] == 3


def test_posting_commits_first_so_a_snapshot_keeps_what_stood_before_a_posting_that_fails(env: Any) -> None:
    draft = env.draft(env.line(at=None))
    post = {"method": "POST", "url": f"salesCreditMemos({draft['id']})/Microsoft.NAV.post"}

    answer = batch(env, create("A"), post, create("B"), Isolation="snapshot")

    assert [each["status"] for each in answer.json()["responses"]] == [201, 400]
    assert {row["externalDocumentNumber"]: row["status"] for row in env.rows("salesCreditMemos")} == {"ZZ-1": "Draft", "A": "Draft"}


def test_more_than_a_hundred_operations_are_refused(env: Any) -> None:
    answer = batch(env, *({"method": "GET", "url": "items"} for _ in range(101)))

    assert told_by(answer)[:2] == (400, "Unknown")


def test_a_batch_is_one_call_and_a_token_is_none(env: Any) -> None:
    env.control("calls/reset", {})

    batch(env, create("A"), create("B"))
    env.send("GET", "items")

    told = env.control("calls")
    assert (told["counted"], told["by"]) == (2, {"POST $batch": 1, "GET items": 1})


# --- limits --------------------------------------------------------------------------------------------


def test_above_the_limit_everything_is_refused_until_time_passes(env: Any) -> None:
    env.control("seed", {"settings": {"rate": {"requests": 2, "seconds": 300}, "retryAfter": 7}})

    answers = [env.send("GET", "items") for _ in range(3)]
    env.control("clock", {"now": "2025-01-10T08:05:01Z"})
    later = env.send("GET", "items")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert (answers[2].headers["Retry-After"], later.status_code) == ("7", 200)


# --- webhooks ------------------------------------------------------------------------------------------


class Receiver:
    """Somebody who is told: answers handshakes, keeps messages, and answers them as a test says."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                token = parse_qs(urlsplit(self.path).query).get("validationToken")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if token is None:
                    outer.told.append(json.loads(body))
                self.send_response(200 if token else outer.status)
                self.end_headers()
                self.wfile.write(token[0].encode() if token else b"")

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def subscribe(env: Any, receiver: Receiver, resource: str = "salesCreditMemos") -> Any:
    return env.http.post(f"{env.root}/subscriptions", json={
        "notificationUrl": receiver.url, "resource": f"/api/v2.0/companies({env.company})/{resource}", "clientState": "ours"})


def test_whoever_subscribed_is_told_half_a_minute_after_a_change(env: Any, receiver: Receiver) -> None:
    subscription = subscribe(env, receiver).json()
    draft = env.draft()

    env.control("clock", {"now": "2025-01-10T08:00:20Z"})
    early = list(receiver.told)
    env.control("clock", {"now": "2025-01-10T08:00:31Z"})

    ((notice,),) = [message["value"] for message in receiver.told]
    assert early == []
    assert (notice["subscriptionId"], notice["clientState"], notice["changeType"]) == (subscription["subscriptionId"], "ours", "created")
    assert notice["resource"].endswith(f"salesCreditMemos({draft['id']})")
    assert subscription["expirationDateTime"] == "2025-01-13T08:00:00Z"


def test_a_subscription_ends_by_itself_by_refusal_and_not_by_a_server_error(env: Any, receiver: Receiver) -> None:
    subscribe(env, receiver)
    env.draft()

    receiver.status = 503
    env.control("clock", {"now": "2025-01-10T08:01:00Z"})
    kept = len(env.http.get(f"{env.root}/subscriptions").json()["value"])
    receiver.status = 400
    env.control("clock", {"now": "2025-01-10T08:02:00Z"})
    refused = len(env.http.get(f"{env.root}/subscriptions").json()["value"])
    subscribe(env, receiver)
    env.control("clock", {"now": "2025-01-14T08:00:00Z"})

    assert (len(receiver.told), kept, refused) == (2, 1, 0)
    assert env.http.get(f"{env.root}/subscriptions").json()["value"] == []


def test_what_cannot_be_watched_is_refused(env: Any, receiver: Receiver) -> None:
    answer = subscribe(env, receiver, "itemLedgerEntries")

    assert told_by(answer)[:2] == (400, "BadRequest")


def test_a_subscription_is_renewed_with_a_handshake(env: Any, receiver: Receiver) -> None:
    made = subscribe(env, receiver).json()
    env.control("clock", {"now": "2025-01-12T08:00:00Z"})

    renewed = env.http.patch(f"{env.root}/subscriptions('{made['subscriptionId']}')", json={"notificationUrl": receiver.url},
                             headers={"If-Match": made["@odata.etag"]})

    assert renewed.json()["expirationDateTime"] == "2025-01-15T08:00:00Z"
