"""How is a month of a tenant proved, and what stays of the run?

The extracts stay as Parquet in the state folder, each with its SHA-256, so that anybody can prove the month again from what was read; a
run adds what differs, and a file that was written is never written over. Lines that were proved before, and to which nothing happened
since, are not judged again: a history beside the extracts holds them, and is made anew from these wherever it is in doubt. Each month is
proved by one process at a time, under a lease of its own, so that several share the months and tenants of one database.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from backhaul.application import close, folded, pairing, payments, summon as summoning
from backhaul.application.advance import History, Unreadable, advance, judged_by
from backhaul.application.appraise import appraise
from backhaul.application.attest import Testimony, attest, forget
from backhaul.application.certify import across, certify, late
from backhaul.application.claims import Owed, claims, suggested
from backhaul.application.extracts import SIDES
from backhaul.application.folded import Effort
from backhaul.application.lease import HeldElsewhere, Lease, LeasedErp, Renewing, held
from backhaul.application.ledger import Ledger, counted, read_ledger
from backhaul.application.oversee import Beside, Uncredited, oversee
from backhaul.application.ports import Erp
from backhaul.application.proof_ports import KeptStray
from backhaul.application.reconcile import Books, Proof
from backhaul.application.sweep import SOURCE
from backhaul.application.value import value
from backhaul.bootstrap import House, recall
from backhaul.domain.disposition import MappingRow
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.domain.oversight import Irregular
from backhaul.domain.payments import Waits
from backhaul.domain.proof import NOTHING
from backhaul.domain.roll_forward import Rolled
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest
from backhaul.domain.valuation import Figures
from backhaul.entrypoints import asking, crediting, journaling, rolling, valuing, worker
from backhaul.entrypoints.chaining import Chain, Grown, extend, resume, sha256_of
from backhaul.entrypoints.stating import differing_in, erps_of, totals

UNDER: Final = "proof"
"""Under this name and the period it is remembered when a month was proved, and held by whoever proves it."""
PROVING: Final = timedelta(minutes=30)
"""How long a month is held after each step of its proof at least: reading the books of one ERP takes longer than one request."""


@contextmanager
def turn_of(house: House, tenant: str, period: str, now: datetime) -> Iterator[Lease]:
    """Hold a month of a tenant for one proof; `HeldElsewhere`, by whom and until when, while another process proves it."""
    with held(house.store, tenant, f"{UNDER}:{period}", holder=house.worker, now=now, lasting=max(house.lasting, PROVING),
              elapsed=house.elapsed) as lease:
        yield lease


@contextmanager
def prove_month(  # noqa: PLR0913  options
    house: House, tenant: str, period: str, day: date, *, now: datetime, actor: str = "backhaul", memory: str = "700MB",
    anew: bool = False,
) -> Iterator[tuple[Proof, Books, Mapping[str, Any]]]:
    """Prove a month as of the end of a day, as the only one who does, and keep the run; give what `_prove` gives.

    Raises `HeldElsewhere` while another process proves the same month.
    """
    with turn_of(house, tenant, period, now) as lease, \
            _prove(house, tenant, period, day, lease, now=now, actor=actor, memory=memory, anew=anew) as proved:
        yield proved


@contextmanager
def _prove(  # noqa: PLR0913  options
    house: House, tenant: str, period: str, day: date, lease: Lease, *, now: datetime, actor: str = "backhaul", memory: str = "700MB",
    anew: bool = False,
) -> Iterator[tuple[Proof, Books, Mapping[str, Any]]]:
    """Prove a month as of the end of a day and keep the run; give the proof, the books it was proved in, its number and extracts.

    A look at an earlier day than that of the run that is kept is shown, has no number, and takes the place of nothing.
    Who lost the lease meanwhile keeps nothing: that is `RetryLater`.
    """
    rules, seen, mine = house.profiles[tenant].rules, _seen(house, tenant, period, now.date()), Renewing(store=house.store, lease=lease)
    erps = {entity: erp if isinstance(erp, BackhaulError) else LeasedErp(erp=erp, lease=mine)
            for entity, erp in erps_of(house, tenant).items()}
    until = min(day, rules.span(period).last)
    heard = _hear(house, tenant, period, day, erps, now, mine, anew=anew)
    told, irregular = heard.told, heard.irregular
    folder = house.settings.state_dir / "extracts" / tenant / period
    folder.mkdir(parents=True, exist_ok=True)
    with _history(folder / "history.duckdb", memory) as books:
        grown, onward = _grow(house, tenant, period, day, told, books, folder, anew=anew)
        proof = advance(books, grown.arrived if onward else grown.whole, day, rules.tolerance)
        mine.check()
        irregular += differing_in(house, tenant, period)
        irregular += oversee(house.store, erps, rules, told, _uncredited(books), period, _beside(house, tenant))
        proof.house = tuple(irregular)
        proof.relied_on = f"{heard.relied_on}; {books.judged} of {proof.lines} lines were judged, the others stand as proved before"
        if grown.chain.removed:
            proof.relied_on += f"; extracts of runs before {grown.chain.removed} went by their term, so that this month was begun anew"
        proof.asked = _asked(rules, told)
        proof.reasons, proof.about = (*told.reasons, *asking.unasked(house, tenant, now)), told.about
        unpaid = _compare(proof, books, rules, grown.files("payouts"), until) if told.payouts else []
        rolls = rules.accounts and rules.span(period).first <= day
        rolled = rolling.roll_month(house, tenant, period, day, erps, today=now.date(), owed=heard.owed) if rolls else None
        proof.roll_forward = [rolling.figures(row) for row in rolled.rows] if rolled else ()
        figures = value(house.store, erps, rules, told.shown, rolled) if rolled else None
        ledger = read_ledger(house.store, erps, rules, told.shown, rolled, day) if rolled else None
        extracts, proof.across, proof.late = [*grown.extracts], across(books, period), late(told.late, period)
        if ledger:
            proof.by_hand = counted(ledger, lambda entity: rules.entity(entity).calendar.last(period))
            accounts = _put(folder / f"accounts-{day.isoformat()}.jsonl", lambda path: journaling.write(ledger, path))
            extracts.append(_extract("accounts", accounts, len(ledger.posted)))
        effort = asdict(told.effort) | {"judged": books.judged}
        if later := _proved_later(house, tenant, period, day, now):
            proof.relied_on += f"; the month was proved as of {later.isoformat()}, so that nothing of this look at an earlier day is kept"
            if told.payouts:
                payments.report(books)
            yield proof, books, {"proof": None, "extracts": extracts, "effort": effort}
            return
        number = certify(house.store, rules, proof, books, period, day, extracts=extracts, actor=actor, now=now, beside=unpaid,
                         fence=lease.fence)
        grown.keep()
        books.say(_mark(grown.chain, rules))
        _note(house, tenant, period, told, seen)
        if period == current(rules, day) and _is_latest(house, tenant, day, now):
            payments.own(house.store, rules, unpaid, number=number, complete=proof.complete, now=now)
            if rolled:
                rolling.own(house.store, rules, rolled, now=now)
        _keep_beside(house, tenant, period, heard, rolled, figures, ledger)
        if told.payouts:
            payments.report(books)
        yield proof, books, {"proof": number, "extracts": extracts, "effort": effort}


def _keep_beside(house: House, tenant: str, period: str, heard: "_Heard", rolled: Rolled | None,  # noqa: PLR0913, PLR0917  private
                 figures: Figures | None, ledger: Ledger | None) -> None:
    """Keep what stands beside a run: what is suggested, what waits for a credit note, and the figures of the accounts."""
    pairing.keep(house.store, tenant, period, heard.told.suggested)
    crediting.keep(house.store, tenant, period, heard.owed)
    if rolled and figures and ledger:
        rolling.keep(house.store, tenant, period, rolled)
        valuing.keep(house.store, tenant, period, figures)
        journaling.keep(house.store, tenant, period, ledger)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What platform and ERPs say, what is irregular about it, on whose word of the platform it rests, and every claim there is."""

    told: Testimony
    irregular: list[Irregular]
    relied_on: str
    owed: Sequence[Owed]


