"""Which records does a `$filter` ask for?

The part of OData v4 that Business Central serves: comparisons, `and`, `or` within one field, `not`, three text functions. Lambda operators
are ignored without a word, as the vendor's list of limitations says (facts/business-central 5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backhaul.adapters.business_central.emulator.refusals import cannot_read, no_property, refusal
from backhaul.adapters.odata_server import Refused, instant

if TYPE_CHECKING:
    from backhaul.adapters.business_central.emulator.surface import EntitySet

Get = Callable[[str], Any]
Test = Callable[[Get], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>(?:[A-Za-z_][\w.]*\.\w+)?'(?:[^']|'')*')
    |(?P<lambda>\w+/(?:any|all)\([^()]*(?:\([^()]*\)[^()]*)*\))
    |(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
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
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}


def decoded(member: str) -> str:
    """Write an enumeration member the way people see it."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda match: chr(int(match[1], 16)), member)


class Filter:
    """A `$filter` read once: `test` judges a record, `wanted` holds the values that fields must equal."""

    def __init__(self, text: str, entity_set: EntitySet) -> None:
        """Read the expression or refuse it."""
        self._text = text
        self._set = entity_set
        self._tokens = self._split(text.rstrip())
        self._at = 0
        self.wanted: dict[str, Any] = {}
        self.test, _ = self._either(sure=True)
        if self._at < len(self._tokens):
            raise self._wrong()

    def _wrong(self) -> Refused:
        return refusal("BadRequest", f"Syntax error at position {self._at} in '{self._text}'.")

    def _split(self, text: str) -> list[tuple[str, str]]:
        found, at = [], 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                message = f"Syntax error at position {at} in '{text}'."
                raise refusal("BadRequest", message)
            found.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _either(self, *, sure: bool) -> tuple[Test, set[str]]:
        begun, before = self._at, dict(self.wanted)
        test, names = self._both(sure=sure)
        if self._peek() != ("word", "or"):
            return test, names
        self._at, self.wanted = begun, before
        tests: list[Test] = []
        names = set()
        while True:
            one, more = self._both(sure=False)
            tests.append(one)
            names |= more
            if self._peek() != ("word", "or"):
                break
            self._take()
        if len(names) > 1:
            message = f"The 'or' operator is not supported between different fields: {', '.join(sorted(names))}."
            raise refusal("BadRequest", message)
        return lambda get: any(each(get) for each in tests), names

    def _both(self, *, sure: bool) -> tuple[Test, set[str]]:
        test, names = self._one(sure=sure)
        tests = [test]
        while self._peek() == ("word", "and"):
            self._take()
            right, more = self._one(sure=sure)
            tests.append(right)
            names = names | more
        return (test if len(tests) == 1 else lambda get: all(each(get) for each in tests)), names

    def _one(self, *, sure: bool) -> tuple[Test, set[str]]:
        kind, text = self._take()
        if kind == "lambda":
            return lambda _: True, set()
        if (kind, text) == ("word", "not"):
            test, names = self._one(sure=False)
            return lambda get: not test(get), names
        if (kind, text) == ("mark", "("):
            inner = self._either(sure=sure)
            if self._take() != ("mark", ")"):
                raise self._wrong()
            return inner
        if kind != "word":
            raise self._wrong()
        if self._peek() == ("mark", "("):
            return self._function(text)
        return self._comparison(text, sure=sure)

    def _function(self, name: str) -> tuple[Test, set[str]]:
        judge = _TEXT.get(name)
        taken = [self._take() for _ in range(5)]
        if judge is None or [each[1] for each in (taken[0], taken[2], taken[4])] != ["(", ",", ")"] or taken[3][0] != "string":
            raise self._wrong()
        prop, part = taken[1][1], self._literal(taken[1][1], *taken[3])
        return lambda get: judge(str(get(prop)), part), {prop}

    def _comparison(self, name: str, *, sure: bool) -> tuple[Test, set[str]]:
        compare = _COMPARE.get(self._take()[1])
        if compare is None:
            raise self._wrong()
        value = self._literal(name, *self._take())
        if self._set.props[name].kind.startswith("~"):
            return lambda get: compare(decoded(get(name)), value), {name}
        if sure and compare is _COMPARE["eq"]:
            self.wanted[name] = value
        return lambda get: compare(get(name), value), {name}

    def _literal(self, name: str, given: str, text: str) -> Any:
        prop = self._set.props.get(name)
        if prop is None:
            raise no_property(name, self._set.type)
        fits: Mapping[str, str] = {"Guid": "guid", "Date": "date", "DateTime": "date", "Decimal": "number", "Int32": "number",
                                   "Int64": "number", "Boolean": "word"}
        if given != fits.get(prop.kind, "string"):
            raise cannot_read(name, prop.kind.lstrip("~"))
        if given == "string":
            plain = text.partition("'")[2][:-1].replace("''", "'")
            return decoded(plain) if prop.kind.startswith("~") else plain.strip().upper() if prop.kind == "Code" else plain
        if given == "number":
            return Decimal(text)
        if given == "word":
            return text == "true"
        return text.lower() if given == "guid" else text[:10] if prop.kind == "Date" else moment(name, text)


def moment(name: str, text: str) -> str:
    """Bring an instant to the form records keep."""
    try:
        return instant(text)
    except Refused as wrong:
        raise cannot_read(name, "DateTimeOffset") from wrong
