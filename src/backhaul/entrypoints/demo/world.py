"""Which master data and old orders must the ERP hold before the demo's returns arrive?

Builds them from the example CSV files and hands them to the Finance & Supply Chain emulator over its
control endpoints: `POST /control/seed` {"settings", "rows": {set: [row, …]}} and `POST /control/sales`
{"orders": […]}. Property names are those of the public contract (facts/finance-scm 1); a name that begins
with `_` is the emulator's own. Prices are net, in pounds; cost is 45 % of a product's median price.

What the files do not say (tax groups, which items the ERP has stopped) comes from the same rule as the
returns, `backhaul.adapters.zigzag.emulator.rule`, and is synthetic.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from statistics import median
from typing import Any, Final, TypeAlias

import httpx

from backhaul.adapters.zigzag.emulator.credit_lines import (
    CreditNote,
    find_file,
    price_text,
    read_folder,
    rows_of,
)
from backhaul.adapters.zigzag.emulator.rule import TAX_RATES, ItemState, item_state, tax_group

Row: TypeAlias = dict[str, Any]
Lines: TypeAlias = Sequence[Mapping[str, str]]

NOBODY: Final = SSLContext(PROTOCOL_TLS_CLIENT)
"""Whom a client that only speaks on loopback trusts; the list of all authorities takes longer to read than most requests take."""
SITE: Final = "S1"
WAREHOUSES: Final = ("GB-DC-01", "GB-DC-02")
LOCATIONS: Final = ("SALE", "OUTLET", "REFURB", "QUAR", "SCRAP", "RETDOCK")
DISPOSITIONS: Final[Mapping[str, tuple[str, str]]] = {
    "ZCREDIT": ("Credit", "Back to stock"),
    "ZOUTLET": ("Credit", "To the outlet"),
    "ZREFURB": ("Credit", "To refurbishment"),
    "ZQUAR": ("Credit", "To quarantine"),
    "ZSCRAP": ("Scrap", "Scrapped"),
    "ZKEEP": ("CreditOnly", "Customer keeps the item"),
    "ZBACK": ("ReturnToCust", "Sent back to the customer"),
}
"""Disposition code to its action and description."""
SERVICES: Final[Mapping[str, str]] = {
    "SVC-DISCOUNT": "Discount credited",
    "SVC-CARRIAGE": "Carriage credited",
    "SVC-MANUAL": "Manual credit",
    "SVC-SAMPLE": "Samples credited",
}
WALK_IN: Final = "WALKIN-GB"
"""Account of customers nobody wrote down."""
FULL: Final = "FULL"
COST_SHARE: Final = Decimal("0.45")
PENNY: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldCounts:
    """How much was loaded. `left_out` counts order lines of items the ERP does not hold."""

    products: int
    services: int
    customers: int
    orders: int
    order_lines: int
    left_out: int
    blocked: int
    discontinued: int
    missing: int
    case_twins: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One SKU as the files know it: `price` is its median, `highest` the most it was ever sold for."""

    sku: str
    description: str
    price: Decimal
    highest: Decimal
    goods: bool
    state: ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a folder holds: returns as read, and the rows of the files beside them."""

    notes: tuple[CreditNote, ...]
    products: Lines
    sales: Lines
    non_stock: Lines
    """Without a sales file, `sales` is what the credit lines say of their original sale."""


def load_world(erp_control_url: str, folder: Path, *, seed: int = 7, company: str = "gb01") -> WorldCounts:
    """Build the world of a folder and load it into the ERP emulator at this address.

    Raises `httpx.HTTPStatusError` when the emulator refuses, `FileNotFoundError` without credit lines.
    """
    source = read_source(folder)
    rows, counts = master_data(source, seed, company)
    orders = original_orders(source, company, {row["ItemNumber"] for row in rows["ReleasedProductsV2"]})
    settings = {"defaultCompany": company, "currencies": {company: "GBP"}}
    with httpx.Client(base_url=erp_control_url, timeout=120, trust_env=False, verify=NOBODY) as erp:
        erp.post("/control/seed", json={"settings": settings, "rows": rows}).raise_for_status()
        erp.post("/control/sales", json={"orders": orders}).raise_for_status()
    kept = sum(len(order["lines"]) for order in orders)
    return replace(counts, orders=len(orders), order_lines=kept, left_out=len(source.sales) - kept)


def read_source(folder: Path) -> Source:
    """Read a folder of example data. Only the credit lines must be there."""
    return Source(
        notes=read_folder(folder),
        products=_rows(folder, "products.csv"),
        sales=_rows(folder, "retail-sales-lines.csv") or _sales_told_by_credits(folder),
        non_stock=_rows(folder, "nonstock-sales-lines.csv"),
    )


def _rows(folder: Path, ending: str) -> Lines:
    file = find_file(folder, ending)
    return [*rows_of(file)] if file else []


def _sales_told_by_credits(folder: Path) -> Lines:
    """Read the original sales out of the credit lines: one line per order, SKU and price."""
    sold = {
        (row["OrigInvoiceNo"], row["StockCode"], row["OrigUnitPrice"]): {
            **row,
            "InvoiceNo": row["OrigInvoiceNo"],
            "Quantity": row["OrigQuantity"],
            "UnitPrice": row["OrigUnitPrice"],
            "InvoiceDate": row["OrigInvoiceDate"],
        }
        for row in _rows(folder, "credit-lines.csv")
        if row["OrigInvoiceNo"]
    }
    return [*sold.values()]


def master_data(source: Source, seed: int, company: str) -> tuple[dict[str, list[Row]], WorldCounts]:
    """Build the rows of every entity set, and count what matters. Order counts are still zero."""
    products = products_of(source, seed)
    held = {sku: product for sku, product in products.items() if product.state != "missing"}
    customers = customers_of(source)
    rows = {
        "LegalEntities": [{"LegalEntityId": company, "Name": "Backhaul Demo Ltd", "CompanyCountry": "GBR"}],
        **_places(company),
        **_return_codes(company),
        **_taxes(company),
        "ReleasedProductsV2": [*(_product(company, product) for product in held.values()), *_services(company)],
        "ProductDefaultOrderSettings": [*_order_settings(company, held.values())],
        "CustomersV3": [_customer(company, *pair) for pair in customers.items()],
    }
    states = Counter(product.state for product in products.values())
    return rows, WorldCounts(
        products=len(held),
        services=len(SERVICES),
        customers=len(customers),
        orders=0,
        order_lines=0,
        left_out=0,
        blocked=states["blocked"],
        discontinued=states["discontinued"],
        missing=states["missing"],
        case_twins=case_twins(source, products),
    )


def _places(company: str) -> dict[str, list[Row]]:
    warehouses = [
        {
            "dataAreaId": company,
            "WarehouseId": name,
            "WarehouseName": f"Distribution centre {name}",
            "OperationalSiteId": SITE,
            "AreAdvancedWarehouseManagementProcessesEnabled": "No",
        }
        for name in WAREHOUSES
    ]
    locations = [
        {"dataAreaId": company, "WarehouseId": warehouse, "WarehouseLocationId": location}
        for warehouse in WAREHOUSES
        for location in LOCATIONS
    ]
    return {
        "OperationalSitesV2": [{"dataAreaId": company, "SiteId": SITE, "SiteName": "Great Britain"}],
        "Warehouses": warehouses,
        "WarehouseLocations": locations,
    }


def _return_codes(company: str) -> dict[str, list[Row]]:
    dispositions = [
        {
            "dataAreaId": company,
            "DispositionCode": code,
            "DispositionAction": action,
            "DispositionDescription": description,
        }
        for code, (action, description) in DISPOSITIONS.items()
    ]
    reason = {"dataAreaId": company, "ReasonCodeId": "ZZ", "Description": "Returned through ZigZag"}
    return {"ReturnDispositionCodes": dispositions, "ReturnReasonCodeBiEntities": [reason]}


def _taxes(company: str) -> dict[str, list[Row]]:
    """Give each tax group one tax code of the same name; the item group `FULL` meets all of them."""
    own = {"dataAreaId": company}
    return {
        "TaxCodes": [{**own, "TaxCode": code, "TaxName": f"VAT {rate} %"} for code, rate in TAX_RATES.items()],
        "TaxGroups": [
            {**own, "TaxGroupCode": code, "Description": f"VAT {rate} %"} for code, rate in TAX_RATES.items()
        ],
        "TaxItemGroups": [
            {**own, "TaxItemGroupCode": FULL, "TaxCodeId": code, "Description": "Full rate"} for code in TAX_RATES
        ],
        "TaxGroupDatas": [{**own, "TaxGroupId": code, "TaxCodeId": code, "ExemptTax": "No"} for code in TAX_RATES],
        "TaxCodeValues": [
            {
                **own,
                "TaxCodeId": code,
                "FromDate": "2010-01-01T12:00:00Z",
                "ToDate": "2154-12-31T12:00:00Z",
                "Value": float(rate),
            }
            for code, rate in TAX_RATES.items()
        ],
    }


def _prices(source: Source) -> dict[str, list[Decimal]]:
    """Collect every price seen of every SKU in any file; a SKU nobody priced has an empty list."""
    seen: dict[str, list[Decimal]] = {row["StockCode"]: [] for row in source.products}
    for row in (*source.sales, *source.non_stock):
        seen.setdefault(row["StockCode"], []).append(Decimal(row["UnitPrice"]))
    for note in source.notes:
        for line in note.lines:
            seen.setdefault(line.sku, []).append(Decimal(line.unit_price))
    return seen


def products_of(source: Source, seed: int) -> dict[str, Product]:
    """Say of every SKU what the ERP knows of it.

    The ERP compares item numbers without regard to case, so of `m` and `M` it holds only the first in
    code order, which is the one in capitals.
    """
    listed = {row["StockCode"]: row for row in source.products}
    described = {line.sku: line.description for note in source.notes for line in note.lines}
    credited = {line.sku for note in source.notes for line in note.lines if line.goods}
    services = {line.sku for note in source.notes for line in note.lines if not line.goods}
    services |= {row["StockCode"] for row in source.non_stock}
    found: dict[str, Product] = {}
    for sku, prices in sorted(_prices(source).items()):
        row = listed.get(sku, {})
        price = row.get("MedianUnitPrice") or (median(prices) if prices else 0)
        highest = max([Decimal(row.get("MaxUnitPrice") or 0), *prices])
        found.setdefault(
            sku.casefold(),
            Product(
                sku=sku,
                description=row.get("Description") or described.get(sku) or sku,
                price=Decimal(price),
                highest=highest,
                goods=row["IsStock"] == "1" if row else sku not in services,
                state=item_state(sku, seed) if sku in credited else "active",
            ),
        )
    return {product.sku: product for product in found.values()}


def case_twins(source: Source, products: Mapping[str, Product]) -> int:
    """Count the SKUs that an ERP, which knows no case, holds under another's name."""
    return len(_prices(source)) - len(products)


