"""The demo's ERP world, as it is built from the example files and as it goes over the wire."""

import json
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from backhaul.entrypoints.demo.world import load_world, master_data, original_orders, read_source, unit_cost

EXAMPLES = Path(__file__).parents[2] / "examples"


class Erp:
    """An ERP that takes whatever it is seeded with, or refuses everything."""

    def __init__(self, status: int) -> None:
        self.got: dict[str, Any] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(inner) -> None:  # noqa: N805
                self.got[inner.path] = json.loads(inner.rfile.read(int(inner.headers["content-length"])))
                inner.send_response(status)
                inner.send_header("content-length", "0")
                inner.end_headers()

            def log_message(inner, *_: object) -> None:  # noqa: N805
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def erp() -> Iterator[Erp]:
    erp = Erp(200)
    yield erp
    erp.close()


def test_the_world_of_the_real_data_is_loaded_in_two_requests(erp: Erp) -> None:
    counts = load_world(erp.url, EXAMPLES / "online-retail")

    rows, orders = erp.got["/control/seed"]["rows"], erp.got["/control/sales"]["orders"]
    assert (counts.orders, counts.order_lines + counts.left_out) == (977, 2154)
    assert (counts.blocked, counts.discontinued, counts.missing, counts.case_twins) == (4, 2, 1, 1)
    assert (len(rows["ReleasedProductsV2"]), len(rows["CustomersV3"])) == (1445, 785)
    assert orders[0]["date"] == "2010-12-01"


def test_every_order_line_names_a_customer_and_an_item_the_erp_holds() -> None:
    source = read_source(EXAMPLES / "online-retail")
    rows, _ = master_data(source, 7, "gb01")
    items = {row["ItemNumber"] for row in rows["ReleasedProductsV2"]}
    customers = {row["CustomerAccount"] for row in rows["CustomersV3"]}

    orders = original_orders(source, "gb01", items)

    assert {order["customer"] for order in orders} <= customers
    assert {line["item"] for order in orders for line in order["lines"]} <= items


def test_stopped_items_are_stopped_in_different_ways() -> None:
    rows, _ = master_data(read_source(EXAMPLES / "online-retail"), 7, "gb01")
    settings = {row["ItemNumber"]: row for row in rows["ProductDefaultOrderSettings"]}
    products = {row["ItemNumber"]: row for row in rows["ReleasedProductsV2"]}

    assert settings["21564"]["IsSalesProcessingStopped"] == "Yes"
    assert settings["85131A"]["IsInventoryProcessingStopped"] == "Yes"
    assert products["85131A"]["ProductLifecycleStateId"] == "Discontinued"
    assert "22383" not in products


def test_every_tax_group_meets_the_full_item_group_at_its_own_rate() -> None:
    rows, _ = master_data(read_source(EXAMPLES / "online-retail"), 7, "gb01")

    rates = {row["TaxCodeId"]: row["Value"] for row in rows["TaxCodeValues"]}

    assert rates == {"UK-STD": 20.0, "EU-B2C": 20.0, "EXPORT": 0.0}
    assert {row["SalesTaxGroup"] for row in rows["CustomersV3"]} == rates.keys()
    assert {row["TaxCodeId"] for row in rows["TaxItemGroups"]} == rates.keys()


def test_codes_that_are_no_goods_are_service_items() -> None:
    rows, _ = master_data(read_source(EXAMPLES / "online-retail"), 7, "gb01")
    kinds = {row["ItemNumber"]: row["ProductType"] for row in rows["ReleasedProductsV2"]}

    assert (kinds["POST"], kinds["SVC-CARRIAGE"], kinds["22423"]) == ("Service", "Service", "Item")
    assert "M" in kinds
    assert "m" not in kinds


@pytest.mark.parametrize(("price", "cost"), [("2.08", "0.94"), ("0.001", "0.01"), ("10", "4.50")])
def test_a_piece_costs_45_per_cent_of_its_price_and_at_least_a_penny(price: str, cost: str) -> None:
    assert unit_cost(Decimal(price)) == Decimal(cost)


def test_the_edge_cases_bring_their_own_original_sales(erp: Erp) -> None:
    counts = load_world(erp.url, EXAMPLES / "edge-cases", company="gb02")

    sold = {line["item"]: line["quantity"] for order in erp.got["/control/sales"]["orders"] for line in order["lines"]}
    assert sold["EDGE-OVER"] == 20
    assert counts.case_twins == 2
    assert {order["legalEntity"] for order in erp.got["/control/sales"]["orders"]} == {"gb02"}


def test_a_refused_world_is_reported() -> None:
    erp = Erp(500)

    with pytest.raises(httpx.HTTPStatusError):
        load_world(erp.url, EXAMPLES / "edge-cases")
    erp.close()
