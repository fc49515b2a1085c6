"""Does what Backhaul says to Business Central stand in the vendor's contract?

Every emulated environment keeps what it was asked. After each test whatever carries Backhaul's request id is read here once more, by code
that shares nothing with adapter and emulator, and compared with an extract of public sources: sets, fields, types, navigation, actions and
members of enumerations. What a page lets nobody write must not be written. The surfaces are never merged.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import pytest

from backhaul.adapters.business_central.emulator.server import Emulator, Request

CONTRACTS: Final = Path(__file__).resolve().parent / "contracts" / "bc"
PAGES: Final = Path(__file__).resolve().parents[1] / "extensions" / "business-central" / "src" / "api"


def extension() -> Mapping[str, Any]:
    """Read our own surface out of the extension's pages: fields and what may be written; types stand in its tables and are not judged."""
    sets: dict[str, Any] = {}
    for file in sorted(PAGES.glob("*.al")):
        text = file.read_text(encoding="utf-8")
        name = re.findall(r"EntitySetName = '(\w+)'", text)[0]
        own = re.sub(r"part\(.*?\}", "", text, flags=re.DOTALL)
        fields = {field: "" if "Editable = false" not in more else "*"
                  for field, more in re.findall(r'(?:field|column)\((\w+);(?:"[^"]*"|[^")])*\)\s*\{([^}]*)\}', own)}
        sets[name] = {"fields": fields, "leadsTo": {each: each for each in re.findall(r"part\((\w+);", text)},
                      "actions": re.findall(r"\[ServiceEnabled\]\s*procedure (\w+)", text),
                      "writable": "InsertAllowed = false" not in text and not re.search(r"^query ", text, re.MULTILINE)}
    return {"sets": sets, "enums": {}}


SURFACES: Final = {"api/v2.0": json.loads((CONTRACTS / "api-v2.0.json").read_text(encoding="utf-8")),
                   "ODataV4": json.loads((CONTRACTS / "odatav4.json").read_text(encoding="utf-8")),
                   "api/backhaul/returns/v1.0": extension()}
"""The surfaces, by where they begin in an address."""
OURS: Final = "x-ms-client-request-id"
NUMBERS: Final = frozenset({"Decimal", "Int32", "Int64"})
PLAIN: Final = frozenset({"Guid", "Date", "DateTimeOffset", "Boolean", *NUMBERS})
"""Types whose literals stand without quotes."""
ENVIRONMENTS: Final[list[list[Request]]] = []
SEEN: Final[set[tuple[str, ...]]] = set()
"""Questions that were read and found right already, without their literals."""


class Kept:
    """Stands where `Emulator.wire` stands, and notes the log of each environment once."""

    def __set__(self, emulator: Emulator, log: list[Request]) -> None:
        vars(emulator)["wire"] = log
        ENVIRONMENTS.append(log)

    def __get__(self, emulator: Emulator | None, owner: type[Emulator]) -> Any:
        return self if emulator is None else vars(emulator)["wire"]


Emulator.wire = Kept()  # type: ignore[assignment]  # as data descriptors are


@pytest.fixture(autouse=True)
def central_wire_log() -> Iterator[None]:
    """Fail the test in which something was said that is in no contract."""
    for log in ENVIRONMENTS:
        log.clear()
    yield
    wrong = [sentence for log in ENVIRONMENTS for asked in [*log] if OURS in asked.headers for sentence in flaws(asked)]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def flaws(request: Request) -> Iterator[str]:
    """Say what of a request stands in no contract."""
    path = unquote(request.path)
    surface = next((name for name in SURFACES if f"/{name}/" in path), "")
    if not surface:
        return
    if request.headers.get("accept-language") != "en-US":
        yield f"{path} was asked in no language that is pinned"
    rest = path.partition(f"/{surface}/")[2]
    if rest == "$metadata" and request.method == "GET":
        return
    if rest != "$batch":
        yield from operation(SURFACES[surface], request.method, rest + (f"?{request.query}" if request.query else ""), request.body)
        return
    parts = json.loads(request.body)["requests"]
    if len(parts) > 100:
        yield f"a batch of {len(parts)} operations"
    for part in parts:
        yield from operation(SURFACES[surface], part["method"], part["url"], json.dumps(part.get("body") or {}).encode())


