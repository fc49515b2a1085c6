"""The platform is told 200, 401, 500 or nothing; 200 only when its bytes are durable."""

import hashlib
import hmac
import json
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select
from tests.stores import open_store

from backhaul.adapters.sql import tables
from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.emulator.courier import Courier
from backhaul.config import Profile, load_profile
from backhaul.domain.delivery import DeliveryState
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.web import hooks, quiet
from backhaul.entrypoints.web.app import Running, create_app, serve

PROFILE: Profile = load_profile(Path(__file__).parents[2] / "examples" / "profiles" / "online-retail.toml", {
    "BACKHAUL_ZIGZAG_SECRET": "s3cret", "BACKHAUL_ERP_URL": "x", "BACKHAUL_ERP_TOKEN_URL": "x", "BACKHAUL_ERP_SECRET": "x"})
AUTH = {"kind": "hmac", "secret": "s3cret"}
ROUTE = "/hooks/zigzag/zigzag"


@dataclass
class House:
    """As much of a house as the web layer needs."""

    store: Any
    profiles: dict[str, Profile] = field(default_factory=lambda: {PROFILE.tenant: PROFILE})
    state_dir: Path = Path()

    def refresh(self, tenant: str) -> bool:
        return tenant not in self.profiles


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """Give a store on a file of its own."""
    kept = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    yield kept
    kept.close()


@pytest.fixture
def running(store: SqlStore) -> Iterator[Running]:
    """Serve; at the end nothing but the allowed answers may have left."""
    with serve(create_app(House(store))) as server:
        yield server
    assert set(server.app.census) <= {200, 401, 500, "closed"}


def signature(body: bytes, *, secret: str = "s3cret", at: int | None = None) -> dict[str, str]:  # noqa: S107  a test's secret
    """Sign a body."""
    stamp = str(int(time.time()) if at is None else at)
    signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-zigzag-timestamp": stamp, "x-zigzag-signature": f"sha256={signed}"}


def post(server: Running, body: bytes, headers: dict[str, str], path: str = ROUTE, method: str = "POST") -> tuple[int, bytes, list[Any]]:
    """Send one request over a connection of its own; status 0 is a closed connection."""
    connection = HTTPConnection(urlsplit(server.base_url).netloc, timeout=15)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheaders()
    except (OSError, Exception):  # noqa: BLE001  whatever way a cut connection shows
        return 0, b"", []
    finally:
        connection.close()


def raw(server: Running, data: bytes, *, wait: float = 5.0) -> bytes:
    """Send bytes and give whatever comes back until the connection ends."""
    place = urlsplit(server.base_url)
    got = b""
    with socket.create_connection((place.hostname, place.port), timeout=wait) as line:
        try:
            line.sendall(data)
            while part := line.recv(65536):
                got += part
        except ConnectionError:
            pass
    return got


def counts(store: SqlStore, *tenants: str) -> dict[str, int]:
    """Count deliveries by state."""
    table = tables.deliveries.c
    with store.read() as connection:
        found = connection.execute(select(table.state, func.count()).group_by(table.state).where(
            table.tenant.in_(tenants or (PROFILE.tenant,))))
        return {**dict.fromkeys((state.value for state in DeliveryState), 0), **{row[0]: row[1] for row in found}}


def eventually(expected: Any, look: Any) -> None:
    """Wait until a refusal that was buffered is written."""
    for _ in range(200):
        if look() == expected:
            return
        time.sleep(0.01)
    assert look() == expected


def test_an_authentic_message_is_durable_when_the_sender_hears_200(running: Running, store: SqlStore) -> None:
    body = b'{"eventId": "e-1", "x": [1'  # judged later: a poison body must not come back every day

    status, text, _ = post(running, body, signature(body))

    assert (status, text) == (200, b"")
    with store.begin() as tx:
        (kept,) = tx.undigested(PROFILE.tenant, 10)
    assert (kept.body, kept.source, kept.channel) == (body, "zigzag", "webhook")


def test_a_repeat_is_200_and_counted(running: Running, store: SqlStore) -> None:
    body = b'{"eventId": "e-1"}'
    assert [post(running, body, signature(body))[0] for _ in range(3)] == [200, 200, 200]

    other = b'{"eventId": "e-1", "changed": true}'
    assert post(running, other, signature(other))[0] == 200

    told = counts(store)
    assert (told["stored"], told["duplicate"], told["quarantined"]) == (1, 2, 1)


