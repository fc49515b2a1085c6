"""How does an event reach the subscriber?

One POST per event over a few kept-open connections. How the real platform proves who it is is not
public (facts/zigzag 2.2), so the way is chosen by the subscription:

    {"kind": "hmac", "secret": "…"}              x-zigzag-signature, x-zigzag-timestamp
    {"kind": "bearer", "token": "…"}             authorization: Bearer …
    {"kind": "basic", "username": "…", "password": "…"}
    {"kind": "header", "name": "x-…", "value": "…"}
    {"kind": "standard-webhooks", "secret": "whsec_…"}   webhook-id, -timestamp, -signature
    {"kind": "none"}

A signature carries the real time of the attempt; the event's own time is virtual. Nothing is tried
twice here: a broken connection is "no response", and the sweep of the next day sends it again.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock
from types import TracebackType
from typing import Final, Self, TypeAlias
from urllib.parse import urlsplit

Auth: TypeAlias = Mapping[str, str]
Parcel: TypeAlias = tuple[str, bytes]
"""An event's id and its body as it goes out."""

NO_RESPONSE: Final = "none"


def _sign_hmac(auth: Auth, _event: str, body: bytes, now: int) -> dict[str, str]:
    signed = hmac.new(auth["secret"].encode(), f"{now}.".encode() + body, hashlib.sha256)
    return {"x-zigzag-timestamp": str(now), "x-zigzag-signature": f"sha256={signed.hexdigest()}"}


def _sign_standard(auth: Auth, event: str, body: bytes, now: int) -> dict[str, str]:
    key = base64.b64decode(auth["secret"].removeprefix("whsec_"))
    signed = hmac.new(key, f"{event}.{now}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": event, "webhook-timestamp": str(now), "webhook-signature": signature}


def _basic(auth: Auth, _event: str, _body: bytes, _now: int) -> dict[str, str]:
    pair = f"{auth['username']}:{auth['password']}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


PROOFS: Final[Mapping[str, Callable[[Auth, str, bytes, int], dict[str, str]]]] = {
    "hmac": _sign_hmac,
    "bearer": lambda auth, _event, _body, _now: {"authorization": f"Bearer {auth['token']}"},
    "basic": _basic,
    "header": lambda auth, _event, _body, _now: {auth["name"]: auth["value"]},
    "standard-webhooks": _sign_standard,
    "none": lambda _auth, _event, _body, _now: {},
}
"""How a delivery can prove who sent it: kind to the headers it adds."""

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "hmac": ("secret",),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "header": ("name", "value"),
    "standard-webhooks": ("secret",),
    "none": (),
}
"""What a subscription's `auth` must hold, by kind."""


def prove(auth: Auth, event: str, body: bytes, now: int) -> dict[str, str]:
    """Give the headers that prove who sent this body at `now` (Unix seconds)."""
    return PROOFS[auth["kind"]](auth, event, body, now)


class Courier:
    """Some connections to one subscriber, kept open while the courier is in use."""

    def __init__(self, url: str, auth: Auth, *, connections: int = 8, timeout: float = 10.0) -> None:
        """Prepare to deliver to `url`; nothing is opened yet. `timeout` is in real seconds."""
        parts = urlsplit(url)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._timeout, self._auth = parts.netloc, timeout, auth
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._lines = [self._kind(self._host, timeout=timeout) for _ in range(connections)]
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="zigzag-courier")

    def __enter__(self) -> Self:
        """Use it until the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Hang up."""
        self._pool.shutdown()
        for line in self._lines:
            line.close()

    def carry(self, parcels: Sequence[Parcel]) -> list[str]:
        """Send parcels, roughly in order, and give each one's HTTP status, or `none`, in their order."""
        answers = [NO_RESPONSE] * len(parcels)
        turns, lock = iter(range(len(parcels))), Lock()

        def work(line: HTTPConnection) -> None:
            for n in _taken(turns, lock):
                answers[n] = self._send(line, *parcels[n])

        busy = self._lines[: max(1, min(len(self._lines), len(parcels)))]
        for done in [self._pool.submit(work, line) for line in busy]:
            done.result()
        return answers

    def _send(self, line: HTTPConnection, event: str, body: bytes) -> str:
        headers = {"content-type": "application/json; charset=utf-8", "user-agent": "zigzag-emulator"}
        headers |= prove(self._auth, event, body, int(time.time()))
        try:
            line.request("POST", self._path, body, headers)
            answer = line.getresponse()
            answer.read()
        except (OSError, HTTPException):
            line.close()
            return NO_RESPONSE
        return str(answer.status)


def _taken(turns: Iterator[int], lock: Lock) -> Iterator[int]:
    """Take turns one by one, whichever thread comes first."""
    while True:
        with lock:
            turn = next(turns, None)
        if turn is None:
            return
        yield turn
