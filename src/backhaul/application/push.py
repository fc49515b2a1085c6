"""Tell the platform what is on sale and what may not be returned, so that portal and ERP agree.

The wanted state is computed anew from the ERP, compared with what the platform confirmed, and what differs is sent as absolute values.
Before a block leaves, what the platform holds of it is remembered as unknown; an answer of success makes it known. So whatever is lost,
the answer or this process, the present values are sent again later, and again is harmless.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from backhaul.application.ports import Erp, PlatformApi, Store, Tx
from backhaul.domain.errors import BackhaulError, RetryLater
from backhaul.domain.exception_case import Finding
from backhaul.domain.money import Money
from backhaul.domain.pushing import Row, Told, blocks, omitted, returnable_rows, stock_rows, untold, with_told
from backhaul.domain.returns import NOTHING, fold
from backhaul.domain.rules import Rules

STOCK_BLOCK: Final = 500
"""So many rows of stock go in one request; the platform's own limit is not public."""
NAMED: Final = 20
"""So many products one finding names; the others are counted."""
PRODUCT_BLOCK: Final = 40
"""The platform takes no more (facts/zigzag 3.3)."""
PRODUCTS: Final = "products"
"""What an exception about the platform's list is about, beside one about the push itself."""
SOON: Final = timedelta(minutes=5)
"""A push that was not whole is tried again after this, unless the platform asked for more or it is due sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPlan:
    """The profile's choice: what is told, of which SKUs, how often, and for each retailer which warehouse is which.

    `listed` is the look-up that lists products that may not be returned; `returnable_field` where an item says so, or nothing.
    """

    retailers: Mapping[str, Mapping[str, str]]
    stock: bool = True
    non_returnable: bool = False
    skus: tuple[str, ...] = ()
    seen: timedelta = timedelta(days=90)
    countries: tuple[str, ...] = ()
    message_key: str = ""
    country_field: str = "countryIso2Code"
    listed: str = ""
    returnable_field: str = "isReturnable"
    every: timedelta = timedelta(hours=1)
    alarm: timedelta = timedelta(hours=6)


@dataclass(slots=True, kw_only=True)
class Pushed:
    """What one push came to, or would. Of products an answer of success does not say that each row was taken: a list says so, if asked.

    `omitted` is None while nobody compared.
    """

    retailer: str
    stock: Sequence[Row] = ()
    products: Sequence[Row] = ()
    sent: int = 0
    unknown: tuple[str, ...] = ()
    omitted: Sequence[Row] | None = None
    complete: bool = False
    sentence: str = ""
    after_seconds: float = 0
    stopped: bool = False

    def told(self) -> Mapping[str, Any]:
        """Say it in plain values."""
        return {"retailer": self.retailer, "complete": self.complete, "sent": self.sent, "unknown_skus": list(self.unknown),
                "stock": [{"sku": row.sku, "warehouse": row.at, "quantity": row.value} for row in self.stock],
                "products" if self.omitted is not None else "products_not_confirmed_by_row": _plain(self.products),
                "omitted": None if self.omitted is None else _plain(self.omitted), "sentence": self.sentence}


def _plain(products: Sequence[Row]) -> list[Mapping[str, Any]]:
    return [{"sku": row.sku, "country": row.at, "returnable": row.value} for row in products]


def due(store: Store, rules: Rules, retailer: str, now: datetime) -> bool:
    """Tell whether it is time; after a failure too, not before the platform wants to be told."""
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, _name(retailer))
        if _paused(tx, rules, retailer):
            return False
    return "again" not in memory or now >= datetime.fromisoformat(memory["again"])


def work_out(store: Store, erp: Erp, rules: Rules, plan: PushPlan, retailer: str, now: datetime) -> Pushed:  # noqa: PLR0913, PLR0917
    """Compute what differs from what the platform confirmed; nothing is sent and nothing remembered."""
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, _name(retailer))
        skus = _skus(tx, rules, plan, retailer, now) | memory.get("stock", {}).keys() | memory.get("products", {}).keys()
    warehouses = plan.retailers[retailer] if plan.stock else {}
    stock = erp.stock(skus, frozenset(warehouses.values()))
    forbidden: Told = memory.get("products", {})
    products = returnable_rows(stock, skus, plan.countries, forbidden) if plan.non_returnable else []
    return Pushed(retailer=retailer, stock=untold(stock_rows(stock, skus, warehouses), memory.get("stock", {})),
                  products=untold(products, forbidden), unknown=tuple(sorted(stock.unknown)))


def push(store: Store, erp: Erp, api: PlatformApi, rules: Rules, plan: PushPlan, retailer: str, now: datetime, *,  # noqa: PLR0913, PLR0917
         check: Callable[[], None] = lambda: None, actor: str = "backhaul") -> Pushed:
    """Send what differs, block by block; `check` stops a sender whose lease may be over. What stops it is said, remembered and owned."""
    done = Pushed(retailer=retailer)
    try:
        done = work_out(store, erp, rules, plan, retailer, now)
        for block in blocks(done.stock, STOCK_BLOCK):
            check()
            _tell(store, rules, done, "stock", block, lambda rows: api.put_stock(retailer, rows))
        for block in blocks(done.products, PRODUCT_BLOCK):
            check()
            _tell(store, rules, done, "products", block,
                  lambda rows: api.put_returnable(retailer, rows, message_key=plan.message_key, country_field=plan.country_field))
        if plan.non_returnable and plan.listed:
            check()
            _compare(store, api, rules, plan, done)
    except BackhaulError as stopped:
        done.sentence, done.stopped = str(stopped), not isinstance(stopped, RetryLater)
        done.after_seconds = (stopped.after_seconds or 0) if isinstance(stopped, RetryLater) else 0
    else:
        done.complete = True
    with store.begin() as tx:
        _conclude(tx, rules, plan, done, now, actor)
    return done


def _tell(store: Store, rules: Rules, done: Pushed, part: str, rows: Sequence[Row],  # noqa: PLR0913, PLR0917
          send: Callable[[Sequence[Row]], None]) -> None:
    """Send one block between two commits: unknown before, known after."""
    for known in (False, True):
        if known:
            send(rows)
            done.sent += len(rows)
        with store.begin() as tx:
            if not known and _paused(tx, rules, done.retailer):
                message = f"writes are paused for {done.retailer}; the rest is told when two people let them leave again"
                raise RetryLater(message)
            memory = tx.recall(rules.tenant, _name(done.retailer))
            tx.remember(rules.tenant, _name(done.retailer), {**memory, part: with_told(memory.get(part, {}), rows, known=known)})


def _compare(store: Store, api: PlatformApi, rules: Rules, plan: PushPlan, done: Pushed) -> None:
    """Hold what the platform lists against what it was told; what it left out counts as unknown, so it is told again next time."""
    listed = api.listed(plan.listed, done.retailer, country_field=plan.country_field, returnable_field=plan.returnable_field)
    with store.begin() as tx:
        memory = tx.recall(rules.tenant, _name(done.retailer))
        products: Told = memory.get("products", {})
        done.omitted = omitted(products, listed)
        if done.omitted:
            tx.remember(rules.tenant, _name(done.retailer), {**memory, "products": with_told(products, done.omitted, known=False)})


def _skus(tx: Tx, rules: Rules, plan: PushPlan, retailer: str, now: datetime) -> set[str]:
    """Give the SKUs the profile lists, or those in this retailer's returns of the last time; fees are none."""
    if plan.skus:
        return set(plan.skus)
    refs = tx.heard(rules.tenant, now - plan.seen, now + timedelta(seconds=1))
    cases = [fold(ref, facts) for ref, facts in tx.facts(rules.tenant, refs).items()]
    return {line.sku for case in cases if case.retailer == retailer for line in case.lines if line.sku} - rules.fees.keys()


