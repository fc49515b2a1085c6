"""Read many kept messages again, and know before what that would touch.

A plan is made, shown and kept under the hash of what was shown; only that very plan can be run, and only while the
world is as it was then. Reading again adds facts and nothing else: what follows is the same fold and the same plan as
for any message, and a posting that was fixed stays as it is, under the mapping version it was fixed by.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application.ports import FIXED, Platform, Store, Unusable
from backhaul.application.process import Picture, pictures, wanted
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Fact
from backhaul.domain.posting import Posting, Route
from backhaul.domain.reading import Reading, read_again
from backhaul.domain.returns import NOTHING, fold
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

STEP: Final = 200
"""So many deliveries are read again between two looks whether somebody cancelled."""
SHOWN, RUNNING, DONE, CANCELLED = "shown", "running", "done", "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which kept messages: received in this time, about these returns, and all of them or only what could not be read."""

    since: datetime | None = None
    until: datetime | None = None
    returns: tuple[str, ...] = ()
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What reading them again would touch.

    Postings are counted as wanted anew, wanted no longer, and wanted with another content; `fixed` ones of the same returns stay
    as they are, by the mapping versions in `fixed_under`. `credit_before` and `credit_after` are what is still to be credited.
    """

    mapping_version: str
    deliveries: int = 0
    returns: int = 0
    unusable: int = 0
    facts: int = 0
    findings: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    fixed: int = 0
    credit_before: Decimal = NOTHING
    credit_after: Decimal = NOTHING
    fixed_under: Mapping[str, int] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Give it in plain values."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return said | {name: str(said[name]) for name in ("credit_before", "credit_after")}


def plan(store: Store, platform: Platform, rules: Rules, routes: Mapping[str, Route], selection: Selection, *,  # noqa: PLR0913
         actor: str, now: datetime) -> tuple[str, Impact]:
    """Work out what a replay would touch, changing nothing but that it was shown; give its number and its impact."""
    impact, ids, shown = _foresee(store, platform, rules, routes, selection, now)
    number = shown[:12]
    with store.begin() as tx:
        tx.remember(rules.tenant, _name(number), {
            "state": SHOWN, "hash": shown, "ids": ids, "done": 0, "since": selection.since.isoformat() if selection.since else "",
            "until": selection.until.isoformat() if selection.until else "", "returns": list(selection.returns),
            "unreadable": selection.unreadable})
        tx.record(rules.tenant, subject=_name(number), action="replay.plan", at=now, actor=actor, detail=impact.told() | {"hash": shown})
    return number, impact


def run(store: Store, platform: Platform, rules: Rules, routes: Mapping[str, Route], number: str, *,  # noqa: PLR0913
        work: Callable[[], object], tell: Callable[[int, int], None], actor: str, now: datetime, step: int = STEP) -> Mapping[str, Any]:
    """Do what a plan showed, in steps; `work` reads and plans after each. One that stopped half-way goes on where it stopped."""
    memory = _recall(store, rules.tenant, number)
    if memory["state"] not in {SHOWN, RUNNING}:
        message = f"replay {number} is {memory['state']}; make a plan anew"
        raise NeedsOperator(message)
    if memory["state"] == SHOWN:
        _, _, shown = _foresee(store, platform, rules, routes, _selection(memory), now)
        if shown != memory["hash"]:
            message = f"since replay {number} was planned, messages, facts, postings or the profile have changed; make a plan anew"
            raise NeedsOperator(message)
        with store.begin() as tx:
            tx.remember(rules.tenant, _name(number), {**memory, "state": RUNNING})
            tx.record(rules.tenant, subject=_name(number), action="replay.run", at=now, actor=actor, detail={"hash": shown})
    ids: Sequence[int] = memory["ids"]
    done = int(memory["done"])
    while done < len(ids):
        with store.begin() as tx:
            current = tx.recall(rules.tenant, _name(number))
            if current["state"] != RUNNING:
                break
            part = ids[done:done + step]
            tx.read_again(rules.tenant, f"{actor}, replay {number}", part)
            done += len(part)
            tx.remember(rules.tenant, _name(number), {**current, "done": done})
        work()
        tell(done, len(ids))
    with store.begin() as tx:
        current = tx.recall(rules.tenant, _name(number))
        state = DONE if current["state"] == RUNNING else current["state"]
        tx.remember(rules.tenant, _name(number), {**current, "state": state})
        tx.record(rules.tenant, subject=_name(number), action=f"replay.{state}", at=now, actor=actor,
                  detail={"read_again": done, "of": len(ids)})
    return {"replay": number, "state": state, "read_again": done, "of": len(ids)}


def cancel(store: Store, tenant: str, number: str, *, actor: str, now: datetime) -> Mapping[str, Any]:
    """Stop a replay at its next step, or let a plan never run; what was read again stays read."""
    memory = _recall(store, tenant, number)
    if memory["state"] not in {SHOWN, RUNNING}:
        message = f"replay {number} is {memory['state']} already"
        raise NeedsOperator(message)
    with store.begin() as tx:
        current = tx.recall(tenant, _name(number))
        tx.remember(tenant, _name(number), {**current, "state": CANCELLED})
        tx.record(tenant, subject=_name(number), action="replay.cancel", at=now, actor=actor, detail={"read_again": current["done"]})
    return {"replay": number, "state": CANCELLED, "read_again": current["done"], "of": len(current["ids"])}


def _name(number: str) -> str:
    return f"replay:{number}"


def _recall(store: Store, tenant: str, number: str) -> Mapping[str, Any]:
    with store.begin() as tx:
        memory = tx.recall(tenant, _name(number))
    if not memory:
        message = f"there is no replay {number} for tenant '{tenant}'; `backhaul replay --plan` makes one"
        raise NeedsOperator(message)
    return memory


def _selection(memory: Mapping[str, Any]) -> Selection:
    times = {name: datetime.fromisoformat(memory[name]) if memory[name] else None for name in ("since", "until")}
    return Selection(**times, returns=tuple(memory["returns"]), unreadable=memory["unreadable"])


# --- looking ahead ---------------------------------------------------------------------------------------


def _foresee(store: Store, platform: Platform, rules: Rules, routes: Mapping[str, Route],  # noqa: PLR0913, PLR0917  the whole picture
             selection: Selection, now: datetime) -> tuple[Impact, list[int], str]:
    """Read, fold and plan in memory only; give the impact, the deliveries, and a hash over all that was looked at."""
    with store.begin() as tx:
        kept = tx.kept(rules.tenant, since=selection.since, until=selection.until, refs=selection.returns, unreadable=selection.unreadable)
    readings, unusable = _read(platform, kept)
    with store.begin() as tx:
        spoke = tx.told_in(rules.tenant, [delivery.id for delivery in kept])
        refs = sorted({*spoke, *(fact.return_ref for reading in readings for fact in reading.said)})
        known, facts = pictures(tx, rules, refs), tx.facts(rules.tenant, refs)
    news = _news(readings, facts)
    made = {ref for ref in refs if known[ref].fixed}
    beside = read_again(readings, {ref: [*facts.get(ref, ()), *news.get(ref, ())] for ref in refs}, made, at=now, profile=rules.version)
    impact = Impact(mapping_version=rules.version, deliveries=len(kept), returns=len(refs), unusable=unusable)
    seen: list[object] = []
    for ref in refs:
        old, new = facts.get(ref, ()), news.get(ref, [])
        later = [*old, *new, *(fact for fact in beside if fact.return_ref == ref)]
        impact, what = _compare(impact, known[ref], replace(known[ref], case=fold(ref, later)), rules, routes, len(new))
        seen.append([ref, sorted(fact.identity for fact in old), what])
    ids = [delivery.id for delivery in kept]
    return impact, ids, digest({"version": rules.version, "ids": ids, "seen": seen, "impact": impact.told()})


def _read(platform: Platform, kept: Sequence[Delivery]) -> tuple[list[Reading], int]:
    """Give what the deliveries say by the profile of now, and how many still cannot be read."""
    readings: list[Reading] = []
    for delivery in kept:
        with suppress(Unusable):
            readings.append(Reading(message=delivery.sha256, asked="", said=platform.facts(delivery)))
    return readings, len(kept) - len(readings)


def _news(readings: Sequence[Reading], facts: Mapping[str, Sequence[Fact]]) -> dict[str, list[Fact]]:
    """Give, by return, the facts that would be kept."""
    have = {fact.identity for known in facts.values() for fact in known}
    news: dict[str, dict[str, Fact]] = {}
    for fact in (fact for reading in readings for fact in reading.said if fact.identity not in have):
        news.setdefault(fact.return_ref, {}).setdefault(fact.identity, fact)
    return {ref: list(new.values()) for ref, new in news.items()}


def _compare(impact: Impact, before: Picture, after: Picture, rules: Rules, routes: Mapping[str, Route],  # noqa: PLR0913, PLR0917
             facts: int) -> tuple[Impact, list[object]]:
    """Add one return to the impact: its wanted postings now and then."""
    now, then = wanted(before, rules, routes), wanted(after, rules, routes)
    old, new = _by_key(now.postings), _by_key(then.postings)
    fixed = [row for row in before.kept if row.state in FIXED]
    under = Counter(impact.fixed_under)
    under.update(row.mapping_version for row in fixed)
    added = new.keys() - old.keys()
    removed = old.keys() - new.keys()
    changed = {key for key in new.keys() & old.keys() if new[key].fingerprint != old[key].fingerprint}
    findings = {*after.case.findings, *then.findings} - {*before.case.findings, *now.findings}
    what: list[object] = [sorted(f"{key}={new[key].fingerprint}" for key in new),
                          sorted(f"{row.posting.key}={row.state.value}" for row in before.kept)]
    return replace(
        impact, facts=impact.facts + facts, findings=impact.findings + len(findings), added=impact.added + len(added),
        removed=impact.removed + len(removed), changed=impact.changed + len(changed), fixed=impact.fixed + len(fixed),
        fixed_under=dict(sorted(under.items())), credit_before=impact.credit_before + _net(now.postings),
        credit_after=impact.credit_after + _net(then.postings)), what


def _by_key(postings: Sequence[Posting]) -> dict[str, Posting]:
    return {str(posting.key): posting for posting in postings}


def _net(postings: Sequence[Posting]) -> Decimal:
    return sum((posting.net for posting in postings), NOTHING)
