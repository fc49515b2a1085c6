"""How is a month of a tenant proved, and what stays of the run?

The extracts stay as Parquet in the state folder, each with its SHA-256, so that anybody can prove the month again from what was read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from backhaul.application import close
from backhaul.application.attest import attest
from backhaul.application.certify import certify
from backhaul.application.extracts import SIDES, write
from backhaul.application.lease import HeldElsewhere, held
from backhaul.application.ports import Erp
from backhaul.application.reconcile import Books, Proof, prove
from backhaul.bootstrap import House
from backhaul.domain.errors import BackhaulError
from backhaul.domain.period import period_of
from backhaul.domain.proof import Tolerance
from backhaul.domain.rules import Rules

MEMORY: Final = "proof"
"""Under this name it is remembered when the months were proved, and held by whoever proves them."""


@contextmanager
def prove_month(  # noqa: PLR0913  options
    house: House, tenant: str, period: str, day: date, *, now: datetime, actor: str = "backhaul", memory: str = "700MB",
) -> Iterator[tuple[Proof, Books, Mapping[str, Any]]]:
    """Prove a month as of the end of a day and keep the run; give the proof, the books it was proved in, its number and extracts."""
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
        extracts = [_extract(name, path, len(getattr(told, name))) for name, path in files.items()]
        number = certify(house.store, rules, proof, books, period, day, extracts=extracts, actor=actor, now=now)
        yield proof, books, {"proof": number, "extracts": extracts}


# --- every day


MORNING: Final = time(5)
"""From when on a day's proof is due, in the zone of the tenant's first legal entity: after the ERP's night jobs."""
AGAIN: Final = timedelta(hours=1)
"""How long a day's proof that broke off is left alone."""
SIGNED: Final = "signed"
"""Under this name it is remembered when signatures were looked at."""
CHECKS: Final = timedelta(hours=1)
CLOSING: Final = 10
"""Until which day of a month the one before it is proved every day as well."""


def steps(house: House) -> Mapping[str, Any]:
    """Give the durable steps: prove the months that are open, once a day, and look whether what was signed still holds, every hour."""
    return {"prove": lambda tenant, now: prove_when_due(house, tenant, now),
            SIGNED: lambda tenant, now: check_when_due(house, tenant, now)}


def check_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Let fall, once an hour, the signatures whose numbers moved."""
    with house.store.look() as tx:
        last = tx.recall(tenant, SIGNED).get("at", "")
    if last > (now - CHECKS).isoformat():
        return {}
    fallen = close.check(house.store, house.profiles[tenant].rules, sources=[each.name for each in house.profiles[tenant].sources], now=now)
    with house.store.begin() as tx:
        tx.remember(tenant, SIGNED, {"at": now.isoformat()})
    return {"fell": [each.id for each in fallen]} if fallen else {}


def prove_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Prove the current month once a day, and the one before it while that is being closed; one worker at a time."""
    rules = house.profiles[tenant].rules
    here = now.astimezone(ZoneInfo(rules.entities[0].zone))
    with house.store.look() as tx:
        memory = tx.recall(tenant, MEMORY)
    if here.time() < MORNING or memory.get("day", "") >= here.date().isoformat() or memory.get("again", "") > now.isoformat():
        return {}
    months = [period_of(here.date()), *([period_of(here.date().replace(day=1) - timedelta(days=1))] if here.day <= CLOSING else [])]
    told: dict[str, Any] = {}
    try:
        with held(house.store, tenant, MEMORY, holder=house.worker, now=now, lasting=house.lasting, elapsed=house.elapsed):
            with house.store.begin() as tx:  # whatever breaks, it is not tried at every turn
                tx.remember(tenant, MEMORY, {**memory, "again": (now + AGAIN).isoformat()})
            for period in months:
                with prove_month(house, tenant, period, here.date(), now=now) as (proof, _, more):
                    told[period] = {"proof": more["proof"], "lines": proof.lines, "broken": proof.broken, "orphans": proof.orphans,
                                    "complete": proof.complete}
            with house.store.begin() as tx:
                tx.remember(tenant, MEMORY, {"day": here.date().isoformat(), "at": now.isoformat()})
    except HeldElsewhere as other:
        return {"elsewhere": str(other)}
    return told


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
