"""What a test says instead of twenty arguments: a return, what is known of it, and what was decided.

Everything is about one return ``R1`` of customer ``C1``, on its way to warehouse ``GB-DC-01`` of ``gb01``,
in pounds, unless a test says otherwise. Times are counted from `NOON`. Only tests import this module.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias

from backhaul.domain import original
from backhaul.domain.disposition import Circumstance, MappingRow, Outcome, Place, Sellability
from backhaul.domain.facts import (
    Announced,
    AnnouncedLine,
    Correctable,
    Corrected,
    Count,
    Counting,
    Decided,
    Decision,
    Fact,
    Grade,
    Inspected,
    LineRef,
    LinesMinted,
    Progressed,
    Received,
    Refunded,
    Stage,
    Unreadable,
)
from backhaul.domain.money import Money
from backhaul.domain.plan import Plan, derive_postings
from backhaul.domain.posting import ErpDocument, Nature, OrderLine, Posting, PostingKind, Route
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import FeeRule, HistoryPolicy, LegalEntity, Rules
from backhaul.domain.validation import Claims, Customer, Item, MasterData, Matter, Sale, SaleLine, Taken

Number: TypeAlias = Decimal | int | str

REF: Final = "R1"
NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WAREHOUSE: Final = "GB-DC-01"
REASON: Final = "Changed my mind"


def after(days: float = 0, hours: float = 0) -> datetime:
    """Give the moment so long after `NOON`."""
    return NOON + timedelta(days=days, hours=hours)


# --- facts ---------------------------------------------------------------------------------------------


def line(  # noqa: PLR0913  each is named at the call
    sku: str = "MUG", quantity: Number = 1, price: Number | None = "10.00", *, order: str | None = "SO-1",
    line_id: str | None = None, nth: int = 0, reason: str = REASON, description: str = "",
) -> AnnouncedLine:
    """Announce units of a SKU at a net price."""
    units, net = Decimal(quantity), None if price is None else Decimal(price)
    ref = LineRef(sku=sku, line_id=line_id, quantity=units, unit_price=net, order=order, nth=nth)
    return AnnouncedLine(ref=ref, quantity=units, unit_price=net, order=order, reason=reason, description=description)


def announced(*lines: AnnouncedLine, at: datetime = NOON, version: int | None = None, **told: Any) -> Announced:  # noqa: ANN401
    """Say that the customer wants to return these lines."""
    head = {"customer": "C1", "currency": "GBP", "warehouse": WAREHOUSE, "retailer": "QX501", "country": "GB"} | told
    return Announced(return_ref=REF, at=at, version=version, lines=lines or (line(),), **head)


def reached(stage: Stage, at: datetime = NOON) -> Progressed:
    """Say that the return reached a stage."""
    return Progressed(return_ref=REF, at=at, stage=stage)


def about(what: str | AnnouncedLine) -> LineRef:
    """Name a line by its SKU alone, or by all that was announced of it."""
    return LineRef(sku=what) if isinstance(what, str) else what.ref


def received(  # noqa: PLR0913  each is named at the call
    *counts: tuple[str | AnnouncedLine, Number], at: datetime = NOON, event: str = "",
    counting: Counting = Counting.CUMULATIVE, version: int | None = None, parcel: str = "", node: str = "",
) -> Received:
    """Say how many units of which lines were counted on arrival."""
    told = tuple(Count(line=about(what), quantity=Decimal(quantity)) for what, quantity in counts)
    return Received(return_ref=REF, at=at, version=version, event=event, counts=told, counting=counting, parcel=parcel,
                    node=node)


def accepted(what: str | AnnouncedLine = "MUG", quantity: Number = 1, disposition: str = "RESELL", condition: str = "A") -> Grade:
    """Say that units were accepted, in this condition, to go this way."""
    return Grade(line=about(what), quantity=Decimal(quantity), condition=condition, disposition=disposition, accepted=True)


def refused(what: str | AnnouncedLine = "MUG", quantity: Number = 1, disposition: str = "BACK", condition: str = "D") -> Grade:
    """Say that units were refused; they stay the customer's."""
    return Grade(line=about(what), quantity=Decimal(quantity), condition=condition, disposition=disposition, accepted=False)


