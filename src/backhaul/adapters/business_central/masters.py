"""What do the masters and posted invoices of a company say?

One `$batch` of GETs answers a set of questions, a second one asks what the invoices it found lead to: what their goods cost, and what
somebody else credited of them. Items, customers and places are kept for a while, items and customers until they change, which the same
batch asks; what the ERP did not have is asked again each time, invoices are never kept (facts/business-central 3.1, 3.2 and 3.4).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from backhaul.adapters.business_central import wire
from backhaul.adapters.business_central.central import Ask, Central
from backhaul.adapters.business_central.changed import Changed
from backhaul.adapters.business_central.wire import NO_BIN, VARIANT, Invoice, Settings, plain
from backhaul.adapters.odata import Row, day_of, number
from backhaul.domain.disposition import Place
from backhaul.domain.period_status import Status, Told
from backhaul.domain.posting import ErpItem, is_mark
from backhaul.domain.tax import TaxSpan, TaxTable
from backhaul.domain.validation import (
    NEWEST,
    OF_ITEM,
    Customer,
    Item,
    ItemState,
    MasterData,
    Questions,
    Sale,
    SaleLine,
    Span,
)

ITEMS: Final = "items"
VARIANTS: Final = "itemVariants"
CUSTOMERS: Final = "customers"
LOCATIONS: Final = "locations"
TAX_AREAS: Final = "taxAreas"
REASONS: Final = "customerReturnReasons"
SHIPMENTS: Final = "salesShipments"
STOCK: Final = "itemLedgerEntries"
SETUP: Final = "generalLedgerSetup"
PERIODS: Final = "accountingPeriods"
SOLD: Final = frozenset({"Open", "Paid"})
"""States of an invoice that stands: a draft sold nothing yet, a cancelled or corrective one nothing any more."""
UNDONE: Final = frozenset({"Canceled", "Corrective"})
COLUMNS: Final = {
    ITEMS: ("id", "number", "displayName", "type", "blocked", "gtin", "unitPrice", "baseUnitOfMeasureCode", "taxGroupCode",
            "lastModifiedDateTime"),
    CUSTOMERS: ("id", "number", "blocked", "taxAreaId", "currencyCode", "lastModifiedDateTime"),
    LOCATIONS: ("id", "code"), TAX_AREAS: ("id", "code"), REASONS: ("id", "code"),
    SHIPMENTS: ("id", "number", "externalDocumentNumber", "orderNumber", "customerPurchaseOrderReference"),
    STOCK: ("entryNumber", "itemNumber", "postingDate", "entryType", "documentType", "documentNumber", "quantity", "costAmountActual"),
    SETUP: ("id", "allowPostingFrom", "allowPostingTo", "localCurrencyCode"),
    PERIODS: ("id", "startingDate", "name", "closed", "dateLocked"),
}
OPTIONAL: Final = frozenset({TAX_AREAS})
"""Without them a customer's rates are known from its own invoices alone."""
NOWHERE: Final = "00000000-0000-0000-0000-000000000000"
ONE: Final = timedelta(days=1)