def test_every_reason_not_to_know_the_sender_gives_the_same_401_and_leaves_a_row_without_a_body(running: Running, store: SqlStore) -> None:
    body = b'{"eventId": "canary"}'
    good = signature(body)
    tries = [
        ({}, ROUTE), (signature(body, secret="wrong"), ROUTE),  # noqa: S106  nobody's
        (signature(body, at=1), ROUTE), (good, "/hooks/zigzag/nobody"),
        ({**good, "x-zigzag-signature": good["x-zigzag-signature"][:-2]}, ROUTE), (signature(body + b" "), ROUTE),
        (good, "/hooks/zigzag/" + "n" * 3000), (good, "/hooks/zigzag/caf%C3%A9"),
    ]

    answers = [post(running, body, headers, path) for headers, path in tries]

    assert {answer[0] for answer in answers} == {401}
    assert len({(answer[1], tuple(answer[2])) for answer in answers}) == 1
    eventually(8, lambda: counts(store, PROFILE.tenant, "")["refused"])
    with store.read() as connection:
        rows = connection.execute(select(tables.deliveries)).all()
    assert {row.body for row in rows} == {None}
    assert {row.sha256 for row in rows} == {hashlib.sha256(body).hexdigest()}
    assert {row.size for row in rows} == {len(body)}


def test_what_is_no_post_to_a_source_gets_no_answer_at_all(running: Running) -> None:
    body = b"{}"
    for method, path in (("GET", ROUTE), ("PUT", ROUTE), ("HEAD", ROUTE), ("OPTIONS", ROUTE), ("DELETE", ROUTE), ("POST", "/hooks"),
                         ("POST", "/hooks/"), ("POST", "/hooks/zigzag"), ("POST", "/hooks/zigzag/"), ("POST", "/hooks/other/x"),
                         ("POST", f"{ROUTE}/"), ("POST", f"{ROUTE}/more"), ("POST", "/%68ooks/none")):
        assert post(running, body, signature(body), path, method)[0] == 0, (method, path)

    assert running.app.census == {"closed": 13}


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "two lengths": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "length and chunks": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
    "bad length": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nhost: x\r\ncontent-length: two\r\n\r\n{}",
    "bad chunk": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "bad address": b"POST http://[ HTTP/1.1\r\nhost: x\r\n\r\n",
    "address that is no ASCII": b"POST /hooks/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    "too many headers": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(80)) + b"\r\n",
    "too long a header": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
    "too long an address": b"POST /hooks/zigzag/" + b"y" * 70_000 + b" HTTP/1.1\r\n\r\n",
    "header without end": b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nx: " + b"y" * 200_000,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_http_gets_no_answer_at_all(running: Running, name: str) -> None:
    assert raw(running, MALFORMED[name]) == b""

    body = b"{}"
    assert post(running, body, signature(body))[0] == 200  # and others are not affected


