"""What does Backhaul do with five months of real returns?

Runs the main job on loopback under a virtual clock: the emulated ZigZag sends what falls due each day,
Backhaul takes its turn, the emulated ERP's own jobs run at night. The same core as in production; only
the time is told.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from backhaul.adapters.business_central.emulator import serve as serve_business_central
from backhaul.adapters.engine import Engine
from backhaul.adapters.finance_scm.emulator import serve as serve_finance_scm
from backhaul.adapters.zigzag.emulator import serve as serve_zigzag
from backhaul.bootstrap import House, build
from backhaul.config import Settings
from backhaul.domain.posting import CreditNote
from backhaul.domain.rules import Close, Rules, Window
from backhaul.entrypoints import worker
from backhaul.entrypoints.demo.central_world import COMPANY, KEPT, load_central_world, with_reasons
from backhaul.entrypoints.demo.summary import lines_of, summarise
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.demo.world import WorldCounts, load_world
from backhaul.entrypoints.story import payments
from backhaul.entrypoints.web.app import Running, create_app, serve
from backhaul.secret import Secret

FIRST: Final = date(2010, 12, 1)
LAST: Final = date(2011, 5, 31)
SETTLED: Final = timedelta(days=33)
"""So long after the last return of other data than the example's the days pass: its month has ended and what was sent is posted."""
EVENING: Final = time(18, 30)
"""When the demo's day ends: after the warehouse's working day, before the ERP's night jobs."""
TENANT: Final = "online-retail"
MEMORY: Final = "demo"
"""Under this name a demo's database remembers what it was played on, and where the emulators keep their state."""
PATIENCE: Final = httpx.Timeout(600)
SAMPLE: Final = 100
"""How many returns the real-time comparison runs on."""

Tell = Callable[[str, int, int], None]
"""Progress: what is happening, how far, of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What differs between the ERPs the demo can run on: emulator, profile, master data, where its environment is, what it calls a company.

    `on_account` are the accounts on which goods are credited that never come into stock; `tax_by_document`: VAT is rounded once for all
    lines of a document, not for each of them.
    """

    serve: Callable[..., Any]
    profile: str
    load: Callable[..., WorldCounts]
    company: str
    path: str = ""
    on_account: frozenset[str] = frozenset()
    tax_by_document: bool = False
    suited: Callable[[Rules], Rules] = lambda rules: rules
    """Give the rules as another deployment mode than the profile's wants them."""