def _hear(house: House, tenant: str, period: str, day: date, erps: Mapping[str, Erp | BackhaulError],  # noqa: PLR0913, PLR0917  private
          now: datetime, mine: Renewing, *, anew: bool) -> _Heard:
    """Ask platform and ERPs; of returns nothing happened to since the last proof, what was worked out then is taken."""
    rules, whole = house.profiles[tenant].rules, house.profiles[tenant].rules.span(period)
    asked = ask_the_platform(house, tenant, now)
    mine.check()
    summoning.tell(house.store, tenant, "reads the books of the ERPs")
    turn = folded.begin(house.store, rules)
    told = attest(house.store, erps, rules, period, day, turn=turn, anew=anew)
    told.reasons += [*asked.reasons, *_since(house, told, rules, day, now)]
    if day < whole.first:
        told.reasons.append(f"{period} begins on {whole.first.isoformat()}, after {day.isoformat()}: nothing of it can be proved yet")
    forget(told, asked.unknown)
    irregular = appraise(house.store, erps, rules, told)
    owed = claims(house.store, rules, turn=turn, anew=anew)
    compared = [each for each in owed if rules.payouts.providers or each.told]
    told.payouts += map(dict, payments.rows_of(compared, whole.first, min(day, whole.last)))
    told.suggested += suggested(owed, min(day, whole.last))
    mine.check()
    return _Heard(told=told, irregular=irregular, owed=owed, relied_on=f"{asked.relied_on}; {_said(told.effort, anew=anew)}")


