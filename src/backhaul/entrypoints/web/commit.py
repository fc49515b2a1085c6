"""How do many requests share one durable commit without waiting for a clock?

Whoever arrives while a commit runs waits for the next one, which begins when the running one ends. One
thread commits; nobody is told anything before the commit that holds their bytes has returned (INV-02).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from backhaul.application import receive
from backhaul.application.ports import Store
from backhaul.domain.delivery import Delivery, DeliveryState

GROUP: Final = 512
"""So many deliveries at most in one commit."""
REFUSALS: Final = 128
"""So many refusals at most in one commit that also holds deliveries: a flood must not slow them."""
WAITING: Final = 4096
"""With more refusals than this waiting, the next one waits too; none is forgotten (INV-19)."""
FORGOTTEN: Final = 4 * WAITING
"""The store does not take anything and strangers knock: beyond this, refusals are left to the log alone."""
GIVE_UP: Final = 2
"""When a group fails, its members are tried alone until so many in a row failed."""

Answer: TypeAlias = DeliveryState | Exception

_log: Final = logging.getLogger("backhaul.hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What is kept of a request that is not authentic or too large."""

    tenant: str
    source: str
    sha256: str
    size: int
    reason: str
    at: datetime


class Committer:
    """Takes deliveries and refusals to the store, together."""

    def __init__(self, store: Store) -> None:
        """Prepare; the first one to come starts the work."""
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._deliveries: deque[tuple[Delivery, asyncio.Future[DeliveryState]]] = deque()
        self._refusals: deque[Refusal] = deque()
        self._turn: asyncio.Task[None] | None = None

    async def keep(self, delivery: Delivery) -> DeliveryState:
        """Return when the delivery is durable; raise what the store raised if it is not."""
        done: asyncio.Future[DeliveryState] = asyncio.get_running_loop().create_future()
        self._deliveries.append((delivery, done))
        self._wake()
        return await done

    async def refuse(self, refusal: Refusal) -> None:
        """Have a refusal recorded with one of the next commits; only in a flood does this wait."""
        if len(self._refusals) > FORGOTTEN:
            _log.error("refusal_not_recorded", extra={"source": refusal.source, "reason": refusal.reason})
            return
        self._refusals.append(refusal)
        self._wake()
        while len(self._refusals) > WAITING and self._turn is not None:
            await asyncio.wait([self._turn], timeout=0.05)

    async def close(self) -> None:
        """Finish what waits, then let the thread go."""
        while self._turn is not None:
            await asyncio.wait([self._turn])
        self._thread.shutdown()

    def _wake(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._deliveries or self._refusals:
                group = [self._deliveries.popleft() for _ in range(min(GROUP, len(self._deliveries)))]
                limit = REFUSALS if group else GROUP
                refusals = [self._refusals.popleft() for _ in range(min(limit, len(self._refusals)))]
                answers: Sequence[Answer] = [RuntimeError("the intake was stopped")] * len(group)
                written = False
                try:
                    answers, written = await loop.run_in_executor(
                        self._thread, self._commit, [one for one, _ in group], refusals)
                finally:
                    for (_, done), answer in zip(group, answers, strict=True):
                        _settle(done, answer)
                    if not written:
                        self._refusals.extendleft(reversed(refusals))
                if not written and not self._deliveries:
                    return
        finally:
            self._turn = None

    def _commit(self, deliveries: Sequence[Delivery], refusals: Sequence[Refusal]) -> tuple[Sequence[Answer], bool]:
        """Keep all in one transaction; if that fails, keep each alone, so that one cannot take the others along.

        Also tells whether the refusals were written; if not, they wait for a later commit.
        """
        try:
            return self._together(deliveries, refusals), True
        except Exception as error:  # noqa: BLE001  whatever it is, each is tried alone
            _log.exception("intake_commit_failed", extra={"deliveries": len(deliveries), "refusals": len(refusals)})
            if len(deliveries) <= 1 and not (deliveries and refusals):
                return [error] * len(deliveries), False
        answers: list[Answer] = []
        failed = 0
        for delivery in deliveries:
            if failed >= GIVE_UP:
                answers.append(RuntimeError("not tried: the store does not take anything"))
                continue
            try:
                answers.extend(self._together([delivery], ()))
                failed = 0
            except Exception as error:  # noqa: BLE001  whatever it is, the sender is told 500 and sends again
                answers.append(error)
                failed += 1
        return answers, False

    def _together(self, deliveries: Sequence[Delivery], refusals: Sequence[Refusal]) -> Sequence[DeliveryState]:
        with self._store.begin() as tx:
            states = receive.keep(tx, deliveries) if deliveries else ()
            for refusal in refusals:
                tx.refuse(refusal.tenant, refusal.source, sha256=refusal.sha256, size=refusal.size,
                          reason=refusal.reason, at=refusal.at)
        return states


def _settle(done: asyncio.Future[DeliveryState], answer: Answer) -> None:
    if done.done():
        return
    if isinstance(answer, Exception):
        done.set_exception(answer)
    else:
        done.set_result(answer)
