"""How does a `$batch` look on the wire, both ways?

Multipart/mixed: reads stand alone, writes in change sets, each request with its own Content-ID (facts/finance-scm 4). Reading is
total: what is cut off or unreadable is left out, so that its request has no answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write inside a change set; `address` below the service root."""

    method: str
    address: str
    body: dict[str, Any] | None = None
    etag: str = ""


def write_batch(boundary: str, root: str, reads: Sequence[str], change_sets: Sequence[Sequence[Change]]) -> bytes:
    """Write a multipart body: reads, then change sets. Each request carries its own Content-ID, counted from 1."""
    lines: list[str] = []
    count = 0
    for address in reads:
        count += 1
        lines += [f"--{boundary}", *_part(count), f"GET {address} HTTP/1.1", "Accept: application/json", "", ""]
    for at, changes in enumerate(change_sets):
        inner = f"{boundary}_set_{at}"
        lines += [f"--{boundary}", f"Content-Type: multipart/mixed; boundary={inner}", ""]
        for change in changes:
            count += 1
            lines += [f"--{inner}", *_part(count), f"{change.method} {root}/data/{change.address} HTTP/1.1", "Accept: application/json",
                      *([f"If-Match: {change.etag}"] if change.etag else []),
                      *(["Content-Type: application/json; charset=utf-8"] if change.body is not None else []), "",
                      _encoder.encode(change.body).decode() if change.body is not None else ""]
        lines += [f"--{inner}--", ""]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()


def _part(content_id: int) -> list[str]:
    return ["Content-Type: application/http", "Content-Transfer-Encoding: binary", f"Content-ID: {content_id}", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One answer as it stood in the body; `status` None when there was no status line."""

    id: str
    status: int | None
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """One top-level part: a single answer, or the answers of a change set that went well."""

    nested: bool
    parts: tuple[Part, ...]


def read_parts(content_type: str, body: bytes) -> list[Top]:
    """Take a body apart."""
    tops = []
    for headers, content in _split(content_type, body):
        kind = headers.get("content-type", "")
        nested = kind.lower().startswith("multipart/")
        inner = _split(kind, content) if nested else [(headers, content)]
        tops.append(Top(nested=nested, parts=tuple(_part_of(told, text) for told, text in inner)))
    return tops


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Cut a multipart body; a part after which no delimiter follows was cut off on the way and does not count."""
    boundary = content_type.partition("boundary=")[2].partition(";")[0].strip().strip('"')
    if not boundary:
        return []
    pieces = (b"\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).split(b"\r\n--" + boundary.encode())
    whole = pieces[1:] if pieces[-1].startswith(b"--") else pieces[1:-1]
    return [_head(piece.lstrip(b"\r\n")) for piece in whole if not piece.startswith(b"--")]


def _head(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, _, rest = (b"\r\n" + piece).partition(b"\r\n\r\n")
    fields = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in fields}, rest


def _part_of(headers: Mapping[str, str], content: bytes) -> Part:
    first, _, rest = content.lstrip(b"\r\n").partition(b"\r\n")
    inner, body = _head(rest)
    words = first.decode("latin-1").split(" ")
    status = int(words[1]) if len(words) > 1 and words[0].startswith("HTTP/") and words[1].isdigit() else None
    return Part(id=inner.get("content-id") or headers.get("content-id", ""), status=status, headers=inner, body=body.strip(b"\r\n"))
