"""What must Business Central hold before the demo's returns arrive?

The same example files as for Finance & SCM, in the words of Business Central's emulator: `POST /control/seed` and `POST /control/sales`.
Each place where goods lie by disposition is a location of its own, because API v2.0 names no bins.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx

from backhaul.adapters.zigzag.emulator.rule import TAX_RATES, tax_group
from backhaul.domain.disposition import Outcome
from backhaul.domain.rules import Rules
from backhaul.entrypoints.demo.world import (
    NOBODY,
    SERVICES,
    WAREHOUSES,
    Product,
    Row,
    WorldCounts,
    case_twins,
    customers_of,
    original_orders,
    products_of,
    read_source,
    unit_cost,
)

COMPANY: Final = "Backhaul Demo Ltd"
LOCATIONS: Final = (*WAREHOUSES, *(f"DC{number}-{place}" for number in (1, 2) for place in ("OUTLET", "REFURB", "QUAR", "SCRAP", "DOCK")))
GOODS: Final = "FULL"
BACK, WASTE = "BACK", "WASTE"
"""Return reasons of lines, which only modes A and B can name; goods that come back by the second are worth nothing."""
KEPT: Final = "6130"
"""Account on which goods are credited that the customer keeps."""


def load_central_world(erp_control_url: str, folder: Path, *, seed: int = 7, company: str = COMPANY) -> WorldCounts:
    """Build the world of a folder and load it into the emulator at this address.

    Raises `httpx.HTTPStatusError` when the emulator refuses, `FileNotFoundError` without credit lines.
    """
    source = read_source(folder)
    products = products_of(source, seed)
    held = {sku.upper(): product for sku, product in products.items() if product.state != "missing"}
    customers = customers_of(source)
    orders = original_orders(source, company, held)
    with httpx.Client(base_url=erp_control_url, timeout=300, trust_env=False, verify=NOBODY) as erp:
        erp.post("/control/seed", json={"settings": {"localCurrency": "GBP", "salesLocation": WAREHOUSES[0], "extension": True},
                                        "rows": central_rows(held, customers, company)}).raise_for_status()
        erp.post("/control/sales", json={"orders": orders}).raise_for_status()
        erp.post("/control/seed", json={"rows": {"items": stopped(held)}}).raise_for_status()  # it was sold before it was stopped
    kept = sum(len(order["lines"]) for order in orders)
    states = Counter(product.state for product in products.values())
    return WorldCounts(
        products=len(held), services=len(SERVICES), customers=len(customers), orders=len(orders), order_lines=kept,
        left_out=len(source.sales) - kept, blocked=states["blocked"], discontinued=states["discontinued"], missing=states["missing"],
        case_twins=case_twins(source, products))


def with_reasons(rules: Rules) -> Rules:
    """Let mapping rows name the return reason of a line where the deployment mode has one; the profile is written for a mode without."""
    lines = {entity.id for entity in rules.entities if entity.erp == "business-central" and entity.deployment in {"A", "B"}}
    return replace(rules, mapping=[
        replace(row, erp_disposition=WASTE if row.outcome is Outcome.SCRAPPED else BACK)
        if row.when.legal_entity in lines and row.credit and not row.erp_disposition else row for row in rules.mapping])


def central_rows(held: Mapping[str, Product], customers: Mapping[str, str], company: str) -> dict[str, list[Row]]:
    """Build the records of every table; what an item or customer is taxed at is where their two posting groups meet."""
    goods = {"taxGroupCode": GOODS, "baseUnitOfMeasureCode": "PCS"}
    account = {"vatProdPostingGroup": GOODS}
    return {
        "companies": [{"name": company}],
        "accounts": [{"number": KEPT, "displayName": "Credited, goods kept by the customer", "directPosting": True, **account}],
        "locations": [{"code": code, "displayName": code} for code in LOCATIONS],
        "taxGroups": [{"code": GOODS, "displayName": "Full rate"}],
        "jobQueueEntries": [{"objectTypeToRun": "Report", "objectIdToRun": 6655}],  # with the extension, what any mode needs
        "returnReasons": [{"code": BACK}, {"code": WASTE, "inventoryValueZero": True}],
        "customerReturnReasons": [{"code": "ZZ", "description": "Returned through ZigZag"}],
        "vatPostingSetups": [{"vatBusPostingGroup": code, "vatProdPostingGroup": GOODS, "vatPercent": float(rate)}
                             for code, rate in TAX_RATES.items()],
        "items": [*_items(held, goods)],
        "customers": [{"number": account, "displayName": f"Customer {account}", "blocked": "_x0020_",
                       "vatBusPostingGroup": tax_group(country)} for account, country in customers.items()],
    }


def _items(held: Mapping[str, Product], more: Mapping[str, str]) -> Iterator[Row]:
    for number, product in held.items():
        yield {"number": number, "displayName": product.description.strip(), "type": "Inventory" if product.goods else "Service",
               "blocked": False, "unitPrice": float(product.highest),
               "unitCost": float(unit_cost(product.price)) if product.goods else 0.0, **more}
    for number, text in SERVICES.items():
        yield {"number": number, "displayName": text, "type": "Service", "blocked": False, "unitPrice": 0.0, "unitCost": 0.0, **more}


def stopped(held: Mapping[str, Product]) -> list[Row]:
    """Give the items the ERP has stopped in any way; API v2.0 shows one block alone."""
    return [{"number": number, "blocked": True} for number, product in held.items() if product.state in {"blocked", "discontinued"}]
