"""How long may one request take in all, however slowly its bytes come?

httpx knows time-outs per read and per write; an answer of one byte a second never ends by them (ERP-15). Here every read
and write also ends with the whole request's time, which the caller sets in `until` before it sends.
"""

import contextvars
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from backhaul.adapters import outgoing

until: contextvars.ContextVar[float] = contextvars.ContextVar("odata_until", default=float("inf"))


def _left(timeout: float | None) -> float | None:
    left = until.get() - time.monotonic()
    if left <= 0:
        message = "the total time for this request is over"
        raise httpcore.ReadTimeout(message)
    return timeout if left == float("inf") else left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends with the whole request's time (ERP-15: one byte a second is not progress)."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:  # noqa: ANN401
        return _Stream(self.stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401
        return self.stream.get_extra_info(info)


class _Network(outgoing.Network):
    """Opens connections that know the request's end."""

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _left(timeout), local_address, socket_options))


class Transport(outgoing.Transport):
    """The way out whose every read and write knows the request's end."""

    def __init__(self) -> None:
        """Open nothing yet."""
        super().__init__(_Network())