def unit_cost(price: Decimal) -> Decimal:
    """Give what a piece cost: 45 % of its price, rounded to pennies, at least one penny."""
    return max((price * COST_SHARE).quantize(PENNY, ROUND_HALF_UP), PENNY)


def _product(company: str, product: Product) -> Row:
    return {
        "dataAreaId": company,
        "ItemNumber": product.sku,
        "ProductNumber": product.sku,
        "SearchName": product.description[:20].strip(),
        "ProductSearchName": product.description.strip(),
        "ProductType": "Item" if product.goods else "Service",
        "ProductLifecycleStateId": "Discontinued" if product.state == "discontinued" else "",
        "InventoryUnitSymbol": "ea",
        "SalesUnitSymbol": "ea",
        "SalesSalesTaxItemGroupCode": FULL,
        "SalesPrice": float(product.highest),
        "_unitCost": float(unit_cost(product.price)) if product.goods else 0.0,
    }


def _services(company: str) -> Iterator[Row]:
    for sku, description in SERVICES.items():
        service = Product(sku=sku, description=description, price=Decimal(0), highest=Decimal(0), goods=False, state="active")
        yield _product(company, service)


def _order_settings(company: str, products: Iterable[Product]) -> Iterator[Row]:
    """Stop blocked items for sales, and discontinued ones for inventory."""
    for product in products:
        if product.state in {"blocked", "discontinued"}:
            yield {
                "dataAreaId": company,
                "ItemNumber": product.sku,
                "IsSalesProcessingStopped": "Yes" if product.state == "blocked" else "No",
                "IsInventoryProcessingStopped": "Yes" if product.state == "discontinued" else "No",
                "IsProcurementProcessingstopped": "No",
            }


