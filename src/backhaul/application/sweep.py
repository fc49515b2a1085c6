"""Ask the platform what changed, so that a message that never came is not a return that vanishes.

A message that fails for a week is gone for good (facts/zigzag 2.2). The sweep asks for everything that changed
since the last one that was whole, keeps what it is given exactly as a message is kept, and advances only when
it read all of it. A list may leave something out without a word: what we heard of in that time and the list does
not name is asked for one by one, and what stays missing has an owner.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from backhaul.application.ports import Found, Platform, PlatformApi, Store, Tx, Unusable
from backhaul.domain.delivery import Delivery, DeliveryState
from backhaul.domain.errors import BackhaulError, RetryLater
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules

TOGETHER: Final = 200
"""So many items are kept in one transaction."""
KNOWN: Final = "known"
"""What is remembered of a return the platform told when asked for it alone."""
SOURCE: Final = "look-up:"
"""How the source of a delivery begins that we asked for; no subscription can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """The profile's choice: which look-up lists changes, which tells one return, how often, and how far back.

    `named_only` says that the list names returns without telling them, so that each is asked for.
    """

    changed: str
    one: str = ""
    named_only: bool = False
    every: timedelta = timedelta(minutes=30)
    overlap: timedelta = timedelta(hours=2)
    at_most: timedelta = timedelta(days=30)
    alarm: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one sweep came to. `recovered` are returns nobody had told us of, `news` items that said something new."""

    since: datetime
    until: datetime
    complete: bool = False
    named: int = 0
    kept: int = 0
    news: int = 0
    recovered: int = 0
    left_out: int = 0
    missing: tuple[str, ...] = ()
    gap: timedelta = timedelta()
    sentence: str = ""
    after_seconds: float | None = None


def due(store: Store, rules: Rules, plan: SweepPlan, now: datetime) -> bool:
    """Tell whether it is time to sweep again; after a failure too, not before the platform wants to be asked."""
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, _name(plan))
    return not memory or now >= datetime.fromisoformat(memory["again"])


def sweep(store: Store, platform: Platform, api: PlatformApi, rules: Rules, plan: SweepPlan, now: datetime, *,  # noqa: PLR0913, PLR0917
          since: datetime | None = None, actor: str = "backhaul", enough: Callable[[], bool] = lambda: False) -> Swept:
    """Read what changed since the last whole sweep (or since a moment a person names), and compare it item by item.

    A list is read whole or counts as not read. `enough` ends the round, never before something new was kept; the next goes on with what was
    not kept yet, so that a long list comes to its end in several turns and nothing of it is skipped.
    """
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, _name(plan))
    reached = datetime.fromisoformat(memory["reached"]) if memory.get("reached") else None
    earliest = now - plan.at_most
    start = since or (earliest if reached is None else max(reached - plan.overlap, earliest))
    gap = max(start - reached, timedelta()) if reached and since is None else timedelta()
    round_ = _Round(store=store, platform=platform, api=api, rules=rules, plan=plan, now=now,
                    swept=Swept(since=start, until=now, gap=gap), enough=enough, asked=dict(memory.get("asked", {})),
                    held=set(memory.get("held", ())),
                    begun=datetime.fromisoformat(memory["begun"]) if memory.get("asked") or memory.get("held") else now)
    try:
        round_.read()
        round_.compare()
    except BackhaulError as stopped:
        round_.swept = replace(round_.swept, sentence=str(stopped),
                               after_seconds=stopped.after_seconds if isinstance(stopped, RetryLater) else None)
    else:
        round_.swept = replace(round_.swept, complete=True)
    with store.begin() as tx:
        round_.conclude(tx, reached, actor)
    return round_.swept


@dataclass(slots=True, kw_only=True)
class _Round:
    """One sweep under way."""

    store: Store
    platform: Platform
    api: PlatformApi
    rules: Rules
    plan: SweepPlan
    now: datetime
    swept: Swept
    enough: Callable[[], bool]
    asked: dict[str, str]
    """Returns asked for one by one since the last whole sweep, and whether the platform knew them."""
    held: set[str]
    """Items of the list that were kept since the last whole sweep, by the first letters of their hash."""
    begun: datetime
    """When the first of them was asked for or kept: what changed since then may be news again."""
    named: set[str] = field(default_factory=set)
    asked_now: int = 0

    def read(self) -> None:
        """Read the whole list, in its order, and keep what it says; each batch is safe before the next is asked for.

        What was kept in a turn before is passed over by its content, not by its place, for a list may have changed since.
        """
        before, fresh = frozenset(self.held), 0
        listed = _until_it_stops(self.api.look_up(self.plan.changed, {"since": self.swept.since}))
        while items := list(islice(listed, TOGETHER)):
            told = [item for item in items if isinstance(item, Found)]
            self.named |= {item.ref for item in told}
            self.swept = replace(self.swept, named=len(self.named))
            if not self.plan.named_only:
                new = {_short(item): item for item in told}
                new = {name: item for name, item in new.items() if name not in before}
                self.keep([*new.values()], self.plan.changed)
                self.held |= new.keys()
                fresh += len(new)
            for item in items:
                if isinstance(item, BackhaulError):
                    raise item
            if fresh >= TOGETHER and len(items) == TOGETHER and self.enough():
                message = f"There was time to keep {fresh} items of the list; the next turn goes on with the others."
                raise RetryLater(message)
        if self.plan.named_only:
            for ref in sorted(self.named - {"", *self.asked}):
                self.ask(ref)

    def compare(self) -> None:
        """Ask one by one for what we heard of in this time and the list does not name."""
        with self.store.begin() as tx:
            heard = sorted(set(tx.heard(self.rules.tenant, self.swept.since, self.swept.until)) - self.named)
        for ref in [each for each in heard if each not in self.asked]:
            self.ask(ref)
        missing = [ref for ref in heard if self.asked[ref] != KNOWN]
        self.swept = replace(self.swept, missing=tuple(missing), left_out=len(heard) - len(missing))
        with self.store.begin() as tx:
            for ref in missing:
                tx.open_exception(_case(self.rules, f"{SOURCE}{ref}", self.now, Finding(code="PLATFORM_OMITS", sentence=(
                    f"We heard of return {ref} between {self.swept.since:%Y-%m-%d %H:%M} and {self.swept.until:%Y-%m-%d %H:%M} UTC; "
                    f"the platform's list does not name it{', nor does it know it when asked' if self.plan.one else ''}."))))
            for row in tx.exceptions(self.rules.tenant, refs=[f"{SOURCE}{ref}" for ref in {*self.named, *heard} - set(missing)]):
                tx.close_exceptions(self.rules.tenant, row.case.return_ref, apart_from=(), resolution="the platform names it", at=self.now)

    def ask(self, ref: str) -> None:
        """Ask for one return and keep what is told of it; there is always time for one."""
        if self.asked_now and self.enough():
            message = f"There was time to ask for {self.asked_now} returns one by one; the next turn goes on with the others."
            raise RetryLater(message)
        told = list(self.api.look_up(self.plan.one, {"return": ref})) if self.plan.one else []
        self.keep(told, self.plan.one)
        self.asked[ref], self.asked_now = KNOWN if told else "", self.asked_now + 1

    def keep(self, told: Sequence[Found], lookup: str) -> None:
        """Keep items as deliveries; count what they say that we did not know."""
        if not told:
            return
        bare = [Delivery(tenant=self.rules.tenant, source=SOURCE + lookup, identity="", body=item.body, received_at=self.now,
                         channel="sweep") for item in told]
        parcels = [replace(each, identity=each.sha256) for each in bare]
        said = [_identities(self.platform, parcel) for parcel in parcels]
        with self.store.begin() as tx:
            states = tx.keep(parcels)
            known = tx.facts(self.rules.tenant, {ref for facts in said for ref in facts})
        fresh = [_is_news(facts, known) and state is not DeliveryState.DUPLICATE for facts, state in zip(said, states, strict=True)]
        never = {ref for facts in said for ref in facts if ref not in known}
        self.swept = replace(
            self.swept, kept=self.swept.kept + sum(state is DeliveryState.STORED for state in states),
            news=self.swept.news + sum(fresh), recovered=self.swept.recovered + len(never))

    def conclude(self, tx: Tx, reached: datetime | None, actor: str) -> None:
        """Advance if all was read; say what happened in the trail, and own a silence that lasts, or time nobody looked at."""
        rules, plan, swept, now = self.rules, self.plan, self.swept, self.now
        wait = max(plan.every if swept.complete else min(plan.every, timedelta(minutes=5)), timedelta(seconds=swept.after_seconds or 0))
        whole = swept.complete and (reached is None or swept.since <= reached or bool(swept.gap))
        forward = self.begun if whole else reached
        tx.remember(rules.tenant, _name(plan), {"reached": forward.isoformat() if forward else "", "again": (now + wait).isoformat(),
                                                "complete": swept.complete, "sentence": swept.sentence,
                                                "asked": {} if swept.complete else self.asked,
                                                "held": [] if swept.complete else sorted(self.held), "begun": self.begun.isoformat()})
        tx.record(rules.tenant, subject=_name(plan), action="sweep", at=now, actor=actor, detail={
            "since": swept.since.isoformat(), "until": swept.until.isoformat(), "complete": swept.complete, "named": swept.named,
            "kept": swept.kept, "news": swept.news, "recovered": swept.recovered, "left_out": swept.left_out,
            "missing": len(swept.missing), "sentence": swept.sentence})
        if swept.gap:
            tx.open_exception(_case(rules, f"{_name(plan)}:gap:{swept.since:%Y%m%dT%H%M%S}", now, Finding(code="SWEEP_GAP", sentence=(
                f"Nothing was swept for {swept.gap} before {swept.since:%Y-%m-%d %H:%M} UTC, "
                f"which is as far back as the profile looks ({plan.at_most.days} days)."))))
        if swept.complete:
            tx.close_exceptions(rules.tenant, _name(plan), apart_from=(), resolution="a sweep was whole again", at=now)
        elif reached is None or now - reached >= plan.alarm:
            tx.open_exception(_case(rules, _name(plan), now, Finding(code="SWEEP_INCOMPLETE", sentence=(
                f"No sweep was whole since {f'{reached:%Y-%m-%d %H:%M} UTC' if reached else 'the first one'}. {swept.sentence}"))))


def _short(item: Found) -> str:
    return hashlib.sha256(item.body).hexdigest()[:16]


def _until_it_stops(items: Iterator[Found]) -> Iterator[Found | BackhaulError]:
    """Give what a list gives, and as the last what stopped it, so that nothing read before is lost."""
    try:
        yield from items
    except BackhaulError as stopped:
        yield stopped


def _identities(platform: Platform, delivery: Delivery) -> dict[str, set[str]]:
    """Give the identities of the facts a delivery brings, by return; what cannot be read is told when it is digested."""
    found: dict[str, set[str]] = {}
    try:
        for fact in platform.facts(delivery):
            found.setdefault(fact.return_ref, set()).add(fact.identity)
    except Unusable:
        return {}
    return found


def _is_news(said: Mapping[str, Collection[str]], known: Mapping[str, Sequence[Any]]) -> bool:
    return any(set(identities) - {fact.identity for fact in known.get(ref, ())} for ref, identities in said.items())


def _case(rules: Rules, ref: str, now: datetime, finding: Finding) -> ExceptionCase:
    return rules.work(ref, finding, money=Money(amount=NOTHING, currency=""), now=now)


def _name(plan: SweepPlan) -> str:
    return f"sweep:{plan.changed}"