def _since(house: House, told: Testimony, rules: Rules, day: date, now: datetime) -> Iterator[str]:
    """Say of how many returns of the month more became known after a day that is past: they are proved as they are known now."""
    if (ends := _end_of(rules, day)) > now:
        return
    with house.store.look() as tx:
        moved = {*tx.moved(rules.tenant, ends.astimezone(UTC), now + timedelta(days=1))}
    if mine := sorted(moved & {row["line"].partition("|")[0] for row in told.accepted}):
        yield (f"as of {day.isoformat()} was asked, and to {len(mine)} returns of the month (as {mine[0]}) more happened since; they are "
               "proved as they are known now, so that what came later can look broken here")


def _end_of(rules: Rules, day: date) -> datetime:
    """Give when a day is over in every legal entity's zone."""
    return max(datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(entity.zone)) for entity in rules.entities)


def _said(effort: Effort, *, anew: bool) -> str:
    """Say in plain words how much of the platform's side was worked out for this run, and why, if it was all of it."""
    if anew:
        return f"all {effort.worked_out} returns were worked out anew, as was asked"
    if effort.other_rules:
        return f"{effort.worked_out} returns were worked out anew, {effort.other_rules} of them because the rules changed since"
    return f"{effort.worked_out} returns were worked out, those of the other {effort.kept} to which nothing happened since still hold"


def _asked(rules: Rules, told: Testimony) -> Mapping[str, Any]:
    """Say by which version of the rules a month was read, and which days of which company of which ERP, by legal entity."""
    return {"rules": rules.version, "entities": {
        entity.id: {"erp": entity.erp, "company": entity.options.get("company", entity.id),
                    **{name: day.isoformat() for name, day in zip(("first", "last"), told.asked[entity.id], strict=True)}}
        for entity in rules.entities if entity.id in told.asked}}


def _history(path: Path, memory: str) -> History:
    """Open a month's history, as the only one who has it open; what cannot be read is put aside, because it is made anew."""
    try:
        return History(str(path), memory=memory)
    except Unreadable:
        path.replace(path.with_name(f"unreadable-{path.name}"))
        return History(str(path), memory=memory)


