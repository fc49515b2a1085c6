"""What do the ERP's masters and original sales say?

One `$batch` of GETs answers a set of questions, and a second one where SKUs are variants or barcodes: it brings their items. Items,
customers and places are kept for a while (facts/finance-scm 10: masters cost no call per return); what the ERP did not have is asked
again each time, original orders are never kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.adapters.finance_scm import wire
from backhaul.adapters.finance_scm.metadata import described_by
from backhaul.adapters.odata import OData, Query, Row, day_of, number, quoted
from backhaul.domain.disposition import Place
from backhaul.domain.job_schedule import Job, Standing
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

PRODUCTS: Final = "ReleasedProductsV2"
ORDER_SETTINGS: Final = "ProductDefaultOrderSettings"
VARIANTS: Final = "ReleasedProductVariantsV2"
BARCODES: Final = "ProductBarcodesV3"
CODES: Final = {"variant": (VARIANTS, "ProductVariantNumber"), "barcode": (BARCODES, "Barcode")}
"""Where a SKU is looked up that is no item number, by the option `sku`."""
CUSTOMERS: Final = "CustomersV3"
STOCK: Final = wire.STOCK
PERIODS: Final = "FiscalPeriods"
PERIOD_STATUSES: Final = "LedgerFiscalPeriodsV2"
BATCH_JOBS: Final = "BatchJobs"
SHARED: Final[Mapping[str, str]] = {PERIODS: "", PERIOD_STATUSES: "LegalEntityId", BATCH_JOBS: ""}
"""Sets that belong to no company: all periods, all batch jobs, and by which column the status of a ledger's is that of a company."""
STANDINGS: Final = {
    **dict.fromkeys(("Waiting", "Ready", "Executing", "Scheduled"), Standing.PLANNED), "Hold": Standing.WITHHELD, "Error": Standing.FAILED}
"""What a batch job's status says of its next run; every other status is an end."""
STATUSES: Final = {"Open": Status.OPEN, "OnHold": Status.ON_HOLD, "Closed": Status.CLOSED}
NOBODY: Final = "None"
MODULES: Final = {"LedgerAccessLevel": "the ledger", "SalesAccessLevel": "sales", "CustAccessLevel": "customers",
                  "InventAccessLevel": "inventory"}
"""The modules that returns are posted by; one that nobody may post in takes nothing of a period that is open otherwise."""
REASONS: Final = "ReturnReasonCodeBiEntities"
TAX_GROUPS: Final = "TaxGroupDatas"
TAX_ITEM_GROUPS: Final = "TaxItemGroups"
TAX_VALUES: Final = ("TaxCodeValueV2Entity", "TaxCodeValueEntity")
"""Entities of tax rates by date; the name of their set is unknown and asked of the environment (facts/finance-scm 1.5)."""
OPTIONAL: Final = frozenset({
    STOCK, PERIODS, PERIOD_STATUSES, BATCH_JOBS, REASONS, TAX_GROUPS, TAX_ITEM_GROUPS, wire.FREE_TEXT})
