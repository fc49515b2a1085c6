"""Do we read every answer of an OData server as reliability appendix A says?"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from backhaul.adapters import outgoing
from backhaul.adapters.odata import (
    Answer,
    Change,
    Connection,
    Meaning,
    OData,
    Query,
    Seen,
    Then,
    classify_answer,
    day_of,
    enum,
    infolog,
    keyed,
    kind_of,
    noon,
    quoted,
    read_batch,
    waiting_time,
)
from backhaul.adapters.odata.batch import write_batch
from backhaul.domain.errors import Misconfigured, RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = datetime(2025, 1, 10, 8, 0, tzinfo=UTC)
NO, UNKNOWN = Meaning.NO, Meaning.UNKNOWN


@pytest.mark.parametrize(("seen", "meaning", "then"), [
    (Seen(sent=False), NO, Then.RETRY),
    (Seen(status=None), UNKNOWN, Then.RESOLVE),
    (Seen(status=201, whole=True), Meaning.OK, Then.RECORD),
    (Seen(status=204, whole=True), Meaning.OK, Then.RECORD),
    (Seen(status=200), UNKNOWN, Then.RESOLVE),
    (Seen(status=201, whole=True, other_record=True), UNKNOWN, Then.ALERT),
    (Seen(status=202), Meaning.PENDING, Then.POLL),
    (Seen(status=400, explained=True), NO, Then.EXCEPTION),
    (Seen(status=422, explained=True), NO, Then.EXCEPTION),
    (Seen(status=400), UNKNOWN, Then.RESOLVE),
    (Seen(status=400, explained=True, atomic=False), UNKNOWN, Then.RESOLVE),
    (Seen(status=422, explained=True, atomic=False), UNKNOWN, Then.RESOLVE),
    (Seen(status=500, explained=True, atomic=False), UNKNOWN, Then.RESOLVE),
    (Seen(status=401), NO, Then.REFRESH),
    (Seen(status=403), NO, Then.CIRCUIT),
    (Seen(status=404), NO, Then.EXCEPTION),
    (Seen(status=405), NO, Then.EXCEPTION),
    (Seen(status=413), NO, Then.EXCEPTION),
    (Seen(status=414), NO, Then.EXCEPTION),
    (Seen(status=415), NO, Then.EXCEPTION),
    (Seen(status=408), UNKNOWN, Then.RESOLVE),
    (Seen(status=409), UNKNOWN, Then.RESOLVE),
    (Seen(status=412), NO, Then.REREAD),
    (Seen(status=428), NO, Then.REREAD),
    (Seen(status=429), NO, Then.WAIT),
    (Seen(status=500, explained=True), UNKNOWN, Then.RESOLVE),
    (Seen(status=502), UNKNOWN, Then.RESOLVE),
    (Seen(status=503), UNKNOWN, Then.RESOLVE),
    (Seen(status=504), UNKNOWN, Then.RESOLVE),
    (Seen(status=599), UNKNOWN, Then.RESOLVE),
    (Seen(status=303), UNKNOWN, Then.ALERT),
    (Seen(status=307), UNKNOWN, Then.ALERT),
    (Seen(status=400, explained=True, atomic=False, change_set=True), NO, Then.EXCEPTION),
    (Seen(status=500, explained=True, atomic=False, change_set=True), NO, Then.EXCEPTION),
    (Seen(status=500, atomic=False, change_set=True), UNKNOWN, Then.RESOLVE),
    (Seen(status=418), UNKNOWN, Then.RESOLVE),
    (Seen(status=102), UNKNOWN, Then.RESOLVE),
    (Seen(status=451, explained=True), UNKNOWN, Then.RESOLVE),
], ids=str)
def test_every_row_of_appendix_a(seen: Seen, meaning: Meaning, then: Then) -> None:
    assert classify_answer(seen) == (meaning, then)


@given(st.builds(Seen, sent=st.booleans(), status=st.none() | st.integers(0, 999), whole=st.booleans(), atomic=st.booleans(),
                 change_set=st.booleans(), explained=st.booleans(), other_record=st.booleans()))
def test_only_a_whole_success_is_a_success_and_every_answer_has_a_meaning(seen: Seen) -> None:
    meaning, then = classify_answer(seen)

    assert isinstance(then, Then)
    if meaning is Meaning.OK:
        assert seen.sent
        assert seen.whole
        assert not seen.other_record
        assert 200 <= (seen.status or 0) < 300


@pytest.mark.parametrize(("header", "seconds"), [
    ("17", 17), ("0", 0), (None, 30), ("soon", 30), ("-5", 30), ("999999", 600), ("nan", 30), ("inf", 600),
    ("Fri, 10 Jan 2025 08:02:00 GMT", 120), ("Fri, 10 Jan 2025 07:00:00 GMT", 30), ("Fri, 10 Jan 2031 07:00:00 GMT", 600), ("", 30),
])
def test_waiting_times_in_every_shape(header: str | None, seconds: float) -> None:
    assert waiting_time(header, NOW) == seconds


def test_the_useful_sentences_of_an_infolog() -> None:
    text = ("Write failed for table row of type 'X'. Infolog: Warning: Item 'A' is blocked for 'Sales order'.; Warning: Item 'A' is "
            "blocked for 'Sales order'.; Warning: validateWrite failed on data source 'SalesLine (SalesLine)'")
    body = {"error": {"code": "", "message": "An error has occurred.", "innererror": {"message": text, "stacktrace": "at Secret()"}}}

    assert infolog(body) == ("Item 'A' is blocked for 'Sales order'.",)
    assert infolog({"Message": "No HTTP resource was found"}) == ("No HTTP resource was found",)
    assert infolog({"error": {"message": "An error has occurred.", "innererror": {"message": ""}}}) == ("An error has occurred.",)
    assert [infolog(junk) for junk in (None, [], "x", {"error": "x"}, {"error": {"message": 3}})] == [()] * 5


@pytest.mark.parametrize(("sentence", "kind"), [
    ("Item 'L' is blocked for 'Sales order'.", "ITEM_BLOCKED"), ("Field 'Customer account' must be filled in.", "MISSING_FIELD"),
    ("Inventory dimension Site is mandatory and must consequently be specified.", "MISSING_FIELD"),
    ("The value 'X' is not found in the related table 'Y'.", "UNKNOWN_REFERENCE"), ("An update conflict occurred", "RETRYABLE"),
    ("The record already exists.", "DUPLICATE"), ("Something else.", ""),
])
def test_error_sentences_have_kinds(sentence: str, kind: str) -> None:
    assert kind_of(sentence) == kind


def test_literals_keys_and_days() -> None:
    assert quoted("O'Neil") == "'O''Neil'"
    assert enum("NoYes", "Yes") == "Microsoft.Dynamics.DataEntities.NoYes'Yes'"
    assert keyed("Set", dataAreaId="us", No="a'b+c/d") == "Set(dataAreaId=%27us%27,No=%27a%27%27b%2Bc%2Fd%27)?cross-company=true"
    assert keyed("Set", LineNumber=Decimal("1.50")).startswith("Set(LineNumber=1.50)")
    assert noon(date(2025, 3, 30)) == "2025-03-30T12:00:00Z"
    assert day_of("2025-03-30T12:00:00Z") == date(2025, 3, 30)
    assert [day_of(junk) for junk in ("1900-01-01T00:00:00Z", None, "x")] == [None] * 3


@given(st.lists(st.text(min_size=1, max_size=60), max_size=120))
def test_many_keys_are_asked_for_in_addresses_of_bounded_length(values: list[str]) -> None:
    query = Query(entity_set="S", select=("a",), where="dataAreaId eq 'us'", column="a", values=tuple(values))

    addresses = list(query.addresses("https://x"))

    assert len(addresses) <= max(len(set(values)), 0)
    assert all(len(address) < 2000 or address.count("eq") == 2 for address in addresses)
    assert sum(address.count("a%20eq%20") for address in addresses) >= len(set(values))


# --- $batch ------------------------------------------------------------------------------------------


def part(content_id: str, status: int, body: object = None) -> str:
    told = "" if body is None else json.dumps(body)
    mark = f"Content-ID: {content_id}\r\n" if content_id else ""
    return (f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{mark}\r\nHTTP/1.1 {status} X\r\n"
            f"Content-Type: application/json\r\n\r\n{told}\r\n")


def change_set(name: str, *parts: str) -> str:
    return f"Content-Type: multipart/mixed; boundary={name}\r\n\r\n" + "".join(f"--{name}\r\n{text}" for text in parts) + f"--{name}--\r\n"


def batch(*tops: str) -> bytes:
    return ("".join(f"--b\r\n{top}" for top in tops) + "--b--\r\n").encode()


def read(body: bytes, *sizes: int, reads: int = 0) -> list[Answer | None]:
    return read_batch('multipart/mixed; boundary="b"', body, sizes, NOW, reads=reads)


def statuses(answers: list[Answer | None]) -> list[int | None]:
    return [answer and answer.status for answer in answers]


def test_answers_are_known_by_their_content_id_whatever_their_order() -> None:
    body = batch(change_set("s", part("3", 204), part("2", 201, {"a": 2})), part("1", 200, {"a": 1}))

    answers = read(body, 1, 2, reads=1)

    assert statuses(answers) == [200, 201, 204]
    assert answers[0] is not None
    assert answers[0].body == {"a": 1}


def test_without_content_ids_the_place_decides_if_nothing_is_missing() -> None:
    assert statuses(read(batch(part("", 200, {}), part("", 404)), 1, 1, reads=2)) == [200, 404]
    assert statuses(read(batch(part("", 200, {})), 1, 1, reads=2)) == [None, None]


def test_a_missing_answer_is_no_answer() -> None:
    assert statuses(read(batch(change_set("s", part("1", 201, {})), change_set("t", part("3", 201, {}))), 1, 1, 1)) == [201, None, 201]


def test_a_failed_change_set_fails_for_all_its_parts() -> None:
    error = {"error": {"message": "An error has occurred.", "innererror": {"message": "Infolog: Error: no."}}}

    answers = read(batch(part("2", 400, error), change_set("s", part("4", 201, {}))), 3, 1)

    assert statuses(answers) == [400, 400, 400, 201]
    assert all(answer and answer.verdict(atomic=False)[0] is NO for answer in answers[:3])


def test_a_cut_batch_keeps_what_is_whole() -> None:
    body = batch(part("1", 200, {"a": 1}), part("2", 200, {"a": 2}))

    assert statuses(read(body[:body.rindex(b"}")], 1, 1, reads=2)) == [200, None]


@given(st.binary(max_size=300), st.lists(st.integers(1, 3), max_size=4))
def test_any_bytes_can_be_read_as_a_batch(body: bytes, sizes: list[int]) -> None:
    assert len(read(body, *sizes)) == sum(sizes)
    assert len(read(b"--b\r\n" + body + b"\r\n--b--", *sizes)) == sum(sizes)


def test_amounts_travel_exactly_in_both_directions() -> None:
    change = Change(method="POST", address="S", body={"a": Decimal("0.1000000000000000055")})
    sent = write_batch("b", "https://x", ("https://x/data/S",), [[change]])
    (answer,) = read(batch(part("1", 200, None).replace("\r\n\r\n\r\n", "\r\n\r\n" + '{"a": 1.10}' + "\r\n")), 1, reads=1)

    assert b'"a":0.1000000000000000055' in sent
    assert b"Content-ID: 2" in sent
    assert answer is not None
    assert str(answer.body["a"]) == "1.10"


# --- one connection ----------------------------------------------------------------------------------


class Told(BaseHTTPRequestHandler):
    """A server that does what its test says, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    answer: Callable[[Told], None]
    seen: list[tuple[str, str, dict[str, str]]]

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.seen.append((self.command, self.path, dict(self.headers)))
        if self.path == "/token":
            number = sum(path == "/token" for _, path, _ in self.seen)
            self.reply(200, {"access_token": f"T{number}", "expires_in": 3600, "token_type": "Bearer"})
        else:
            type(self).answer(self)

    do_POST = do_GET  # noqa: N815  the base class asks for these names
    do_PUT = do_GET  # noqa: N815

    def reply(self, status: int, body: object, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[OData, type[Told]]]]:
    """Start servers that behave as told."""
    running: list[ThreadingHTTPServer] = []
    clients: list[OData] = []

    def start(answer: Callable[[Told], None], **more: Any) -> tuple[OData, type[Told]]:
        handler = type("Handler", (Told,), {"answer": staticmethod(answer), "seen": []})
        running.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=running[-1].serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{running[-1].server_port}"
        told = {"base_url": url, "token_url": f"{url}/token", "client_id": "c", "client_secret": "hush", "timeout": 1.0}
        clients.append(OData(Connection(**(told | more))))
        return clients[-1], handler

    yield start
    for client in clients:
        client.close()
    for each in running:
        each.shutdown()
        each.server_close()