def _conclude(tx: Tx, rules: Rules, plan: PushPlan, done: Pushed, now: datetime, actor: str) -> None:  # noqa: PLR0913, PLR0917
    """Say when to push again, write the trail, and own a failure that lasts or that time does not mend."""
    name = _name(done.retailer)
    memory = tx.recall(rules.tenant, name)
    wait = plan.every if done.complete else max(min(plan.every, SOON), timedelta(seconds=done.after_seconds))
    failing = "" if done.complete else memory.get("failing") or now.isoformat()
    tx.remember(rules.tenant, name, {**memory, "again": (now + wait).isoformat(), "failing": failing})
    if done.sent or not done.complete or done.omitted:
        tx.record(rules.tenant, subject=name, action="push", at=now, actor=actor, detail={
            "sent": done.sent, "stock": len(done.stock), "products": len(done.products), "complete": done.complete,
            "unknown_skus": len(done.unknown), "omitted": len(done.omitted or ()), "sentence": done.sentence})
    if not done.complete and (done.stopped or now - datetime.fromisoformat(failing) >= plan.alarm):
        _own(tx, rules, name, "", Finding(code="PUSH_FAILED", sentence=(
            f"Not everything could be told for {done.retailer} since {failing[:16]} UTC. {done.sentence}")), now)
    if done.omitted:
        told = ", ".join(f"{row.sku}{f' in {row.at}' if row.at else ''} ({'returnable' if row.value else 'not returnable'})"
                         for row in done.omitted[:NAMED])
        _own(tx, rules, name, PRODUCTS, Finding(code="PUSH_OMITTED", line_id=PRODUCTS, sentence=(
            f"{len(done.omitted)} products that were told for {done.retailer} are not listed so: {told}"
            f"{' and others' if len(done.omitted) > NAMED else ''}.")), now)
    stays = {*([] if done.complete else [""]), *([] if done.omitted == [] or not plan.listed else [PRODUCTS])}
    tx.close_exceptions(rules.tenant, name, apart_from=stays, resolution="a push was whole again", at=now)


def _own(tx: Tx, rules: Rules, name: str, part: str, finding: Finding, now: datetime) -> None:  # noqa: PLR0913, PLR0917  private
    tx.open_exception(rules.work(name, finding, part=part, money=Money(amount=NOTHING, currency=""), now=now))


def _paused(tx: Tx, rules: Rules, retailer: str) -> bool:
    """Tell whether no write may leave that is about this retailer's company (INV-32)."""
    entity = rules.entity_of(retailer)
    return tx.paused(rules.tenant, entity.id if entity else "")


def _name(retailer: str) -> str:
    return f"push:{retailer}"