def inspected(  # noqa: PLR0913  each is named at the call
    *grades: Grade, at: datetime = NOON, event: str = "", counting: Counting = Counting.CUMULATIVE,
    version: int | None = None, parcel: str = "", node: str = "",
) -> Inspected:
    """Say what the warehouse found."""
    return Inspected(return_ref=REF, at=at, version=version, event=event, grades=grades, counting=counting, parcel=parcel, node=node)


def paid(amount: Number = "12.00", at: datetime = NOON, reference: str = "PAY-1") -> Refunded:
    """Say that the shop paid the customer."""
    return Refunded(return_ref=REF, at=at, reference=reference, money=Money(amount=Decimal(amount), currency="GBP"))


def unreadable(sentence: str = "The outcome 'MAYBE' is not in the profile.", at: datetime = NOON) -> Unreadable:
    """Say that a part of a message could not be read."""
    return Unreadable(return_ref=REF, at=at, code="UNREADABLE", sentence=sentence)


def waived(code: str, line_id: str = "MUG#1", at: datetime = NOON) -> Decided:
    """Say that two people let a finding about a line stand."""
    return Decided(return_ref=REF, at=at, decision=Decision.WAIVE, line_id=line_id, code=code, actor="ann", approver="bob",
                   reason="agreed with the customer")


def closed(line_id: str = "MUG#1", at: datetime = NOON) -> Decided:
    """Say that two people closed a line without credit."""
    return Decided(return_ref=REF, at=at, decision=Decision.CLOSE, line_id=line_id, actor="ann", approver="bob", reason="written off")


def claimed(line_id: str = "MUG#1", units: Number = 1, at: datetime = NOON) -> Decided:
    """Say that two people have lost units credited without goods."""
    return Decided(return_ref=REF, at=at, decision=Decision.CLAIM, line_id=line_id, units=Decimal(units), actor="ann", approver="bob",
                   reason="the carrier pays")


def corrected(what: str, told: str, value: str, line_id: str = "MUG#1", at: datetime = NOON) -> Corrected:
    """Say that two people corrected what the messages tell of a line, or of the whole return where no line is named."""
    return Corrected(return_ref=REF, at=at, what=Correctable(what), line_id=line_id, told=told, value=value, actor="ann", approver="bob",
                     reason="the slip in the parcel says so")


def minted(case: ReturnCase, at: datetime = NOON) -> LinesMinted:
    """Record the ids that a case gave its lines, as `process` does."""
    return LinesMinted(return_ref=REF, at=at, lines=case.unminted)


def arrived(*lines: AnnouncedLine, grades: Sequence[Grade], stage: Stage = Stage.INSPECTED) -> tuple[Fact, ...]:
    """Tell a whole return: announced, received in full, inspected like this, and this far by now."""
    lines = lines or (line(),)
    return (announced(*lines), received(*((each, each.quantity) for each in lines), at=after(1)),
            inspected(*grades, at=after(2)), reached(stage, after(2)))


def case_of(*facts: Fact) -> ReturnCase:
    """Fold these facts."""
    return fold(REF, facts)


# --- what was decided ----------------------------------------------------------------------------------


def when(disposition: str = "RESELL", condition: str = "A", reason: str = REASON, warehouse: str = WAREHOUSE) -> Circumstance:
    """Name a circumstance of ``gb01``."""
    return Circumstance(legal_entity="gb01", warehouse=warehouse, disposition=disposition, condition=condition, reason=reason)


def row(what: Circumstance | None = None, location: str = "SALE", outcome: Outcome = Outcome.RESTOCKED,
        **more: Any) -> MappingRow:  # noqa: ANN401
    """Decide that units in a circumstance go to a location of their warehouse."""
    what = what or when()
    decided: dict[str, Any] = {"erp_disposition": "ZCREDIT", "place": Place(warehouse=what.warehouse, location=location)} | more
    return MappingRow(when=what, outcome=outcome, **decided)