def _grow(house: House, tenant: str, period: str, day: date, told: Testimony, books: History, folder: Path, *,  # noqa: PLR0913, PLR0917  private
          anew: bool) -> tuple[Grown, bool]:
    """Add what is new to the month's extracts, which name no customer; tell whether the history holds all of them but that.

    Where it does not, it is one of nothing afterwards.
    """
    summoning.tell(house.store, tenant, "puts the sides beside each other")
    chain = resume(house.store, tenant, period, folder)
    onward = not anew and books.mark == _mark(chain, house.profiles[tenant].rules)
    if not onward:
        books.empty()
    return extend(chain, {name: getattr(told, name) for name in SIDES}, day), onward


def _mark(chain: Chain, rules: Rules) -> str:
    """Say what the verdicts of a history rest on: these extracts, these rules, and how this release judges them."""
    return digest([chain.digest, folded.said(rules), judged_by()])


def _put(path: Path, fill: Callable[[Path], None]) -> Path:
    """Have a file written and name it by its hash too, so that what an earlier run read stays as it is; give where it lies.

    Until it is whole it has a name that no pattern of extracts finds; what a crash leaves of one is written over by the next run.
    """
    begun = path.with_name(f"new-{path.name}")
    fill(begun)
    kept = path.with_name(f"{path.stem}-{sha256_of(begun)[:16]}{path.suffix}")
    begun.replace(kept)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking the platform itself: what the proof relies on, why that is not whole, and which returns it does not know."""

    relied_on: str
    reasons: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()


def ask_the_platform(house: House, tenant: str, now: datetime) -> Asked:
    """Ask the platform what changed before anything is proved, where the profile names a look-up, and read what it says."""
    reach = house.profiles[tenant].reach
    if reach is None or reach.sweep is None or house.api(tenant) is None:
        return Asked(relied_on="what the platform sent; the profile names no look-up by which it could be asked itself")
    summoning.tell(house.store, tenant, "asks the platform what changed")
    worker.digest(house, tenant, now)  # what was heard is compared with the list
    swept = worker.sweep_now(house, tenant, now)
    worker.digest(house, tenant, now)
    with house.store.look() as tx:
        omitted = [row.case.return_ref.removeprefix(SOURCE) for row in tx.exceptions(tenant, kind="PLATFORM_OMITS")]
    return Asked(
        relied_on=f"the platform's own list of what changed from {swept['since'][:16]} to {swept['until'][:16]} UTC, "
                  f"{'whole' if swept['complete'] else 'not whole'}, beside what it sent",
        reasons=() if swept["complete"] else (f"the platform could not be asked what changed: {swept['sentence']}",),
        unknown=frozenset(omitted) if reach.sweep.one else frozenset())


def _uncredited(books: Books) -> Iterator[Uncredited]:
    """Give the lines of a proof nothing of which is credited."""
    for line, entity, currency, net in books.rows(
            "SELECT line, entity, currency, net FROM verdicts WHERE accepted AND credited = 0 AND net <> 0 ORDER BY line"):
        yield Uncredited(line=line, entity=entity, currency=currency, net=net)


def _beside(house: House, tenant: str) -> Beside:
    """Give what the proof is told beside its testimonies."""
    def mapping_of(version: str) -> Sequence[MappingRow] | None:
        try:
            return recall(house.store, tenant, version).rules.mapping
        except Misconfigured:
            return None

    profile = house.profiles[tenant]
    return Beside(counted=profile.statements.counted, mapping_of=mapping_of, totals=totals(house, tenant))


def _compare(proof: Proof, books: Books, rules: Rules, paths: Sequence[str], until: date) -> list[KeptStray]:
    """Compare what was paid, tell the proof, and give what of it is not matched."""
    found = payments.prove_payments(books, paths, until, NOTHING, Waits())
    proof.payouts = {**found, "source": payments.source(rules)}
    return list(payments.strays(books))


def _proved_later(house: House, tenant: str, period: str, day: date, now: datetime) -> date | None:
    """Give the day as of which a month was proved last, if that is later than a past day: what was signed rests on that run."""
    if _end_of(house.profiles[tenant].rules, day) > now:  # as of today is always kept, whatever day in the future somebody once named
        return None
    with house.store.look() as tx:
        return next((kept.day for kept in tx.proofs(tenant, period, limit=1) if kept.day > day), None)


def _is_latest(house: House, tenant: str, day: date, now: datetime) -> bool:
    """Tell whether no month was proved as of a later day: an earlier look changes nobody's work, and nor does one at an earlier month.

    A look ahead, at a day that is not here yet, is none of these.
    """
    ahead = now.date() + timedelta(days=1)
    with house.store.look() as tx:
        return all(kept.day <= day or kept.day > ahead for kept in tx.proofs(tenant))


# --- which months others say something of


def _late(rules: Rules, day: date) -> Sequence[str]:
    """Name the periods that are proved by themselves on a day, in any legal entity's calendar: the current one and those before it."""
    found: set[str] = set()
    for calendar in (entity.calendar for entity in rules.entities):
        period = calendar.period_of(day)
        while period and calendar.last(period) >= day - LONG:
            found.add(period)
            period = calendar.before(period)
    return sorted(found, reverse=True)


