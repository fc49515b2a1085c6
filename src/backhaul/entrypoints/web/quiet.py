"""How does a server close a connection instead of giving an answer that loses a return?

ZigZag sends again after 401, 500 or no answer at all; after most other answers it never does
(facts/zigzag 2.2). uvicorn answers 400 to what is no HTTP and 503 when it is full. `QuietHttpProtocol`
does neither: it closes. It also bounds what a stranger can make us hold: headers, their size, the time
to send them, and the number of connections.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS: Final = 64
HEADER_BYTES: Final = 32 * 1024
"""All names and values and the address together."""
HEAD_SECONDS: Final = 10.0
CONNECTIONS: Final = 1024
TRANSPORT: Final = "backhaul.transport"
"""Scope extension under which an application finds the connection it may have to cut."""


class QuietHttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, less its answers of 400 and 503."""

    _size = _unread = 0
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take a connection, unless there are too many; the first head must come soon."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
            return
        self._head = self.loop.call_later(HEAD_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock of a connection that is gone."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the connection was cut while this was on its way."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._unread = self._unread + len(data) if self._head is not None else 0
        if self._unread > HEADER_BYTES:  # a single header without end: the parser hands it on only when it is whole
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Begin a request: hand the connection to the application, and start the clock for its head."""
        super().on_message_begin()
        self._size = 0
        self._stop_clock()
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)
        extensions: dict[str, Any] = {TRANSPORT: self.transport}
        self.scope["extensions"] = extensions

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        self._weigh(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, up to so many and so long."""
        self._weigh(len(name) + len(value))
        super().on_header(name, value)
        if len(self.headers) > HEADERS:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """Start the application, unless the connection was cut."""
        self._stop_clock()
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body of a request that was started."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request that was started."""
        if self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's own signature
        """Say nothing to what is no HTTP."""
        self.transport.abort()

    def _weigh(self, more: int) -> None:
        self._size += more
        if self._size > HEADER_BYTES:
            self.transport.abort()

    def _stop_clock(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


def cut(scope: Any) -> bool:  # noqa: ANN401  an ASGI scope is what the server makes it
    """Cut the connection of a request; tell whether the server lets us."""
    transport = (scope.get("extensions") or {}).get(TRANSPORT)
    if transport is None:
        return False
    transport.abort()
    return True
