"""What does Business Central answer below one service root?

The platform's half: addresses, reading with query options, writing with ETags, bound actions. Which records there are and which rules they
obey is said by `Page`s, one per entity set, as AL pages do.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from backhaul.adapters.business_central.emulator import refusals as no
from backhaul.adapters.business_central.emulator.filters import Filter, decoded, moment
from backhaul.adapters.business_central.emulator.model import INDEXED
from backhaul.adapters.business_central.emulator.surface import edmx
from backhaul.adapters.odata_server import Answer, Call, Row, answer_json, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backhaul.adapters.business_central.emulator.model import World
    from backhaul.adapters.business_central.emulator.surface import EntitySet, Prop, Surface

Value = Callable[["World", Row], Any]
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OPTIONS = frozenset({"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format", "company", "tenant",
                     "$schemaversion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands behind one entity set.

    `columns` says per field which column holds it or how it is computed; a field it does not name is a column of the same name.
    `link` is the pair (field of ours, column of the parent) that joins a subpage to its document.
    """

    table: str = ""
    where: Callable[[Row], bool] = lambda _: True
    rows: Callable[[World, str], list[Row]] | None = None
    columns: Mapping[str, str | Value] = field(default_factory=dict)
    link: tuple[str, str] = ("", "")
    filtered_by: str = ""
    insert: Callable[[World, str, Row, Row | None], Row] | None = None
    update: Callable[[World, str, Row, Row], Row] | None = None
    delete: Callable[[World, str, Row], None] | None = None
    actions: Mapping[str, Callable[[World, str, Row], None]] = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an address names: a set in a company, perhaps one record of it, perhaps an action or a count."""

    company: str
    entity_set: EntitySet
    key: Mapping[str, Any] | None = None
    parent: Row | None = None
    action: str = ""
    count: bool = False


def etag(row: Mapping[str, Any]) -> str:
    """Give the version of a record."""
    text = base64.b64encode(f"{row.get('_n', 0)};{row.get('_v', 1)};".encode()).decode()
    return f'W/"{text}"'


class Service:
    """Answers everything below one service root; `base` is its address with a trailing slash."""

    def __init__(self, world: World, surface: Surface, pages: Mapping[str, Page], base: str) -> None:
        """Serve these pages of this world."""
        self.world = world
        self.surface = surface
        self.pages = pages
        self.base = base

    def answer(self, call: Call) -> Answer:
        """Answer one request that is not a batch, in a transaction of its own; refusals are raised."""
        options = dict(parse_qsl(call.query, keep_blank_values=True))
        if call.path == "$metadata":
            return Answer(status=200, body=edmx(self.surface), headers={"Content-Type": "application/xml"})
        if strange := {name for name in options if name.startswith("$")} - OPTIONS:
            raise no.refusal("BadRequest", f"The query option '{min(strange)}' is not supported.")
        target = self._target(call.path, options, call.headers)
        if target.entity_set.name in self.world.settings["forbidden"]:
            raise no.not_permitted(target.entity_set.name)
        if call.method == "GET":
            return self._read(target, options, call.headers)
        if call.headers.get("data-access-intent", "").lower() == "readonly":
            raise no.refusal("BadRequest_InvalidOperation", "Data-Access-Intent ReadOnly is not allowed for a request that writes.")
        with self.world.tables.transaction():
            return self._write(target, options, call)

    # ------------------------------------------------------------ addresses

    def _target(self, path: str, options: Mapping[str, str], headers: Mapping[str, str]) -> Target:
        parts = [unquote(part) for part in re.findall(r"(?:'(?:[^']|'')*'|[^/'])+", path)]
        company = self._company(options.get("company") or headers.get("company", ""))
        if parts and (match := re.fullmatch(r"(?:companies|company)\((?:name=)?(.+)\)", parts[0], re.IGNORECASE)) and len(parts) > 1:
            company, parts = self._company(match[1].strip("'").replace("''", "'")), parts[1:]
        if not parts:
            raise no.not_found(self.base + path)
        target = self._set(company, parts[0], path)
        for part in parts[1:]:
            target = self._onwards(target, part, path)
        if not company and target.entity_set.name not in {"companies", "subscriptions"}:
            raise no.no_company()
        return target

    def _company(self, name: str) -> str:
        if not name:
            return ""
        for row in self.world.tables.rows("companies"):
            if name.lower() in {row["id"], row["name"].lower()}:
                return str(row["id"])
        raise no.no_company()

    def _set(self, company: str, text: str, path: str) -> Target:
        match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text, re.DOTALL)
        entity_set = self.surface.sets.get(match[1]) if match else None
        if match is None or entity_set is None or entity_set.name not in self.pages:
            raise no.not_found(self.base + path)
        return Target(company=company, entity_set=entity_set, key=None if match[2] is None else self._key(entity_set, match[2]))

    def _key(self, entity_set: EntitySet, text: str) -> dict[str, Any]:
        given = re.findall(r"(?:(\w+)\s*=\s*)?('(?:[^']|'')*'|[^,']+)\s*(?:,|$)", text)
        if len(given) != len(entity_set.keys):
            message = f"The key '{text}' does not fit; '{entity_set.name}' is found by {', '.join(entity_set.keys)}."
            raise no.refusal("BadRequest_InvalidRequestUrl", message)
        key: dict[str, Any] = {}
        for at, (name, value) in enumerate(given):
            column = name or entity_set.keys[at]
            prop = entity_set.props.get(column)
            plain = value.strip().strip("'").replace("''", "'")
            if prop is None or (prop.kind == "Guid" and not GUID.fullmatch(plain.lower())):
                raise no.refusal("BadRequest_InvalidRequestUrl", f"The key '{text}' of '{entity_set.name}' is not well formed.")
            key[column] = int(plain) if prop.kind == "Int32" else plain.lower() if prop.kind == "Guid" else plain
        return key

    def _onwards(self, target: Target, part: str, path: str) -> Target:
        if part == "$count" and target.key is None:
            return Target(company=target.company, entity_set=target.entity_set, parent=target.parent, count=True)
        if target.key is None or target.action:
            raise no.not_found(self.base + path)
        if part.startswith("Microsoft.NAV."):
            action = part.removeprefix("Microsoft.NAV.").removesuffix("()")
            if action not in self.pages[target.entity_set.name].actions:
                raise no.not_found(self.base + path)
            return Target(company=target.company, entity_set=target.entity_set, key=target.key, action=action)
        name = part.partition("(")[0]
        if name not in target.entity_set.nav:
            raise no.not_found(self.base + path)
        parent = self.find(target)
        there, many = target.entity_set.nav[name]
        inner = self._set(target.company, there + part.removeprefix(name), path)
        key = inner.key if many else {"id": self._value(target.entity_set, parent, f"{name}Id")}
        return Target(company=target.company, entity_set=inner.entity_set, key=key, parent=parent if many else None)

    def _key_of(self, entity_set: EntitySet, row: Row) -> str:
        values = [self._value(entity_set, row, name) for name in entity_set.keys]
        texts = [f"'{quote(value)}'" if isinstance(value, str) and not GUID.fullmatch(value) else str(value) for value in values]
        return ",".join(texts)

    # ------------------------------------------------------------ records

    def _value(self, entity_set: EntitySet, row: Row, name: str) -> Any:
        column = self.pages[entity_set.name].columns.get(name, name)
        if callable(column):
            return column(self.world, row)
        if column in row:
            return row[column]
        return self.surface.zero(entity_set.props[name]) if name in entity_set.props else ""

    def rows(self, entity_set: EntitySet, company: str, wanted: Mapping[str, Any]) -> list[Row]:
        """Give at least all records of a set that hold the wanted values."""
        page = self.pages[entity_set.name]
        if page.rows is not None:
            return page.rows(self.world, company)
        for name, value in wanted.items():
            column = page.columns.get(name, name)
            if isinstance(column, str) and column in INDEXED.get(page.table, ()):
                found = self.world.tables.where(page.table, column, value)
                break
            if column == "id":
                one = self.world.tables.find(page.table, str(value))
                found = [] if one is None else [one]
                break
        else:
            found = self.world.tables.rows(page.table)
        return [row for row in found if row.get("company", company) == company and page.where(row)]

    def find(self, target: Target) -> Row:
        """Give the record an address names, or refuse."""
        wanted = dict(target.key or {})
        for row in self.rows(target.entity_set, target.company, wanted):
            if all(self._value(target.entity_set, row, name) == value for name, value in wanted.items()) and self._belongs(target, row):
                return row
        caption = self.pages[target.entity_set.name].caption or target.entity_set.type
        raise no.no_record(self.world.settings["missing"], caption, ",".join(f"{name}='{value}'" for name, value in wanted.items()))

    def _belongs(self, target: Target, row: Row) -> bool:
        if target.parent is None:
            return True
        ours, theirs = self.pages[target.entity_set.name].link
        return bool(self._value(target.entity_set, row, ours) == target.parent.get(theirs))

    # ------------------------------------------------------------ reading

    def _read(self, target: Target, options: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if target.action:
            raise no.not_allowed("GET")
        entity_set = target.entity_set
        context = f"{self.base}$metadata#" + (f"companies({target.company})/" if target.company else "") + entity_set.name
        if target.key is not None:
            row = self.find(target)
            return answer_json(200, {"@odata.context": f"{context}/$entity", **self.shape(entity_set, row, options)}, ETag=etag(row))
        rows = self._select(target, options)
        if target.count:
            return Answer(status=200, body=str(len(rows)).encode(), headers={"Content-Type": "text/plain"})
        body: Row = {"@odata.context": context}
        if options.get("$count") == "true":
            body["@odata.count"] = len(rows)
        skip = _whole(options, "$skip", 0)
        rows = rows[skip : skip + _whole(options, "$top", len(rows))]
        size = min(int(self.world.settings["pageSize"]), _preferred(headers))
        token = options.get("$skiptoken", "")
        begin = _after(rows, token) if token else 0
        body["value"] = [self.shape(entity_set, row, options) for row in rows[begin : begin + size]]
        if begin + size < len(rows):
            rest = "&".join(f"{quote(k, safe='$-')}={quote(v, safe='')}" for k, v in options.items() if k not in {"$skiptoken", "$skip"})
            path = self._path(target)
            body["@odata.nextLink"] = f"{self.base}{path}?{rest}{'&' if rest else ''}$skiptoken={rows[begin + size - 1]['_n']}"
        return answer_json(200, body)

    def _path(self, target: Target) -> str:
        below = f"companies({target.company})/" if target.company else ""
        if target.parent is not None:
            parent = next(s for s in self.surface.sets.values() if any(there == target.entity_set.name and many
                                                                     for there, many in s.nav.values()))
            return f"{below}{parent.name}({target.parent['id']})/{target.entity_set.name}"
        return below + target.entity_set.name

    def _select(self, target: Target, options: Mapping[str, str]) -> list[Row]:
        entity_set, page = target.entity_set, self.pages[target.entity_set.name]
        judge = Filter(options["$filter"], entity_set) if options.get("$filter") else None
        wanted = dict(judge.wanted) if judge else {}
        if target.parent is not None:
            wanted = {page.link[0]: target.parent.get(page.link[1])} | wanted
        if page.filtered_by and not {page.filtered_by, "id"} & wanted.keys():
            raise no.dialog("You must specify an id or a Document Id to get the lines.")
        found = [row for row in self.rows(entity_set, target.company, wanted) if self._belongs(target, row)]
        rows = [row for row in found if judge is None or judge.test(lambda name, row=row: self._value(entity_set, row, name))]  # type: ignore[misc]
        for part in reversed([p for p in options.get("$orderby", "").split(",") if p.strip()]):
            name, _, direction = part.strip().partition(" ")
            if name not in entity_set.props or direction.strip() not in {"", "asc", "desc"}:
                raise no.no_property(name, entity_set.type)
            rows.sort(key=lambda row, n=name: self._value(entity_set, row, n), reverse=direction.strip() == "desc")  # type: ignore[misc]
        return rows

    def shape(self, entity_set: EntitySet, row: Row, options: Mapping[str, str]) -> Row:
        """Write a record with the fields that were asked for."""
        wanted = [name.strip() for name in options.get("$select", "").split(",") if name.strip()]
        shaped: Row = {"@odata.etag": etag(row)}
        for name in wanted or entity_set.props:
            if name not in entity_set.props:
                raise no.no_property(name, entity_set.type)
            shaped[name] = self._value(entity_set, row, name)
        for name, inner in _expansions(options.get("$expand", "")):
            shaped[name] = self._expand(entity_set, row, name, inner)
        return shaped

    def _expand(self, entity_set: EntitySet, row: Row, name: str, options: Mapping[str, str]) -> object:
        if name not in entity_set.nav:
            raise no.no_property(name, entity_set.type)
        there, many = entity_set.nav[name]
        target = self.surface.sets.get(there)
        if target is None or there not in self.pages:
            return [] if many else None
        if many:
            found = self._select(Target(company=str(row.get("company", "")), entity_set=target, parent=row), options)
            return [self.shape(target, each, options) for each in found]
        one = self.world.tables.find(self.pages[there].table, str(self._value(entity_set, row, f"{name}Id")))
        return None if one is None else self.shape(target, one, options)

    # ------------------------------------------------------------ writing

    def _write(self, target: Target, options: Mapping[str, str], call: Call) -> Answer:
        entity_set, page = target.entity_set, self.pages[target.entity_set.name]
        if target.action:
            if call.method != "POST":
                raise no.not_allowed(call.method)
            page.actions[target.action](self.world, target.company, self.find(target))
            return Answer(status=204, headers={"OData-Version": "4.0"})
        if call.method == "POST" and target.key is None:
            if "I" not in entity_set.ops or page.insert is None:
                raise no.not_allowed("Insert")
            row = self._create(target, self._body(call))
            context = f"{self.base}$metadata#companies({target.company})/{entity_set.name}/$entity"
            return answer_json(201, {"@odata.context": context, **self.shape(entity_set, row, options)}, ETag=etag(row),
                               Location=f"{self.base}{self._path(target)}({self._key_of(entity_set, row)})")
        if target.key is None or call.method not in {"PATCH", "DELETE"}:
            raise no.not_allowed(call.method)
        return self._change(target, options, call)

    def _change(self, target: Target, options: Mapping[str, str], call: Call) -> Answer:
        entity_set, page = target.entity_set, self.pages[target.entity_set.name]
        letter, wish = ("U", "Modify") if call.method == "PATCH" else ("D", "Delete")
        if letter not in entity_set.ops or (page.update if letter == "U" else page.delete) is None:
            raise no.not_allowed(wish)
        row = self.find(target)
        if not (expected := call.headers.get("if-match", "")):
            raise no.no_etag()
        if expected not in {"*", etag(row)}:
            raise no.stale()
        if page.delete is not None and call.method == "DELETE":
            page.delete(self.world, target.company, row)
            return Answer(status=204, headers={"OData-Version": "4.0"})
        given = self._body(call)
        if nested := [name for name in given if name in entity_set.nav]:
            raise no.refusal("BadRequest", f"A change cannot hold '{nested[0]}': nested entities are for creating only.")
        changed = page.update(self.world, target.company, row, self._values(entity_set, given)) if page.update else row
        context = f"{self.base}$metadata#companies({target.company})/{entity_set.name}/$entity"
        return answer_json(200, {"@odata.context": context, **self.shape(entity_set, changed, options)}, ETag=etag(changed))

    def _create(self, target: Target, given: Mapping[str, Any]) -> Row:
        entity_set, page = target.entity_set, self.pages[target.entity_set.name]
        nested = {name: value for name, value in given.items() if name in entity_set.nav and entity_set.nav[name][1]}
        values = self._values(entity_set, {name: value for name, value in given.items() if name not in nested})
        assert page.insert is not None  # noqa: S101 - who calls has asked
        row = page.insert(self.world, target.company, values, target.parent)
        for name, children in nested.items():
            there = self.surface.sets[entity_set.nav[name][0]]
            if not isinstance(children, list):
                raise no.cannot_read(name, "Collection")
            for child in children:
                self._create(Target(company=target.company, entity_set=there, parent=row), child)
        return self.world.tables.find(page.table, row["id"]) or row

    def _body(self, call: Call) -> dict[str, Any]:
        try:
            given = decode(call.body) if call.body else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise no.refusal("BadRequest", f"The body is not JSON: {wrong}") from wrong
        if not isinstance(given, dict):
            raise no.refusal("BadRequest", "The body must be one JSON object.")
        return given

    def _values(self, entity_set: EntitySet, given: Mapping[str, Any]) -> Row:
        values: Row = {}
        for name, value in given.items():
            if name.startswith("@"):
                continue
            prop = entity_set.props.get(name)
            if prop is None:
                raise no.no_property(name, entity_set.type)
            if prop.read_only:
                raise no.read_only(name)
            values[name] = self.coerce(prop, name, value)
        return values

    def coerce(self, prop: Prop, name: str, value: Any) -> Any:
        """Check one JSON value against its type and give it in the form records keep."""
        kind = prop.kind
        if value is None:
            return self.surface.zero(prop)
        if kind in {"Decimal", "Int32", "Int64"}:
            if not isinstance(value, int | Decimal) or isinstance(value, bool) or (kind != "Decimal" and int(value) != value):
                raise no.cannot_read(name, kind)
            return Decimal(value) if kind == "Decimal" else int(value)
        if kind == "Boolean":
            if not isinstance(value, bool):
                raise no.cannot_read(name, kind)
            return value
        if not isinstance(value, str):
            raise no.cannot_read(name, "String" if prop.text else kind.lstrip("~"))
        return self._text(prop, name, value)

    def _text(self, prop: Prop, name: str, value: str) -> str:
        kind = prop.kind
        if kind == "Guid":
            if not GUID.fullmatch(value.lower()):
                raise no.cannot_read(name, kind)
            return value.lower()
        if kind == "Date":
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise no.cannot_read(name, kind)
            return moment(name, value)[:10] if value != "0001-01-01" else value
        if kind == "DateTime":
            return moment(name, value)
        if kind.startswith("~"):
            members = self.surface.enums.get(kind[1:], [value])
            if value not in members:
                raise no.bad_enum(value, ",".join(decoded(member) for member in members))
            return value
        plain = value.strip().upper() if kind == "Code" else value
        if prop.length and len(plain) > prop.length:
            raise no.too_long(plain, prop.length)
        return plain


def _whole(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, "")
    if text and not text.isdigit():
        raise no.refusal("BadRequest", f"The value of '{name}' must be a whole number, it is '{text}'.")
    return int(text) if text else default


def _preferred(headers: Mapping[str, str]) -> int:
    match = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", headers.get("prefer", ""))
    return max(int(match[1]), 1) if match else 1_000_000


def _after(rows: Sequence[Row], token: str) -> int:
    """Find where the page begins that follows the record a token names; one that is gone by now is looked for by its number."""
    for at, row in enumerate(rows):
        if str(row["_n"]) == token:
            return at + 1
    return next((at for at, row in enumerate(rows) if int(row["_n"]) > int(token)), len(rows))


def _expansions(text: str) -> list[tuple[str, dict[str, str]]]:
    """Split `$expand` at commas outside of brackets, with the options of each."""
    found, depth, current = [], 0, ""
    for letter in f"{text},":
        if letter == "," and not depth:
            name, _, inner = current.strip().partition("(")
            if name:
                found.append((name, dict(part.partition("=")[::2] for part in inner[:-1].split(";") if part)))
            current = ""
            continue
        depth += (letter == "(") - (letter == ")")
        current += letter
    return found
