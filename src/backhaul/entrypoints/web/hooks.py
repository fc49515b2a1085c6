"""Where do ZigZag's messages and an ERP's events arrive, and what are they told?

``POST /hooks/zigzag/{source}`` and ``POST /hooks/dynamics/{source}``, as the outermost layer around everything
else: 200 after the bytes are durable, 401 whenever we do not know who sent them, 500 whenever we could not keep them, and otherwise a
closed connection. Nothing else ever leaves this route, because the platform sends again only after a
short list of answers, once a day, for a week (facts/zigzag 2.2; INV-02, IN-21). Where Business Central asks whether we want to be
told, the answer gives back the token it came with (facts/business-central 7).
"""

import asyncio
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from backhaul.adapters.zigzag.webhook import Headers, Kind, Source, identity, verify
from backhaul.application.ports import Clock, Store
from backhaul.domain.delivery import EVENT, Delivery
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.web.commit import Committer, Refusal
from backhaul.entrypoints.web.quiet import HEADERS, cut

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

ROOT: Final = "/hooks"
ROUTE: Final = "/hooks/zigzag/"
SIGNALS: Final = "/hooks/dynamics/"
SIGNAL: Final = "dynamics:"
"""How the name begins under which an ERP's events are kept; no source of the platform is called so."""
BODY: Final = 5 * 1024 * 1024
"""A larger body is refused with 500, so that it comes again and raising the cap can still save it."""
NOTICE: Final = 256 * 1024
READ_SECONDS: Final = 10.0
HELD: Final = 256 * 1024 * 1024
"""So many bytes of unfinished requests are held at most; beyond, connections are closed."""
TOKEN: Final = re.compile(r"[!-~]{1,1024}", re.ASCII)
"""What is given back in a handshake: plain text without blanks, and no more than a token can be."""
SHOWN: Final = 64
"""A source name that nobody configured is recorded up to this length."""

OK: Final = 200
UNKNOWN_SENDER: Final = 401
NOT_KEPT: Final = 500
CLOSED: Final = "closed"

_log: Final = logging.getLogger("backhaul.hooks")


class TooLarge(Exception):  # noqa: N818  raised and caught here
    """The body is beyond the cap."""

    def __init__(self, size: int, sha256: str) -> None:
        """Keep how much came or was declared, and the hash of what was read."""
        super().__init__(size)
        self.size, self.sha256 = size, sha256


class Gone(Exception):  # noqa: N818  raised and caught here
    """The sender went away, was too slow, or there was no room; nobody is there to be answered."""


