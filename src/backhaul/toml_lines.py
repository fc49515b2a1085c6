"""On which line of a TOML file does a setting stand?

`tomllib` forgets lines once it has read a file. This finds them again: a table or key by its path, such
as ``mapping[3].reason``; where the path leads into an inline value, the line that value begins on.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
KEY: Final = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
PART: Final = re.compile(r""""[^"]*"|'[^']*'|[A-Za-z0-9_-]+""")
TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')


@dataclass(frozen=True, slots=True)
class TomlLines:
    """The lines of one file by path."""

    lines: dict[str, int]

    @classmethod
    def of(cls, text: str) -> "TomlLines":
        """Find every table and key of a valid TOML text."""
        lines: dict[str, int] = {}
        counts: Counter[str] = Counter()
        table, depth, quote = "", 0, ""
        for number, line in enumerate(text.splitlines(), start=1):
            if not depth and not quote:
                if header := HEADER.match(line):
                    table = _table(header, counts)
                    for end in (*(at for at, sign in enumerate(table) if sign == "."), len(table)):
                        lines.setdefault(table[:end], number)
                elif key := KEY.match(line):
                    path = table
                    for part in PART.findall(key[1]):
                        path = f"{path}.{part.strip(chr(34) + chr(39))}".lstrip(".")
                        lines.setdefault(path, number)
            quote = _quote(line, quote)
            if not quote:
                bare = TEXT.sub("", line).partition("#")[0]
                depth += 0 if HEADER.match(line) and not depth else bare.count("[") - bare.count("]")
        return cls(lines)

    def find(self, place: str) -> int:
        """Give the line of a path, or of the nearest thing around it that has one."""
        while place and place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self.lines.get(place, 1)

    def explain(self, path: Path, error: str) -> str:
        """Write msgspec's error with file and line: ``file:12: Expected `str`, got `int` - at `$.tenant```."""
        where = re.search(r"at `(?:key in )?\$\.?([^`]*)`", error)
        place = where[1].replace("[...]", "") if where else ""
        if unknown := re.search(r"unknown field `([^`]*)`", error):
            place = f"{place}.{unknown[1]}".lstrip(".")
        reason = error.split(" - at ", maxsplit=1)[0]
        return f"{path}:{self.find(place)}: {place or 'the file'}: {reason}"


def _table(header: "re.Match[str]", counts: Counter[str]) -> str:
    """Give the path of a table header; within a list of tables it belongs to the last one."""
    path = ""
    parts = [part.strip("\"'") for part in PART.findall(header[2])]
    for at, part in enumerate(parts, start=1):
        path = f"{path}.{part}".lstrip(".")
        if at == len(parts) and header[1] == "[[":
            counts[path] += 1
        if counts[path]:
            path = f"{path}[{counts[path] - 1}]"
    return path


def _quote(line: str, quote: str) -> str:
    """Follow texts of several lines: give the mark that is still open at the end of this line."""
    for mark in re.findall(r'"""|\'\'\'', line):
        quote = "" if quote == mark else quote or mark
    return quote