"""Sets whose name or reach the facts leave open (1.2, 1.5, 1.6): without them no cost, period status, jobs, reason codes, tax rate or
free text invoices."""
RETURNED: Final = "ReturnOrderLines"
"""Navigation from a return order to its lines, spelt as in fo-odata-contract.json; return-order-v2-schema.json has a small first letter."""
COLUMNS: Final = {
    PRODUCTS: ("dataAreaId", "ItemNumber", "ProductType", "ProductSubType", "ProductLifecycleStateId", "SalesUnitSymbol",
               "InventoryUnitSymbol", "SalesSalesTaxItemGroupCode", "SalesPrice", "ItemModelGroupId"),
    ORDER_SETTINGS: ("dataAreaId", "ItemNumber", "IsSalesProcessingStopped", "IsInventoryProcessingStopped"),
    VARIANTS: ("dataAreaId", "ItemNumber", "ProductVariantNumber", "ProductLifecycleStateId", *wire.PRODUCT),
    BARCODES: ("dataAreaId", "ItemNumber", "Barcode", "ProductQuantityUnitSymbol", "ProductQuantity", *wire.PRODUCT),
    CUSTOMERS: ("dataAreaId", "CustomerAccount", "OnHoldStatus", "SalesTaxGroup", "SalesCurrencyCode"),
    STOCK: wire.SELECT[STOCK],
    PERIODS: ("Calendar", "FiscalYear", "PeriodName", "StartDate", "EndDate", "Type"),
    PERIOD_STATUSES: ("LegalEntityId", "Calendar", "YearName", "PeriodName", "PeriodStatus", *MODULES),
    BATCH_JOBS: ("JobDescription", "Status", "StartDateTime", "OrigStartDateTime", "Recurrence", "CompanyAccounts"),
    REASONS: ("dataAreaId", "ReasonCodeId"),
    TAX_GROUPS: ("dataAreaId", "TaxGroupId", "TaxCodeId", "ExemptTax"),
    TAX_ITEM_GROUPS: ("dataAreaId", "TaxItemGroupCode", "TaxCodeId", "ExemptTax"),
    "Warehouses": ("dataAreaId", "WarehouseId", "OperationalSiteId"),
    "WarehouseLocations": ("dataAreaId", "WarehouseId", "WarehouseLocationId"),
    "ReturnDispositionCodes": ("dataAreaId", "DispositionCode", "DispositionAction"),
}
RATES: Final = ("dataAreaId", "TaxCodeId", "FromDate", "ToDate", "Value")


