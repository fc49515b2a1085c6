"""How is a JSON text read so that nothing in it is decided by luck?

`read_json` refuses what two readers could understand differently: duplicate keys, numbers beyond
reason, lone surrogates, NUL, nesting without end. Numbers with a point become `Decimal` straight from
their text. `Path` finds a value by a dotted path (``return.lines[].sku``) whose keys match without
case, spaces, underscores, hyphens and other punctuation, because one platform spells one thing in
five ways (facts/zigzag 6).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from backhaul.application.ports import Unusable

DEPTH: Final = 32
"""Deeper nesting is refused (reliability W5)."""
DIGITS: Final = 30
"""A number with more digits or places than this is no quantity and no price."""
STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
"""A text of a valid document; possessive, so that it takes each byte once."""

Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Clash:
    """Two keys of one object that differ in spelling only and disagree; whoever asks for it is told so."""

    spellings: tuple[str, ...]


def read_json(body: bytes) -> Json:
    """Read a JSON text exactly; raise `Unusable` with the reason when it can be misread."""
    try:
        told = _DECODER.decode(body)
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise Unusable(message) from error
    except (msgspec.MsgspecError, RecursionError, ArithmeticError, ValueError) as error:
        message = f"no valid JSON: {_marks(body)}{error}"
        raise Unusable(message) from error
    bare = STRINGS.sub(b"", body)
    if _depth(bare) > DEPTH:
        message = f"nested deeper than {DEPTH} levels"
        raise Unusable(message)
    keys = _inspect(told)
    if keys != bare.count(b":"):
        message = "an object has the same key twice, so its meaning would be luck"
        raise Unusable(message)
    return told


def _number(text: str) -> Decimal:
    value = Decimal(text)
    if not plausible(value):
        message = f"the number {text[:40]} is beyond reason"
        raise ValueError(message)
    return value


_DECODER: Final = msgspec.json.Decoder(float_hook=_number)


def plausible(value: Decimal) -> bool:
    """Tell whether a number is finite and has a length a quantity or a price can have."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return int(exponent) >= -DIGITS and value.adjusted() <= DIGITS and len(value.as_tuple().digits) <= DIGITS


def _depth(bare: bytes) -> int:
    depth = deepest = 0
    for sign in re.findall(rb"[\[\]{}]", bare):
        depth += 1 if sign in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _marks(body: bytes) -> str:
    if body[:3] == b"\xef\xbb\xbf":
        return "it begins with a byte order mark; "
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in body[:4]:
        return "it looks like UTF-16; "
    return ""


def _inspect(value: Json) -> int:
    """Count the keys below a value; refuse texts that no database can hold and integers beyond reason."""
    if isinstance(value, str):
        _refuse_nul(value)
    elif isinstance(value, dict):
        for key in value:
            _refuse_nul(key)
        return len(value) + sum(map(_inspect, value.values()))
    elif isinstance(value, list):
        return sum(map(_inspect, value))
    elif type(value) is int and not -(10**DIGITS) < value < 10**DIGITS:
        message = "an integer is beyond reason"
        raise Unusable(message)
    return 0


def _refuse_nul(text: str) -> None:
    if "\x00" in text:
        message = "a text holds a NUL character"
        raise Unusable(message)


def exact(value: object) -> Decimal | None:
    """Read a number, or a number written as text; None if it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value.strip(), re.ASCII):
        return None
    if not isinstance(value, (str, int, Decimal)):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return number if plausible(number) else None


@lru_cache(maxsize=4096)
def bare_key(key: str) -> str:
    """Give what is left of a key when case, spaces, underscores, hyphens and punctuation do not count."""
    return "".join(letter for letter in key.casefold() if letter.isalnum())


def normalise(value: Json) -> Json:
    """Give the same value with bare keys; keys that fall together and disagree become a `Clash`."""
    if isinstance(value, list):
        return [normalise(item) for item in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for key, item in value.items():
        bare, new = bare_key(key), normalise(item)
        if bare in result and result[bare] != new:
            new = Clash((spelled[bare], key))
        result[bare], spelled[bare] = new, key
    return result


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted path, split at its lists: ``return.lines[].sku`` is (("return", "lines"), ("sku",))."""

    text: str
    parts: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, text: str) -> "Path":
        """Read a path; a `ValueError` says what is wrong with it."""
        parts = tuple(
            tuple(bare_key(key) for key in part.strip(".").split(".") if key.strip()) for part in text.split("[]"))
        if parts and not parts[-1]:
            parts = parts[:-1] if len(parts) > 1 else parts
        if not parts or not all(all(part) for part in parts) or not parts[0]:
            message = f"'{text}' is no path; write it like return.lines[].sku"
            raise ValueError(message)
        return cls(text, parts)

    @property
    def lists(self) -> int:
        """Count the lists the path goes through."""
        return len(self.parts) - 1

    @property
    def flat(self) -> tuple[str, ...]:
        """Give all keys in order."""
        return tuple(key for part in self.parts for key in part)


def get(node: Json, keys: Sequence[str]) -> Json:
    """Follow keys down normalised objects; None where there is nothing, `Unusable` at a `Clash`."""
    for key in keys:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
        if isinstance(node, Clash):
            message = f"'{node.spellings[0]}' and '{node.spellings[1]}' are one field and disagree"
            raise Unusable(message)
    return node


def items(node: Json) -> list[Json]:
    """Give what a list holds; one object alone is a list of one."""
    if isinstance(node, list):
        return node
    return [node] if isinstance(node, Mapping) else []


def leaves(value: Json, above: str = "", keys: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], Json]]:
    """Walk every field of a value as sent: its place as spelled, its bare keys, and what it holds."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{above}[{number}]", keys)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{above}.{key}".lstrip("."), (*keys, bare_key(key)))
    else:
        yield above, keys, value
