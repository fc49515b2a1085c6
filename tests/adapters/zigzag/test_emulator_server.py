"""The running emulator: delivery, retries, memory, exports and the platform's own interface."""

import base64
import csv
import hashlib
import hmac
import io
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from backhaul.adapters.zigzag.emulator import Running, serve

EXAMPLES = Path(__file__).parents[3] / "examples"
END = "2011-12-31T00:00:00Z"


class Receiver:
    """Somebody who listens to webhooks, remembers them, and answers what it is told to answer."""

    def __init__(self) -> None:
        self.answer: int | None = 200
        self.got: list[tuple[dict[str, str], bytes]] = []
        lock = Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(inner) -> None:  # noqa: N805
                body = inner.rfile.read(int(inner.headers["content-length"]))
                with lock:
                    self.got.append(({k.lower(): v for k, v in inner.headers.items()}, body))
                if self.answer is None:
                    inner.close_connection = True
                    return
                inner.send_response(self.answer)
                inner.send_header("content-length", "0")
                inner.end_headers()

            def log_message(inner, *_: object) -> None:  # noqa: N805
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/zigzag?tenant=demo"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def emulator() -> Iterator[Running]:
    with serve() as running:
        yield running


def ask(running: Running, method: str, path: str, status: int = 200, **more: Any) -> Any:
    answer = httpx.request(method, running.base_url + path, timeout=60, trust_env=False, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


def load(running: Running, **more: object) -> Any:
    asked = {"folder": str(EXAMPLES / "online-retail"), "limit": 20, **more}
    return ask(running, "POST", "/control/load", json=asked)


def subscribe(running: Running, receiver: Receiver, **more: object) -> None:
    ask(running, "POST", "/control/subscribe", json={"url": receiver.url, "auth": {"kind": "none"}, **more})


def clock(running: Running, now: str = END, **more: object) -> Any:
    return ask(running, "POST", "/control/clock", json={"now": now, **more})


def test_everything_that_fell_due_is_delivered_once(emulator: Running, receiver: Receiver) -> None:
    told = load(emulator)
    subscribe(emulator, receiver)

    passed = clock(emulator)

    assert passed["statuses"] == {"200": told["events"]}
    assert len({body["eventId"] for body in receiver.bodies()}) == told["events"] == len(receiver.got)
    assert clock(emulator)["delivered"] == 0


def test_nothing_is_sent_before_it_happens(emulator: Running, receiver: Receiver) -> None:
    load(emulator)
    subscribe(emulator, receiver)

    clock(emulator, "2010-12-01T09:45:00Z", connections=1)

    assert next(body["occurredAt"] for body in receiver.bodies()) == "2010-12-01T09:41:00Z"
    assert all(body["occurredAt"] <= "2010-12-01T09:45:00Z" for body in receiver.bodies())
    assert ask(emulator, "GET", "/control/clock")["now"] == "2010-12-01T09:45:00Z"


def test_over_one_connection_events_arrive_in_the_order_they_happened(emulator: Running, receiver: Receiver) -> None:
    load(emulator)
    subscribe(emulator, receiver)

    clock(emulator, connections=1)

    times = [body["occurredAt"] for body in receiver.bodies()]
    assert times == sorted(times)


def test_shuffled_events_are_the_same_events_in_another_order(emulator: Running, receiver: Receiver) -> None:
    told = load(emulator)
    subscribe(emulator, receiver)

    clock(emulator, connections=1, shuffle=True)

    times = [body["occurredAt"] for body in receiver.bodies()]
    assert times != sorted(times)
    assert len(times) == told["events"]


def test_duplicates_are_the_same_bytes_again(emulator: Running, receiver: Receiver) -> None:
    told = load(emulator)
    subscribe(emulator, receiver)

    clock(emulator, duplicate=5)

    assert len(receiver.got) == told["events"] + 5
    assert len({body for _, body in receiver.got}) == told["events"]


@pytest.mark.parametrize("status", [400, 401, 403, 405, 408, 500, 502, None])
def test_an_answer_on_the_list_is_sent_again_at_midnight(
    emulator: Running, receiver: Receiver, status: int | None
) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver)
    receiver.answer = status
    assert clock(emulator, "2010-12-01T10:00:00Z")["failed"] == 1

    receiver.answer = 200
    before = clock(emulator, "2010-12-01T23:59:59Z")
    after = clock(emulator, "2010-12-02T00:00:00Z")

    assert (before["delivered"], after["delivered"]) == (0, 1)


