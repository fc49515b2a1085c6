"""How does work go on after the process that did it is gone?

DBOS keeps the turns: which were started, how far they came, which are still owed after a crash. Its file
is disposable: the money protocol does not rest on it (a turn may run twice, posting keys make that
harmless), so it stands beside the store and may be deleted while nothing runs. Nothing in domain or
application knows that it exists.

A workflow is one tenant's turn; its id is verb, tenant, window and run number. The run number matters:
to use an id again would give the old result and turn a retry into nothing.
"""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

from dbos import DBOS, DBOSConfig, SetWorkflowID

Step = Callable[[str, datetime], Mapping[str, Any]]
"""One large step of a turn: does its work for a tenant at a moment and says in a few numbers what it did."""

log = logging.getLogger(__name__)


ONE_AT_A_TIME: Final = Lock()
"""A turn that is taken up after a crash, one that is scheduled and one that is asked for share a process; they must not
look at each other's half-sent batches as if a worker had died."""


def _take(step: Step, tenant: str, now: datetime) -> dict[str, Any]:
    with ONE_AT_A_TIME:
        return dict(step(tenant, now))


def _take_now(step: Step, tenant: str) -> dict[str, Any]:
    """Take a scheduled step by the time it really runs at: after an outage the scheduled one may lie in another period."""
    return _take(step, tenant, datetime.now(UTC))


class Engine:
    """Runs tenants' turns durably. DBOS is one to a process, so is this."""

    def __init__(self, url: str, steps: Mapping[str, Step], *, executor: str = "backhaul-1") -> None:
        """Prepare an engine on its own database; `steps` are run in order, each checkpointed."""
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(path) as file:
                file.execute("PRAGMA journal_mode=WAL")  # DBOS never sets it; twice as fast (facts/engine 3.4)
        config: DBOSConfig = {
            "name": "backhaul", "system_database_url": url, "executor_id": executor, "log_level": "WARNING",
            "application_version": "backhaul", "enable_otlp": False,
        }
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(config=config)

        @DBOS.workflow(name="backhaul.turn")
        def turn(tenant: str, moment: str) -> dict[str, Any]:
            now = datetime.fromisoformat(moment)
            return {name: DBOS.run_step({"name": name}, _take, step, tenant, now) for name, step in steps.items()}

        @DBOS.workflow(name="backhaul.scheduled_turn")
        def scheduled_turn(scheduled: datetime, tenants: Sequence[str]) -> None:
            if ONE_AT_A_TIME.locked():
                log.info("turn_skipped", extra={"scheduled": scheduled.isoformat()})
                return
            failed: list[Exception] = []
            for tenant in tenants:
                try:
                    for name, step in steps.items():
                        DBOS.run_step({"name": f"{name}:{tenant}"}, _take_now, step, tenant)
                except Exception as stopped:  # noqa: BLE001  one tenant's trouble keeps no other waiting
                    log.warning("turn_failed", extra={"tenant": tenant, "error": f"{type(stopped).__name__}: {stopped}"})
                    failed.append(stopped)
            if failed:
                raise failed[0]

        self._turn, self._scheduled = turn, scheduled_turn

    def __enter__(self) -> Self:
        """Launch: from here on, turns a crash left behind are taken up again."""
        DBOS.launch()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and give the process its one engine back."""
        DBOS.destroy(destroy_registry=True)

    def turn(self, tenant: str, now: datetime) -> Mapping[str, Any]:
        """Run one turn to its end and give what each step said. A failed turn is run again under the next number."""
        window = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
        run = 1
        while DBOS.get_workflow_status(f"turn:{tenant}:{window}:{run}") is not None:
            run += 1
        with SetWorkflowID(f"turn:{tenant}:{window}:{run}"):
            return DBOS.start_workflow(self._turn, tenant, now.isoformat()).get_result()

    def every(self, cron: str, tenants: Sequence[str]) -> None:
        """Run turns for these tenants on a schedule, missed ones once, until the engine stops."""
        DBOS.apply_schedules([{
            "schedule_name": "backhaul.turns", "workflow_fn": self._scheduled, "schedule": cron, "context": list(tenants),
        }])
