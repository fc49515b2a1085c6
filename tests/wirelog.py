"""Does what Backhaul says to Finance & SCM stand in the vendor's contract?

Every emulated environment keeps what it was asked. After each test whatever carries Backhaul's request id is read here once more, by code
that shares nothing with adapter and emulator, and compared with an extract of public sources: entity sets, fields, keys and their types,
actions, columns of packages. What the contract lacks must stand in the documented list of inferred names, and what an environment's
metadata does not let anybody edit must not be written.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

import pytest

from backhaul.adapters.finance_scm.emulator.metadata import metadata_service
from backhaul.adapters.finance_scm.emulator.model import World
from backhaul.adapters.finance_scm.emulator.server import Emulator, Request
from backhaul.adapters.odata_server import Call

ROOT: Final = Path(__file__).resolve().parents[1]
CONTRACT: Final = json.loads((ROOT / "tests" / "contracts" / "fscm" / "contract.json").read_text(encoding="utf-8"))
DOC: Final = ROOT / "docs" / "reference" / "erp-finance-scm.md"
OURS: Final = "x-ms-client-request-id"
NUMBERS: Final = frozenset({"Decimal", "Int32", "Int64"})
NAMESPACE: Final = "Microsoft.Dynamics.DataEntities."
WORLDS: Final[list[list[Request]]] = []
SEEN: Final[set[tuple[str, ...]]] = set()
"""Queries that were read and found right already, without their literals."""


class Kept:
    """Stands where `Emulator.wire` stands, and notes the log of each environment once."""

    def __set__(self, emulator: Emulator, log: list[Request]) -> None:
        vars(emulator)["wire"] = log
        WORLDS.append(log)

    def __get__(self, emulator: Emulator | None, owner: type[Emulator]) -> Any:
        return self if emulator is None else vars(emulator)["wire"]


Emulator.wire = Kept()  # type: ignore[assignment]  # as data descriptors are


@pytest.fixture(autouse=True)
def wire_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test in which something was said that is in no contract; the mark `editable` names what its environment lets be edited."""
    for log in WORLDS:
        log.clear()
    yield
    lets = {f"{name} may not be edited and was written" for mark in request.node.iter_markers("editable") for name in mark.args}
    wrong = [sentence for log in WORLDS for asked in [*log] if OURS in asked.headers for sentence in flaws(asked) if sentence not in lets]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def inferred() -> frozenset[str]:
    """Read the documented list: `Set`, `Set.Field`, or `Set.*` where only the set is known."""
    part = DOC.read_text(encoding="utf-8").partition("## Inferred names\n")[2].partition("\n## ")[0]
    return frozenset(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))


INFERRED: Final = inferred()


def editable() -> Mapping[str, frozenset[str]]:
    """Ask an environment's metadata which fields of which set may be written."""
    call = Call(method="GET", path="PublicEntities", query="", headers={}, body=b"")
    rows = json.loads(metadata_service(World()).answer(call, "http://here/metadata/", {}).body)["value"]
    return {row["EntitySetName"]: frozenset(each["Name"] for each in row["Properties"] if each["AllowEdit"]) for row in rows}


EDITABLE: Final = editable()


def flaws(request: Request) -> Iterator[str]:
    """Say what of a request stands in no contract."""
    path = unquote(request.path)
    if path.endswith("/$batch"):
        operations = list(parts(request.body))
        if len(operations) != request.body.count(b" HTTP/1.1\r\n"):
            yield f"a batch of {request.body.count(b' HTTP/1.1')} operations, of which {len(operations)} could be read"
        for method, address, body in operations:
            yield from operation(method, address, body)
    elif path.startswith("/blob/"):
        yield from packed(request.body)
    elif NAMESPACE in path:
        action = path.rpartition(NAMESPACE)[2]
        if action not in CONTRACT["actions"]:
            yield f"action {action} is in no contract"
    elif path.startswith("/data/"):
        yield from operation(request.method, path + (f"?{request.query}" if request.query else ""), request.body)


