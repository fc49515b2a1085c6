"""What is this file, and which messages are in it?

By its ending and by its first bytes. An ending that is known must not be contradicted by the content; any other ending counts for
nothing, and the content decides.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final

import msgspec

from backhaul.adapters.zigzag.files import csv_rows, grid, markup, xlsx_rows
from backhaul.adapters.zigzag.files.layout import TOTALS, Layout, Message, Refused
from backhaul.adapters.zigzag.payload import Payload
from backhaul.adapters.zigzag.reader import Path, exact, get, normalise, read_json
from backhaul.application.ports import Unusable

ENDINGS: Final = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".xlsx": "xlsx", ".xml": "xml"}
FORMS: Final = ("csv", "json", "jsonl", "xlsx", "xml")
PACKED: Final = b"PK\x03\x04"
OFFICE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How a file of the old Office begins, and also a new one behind a password."""
LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
OTHERS: Final = {b"%PDF": "a PDF", b"\x1f\x8b": "packed with gzip", b"Rar!": "packed with RAR", b"7z\xbc\xaf": "packed with 7-Zip",
                 b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"\x7fELF": "a program", b"MZ": "a program"}


def form_of(name: str, content: bytes, asked: str = "") -> str:
    """Tell the form of a file: `asked` if the profile says it, else by ending and content. Raises `Refused` for what can be none."""
    if not content.strip():
        raise Refused(name, "it is empty", "ask the sender for the file anew")
    if content.startswith(OFFICE):
        if LOCKED in content:
            raise Refused(name, "it is protected by a password", "save it without one and send it again")
        raise Refused(name, "it is a workbook of the old kind (.xls)", "save it as .xlsx and send it again")
    for begin, what in OTHERS.items():
        if content.startswith(begin):
            raise Refused(name, f"it is {what}", f"send one of {', '.join(FORMS)}")
    looks = _looks(content)
    told = asked or ENDINGS.get(PurePath(name).suffix.lower(), "")
    if not told and looks == "csv" and not any(mark in content.split(b"\n", 1)[0] for mark in (b",", b";", b"|", b"\t")):
        raise Refused(name, "it is of no form that is known", f"send one of {', '.join(FORMS)}")
    if not told:
        return looks
    if (told == "xlsx") != (looks == "xlsx") or (told == "xml") != (looks == "xml"):
        raise Refused(name, f"it should be {told} and its content is {'no workbook' if told == 'xlsx' else looks}",
                      "give it the ending of what it is, or ask the sender for the right file")
    return told


def _looks(content: bytes) -> str:
    if content.startswith(PACKED):
        return "xlsx"
    bare = content[:400].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if bare.startswith(b"<"):
        return "xml"
    if bare.startswith(b"["):
        return "json"
    if bare.startswith(b"{"):
        return "jsonl" if _is_json(content.split(b"\n", 1)[0]) and content.strip().count(b"\n") else "json"
    return "csv"


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def messages(name: str, content: bytes, form: str, payload: Payload, layout: Layout) -> Sequence[Message]:
    """Take a file of a form apart into its messages. Raises `Refused` when nothing of it may be taken in."""
    try:
        found = _taken_apart(name, content, form, payload, layout)
    except Refused:
        raise
    except Exception as error:  # a stranger's file that trips us must not stop its tenant's turn
        what = f"reading it failed ({type(error).__name__}: {str(error)[:100]})"
        raise Refused(name, what, "show it to whoever runs Backhaul") from error
    if len(found) > layout.max_rows:
        raise Refused(name, f"it has more than {layout.max_rows} messages", "send it in parts, or raise max_rows in [files]")
    if not found:
        raise Refused(name, "it holds no row", "ask the sender whether there was nothing to send")
    return found


def _taken_apart(name: str, content: bytes, form: str, payload: Payload, layout: Layout) -> Sequence[Message]:
    if form == "xml":
        return list(markup.messages(name, content, payload, layout))
    if form in {"csv", "xlsx"}:
        rows = csv_rows.rows(name, content) if form == "csv" else xlsx_rows.rows(name, content, layout)
        return list(grid.messages(name, grid.table(name, rows, layout, even=form == "csv"), payload, layout))
    return list(_lines(content) if form == "jsonl" else _elements(name, content, payload, layout))


def _lines(content: bytes) -> Iterator[Message]:
    return (Message(rows=(row,), body=line.strip()) for row, line in enumerate(content.splitlines(), start=1) if line.strip())


def _elements(name: str, content: bytes, payload: Payload, layout: Layout) -> Iterator[Message]:
    """Give each element of a list with the bytes it has in the file; anything else is one message."""
    if layout.trailer and layout.trailer.rows_at:
        _counted(name, content, payload, layout.trailer.rows_at)
    try:
        elements = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        yield Message(rows=(1,), body=content)
        return
    for row, element in enumerate(elements, start=1):
        yield Message(rows=(row,), body=bytes(element))


def _counted(name: str, content: bytes, payload: Payload, path: str) -> None:
    """Compare the number of messages a JSON file says it has with those it has."""
    try:
        told = normalise(read_json(content))
        said = exact(get(told, Path.of(path).flat))
        held = get(told, Path.of(payload.messages).flat) if payload.messages else told
    except Unusable as reason:
        raise Refused(name, str(reason), "ask the sender for the file anew", code=TOTALS) from reason
    count = len(held) if isinstance(held, list) else 1
    if said is None or said != count:
        what = "names no number of rows" if said is None else f"says {said} rows and holds {count}"
        raise Refused(name, f"it {what} (at {path})", "nothing of it was taken in; ask the sender for the whole file", code=TOTALS)