@dataclass(slots=True)
class Masters:
    """The masters of one company, with their age."""

    central: Central
    told: Settings
    rates: bool = False
    """Whether the profile tells rates of its own, so that those of posted invoices are not wanted."""
    clock: Callable[[], float] = time.monotonic
    items: dict[str, tuple[float, Item]] = field(default_factory=dict)
    customers: dict[str, tuple[float, Customer]] = field(default_factory=dict)
    lists: tuple[float, dict[str, dict[str, str]]] | None = None
    variants: dict[tuple[str, str], str] = field(default_factory=dict)
    """Ids of variants, by item and code."""
    changed_items: Changed = field(default_factory=lambda: Changed(entity_set=ITEMS, names=("number", "gtin")))
    changed_customers: Changed = field(default_factory=lambda: Changed(entity_set=CUSTOMERS, names=("number",)))

    def answer(self, questions: Questions) -> MasterData:
        """Answer with what is young enough and two batches at most for the rest; raise `RetryLater` when that is not whole.

        A third one reads what the first said was changed, of what is asked about.
        """
        sold, left_out = self._sold_between(questions.sold)
        questions = replace(questions, orders=questions.orders | self._bought(questions.buyers) | sold)
        oldest = self.clock() - self.told.master_ttl
        items = questions.items - {name for name, (at, _) in self.items.items() if at > oldest}
        customers = questions.customers - {name for name, (at, _) in self.customers.items() if at > oldest}
        stale = self.lists is None or self.lists[0] <= oldest
        asked = [
            *self._about(items, customers), self._sold(questions.orders), self._shipped(questions.orders),
            Ask(entity_set=SETUP, select=COLUMNS[SETUP]), Ask(entity_set=PERIODS, select=COLUMNS[PERIODS]),
            *([Ask(entity_set=name, select=COLUMNS[name]) for name in (LOCATIONS, TAX_AREAS, REASONS)] if stale else [])]
        news = [(each, ask) for each in (self.changed_items, self.changed_customers) for ask in each.ask()]
        rows = self.central.read([*asked, *(ask for _, ask in news)], optional=OPTIONAL)
        if stale:
            self._keep_lists(rows[6:9])
        for (each, _), shown in zip(news, rows[len(asked):], strict=True):
            self._forget(each, each.news(shown))
        self._keep(items, rows[0], rows[1])
        changed = questions.items - items - set(self.items), questions.customers - customers - set(self.customers)
        if any(changed):
            self._keep(changed[0], *self.central.read(self._about(*changed)))
        invoices = [row for row in rows[2] if plain(row.get("status")) in SOLD]
        sales = self._sales(questions, invoices, rows[3])
        return replace(self._told(questions, sales, self._taxes(invoices), books(rows[4], rows[5])), left_out=left_out)

    def _sold_between(self, span: Span | None) -> tuple[frozenset[str], bool]:
        """Name the orders by which an item went out on these days, the newest entries of them, and say whether there are more.

        Lines of invoices can only be asked for below their invoice; an item ledger entry names its item, its day and its document,
        which is the shipment, or the invoice where there is none (facts/business-central 10).
        """
        if span is None:
            return frozenset(), False
        if span.item not in self.items:  # what it is called in the ERP
            self._keep({span.item}, *self.central.read(self._about({span.item}, ())))
        item = self.items[span.item][1].erp if span.item in self.items else None
        days = f"postingDate ge {span.first.isoformat()} and postingDate le {span.last.isoformat()}"
        (entries,) = self.central.read([Ask(
            entity_set=STOCK, select=COLUMNS[STOCK], where=days, column="itemNumber", values=(item.number if item else span.item,),
            order="postingDate desc", top=OF_ITEM + 1)])
        gone = tuple({str(row["documentNumber"]) for row in entries[:OF_ITEM]
                      if plain(row.get("entryType")) == "Sale" and number(row.get("quantity")) < 0})
        shipped, invoiced = self.central.read([Ask(entity_set=SHIPMENTS, select=COLUMNS[SHIPMENTS], column="number", values=gone),
                                               self._invoiced("number", gone)])
        named = self.told.order_field
        if named == "number":  # an order is called as its invoice is, which a shipment does not name
            (more,) = self.central.read([self._invoiced("orderNumber", {str(row.get("orderNumber") or "") for row in shipped} - {""})])
            shipped, invoiced = [], [*invoiced, *more]
        orders = {str(row.get(named) or row.get("orderNumber") or "") for row in (*shipped, *invoiced)}
        return frozenset(orders - {""}), len(entries) > OF_ITEM

    def _invoiced(self, column: str, values: Iterable[str]) -> Ask:
        return Ask(entity_set=wire.INVOICES, select=wire.SELECT[wire.INVOICES], column=column, values=tuple(values))

    def _bought(self, buyers: frozenset[str]) -> frozenset[str]:
        """Name the orders of the newest posted invoices of these accounts; asked for each time, as orders are."""
        if not buyers:
            return frozenset()
        (rows,) = self.central.read([Ask(entity_set=wire.INVOICES, select=wire.SELECT[wire.INVOICES], column="customerNumber",
                                         values=tuple(sorted(buyers)))])
        newest = sorted(rows, key=lambda row: (str(row.get("invoiceDate")), str(row["number"])), reverse=True)
        return frozenset(str(row.get(self.told.order_field) or "") for row in newest[:NEWEST]) - {""}

    def _about(self, items: Iterable[str], customers: Iterable[str]) -> list[Ask]:
        column = "gtin" if self.told.sku == "gtin" else "number"
        wanted = {self._apart(name)[0] for name in items}
        return [Ask(entity_set=ITEMS, select=COLUMNS[ITEMS], column=column, values=tuple(wanted), expand=VARIANTS),
                Ask(entity_set=CUSTOMERS, select=COLUMNS[CUSTOMERS], column="number", values=tuple(customers))]

    def _sold(self, orders: Iterable[str]) -> Ask:
        return Ask(entity_set=wire.INVOICES, select=wire.SELECT[wire.INVOICES], column=self.told.order_field, values=tuple(orders),
                   expand=wire.LINES_OF[wire.INVOICES])

    def _shipped(self, orders: Iterable[str]) -> Ask:
        told = self.told.order_field
        return Ask(entity_set=SHIPMENTS, select=COLUMNS[SHIPMENTS], column="orderNumber" if told == "number" else told,
                   values=tuple(orders))

    # what is kept

    def _keep(self, names: Iterable[str], items: Sequence[Row], customers: Sequence[Row]) -> None:
        self._keep_items(names, items)
        self._keep_customers(customers)
        self.changed_items.keep(items)
        self.changed_customers.keep(customers)

    def _forget(self, of: Changed, changed: set[str]) -> None:
        """Drop what is kept of records that changed: an item by what it is called here, by its number, and by the barcode it has now."""
        if of is self.changed_customers:
            self.customers = {name: kept for name, kept in self.customers.items() if name not in changed}
            return
        self.items = {name: (at, item) for name, (at, item) in self.items.items()
                      if changed.isdisjoint({self._apart(name)[0], item.erp.number if item.erp else name, *item.also})}

    def _keep_lists(self, rows: Sequence[Sequence[Row]]) -> None:
        ids = {name: {str(row["code"]): str(row["id"]) for row in each if row.get("code")}
               for name, each in zip((LOCATIONS, TAX_AREAS, REASONS), rows, strict=True)}
        self.lists = self.clock(), ids

    def list_of(self, name: str) -> dict[str, str]:
        """Give the ids of locations, tax areas or reasons by code; they are read when nobody has yet."""
        if self.lists is None:
            self.answer(Questions(legal_entity=self.told.company))
        return self.lists[1][name] if self.lists else {}

    def location_of(self, identity: str) -> str:
        """Give the code of a location by its id, empty for none."""
        return next((code for code, each in self.list_of(LOCATIONS).items() if each == identity), "")

    def _apart(self, sku: str) -> tuple[str, str]:
        """Take a SKU apart into item and variant, where SKUs are written so."""
        item, _, variant = sku.partition(self.told.variant_separator) if self.told.sku == "variant" else (sku, "", "")
        return item, variant

    def _keep_items(self, wanted: Iterable[str], rows: Sequence[Row]) -> None:
        now, by = self.clock(), dict[str, list[Row]]()
        for row in rows:
            by.setdefault(str(row.get("gtin" if self.told.sku == "gtin" else "number")), []).append(row)
            self.variants |= {(str(row["number"]), str(each["code"])): str(each["id"]) for each in row.get(VARIANTS) or ()}
        for name in {*wanted, *by}:
            item, variant = self._apart(name)
            if item in by:
                self.items[name] = now, self._item(name, variant, by[item])

    def _item(self, sku: str, variant: str, rows: Sequence[Row]) -> Item:
        """Say what a SKU names: an item, one of its variants, or several items with one barcode."""
        row = rows[0]
        if len(rows) > 1:
            return Item(number=sku, also=tuple(sorted(str(each["number"]) for each in rows)))
        codes = {str(each.get("code")) for each in row.get(VARIANTS) or ()}
        erp = ErpItem(number=str(row["number"]), dimensions=((VARIANT, variant),) if variant else ())
        return Item(
            number=sku, erp=None if erp == ErpItem(number=sku) else erp,
            state=ItemState.BLOCKED if row.get("blocked") else ItemState.ACTIVE,
            service=plain(row.get("type")) != "Inventory", unit=str(row.get("baseUnitOfMeasureCode") or ""),
            needs_variant=variant not in codes if variant else bool(codes) and self.told.variants_needed,
            tax_group=str(row.get("taxGroupCode") or ""), highest_price=number(row.get("unitPrice")) or None)

    def _keep_customers(self, rows: Sequence[Row]) -> None:
        areas = {identity: code for code, identity in self.list_of(TAX_AREAS).items()}
        for row in rows:
            area = str(row.get("taxAreaId") or "")
            # Blocked for Ship or Invoice, a customer can still be credited (facts/business-central 3.1).
            self.customers[str(row["number"])] = self.clock(), Customer(
                account=str(row["number"]), on_hold=plain(row.get("blocked")) == "All", currency=str(row.get("currencyCode") or ""),
                # Without an area, nothing but the customer's own invoices says how it is taxed.
                tax_group=areas.get(area) or (area if area not in {"", NOWHERE} else str(row["number"])))

    def variant_id(self, item: ErpItem) -> str:
        """Give the id of a variant, empty for an item without; one nobody read yet is asked for."""
        code = dict(item.dimensions).get(VARIANT, "")
        if code and (item.number, code) not in self.variants:
            (rows,) = self.central.read([Ask(entity_set=VARIANTS, select=("id", "itemNumber", "code"), column="itemNumber",
                                             values=(item.number,))])
            self.variants |= {(str(row["itemNumber"]), str(row["code"])): str(row["id"]) for row in rows}
        return self.variants[item.number, code] if code else ""

    # invoices

    def invoices(self, orders: Iterable[str]) -> dict[str, Invoice]:
        """Read the newest posted invoice of each order with its date and what of it is open; asked for each time, for it changes."""
        (rows,) = self.central.read([self._sold(orders)])
        found: dict[str, Invoice] = {}
        for row in sorted(rows, key=lambda row: (str(row.get("invoiceDate")), str(row.get("number")))):
            if plain(row.get("status")) in SOLD:
                rate = max((number(line.get("taxPercent")) for line in row.get(wire.LINES_OF[wire.INVOICES]) or ()), default=Decimal(0))
                found[str(row.get(self.told.order_field))] = Invoice(
                    id=str(row["id"]), number=str(row["number"]), date=str(row.get("invoiceDate") or ""), rate=rate,
                    customer=str(row.get("customerNumber") or ""), currency=str(row.get("currencyCode") or ""),
                    remaining=number(row.get("remainingAmount")))
        return found

    def entries(self, lots: Iterable[str]) -> dict[str, int]:
        """Find the item ledger entry each line of a sale went out by, where only one can be it (facts/business-central 4).

        A shipment's entries name the item and no line; so an item that stands on several lines, or went out in several parts, has none.
        """
        wanted = {number_: lot for lot in lots for number_ in (lot.partition(":")[0],)}
        (invoices,) = self.central.read([Ask(entity_set=wire.INVOICES, select=wire.SELECT[wire.INVOICES], column="number",
                                             values=tuple(wanted), expand=wire.LINES_OF[wire.INVOICES])])
        orders = {str(row.get(self.told.order_field) or "") for row in invoices} - {""}
        (shipments,) = self.central.read([self._shipped(orders)])
        owner = {str(row["number"]): str(row.get(self.told.order_field) or row.get("orderNumber") or "") for row in (*shipments, *invoices)}
        (rows,) = self.central.read([Ask(entity_set=STOCK, select=COLUMNS[STOCK], column="documentNumber", values=tuple(owner))])
        gone: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            if plain(row.get("entryType")) == "Sale" and number(row.get("quantity")) < 0:
                gone.setdefault((owner.get(str(row.get("documentNumber")), ""), str(row.get("itemNumber"))), []).append(row)
        found: dict[str, int] = {}
        for invoice in invoices:
            for line in invoice.get(wire.LINES_OF[wire.INVOICES]) or ():
                mine = gone.get((owner[str(invoice["number"])], str(line.get("lineObjectNumber"))), [])
                if len(mine) == 1 and -number(mine[0].get("quantity")) == number(line.get("quantity")):
                    found[f"{invoice['number']}:{line.get('sequence')}"] = int(mine[0]["entryNumber"])
        return found

    def _sales(self, questions: Questions, invoices: Sequence[Row], shipments: Sequence[Row]) -> dict[str, Sale]:
        """Put the sales together: what was sold at which price and cost, and what somebody else credited of it."""
        numbers = {str(row["number"]) for row in invoices}
        issued = numbers | {str(row["number"]) for row in shipments}
        credited, entries = self.central.read([
            Ask(entity_set=wire.MEMOS, select=wire.SELECT[wire.MEMOS], column="invoiceNumber", values=tuple(numbers),
                expand=wire.LINES_OF[wire.MEMOS]),
            Ask(entity_set=STOCK, select=COLUMNS[STOCK], column="documentNumber", values=tuple(issued))])
        orders = {str(row["number"]): str(row.get(self.told.order_field) or row.get("orderNumber") or "")
                  for row in (*shipments, *invoices)}
        costs, names = _costs(entries, orders), self._names(questions.items)
        sales: dict[str, Sale] = {}
        for row in sorted(invoices, key=lambda row: (str(row.get("invoiceDate")), str(row["number"]))):
            order = str(row.get(self.told.order_field))
            lines = tuple(self._line(row, line, names, costs.get(order, {})) for line in row.get(wire.LINES_OF[wire.INVOICES]) or ()
                          if plain(line.get("lineType")) == "Item" and number(line.get("quantity")) > 0)
            earlier = sales.get(order)
            sales[order] = replace(earlier, lines=(*earlier.lines, *lines)) if earlier else Sale(
                number=order, customer=str(row.get("customerNumber") or ""), currency=str(row.get("currencyCode") or ""), lines=lines,
                sold_on=day_of(row.get("invoiceDate")))
        owner = {str(row["number"]): str(row.get(self.told.order_field)) for row in invoices}
        for memo in credited:
            if not is_mark(str(memo.get("externalDocumentNumber") or "")) and plain(memo.get("status")) not in UNDONE:
                order = owner.get(str(memo.get("invoiceNumber")), "")
                for line in memo.get(wire.LINES_OF[wire.MEMOS]) or () if order in sales else ():
                    sales[order] = _take_back(sales[order], self._sku(line, names), line)
        return sales

    def _names(self, skus: Iterable[str]) -> dict[ErpItem, list[str]]:
        """Say which of these SKUs name an item or variant."""
        names: dict[ErpItem, list[str]] = {}
        for sku in sorted(skus):
            if sku in self.items:
                names.setdefault(self.items[sku][1].erp or ErpItem(number=sku), []).append(sku)
        return names

    def item_of(self, line: Row) -> ErpItem | None:
        """Read which item, and which variant of it, a line is about; None where it is about none."""
        if plain(line.get("lineType")) != "Item":
            return None
        item, variant = str(line.get("lineObjectNumber") or ""), str(line.get("itemVariantId") or "")
        code = next((code for (number_, code), each in self.variants.items() if each == variant and number_ == item), "")
        return ErpItem(number=item, dimensions=((VARIANT, code),) if code else ())

    def _sku(self, line: Row, names: dict[ErpItem, list[str]]) -> str:
        item = self.item_of(line)
        return names.get(item, ["|".join((item.number, *(value for _, value in item.dimensions)))])[0] if item else ""

    def _line(self, invoice: Row, line: Row, names: dict[ErpItem, list[str]], costs: dict[str, Decimal]) -> SaleLine:
        sku = self._sku(line, names)
        item = self.item_of(line)
        return SaleLine(sku=sku, also=tuple(names.get(item, ())[1:]) if item else (), quantity=number(line.get("quantity")),
                        unit_price=_net_price(line, taxed=bool(invoice.get("pricesIncludeTax"))),
                        lot=f"{invoice['number']}:{line.get('sequence')}", unit_cost=costs.get(str(line.get("lineObjectNumber"))),
                        tax_item_group=str(line.get("taxCode") or ""))

    def _taxes(self, invoices: Iterable[Row]) -> TaxTable:
        """Learn rates from the invoices asked about: API v2.0 tells none, but what each line was taxed at (facts/business-central 3.1).

        What is told for a pair of groups on one day holds until another day tells otherwise. A profile with rates of its own is asked
        alone.
        """
        told: dict[tuple[str, str], dict[date, Decimal]] = {}
        for row in () if self.rates else invoices:
            day, customer = day_of(row.get("invoiceDate")), self.customers.get(str(row.get("customerNumber") or ""))
            if day is None or customer is None:
                continue
            for line in row.get(wire.LINES_OF[wire.INVOICES]) or ():
                if line.get("taxCode") and line.get("taxPercent") is not None:
                    told.setdefault((customer[1].tax_group, str(line["taxCode"])), {})[day] = number(line["taxPercent"])
        # A pair nobody told of has a code without a value: its rate is unknown, which is not the same as none.
        groups = {each.tax_group for _, each in self.customers.values()} | {group for group, _ in told}
        items = {each.tax_group for _, each in self.items.values()} | {item for _, item in told}
        return TaxTable(groups={group: frozenset(f"{group}|{item}" for item in items) for group in groups},
                        items={item: frozenset(f"{group}|{item}" for group in groups) for item in items},
                        values={f"{group}|{item}": tuple(_spans(days)) for (group, item), days in told.items()})

    def _told(self, questions: Questions, sales: dict[str, Sale], taxes: TaxTable, periods: Sequence[Told]) -> MasterData:
        """Give the answers; codes that differ only in case or blanks come along as hints, exactness is the judge's."""
        def near(names: Iterable[str]) -> frozenset[str]:
            return frozenset(name.strip().casefold() for name in names)

        items, customers, places = near(questions.items), near(questions.customers), frozenset(self.list_of(LOCATIONS))
        return MasterData(
            items={name: item for name, (_, item) in self.items.items() if name.strip().casefold() in items},
            customers={name: each for name, (_, each) in self.customers.items() if name.strip().casefold() in customers},
            sales=sales, warehouses=places, taxes=taxes, periods=periods, reason_codes=frozenset(self.list_of(REASONS)),
            tax_groups=frozenset(self.list_of(TAX_AREAS)),
            places=frozenset(Place(warehouse=code, location=NO_BIN) for code in places)
            | frozenset(place for place in self.told.bins if place.warehouse in places))