@dataclass(slots=True)
class Masters:
    """The masters of one company, with their age."""

    odata: OData
    told: wire.Settings
    clock: Callable[[], float] = time.monotonic
    items: dict[str, tuple[float, Item]] = field(default_factory=dict)
    customers: dict[str, tuple[float, Customer]] = field(default_factory=dict)
    places: tuple[float, dict[str, list[Row]]] | None = None
    tax_values: str | None = None

    def answer(self, questions: Questions) -> MasterData:
        """Answer with what is young enough and one `$batch` for the rest; raise `RetryLater` when that is not whole."""
        sold, left_out = self._sold_between(questions.sold)
        questions = replace(questions, orders=questions.orders | self._bought(questions.buyers) | sold)
        now, oldest = self.clock(), self.clock() - self.told.master_ttl
        items = questions.items - {name for name, (at, _) in self.items.items() if at > oldest}
        customers = questions.customers - {name for name, (at, _) in self.customers.items() if at > oldest}
        places = self.places is None or self.places[0] <= oldest
        lists: tuple[str, ...] = ("Warehouses", "WarehouseLocations", "ReturnDispositionCodes", REASONS, TAX_GROUPS, TAX_ITEM_GROUPS,
                                  PERIODS)
        if places and (values := self._tax_values()):
            lists = (*lists, values)
        codes, column = CODES.get(self.told.sku, (VARIANTS, "ProductVariantNumber"))
        asked = [
            self._query(PRODUCTS, "ItemNumber", items), self._query(ORDER_SETTINGS, "ItemNumber", items),
            self._query(CUSTOMERS, "CustomerAccount", customers),
            self._query(wire.SALES_ORDERS, "SalesOrderNumber", questions.orders),
            self._query(wire.SALES_LINES, "SalesOrderNumber", questions.orders),
            self._query(STOCK, "ReferenceId", questions.orders),
            self._query(wire.RETURN_ORDERS, "CustomerRequisitionNumber", questions.orders, RETURNED),
            self._query(PERIOD_STATUSES),  # never kept: a period closed at noon is closed at one past noon
            self._query(codes, column, items if self.told.sku in CODES else ()),
            self._query(BATCH_JOBS, "JobDescription", self.told.batch_jobs),  # a job can be withheld at any time
            *([self._query(name) for name in lists] if places else []),
        ]
        rows = [self._mine(found) for found in self.odata.read(asked, optional=OPTIONAL | self._left_open())]
        self.items |= {code: (now, item) for code, item in self._items(rows[0], rows[1], rows[8], column).items()}
        self.customers |= {customer.account: (now, customer) for customer in map(_customer, rows[2])}
        if places:
            self.places = now, dict(zip(lists, rows[10:], strict=True))
        sales = _sales(rows[3], rows[4], _costs(rows[5]), _returned(rows[6]), self._names(questions.items))
        return replace(self._told(questions, sales, rows[7]), left_out=left_out, jobs=jobs(self.told, rows[9]))

    def _sold_between(self, span: Span | None) -> tuple[frozenset[str], bool]:
        """Name the orders by which an item was invoiced on these days, the newest lines of them, and say whether there are more.

        An invoice line names its item and day, and no order; its invoice does. What takes more than it gives is no sale.
        """
        if span is None:
            return frozenset(), False
        if span.item not in self.items:  # what it is called in the ERP
            self.answer(Questions(legal_entity=self.told.company, items=frozenset({span.item})))
        item = self.items[span.item][1].erp if span.item in self.items else None
        where = (f"dataAreaId eq {quoted(self.told.company)} and InvoiceDate ge {span.first.isoformat()}T00:00:00Z and "
                 f"InvoiceDate le {span.last.isoformat()}T23:59:59Z and InvoicedQuantity gt 0")
        (lines,) = self.odata.read([Query(
            entity_set=wire.INVOICE_LINES, select=wire.SELECT[wire.INVOICE_LINES], where=where, column="ProductNumber",
            values=(item.number if item else span.item,), order="InvoiceDate desc", top=OF_ITEM + 1)])
        mine = [row for row in self._mine(lines) if item is None or not item.dimensions or wire.item_of(row, "ProductNumber") == item]
        (heads,) = self.odata.read([self._query(wire.INVOICES, "InvoiceNumber", {str(row["InvoiceNumber"]) for row in mine[:OF_ITEM]})])
        return frozenset(str(row.get("SalesOrderNumber") or "") for row in self._mine(heads)) - {""}, len(lines) > OF_ITEM

    def _bought(self, buyers: frozenset[str]) -> frozenset[str]:
        """Name the newest orders of these accounts; asked for each time, as orders are."""
        if not buyers:
            return frozenset()
        rows = self._mine(self.odata.read([self._query(wire.SALES_ORDERS, "OrderingCustomerAccountNumber", buyers)])[0])
        newest = sorted(rows, key=lambda row: (str(row.get("OrderCreationDateTime")), str(row["SalesOrderNumber"])), reverse=True)
        return frozenset(str(row["SalesOrderNumber"]) for row in newest[:NEWEST])

    def _items(self, products: Sequence[Row], settings: Sequence[Row], coded: Sequence[Row], column: str) -> dict[str, Item]:
        """Give the items by their own numbers, and what each code names; a second `$batch` brings the items that only a code names."""
        known = {str(row.get("ItemNumber")) for row in products}
        numbers = {str(row.get("ItemNumber") or "") for row in coded}
        more = [self._mine(found) for found in self.odata.read([
            self._query(PRODUCTS, "ItemNumber", numbers - known), self._query(ORDER_SETTINGS, "ItemNumber", numbers - known),
            self._query(VARIANTS, "ItemNumber", numbers if self.told.sku == "barcode" else ())])]
        stops = {str(row.get("ItemNumber")): row for row in (*settings, *more[1])}
        items = {item.number: item for item in (_item(row, stops, self.told) for row in (*products, *more[0]))}
        variants = {wire.item_of(row): row for row in (more[2] if self.told.sku == "barcode" else coded)}
        codes: dict[str, list[Row]] = {}
        for row in coded:
            codes.setdefault(str(row.get(column)), []).append(row)
        named = {code: _named(code, rows, items, variants, self.told.discontinued) for code, rows in codes.items()}
        return {number: item for number, item in items.items() if number in known} | {code: item for code, item in named.items() if item}

    def _names(self, codes: Iterable[str]) -> dict[ErpItem, list[str]]:
        """Say which of these codes name an item or variant; the codes of one are in order."""
        names: dict[ErpItem, list[str]] = {}
        for code in sorted(codes):
            if code in self.items:
                names.setdefault(self.items[code][1].erp or ErpItem(number=code), []).append(code)
        return names

    def _tax_values(self) -> str:
        """Ask the environment once how the set of tax rates is called; nothing where it has none that can be read."""
        if self.tax_values is None:
            self.tax_values = tax_values(self.odata)
        return self.tax_values

    def _left_open(self) -> frozenset[str]:
        """Name the sets that not every mode needs, or not every environment has; preflight tells which are missing where they count."""
        return frozenset({wire.RETURN_ORDERS, "ReturnDispositionCodes", self.tax_values or ""})

    def site(self, warehouse: str) -> str:
        """Give the site of a warehouse, as far as the masters know it; raise `RetryLater` when they cannot be read."""
        if self.places is None:
            self.answer(Questions(legal_entity=self.told.company))
        rows = self.places[1].get("Warehouses", ()) if self.places else ()
        return next((str(row.get("OperationalSiteId") or "") for row in rows if row.get("WarehouseId") == warehouse), "")

    def _query(self, name: str, column: str = "", values: Iterable[str] = (), expand: str = "") -> Query:
        return Query(entity_set=name, select=wire.SELECT.get(name) or COLUMNS.get(name) or RATES,
                     where=self._of_company(name), column=column, values=tuple(values), expand=expand)

    def _of_company(self, name: str) -> str:
        column = SHARED.get(name, "dataAreaId")
        return f"{column} eq {quoted(self.told.company)}" if column else ""

    def _mine(self, rows: Sequence[Row]) -> list[Row]:
        """Keep the rows of the company, and those of no company at all."""
        mine = self.told.company.casefold()
        return [row for row in rows if str(row.get("dataAreaId", row.get("LegalEntityId", mine))).casefold() == mine]

    def _told(self, questions: Questions, sales: dict[str, Sale], periods: Sequence[Row]) -> MasterData:
        """Give the answers; codes that differ only in case or blanks come along as hints, exactness is the judge's."""
        def near(names: Iterable[str]) -> frozenset[str]:
            return frozenset(name.strip().casefold() for name in names)

        places = self.places[1] if self.places else {}
        items, customers = near(questions.items), near(questions.customers)
        return MasterData(
            items={name: item for name, (_, item) in self.items.items() if name.strip().casefold() in items},
            customers={name: customer for name, (_, customer) in self.customers.items() if name.strip().casefold() in customers},
            sales=sales,
            warehouses=_codes(places, "Warehouses", "WarehouseId"),
            places=frozenset(Place(warehouse=str(row["WarehouseId"]), location=str(row["WarehouseLocationId"]))
                             for row in places.get("WarehouseLocations", ())),
            disposition_codes=_codes(places, "ReturnDispositionCodes", "DispositionCode"),
            replacing=frozenset(replacing(places.get("ReturnDispositionCodes", ()))),
            reason_codes=_codes(places, REASONS, "ReasonCodeId"),
            taxes=_taxes(places, self.tax_values or ""), tax_groups=_codes(places, TAX_GROUPS, "TaxGroupId"),
            tax_item_groups=_codes(places, TAX_ITEM_GROUPS, "TaxItemGroupCode"),
            periods=books(periods, places.get(PERIODS, ())))