@pytest.mark.parametrize("status", [302, 404, 409, 413, 422, 429, 503, 504])
def test_any_other_answer_loses_the_event_for_good(emulator: Running, receiver: Receiver, status: int) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver)
    receiver.answer = status
    assert clock(emulator, "2010-12-01T10:00:00Z")["lost"] == 1

    receiver.answer = 200
    later = clock(emulator, "2010-12-03T00:00:00Z")

    assert later["delivered"] == 0 or receiver.bodies()[-1]["eventType"] != "ReturnCreated"


def test_a_failure_older_than_seven_days_is_given_up(emulator: Running, receiver: Receiver) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver)
    receiver.answer = 500
    clock(emulator, "2010-12-12T00:00:00Z")

    receiver.answer = 200
    passed = clock(emulator, "2010-12-13T00:00:00Z")

    assert passed["delivered"] == 0
    assert ask(emulator, "GET", "/control/clock")["fates"] == {"lost": 2}


def test_a_restarted_emulator_goes_on_where_it_stopped(tmp_path: Path, receiver: Receiver) -> None:
    with serve(tmp_path) as before:
        told = load(before)
        subscribe(before, receiver)
        first = clock(before, "2010-12-05T00:00:00Z")

    with serve(tmp_path) as after:
        assert load(after)["alreadyKnown"] == 20
        second = clock(after)

    assert 0 < first["delivered"] < told["events"]
    assert first["delivered"] + second["delivered"] == told["events"]


def test_the_clock_does_not_go_back(emulator: Running) -> None:
    load(emulator)
    clock(emulator, "2011-01-01T00:00:00Z")

    refused = ask(emulator, "POST", "/control/clock", 400, json={"now": "2010-12-31T00:00:00Z"})

    assert "does not go back" in refused["message"]


def test_events_before_the_subscription_are_never_sent_but_can_be_exported(
    emulator: Running, receiver: Receiver
) -> None:
    told = load(emulator)
    assert clock(emulator)["unsent"] == told["events"]
    subscribe(emulator, receiver)

    exported = ask(emulator, "GET", "/control/export?fate=unsent")

    assert clock(emulator, "2012-06-01T00:00:00Z")["delivered"] == 0
    assert len(exported.splitlines()) == told["events"]


def test_an_hmac_signature_covers_the_time_of_the_attempt_and_the_raw_body(
    emulator: Running, receiver: Receiver
) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver, auth={"kind": "hmac", "secret": "s3cret"})

    clock(emulator)

    headers, body = receiver.got[0]
    stamp = headers["x-zigzag-timestamp"]
    expected = hmac.new(b"s3cret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-zigzag-signature"] == f"sha256={expected}"
    assert abs(int(stamp) - time.time()) < 60


def test_a_standard_webhooks_signature_is_verified_by_the_standard_library_of_that_name(
    emulator: Running, receiver: Receiver
) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    load(emulator, limit=1)
    subscribe(emulator, receiver, auth={"kind": "standard-webhooks", "secret": secret})

    clock(emulator)

    headers, body = receiver.got[0]
    assert Webhook(secret).verify(body, headers)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "bearer", "token": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"kind": "basic", "username": "u", "password": "p"}, "authorization", "Basic dTpw"),
        ({"kind": "header", "name": "x-shared", "value": "hush"}, "x-shared", "hush"),
    ],
)
def test_a_shared_secret_travels_in_its_header(
    emulator: Running, receiver: Receiver, auth: dict[str, str], header: str, value: str
) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver, auth=auth)

    clock(emulator)

    assert receiver.got[0][0][header] == value


