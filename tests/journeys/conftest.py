"""The emulators, one of each for the whole run; each test starts from its own empty world."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backhaul.adapters.business_central.emulator import serve as serve_central
from backhaul.adapters.finance_scm.emulator import serve
from backhaul.adapters.zigzag.emulator import serve as serve_zigzag
from tests.journeys.reaching import ask
from tests.journeys.stage import DAILY, WIRE, World, open_world, sold, sold_centrally


@pytest.fixture(scope="session")
def finance_scm() -> Iterator[str]:
    running = serve(state=None)
    yield running.base_url
    running.close()


@pytest.fixture
def erp(finance_scm: str, tmp_path: Path) -> str:
    WIRE.post(f"{finance_scm}/control/reset", json={}).raise_for_status()
    sold(finance_scm, tmp_path / "sales", ("500001", "TEA", 10, "4.25"), ("500001", "CUP", 6, "2.95"), ("500002", "POT", 4, "12.50"))
    WIRE.post(f"{finance_scm}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()
    return finance_scm


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    yield world
    world.house.close()


@pytest.fixture(scope="session")
def business_central() -> Iterator[str]:
    running = serve_central(state=None)
    yield running.base_url
    running.close()


@pytest.fixture
def central_erp(business_central: str, tmp_path: Path) -> str:
    """Give an emulated Business Central that sold the same."""
    sold_centrally(business_central, tmp_path / "sales")
    return business_central


@pytest.fixture
def central(central_erp: str, tmp_path: Path) -> Iterator[World]:
    """Give the same small world on Business Central, where nothing waits for a job of the ERP."""
    world = open_world(central_erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=DAILY, mode="C", kind="business-central")
    yield world
    world.house.close()


@pytest.fixture(scope="session")
def zigzag() -> Iterator[str]:
    with serve_zigzag() as running:
        yield running.base_url


@pytest.fixture
def platform(zigzag: str) -> str:
    """Give the emulated platform that knows of no return and misbehaves in no way."""
    ask(zigzag, "load", {"lines": [], "replace": True})
    ask(zigzag, "api", {})
    return zigzag