def operation(contract: Mapping[str, Any], method: str, address: str, body: bytes) -> Iterator[str]:
    """Judge one operation: below a company, or on the companies themselves."""
    path, _, query = address.partition("?")
    steps = [step for step in unquote(path).split("/") if step]
    if len(steps) > 1 and re.fullmatch(r"companies\(.+\)|Company\('.+'\)", steps[0]):
        steps = steps[1:]
    name, _, key = steps[0].partition("(")
    told = contract["sets"].get(name)
    if told is None:
        yield f"entity set {name} is in no contract"
        return
    if len(steps) > 1 and steps[1] in told.get("leadsTo", {}):
        steps, name = steps[1:], told["leadsTo"][steps[1]]
        told, key = contract["sets"][name], ""
    elif len(steps) > 1:
        action = steps[1].removeprefix("Microsoft.NAV.")
        if action not in told.get("actions", ()):
            yield f"action {action} of {name} is in no contract"
        return
    yield from keyed(name, told, key.rpartition(")")[0])
    if method in {"POST", "PATCH"}:
        yield from values(contract, name, json.loads(body or b"{}"))
    elif method == "DELETE" and not told["writable"]:
        yield f"{name} may not be deleted from"
    options = dict(parse_qsl(query))
    shape = (name, *(re.sub(r"'[^']*'", "''", options.get(part, "")) for part in ("$select", "$expand", "$filter")))
    if shape not in SEEN:
        wrong = list(names(contract, name, options))
        SEEN.update([] if wrong else [shape])
        yield from wrong


def keyed(name: str, told: Mapping[str, Any], key: str) -> Iterator[str]:
    """Judge the key in an address: an id, a text in quotes, or all parts of it."""
    keys: Sequence[str] = told.get("keys", ["id"])
    if key and len(keys) == 1 and told["fields"].get(keys[0]) == "String":
        if not re.fullmatch(r"'[^']+'", key):
            yield f"{name} has a text for a key and was addressed by {key}"
    elif key and len(keys) > 1 and sorted(re.findall(r"(\w+)=", key)) != sorted(keys):
        yield f"{name} has the key {', '.join(keys)} and was addressed by {key}"
    elif key and len(keys) == 1 and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key):
        yield f"{name} was addressed by {key}, which is no id"


def names(contract: Mapping[str, Any], name: str, options: Mapping[str, str]) -> Iterator[str]:
    """Judge the names in a query, and the literals they are compared with."""
    told = contract["sets"][name]
    for field in filter(None, options.get("$select", "").split(",")):
        if field not in told["fields"]:
            yield f"field {name}.{field} is in no contract"
    for link in filter(None, options.get("$expand", "").split(",")):
        if link not in told.get("leadsTo", {}):
            yield f"{name} leads nowhere by {link}"
    asked = re.findall(r"(\w+) (?:eq|ne|ge|le|gt|lt) ('(?:[^']|'')*'|[^\s)]+)", options.get("$filter", ""))
    if len({field for field, _ in asked}) > 1 and " or " in options["$filter"] and not re.search(r"\([^()]*\)", options["$filter"]):
        yield f"{name} was asked with or across columns"
    for field, literal in asked:
        kind = told["fields"].get(field, "").rstrip("*")
        if field not in told["fields"]:
            yield f"field {name}.{field} is in no contract"
        elif kind.strip("*") and (kind in PLAIN) is literal.startswith("'"):
            yield f"{name}.{field} is a {kind} and was compared with {literal}"


def values(contract: Mapping[str, Any], name: str, written: Mapping[str, Any]) -> Iterator[str]:
    """Judge a body: fields that exist, may be written, and hold what their type allows; lines in it by their own set."""
    told = contract["sets"][name]
    if written and not told["writable"]:
        yield f"{name} is read-only and was written to"
    for field, value in written.items():
        kind = told["fields"].get(field, "")
        if field in told.get("leadsTo", {}) and isinstance(value, list):
            for line in value:
                yield from values(contract, told["leadsTo"][field], line)
        elif field not in told["fields"]:
            yield f"field {name}.{field} is in no contract"
        elif kind.endswith("*"):
            yield f"{name}.{field} is read-only and was written"
        elif kind and (kind in NUMBERS) is not (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{name}.{field} is a {kind} and was given {value!r}"
        elif kind in contract["enums"] and value not in contract["enums"][kind]:
            yield f"{name}.{field} has no member {value!r}"
