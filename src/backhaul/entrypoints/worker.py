"""What is to be done now?

`turn` is one tenant's turn at one moment: take files from folders, read what came in, settle what is open, close the windows
that are due, send, and look. It is the same code under the wall clock, under the demo's virtual clock and
in a test; only `now` differs.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from backhaul.adapters.business_events import hints
from backhaul.adapters.zigzag.files.pull import Pulled, pull
from backhaul.adapters.zigzag.files.seen import recall
from backhaul.application import (
    batches,
    casework,
    control,
    drift,
    grouping,
    heed as heeding,
    listening,
    process,
    push as pushing,
    read_back,
    receive,
    replay,
    sweep as sweeping,
    write_down,
)
from backhaul.application.effects import EFFECTS
from backhaul.application.lease import HeldElsewhere, LeasedErp, LeasedStore, held
from backhaul.application.ports import KeptWindow, PostingState, Store
from backhaul.application.post import Desk, look, send, waiting
from backhaul.application.standstill import goes_on, stops
from backhaul.bootstrap import House, connect
from backhaul.domain import validation
from backhaul.domain.errors import BackhaulError, Misconfigured, NeedsOperator, RetryLater
from backhaul.domain.legs import Queue, queues
from backhaul.domain.money import in_words
from backhaul.domain.period import closes, landing
from backhaul.domain.posting import Route, per_currency
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.entrypoints.anchoring import compare_first

log = logging.getLogger(__name__)

ROUNDS: Final = 8
"""How often a window's documents are sent and looked at within one turn before the rest waits for the next."""
REVIEW: Final = timedelta(hours=20)
"""How long after the last window held returns are judged again when nothing new came: their cause may be gone."""
ANSWERS: Final = timedelta(days=30)
"""How long the API's answers are kept by their keys; nobody repeats a call that late."""
ESCALATES: Final = timedelta(hours=1)
"""How often overdue work is looked for."""
TURN: Final = "turn"
"""What stops a legal entity's turn as a whole, as its owner sees it."""
HEARD: Final = 400
"""So many returns are judged anew because masters changed; the others are with their window."""
PATIENCE: Final = 120.0
"""So many seconds of a turn the platform and the folders get each before the rest of them waits for the next turn."""


def steps(house: House) -> Mapping[str, Any]:
    """Give the durable steps of a turn, in order: few and large (facts/engine 3.2)."""
    return {
        "version": lambda tenant, _: take_version(house, tenant),
        "sweep": lambda tenant, now: sweep_when_due(house, tenant, now),
        "pull": lambda tenant, now: pulled(look_into_folders(house, tenant, now)),
        "listen": lambda tenant, now: listen_when_due(house, tenant, now),
        "read": lambda tenant, now: read(house, tenant, now),
        "post": lambda tenant, now: post(house, tenant, now),
        "push": lambda tenant, now: push_when_due(house, tenant, now),
    }