def _spans(days: dict[date, Decimal]) -> Iterable[TaxSpan]:
    """Let each rate hold from the day it was told until another was; the first one for all days before, the last for all after."""
    changes: list[tuple[date | None, Decimal]] = []
    for day, percent in sorted(days.items()):
        if not changes or changes[-1][1] != percent:
            changes.append((day if changes else None, percent))
    for at, (first, percent) in enumerate(changes):
        until = changes[at + 1][0] if at + 1 < len(changes) else None
        yield TaxSpan(percent=percent, first=first, last=until - timedelta(days=1) if until else None)


def books(setup: Sequence[Row], periods: Sequence[Row]) -> Sequence[Told]:
    """Say which days take postings: those of the range of posting dates, whose accounting period belongs to no closed year.

    An accounting period lasts until the next begins; the last one only opens, so that nothing is said of it. A closed year would take
    entries of prior years; nothing of ours is one (facts/business-central 3.1).
    """
    begins = sorted(((day, row) for row in periods if (day := day_of(row.get("startingDate")))), key=lambda each: each[0])
    told = [Told(first=day, last=after - ONE, status=Status.CLOSED if row.get("closed") else Status.OPEN, name=str(row.get("name") or ""))
            for (day, row), (after, _) in pairwise(begins)]
    for row in setup:
        first, last = day_of(row.get("allowPostingFrom")), day_of(row.get("allowPostingTo"))
        told += [Told(first=date.min, last=first - ONE, status=Status.CLOSED, shape=False)] if first else []
        told += [Told(first=last + ONE, last=date.max, status=Status.CLOSED, shape=False)] if last else []
    return told