MAPPING: Final = (
    row(),
    row(when("OUTLET", "B"), "OUTLET", Outcome.NON_SELLABLE, erp_disposition="ZOUTLET"),
    row(when("QUARANTINE", "C"), "QUAR", Outcome.NON_SELLABLE, erp_disposition="ZQUAR"),
    row(when("SCRAP", "D"), "SCRAP", Outcome.SCRAPPED, erp_disposition="ZSCRAP"),
    row(when("KEEP", "NONE"), "", Outcome.WITHOUT_GOODS, erp_disposition="ZKEEP"),
    row(when("GIFT", "A"), "OUTLET", Outcome.NON_SELLABLE, erp_disposition="ZOUTLET", credit=False),
)
"""Every outcome once, and units that are taken without a credit. DONATE is left out: nobody has decided."""

SELLABILITY: Final = Sellability(places=frozenset({Place(warehouse=WAREHOUSE, location="SALE")}),
                                 dispositions=frozenset({"RESELL"}), conditions=frozenset({"A"}))
HISTORY: Final = HistoryPolicy(version="h1", approved_by="controller", orders=frozenset({"PRE-2025"}), allowance=Decimal(100))
FEES: Final = {"POST": FeeRule(service_item="SVC-CARRIAGE"), "D": FeeRule(service_item="SVC-DISCOUNT"),
               "AMAZONFEE": FeeRule(customer_return=False)}


def entity(**changes: Any) -> LegalEntity:  # noqa: ANN401
    """Give ``gb01``, with changes."""
    told: dict[str, Any] = {
        "id": "gb01", "erp": "finance-scm", "deployment": "A", "currency": "GBP", "zone": "Europe/London", "return_reason": "ZZ",
        "retailers": frozenset({"QX501"}), "warehouses": {WAREHOUSE: WAREHOUSE}, "no_customer_account": "WALKIN",
        "no_customer_limit": Decimal(50)} | changes
    return LegalEntity(**told)


def rules(**changes: Any) -> Rules:  # noqa: ANN401
    """Give what tenant ``shop`` has decided, with changes."""
    told: dict[str, Any] = {"tenant": "shop", "version": "v1", "entities": (entity(),), "mapping": MAPPING, "sellability": SELLABILITY,
                            "fees": FEES, "history": HISTORY} | changes
    return Rules(**told)


ROUTE: Final = Route(
    goods=(PostingKind.ORDER, PostingKind.ORDER_LINE, PostingKind.RECEIPT, PostingKind.ADJUSTMENT, PostingKind.TRANSFER, PostingKind.ISSUE,
           PostingKind.CREDIT_NOTE),
    fees=(PostingKind.FEE_ORDER, PostingKind.FEE_LINE, PostingKind.FEE_RELEASE, PostingKind.FEE_CREDIT_NOTE),
    nature={
        PostingKind.ORDER: Nature.DRAFT, PostingKind.ORDER_LINE: Nature.DRAFT, PostingKind.FEE_ORDER: Nature.DRAFT,
        PostingKind.FEE_LINE: Nature.DRAFT, PostingKind.RECEIPT: Nature.KEYED, PostingKind.ADJUSTMENT: Nature.KEYED,
        PostingKind.TRANSFER: Nature.KEYED, PostingKind.ISSUE: Nature.KEYED,
        PostingKind.FEE_RELEASE: Nature.ONCE, PostingKind.CREDIT_NOTE: Nature.AWAITED, PostingKind.FEE_CREDIT_NOTE: Nature.AWAITED})
"""The documents of Finance & Supply Chain, mode A."""
BY_HAND: Final = replace(ROUTE, nature={**ROUTE.nature, PostingKind.RECEIPT: Nature.AWAITED})
"""The same, where people receive."""
BY_INVOICE: Final = Route(
    goods=(PostingKind.ORDER, PostingKind.ORDER_LINE, PostingKind.RELEASE, PostingKind.CREDIT_NOTE, PostingKind.ISSUE),
    fees=ROUTE.fees, nature={**{kind: nature for kind, nature in ROUTE.nature.items() if kind is not PostingKind.RECEIPT},
                             PostingKind.RELEASE: Nature.KEYED},
    receives=PostingKind.CREDIT_NOTE, writes_off=PostingKind.ISSUE)
"""Orders the invoice receives; their losses are issued after it."""
ROUTES: Final = {"receipt": ROUTE, "by hand": BY_HAND, "by invoice": BY_INVOICE}


