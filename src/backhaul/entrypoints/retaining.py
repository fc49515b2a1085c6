"""What goes by its term: customers by a proposal, and files of proofs and packs by themselves, once a day?

The trail names every file and its hash before it goes. A month whose extracts went is proved from new ones afterwards, and says so. While
a legal hold stands no file goes: nobody can say of a file that it is not about whom the hold is on.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from backhaul.application import legal_hold, retention
from backhaul.application.effects import EFFECTS
from backhaul.application.lease import HeldElsewhere, held
from backhaul.application.people_ports import KeptHold, PeopleStore
from backhaul.application.proof_ports import EXTRACTS, REMOVED
from backhaul.bootstrap import House
from backhaul.domain.proposal import SYSTEM, ProposalState
from backhaul.domain.retention import Due, Kept, Terms
from backhaul.domain.rules import Rules
from backhaul.entrypoints import months
from backhaul.entrypoints.chaining import sha256_of

MEMORY: Final = "retention"
"""Under this name it is remembered on which day terms were looked at, and what was proposed then."""
FOLDERS: Final = (Kept.EXTRACTS, Kept.PACKS)
"""The classes that are files; each has a folder of its name in the state folder, and in it one for each tenant and period."""
GONE: Final = "retention.removed"
"""What the trail says of files that went."""

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The files of a class that belong to a period, and the last day of that."""

    kept: Kept
    period: str
    last: date
    files: tuple[Path, ...]


class Termed(Protocol):
    """What has to be known of a profile."""

    @property
    def rules(self) -> Rules:
        """Give its rules."""
        ...

    @property
    def terms(self) -> Terms:
        """Give its terms."""
        ...


def steps(house: House) -> Mapping[str, Any]:
    """Give the durable step: look once a day what is due by its term."""
    return {"retain": lambda tenant, now: retain_when_due(house, tenant, now)}


def retain_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Look once a day, and again as soon as what was proposed is approved, so that more than one proposal a day can be done."""
    if not house.profiles[tenant].terms.by_class or not _is_time(house, tenant, now):
        return {}
    try:
        with held(house.store, tenant, MEMORY, holder=house.worker, now=now, lasting=max(house.lasting, months.PROVING),
                  elapsed=house.elapsed):
            return retain(house, tenant, now) if _is_time(house, tenant, now) else {}  # another may have been quicker
    except HeldElsewhere as other:
        return {"elsewhere": str(other)}


def _is_time(house: House, tenant: str, now: datetime) -> bool:
    """Tell whether nobody looked on this day, or what was proposed then is done."""
    day = retention.today(house.profiles[tenant].rules, now).isoformat()
    with house.store.look() as tx:
        memory = tx.recall(tenant, MEMORY)
        last = tx.proposal(tenant, int(memory.get("proposal", 0)))
    return bool(memory.get("day", "") < day or (last is not None and last.state is ProposalState.APPROVED))


def retain(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Propose whose term is over, and remove the files whose is; give the proposal's number and how many files went."""
    profile = house.profiles[tenant]
    day = retention.today(profile.rules, now)
    asked = retention.offer(house.store, EFFECTS, profile.rules, profile.terms, now)
    with house.store.begin() as tx:  # before files are touched: one that cannot be removed is told of once a day, and not at every turn
        tx.remember(tenant, MEMORY, {"day": day.isoformat(), "proposal": asked.id if asked else 0})
    return {"proposal": asked.id if asked else None, "files": _remove(house, tenant, day, now)}


def _due(profile: Termed, state_dir: Path, day: date) -> Iterator[Month]:
    """Give the months whose files are due on a day, the oldest first; what is no period of any calendar stays."""
    found: list[Month] = []
    for kept in FOLDERS:
        place = state_dir / kept.value / profile.rules.tenant
        for folder in place.iterdir() if place.is_dir() else ():
            if not folder.is_dir() or not profile.rules.knows(folder.name):
                continue
            last = profile.rules.span(folder.name).last
            files = tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
            if files and profile.terms.is_over(kept, last, day):
                found.append(Month(kept=kept, period=folder.name, last=last, files=files))
    yield from sorted(found, key=lambda month: (month.last, month.period, month.kept))


def _remove(house: House, tenant: str, day: date, now: datetime) -> int:
    """Remove the files that are due, month by month, each as its only one; give how many went."""
    if legal_hold.standing(house.store, house.profiles[tenant].rules):
        return 0
    gone = 0
    for month in _due(house.profiles[tenant], house.state_dir, day):
        try:
            with months.turn_of(house, tenant, month.period, now) as lease, house.store.begin(lease.fence) as tx:
                tx.record(tenant, subject=f"close:{month.period}", action=GONE, at=now, actor=SYSTEM, detail={
                    "class": month.kept.value, "files": {_named(month, path): sha256_of(path) for path in month.files}})
                if month.kept is Kept.EXTRACTS:
                    tx.remember(tenant, f"{EXTRACTS}{month.period}", {REMOVED: day.isoformat()})
        except HeldElsewhere as other:
            log.info("not_removed", extra={"tenant": tenant, "period": month.period, "why": str(other)})
            continue
        for path in month.files:
            path.unlink(missing_ok=True)
        gone += len(month.files)
    return gone


def _named(month: Month, path: Path) -> str:
    """Name a file by where it lies below the folder of its month."""
    parts = path.parts
    return "/".join(parts[len(parts) - parts[::-1].index(month.period):])


# --- what would go


def report(store: PeopleStore, profile: Termed, state_dir: Path, day: date | None = None) -> Mapping[str, Any]:
    """Say for each class what is due on a day (today), what would be proposed or removed, and what is under hold; nothing is changed."""
    day = day or retention.today(profile.rules, datetime.now(UTC))
    told = retention.report(store, profile.rules, profile.terms, day)
    found = told.found
    everybody = (*found.due, *found.held, *found.asked)
    due = [*_due(profile, state_dir, day)]
    return {"tenant": profile.rules.tenant, "on": day.isoformat(), "classes": {
        Kept.CUSTOMERS.value: {
            "term_days": _term(profile, Kept.CUSTOMERS), "due": len(everybody), "returns": sum(len(each.refs) for each in everybody),
            "oldest": _day(min((each.last for each in everybody), default=None)), "would_be_proposed": _refs(told.next),
            "asked_already": _refs(found.asked), "under_hold": _refs(found.held)},
        **{kept.value: {
            "term_days": _term(profile, kept), "due": sum(len(month.files) for month in due if month.kept is kept),
            "oldest": _day(next((month.last for month in due if month.kept is kept), None)),
            "stopped_by_a_hold": bool(told.holds),
            "months": [{"period": month.period, "files": [
                {"file": _named(month, path), "size": path.stat().st_size} for path in month.files]}
                for month in due if month.kept is kept]} for kept in FOLDERS}},
        "holds": [hold_told(each) for each in told.holds]}


def hold_told(hold: KeptHold) -> Mapping[str, Any]:
    """Give a hold in plain values."""
    return {"hold": hold.id, "returns": list(hold.returns), "reason": hold.reason, "by": hold.placed_by,
            "since": hold.placed_at.isoformat()}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _refs(due: Sequence[Due]) -> list[str]:
    return [ref for each in due for ref in each.refs]


def _term(profile: Termed, kept: Kept) -> int | None:
    term = profile.terms.by_class.get(kept)
    return None if term is None else term.days