def test_many_callers_share_one_token(server: Any) -> None:
    odata, handler = server(lambda call: call.reply(200, {"value": []}))

    threads = [threading.Thread(target=odata.get, args=(f"{odata.root}/data/X",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(path == "/token" for _, path, _ in handler.seen) == 1
    assert {headers["Authorization"] for _, path, headers in handler.seen if path != "/token"} == {"Bearer T1"}
    assert all("x-ms-client-request-id" in headers for _, path, headers in handler.seen if path != "/token")


def test_a_refused_token_is_renewed_once_and_no_more(server: Any) -> None:
    odata, handler = server(lambda call: call.reply(401, b""))

    answer = odata.post("X", {})

    assert answer.verdict() == (NO, Then.REFRESH)
    assert [headers.get("Authorization") for _, path, headers in handler.seen if path != "/token"] == ["Bearer T1", "Bearer T2"]


def test_a_byte_at_a_time_ends_with_the_whole_requests_time(server: Any) -> None:
    def drip(call: Told) -> None:
        call.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n")
        for _ in range(60):
            time.sleep(0.1)
            try:
                call.wfile.write(b"X")
                call.wfile.flush()
            except OSError:
                return

    odata, _ = server(drip, timeout=0.6)
    odata.token()
    began = time.monotonic()

    answer = odata.post("X", {})

    assert answer.verdict() == (UNKNOWN, Then.RESOLVE)
    assert answer.sent
    assert time.monotonic() - began < 2


def test_whoever_waits_for_a_page_waits_for_all_of_its_calls_together_only_so_long(server: Any) -> None:
    odata, handler = server(lambda call: (time.sleep(0.3), call.reply(200, {})), timeout=60)
    odata.token()

    with outgoing.patient_for(0.7):
        answers = [odata.post("X", {}) for _ in range(10)]
    after = odata.post("X", {})

    assert answers[-1].status is None
    assert len([path for _, path, _ in handler.seen if path == "/X"]) < 8
    assert after.status == 200


def test_a_refused_connection_means_nothing_was_sent(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, {}))
    odata.token()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        odata.root = f"http://127.0.0.1:{free.getsockname()[1]}"

        answer = odata.post("X", {})

    assert answer.verdict() == (NO, Then.RETRY)


def test_redirects_are_not_followed_and_cookies_not_kept(server: Any) -> None:
    odata, handler = server(lambda call: call.reply(303, b"", Location="/data/Y", Set_Cookie="ARRAffinity=1; Path=/"))

    assert odata.post("X", {}).verdict() == (UNKNOWN, Then.ALERT)
    odata.post("X", {})
    assert [path for _, path, _ in handler.seen] == ["/token", "/data/X", "/data/X"]
    assert "Cookie" not in handler.seen[-1][2]


def test_the_token_never_goes_to_another_host(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, {"value": [{"a": 1}], "@odata.nextLink": elsewhere.root + "/data/S?2"}))
    elsewhere, foreign = server(lambda call: call.reply(200, {"value": []}))

    with pytest.raises(RetryLater, match="incomplete"):
        list(odata.pages(odata.get(f"{odata.root}/data/S")))
    refused, _, _ = odata.send("GET", odata.root.replace("127.0.0.1", "user@127.0.0.1"))

    assert refused.sent is False
    assert odata.put_blob(f"{elsewhere.root}/blob", b"x").sent is False
    assert odata.put_blob("https://blob.core.windows.net.evil.example/x", b"x").sent is False
    assert odata.put_blob("https://x@evil.example/.blob.core.windows.net", b"x").sent is False
    assert foreign.seen == []


def test_a_package_goes_without_a_token(server: Any) -> None:
    odata, handler = server(lambda call: call.reply(201, b""))

    odata.put_blob(f"{odata.root}/blob/x?sig=1", b"zip")

    ((method, _, headers),) = handler.seen
    assert method == "PUT"
    assert "Authorization" not in headers
    assert headers["x-ms-blob-type"] == "BlockBlob"


def test_pages_that_run_in_circles_end(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, {"value": [{}], "@odata.nextLink": "S?$skiptoken=1"}))

    with pytest.raises(RetryLater, match="incomplete"):
        list(odata.pages(odata.get(f"{odata.root}/data/S")))


