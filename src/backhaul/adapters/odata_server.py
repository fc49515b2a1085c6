"""What must a server answer when it is spoken to in OData v4, as Dynamics 365 speaks it?

The server half, for emulators: a table of entity sets goes in, answers come out. Who keeps the rows and which rules they obey is the
business of the `Rows` handed in. Wire behaviour follows facts/finance-scm 4 and 6.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import quoteattr

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

NAMESPACE = "Microsoft.Dynamics.DataEntities"
LARGEST_PAGE = 10_000
LARGEST_BATCH = 5_000
EMPTY_DATE = "1900-01-01T00:00:00Z"
STACK = "   at Microsoft.Dynamics.Platform.Integration.Services.OData.Update.UpdateProcessor.CreateEntity_Save()"

Row = dict[str, Any]
Test = Callable[[Mapping[str, Any]], bool]
Hint = tuple[str, frozenset[Any]]

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


# ---------------------------------------------------------------- who asks


def client_refused(form: Mapping[str, str], settings: Mapping[str, Any], token_url: str, now: float) -> str:
    """Say why the token service does not believe a client: by its secret, or by a word signed with the certificate it registered."""
    if form.get("client_id") != settings["clientId"]:
        return "AADSTS700016: Application was not found in the directory."
    if "client_assertion" not in form:
        return "" if form.get("client_secret") == settings["clientSecret"] else "AADSTS7000215: Invalid client secret provided."
    certificate = str(settings["clientCertificate"])
    body = "".join(certificate.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0].split())
    known = base64.urlsafe_b64encode(hashlib.sha256(base64.b64decode(body)).digest()).decode().rstrip("=")
    try:
        told = jwt.decode(form["client_assertion"], RSAKey.import_key(certificate), algorithms=["PS256"])
    except (JoseError, ValueError):
        return "AADSTS700027: Client assertion failed signature validation."
    who, claims = (token_url, settings["clientId"], settings["clientId"]), told.claims
    wrong = (
        (form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
         "AADSTS900144: The request body must contain the parameter client_assertion_type."),
        (told.header.get("x5t#S256") != known, "AADSTS700027: The certificate is not registered on application."),
        ((claims.get("aud"), claims.get("iss"), claims.get("sub")) != who, "AADSTS700023: Client assertion audience or issuer is wrong."),
        (not float(claims.get("nbf", 0)) - 300 <= now < float(claims.get("exp", 0)), "AADSTS700024: Client assertion is out of its time."))
    return next((sentence for holds, sentence in wrong if holds), "")


# ---------------------------------------------------------------- what is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """Where `$expand` leads and by which pairs of columns."""

    target: str
    on: tuple[tuple[str, str], ...]
    single: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySet:
    """One public collection; property types are Edm names without prefix, enumerations carry a leading `~`."""

    name: str
    entity: str
    type: str
    keys: tuple[str, ...]
    properties: Mapping[str, str]
    defaults: Mapping[str, Any]
    navigations: Mapping[str, Navigation] = field(default_factory=dict)
    read_only: bool = False

    @property
    def by_company(self) -> bool:
        """Whether rows belong to a legal entity."""
        return "dataAreaId" in self.properties

    def key_of(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Give the key of a row as comparable text."""
        return tuple(key_text(values.get(name, self.defaults.get(name, ""))) for name in self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All entity sets and enumerations of one server."""

    sets: Mapping[str, EntitySet]
    enums: Mapping[str, Sequence[str]]


class Rows(Protocol):
    """Who keeps the rows. Private columns begin with an underscore; `_id` and `_v` give order and ETag."""

    @property
    def default_company(self) -> str:
        """The company whose rows are seen without `cross-company=true`."""

    @property
    def page_size(self) -> int:
        """The largest page this server gives."""

    def rows(self, entity_set: str, hint: Hint | None) -> Iterable[Row]:
        """Give at least all rows that fit the hint, in order of creation."""

    def find(self, entity_set: str, key: tuple[str, ...]) -> Row | None:
        """Give one row by its key."""

    def insert(self, entity_set: str, values: Row) -> Row:
        """Create a row by the rules of the house; raise `Refused` when they forbid it."""

    def update(self, entity_set: str, row: Row, changes: Row) -> Row:
        """Change a row by the rules of the house."""

    def delete(self, entity_set: str, row: Row) -> None:
        """Remove a row by the rules of the house."""

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request below the service root; path and query are still percent-encoded, header names lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - it reads as what is said
    """The server says no; carries status and body as sent."""

    def __init__(self, status: int, body: object = None) -> None:
        """Keep what is to be sent."""
        error = body.get("error") if isinstance(body, dict) else None
        inner = error.get("innererror") if isinstance(error, dict) else None
        super().__init__(inner["message"] if isinstance(inner, dict) else f"{status} {body}")
        self.status = status
        self.body = body


def bad_request(message: str) -> Refused:
    """Refuse a request that is not understood."""
    inner = {"message": message, "type": "Microsoft.OData.ODataException", "stacktrace": STACK}
    return Refused(400, {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}})


def infolog(entity: str, *sentences: str, check: str = "validateWrite", source: str = "", code: str = "") -> Refused:
    """Refuse a write as the platform does: an envelope whose useful text stands behind `Infolog:`."""
    warnings = [*sentences, f"{check} failed on data source '{source or entity}'"]
    text = f"Write failed for table row of type '{entity}'. Infolog: " + "; ".join(f"Warning: {w}" for w in warnings)
    inner = {"message": text, "type": "System.InvalidOperationException", "stacktrace": STACK}
    return Refused(400, {"error": {"code": code, "message": "An error has occurred.", "innererror": inner}})


def encode(value: object) -> bytes:
    """Write JSON with exact decimals."""
    return _encoder.encode(value)


def decode(body: bytes) -> Any:  # noqa: ANN401 - values of any Edm type
    """Read JSON with exact decimals."""
    return _decoder.decode(body)


def answer_json(status: int, value: object, **headers: str) -> Answer:
    """Answer with a JSON body."""
    kinds = {"Content-Type": "application/json; odata.metadata=minimal; odata.streaming=true", "OData-Version": "4.0"}
    return Answer(status=status, body=encode(value), headers=kinds | headers)


def refuse(refused: Refused) -> Answer:
    """Turn a refusal into an answer."""
    return Answer(status=refused.status) if refused.body is None else answer_json(refused.status, refused.body)


# ---------------------------------------------------------------- values


def key_text(value: object) -> str:
    """Write a key part so that 1, 1.0 and 1.00 are one key."""
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def instant(text: str) -> str:
    """Bring a date or time to `YYYY-MM-DDTHH:MM:SSZ`, which sorts as text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        message = f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'."
        raise bad_request(message) from wrong
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def coerce(catalogue: Catalogue, kind: str, name: str, value: object) -> Any:  # noqa: ANN401, C901 - values of any Edm type
    """Check one JSON value against its Edm type and give it in the form rows keep."""
    wrong = bad_request(f"Cannot convert the value of property '{name}' to the expected type '{kind.lstrip('~')}'.")
    if value is None:
        return zero(catalogue, kind)
    if kind == "Decimal":
        if not _is_number(value):
            raise wrong
        return Decimal(value)  # type: ignore[arg-type]
    if kind in {"Int32", "Int64"}:
        if not _is_number(value) or int(value) != value:  # type: ignore[call-overload]
            raise wrong
        return int(value)  # type: ignore[call-overload]
    if kind == "Boolean":
        if not isinstance(value, bool):
            raise wrong
        return value
    if not isinstance(value, str):
        raise wrong
    if kind == "DateTimeOffset":
        return instant(value)
    if kind.startswith("~") and (members := catalogue.enums.get(kind[1:])) and value not in members:
        raise wrong
    return value


def zero(catalogue: Catalogue, kind: str) -> Any:  # noqa: ANN401 - values of any Edm type
    """Give the value a column has when nobody set it."""
    plain = {"Decimal": Decimal(0), "Int32": 0, "Int64": 0, "Boolean": False, "DateTimeOffset": EMPTY_DATE}
    return (catalogue.enums.get(kind[1:]) or [""])[0] if kind.startswith("~") else plain.get(kind, "")


# ---------------------------------------------------------------- $filter

_TOKEN = re.compile(
    r"""\s*(?:(?P<enum>[A-Za-z_][\w.]*\.\w+'[^']*')|(?P<string>'(?:[^']|'')*')
    |(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)
    |(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),]))""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}


class Filter:
    """A `$filter` read once: `test` judges a row, `hint` names an index that narrows the search."""

    def __init__(self, text: str, entity_set: EntitySet) -> None:
        """Read the expression or refuse it."""
        self._text = text
        self._set = entity_set
        self._tokens = self._split(text)
        self._at = 0
        self.test, self.hint = self._either()
        if self._at < len(self._tokens):
            raise self._wrong()

    def _wrong(self) -> Refused:
        return bad_request(f"Syntax error at position {self._at} in '{self._text}'.")

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, at = [], 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match or match.lastgroup is None:
                msg = f"Syntax error at position {at} in '{text}'."
                raise bad_request(msg)
            found.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _either(self) -> tuple[Test, Hint | None]:
        test, hint = self._both()
        tests = [test]
        while self._peek() == ("word", "or"):
            self._take()
            right, other = self._both()
            tests.append(right)
            hint = (hint[0], hint[1] | other[1]) if hint and other and hint[0] == other[0] else None
        return (test if len(tests) == 1 else lambda row: any(one(row) for one in tests)), hint

    def _both(self) -> tuple[Test, Hint | None]:
        test, hint = self._one()
        tests = [test]
        while self._peek() == ("word", "and"):
            self._take()
            right, other = self._one()
            tests.append(right)
            # the company narrows least, so any other column is the better hint
            hint = other if other and (hint is None or hint[0] == "dataAreaId") else hint
        return (test if len(tests) == 1 else lambda row: all(one(row) for one in tests)), hint

    def _one(self) -> tuple[Test, Hint | None]:
        kind, text = self._take()
        if (kind, text) == ("word", "not"):
            test, _ = self._one()
            return lambda row: not test(row), None
        if text == "(" and kind == "mark":
            inner = self._either()
            if self._take() != ("mark", ")"):
                raise self._wrong()
            return inner
        if kind != "word":
            raise self._wrong()
        return self._comparison(text)

    def _comparison(self, name: str) -> tuple[Test, Hint | None]:
        _, operator = self._take()
        if operator in {"in", "has", "("}:
            msg = f"The operator or function '{name if operator == '(' else operator}' is not supported."
            raise bad_request(msg)
        if name not in self._set.properties:
            raise no_such_property(name, self._set)
        compare = _COMPARE.get(operator)
        if compare is None:
            raise self._wrong()
        kind, literal = self._take()
        value = self._literal(self._set.properties[name], kind, literal, operator)
        default = self._set.defaults[name]
        if isinstance(value, str) and "*" in value and kind == "string" and operator in {"eq", "ne"}:
            pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.DOTALL)
            wanted = operator == "eq"
            return lambda row: bool(pattern.fullmatch(row.get(name, default))) is wanted, None
        hint = (name, frozenset([value])) if operator == "eq" else None
        return lambda row: compare(row.get(name, default), value), hint

    def _literal(self, kind: str, given: str, text: str, operator: str) -> Any:  # noqa: ANN401 - values of any Edm type
        if kind.startswith("~"):
            fits = given == "enum" and text.startswith(f"{NAMESPACE}.") and operator in {"eq", "ne"}
            value: Any = text.partition("'")[2][:-1]
        elif kind in {"Decimal", "Int32", "Int64"}:
            fits, value = given == "number", Decimal(text) if given == "number" else None
        elif kind == "DateTimeOffset":
            fits, value = given == "date", instant(text) if given == "date" else None
        elif kind == "Boolean":
            fits, value = text in {"true", "false"}, text == "true"
        else:
            fits, value = given == "string", text[1:-1].replace("''", "'")
        if not fits:
            message = f"A binary operator with incompatible types was detected: '{kind.lstrip('~')}' {operator} {text}."
            raise bad_request(message)
        return value


def no_such_property(name: str, entity_set: EntitySet) -> Refused:
    """Refuse a name the type does not have."""
    return bad_request(f"Could not find a property named '{name}' on type '{NAMESPACE}.{entity_set.type}'.")


# ---------------------------------------------------------------- the service


class Service:
    """Answers everything below `/data/`."""

    def __init__(self, catalogue: Catalogue, rows: Rows) -> None:
        """Serve these sets from these rows."""
        self.catalogue = catalogue
        self.rows = rows

    def answer(self, call: Call, base: str, spoil: Mapping[int, str] | None = None) -> Answer:
        """Answer one request; `base` is the service root with a trailing slash, `spoil` names batch parts that go wrong."""
        try:
            if call.path == "$batch" and call.method == "POST":
                return self._batch(call, base, spoil or {})
            if call.path == "$metadata":
                return Answer(status=200, body=edmx(self.catalogue), headers={"Content-Type": "application/xml"})
            if call.method == "GET":
                return self._read(call, base)
            with self.rows.transaction():
                return self._write(call, base)
        except Refused as refused:
            return refuse(refused)

    # ------------------------------------------------------------ addresses

    def _address(self, path: str) -> tuple[EntitySet, dict[str, Any] | None, bool]:
        match = re.fullmatch(r"(?P<set>\w+)(?:\((?P<key>.*)\))?(?P<count>/\$count)?", unquote(path), re.DOTALL)
        entity_set = self.catalogue.sets.get(match["set"]) if match else None
        if match is None or entity_set is None:
            raise Refused(404, {"Message": f"No HTTP resource was found that matches the request URI '{path}'."})
        key = None if match["key"] is None else self._key(entity_set, match["key"])
        return entity_set, key, bool(match["count"])

    def _key(self, entity_set: EntitySet, text: str) -> dict[str, Any]:
        given: dict[str, Any] = {}
        position, pattern = 0, re.compile(r"\s*(\w+)\s*=\s*('(?:[^']|'')*'|[^,']+(?:'[^']*')?)\s*(?:,|$)")
        while position < len(text):
            match = pattern.match(text, position)
            if not match:
                msg = f"The key '{text}' is not well formed."
                raise bad_request(msg)
            given[match[1]] = self._key_value(entity_set, match[1], match[2])
            position = match.end()
        if set(given) != set(entity_set.keys):
            need = ", ".join(entity_set.keys)
            msg = f"The key of '{entity_set.name}' needs exactly: {need}."
            raise bad_request(msg)
        return given

    def _key_value(self, entity_set: EntitySet, name: str, text: str) -> Any:  # noqa: ANN401 - values of any Edm type
        kind = entity_set.properties.get(name, "")
        if text.startswith("'"):
            return text[1:-1].replace("''", "'")
        if text.endswith("'"):
            return text.partition("'")[2][:-1]
        return instant(text.strip()) if kind == "DateTimeOffset" else Decimal(text) if text.strip("-").replace(".", "").isdigit() else text

    def _find(self, entity_set: EntitySet, key: Mapping[str, Any], options: Mapping[str, str]) -> Row:
        row = self.rows.find(entity_set.name, entity_set.key_of(key))
        if row is None or not self._visible(entity_set, row, options):
            raise Refused(404)
        return row

    def _visible(self, entity_set: EntitySet, row: Mapping[str, Any], options: Mapping[str, str]) -> bool:
        everywhere = not entity_set.by_company or options.get("cross-company", "").lower() == "true"
        return everywhere or row.get("dataAreaId") == self.rows.default_company

    # ------------------------------------------------------------ reading

    def _read(self, call: Call, base: str) -> Answer:
        options = dict(parse_qsl(call.query, keep_blank_values=True))
        entity_set, key, count_only = self._address(call.path)
        if key is not None:
            row = self._find(entity_set, key, options)
            context = f"{base}$metadata#{entity_set.name}/$entity"
            return answer_json(200, {"@odata.context": context, **self._shape(entity_set, row, options)}, ETag=etag(row))
        rows = self._select(entity_set, options)
        if count_only:
            return Answer(status=200, body=str(len(rows)).encode(), headers={"Content-Type": "text/plain"})
        body: Row = {"@odata.context": f"{base}$metadata#{entity_set.name}"}
        if options.get("$count") == "true":
            body["@odata.count"] = len(rows)
        skip, token = _whole(options, "$skip", 0), _whole(options, "$skiptoken", 0)
        rows = rows[skip : skip + _whole(options, "$top", len(rows))]
        size = min(self.rows.page_size, LARGEST_PAGE)
        body["value"] = [self._shape(entity_set, row, options) for row in rows[token : token + size]]
        if token + size < len(rows):
            rest = "&".join(f"{quote(k, safe='$-')}={quote(v, safe='')}" for k, v in options.items() if k != "$skiptoken")
            body["@odata.nextLink"] = f"{base}{entity_set.name}?{rest}{'&' if rest else ''}$skiptoken={token + size}"
        return answer_json(200, body)

    def _select(self, entity_set: EntitySet, options: Mapping[str, str]) -> list[Row]:
        known = {"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format"}
        if strange := {name for name in options if name.startswith("$")} - known:
            msg = f"The query option '{min(strange)}' is not supported."
            raise bad_request(msg)
        judge = Filter(options["$filter"], entity_set) if options.get("$filter") else None
        found = self.rows.rows(entity_set.name, judge.hint if judge else None)
        rows = [row for row in found if self._visible(entity_set, row, options) and (judge is None or judge.test(row))]
        for part in reversed([p for p in options.get("$orderby", "").split(",") if p.strip()]):
            name, _, direction = part.strip().partition(" ")
            if name not in entity_set.properties or direction.strip() not in {"", "asc", "desc"}:
                raise no_such_property(name, entity_set)
            rows.sort(key=lambda row, n=name: row.get(n, entity_set.defaults[n]), reverse=direction.strip() == "desc")  # type: ignore[misc]
        return rows

    def _shape(self, entity_set: EntitySet, row: Mapping[str, Any], options: Mapping[str, str]) -> Row:
        shaped: Row = {"@odata.etag": etag(row)}
        if wanted := [name.strip() for name in options.get("$select", "").split(",") if name.strip()]:
            for name in wanted:
                if name not in entity_set.properties:
                    raise no_such_property(name, entity_set)
                shaped[name] = row.get(name, entity_set.defaults[name])
        else:
            shaped.update(entity_set.defaults)
            shaped.update({name: value for name, value in row.items() if name[0] != "_"})
        for name in [part.strip() for part in options.get("$expand", "").split(",") if part.strip()]:
            shaped[name] = self._expand(entity_set, row, name)
        return shaped

    def _expand(self, entity_set: EntitySet, row: Mapping[str, Any], name: str) -> object:
        navigation = entity_set.navigations.get(name)
        if navigation is None:
            raise no_such_property(name, entity_set)
        target = self.catalogue.sets[navigation.target]
        last = navigation.on[-1]
        found = self.rows.rows(target.name, (last[1], frozenset([row.get(last[0], "")])))
        fits = [r for r in found if all(r.get(there) == row.get(here) for here, there in navigation.on)]
        shaped = [self._shape(target, r, {}) for r in fits]
        if navigation.single:
            return shaped[0] if shaped else None
        return shaped

    # ------------------------------------------------------------ writing

    def _write(self, call: Call, base: str) -> Answer:
        options = dict(parse_qsl(call.query, keep_blank_values=True))
        entity_set, key, _ = self._address(call.path)
        if entity_set.read_only:
            raise infolog(entity_set.entity, "The entity does not support this operation.", code="0022")
        if call.method == "POST" and key is None:
            return self._create(entity_set, call, base)
        if key is None or call.method not in {"PATCH", "DELETE"}:
            raise Refused(405, {"Message": f"The requested resource does not support http method '{call.method}'."})
        row = self._find(entity_set, key, options)
        if (expected := call.headers.get("if-match", "*")) not in {"*", etag(row)}:
            raise Refused(412, {"error": {"code": "", "message": "An error has occurred."}})
        if call.method == "DELETE":
            self.rows.delete(entity_set.name, row)
        else:
            changes = self._values(entity_set, call)
            if any(
                key_text(changes.get(name, row.get(name))) != key_text(row.get(name, "")) for name in entity_set.keys if name in changes
            ):
                msg = f"The key of '{entity_set.name}' cannot be changed (expected {expected})."
                raise bad_request(msg)
            self.rows.update(entity_set.name, row, changes)
        return Answer(status=204, headers={"OData-Version": "4.0"})

    def _create(self, entity_set: EntitySet, call: Call, base: str) -> Answer:
        values = self._values(entity_set, call)
        if entity_set.by_company and not values.get("dataAreaId"):
            values["dataAreaId"] = self.rows.default_company
        row = self.rows.insert(entity_set.name, values)
        context = f"{base}$metadata#{entity_set.name}/$entity"
        location = base + address(entity_set, row)
        return answer_json(201, {"@odata.context": context, **self._shape(entity_set, row, {})}, ETag=etag(row), Location=location)

    def _values(self, entity_set: EntitySet, call: Call) -> Row:
        try:
            given = decode(call.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            message = f"The body is not JSON: {wrong}"
            raise bad_request(message) from wrong
        if not isinstance(given, dict):
            msg = "The body must be one JSON object."
            raise bad_request(msg)
        values: Row = {}
        for name, value in given.items():
            if name.startswith("@"):
                continue
            if (kind := entity_set.properties.get(name)) is None:
                raise no_such_property(name, entity_set)
            values[name] = coerce(self.catalogue, kind, name, value)
        return values

    # ------------------------------------------------------------ $batch

    def _batch(self, call: Call, base: str, spoil: Mapping[int, str]) -> Answer:
        parts = parse_multipart(call.body, boundary_of(call.headers.get("content-type", "")))
        changes = {at: parse_multipart(part.body, boundary) for at, part in enumerate(parts) if (boundary := part.boundary)}
        if sum(len(changes.get(at, [part])) for at, part in enumerate(parts)) > LARGEST_BATCH:
            msg = f"The batch request contains more than {LARGEST_BATCH} operations."
            raise bad_request(msg)
        onwards = "odata.continue-on-error" in call.headers.get("prefer", "")
        answers: list[bytes] = []
        for at, part in enumerate(parts):
            trouble = spoil.get(at)
            if trouble == "429":
                wait = {"Retry-After": "1", "Content-Type": "application/json"}
                answers.append(_part(Answer(status=429, body=b'{"message":"high resource utilization"}', headers=wait), part.content_id))
                continue
            text, fine = self._change_set(changes[at], base) if at in changes else self._single(part, base)
            if trouble != "missing":
                answers.append(text)
            if not fine and not onwards:
                break
        return _multipart(answers, "batchresponse_0b1c5a2e", status=200)

    def _single(self, part: Part, base: str) -> tuple[bytes, bool]:
        try:
            answer = self.answer(part.call(), base)
        except Refused as refused:
            answer = refuse(refused)
        return _part(answer, part.content_id), answer.status < 400  # noqa: PLR2004 - protocol constant

    def _change_set(self, operations: Sequence[Part], base: str) -> tuple[bytes, bool]:
        current: Part | None = None
        answers = []
        try:
            with self.rows.transaction():
                for current in operations:
                    call = current.call()
                    if call.method == "GET":
                        msg = "A change set cannot hold a GET request."
                        raise bad_request(msg)
                    answers.append(_part(self._write(call, base), current.content_id))
        except Refused as refused:
            return _part(refuse(refused), current.content_id if current else ""), False
        answer = _multipart(answers, "changesetresponse_7d3f9c41", status=200)
        return f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode() + answer.body, True


def _whole(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, "")
    if text and not text.isdigit():
        msg = f"The value of '{name}' must be a whole number, it is '{text}'."
        raise bad_request(msg)
    return int(text) if text else default


def etag(row: Mapping[str, Any]) -> str:
    """Give the version of a row."""
    return f"W/\"'{row.get('_v', 1)},{row.get('_id', 0)}'\""


def address(entity_set: EntitySet, row: Mapping[str, Any]) -> str:
    """Write the by-key address of a row, percent-encoded."""
    texts = []
    for name in entity_set.keys:
        value = key_text(row.get(name, entity_set.defaults.get(name, "")))
        plain = entity_set.properties[name] in {"Decimal", "Int32", "Int64", "DateTimeOffset", "Boolean"}
        texts.append(f"{name}={value}" if plain else f"{name}='{quote(value.replace(chr(39), chr(39) * 2), safe=chr(39))}'")
    return f"{entity_set.name}({','.join(texts)})"


# ---------------------------------------------------------------- multipart


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart body."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def boundary(self) -> str:
        """The boundary of a nested change set, or nothing."""
        kind = self.headers.get("content-type", "")
        return boundary_of(kind) if kind.lower().startswith("multipart/") else ""

    @property
    def content_id(self) -> str:
        """The caller's name for this operation; it may stand on the part or on the request inside."""
        return self.headers.get("content-id", "") or _head(self.body)[1].get("content-id", "")

    def call(self) -> Call:
        """Read the request inside; its address may be absolute, rooted or relative to `/data/`."""
        line, headers, body = _head(self.body)
        words = line.split(" ")
        if len(words) < 2:  # noqa: PLR2004 - protocol constant
            msg = f"'{line}' is not a request line."
            raise bad_request(msg)
        url = words[1]
        path, _, query = url.partition("?")
        if "/data/" in path:
            path = path.partition("/data/")[2]
        if path.partition("/")[0].removeprefix("$").isdigit():
            msg = f"The Content-ID reference '{path}' cannot be resolved."
            raise bad_request(msg)
        return Call(method=words[0].upper(), path=path, query=query, headers=headers, body=body)


def boundary_of(content_type: str) -> str:
    """Find the boundary in a content type."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if not match:
        msg = f"The content type '{content_type}' names no boundary."
        raise bad_request(msg)
    return match[1].strip()


def _head(text: bytes) -> tuple[str, dict[str, str], bytes]:
    """Split a request into its line, headers and body."""
    match = re.search(rb"\r?\n\r?\n", text)
    head, body = (text[: match.start()], text[match.end() :]) if match else (text, b"")
    lines = head.decode("utf-8", "replace").splitlines()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return (lines[0] if lines else ""), headers, body


def parse_multipart(body: bytes, boundary: str) -> list[Part]:
    """Split a multipart body into its parts, in order."""
    delimiter = b"--" + boundary.encode()
    pieces = re.split(rb"(?:^|\r?\n)" + re.escape(delimiter) + rb"(?=\r?\n|--)", body)
    parts = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        _, headers, content = _head(piece if piece.startswith((b"\r\n", b"\n")) else b"\n" + piece)
        parts.append(Part(headers=headers, body=content))
    return parts


def _part(answer: Answer, content_id: str) -> bytes:
    reason = {200: "OK", 201: "Created", 204: "No Content"}.get(answer.status, "Error")
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {content_id}"] if content_id else []
    inner = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "\r\n".join([*head, "", *inner, "", ""]).encode() + answer.body


def _multipart(parts: Iterable[bytes], boundary: str, *, status: int) -> Answer:
    mark = boundary.encode()
    body = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    return Answer(status=status, body=body, headers={"Content-Type": f"multipart/mixed; boundary={boundary}", "OData-Version": "4.0"})


# ---------------------------------------------------------------- $metadata


def edmx(catalogue: Catalogue) -> bytes:
    """Describe everything in CSDL."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
    ]
    for name, members in catalogue.enums.items():
        inner = "".join(f'<Member Name={quoteattr(member)} Value="{at}"/>' for at, member in enumerate(members))
        lines.append(f'<EnumType Name="{name}">{inner}</EnumType>')
    for entity_set in catalogue.sets.values():
        keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity_set.keys)
        lines.append(f'<EntityType Name="{entity_set.type}"><Key>{keys}</Key>')
        for name, kind in entity_set.properties.items():
            typed = f"{NAMESPACE}.{kind[1:]}" if kind.startswith("~") else f"Edm.{kind}"
            lines.append(
                f'<Property Name="{name}" Type="{typed}"{" Nullable=" + chr(34) + "false" + chr(34) if name in entity_set.keys else ""}/>'
            )
        for name, navigation in entity_set.navigations.items():
            target = f"{NAMESPACE}.{catalogue.sets[navigation.target].type}"
            lines.append(f'<NavigationProperty Name="{name}" Type="{target if navigation.single else f"Collection({target})"}"/>')
        lines.append("</EntityType>")
    lines.append('<EntityContainer Name="Resources">')
    lines += [f'<EntitySet Name="{s.name}" EntityType="{NAMESPACE}.{s.type}"/>' for s in catalogue.sets.values()]
    lines.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "\n".join(lines).encode()
