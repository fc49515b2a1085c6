"""How do rows become an extract that stays, and that anybody can prove again?

Parquet, in the columns `reconcile` reads, so that a stored extract and one from outside are one kind of file.
"""

import json
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import islice
from typing import Any, Final

import duckdb

from backhaul.application.payments import PAYOUTS
from backhaul.application.reconcile import ACCEPTED, HELD, RECORDS, quoted

SIDES: Final[Mapping[str, Mapping[str, str]]] = {"accepted": ACCEPTED, "records": RECORDS, "held": HELD, "payouts": PAYOUTS}
"""The extracts of one proof by name, with their columns."""
AT_ONCE: Final = 10_000


def write(name: str, rows: Iterable[Mapping[str, Any]], path: str) -> None:
    """Write the rows of one side to a Parquet file, ordered, so that equal rows make equal files."""
    columns = SIDES[name]
    with duckdb.connect(config={"threads": 1}) as engine:
        engine.execute(f"CREATE TABLE rows ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
        engine.execute("CREATE VIEW rows_in_order AS SELECT * FROM rows ORDER BY ALL")
        shape = json.dumps([dict(columns)])
        left = iter(rows)
        while part := [*islice(left, AT_ONCE)]:
            told = json.dumps([{column: _plain(row.get(column)) for column in columns} for row in part])
            engine.execute("INSERT INTO rows SELECT each.* FROM (SELECT unnest(from_json(?::JSON, ?)) AS each)", [told, shape])
        engine.execute(f"COPY rows_in_order TO {quoted(path)} (FORMAT PARQUET)")


def numbered(*sides: Iterable[MutableMapping[str, Any]]) -> None:
    """Let an extract say which rows name one customer, and not which: each account becomes a number that only this run knows."""
    named = [row for rows in sides for row in rows if row.get("customer")]
    numbers = {account: f"customer {number}" for number, account in enumerate(sorted({str(row["customer"]) for row in named}), start=1)}
    for row in named:
        row["customer"] = numbers[str(row["customer"])]


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever a row holds
    return value if value is None or isinstance(value, str | bool) else str(value)

