"""The census sees every instance of the route, and every status that is none of the four."""

from collections import Counter
from datetime import UTC, datetime

from backhaul.entrypoints.web.hooks import Hooks
from tests import census


class NoClock:
    """A clock nobody asks."""

    def now(self) -> datetime:
        return datetime(2011, 1, 1, tzinfo=UTC)


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    """Stand for the application behind the route."""


def test_every_route_that_is_made_is_counted() -> None:
    hooks = Hooks(nothing, store=None, sources=(), clock=NoClock())  # type: ignore[arg-type]  # nothing is asked of it

    hooks.census[200] += 1

    assert any(counted is hooks.census for counted in census.COUNTS)
    hooks.census.clear()


def test_a_status_the_platform_does_not_send_again_after_is_a_stranger() -> None:
    counts: list[Counter[int | str]] = [Counter({200: 3, 401: 1}), Counter({500: 1, "closed": 2}), Counter({404: 1})]

    assert census.strangers(counts[:2]) == set()
    assert census.strangers(counts) == {404}


def test_nothing_else_has_left_the_route_so_far() -> None:
    assert census.strangers(census.COUNTS) == set()
