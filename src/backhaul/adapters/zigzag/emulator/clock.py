"""What happens when virtual time passes?

Every event that fell due is sent, oldest first. At each midnight (UTC, virtual) one sweep sends the
failures of the last seven days again, as ZigZag documents; only these answers count as a failure:
400, 401, 403, 405, 408, 500, 502 and no response. Any other answer that is not 2xx loses the event
for good (facts/zigzag 2.2).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from backhaul.adapters.zigzag.emulator.courier import NO_RESPONSE, Courier
from backhaul.adapters.zigzag.emulator.story import Json, utc_text, whole
from backhaul.adapters.zigzag.emulator.tape import Fate, Outcome, Tape, Told

SENT_AGAIN: Final = frozenset({"400", "401", "403", "405", "408", "500", "502", NO_RESPONSE})
SWEPT_DAYS: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the events of one passage of time are sent.

    `shuffle` sends them in random order, and sweeps once at the end instead of every midnight;
    `duplicate` sends that many of the delivered ones a second time; `seed` makes both repeatable.
    """

    shuffle: bool = False
    duplicate: int = 0
    seed: int = 7
    connections: int = 8


@dataclass(slots=True)
class Passed:
    """What was sent while time passed. `delivered`, `failed` and `lost` count attempts."""

    delivered: int = 0
    failed: int = 0
    lost: int = 0
    unsent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add some attempts."""
        fates = Counter(outcome.fate for outcome in outcomes)
        self.delivered += fates[Fate.DELIVERED]
        self.failed += fates[Fate.FAILED]
        self.lost += fates[Fate.LOST]
        self.unsent += fates[Fate.UNSENT]
        self.statuses.update(outcome.status for outcome in outcomes if outcome.status)


def pass_time(tape: Tape, until: datetime, manner: Manner) -> Passed:
    """Let time pass until then, and send what falls due. Raises `ValueError` when that is in the past."""
    now = _now(tape)
    if now is not None and until < now:
        message = f"The clock stands at {utc_text(now)} and does not go back to {utc_text(until)}."
        raise ValueError(message)
    passed = Passed()
    subscription = tape.setting("subscription")
    if subscription is None:
        unsent = [Outcome(told=told, status="", fate=Fate.UNSENT, at=told.at) for told in tape.due(utc_text(until))]
        _settle(tape, passed, unsent, until)
        return passed
    options = {key: subscription[key] for key in ("url", "auth", "timeout")}
    with Courier(**options, connections=manner.connections) as courier:
        sent = [*_send_all(tape, courier, passed, until, manner)]
        if manner.duplicate:
            _send_twice(courier, passed, sent, manner, subscription["shape"])
    return passed


def _now(tape: Tape) -> datetime | None:
    now = tape.setting("now") or tape.span()[0]
    return None if now is None else datetime.fromisoformat(now)


def _send_all(tape: Tape, courier: Courier, passed: Passed, until: datetime, manner: Manner) -> Iterator[Told]:
    shape = tape.setting("subscription")["shape"]
    midnights = [*_midnights(_now(tape) or until, until)]
    for stop in (until,) if manner.shuffle else (*midnights, until):
        due = tape.due(utc_text(stop))
        if manner.shuffle:
            Random(f"{manner.seed}:shuffle:{stop}").shuffle(due)
        yield from due
        _settle(tape, passed, _try(courier, due, shape, None), stop)
        if stop in midnights or (manner.shuffle and midnights):
            _sweep(tape, courier, passed, stop, shape)


def _midnights(after: datetime, until: datetime) -> Iterator[datetime]:
    """Give every midnight after one time and not after the other."""
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while midnight <= until:
        yield midnight
        midnight += timedelta(days=1)


def _sweep(tape: Tape, courier: Courier, passed: Passed, midnight: datetime, shape: str) -> None:
    """Send the failures of the last seven days again, and give up the older ones."""
    oldest = utc_text(midnight - SWEPT_DAYS)
    failures = tape.failures()
    young = [told for told in failures if (told.failed_first or told.at) >= oldest]
    old = [told for told in failures if (told.failed_first or told.at) < oldest]
    given_up = [Outcome(told=told, status="", fate=Fate.LOST, at=oldest) for told in old]
    _settle(tape, passed, [*given_up, *_try(courier, young, shape, utc_text(midnight))], midnight)


def _try(courier: Courier, events: Sequence[Told], shape: str, at: str | None) -> list[Outcome]:
    answers = courier.carry([(told.event_id, body_bytes(json.loads(told.body), shape)) for told in events])
    return [
        Outcome(told=told, status=status, fate=_fate(status), at=at or told.at)
        for told, status in zip(events, answers, strict=True)
    ]


def _fate(status: str) -> Fate:
    if status in SENT_AGAIN:
        return Fate.FAILED
    return Fate.DELIVERED if status.startswith("2") else Fate.LOST


def _settle(tape: Tape, passed: Passed, outcomes: Sequence[Outcome], now: datetime) -> None:
    passed.count(outcomes)
    tape.settle(outcomes, utc_text(now))


def _send_twice(courier: Courier, passed: Passed, sent: Sequence[Told], manner: Manner, shape: str) -> None:
    """Send some events once more; this changes nothing of what is known about them."""
    random = Random(f"{manner.seed}:duplicate")
    passed.count(_try(courier, random.sample(sent, min(manner.duplicate, len(sent))), shape, None))


def body_bytes(body: Json, shape: str) -> bytes:
    """Write an event as it goes over the wire: UTF-8, the same bytes at every attempt."""
    said: Mapping[str, object] = whole(body) if shape == "whole" else body
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
