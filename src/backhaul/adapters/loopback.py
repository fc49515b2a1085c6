"""How does an emulator listen on loopback, which requests does it misbehave at, and how does it hurt a connection?

What every emulated ERP needs of HTTP and none of its business: a request as it came in, an answer as it goes out or does not, faults that
wait for a request, a server in a daemon thread. What a kind of fault answers is the vendor's, and told by each emulator.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import unquote

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from backhaul.adapters.odata_server import Answer

Transports = dict[tuple[str, int], asyncio.Transport]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in; the path is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def target(self) -> str:
        """Path and query, readable."""
        return unquote(self.path) + (f"?{self.query}" if self.query else "")

    @property
    def root(self) -> str:
        """Scheme and host the caller used."""
        return f"http://{self.headers.get('host', 'localhost')}"


async def read(scope: Scope, receive: Receive) -> Request:
    """Read a whole request."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
    return Request(method=scope["method"], path=path, query=scope["query_string"].decode("latin-1"), headers=headers, body=bytes(body))


async def _start(send: Send, answer: Answer) -> None:
    headers = answer.headers | ({} if answer.status == HTTPStatus.NO_CONTENT else {"Content-Length": str(len(answer.body))})
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})


async def write(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    await _start(send, answer)
    await send({"type": "http.response.body", "body": answer.body})


async def write_half(send: Send, answer: Answer) -> None:
    """Send the head and half of the body; the connection is to be dropped next."""
    await _start(send, answer)
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})


async def drip(send: Send, answer: Answer, seconds: float) -> None:
    """Send the body byte by byte."""
    await _start(send, answer)
    for at in range(len(answer.body)):
        await send({"type": "http.response.body", "body": answer.body[at : at + 1], "more_body": True})
        await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b""})


async def drop(transports: Transports, scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """End the TCP connection under the feet of the caller; wait until the server has noticed, so that it sends no 500."""
    transport = transports.get(tuple(scope["client"]))
    if transport is not None:
        (transport.close if flush else transport.abort)()
        while (await receive())["type"] != "http.disconnect":
            pass


@dataclass(slots=True, kw_only=True)
class Fault:
    """One armed misbehaviour."""

    kind: str
    method: str
    path: re.Pattern[str]
    body: re.Pattern[bytes] | None
    skip: int
    times: int
    told: Mapping[str, Any]

    def fits(self, method: str, target: str, body: bytes) -> bool:
        """Whether the request is one this fault waits for."""
        return self.method in {"", method} and bool(self.path.search(target)) and (self.body is None or bool(self.body.search(body)))


class Faults:
    """All armed misbehaviours, oldest first.

    A fault waits for requests that fit its method, path and body, lets `skip` of them pass and then strikes `times` times. `kinds` tells
    the path each kind waits for when nobody names one, `methods` the method.
    """

    def __init__(self, kinds: Mapping[str, str], methods: Mapping[str, str]) -> None:
        """Begin well behaved."""
        self.armed: list[Fault] = []
        self._kinds, self._methods = kinds, methods

    def arm(self, told: Mapping[str, Any]) -> None:
        """Arm a fault as the control endpoint was told it."""
        kind = str(told["kind"])
        if kind not in self._kinds:
            message = f"There is no fault '{kind}'; there are: {', '.join(self._kinds)}."
            raise ValueError(message)
        self.armed.append(Fault(
            kind=kind, method=str(told.get("method", self._methods.get(kind, ""))).upper(),
            path=re.compile(str(told.get("path", self._kinds[kind]))),
            body=re.compile(str(told["body"]).encode()) if told.get("body") else None,
            skip=int(told.get("skip", 0)), times=int(told.get("times", 1)), told=told))

    def take(self, method: str, target: str, body: bytes) -> Fault | None:
        """Give the fault that strikes this request, and count it down."""
        for fault in self.armed:
            if fault.times <= 0 or not fault.fits(method, target, body):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return None


def spoilt(fault: Fault | None) -> dict[int, str]:
    """Say which parts of a batch go wrong, by place from 0."""
    if fault is None or not fault.kind.startswith("batch-part-"):
        return {}
    return {int(part): fault.kind.removeprefix("batch-part-") for part in fault.told.get("parts", [fault.told.get("part", 0)])}


def _protocol(transports: MutableMapping[tuple[str, int], asyncio.Transport]) -> type[asyncio.Protocol]:
    """Give uvicorn's own protocol, which also tells who is connected."""

    class Telling(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client is not None:
                transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                transports.pop(self.client, None)
            super().connection_lost(exc)

    return Telling


class Served(Protocol):
    """What can be put on loopback."""

    @property
    def app(self) -> ASGIApp:
        """The ASGI application."""

    @property
    def transports(self) -> Transports:
        """Who is connected; the server fills it."""


class Running:
    """A server that listens."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, base_url: str, at_end: Callable[[], None]) -> None:
        """Hold what must be stopped later."""
        self.base_url = base_url
        self._server = server
        self._thread = thread
        self._at_end = at_end

    def close(self) -> None:
        """Stop listening, then do what is to be done at the end."""
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join(timeout=10)
            self._at_end()

    def __enter__(self) -> Self:
        """Run in a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close at its end."""
        self.close()


def listen(served: Served, name: str, host: str, port: int, at_end: Callable[[], None]) -> Running:
    """Serve in a daemon thread; returns when it listens."""
    listener = socket.create_server((host, port))
    # asyncio leaves Nagle's algorithm on for a listener it is handed; head and body would wait 40 ms for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        served.app,
        http=_protocol(served.transports),
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=name, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    return Running(server, thread, f"http://{host}:{listener.getsockname()[1]}", at_end)