def books(statuses: Iterable[Row], periods: Iterable[Row]) -> Sequence[Told]:
    """Say which days take postings: the periods of the company's ledger, by the days its calendar gives them (facts/finance-scm 1.5).

    A status nobody knows takes none. Opening and closing periods are no days of their own, but those of an operating one again.
    """
    days = {(row.get("Calendar"), row.get("FiscalYear"), row.get("PeriodName")): (first, last) for row in periods
            if row.get("Type") not in {"Opening", "Closing"}
            and (first := day_of(row.get("StartDate"))) and (last := day_of(row.get("EndDate")))}
    told: list[Told] = []
    for row in statuses:
        if (span := days.get((row.get("Calendar"), row.get("YearName"), row.get("PeriodName")))) is not None:
            name, status = f"{row.get('PeriodName')} of {row.get('YearName')}", STATUSES.get(str(row.get("PeriodStatus")), Status.ON_HOLD)
            told.append(Told(first=span[0], last=span[1], status=status, name=name))
            told += [Told(first=span[0], last=span[1], status=Status.ON_HOLD, name=name, module=module, shape=False)
                     for column, module in MODULES.items() if row.get(column) == NOBODY]
    return told


def jobs(told: wire.Settings, rows: Sequence[Row]) -> Sequence[Job]:
    """Say of each batch job the options name whether it will run, and when next (facts/finance-scm 2.1).

    What is planned or withheld counts before runs that are over, whose rows stay; of several such the next. What a recurrence says is
    binary and told nowhere, so that only that there is one is read.
    """
    mine, found = told.company.casefold(), dict[str, list[Job]]()
    for row in rows:
        if str(row.get("CompanyAccounts") or mine).casefold() == mine:
            standing = STANDINGS.get(str(row.get("Status")), Standing.ENDED)
            text = str(row.get("OrigStartDateTime" if row.get("Status") == "Executing" else "StartDateTime") or "")
            at = datetime.fromisoformat(text).astimezone(UTC) if day_of(text) else None
            found.setdefault(str(row.get("JobDescription")), []).append(
                Job(name=str(row.get("JobDescription")), standing=standing, at=at, again=bool(row.get("Recurrence"))))
    return tuple(_next(name, found.get(name, ())) for name in told.batch_jobs)


