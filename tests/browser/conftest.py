"""One browser and one house for all of these tests: a small world whose days have passed, seen through the console.

Chromium is Debian's; `make test` installs it. A test here never skips: without a browser it fails, and so does the run.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from backhaul.adapters.finance_scm.emulator import serve as serve_erp
from backhaul.application import approvals, pairing, receive, versions
from backhaul.application.effects import EFFECTS
from backhaul.application.proof_ports import KeptStatement
from backhaul.bootstrap import keep, kept_as
from backhaul.config import SignIn
from backhaul.domain.availability import Compared, Standing
from backhaul.domain.delivery import Delivery
from backhaul.domain.pairing import Loose, Waiting, suggest
from backhaul.domain.proposal import ProposalKind
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.months import prove_month
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.counting import count
from backhaul.entrypoints.web.door import STEP_UP
from backhaul.entrypoints.web.serving import Running, serve
from backhaul.secret import Secret
from tests.entrypoints.test_web import rolled_forward
from tests.journeys.stage import DAILY, TENANT, World, life, line, message, open_world, sold

BINARIES = ("chromium", "chromium-browser", "google-chrome")
COMPANY: dict[str, Any] = {"entity": "gb01", "customer": "C1", "currency": "GBP"}
PASSPHRASE = "for-development-only"  # noqa: S105  of a house of these tests


@dataclass(slots=True)
class Now:
    """The console's clock; it stands still where the world's does."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Stage:
    """A running console: its address, its world, and its clock."""

    url: str
    world: World
    clock: Now
    server: Running
    step_up: timedelta = STEP_UP + timedelta(minutes=1)
    signed_in: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Closed when this package is left: as long as it is open its event loop runs in this thread, and the engine's calls refuse one."""
    found = next((path for name in BINARIES if (path := shutil.which(name))), None)
    assert found, "no Chromium is installed; `make test` installs Debian's where it may"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("console")
    erp = serve_erp(state=None)
    httpx.post(f"{erp.base_url}/control/reset", json={}).raise_for_status()
    sold(erp.base_url, folder / "sales", ("500001", "TEA", 40, "4.25"), ("500001", "CUP", 26, "2.95"), ("500002", "POT", 14, "12.50"))
    httpx.post(f"{erp.base_url}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z"}, "rows": {}}).raise_for_status()
    world = open_world(erp.base_url, f"sqlite:///{folder / 'backhaul.sqlite'}", window=DAILY)
    fill(world)
    store = world.house.store
    reign(world)
    keep(store, world.house.profiles[TENANT], world.at)
    while count(store, world.house.profiles[TENANT].rules):
        pass
    employ(store, TENANT, world.at)
    with store.look() as tx:
        vera = next(person for person in tx.people() if person.name == "Vera Viewer")
    approvals.propose(store, EFFECTS, world.house.profiles[TENANT].rules, ProposalKind.GRANT, {
        "person": vera.number, "role": "warehouse", "entities": ["gb01"]}, proposer="person 0", reason="She changes over", now=world.at)
    world.house.settings = replace(world.house.settings, state_dir=folder)
    with prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at):
        pass
    waiting = [Waiting(return_ref=ref, line_id=f"{sku}#1", units=Decimal(1), net=Decimal("2.95"), **COMPANY)
               for ref, sku in (("R-1002", "CUP"), ("R-1005", "CUP"))]
    pairing.keep(store, TENANT, "2010-12", suggest([Loose(key="a-1", document="CN-HAND", units=Decimal(1), net=Decimal("2.95"),
                                                          posted_on=world.at.date(), **COMPANY)], waiting))
    rolled_forward(store, "2010-11")
    with store.begin() as tx:
        tx.keep_statement(
            KeptStatement(tenant=TENANT, sort="availability", name="shop.csv", sha256="ab12", body=b"x", rows=3, actor="x", at=world.at),
            [Compared(sku=sku, at="WEB", entity="gb01", warehouse="GB-DC-01", shop=Decimal(3), erp=Decimal(1), told=told, standing=standing)
             for sku, told, standing in (("TEA", Decimal(3), Standing.IN_FLIGHT), ("CUP", None, Standing.DIFFERS))])
    clock = Now(world.at + timedelta(hours=1))
    app = create_app(world.house, clock=clock, sign_in=SignIn(passphrase=Secret("env:P", {"P": PASSPHRASE})))
    with serve(app) as server:
        yield Stage(url=server.base_url, world=world, clock=clock, server=server)
    world.house.close()
    erp.close()


