"""How is a demo looked at again after it ended?

Its emulators are programs of their own with a file each, so they are started again where they left off, and the house is opened beside
them as it was. While the demo still runs, its own emulators answer.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from backhaul.adapters.sql.store import SqlStore
from backhaul.bootstrap import House, build
from backhaul.config import Settings
from backhaul.entrypoints.demo.run import MEMORY, SHOWS, TENANT, examples, in_mode
from backhaul.entrypoints.demo.world import NOBODY

USUAL: Final = Path("var/demo/backhaul.sqlite")


def of_demo(settings: Settings) -> dict[str, Any]:
    """Give what a database remembers of the demo it was made by; nothing where it is no demo's."""
    store = SqlStore(settings.database_url)
    try:
        store.migrate()
        with store.begin() as tx:
            return dict(tx.recall(TENANT, MEMORY))
    finally:
        store.close()


def usual(environ: dict[str, str]) -> dict[str, str]:
    """Mean the demo where nothing was set and there is nothing but a demo."""
    named = any(environ.get(name) for name in ("BACKHAUL_DATABASE_URL", "BACKHAUL_PROFILE"))
    if named or Path("var/backhaul.sqlite").exists() or not USUAL.is_file():
        return environ
    return {**environ, "BACKHAUL_DATABASE_URL": f"sqlite:///{USUAL.resolve()}"}


@contextmanager
def reopened(told: dict[str, Any], settings: Settings) -> Iterator[tuple[House, datetime]]:
    """Open the house of a demo beside its emulators; give it, and what time it was when the demo ended."""
    show, state = SHOWS[told["kind"]], Path(told["state"])
    with ExitStack() as stack:
        url = told["erp"]
        if not (now := _time_at(url)):
            url = stack.enter_context(closing(show.serve(state=state / f"{told['kind']}.sqlite"))).base_url
            now = _time_at(url)
        os.environ["BACKHAUL_ERP_URL"] = url + show.path
        os.environ["BACKHAUL_ERP_TOKEN_URL"] = f"{url}/demo/oauth2/v2.0/token"
        os.environ.setdefault("BACKHAUL_ERP_SECRET", "secret")
        os.environ.setdefault("BACKHAUL_ZIGZAG_SECRET", "ended")
        mine = Settings.from_env({**os.environ, "BACKHAUL_DATABASE_URL": settings.database_url, "BACKHAUL_STATE_DIR": str(state),
                                  "BACKHAUL_PROFILE": str(settings.profiles[0] if settings.profiles else
                                                          examples() / "profiles" / show.profile)})
        house = stack.enter_context(closing(build(mine)))
        if told["mode"]:
            in_mode(house, show, told["mode"])
        yield house, now or datetime.now(UTC)


def _time_at(url: str) -> datetime | None:
    """Ask an emulator for its time; None where nobody answers."""
    with suppress(httpx.HTTPError, KeyError, ValueError):
        answer = httpx.get(f"{url}/control/clock", timeout=10, trust_env=False, verify=NOBODY)
        return datetime.fromisoformat(str(answer.json()["now"]))
    return None
