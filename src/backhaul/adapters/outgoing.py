"""Where may this process call, whatever a name leads to?

Addresses of services stand in profiles, and names are answered by whoever runs their DNS. So a name is resolved here, once for each
connection: what it leads to is looked at, and the connection goes to just that address (reliability O1). Inside lies what nobody outside
may have us call: the house's own networks, unless whoever runs the process names them, and the services a cloud keeps for its machines.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

from backhaul.domain.errors import Misconfigured

log = logging.getLogger(__name__)

LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine; another name that leads here is somebody's trick."""
NEVER: Final = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))
"""Where clouds tell their machines' secrets; one of them is no private address."""
_NAT64: Final = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_permitted: list[Any] = []  # of the process, not of a profile: people who may propose a profile may not open the house by it


_end: ContextVar[float] = ContextVar("outgoing_end", default=float("inf"))


@contextmanager
def patient_for(seconds: float) -> Iterator[None]:
    """Let all calls made within, together, take so many seconds at most: somebody waits for a page."""
    before = _end.set(end_of(seconds))
    try:
        yield
    finally:
        _end.reset(before)


def end_of(seconds: float) -> float:
    """Give when a call that may take so many seconds has to end, on the monotonic clock; sooner where somebody waits for it."""
    return min(_end.get(), time.monotonic() + seconds)


def permit(networks: str) -> None:
    """Let the house's own networks be called, as `10.20.0.0/16, 192.168.7.10`; what is no network is `Misconfigured`."""
    try:
        named = [ip_network(each.strip()) for each in networks.split(",") if each.strip()]
    except ValueError as wrong:
        message = f"environment: BACKHAUL_PRIVATE_NETWORKS: {wrong}; name networks like 10.20.0.0/16, joined by commas"
        raise Misconfigured(message) from None
    _permitted[:] = named


class Refused(httpcore.ConnectError):
    """A name led to an address that is not called; nothing was sent."""


def objection(host: str, address: str) -> str:
    """Say why the address a host's name led to is not called; empty if it may be."""
    there = _meant(ip_address(address))
    if there in NEVER or there.is_link_local:
        return f"'{host}' leads to {address}, where a cloud keeps what is for this machine alone: it is never called"
    if there.is_loopback:
        return "" if host.strip("[]").casefold() in LOCAL else f"'{host}' leads to {address}, which is this machine itself"
    if (there.is_global and not there.is_multicast) or any(there in network for network in _permitted):
        return ""
    return (f"'{host}' leads to {address}, inside the house; if that is right, name its network in BACKHAUL_PRIVATE_NETWORKS")


def _meant(address: Address) -> Address:
    """Give the address that is meant: some of IPv6 are written for one of IPv4."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return inner or (IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address)


def resolved(host: str, port: int) -> Sequence[str]:
    """Ask what a name leads to, in the order in which it is to be tried."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


class Network(httpcore.SyncBackend):
    """Opens connections to addresses that were looked at, and to no other."""

    def __init__(self, resolve: Resolve = resolved) -> None:
        """Ask names of `resolve`."""
        self._resolve = resolve

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                    socket_options: Iterable[Any] | None = None) -> httpcore.NetworkStream:
        """Connect to the first address of a name that answers; if one of them may not be called, to none."""
        end = None if timeout is None else time.monotonic() + timeout
        failed: Exception = httpcore.ConnectError(f"'{host}' leads nowhere")
        for address in self._looked_at(host, port):
            try:
                return super().connect_tcp(address, port, None if end is None else max(end - time.monotonic(), 0.001), local_address,
                                           socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as away:
                failed = away
        raise failed

    def _looked_at(self, host: str, port: int) -> Iterator[str]:
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as nowhere:
            raise httpcore.ConnectError(str(nowhere)) from nowhere
        if refusal := next(filter(None, (objection(host, address) for address in found)), ""):
            log.warning("outgoing_refused", extra={"host": host, "why": refusal})
            raise Refused(refusal)
        yield from found


@cache
def trust() -> SSLContext:
    """Read the list of trusted authorities once: it takes longer than most requests."""
    return httpx.create_ssl_context()


class Transport(httpx.HTTPTransport):
    """httpx's own transport on our network: no retries, no proxy from the environment."""

    def __init__(self, network: httpcore.NetworkBackend | None = None) -> None:
        """Replace the pool of connections by one on our network; httpx offers no argument for that."""
        super().__init__(verify=trust(), retries=0)
        self._pool = httpcore.ConnectionPool(ssl_context=trust(), retries=0, network_backend=network or Network(),
                                             max_connections=8, keepalive_expiry=30.0)


def why(error: httpx.HTTPError) -> str:
    """Say what became of a request that has no answer: the kind of trouble, or why it was not made."""
    return str(error.__cause__) if isinstance(error.__cause__, Refused) else type(error).__name__