def test_a_body_beyond_the_cap_is_500_so_that_it_comes_again_and_leaves_a_row(running: Running, store: SqlStore,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "BODY", 10_000)
    large = b"x" * 10_001

    declared = raw(running, b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n" % ROUTE.encode())
    chunked = raw(running, b"POST %s HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                  % (ROUTE.encode(), len(large), large))

    assert declared.startswith(b"HTTP/1.1 500 ")
    assert chunked.startswith(b"HTTP/1.1 500 ")
    eventually(2, lambda: counts(store)["refused"])
    exact = b"x" * 10_000
    assert post(running, exact, signature(exact))[0] == 200


def test_a_body_that_is_too_slow_or_breaks_off_is_not_kept(running: Running, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "READ_SECONDS", 0.2)

    began = time.monotonic()
    got = raw(running, b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{" % ROUTE.encode())

    assert got == b""
    assert time.monotonic() - began < 3
    assert counts(store)["stored"] == 0
    assert running.app.census == {"closed": 1}


def test_a_head_that_never_ends_is_cut(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "HEAD_SECONDS", 0.2)
    with serve(create_app(House(store))) as server:
        assert raw(server, b"") == b""
        assert raw(server, b"POST /hooks/zigzag/zigzag HTTP/1.1\r\nhost:") == b""


def test_a_compressed_body_is_kept_as_it_came(running: Running, store: SqlStore) -> None:
    body = b"\x1f\x8b not really gzip"

    headers = {**signature(body), "content-encoding": "gzip", "content-type": "application/x-odd", "expect": "100-continue"}
    assert post(running, body, headers)[0] == 200
    with store.begin() as tx:
        assert tx.undigested(PROFILE.tenant, 1)[0].body == body


class Broken:
    """A store whose disk is full until somebody makes room."""

    def __init__(self, store: SqlStore) -> None:
        """Begin full."""
        self.store, self.full = store, True

    @contextmanager
    def begin(self) -> Iterator[Any]:
        """Open a transaction, or not."""
        if self.full:
            message = "disk full"
            raise OSError(message)
        with self.store.begin() as tx:
            yield tx


def test_what_cannot_be_stored_is_500_and_the_retry_is_kept(store: SqlStore) -> None:
    broken = Broken(store)
    body = b'{"eventId": "e-1"}'
    with serve(create_app(House(broken))) as server:
        assert post(server, b"{}", {})[0] == 401
        assert post(server, body, signature(body))[0] == 500
        broken.full = False
        assert post(server, body, signature(body))[0] == 200
        assert server.app.census == {401: 1, 500: 1, 200: 1}

    assert counts(store)["stored"] == 1
    assert counts(store)["refused"] == 1  # it waited for room


class Slow:
    """A store whose first commit waits, and which counts the commits and what each held."""

    def __init__(self, store: SqlStore) -> None:
        """Begin with nothing counted."""
        self.store, self.go, self.sizes, self.poison = store, Event(), list[int](), b""

    @contextmanager
    def begin(self) -> Iterator[Any]:
        """Open a transaction whose `keep` is counted."""
        with self.store.begin() as tx:
            keep = tx.keep

            def counted(deliveries: Sequence[Any]) -> Any:
                if self.poison and any(self.poison in each.body for each in deliveries):
                    message = "poison"
                    raise ValueError(message)
                self.sizes.append(len(deliveries))
                return keep(deliveries)

            tx.keep = counted  # type: ignore[method-assign]
            yield tx
            if not self.go.is_set():
                self.go.wait(10)


def test_requests_that_arrive_during_a_commit_share_the_next_one(store: SqlStore) -> None:
    slow = Slow(store)
    with serve(create_app(House(slow))) as server, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(post, server, body, signature(body)) for body in (b'{"eventId": "e-%d"}' % n for n in range(20))]
        time.sleep(0.5)
        assert not [answer for answer in answers if answer.done()]  # nobody hears 200 before the commit has returned
        slow.go.set()
        assert {answer.result()[0] for answer in answers} == {200}

    assert len(slow.sizes) <= 3
    assert sum(slow.sizes) == 20


def test_one_message_the_store_does_not_take_does_not_take_the_others_along(store: SqlStore) -> None:
    slow = Slow(store)
    slow.poison = b"poison"
    with serve(create_app(House(slow))) as server, ThreadPoolExecutor(9) as pool:
        bodies = [b'{"eventId": "e-%d"}' % n for n in range(8)] + [b'{"eventId": "poison"}']
        answers = [pool.submit(post, server, body, signature(body)) for body in bodies]
        time.sleep(0.3)
        slow.go.set()
        assert sorted(answer.result()[0] for answer in answers) == [200] * 8 + [500]


def test_a_flood_of_strangers_is_recorded_and_the_platform_is_still_heard(running: Running, store: SqlStore) -> None:
    body = b'{"eventId": "e-%d"}'
    with Courier(running.base_url + ROUTE, {"kind": "hmac", "secret": "wrong"}) as strangers, \
            Courier(running.base_url + ROUTE, AUTH) as platform, ThreadPoolExecutor(2) as pool:
        flood = pool.submit(strangers.carry, [(f"s-{n}", b"{}") for n in range(1000)])
        heard = pool.submit(platform.carry, [(f"e-{n}", body % n) for n in range(200)])
        assert set(heard.result()) == {"200"}
        assert set(flood.result()) == {"401"}

    eventually(1000, lambda: counts(store)["refused"])
    assert counts(store)["stored"] == 200


def test_two_profiles_cannot_share_an_address(store: SqlStore) -> None:
    with pytest.raises(Misconfigured, match="two profiles have a source 'zigzag'"):
        create_app(House(store, {"one": PROFILE, "two": load_profile(PROFILE.path, {}, offline=True)}))


def test_no_log_line_holds_a_payload_or_a_secret(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"eventId": "e", "note": "canary-payload"}).encode()
    with caplog.at_level(logging.DEBUG):
        post(running, body, signature(body))
        post(running, body, {"x-zigzag-signature": "sha256=canary-signature"})

    assert "canary" not in caplog.text
    assert "s3cret" not in caplog.text