def _next(name: str, same: Sequence[Job]) -> Job:
    """Of the rows of one job, give the one that says what comes next."""
    never = datetime.min.replace(tzinfo=UTC)
    coming = [each for each in same if each.standing in {Standing.PLANNED, Standing.WITHHELD}]
    if coming:
        return min(coming, key=lambda each: (each.standing is not Standing.PLANNED, each.at or never))
    return max(same, key=lambda each: each.at or never, default=Job(name=name, standing=Standing.MISSING))


def tax_values(odata: OData) -> str:
    """Find the public name of the set that holds tax rates by date; nothing where there is none."""
    return rates_set(described_by(odata, "DataEntities", "Name", TAX_VALUES))


def rates_set(rows: Iterable[Mapping[str, Any]]) -> str:
    """Give the public name of the first set of tax rates among these descriptions."""
    names = {row.get("Name"): str(row.get("PublicCollectionName") or "") for row in rows}
    return next((names[entity] for entity in TAX_VALUES if names.get(entity)), "")


def _taxes(places: dict[str, list[Row]], values: str) -> TaxTable:
    """Put the rates together; an exempt code taxes nothing."""
    groups: dict[str, set[str]] = {}
    items: dict[str, set[str]] = {}
    for table, name, column in ((groups, TAX_GROUPS, "TaxGroupId"), (items, TAX_ITEM_GROUPS, "TaxItemGroupCode")):
        for row in places.get(name, ()):
            if row.get("ExemptTax") != "Yes":
                table.setdefault(str(row.get(column)), set()).add(str(row.get("TaxCodeId")))
    spans: dict[str, list[TaxSpan]] = {}
    for row in places.get(values, ()):
        spans.setdefault(str(row.get("TaxCodeId")), []).append(
            TaxSpan(percent=number(row.get("Value")), first=day_of(row.get("FromDate")), last=day_of(row.get("ToDate"))))
    return TaxTable(groups={name: frozenset(codes) for name, codes in groups.items()},
                    items={name: frozenset(codes) for name, codes in items.items()},
                    values={name: tuple(told) for name, told in spans.items()})