@pytest.mark.parametrize(
    "wrong",
    [{"auth": {"kind": "hmac"}}, {"auth": {"kind": "smoke"}}, {"shape": "round"}],
)
def test_a_subscription_that_cannot_work_is_refused(emulator: Running, wrong: dict[str, object]) -> None:
    ask(emulator, "POST", "/control/subscribe", 400, json={"url": "http://127.0.0.1:9", **wrong})


def test_the_whole_shape_is_what_a_subscriber_may_get_instead(emulator: Running, receiver: Receiver) -> None:
    load(emulator, limit=1)
    subscribe(emulator, receiver, shape="whole")

    clock(emulator)

    assert receiver.bodies()[0]["ReturnId"] == "C536379"
    assert "eventType" not in receiver.bodies()[0]


def test_the_three_export_formats_tell_the_same_events(emulator: Running) -> None:
    told = load(emulator)
    clock(emulator)

    lines = [json.loads(line) for line in ask(emulator, "GET", "/control/export").splitlines()]
    listed = ask(emulator, "GET", "/control/export?format=json")
    rows = list(csv.DictReader(io.StringIO(ask(emulator, "GET", "/control/export?format=csv"))))

    assert lines == listed == ask(emulator, "GET", "/control/events")
    assert len(lines) == told["events"]
    assert {row["eventId"] for row in rows} == {body["eventId"] for body in lines}
    ask(emulator, "GET", "/control/export?format=xml", 400)


def test_an_export_can_look_into_the_future_and_skip_the_past(emulator: Running) -> None:
    told = load(emulator)

    everything = ask(emulator, "GET", "/control/export?until=all")
    younger = ask(emulator, "GET", "/control/export?until=all&since=2010-12-10T00:00:00Z")

    assert len(everything.splitlines()) == told["events"]
    assert 0 < len(younger.splitlines()) < told["events"]
    assert ask(emulator, "GET", "/control/export") == ""


def test_the_story_of_one_return_tells_how_its_deliveries_went(emulator: Running, receiver: Receiver) -> None:
    load(emulator)
    subscribe(emulator, receiver)
    clock(emulator, "2010-12-01T12:00:00Z")

    story = ask(emulator, "GET", "/control/events?return=C536379")

    assert [(step["event"]["eventType"], step["fate"]) for step in story] == [
        ("ReturnCreated", "delivered"),
        ("ReturnCompleted", None),
    ]


def test_the_truth_accounts_for_every_penny_of_the_real_file(emulator: Running) -> None:
    load(emulator, limit=None)

    truth = ask(emulator, "GET", "/control/truth?until=all")

    total = sum(round(float(each["amounts"]["announcedNet"]) * 100) for each in truth)
    parts = ("acceptedNet", "rejectedNet", "shortNet", "waitingNet")
    assert total == 31069644
    assert total == sum(round(float(each["amounts"][part]) * 100) for each in truth for part in parts)


def test_payouts_are_the_refunds_issued_so_far(emulator: Running) -> None:
    load(emulator, limit=None)

    paid = ask(emulator, "GET", "/control/payouts?until=all")
    since = ask(emulator, "GET", "/control/payouts?until=all&since=2011-03-01T00:00:00Z")

    assert len(paid) == 52
    assert 0 < len(since) < 52
    assert paid[0]["reference"] == f"PAY-{paid[0]['returnId']}"
    assert ask(emulator, "GET", "/control/payouts") == []


