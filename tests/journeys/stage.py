"""A small world in one process: both emulators, a store, and days that pass when a test says so.

What the platform sends is handed to the store as it is; the webhook has its own tests and the demo goes
through it. Both emulators are real servers on loopback.
"""

import atexit
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec

from backhaul.application import receive
from backhaul.application.ports import Capabilities, KeptException, KeptPosting
from backhaul.application.process import pictures
from backhaul.bootstrap import House
from backhaul.config import Settings
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import RetryLater
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from backhaul.entrypoints.demo.central_world import COMPANY, load_central_world
from backhaul.entrypoints.demo.world import load_world
from backhaul.profile import Profile, load_profile
from backhaul.testing.interrupting import Fuse, InterruptingErp, InterruptingStore
from tests.stores import open_store

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TENANT = "online-retail"
WIRE = httpx.Client(timeout=60, trust_env=False)
"""How a test reaches the emulators; one client, because to open one takes longer than most of what is asked."""
atexit.register(WIRE.close)
FIRST = date(2010, 12, 1)
DAILY = Window(close=Close.DAILY)
MORNING = datetime.combine(FIRST, time(9), tzinfo=UTC)


@dataclass(slots=True)
class World:
    """What one test plays with. `at` is the virtual time; `tell` hands a message to the store as ZigZag would."""

    erp: str
    house: House
    at: datetime = MORNING
    sent: int = 0
    log: list[str] = field(default_factory=list)

    def control(self, path: str, body: Any = None) -> Any:
        """Call the emulated ERP's control endpoint."""
        url = f"{self.erp}/control/{path}"
        answer = WIRE.get(url) if body is None else WIRE.post(url, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def tell(self, *messages: Mapping[str, Any]) -> None:
        """Hand messages in, each as one delivery."""
        parcels = []
        for message in messages:
            self.sent += 1
            body = msgspec.json.encode(message)
            parcels.append(Delivery(tenant=TENANT, source="main", identity=str(message.get("eventId") or self.sent),
                                    body=body, received_at=self.at))
        with self.house.store.begin() as tx:
            receive.keep(tx, parcels)

    def turn(self) -> None:
        """Take one turn now."""
        worker.turn(self.house, TENANT, self.at)

    def arrive(self, **told: Any) -> list[dict[str, Any]]:
        """Let people register awaited return lines in the ERP: all that fit, as the lines say or as told."""
        return list(self.control("arrivals", told)["registered"])

    def arm(self, kind: str, **more: Any) -> None:
        """Let the emulated ERP misbehave from here on, as told."""
        self.control("faults", {"kind": kind} | more)

    def later(self, minutes: int = 1) -> None:
        """Let minutes pass, then our turn; work that must wait for the ERP (`RetryLater`) waits for the next turn, as in the service."""
        self.at += timedelta(minutes=minutes)
        self.control("clock", {"now": self.at.isoformat()})
        with suppress(RetryLater):
            self.turn()

    def pass_evenings(self, days: int = 1, *, turns: int = 4) -> None:
        """Let evenings come with several turns in each, a quarter of an hour apart."""
        for _ in range(days):
            self.at = datetime.combine(self.at.date() + timedelta(days=1), time(18, 15), tzinfo=UTC)
            for _ in range(turns):
                self.later(15)

    def _signed_in(self) -> dict[str, str]:
        token = WIRE.post(f"{self.erp}/demo/oauth2/v2.0/token", data={
            "grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{self.erp}/.default"})
        return {"Authorization": f"Bearer {token.json()['access_token']}"}

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Read all rows of one of the ERP's sets, signed in as somebody else than Backhaul."""
        answer = WIRE.get(f"{self.erp}/data/{entity}?cross-company=true", headers=self._signed_in())
        assert answer.status_code == 200, answer.text
        return list(msgspec.json.decode(answer.content, type=dict[str, Any])["value"])

    def write(self, entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Write a row into one of the ERP's sets by hand."""
        answer = WIRE.post(f"{self.erp}/data/{entity}?cross-company=true", json=dict(row), headers=self._signed_in())
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def postings(self) -> list[KeptPosting]:
        """Give all postings of all returns."""
        with self.house.store.begin() as tx:
            return [row for rows in tx.postings(TENANT, sorted(tx.cases(TENANT))).values() for row in rows]

    def open(self) -> list[KeptException]:
        """Give the open exceptions, oldest first."""
        with self.house.store.begin() as tx:
            return list(tx.exceptions(TENANT))

    def placed(self) -> dict[str, Decimal]:
        """Say where the money of all returns is, by place; empty places are left out."""
        rules = self.house.profiles[TENANT].rules
        with self.house.store.begin() as tx:
            known = pictures(tx, rules, sorted(tx.cases(TENANT)))
        sums: dict[str, Decimal] = {}
        for picture in known.values():
            for each in picture.placements(rules, self.at):
                sums[each.where.value] = sums.get(each.where.value, Decimal(0)) + each.net
        return {name: amount for name, amount in sorted(sums.items()) if amount}

    def state(self, ref: str) -> str:
        """Say how far we have come with a return."""
        with self.house.store.begin() as tx:
            return str(tx.cases(TENANT, [ref])[ref].state.value)

    def change_rules(self, **more: Any) -> None:
        """Let another profile version hold from here on, as after a restart."""
        profile = self.house.profiles[TENANT]
        rules = replace(profile.rules, **more)
        self.house.profiles = {TENANT: replace(profile, rules=rules)}
        self.house.adopt(replace(self.house.desk(TENANT, "gb01"), rules=rules))

    def ask_anew(self) -> None:
        """Let the adapter keep no master data, so that what a person mends in the ERP counts at the next window, not a day later."""
        erp: Any = self.house.desk(TENANT, "gb01").erp
        erp.masters.told = replace(erp.told, master_ttl=0)

    def pass_days(self, days: int = 1) -> None:
        """Let evenings come: the ERP's jobs of the night before, then our turn."""
        for _ in range(days):
            self.at = datetime.combine(self.at.date() + timedelta(days=1), time(18, 30), tzinfo=UTC)
            self.control("clock", {"now": self.at.isoformat()})
            self.turn()

    @property
    def ledgers(self) -> Mapping[str, Any]:
        """Read the ERP's ledgers."""
        return dict(self.control("ledgers"))

    @property
    def credits(self) -> list[tuple[str, Decimal, Decimal]]:
        """Give what the ERP credited: item, units, net, sorted."""
        return sorted((line["item"], -Decimal(str(line["quantity"])), -Decimal(str(line["net"])))
                      for note in self.ledgers["creditNotes"] for line in note["lines"])

    def exceptions(self) -> dict[str, int]:
        """Count the open exceptions by kind."""
        with self.house.store.begin() as tx:
            kinds = [row.case.kind for row in tx.exceptions(TENANT)]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def line(sku: str, quantity: int, price: str, *, order: str | None = "500001", received: int | None = None,
         grades: Sequence[tuple[str, str, int, bool]] | None = None, reason: str = "Changed my mind") -> dict[str, Any]:
    """Write one line of a message; a grade is condition, disposition, quantity, accepted."""
    return {"sku": sku, "description": f"{sku}, a thing", "quantity": quantity, "unitPrice": price, "orderNumber": order,
            "reason": reason, "option": "REFUND", "quantityReceived": received,
            "grades": None if grades is None else [
                {"condition": condition, "disposition": disposition, "quantity": units, "outcome": "ACCEPTED" if yes else "REJECTED"}
                for condition, disposition, units, yes in grades]}


def message(ref: str, kind: str, sequence: int, lines: Sequence[Mapping[str, Any]], *, at: datetime, customer: str | None = "10001",
            warehouse: str = "GB-DC-01", **more: Any) -> dict[str, Any]:
    """Write one message of the emulated platform's typed shape."""
    return {"eventId": f"{ref}-{sequence}-{kind}", "eventType": kind, "occurredAt": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "sequence": sequence,
            "retailerCode": "QX501",
            "return": {"returnId": ref, "status": "REGISTERED", "customer": customer, "country": "United Kingdom", "currency": "GBP",
                       "warehouseDC": warehouse, "test": False, "lines": list(lines), "refund": None} | more}


def life(ref: str, lines: Sequence[Mapping[str, Any]], *, at: datetime, customer: str | None = "10001",
         warehouse: str = "GB-DC-01") -> list[dict[str, Any]]:
    """Write a return's whole life: created, received, inspected, completed."""
    bare = [each | {"quantityReceived": None, "grades": None} for each in lines]
    counted = [each | {"grades": None} for each in lines]
    stages = (("ReturnCreated", bare), ("ParcelReceived", counted), ("ReturnInspected", lines), ("ReturnCompleted", lines))
    return [message(ref, kind, number, told, at=at + timedelta(hours=number), customer=customer, warehouse=warehouse)
            for number, (kind, told) in enumerate(stages, start=1)]


COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country", "match",
           "OrigInvoiceNo", "OrigQuantity", "OrigUnitPrice", "OrigInvoiceDate")


def sold(erp: str, folder: Path, *sales: tuple[str, str, int, str], company: str = "gb01", loader: Callable[..., Any] = load_world) -> None:
    """Load master data and original sales (order, SKU, quantity, price) into the ERP, by the demo's own loader."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "credit-lines.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for number, (order, sku, quantity, price) in enumerate(sales):
            for customer in ("10001", "10002"):
                rows.writerow({
                    "InvoiceNo": f"C{number}{customer}", "StockCode": sku, "Description": f"{sku}, a thing", "Quantity": -quantity,
                    "InvoiceDate": "2010-12-01 09:00:00", "UnitPrice": price, "CustomerID": customer, "Country": "United Kingdom",
                    "match": "exact_price", "OrigInvoiceNo": order if customer == "10001" else "", "OrigQuantity": quantity,
                    "OrigUnitPrice": price, "OrigInvoiceDate": "2010-11-20 09:00:00"})
    loader(erp, folder, company=company)


PROBED: dict[str, dict[tuple[str, str], Capabilities]] = {}
"""What the emulated ERP can do in each deployment mode is probed once for all tests; it has tests of its own."""


def sold_centrally(erp: str, folder: Path, *more: tuple[str, str, int, str], paid: bool = True) -> None:
    """Empty an emulated Business Central, set it up for every mode and load the usual sales, and more; a web shop's are paid."""
    WIRE.post(f"{erp}/control/reset", json={}).raise_for_status()
    WIRE.post(f"{erp}/control/seed", json={"settings": {"salesPaid": paid}, "rows": {}}).raise_for_status()
    sold(erp, folder, ("500001", "TEA", 10, "4.25"), ("500001", "CUP", 6, "2.95"), ("500002", "POT", 4, "12.50"), *more,
         company=COMPANY, loader=load_central_world)
    WIRE.post(f"{erp}/control/seed", json={"settings": {"now": "2010-12-01T08:00:00Z", "extension": True}, "rows": {
        "returnReasons": [{"code": "BACK"}, {"code": "WASTE", "inventoryValueZero": True}],
        "jobQueueEntries": [{"objectTypeToRun": "Report", "objectIdToRun": 6655}]}}).raise_for_status()


CENTRAL = "/v2.0/demo/production"
"""Where an emulated environment of Business Central is, below its host."""


def reaching(erp: str, kind: str) -> dict[str, str]:
    """Give the environment from which an emulated ERP is reached."""
    return {"BACKHAUL_ERP_URL": erp + (CENTRAL if kind == "business-central" else ""), "BACKHAUL_ERP_SECRET": "secret",
            "BACKHAUL_ERP_TOKEN_URL": f"{erp}/demo/oauth2/v2.0/token", "BACKHAUL_ZIGZAG_SECRET": "0" * 32}


@cache
def example(erp: str, kind: str) -> Profile:
    """Read the example's profile for an ERP, once for all tests: nobody can change a profile, and reading has tests of its own."""
    name = "online-retail-business-central.toml" if kind == "business-central" else "online-retail.toml"
    return load_profile(EXAMPLES / "profiles" / name, reaching(erp, kind))


def open_world(erp: str, url: str, *, window: Window | None = None, fuse: Fuse | None = None, mode: str = "A",
               kind: str = "finance-scm") -> World:
    """Open a house on a store and an emulated ERP in a deployment mode; with a fuse, it can die at any port call or commit."""
    store = open_store(url)
    profile = example(erp, kind)
    if window:
        profile = replace(profile, rules=replace(profile.rules, window=window))
    entities = tuple(replace(entity, deployment=mode) for entity in profile.rules.entities)
    profile = replace(profile, rules=replace(profile.rules, entities=entities, accounts={}))
    house = House(settings=Settings.from_env({"BACKHAUL_DATABASE_URL": url} | reaching(erp, kind)), store=store, profiles={TENANT: profile},
                  capabilities=PROBED.setdefault(f"{kind} {mode}", {}))
    if fuse:
        house.store = InterruptingStore(store, fuse)  # type: ignore[assignment]  # a wrapper is a store as well
        desk = house.desk(TENANT, "gb01")
        house.adopt(replace(desk, erp=InterruptingErp(desk.erp, fuse), store=house.store))
    return World(erp=erp, house=house)


def evenings(world: World, days: int) -> Iterator[datetime]:
    """Pass days one by one."""
    for _ in range(days):
        world.pass_days()
        yield world.at
