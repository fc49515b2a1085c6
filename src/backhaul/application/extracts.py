"""How do rows become extracts that stay, and that anybody can prove again?

Parquet, in the columns `reconcile` reads, so that a stored extract and one from outside are one kind of file. A side of a month lies in one
file or in several that say together what it is (`reconcile.as_they_stand`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import duckdb

from backhaul.application.payments import PAYOUTS
from backhaul.application.reconcile import ACCEPTED, HELD, RECORDS, as_they_stand, quoted

SIDES: Final[Mapping[str, Mapping[str, str]]] = {"accepted": ACCEPTED, "records": RECORDS, "held": HELD, "payouts": PAYOUTS}
"""The extracts of one proof by name, with their columns."""
AT_ONCE: Final = 10_000


def files_of(extract: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Give the files of a described side, each with its hash; an earlier release kept each side in one."""
    found: Sequence[Mapping[str, Any]] = extract.get("files", [extract])
    return found


def table_of(extract: Mapping[str, Any]) -> str:
    """Give a described side as a table in SQL."""
    files = [str(each["file"]) for each in files_of(extract)]
    if "files" not in extract:
        return f"read_parquet({quoted(files[0])})"
    nothing = ", ".join(f"NULL::{kind} AS {column}" for column, kind in SIDES[extract["side"]].items())
    return as_they_stand(files) if files else f"(SELECT {nothing} WHERE false)"


def load(engine: duckdb.DuckDBPyConnection, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put the rows of one side into a table of its name."""
    columns = SIDES[name]
    engine.execute(f"CREATE TABLE {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
    shape = json.dumps([dict(columns)])
    left = iter(rows)
    while part := [*islice(left, AT_ONCE)]:
        told = json.dumps([{column: _plain(row.get(column)) for column in columns} for row in part])
        engine.execute(f"INSERT INTO {name} SELECT each.* FROM (SELECT unnest(from_json(?::JSON, ?)) AS each)", [told, shape])


def write(name: str, rows: Iterable[Mapping[str, Any]], path: str) -> None:
    """Write the rows of one side to one Parquet file, ordered, so that equal rows make equal files."""
    with duckdb.connect(config={"threads": 1}) as engine:
        load(engine, name, rows)
        engine.execute(f"COPY (SELECT * FROM {name} ORDER BY ALL) TO {quoted(path)} (FORMAT PARQUET)")


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a row holds
    return value if value is None or isinstance(value, str | bool) else str(value)
