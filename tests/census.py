"""Which statuses left `/hooks` in the whole run? (IN-21: nothing but 200, 401, 500 or a closed connection.)

Observes and wraps nothing: every `Hooks` counts what leaves it, and this keeps each such count. A test in
which anything else left fails; at the end of the run the sum is shown, over all processes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest

from backhaul.entrypoints.web.hooks import Hooks

ALLOWED: Final = frozenset({200, 401, 500, "closed"})
COUNTS: Final[list["Counter[int | str]"]] = []
"""The census of every `Hooks` there was in this process."""
ELSEWHERE: Final["Counter[str]"] = Counter()
"""What other processes of this run have counted."""


class Noted:
    """Stands where `Hooks.census` stands, and notes each census once."""

    def __set__(self, hooks: Hooks, census: "Counter[int | str]") -> None:
        vars(hooks)["census"] = census
        COUNTS.append(census)

    def __get__(self, hooks: Hooks | None, owner: type[Hooks]) -> Any:
        return self if hooks is None else vars(hooks)["census"]


Hooks.census = Noted()  # type: ignore[assignment]  # as data descriptors are


def strangers(counts: Iterable["Counter[int | str]"]) -> set[int | str]:
    """Give every status that is none of the four."""
    return {status for census in counts for status in census} - ALLOWED


@pytest.fixture(autouse=True)
def status_census() -> Iterator[None]:
    """Fail the test in which another status left the route."""
    before = strangers(COUNTS)
    yield
    left = strangers(COUNTS) - before
    assert not left, f"status {sorted(map(str, left))} left /hooks; the platform does not send again after that"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the sum to the process that reports, where there are several."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["hooks_census"] = {str(status): count for status, count in sum(COUNTS, Counter()).items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the sum of another process."""
    ELSEWHERE.update(getattr(node, "workeroutput", {}).get("hooks_census", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what left the route in the whole run."""
    total = ELSEWHERE + Counter({str(status): count for status, count in sum(COUNTS, Counter()).items()})
    if total:
        told = ", ".join(f"{status}: {count}" for status, count in sorted(total.items()))
        terminalreporter.write_line(f"statuses that left /hooks: {told}")
