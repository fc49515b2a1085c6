"""How does a profile get one more row, or other words in one place, without touching what else somebody wrote in it?

Comments, order and spelling stay as they are (`tomlkit`); only the version's name changes and the row comes behind its last sister.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from backhaul.domain.errors import Misconfigured

HEADER: Final = re.compile(r"\s*\[{1,2}\s*([\w.\" '-]+?)\s*\]{1,2}\s*(#.*)?")
LIST: Final = re.compile(r"(=\s*\[)([^\[\]]*)(\])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The lines of a profile that say one table, or one row of an array of tables; `first` counts from 0, `end` is behind the last."""

    first: int
    end: int
    text: str


def passages(text: str, table: str) -> Sequence[Passage]:
    """Give where a profile says a table, without the tables within it; what stands before all of them for no name."""
    lines = text.splitlines()
    heads = [(0, ""), *((number, head[1]) for number, line in enumerate(lines) if (head := HEADER.fullmatch(line)))]
    found: list[Passage] = []
    for (first, name), (after, _) in zip(heads, [*heads[1:], (len(lines), "")], strict=True):
        end = after
        while end > first and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        if name == table and end > first:
            found.append(Passage(first=first, end=end, text="\n".join(lines[first:end])))
    return found


def rewritten(text: str, place: Passage, written: str, *, version: str) -> str:
    """Give a profile's text with other words in one place, under another version name; `Misconfigured` if it is no TOML any more."""
    lines = text.splitlines()
    try:
        told = tomlkit.parse("\n".join([*lines[:place.first], *written.splitlines(), *lines[place.end:], ""]))
        told["version"] = version
    except TOMLKitError as wrong:
        message = f"what was written here is no TOML: {wrong}"
        raise Misconfigured(message) from wrong
    return tomlkit.dumps(told)


def with_key(passage: str, key: str) -> str:
    """Give the words of a table with one more key, whose value is still to be said; as they are where they say it."""
    said = re.search(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*=", passage, re.MULTILINE)
    name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else tomlkit.string(key).as_string()
    return passage if said else f'{passage}\n{name} = ""'


def with_entry(passage: str, key: str, entry: str) -> str:
    """Give the words of a table with one more text in the list a key has; as they are where it has none, or that text already."""
    at = re.search(rf"^\s*{re.escape(key)}\s*(?==)", passage, re.MULTILINE)
    found = LIST.search(passage, at.end()) if at else None
    text = tomlkit.string(entry).as_string()
    if at is None or found is None or found.start() != at.end() or text in found[2]:
        return passage
    listed = found[2].rstrip().rstrip(",")
    return passage[:found.start(2)] + (f"{listed}, {text}" if listed.strip() else text) + passage[found.end(2):]


def with_row(text: str, array: str, row: Mapping[str, Any], *, version: str, remark: str = "") -> str:
    """Give a profile's text with one more row in an array of tables, under another version name; `remark` stands above the row."""
    told = tomlkit.parse(text)
    told["version"] = version
    table = tomlkit.table()
    if remark:
        table.comment(remark)
    for name, value in row.items():
        table.add(name, value)
    rows = told.get(array)
    if isinstance(rows, AoT):
        rows.append(table)
    else:
        told.append(array, tomlkit.aot())
        told[array].append(table)
    return tomlkit.dumps(told)