def test_lines_can_be_loaded_without_a_file(emulator: Running) -> None:
    row = {"InvoiceNo": "C1", "Quantity": "-1", "InvoiceDate": "2011-01-01 00:00:00", "UnitPrice": "1"}
    load(emulator)

    told = ask(emulator, "POST", "/control/load", json={"lines": [{**row, "StockCode": "22423"}], "replace": True})

    assert told["returns"] == 1
    assert told["first"] == "2011-01-01T00:00:00Z"


def test_a_folder_without_credit_lines_is_named_in_the_refusal(emulator: Running, tmp_path: Path) -> None:
    refused = ask(emulator, "POST", "/control/load", 400, json={"folder": str(tmp_path)})

    assert str(tmp_path) in refused["message"]


def bearer(running: Running, **credentials: str) -> dict[str, str]:
    token = ask(running, "POST", "/token", json=credentials or {"username": "api", "password": "pw"})
    return {"authorization": f"Bearer {token['access_token']}"}


def test_the_interface_wants_a_token_that_still_lives(emulator: Running) -> None:
    form = ask(emulator, "POST", "/token", data={"client_id": "api", "client_secret": "pw"})
    alive = {"authorization": f"Bearer {form['token']}"}
    ask(emulator, "GET", "/Return/api/v1/returns?orderNumber=1", headers=alive)

    ask(emulator, "POST", "/control/tokens/expire")

    ask(emulator, "GET", "/Return/api/v1/returns?orderNumber=1", 401, headers=alive)
    ask(emulator, "GET", "/Return/api/v1/returns?orderNumber=1", 401)
    ask(emulator, "POST", "/token", 401, json={"username": "api"})
    ask(emulator, "POST", "/token", 400, content=b"{", headers={"content-type": "application/json"})


def test_exchange_stock_replaces_what_was_there_and_a_wrong_row_changes_nothing(emulator: Running) -> None:
    path, headers = "/Return/api/v1/ExchangeStocks/Update", bearer(emulator)
    row = {"sku": "22423", "warehouseDcCode": "GB-DC-01", "availableQuantity": 5}
    ask(emulator, "PUT", path, headers=headers, json={"retailerCode": "QX501", "exchangeStocks": [row]})

    wrong = [{**row, "availableQuantity": 9}, {**row, "availableQuantity": -1}]
    ask(emulator, "PUT", path, 400, headers=headers, json={"retailerCode": "QX501", "exchangeStocks": wrong})

    assert ask(emulator, "GET", "/control/platform")["exchangeStocks"] == {"QX501|22423|GB-DC-01": 5}
    ask(emulator, "PUT", path, 400, headers=headers, json={"exchangeStocks": [row]})


def test_non_returnable_products_are_at_most_forty_and_wrong_ones_are_left_out_silently(emulator: Running) -> None:
    path, headers = "/Return/api/v1/NonReturnableProducts", bearer(emulator)
    good = {"sku": "22423", "countryIso2Code": "GB", "isReturnable": False, "messageKey": "ProductIsNonRetunable"}
    rows = [good, {**good, "sku": ""}, {**good, "countryIso2Code": "GBR"}, "nonsense"]
    ask(emulator, "PUT", path, headers=headers, json={"retailerCode": "QX501", "nonReturnableProducts": rows})

    too_many = {"retailerCode": "QX501", "nonReturnableProducts": [good] * 41}
    ask(emulator, "PUT", path, 400, headers=headers, json=too_many)

    assert ask(emulator, "GET", "/control/platform")["nonReturnableProducts"] == {"QX501|22423|GB": False}
    ask(emulator, "PUT", path, 400, headers=headers, json={"retailerCode": "QX501"})


def test_a_return_is_found_by_order_number_as_it_stands_now(emulator: Running) -> None:
    load(emulator, limit=None)
    clock(emulator)

    found = ask(emulator, "GET", "/Return/api/v1/returns?orderNumber=541431", headers=bearer(emulator))

    assert "inferred" in found
    assert [each["returnId"] for each in found["returns"]] == ["C541433"]
    assert found["returns"][0]["lines"][0]["quantity"] == 74215