def _costs(entries: Iterable[Row], orders: dict[str, str]) -> dict[str, dict[str, Decimal]]:
    """Give what a unit cost when it went out, by order and item; an entry without a cost yet says nothing (books 7).

    The entries of API v2.0 name neither variant nor line: an item that is on several lines has the mean of them.
    """
    sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for row in entries:
        quantity, cost = number(row.get("quantity")), number(row.get("costAmountActual"))
        if plain(row.get("entryType")) == "Sale" and quantity < 0 and cost:
            at = (orders.get(str(row.get("documentNumber")), ""), str(row.get("itemNumber")))
            before = sums.get(at, (Decimal(0), Decimal(0)))
            sums[at] = before[0] + quantity, before[1] + cost
    costs: dict[str, dict[str, Decimal]] = {}
    for (order, item), (quantity, cost) in sums.items():
        costs.setdefault(order, {})[item] = cost / quantity
    return costs


def _net_price(line: Row, *, taxed: bool) -> Decimal:
    """Give the price net of discount: the list price where the line amount bears it out within a minor unit, else amount by quantity."""
    listed, units, net = number(line.get("unitPrice")), number(line.get("quantity")), number(line.get("netAmount"))
    return listed if not taxed and abs(listed * units - net) <= Decimal("0.01") else net / units


def _take_back(sale: Sale, sku: str, back: Row) -> Sale:
    """Write a return by hand on the lines of the sale: one at its price first; what is over stays on the last."""
    units, net = number(back.get("quantity")), number(back.get("netAmount"))
    price = net / units if units else Decimal(0)
    lines = list(sale.lines)
    mine = sorted((at for at, line in enumerate(lines) if line.sku == sku), key=lambda at: (lines[at].unit_price != price, at))
    for at in mine:
        line = lines[at]
        share = units if at == mine[-1] else min(units, max(line.quantity - line.returned, Decimal(0)))
        lines[at] = replace(line, returned=line.returned + share, returned_net=line.returned_net + share * price)
        units -= share
    return replace(sale, lines=tuple(lines))
