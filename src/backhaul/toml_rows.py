"""How does a profile get one more row without touching what somebody wrote in it?

Comments, order and spelling stay as they are (`tomlkit`); only the version's name changes and the row comes behind its last sister.
"""

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import AoT


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