class Hooks:
    """The routes of the platform's messages and of an ERP's events, around another application. `census` counts what left them."""

    def __init__(self, app: App, *, store: Store, sources: Iterable[Source], clock: Clock,
                 signals: Iterable[Source] = ()) -> None:
        """Take the sources and signals of all tenants; two of one name are a `Misconfigured`."""
        self._app, self._clock = app, clock
        self._sources: dict[bytes, Source] = {}
        for source in (*sources, *(replace(signal, name=SIGNAL + signal.name) for signal in signals)):
            if self._sources.setdefault(source.name.encode(), source) is not source:
                message = f"two profiles have a source '{source.name}'; its name is its address, choose another"
                raise Misconfigured(message)
        self._committer = Committer(store)
        self._held = 0
        self.census: Counter[int | str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is for us, hand on the rest."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._committer.close()
            return
        path: str = scope.get("path", "")
        if path != ROOT and not path.startswith(ROOT + "/"):
            await self._app(scope, receive, send)
            return
        if token := self._asked_to_listen(scope):
            self.census[OK] += 1
            await send({"type": "http.response.start", "status": OK, "headers": [
                (b"content-type", b"text/plain; charset=us-ascii"), (b"x-content-type-options", b"nosniff"),
                (b"content-length", str(len(token)).encode())]})
            await send({"type": "http.response.body", "body": token})
            return
        try:
            status = await self._answer(scope, receive)
        except Gone as gone:
            _log.warning("hook_closed", extra={"reason": str(gone)})
            status = None
        except Exception:  # noqa: BLE001  whatever it is, the sender is told 500 and sends again
            _log.exception("hook_failed")
            status = NOT_KEPT
        await self._leave(scope, receive, send, status)

    def _asked_to_listen(self, scope: Scope) -> bytes:
        """Give the token of a handshake: Business Central asks whether a sender we know of may tell us. Empty for everything else."""
        path: str = scope["path"]
        source = self._sources.get((SIGNAL + path.removeprefix(SIGNALS)).encode(errors="replace")) if path.startswith(SIGNALS) else None
        if scope["type"] != "http" or scope["method"] != "POST" or source is None or source.proof.kind is not Kind.CLIENT_STATE:
            return b""
        tokens = parse_qs(scope.get("query_string", b"").decode("ascii", "replace")).get("validationToken", [])
        return tokens[0].encode() if len(tokens) == 1 and TOKEN.fullmatch(tokens[0]) else b""

    async def _leave(self, scope: Scope, receive: Receive, send: Send, status: int | None) -> None:
        """Let one of the three answers out, or close."""
        if status is None and cut(scope):
            self.census[CLOSED] += 1
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        status = NOT_KEPT if status is None else status
        self.census[status] += 1
        headers = [(b"content-length", b"0")]
        if status == NOT_KEPT:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Scope, receive: Receive) -> int | None:
        """Decide about one request; None is to close."""
        path: str = scope["path"]
        told = next((root for root in (ROUTE, SIGNALS) if path.startswith(root)), "")
        name = path.removeprefix(told)
        if scope["type"] != "http" or scope["method"] != "POST" or not told or not name or "/" in name or ":" in name:
            return None
        name = SIGNAL + name if told == SIGNALS else name
        headers: Headers = scope["headers"]
        if len(headers) > HEADERS:
            return None
        source = self._sources.get(name.encode(errors="replace"))
        try:
            body = await self._body(headers, receive)
        except TooLarge as large:
            await self._refuse(source, name, large.sha256, large.size, f"larger than {BODY} bytes")
            return NOT_KEPT
        now = self._clock.now()
        reason = "no source of this name" if source is None else verify(source, headers, body, now)
        if source is None or reason:
            await self._refuse(source, name, hashlib.sha256(body).hexdigest(), len(body), reason)
            return UNKNOWN_SENDER
        if len(body) > NOTICE:
            _log.warning("hook_large", extra={"source": source.name, "size": len(body)})
        delivery = Delivery(tenant=source.tenant, source=source.name, identity=identity(source, headers, body),
                            body=body, received_at=now, channel=EVENT if told == SIGNALS else "webhook")
        await self._committer.keep(delivery)
        return OK

    async def _refuse(self, source: Source | None, name: str, sha256: str, size: int, reason: str) -> None:
        await self._committer.refuse(Refusal(
            tenant=source.tenant if source else "", source=name[:SHOWN].encode("ascii", "backslashreplace").decode(),
            sha256=sha256, size=size, reason=reason, at=self._clock.now()))

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """Read the raw body within bounds of size, time and memory; its encoding is never undone."""
        declared = _length(headers)
        if declared > BODY:
            raise TooLarge(declared, "")
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(READ_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        reason = "the sender went away"
                        raise Gone(reason)
                    chunk: bytes = message.get("body", b"")
                    size += len(chunk)
                    self._held += len(chunk)
                    chunks.append(chunk)
                    if size > BODY:
                        raise TooLarge(size, hashlib.sha256(b"".join(chunks)).hexdigest())
                    if self._held > HELD:
                        reason = "too many bytes are held already"
                        raise Gone(reason)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
        except TimeoutError as error:
            reason = f"the body took longer than {READ_SECONDS:.0f} s"
            raise Gone(reason) from error
        finally:
            self._held -= size


def _length(headers: Sequence[tuple[bytes, bytes]]) -> int:
    told = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(told) if told.isdigit() and len(told) < 20 else 0  # noqa: PLR2004  longer than any size that fits a machine