def plan(case: ReturnCase, fixed: Iterable[Posting] = (), decided: Rules | None = None, route: Route = ROUTE) -> Plan:
    """Derive what a case wants beyond what is fixed, under these rules."""
    decided = decided or rules()
    return derive_postings(case, decided, decided.entities[0], route, tuple(fixed))


def of_kind(postings: Iterable[Posting], *kinds: PostingKind) -> list[Posting]:
    """Pick the postings of these kinds."""
    return [posting for posting in postings if posting.key.kind in kinds]


def recorded(posting: Posting, **changes: Any) -> ErpDocument:  # noqa: ANN401
    """Give the document an ERP makes that does just what was wanted."""
    line = posting.document
    net = -line.quantity * line.unit_price if isinstance(line, OrderLine) else posting.net
    told: dict[str, Any] = {"number": f"DOC-{posting.key.marker[-4:]}", "net": net, "currency": posting.currency,
                            "quantity": getattr(posting.document, "quantity", None)} | changes
    return ErpDocument(**told)


# --- the ERP's master data -----------------------------------------------------------------------------


def sale(number: str = "SO-1", *lines: SaleLine, **changes: Any) -> Sale:  # noqa: ANN401
    """Say what an original order sold: one mug at ten pounds, unless told."""
    told: dict[str, Any] = {"number": number, "customer": "C1", "currency": "GBP", "lines": lines or (sold(),)} | changes
    return Sale(**told)


def sold(sku: str = "MUG", quantity: Number = 1, price: Number = "10.00", **more: Any) -> SaleLine:  # noqa: ANN401
    """Say that an order sold units at a net price, taxed as `master` has it now."""
    told: dict[str, Any] = {"tax_group": "UK20", "tax_item_group": "FULL"} | more
    return SaleLine(sku=sku, quantity=Decimal(quantity), unit_price=Decimal(price), **told)


def item(number: str = "MUG", **changes: Any) -> Item:  # noqa: ANN401
    """Say what the item master holds."""
    told: dict[str, Any] = {"number": number, "unit": "ea", "tax_group": "FULL", "highest_price": Decimal("15.00")} | changes
    return Item(**told)


def master(*, items: Iterable[Item] | None = None, sales: Iterable[Sale] | None = None, **changes: Any) -> MasterData:  # noqa: ANN401
    """Give an ERP that knows everything the other builders speak of."""
    known = (item(), item("SVC-CARRIAGE", service=True), item("SVC-DISCOUNT", service=True)) if items is None else items
    told: dict[str, Any] = {
        "items": {each.number: each for each in known},
        "sales": {each.number: each for each in ((sale(),) if sales is None else sales)},
        "customers": {name: Customer(account=name, tax_group="UK20", currency="GBP") for name in ("C1", "WALKIN")},
        "warehouses": frozenset({WAREHOUSE}),
        "places": frozenset(replace(each.place, status="") for each in MAPPING if each.place.location),
        "disposition_codes": frozenset(each.erp_disposition for each in MAPPING), "reason_codes": frozenset({"ZZ"})} | changes
    return MasterData(**told)


def matter(  # noqa: PLR0913  each is named at the call
    case: ReturnCase, *, number: int = 0, decided: Rules | None = None, erp: MasterData | None = None,
    claims: Claims | None = None, period: str = "2026-03", posted_on: date | None = None,
) -> Matter:
    """Bring one line of a case before the judge, with the postings it wants."""
    decided, erp, claims = decided or rules(), erp or master(), claims or Claims()
    mine = case.lines[number]
    wanted = [posting for posting in plan(case, decided=decided).postings if posting.line_id == mine.line_id]
    sale_ = erp.sales.get(mine.order or "")
    lots = sale_.of(mine.sku) if sale_ else ()
    taken = {lot: claims.lots.get((mine.order or "", lot), Taken()) for lot in original.names(lots)}
    origin = original.trace(lots, mine.announced, mine.unit_price or Decimal(0), taken, decided.origin) if lots else None
    return Matter(case=case, line=mine, postings=wanted, rules=decided, entity=decided.entities[0], master=erp, claims=claims,
                  period=period, origin=origin, posted_on=posted_on)