def reign(world: World) -> None:
    """Let another version have held before, which mapped a code that the present one does not."""
    row = {"legal_entity": "gb01", "warehouse": "GB-DC-01", "disposition": "MYSTERY", "condition": "A", "reason": ["Changed my mind"],
           "outcome": "non_sellable", "erp_disposition": "ZQUAR", "location": "QUAR"}
    before = world.house.mapped(TENANT, row, version="2025-12")
    with world.house.store.begin() as tx:
        for days, profile in ((400, before), (0, world.house.profiles[TENANT])):
            versions.begin(tx, kept_as(profile), by_approval=False, now=world.at - timedelta(days=days))


def tell(world: World, *messages: dict[str, Any]) -> None:
    """Hand messages in as from the profile's own source, each a minute after the one before."""
    source = world.house.profiles[TENANT].sources[0].name
    with world.house.store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=TENANT, source=source, identity=str(each["eventId"]), body=msgspec.json.encode(each),
                                   received_at=world.at + timedelta(minutes=number)) for number, each in enumerate(messages)])


def fill(world: World) -> None:
    """Let some days pass in which most goes well and some does not."""
    fine = [("A", "RESELL", 1, True)]
    sales = (("TEA", "4.25"), ("CUP", "2.95"), ("TEA", "4.25"), ("POT", "12.50"), ("CUP", "2.95"), ("TEA", "4.25"))
    for number, (sku, price) in enumerate(sales, 1):
        order = "500002" if sku == "POT" else "500001"
        tell(world, *life(f"R-10{number:02d}", [line(sku, 1, price, order=order, received=1, grades=fine)], at=world.at))
        if number % 2 == 0:
            world.pass_evenings()
    tell(world, *life("R-2001", [line("TEA", 2, "4.25", received=2, grades=[("B", "REFURBISH", 2, True)])], at=world.at))
    tell(world, *life("R-2002", [line("CUP", 3, "2.95", received=3, grades=[("A", "MYSTERY", 3, True)])], at=world.at))
    tell(world, *life("R-2003", [line("POT", 1, "19.90", order="500002", received=1, grades=fine)], at=world.at, customer="10002"))
    tell(world, *life("R-2004", [line("MUG", 2, "7.00", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at))
    tell(world, *life("R-2005", [line("TEA", 1, "4.25", order="999999", received=1, grades=fine)], at=world.at, customer="10002"))
    tell(world, *life("R-2006", [line("CUP", 2, "2.95", received=2, grades=[("C", "REJECT", 2, False)])], at=world.at))
    tell(world, message("R-3001", "ReturnCreated", 1, [line("TEA", 1, "4.25")], at=world.at))
    world.pass_evenings(2)


@contextmanager
def looking(chromium: Browser, console: Stage, name: str, *, scheme: Any = "light", width: int = 1280,
            script: bool = True, audited: bool = True) -> Iterator[Page]:
    """Open a page in a browser in which somebody is signed in; what its policy had to stop is a failure.

    However a story leaves its page, everybody can read that state of it: the auditor looks once more at its end.
    """
    with chromium.new_context(base_url=console.url, viewport={"width": width, "height": 900}, color_scheme=scheme,
                              java_script_enabled=script, reduced_motion="reduce") as context:
        context.set_default_timeout(10_000)
        page = context.new_page()
        stopped: list[str] = []
        page.on("console", lambda told: stopped.append(told.text) if "Content Security Policy" in told.text else None)
        page.on("dialog", lambda dialog: (stopped.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        if name not in console.signed_in:
            sign_in(page, name)
            console.signed_in[name] = context.cookies()
        context.add_cookies(console.signed_in[name])
        yield page
        assert stopped == []
        assert not (script and audited) or reported(page) == []


def sign_in(page: Page, name: str, to: str = "/") -> None:
    """Come in through the door, as a person does."""
    page.goto(to)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("nav.rail")


def reported(page: Page) -> list[str]:
    """Have the page read by an auditor of WCAG 2.2, A and AA; give what it finds.

    A page is read when all of it is there: one whose style sheet is still on its way has other sizes and no colours.
    """
    page.wait_for_load_state("load")
    told = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).response
    return [f"{flaw['id']}: {flaw['help']} at {node['target']}: {node['failureSummary'][:300]}"
            for flaw in told["violations"] for node in flaw["nodes"]]