def _seen(house: House, tenant: str, period: str, day: date) -> Mapping[str, str]:
    """Give by month what its reading found of lines of this one."""
    with house.store.look() as tx:
        others = {other: tx.recall(tenant, f"{ELSEWHERE}:{other}") for other in _late(house.profiles[tenant].rules, day)}
    return {other: told[period] for other, told in others.items() if period in told}


def _note(house: House, tenant: str, period: str, told: Testimony, seen: Mapping[str, str]) -> None:
    """Remember what this month's reading found of lines of others, and what theirs had found of its own before it was read."""
    name = f"{UNDER}:{period}"
    with house.store.begin() as tx:
        tx.remember(tenant, f"{ELSEWHERE}:{period}", {other: digest(sorted(rows)) for other, rows in told.elsewhere.items() if other})
        tx.remember(tenant, name, {**tx.recall(tenant, name), "seen": seen})


def unsettled(house: House, tenant: str, day: date) -> Sequence[str]:
    """Name the months proved before that are to be proved again, the latest first.

    Those of whose lines another month's reading found something since, as a second credit; and once a week those in which something is
    broken or in timing, so that a break closes when it is mended and a deadline that runs out is seen.
    """
    found = []
    for period in _late(house.profiles[tenant].rules, day):
        told = _seen(house, tenant, period, day)
        with house.store.look() as tx:
            kept, memory = next(iter(tx.proofs(tenant, period, limit=1)), None), tx.recall(tenant, f"{UNDER}:{period}")
        if kept is None:
            continue
        awaits = any(kept.figures.get(name) for name in ("broken", "orphans", "in_timing", "house"))
        if (told != memory.get("seen", {}) and kept.day < day) or (awaits and kept.day + RARELY <= day):
            found.append(period)
    return found


# --- every day


MORNING: Final = time(5)
"""From when on a day's proof is due, in the zone of the tenant's first legal entity: after the ERP's night jobs."""
AGAIN: Final = timedelta(hours=1)
"""How long a day's proof that broke off is left alone."""
SIGNED: Final = "signed"
"""Under this name it is remembered when signatures were looked at."""
CHECKS: Final = timedelta(hours=1)
CLOSING: Final = 10
"""For so many days of a period the one before it is proved every day as well."""
RARELY: Final = timedelta(days=7)
"""How often a month before that is proved in which something is open."""
LONG: Final = timedelta(days=400)
"""For how long after its end a month is proved again by itself."""
ELSEWHERE: Final = f"{UNDER}:elsewhere"
"""Under this name and the period it is remembered what its reading found of lines of other periods."""


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
    """Prove the current month once a day, and the one before it while that is being closed; a month that another proves is left to it."""
    ran = prove_when_wanted(house, tenant, now)
    if ran and "elsewhere" not in ran:
        return ran
    rules = house.profiles[tenant].rules
    here = now.astimezone(ZoneInfo(rules.entities[0].zone))
    told: dict[str, Any] = dict(ran)
    failed: list[Exception] = []
    for period in _mornings(house, tenant, here.date()) if here.time() >= MORNING else ():
        if not _is_due(house, tenant, period, here.date(), now):
            continue
        try:
            with turn_of(house, tenant, period, now) as lease:
                if _is_due(house, tenant, period, here.date(), now):  # another may have been quicker
                    told[period] = _prove_daily(house, tenant, period, here.date(), lease, now)
        except HeldElsewhere as other:
            told["elsewhere"] = str(other)
        except Exception as broke_off:  # noqa: BLE001  one month's trouble keeps no other waiting
            failed.append(broke_off)
    if failed:
        raise failed[0]
    return told