def customers_of(source: Source) -> dict[str, str]:
    """Say of every customer which country it is in: the commonest one, and of equals the first by name."""
    seen: dict[str, Counter[str]] = {WALK_IN: Counter({"United Kingdom": 1})}
    for row in source.sales:
        if row["CustomerID"]:
            seen.setdefault(row["CustomerID"], Counter())[row["Country"]] += 1
    for note in source.notes:
        if note.customer:
            seen.setdefault(note.customer, Counter())[note.country] += len(note.lines)
    return {customer: min(tally, key=lambda name: (-tally[name], name)) for customer, tally in sorted(seen.items())}


def _customer(company: str, account: str, country: str) -> Row:
    name = "Walk-in customers" if account == WALK_IN else f"Customer {account}"
    return {
        "dataAreaId": company,
        "CustomerAccount": account,
        "PartyType": "Organization",
        "OrganizationName": name,
        "NameAlias": name[:20],
        "CustomerGroupId": "RETAIL",
        "SalesCurrencyCode": "GBP",
        "SalesTaxGroup": tax_group(country),
        "InvoiceAccount": account,
        "OnHoldStatus": "No",
        "IsSalesTaxIncludedInPrices": "No",
    }


def original_orders(source: Source, company: str, items: Iterable[str]) -> list[Row]:
    """Build the original orders, without the lines of items the ERP does not hold."""
    held = {item.casefold(): item for item in items}
    orders: dict[str, Row] = {}
    for row in source.sales:
        item = held.get(row["StockCode"].casefold())
        if item is None:
            continue
        order = orders.setdefault(row["InvoiceNo"], _order(company, row))
        price = float(price_text(row["UnitPrice"]))
        order["lines"].append({"item": item, "quantity": int(row["Quantity"]), "price": price})
    return [*orders.values()]


def _order(company: str, row: Mapping[str, str]) -> Row:
    return {
        "legalEntity": company,
        "salesOrder": row["InvoiceNo"],
        "customer": row["CustomerID"] or WALK_IN,
        "currency": "GBP",
        "date": row["InvoiceDate"].partition(" ")[0],
        "lines": [],
    }