def parts(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Take the operations out of a batch: whatever begins with a method, an address and the protocol."""
    for piece in re.split(rb"\r?\n--[^\r\n]+(?:--)?\r?\n?", b"\r\n" + body):
        found = re.search(rb"(GET|POST|PATCH|DELETE) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n(.*)\Z", piece + b"\r\n\r\n", re.DOTALL)
        if found:
            method, address, _, content = found.groups()
            yield method.decode(), "/data/" + address.decode().partition("/data/")[2], content.strip()


def operation(method: str, address: str, body: bytes) -> Iterator[str]:
    """Judge one operation on an entity set."""
    path, _, query = address.partition("?")
    name, _, key = unquote(path).removeprefix("/data/").partition("(")
    name = name.strip("/")
    if not known(name):
        yield f"entity set {name} is in no contract"
        return
    told = dict(parse_qsl(query))
    written = json.loads(body) if body else {}
    shape = (name, *(re.sub(r"'[^']*'", "''", told.get(part, "")) for part in ("$select", "$expand", "$filter")))
    if key:
        yield from keyed(name, key.rpartition(")")[0])
    if method in {"POST", "PATCH"}:
        yield from values(name, written)
    if shape not in SEEN:
        wrong = list(names(name, told))
        SEEN.update([] if wrong else [shape])
        yield from wrong


def names(name: str, told: Mapping[str, str]) -> Iterator[str]:
    """Judge the names in a query, and the literals they are compared with."""
    for field in filter(None, told.get("$select", "").split(",")):
        yield from unknown(name, field)
    for link in filter(None, re.split(r",(?![^(]*\))", told.get("$expand", ""))):
        if link.partition("(")[0] not in CONTRACT["sets"][name]["navigation"]:
            yield f"{name} leads nowhere by {link}"
    for field, literal in re.findall(r"(\w+) (?:eq|ne|ge|le|gt|lt) ('(?:[^']|'')*'|[^\s)]+)", told.get("$filter", "")):
        yield from unknown(name, field)
        kind = kind_of(name, field)
        if kind and not fits(kind, literal):
            yield f"{name}.{field} is a {kind} and was compared with {literal}"


def fits(kind: str, literal: str) -> bool:
    """Tell whether a literal of an address is written as its type wants it."""
    if kind in NUMBERS:
        return re.fullmatch(r"-?\d+(\.\d+)?", literal) is not None
    if kind == "DateTimeOffset":
        return re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", literal) is not None
    return literal.startswith(f"{NAMESPACE}{kind[1:]}'") if kind[0] == "~" else literal.startswith("'")


def keyed(name: str, key: str) -> Iterator[str]:
    """Judge the key in an address: all its parts, each written as its type wants it."""
    told = dict(re.findall(r"(\w+)=('(?:[^']|'')*'|[^,]+)", key))
    wanted = CONTRACT["sets"][name]["keys"]
    if sorted(told) != sorted(wanted):
        yield f"{name} has the key {', '.join(wanted)} and was addressed by {', '.join(told)}"
    for field, literal in told.items():
        kind = kind_of(name, field)
        if kind and not fits(kind, literal):
            yield f"key {name}.{field} is a {kind} and was written as {literal}"


def values(name: str, written: Mapping[str, Any]) -> Iterator[str]:
    """Judge a body: fields that exist, may be edited, and hold what their type allows."""
    for field, value in written.items():
        strange = list(unknown(name, field))
        yield from strange
        if not strange and field not in EDITABLE.get(name, frozenset()):
            yield f"{name}.{field} may not be edited and was written"
        kind = kind_of(name, field)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind and (number if kind not in NUMBERS else not number):
            yield f"{name}.{field} is a {kind} and was given {value!r}"
        members = CONTRACT["enums"].get(kind[1:], ()) if kind.startswith("~") else ()
        if members and value not in members:
            yield f"{name}.{field} has no member {value!r}"


def packed(content: bytes) -> Iterator[str]:
    """Judge a data package: the columns of each file are those of its entity."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = ET.fromstring(archive.read("Manifest.xml"))  # noqa: S314  our own bytes
        space = manifest.tag.partition("}")[0] + "}"
        for entry in manifest.iter(f"{space}DataManagementPackageEntityData"):
            label, file = (entry.findtext(f"{space}{tag}", "") for tag in ("EntityName", "InputFilePath"))
            data = archive.read(file)
            if file.endswith(".xml"):
                for element in ET.fromstring(data).iter():  # noqa: S314  our own bytes
                    if element.tag in CONTRACT["packages"]:
                        yield from columns(element.tag, (child.tag for child in element if child.tag not in CONTRACT["packages"]))
            else:
                yield from columns(label, next(csv.reader(io.StringIO(data.decode("utf-8-sig")))))


def columns(label: str, told: Iterable[str]) -> Iterator[str]:
    """Judge the columns of one file."""
    for column in told:
        if column not in CONTRACT["packages"].get(label, ()) and f"{label}.{column}" not in INFERRED:
            yield f"column {label}.{column} is in no contract"


def known(name: str) -> bool:
    """Tell whether an entity set stands in the contract or in the list of inferred names."""
    return name in CONTRACT["sets"] or name in INFERRED


def unknown(name: str, field: str) -> Iterator[str]:
    """Say so where a field stands neither in the contract nor in the list of inferred names."""
    if field not in CONTRACT["sets"].get(name, {}).get("fields", {}) and not {f"{name}.{field}", f"{name}.*", name} & INFERRED:
        yield f"field {name}.{field} is in no contract"


def kind_of(name: str, field: str) -> str:
    """Give a field's type by the contract; empty where it says none."""
    return str(CONTRACT["sets"].get(name, {}).get("fields", {}).get(field, ""))