def replacing(rows: Iterable[Row]) -> Iterator[str]:
    """Name the disposition codes whose action makes a replacement order at the packing slip (facts/finance-scm 8)."""
    yield from (str(row["DispositionCode"]) for row in rows if str(row.get("DispositionAction") or "").startswith("Replace"))


def _codes(places: dict[str, list[Row]], name: str, column: str) -> frozenset[str]:
    return frozenset(str(row[column]) for row in places.get(name, ()) if row.get(column))


def _item(row: Row, stops: dict[str, Row], told: wire.Settings) -> Item:
    """Read an item; there is no single "blocked" flag, the stops live in the order settings (facts/finance-scm 1.5)."""
    name = str(row["ItemNumber"])
    stop = stops.get(name, {})
    if row.get("ProductLifecycleStateId") in told.discontinued:
        state = ItemState.DISCONTINUED
    elif stop.get("IsSalesProcessingStopped") == "Yes":
        state = ItemState.BLOCKED
    else:
        state = ItemState.DISCONTINUED if stop.get("IsInventoryProcessingStopped") == "Yes" else ItemState.ACTIVE
    return Item(number=name, state=state, service=row.get("ProductType") == "Service",
                needs_variant=row.get("ProductSubType") == "ProductMaster",
                unit=str(row.get("SalesUnitSymbol") or row.get("InventoryUnitSymbol") or ""),
                tax_group=str(row.get("SalesSalesTaxItemGroupCode") or ""), highest_price=number(row.get("SalesPrice")) or None,
                standard_cost=row.get("ItemModelGroupId") in told.standard_cost)


def _named(code: str, rows: Sequence[Row], items: dict[str, Item], variants: dict[ErpItem, Row],
           discontinued: frozenset[str]) -> Item | None:
    """Say what a code names: one item or variant, or several; nothing where the company has not released the item."""
    plain = items.get(code)
    erp, *others = sorted({wire.item_of(row) for row in rows} | ({ErpItem(number=code)} if plain and not plain.needs_variant else set()))
    base = items.get(erp.number)
    if others or base is None:
        return Item(number=code, also=tuple(map(str, (erp, *others)))) if others else None
    released = variants.get(erp)
    state = base.state
    if state is ItemState.ACTIVE and released and released.get("ProductLifecycleStateId") in discontinued:
        state = ItemState.DISCONTINUED
    return replace(
        base, number=code, state=state, erp=None if erp == ErpItem(number=code) else erp, counts=_counts(rows),
        needs_variant=released is None if erp.dimensions else base.needs_variant)


def _counts(rows: Sequence[Row]) -> str:
    """Say what one of a barcode counts: a unit, or several of it; nothing where no barcode says so."""
    told = {(number(row.get("ProductQuantity")), str(row.get("ProductQuantityUnitSymbol") or "")) for row in rows}
    return " or ".join(unit if quantity in {0, 1} else f"{quantity.normalize():f} {unit}".strip() for quantity, unit in sorted(told))


def _customer(row: Row) -> Customer:
    return Customer(account=str(row["CustomerAccount"]), on_hold=row.get("OnHoldStatus") not in {None, "", "No", "Never"},
                    tax_group=str(row.get("SalesTaxGroup") or ""), currency=str(row.get("SalesCurrencyCode") or ""))


def _costs(rows: Iterable[Row]) -> dict[str, tuple[Decimal, bool]]:
    """Give the unit cost of each issued lot and whether it is final; what is shipped and not invoiced counts at its physical cost.

    Lots without a cost are left out (books 7).
    """
    units: dict[str, Decimal] = {}
    costs: dict[str, Decimal] = {}
    shipped = set[str]()
    for row in rows:
        lot = str(row.get("InventTransId"))
        units[lot] = units.get(lot, Decimal(0)) + number(row.get("Qty"))
        costs[lot] = costs.get(lot, Decimal(0)) + number(row.get("CostAmountPosted")) + number(row.get("CostAmountAdjustment"))
        if row.get("StatusIssue") == "Deducted":
            shipped.add(lot)
            costs[lot] += number(row.get("CostAmountPhysical"))
    return {lot: (costs[lot] / quantity, lot not in shipped) for lot, quantity in units.items() if quantity < 0 and costs[lot]}