def turn(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Do everything that is to be done for a tenant now, without an engine around it."""
    return {name: step(tenant, now) for name, step in steps(house).items()}


def take_version(house: House, tenant: str) -> Mapping[str, str]:
    """Work by the version that was approved meanwhile; one that cannot be used here is told, and the one before it goes on."""
    try:
        changed = house.refresh(tenant)
    except Misconfigured as wrong:
        log.error("version_refused", extra={"tenant": tenant, "why": str(wrong)})  # noqa: TRY400  the sentence is all there is
        return {"version_refused": str(wrong)}
    return {"version": house.profiles[tenant].version} if changed else {}


def look_into_folders(house: House, tenant: str, now: datetime, *, at_once: bool = False, patience: float = PATIENCE) -> Sequence[Pulled]:
    """Take in what lies whole in the folders the profile watches; a folder that is away keeps nothing else waiting.

    One worker at a time looks into a folder, under a lease, as for a legal entity. The one that was not looked at for longest comes first,
    so what slow servers leave undone when `patience` ends, in seconds, is the first of the next turn.
    """
    profile, looks, begun = house.profiles[tenant], list[Pulled](), house.elapsed()

    def enough() -> bool:
        return not at_once and house.elapsed() - begun >= patience

    with house.store.look() as tx:
        last = {folder.name: recall(tx, tenant, folder.name).looked_at for folder in profile.folders}
    for folder in sorted(profile.folders, key=lambda each: (last[each.name] is not None, last[each.name] or now)):
        if any(look.looked for look in looks) and enough():
            break
        try:
            with held(house.store, tenant, f"folder:{folder.name}", holder=house.worker, now=now, lasting=house.lasting,
                      elapsed=house.elapsed) as lease:
                looks.append(pull(LeasedStore(store=house.store, lease=lease), profile, folder, now, at_once=at_once,
                                  enough=enough))
        except RetryLater as other:
            looks.append(Pulled(folder=folder.name, looked=False, trouble=str(other)))
    return looks


def pulled(looks: Sequence[Pulled]) -> Mapping[str, Any]:
    """Say in a few numbers what the folders came to."""
    return {"files": sum(len(look.files) for look in looks), "waiting": sum(look.waiting for look in looks),
            "trouble": [look.folder for look in looks if look.trouble]}


def sweep_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Ask the platform what changed, if the profile wants that and it is time; what fails is said and holds up nothing else."""
    profile, api = house.profiles[tenant], house.api(tenant)
    plan = profile.reach.sweep if profile.reach else None
    if plan is None or api is None or not sweeping.due(house.store, profile.rules, plan, now):
        return {}
    return sweep_now(house, tenant, now, patience=PATIENCE)


def sweep_now(house: House, tenant: str, now: datetime, *, since: datetime | None = None, actor: str = "backhaul",  # noqa: PLR0913  options
              patience: float = float("inf")) -> Mapping[str, Any]:
    """Ask the platform what changed, whether it is time or not; give what it came to in plain values."""
    profile, api = house.profiles[tenant], house.api(tenant)
    plan = profile.reach.sweep if profile.reach else None
    if plan is None or api is None:
        message = f"{profile.path}: tenant '{tenant}' has no [sweep]; name the look-up that lists what changed"
        raise Misconfigured(message)
    begun = house.elapsed()
    swept = sweeping.sweep(house.store, house.platform(tenant), api, profile.rules, plan, now, since=since, actor=actor,
                           enough=lambda: house.elapsed() - begun >= patience)
    return {"since": swept.since.isoformat(), "until": swept.until.isoformat(), "complete": swept.complete, "named": swept.named,
            "kept": swept.kept, "news": swept.news, "recovered": swept.recovered, "left_out": swept.left_out,
            "missing": list(swept.missing), "sentence": swept.sentence}


def push_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Tell the platform what is on sale and what may not be returned, for each retailer whose time it is."""
    profile, api = house.profiles[tenant], house.api(tenant)
    retailers = [each for each in (profile.push.retailers if profile.push and api else ())
                 if pushing.due(house.store, profile.rules, each, now)]
    return {"retailers": push_now(house, tenant, now, retailers=retailers)} if retailers else {}


def push_now(house: House, tenant: str, now: datetime, *, retailers: Sequence[str] = (), plan_only: bool = False,  # noqa: PLR0913  options
             actor: str = "backhaul") -> list[Mapping[str, Any]]:
    """Tell it now, or only say what would be told; one sender at a time for each retailer, under a lease."""
    profile, api = house.profiles[tenant], house.api(tenant)
    plan, rules = profile.push, profile.rules
    if plan is None or api is None:
        message = f"{profile.path}: tenant '{tenant}' has no [push]; name the retailers and their warehouses"
        raise Misconfigured(message)
    told: list[Mapping[str, Any]] = []
    owners = {retailer: entity for entity in rules.entities for retailer in entity.retailers}
    for retailer in retailers or plan.retailers:
        entity = owners[retailer]
        if plan_only:
            told.append(pushing.work_out(house.store, house.desk(tenant, entity.id).erp, rules, plan, retailer, now).told())
            continue
        try:
            with held(house.store, tenant, f"push:{retailer}", holder=house.worker, now=now, lasting=house.lasting,
                      elapsed=house.elapsed) as lease:
                erp = LeasedErp(erp=house.desk(tenant, entity.id).erp, lease=lease)
                told.append(pushing.push(LeasedStore(store=house.store, lease=lease), erp, api, rules, plan, retailer, now,
                                         check=lease.check, actor=actor).told())
        except HeldElsewhere as other:
            told.append({"retailer": retailer, "complete": False, "sent": 0, "sentence": str(other)})
    return told


def read(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Read every stored delivery, then fold and plan every return something was learned about."""
    rules = house.profiles[tenant].rules
    said = {**digest(house, tenant, now), **read_back_first(house, tenant, now), **heed(house, tenant, now)}
    with house.store.begin() as tx:
        if house.tidied.get(tenant) != now.date():
            tx.forget_answers(now - ANSWERS)
        tx.touch(tenant, tx.overdue(tenant, now))
        if tenant not in house.reviewed:
            process.look_again(tx, rules)
    grouping.run(house.store, rules, now, route_of=lambda entity: house.desk(tenant, entity).route)
    if tenant not in house.reviewed:
        casework.reroute(house.store, rules, now)
    if now >= house.escalates.get(tenant, now):
        casework.escalate(house.store, rules, now)
        house.escalates[tenant] = now + ESCALATES
    house.reviewed.add(tenant)
    house.tidied[tenant] = now.date()
    return {**said, "processed": _process(house, rules, now)}


def listen_when_due(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Have each ERP that can tell us of changes go on telling, where the profile says at which address; what fails holds up nothing."""
    profile = house.profiles[tenant]
    trouble: dict[str, str] = {}
    for signal in (each for each in profile.signals if each.address):
        for entity in profile.rules.entities:
            with house.store.look() as tx:
                if not listening.due(tx, tenant, entity, signal.address, now):
                    continue
            try:
                erp = house.desk(tenant, entity.id).erp
            except BackhaulError as away:
                trouble[entity.id] = str(away)
                continue
            if isinstance(erp, listening.Telling):
                why = listening.keep(house.store, erp, profile.rules, entity, now, address=signal.address,
                                     secret=signal.proof.secrets[0].reveal())
                trouble |= {entity.id: why} if why else {}
    return {"not_listening": trouble} if trouble else {}


def heed(house: House, tenant: str, now: datetime) -> Mapping[str, int]:
    """Look sooner at what an ERP's events speak of; what came before a profile stopped naming senders is set aside, with a word of it."""
    profile = house.profiles[tenant]
    if not profile.signals:
        ignored = heeding.ignore(house.store, profile.rules, now=now)
        return {"events_ignored": ignored} if ignored else {}
    with house.store.look() as tx:
        companies = listening.companies(tx, tenant)
    told = heeding.heed(house.store, profile.rules, _routes(house, profile.rules),
                        lambda body: hints(profile.rules.entities, companies, body), now=now)
    return {"events": told.events, "sooner": told.sooner,
            "judged": sum(_judge_again(house, house.desk(tenant, entity), now) for entity in sorted(told.masters))}


def _judge_again(house: House, desk: Desk, now: datetime) -> int:
    """Judge anew, by masters that changed, the returns that wait for masters; fix nothing, for that is a window's. Give how many."""
    rules, entity = desk.rules, desk.entity
    with desk.store.begin() as tx:
        about = {row.posting.key.return_ref for row in tx.in_state(rules.tenant, entity.id, {PostingState.HELD})}
        refs = sorted({row.case.return_ref for row in tx.exceptions(rules.tenant, refs=sorted(about))
                       if any(finding.code in validation.CODES for finding in row.case.findings)})[:HEARD]
    if not refs:
        return 0
    try:
        with held(house.store, rules.tenant, entity.id, holder=house.worker, now=now, lasting=house.lasting,
                  elapsed=house.elapsed) as lease:
            process.judge(LeasedStore(store=desk.store, lease=lease), LeasedErp(erp=desk.erp, lease=lease), rules, entity, desk.route, refs,
                          window="", now=now, kinds=frozenset(), period=entity.calendar.period_of(landing(entity, now)))
    except RetryLater as later:
        log.info("not_judged_again", extra={"tenant": rules.tenant, "legal_entity": entity.id, "why": str(later)})
        return 0
    return len(refs)


def read_back_first(house: House, tenant: str, now: datetime) -> Mapping[str, int]:
    """Ask the platform for what senders told that cannot sign, before anything is planned; without such senders do nothing."""
    profile, api = house.profiles[tenant], house.api(tenant)
    if not profile.rules.read_back or api is None or profile.reach is None:
        return {}
    told = read_back.ask(house.store, house.platform(tenant), api, profile.rules, profile.reach.read_back, now)
    digest(house, tenant, now)
    done = read_back.settle(house.store, profile.rules, told, now)
    return {"read_back": done.asked, "confirmed": done.confirmed, "differs": done.differs}


def digest(house: House, tenant: str, now: datetime) -> Mapping[str, int]:
    """Read every stored delivery: what can be read becomes facts, what cannot gets an owner. Needs no ERP."""
    deliveries = facts = 0
    while (digested := receive.digest(house.store, house.platform(tenant), house.profiles[tenant].rules, now=now)).deliveries:
        deliveries += digested.deliveries
        facts += digested.facts
    return {"deliveries": deliveries, "facts": facts}


def replay_plan(house: House, tenant: str, now: datetime, *, selection: replay.Selection, actor: str) -> Mapping[str, Any]:
    """Work out what reading kept messages again would touch, and keep that as a plan."""
    rules = house.profiles[tenant].rules
    number, impact = replay.plan(house.store, house.platform(tenant), rules, _routes(house, rules), selection, actor=actor, now=now)
    return {"replay": number, **impact.told()}


def replay_run(house: House, tenant: str, now: datetime, *, number: str, tell: Callable[[int, int], None], actor: str,  # noqa: PLR0913
               step: int = replay.STEP) -> Mapping[str, Any]:
    """Run a plan that was shown, in steps."""
    rules = house.profiles[tenant].rules

    def work() -> None:
        digest(house, tenant, now)
        _process(house, rules, now)

    return replay.run(house.store, house.platform(tenant), rules, _routes(house, rules), number, work=work, tell=tell, actor=actor, now=now,
                      step=step)


def _routes(house: House, rules: Rules) -> dict[str, Route]:
    return {entity.id: house.desk(rules.tenant, entity.id).route for entity in rules.entities}


def _process(house: House, rules: Rules, now: datetime, store: Store | None = None) -> int:
    routes = _routes(house, rules)
    total = 0
    # What we learn ourselves (line ids) touches a return again, so two rounds are normal.
    while count := process.process(store or house.store, rules, routes, now):
        total += count
    return total


def post(house: House, tenant: str, now: datetime) -> Mapping[str, Any]:
    """Settle what is open, then close and send the windows that are due, for every legal entity nobody else acts for now."""
    rules, stopped = house.profiles[tenant].rules, compare_first(house, tenant, now)
    sent = windows = 0
    elsewhere: list[str] = []
    away: Exception | None = None
    for entity in rules.entities:
        try:
            done = _post_for(house, rules, entity, now)
        except HeldElsewhere as other:
            log.info("held_elsewhere", extra={"tenant": tenant, "legal_entity": entity.id, "why": str(other)})
            elsewhere.append(entity.id)
        except Exception as trouble:  # noqa: BLE001  raised again below: one company's ERP keeps no other company waiting
            if isinstance(trouble, Misconfigured | NeedsOperator):
                with house.store.begin() as tx:
                    stops(tx, rules, entity, TURN, why=str(trouble), now=now)
            away = away or trouble
        else:
            sent, windows = sent + done[0], windows + done[1]
    if away:
        raise away
    return {"sent": sent, "windows": windows, "elsewhere": elsewhere, **stopped}


def _post_for(house: House, rules: Rules, entity: LegalEntity, now: datetime) -> tuple[int, int]:
    """Do so for one legal entity, under its lease; give how many postings were sent and how many windows closed."""
    free = house.desk(rules.tenant, entity.id)
    with held(free.store, rules.tenant, entity.id, holder=house.worker, now=now, lasting=house.lasting, elapsed=house.elapsed) as lease:
        desk = replace(free, store=LeasedStore(store=free.store, lease=lease), erp=LeasedErp(erp=free.erp, lease=lease))
        if _stopped(house, desk, now):
            _look_on(desk, now)
            return 0, 0
        sent, windows = drive(desk, now), 0
        _process(house, rules, now, desk.store)
        for queue in queues(rules):
            for refs in _due_windows(desk, queue, now):
                _close(desk, queue, refs, now)
                windows += 1
                sent += drive(desk, now)
                _process(house, rules, now, desk.store)
        batches.offer(house.store, EFFECTS, rules, entity, now)
        write_down.offer(house.store, EFFECTS, rules, entity, now)
        control.balance(desk.store, desk.erp, rules, entity, now)
        with desk.store.begin() as tx:
            goes_on(tx, rules, entity, TURN, now=now)
    return sent, windows


def _stopped(house: House, desk: Desk, now: datetime) -> bool:
    """Tell whether the environment has drifted from its contract, as it was probed at start and is asked once a day."""
    at = (desk.rules.tenant, desk.entity.id)
    probed = None if at in house.compared else house.capabilities.get(at)
    try:
        stops = drift.stops(desk.store, desk.erp, desk.rules, desk.entity, now, probed=probed)
    except RetryLater:
        _look_on(desk, now)
        raise
    house.compared.add(at)
    return bool(stops)


def _look_on(desk: Desk, now: datetime) -> None:
    """Settle what is open and send nothing; what cannot be read of an environment that drifted stays open."""
    try:
        look(desk, now)
    except (Misconfigured, NeedsOperator) as unreadable:
        log.warning("not_looked", extra={"tenant": desk.rules.tenant, "legal_entity": desk.entity.id, "why": str(unreadable)})


def offer_contract(house: House, tenant: str, legal_entity: str, now: datetime) -> dict[str, Any]:
    """Look at an environment and keep what it shows, for two people to accept, while nobody else acts for the legal entity."""
    rules = house.profiles[tenant].rules
    entity, erp = rules.entity(legal_entity), connect(house.profiles[tenant], legal_entity)
    with held(house.store, tenant, entity.id, holder=house.worker, now=now, lasting=house.lasting, elapsed=house.elapsed) as lease:
        return drift.offer(LeasedStore(store=house.store, lease=lease), LeasedErp(erp=erp, lease=lease), rules, entity)


def drive(desk: Desk, now: datetime) -> int:
    """Send what may go and look at what is open, in turns, until nothing moves any more."""
    total = 0
    for _ in range(ROUNDS):
        moved = look(desk, now)
        kinds = waiting(desk)
        sent = sum(send(desk, wave, now) for wave in desk.route.waves if wave & kinds)
        total += sent
        if not moved and not sent:
            break
    return total


def _due_windows(desk: Desk, queue: Queue, now: datetime) -> Iterator[Sequence[str]]:
    """Give the returns of each window of a queue that closes now. Its held returns are judged again with each, and once a day without."""
    window = queue.window
    while True:
        with desk.store.begin() as tx:
            planned = tx.planned(desk.rules.tenant, desk.entity.id, kinds=queue.kinds)
            earlier = [each for each in tx.windows(desk.rules.tenant, desk.entity.id) if each.leg == queue.name]
            waiting = tx.in_state(desk.rules.tenant, desk.entity.id, {PostingState.HELD}, kinds=queue.kinds)
        held = {row.posting.key.return_ref: row.planned_at or now for row in waiting}
        last = earlier[-1].closed_at if earlier else None
        if not planned and last is not None and now - last < REVIEW:
            return
        oldest = planned[0][1] if planned else min(held.values(), default=now)
        if not closes(window, desk.entity, oldest=oldest, count=len(planned) or min(len(held), 1), last=last, now=now):
            return
        refs = [ref for ref, _ in planned[:1 if window.close.value == "at-once" else window.cap]]
        yield [*refs, *sorted(held.keys() - set(refs))]


def _close(desk: Desk, queue: Queue, refs: Sequence[str], now: datetime) -> None:
    """Close a window: judge its returns, fix what may go of the queue, and remember the control totals."""
    rules, entity = desk.rules, desk.entity
    period = entity.calendar.period_of(landing(entity, now))
    with desk.store.begin() as tx:
        number = 1 + sum((window.period, window.leg) == (period, queue.name) for window in tx.windows(rules.tenant, entity.id))
    key = ":".join((rules.tenant, entity.id, period, *([queue.name] if queue.name else []), str(number)))
    fixed = process.judge(desk.store, desk.erp, rules, entity, desk.route, refs, window=key, period=period, now=now, kinds=queue.kinds)
    with desk.store.begin() as tx:
        rows = [row for row in tx.in_state(rules.tenant, entity.id, {PostingState.READY}) if row.window == key]
        tx.close_window(KeptWindow(
            key=key, tenant=rules.tenant, legal_entity=entity.id, period=period, leg=queue.name, number=number,
            closed_at=now, needs_approval=queue.window.approve and bool(rows),
            returns=len({row.posting.key.return_ref for row in rows}),
            controls={"postings": fixed, "net": in_words(per_currency((row.posting.net, row.posting.currency) for row in rows)),
                      "by_kind": {kind: sum(row.posting.key.kind.value == kind for row in rows)
                                  for kind in sorted({row.posting.key.kind.value for row in rows})}}))