def test_a_read_that_promised_more_than_it_gave_is_not_whole(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, {"value": [{}], "@odata.count": 2}))

    with pytest.raises(RetryLater, match="promised 2"):
        list(odata.pages(odata.get(f"{odata.root}/data/S")))


@pytest.mark.parametrize(("status", "error"), [
    (500, RetryLater), (429, RetryLater), (401, RetryLater), (400, Misconfigured), (403, Misconfigured)])
def test_a_read_without_a_good_answer_is_never_an_empty_one(server: Any, status: int, error: type[Exception]) -> None:
    odata, _ = server(lambda call: call.reply(status, {"error": {"message": "no"}}))

    with pytest.raises(error):
        odata.read([Query(entity_set="S")])


def test_an_answer_that_is_too_large_is_no_answer(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, b"x" * 5000), largest=1000)

    assert odata.post("X", {}).verdict() == (UNKNOWN, Then.RESOLVE)


def test_a_proxy_page_is_no_answer_to_a_batch(server: Any) -> None:
    odata, _ = server(lambda call: call.reply(200, b"<html>", Content_Type="text/html"))

    ((answer,),) = odata.batch([[Change(method="POST", address="X", body={})]])

    assert answer.verdict() == (UNKNOWN, Then.RESOLVE)


def test_secrets_and_addresses_of_blobs_are_never_told(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    odata, _ = server(lambda call: call.reply(201, b""))

    with caplog.at_level(logging.INFO, logger="backhaul"):
        odata.put_blob(f"{odata.root}/blob/x?sig=verysecret", b"zip")
        odata.post("X", {"private": "payload"})

    told = repr(odata.connection) + "".join(str(record.__dict__) for record in caplog.records)
    assert not any(word in told for word in ("hush", "verysecret", "payload", "Bearer"))


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(Misconfigured, match="not https"):
        OData(Connection(base_url="http://erp.example", token_url="https://login.example", client_id="c", client_secret="x"))  # noqa: S106


def test_a_token_service_that_is_away_stops_the_call_before_it_is_sent(server: Any) -> None:
    odata, handler = server(lambda call: call.reply(503, b""), token_url="http://127.0.0.1:1/token")  # noqa: S106

    with pytest.raises(RetryLater, match="Nothing was sent"):
        odata.post("X", {})
    assert handler.seen == []