SHOWS: Final[Mapping[str, Show]] = {
    "finance-scm": Show(serve=serve_finance_scm, profile="online-retail.toml", load=load_world, company="gb01"),
    "business-central": Show(serve=serve_business_central, profile="online-retail-business-central.toml", load=load_central_world,
                             company=COMPANY, path="/v2.0/demo/production", on_account=frozenset({KEPT}),
                             tax_by_document=True, suited=with_reasons),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Both emulators and Backhaul, ready to play; `passphrase` lets one into the console as whomever one names."""

    show: Show
    house: House
    erp: str
    platform: str
    web: Running
    passphrase: str
    wire: httpx.Client

    def control(self, system: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  the emulators' own JSON
        """Call an emulator's control endpoint; with a body it is a POST."""
        url = f"{system}/control/{path}"
        answer = self.wire.get(url) if body is None else self.wire.post(url, json=body)
        answer.raise_for_status()
        return answer.json()


def examples() -> Path:
    """Find the example data: in the checkout, or beside the installed package."""
    here = Path(__file__).resolve()
    for folder in (*[parent / "examples" for parent in here.parents], here.parents[2] / "_examples"):
        if (folder / "online-retail").is_dir():
            return folder
    message = "the example data is not here; run the demo from a checkout"
    raise FileNotFoundError(message)


@contextmanager
def set_stage(state: Path, *, database: str | None = None, port: int = 0, limit: int | None = None,  # noqa: PLR0913
              real_time: bool = False, data: Path | None = None, mode: str = "", kind: str = "finance-scm") -> Iterator[Stage]:
    """Start both emulators and Backhaul on loopback, load master data and returns; all is kept under `state`.

    `mode` is a deployment mode other than the profile's, `kind` the ERP.
    """
    show = SHOWS[kind]
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    data = data or examples() / "online-retail"
    with ExitStack() as stack:
        erp = stack.enter_context(_closing(show.serve(state=state / f"{kind}.sqlite")))
        platform = stack.enter_context(_closing(serve_zigzag(state=state / "zigzag.sqlite")))
        os.environ["BACKHAUL_ERP_URL"] = erp.base_url + show.path
        os.environ["BACKHAUL_ERP_TOKEN_URL"] = f"{erp.base_url}/demo/oauth2/v2.0/token"
        os.environ.setdefault("BACKHAUL_ERP_SECRET", "secret")
        os.environ.setdefault("BACKHAUL_ZIGZAG_SECRET", secrets.token_hex(16))
        settings = Settings.from_env({
            **os.environ, "BACKHAUL_DATABASE_URL": database or f"sqlite:///{state / 'backhaul.sqlite'}",
            "BACKHAUL_PROFILE": str(examples() / "profiles" / show.profile), "BACKHAUL_STATE_DIR": str(state),
        })
        show.load(erp.base_url, data)
        house = build(settings)
        stack.callback(house.close)
        if real_time:
            profile = house.profiles[TENANT]
            house.profiles = {TENANT: replace(profile, rules=replace(profile.rules, window=Window(close=Close.AT_ONCE), windows={}))}
        if mode:
            in_mode(house, show, mode)
        with house.store.begin() as tx:
            tx.remember(TENANT, MEMORY, {"kind": kind, "mode": mode, "state": str(state), "erp": erp.base_url})
        employ(house.store, TENANT, datetime.combine(FIRST, time(0), tzinfo=UTC))
        passphrase = secrets.token_urlsafe(9)
        sign_in = replace(house.settings.sign_in, passphrase=Secret("env:DEMO", {"DEMO": passphrase}), production=False)
        web = stack.enter_context(_closing(serve(create_app(house, sign_in=sign_in), "127.0.0.1", port)))
        stage = Stage(show=show, house=house, erp=erp.base_url, platform=platform.base_url, web=web, passphrase=passphrase,
                      wire=stack.enter_context(httpx.Client(timeout=PATIENCE, trust_env=False)))
        start = datetime.combine(FIRST, time(0), tzinfo=UTC).isoformat()
        stage.control(stage.erp, "clock", {"now": start})
        stage.control(stage.platform, "load", {
            "folder": str(data), "seed": 7, "retailerCode": "QX501", **({"limit": limit} if limit else {})})
        stage.control(stage.platform, "subscribe", {
            "url": f"{web.base_url}/hooks/zigzag/{house.profiles[TENANT].sources[0].name}", "shape": "typed",
            "auth": {"kind": "hmac", "secret": os.environ["BACKHAUL_ZIGZAG_SECRET"]}})
        house.desk(TENANT, "gb01")
        stage.control(stage.erp, "calls/reset", {})
        yield stage


def in_mode(house: House, show: Show, mode: str) -> None:
    """Deploy the demo's legal entities in another mode than the profile's."""
    profile = house.profiles[TENANT]
    entities = tuple(replace(entity, deployment=mode) for entity in profile.rules.entities)
    house.profiles = {TENANT: replace(profile, rules=show.suited(replace(profile.rules, entities=entities)))}


@contextmanager
def _closing(running: Any) -> Iterator[Any]:  # noqa: ANN401  three kinds of server with one habit
    try:
        yield running
    finally:
        running.close()


def play(stage: Stage, turn: Callable[[str, datetime], Any], tell: Tell, *, last: date = LAST) -> None:
    """Let the days pass: the ERP's night jobs, the platform's events and payouts, then Backhaul's turn; finance ends every month."""
    days = (last - FIRST).days + 1
    paid_until, settled = datetime.combine(FIRST, time(0), tzinfo=UTC), set[tuple[str, str]]()
    for number in range(days):
        now = datetime.combine(FIRST + timedelta(days=number), EVENING, tzinfo=UTC)
        stage.control(stage.erp, "clock", {"now": now.isoformat()})
        stage.control(stage.platform, "clock", {"now": now.isoformat()})
        paid_until = _pay(stage, paid_until, now)
        turn(TENANT, now)
        if (now + timedelta(days=1)).day == 1:
            settled |= _settle(stage, now, settled)
        tell(f"{now:%d %b %Y}", number + 1, days)


def _pay(stage: Stage, since: datetime, now: datetime) -> datetime:
    """Let the shop's payment process book the refunds it paid early; that is never Backhaul's to do."""
    paid = stage.control(stage.platform, f"payouts?since={since:%Y-%m-%dT%H:%M:%SZ}&until={now:%Y-%m-%dT%H:%M:%SZ}")
    if paid:
        stage.control(stage.erp, "payouts", {"payouts": [
            {"legalEntity": stage.show.company, "customer": each["customer"] or "WALKIN-GB", "reference": each["reference"],
             "amount": each["amount"], "currency": each["currency"], "date": each["paidAt"], "booking": "clearing"}
            for each in paid]})
    return now


def _settle(stage: Stage, now: datetime, settled: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Let finance book the settlements that are proposed and not booked yet; give them by payment and credit note."""
    proposed = {(payment["reference"], each["document"]): each["amount"]
                for payment in payments(stage.house, TENANT, now) for each in payment["settlements"]}
    for reference, document in sorted(proposed.keys() - settled):
        stage.control(stage.erp, "settlements", {"legalEntity": stage.show.company, "payout": reference, "creditNote": document,
                                                 "amount": proposed[reference, document]})
    return {*proposed}


def run(state: Path, tell: Tell, *, database: str | None = None, port: int = 0, compare: bool = True,  # noqa: PLR0913
        kind: str = "finance-scm", mode: str = "", data: Path | None = None,
        stay: Callable[[Stage, Mapping[str, Any]], None] | None = None) -> Mapping[str, Any]:
    """Play the whole demo and give its summary, or that of other `data` of its form; `stay` keeps it running afterwards."""
    real_time = _compare(state.parent / f"{state.name}-real-time", tell, kind, mode) if compare else None
    last = _end_of(data) if data else LAST
    data = data or examples() / "online-retail"
    with set_stage(state, database=database, port=port, kind=kind, mode=mode, data=data) as stage:
        with Engine(f"sqlite:///{state / 'engine.sqlite'}", worker.steps(stage.house)) as engine:
            play(stage, engine.turn, tell, last=last)
        summary = summarise(stage, data, now=datetime.combine(last, EVENING, tzinfo=UTC))
        if real_time:
            summary["real_time"] = {
                **real_time, "credit_vouchers_per_100_of_the_same_in_windows": vouchers_per_100(stage, real_time["refs"])}
            del summary["real_time"]["refs"]
        else:
            summary["real_time"] = None
        if stay:
            stay(stage, summary)
        return summary


def _end_of(data: Path) -> date:
    return max(datetime.fromisoformat(line["InvoiceDate"]).date() for line in lines_of(data)) + SETTLED


def _compare(state: Path, tell: Tell, kind: str, mode: str = "") -> Mapping[str, Any]:
    """Run the first returns one by one instead of in windows, to show what real time costs."""
    with set_stage(state, limit=SAMPLE, real_time=True, kind=kind, mode=mode) as stage:
        play(stage, lambda tenant, now: worker.turn(stage.house, tenant, now),
             lambda what, done, of: tell(f"real time: {what}", done, of), last=FIRST + timedelta(days=75))
        calls = stage.control(stage.erp, "calls")["counted"]
        with stage.house.store.begin() as tx:
            refs = sorted(tx.cases(TENANT))
        return {"returns": len(refs), "erp_calls": calls, "erp_calls_per_return": round(calls / len(refs), 3),
                "credit_vouchers_per_100_returns": vouchers_per_100(stage, refs), "refs": refs}


def vouchers_per_100(stage: Stage, refs: Sequence[str]) -> float:
    """Count the ledger vouchers of the credit notes for these returns, per 100 of them."""
    with stage.house.store.begin() as tx:
        rows = [row for kept in tx.postings(TENANT, refs).values() for row in kept]
    vouchers = {row.document.voucher for row in rows if row.document and isinstance(row.posting.document, CreditNote)}
    return round(100 * len(vouchers - {""}) / len(refs), 1)
