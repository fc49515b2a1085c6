"""Who counts the codes that the page of mappings shows?

A thread of the console itself, a few thousand facts at a time, so that neither the worker nor a page waits for it.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Event, Thread
from typing import Any, Final

from backhaul.adapters.sql import coverage
from backhaul.domain.rules import Rules
from backhaul.entrypoints.web.console import HouseLike, ReadableStore

FIRST_SECONDS: Final = 5.0
SECONDS: Final = 300.0

_log: Final = logging.getLogger("backhaul.counting")


def count(store: ReadableStore, rules: Rules) -> bool:
    """Count the next facts of a tenant; tell whether there were any. Two who count at once come to the same."""
    with store.read() as connection:
        told = coverage.counted_on(connection, rules)
    if told is None:
        return False
    with store.begin() as tx:
        if coverage.is_behind(tx.recall(rules.tenant, coverage.MEMORY), told):
            tx.remember(rules.tenant, coverage.MEMORY, told)
    return True


def lifespan(house: HouseLike) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Count while the application runs."""
    @asynccontextmanager
    async def running(_app: object) -> AsyncIterator[None]:
        over = Event()
        thread = Thread(target=_count_on, args=(house, over), name="backhaul-counting", daemon=True)
        thread.start()
        yield
        over.set()

    return running


def _count_on(house: HouseLike, over: Event) -> None:
    """Count by the version that holds, which another process may have taken up meanwhile."""
    wait = FIRST_SECONDS
    while not over.wait(wait):
        wait = SECONDS
        for tenant in tuple(house.profiles):
            try:
                house.refresh(tenant)
                while not over.is_set() and count(house.store, house.profiles[tenant].rules):
                    pass
            except Exception:  # noqa: BLE001  the pages go on without new figures, and the log says why
                _log.exception("counting_failed")
