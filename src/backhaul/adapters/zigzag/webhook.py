"""Who sent this?

Nothing of a request is read before its sender is known; then only the event's id is, and only if that
is cheap (reliability W1, W2 and W3). ZigZag does not say in public how it proves itself (facts/zigzag
2.2), so the way is the profile's choice. Every check has two keys at a time, tries both, and takes the
same time whichever fits. The reason of a refusal is for our record; the sender learns nothing.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from backhaul.adapters.zigzag.reader import Path, bare_key

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Header names in lower case, and values, as they came."""

EVENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
"""What may be an identity (reliability W2); anything else falls back to the body's hash."""
CANDIDATES: Final = 8
"""So many signatures of one request are looked at."""


class Kind(StrEnum):
    """How a source proves who it is."""

    HMAC = "hmac"
    STANDARD_WEBHOOKS = "standard-webhooks"
    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    CLIENT_STATE = "client-state"
    """The secret stands in every record of the body, as Business Central sends it (facts/business-central 7)."""


class Revealing(Protocol):
    """Something that knows a secret and tells it only when asked by name."""

    def reveal(self) -> str:
        """Give the secret; empty if there is none at present."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The profile's choice: the kind, the header names, and how a signature is made and written.

    `template` says what is signed; it holds ``{body}`` and, where attempts are signed anew, ``{timestamp}``.
    """

    kind: Kind
    secrets: tuple[Revealing, ...]
    header: str = "x-zigzag-signature"
    timestamp_header: str = "x-zigzag-timestamp"
    prefix: str = "sha256="
    template: str = "{timestamp}.{body}"
    encoding: str = "hex"
    username: str = ""
    tolerance: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One subscription: the last part of its address, whose it is, its proof and where its event ids stand."""

    name: str
    tenant: str
    proof: Proof
    event_id: tuple[str, ...] = ()
    tests_only: bool = False
    address: str = ""
    """Where this source is told to send to, if it is we who subscribe."""


def verify(source: Source, headers: Headers, body: bytes, now: datetime) -> str:
    """Tell why this request is not from the source; empty means it is. Never raises, whatever came."""
    keys = [secret.reveal().encode() for secret in source.proof.secrets]
    keys = [key for key in keys if key]
    if not keys:
        return "no secret is configured"
    return _CHECKS[source.proof.kind](source.proof, keys, headers, body, int(now.timestamp()))


def _one(headers: Headers, name: str) -> str | None:
    """Give a header that came exactly once and is plain ASCII; twice is as bad as never."""
    wanted = name.lower().encode()
    found = [value for key, value in headers if key == wanted]
    return found[0].decode("ascii") if len(found) == 1 and found[0].isascii() else None


def _stamp(text: str | None, now: int, tolerance: int) -> str:
    if text is None:
        return "no timestamp"
    if not re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        return "the timestamp is no number of seconds"
    if abs(now - int(text)) > tolerance:
        return "the timestamp is outside the tolerance"
    return ""


def _any_equal(given: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    """Compare each with each, all of them, whatever was found before."""
    equal = 0
    for one in given:
        for other in wanted:
            equal |= hmac.compare_digest(one, other)
    return bool(equal)


def _hmac(proof: Proof, keys: Sequence[bytes], headers: Headers, body: bytes, now: int) -> str:
    signed = _one(headers, proof.header)
    stamp = ""
    if "{timestamp}" in proof.template:
        stamp = _one(headers, proof.timestamp_header) or ""
        if wrong := _stamp(stamp or None, now, proof.tolerance):
            return wrong
    if signed is None:
        return "no signature"
    before, _, after = proof.template.partition("{body}")
    content = before.replace("{timestamp}", stamp).encode() + body + after.replace("{timestamp}", stamp).encode()
    given = list(_signatures(signed.split(","), proof.prefix, proof.encoding))
    return "" if _any_equal(given, [_digest(key, content) for key in keys]) else "the signature does not fit"


def _digest(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def _signatures(texts: Sequence[str], prefix: str, encoding: str) -> Iterator[bytes]:
    for text in texts[:CANDIDATES]:
        plain = text.strip()
        if not plain.startswith(prefix):
            continue
        try:
            written = plain[len(prefix):]
            yield bytes.fromhex(written) if encoding == "hex" else base64.b64decode(written, validate=True)
        except (ValueError, binascii.Error):
            continue


def _standard(proof: Proof, keys: Sequence[bytes], headers: Headers, body: bytes, now: int) -> str:
    """Check as the library `standardwebhooks` does, but over raw bytes and with the source's own tolerance."""
    event, stamp, signed = (_one(headers, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not event:
        return "no webhook-id"
    if wrong := _stamp(stamp, now, proof.tolerance):
        return wrong
    if not signed:
        return "no signature"
    content = f"{event}.{int(stamp or '')}.".encode() + body
    given = list(_signatures(signed.split(" "), "v1,", "base64"))
    wanted = [_digest(key, content) for secret in keys if (key := _standard_key(secret))]
    return "" if _any_equal(given, wanted) else "the signature does not fit"


def _standard_key(secret: bytes) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_") + b"==")
    except (ValueError, binascii.Error):
        return b""


def _bearer(_proof: Proof, keys: Sequence[bytes], headers: Headers, _body: bytes, _now: int) -> str:
    return _token(headers, "bearer", keys)


def _basic(proof: Proof, keys: Sequence[bytes], headers: Headers, _body: bytes, _now: int) -> str:
    user = proof.username.encode()
    return _token(headers, "basic", [base64.b64encode(user + b":" + key) for key in keys])


def _token(headers: Headers, scheme: str, wanted: Sequence[bytes]) -> str:
    told = _one(headers, "authorization")
    if told is None:
        return "no authorization"
    kind, _, token = told.partition(" ")
    fits = _any_equal([_blind(token.strip().encode())], [_blind(one) for one in wanted])
    return "" if fits and kind.lower() == scheme else "the authorization does not fit"


def _header(proof: Proof, keys: Sequence[bytes], headers: Headers, _body: bytes, _now: int) -> str:
    told = _one(headers, proof.header)
    if told is None:
        return f"no {proof.header}"
    return "" if _any_equal([_blind(told.encode())], [_blind(key) for key in keys]) else f"{proof.header} does not fit"


class _Record(msgspec.Struct):
    state: str = msgspec.field(name="clientState", default="")


class _Told(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="value", default=[])


_STATES: Final = msgspec.json.Decoder(_Told)


def _client_state(_proof: Proof, keys: Sequence[bytes], _headers: Headers, body: bytes, _now: int) -> str:
    """Look for the secret in every record; nothing else of the body is read."""
    try:
        states = {record.state for record in _STATES.decode(body).records}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "the body is no list of changes"
    if len(states) != 1:
        return "the records do not carry one client state"
    return "" if _any_equal([_blind(states.pop().encode())], [_blind(key) for key in keys]) else "the client state does not fit"


def _blind(text: bytes) -> bytes:
    """Hash before comparing, so that not even the length of a secret shows."""
    return hashlib.sha256(text).digest()


_Check: TypeAlias = Callable[[Proof, Sequence[bytes], Headers, bytes, int], str]
_CHECKS: Final[Mapping[Kind, _Check]] = {
    Kind.HMAC: _hmac, Kind.STANDARD_WEBHOOKS: _standard, Kind.BEARER: _bearer, Kind.BASIC: _basic, Kind.HEADER: _header,
    Kind.CLIENT_STATE: _client_state,
}


def identity(source: Source, headers: Headers, body: bytes) -> str:
    """Give what tells a repeat of this authentic request from news: its event id, else the body's SHA-256.

    Only the objects on the way to the id are opened. What cannot be read has no id here and is judged later.
    """
    for place in source.event_id:
        name, _, header = place.partition(":")
        told = _one(headers, header) if name == "header" and header else _id_in(body, place)
        if told and EVENT_ID.fullmatch(told):
            return told
    return hashlib.sha256(body).hexdigest()


_OPEN: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PLAIN: Final = msgspec.json.Decoder(str | int | None)


@lru_cache(maxsize=64)
def _keys(place: str) -> tuple[str, ...]:
    return Path.of(place).flat


def _id_in(body: bytes, place: str) -> str:
    here: Any = body
    try:
        for key in _keys(place):
            fields = [raw for name, raw in _OPEN.decode(here).items() if bare_key(name) == key]
            if len(fields) != 1:
                return ""
            here = fields[0]
        told = _PLAIN.decode(here)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return "" if told is None else str(told)
