"""How is a month of a tenant proved, and what stays of the run?

The extracts stay as Parquet in the state folder, each with its SHA-256, so that anybody can prove the month again from what was read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from backhaul.application.attest import attest
from backhaul.application.extracts import SIDES, write
from backhaul.application.ports import Erp
from backhaul.application.reconcile import Books, Proof, prove
from backhaul.bootstrap import House
from backhaul.domain.errors import BackhaulError
from backhaul.domain.proof import Tolerance
from backhaul.domain.rules import Rules


@contextmanager
def prove_month(house: House, tenant: str, period: str, day: date, *, memory: str = "700MB") -> Iterator[
        tuple[Proof, Books, list[Mapping[str, Any]]]]:
    """Prove a month as of the end of a day; give the proof, the books it was proved in, and the extracts that stay."""
    rules = house.profiles[tenant].rules
    told = attest(house.store, _erps(house, tenant), rules, period, day)
    folder = house.settings.state_dir / "extracts" / tenant / period
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}-{day.isoformat()}.parquet" for name in SIDES}
    for name, path in files.items():
        write(name, getattr(told, name), str(path))
    with Books(*(str(files[name]) for name in ("accepted", "records", "held")), memory=memory) as books:
        proof = prove(books, day, tolerance_of(rules))
        proof.reasons = tuple(told.reasons)
        yield proof, books, [_extract(name, path, len(getattr(told, name))) for name, path in files.items()]


def _extract(name: str, path: Path, rows: int) -> Mapping[str, Any]:
    return {"side": name, "file": str(path), "rows": rows, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _erps(house: House, tenant: str) -> Mapping[str, Erp | BackhaulError]:
    """Give each legal entity's ERP, or what stands in the way of asking it."""
    found: dict[str, Erp | BackhaulError] = {}
    for entity in house.profiles[tenant].rules.entities:
        try:
            found[entity.id] = house.desk(tenant, entity.id).erp
        except BackhaulError as away:
            found[entity.id] = away
    return found


def tolerance_of(rules: Rules) -> Tolerance:
    """Give what may differ: not a cent of net is let go, but what finance calls rounding is called that."""
    return Tolerance(tax=rules.tolerances.tax, cost=rules.tolerances.cost, rounding=rules.tolerances.amount)