def _returned(orders: Iterable[Row]) -> dict[tuple[str, ErpItem], list[Row]]:
    """Give lines by (original order, item and variant) of return orders that do not carry a mark of ours: somebody else's work (ERP-25)."""
    lines: dict[tuple[str, ErpItem], list[Row]] = {}
    for order in orders:
        if not is_mark(str(order.get("CustomersOrderReference") or "")):
            for line in order.get(RETURNED) or ():
                if line.get("ReturnStatus") != "Canceled":
                    lines.setdefault((str(order.get("CustomerRequisitionNumber")), wire.item_of(line)), []).append(line)
    return lines


def _sales(headers: Iterable[Row], lines: Iterable[Row], costs: dict[str, tuple[Decimal, bool]],
           returned: dict[tuple[str, ErpItem], list[Row]], names: dict[ErpItem, list[str]]) -> dict[str, Sale]:
    """Put orders together, with what somebody else returned of each line; a line bears the codes that were asked for, else its item's."""
    by_order: dict[str, list[SaleLine]] = {}
    for row in lines:
        if (quantity := number(row.get("OrderedSalesQuantity"))) > 0:
            lot, order = (str(row.get(name) or "") for name in ("InventoryLotId", "SalesOrderNumber"))
            sku, *also = names.get(item := wire.item_of(row), [_own(item)])
            by_order.setdefault(order, []).append(SaleLine(
                sku=sku, also=tuple(also), quantity=quantity, unit_price=_net_price(row, quantity), lot=lot,
                unit_cost=costs.get(lot, (None, True))[0], cost_is_final=costs.get(lot, (None, True))[1],
                tax_group=str(row.get("SalesTaxGroupCode") or ""), tax_item_group=str(row.get("SalesTaxItemGroupCode") or "")))
    for (order, item), back in returned.items():
        for line in back:
            _take_back(by_order.get(order, []), names.get(item, [_own(item)])[0], line)
    return {name: Sale(number=name, customer=str(row.get("OrderingCustomerAccountNumber") or ""),
                       sold_on=day_of(row.get("OrderCreationDateTime")), currency=str(row.get("CurrencyCode") or ""),
                       lines=tuple(by_order.get(name, ())))
            for row in headers for name in (str(row["SalesOrderNumber"]),)}


def _own(item: ErpItem) -> str:
    """Name what nobody asked for in a way no code does: a variant never by its item alone."""
    return "|".join((item.number, *(f"{name}={value}" for name, value in item.dimensions)))


def _take_back(sold: list[SaleLine], sku: str, back: Row) -> None:
    """Write a return by hand on the line of the sale it names, else on one at its price, else on the first; what is over stays there."""
    price, units = number(back.get("SalesPrice")), -number(back.get("ReturnSalesQuantity"))
    mine = sorted((at for at, line in enumerate(sold) if line.sku == sku),
                  key=lambda at: (sold[at].lot != back.get("ReturningInventoryLotId"), sold[at].unit_price != price, at))
    for at in mine:
        line = sold[at]
        share = units if at == mine[-1] else min(units, max(line.quantity - line.returned, Decimal(0)))
        sold[at] = replace(line, returned=line.returned + share, returned_net=line.returned_net + share * price)
        units -= share


def _net_price(row: Row, quantity: Decimal) -> Decimal:
    """Give the price net of discount: the list price where the line amount bears it out within a minor unit, else amount by quantity."""
    listed = number(row.get("SalesPrice")) / (number(row.get("SalesPriceQuantity")) or Decimal(1))
    amount = number(row.get("LineAmount"))
    return listed if abs(listed * quantity - amount) <= Decimal("0.01") else amount / quantity