def _mornings(house: House, tenant: str, day: date) -> Iterator[str]:
    """Name the months of a day, in their order; those before are asked about once a day, when the current ones are proved."""
    now = being_closed(house.profiles[tenant].rules, day)
    yield from now
    with house.store.look() as tx:
        asked = tx.recall(tenant, ELSEWHERE).get("day", "")
    if asked < day.isoformat():
        yield from (period for period in unsettled(house, tenant, day) if period not in now)
        with house.store.begin() as tx:
            tx.remember(tenant, ELSEWHERE, {"day": day.isoformat()})


def _is_due(house: House, tenant: str, period: str, day: date, now: datetime) -> bool:
    """Tell whether a month was not proved yet on this day, nor broke off a short time ago."""
    with house.store.look() as tx:
        memory = tx.recall(tenant, f"{UNDER}:{period}")
    return bool(memory.get("day", "") < day.isoformat() and memory.get("again", "") <= now.isoformat())


def _prove_daily(house: House, tenant: str, period: str, day: date, lease: Lease,  # noqa: PLR0913, PLR0917  private
                 now: datetime) -> Mapping[str, Any]:
    """Prove a month for its day, and remember that; whatever breaks, it is not tried at every turn."""
    with house.store.begin() as tx:
        tx.remember(tenant, f"{UNDER}:{period}", {**tx.recall(tenant, f"{UNDER}:{period}"), "again": (now + AGAIN).isoformat()})
    with _prove(house, tenant, period, day, lease, now=now) as (proof, _, more):
        told = {"proof": more["proof"], "lines": proof.lines, "broken": proof.broken, "orphans": proof.orphans, "complete": proof.complete}
    with house.store.begin() as tx:
        memory = {**tx.recall(tenant, f"{UNDER}:{period}"), "day": day.isoformat(), "at": now.isoformat()}
        tx.remember(tenant, f"{UNDER}:{period}", {name: told for name, told in memory.items() if name != "again"})
    return told


def current(rules: Rules, day: date) -> str:
    """Name the tenant's current period: that of its first legal entity, whose zone says what day it is."""
    return rules.entities[0].calendar.period_of(day)


def being_closed(rules: Rules, day: date) -> Sequence[str]:
    """Name the periods proved on a day, the tenant's current one first: each legal entity's, and the one before while that is closed."""
    found: set[str] = set()
    for calendar in (entity.calendar for entity in rules.entities):
        if (period := calendar.on(day)) is not None:
            found |= {period.name} | ({calendar.before(period.name)} if (day - period.first).days < CLOSING else set())
    return sorted(found - {""}, key=lambda name: (name != current(rules, day), name))


def prove_when_wanted(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Prove the month somebody wants proved, as of today; what stops it is told to them, and they may ask again."""
    with house.store.look() as tx:
        asked = summoning.wanted(tx, tenant)
    if not asked:
        return {}
    today = now.astimezone(ZoneInfo(house.profiles[tenant].rules.entities[0].zone)).date()
    try:
        with prove_month(house, tenant, asked["period"], today, now=now, actor=asked["by"]) as (_, _books, more):
            summoning.conclude(house.store, tenant, outcome=f"run {more['proof']}")
            return {asked["period"]: more["proof"]}
    except HeldElsewhere as other:
        return {"elsewhere": str(other)}
    except Exception as stopped:
        summoning.conclude(house.store, tenant, outcome=f"stopped: {stopped}")
        raise


def _extract(name: str, path: Path, rows: int) -> Mapping[str, Any]:
    return {"side": name, "file": str(path), "rows": rows, "sha256": sha256_of(path)}
