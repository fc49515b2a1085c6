"""What the ERP computed for a draft is compared before arrival; what it booked is compared with cost and account after it."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.posting import OrderLine
from backhaul.domain.routing import RoutingRule
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, WIRE, World, life, line, open_world
from tests.journeys.test_tax import sell, set_rate


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'daily.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def bring_back(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at))


def settle(world: World, **settings: Any) -> None:
    """Set the emulated ERP up; the item's list price and own cost are 9.00 each, neither of which the sale ever saw."""
    rows = [{name: value for name, value in row.items() if not name.startswith("@")} | {"SalesPrice": 9, "_unitCost": 9}
            for row in world.rows("ReleasedProductsV2") if row["ItemNumber"] == "TEA"]
    world.control("seed", {"settings": settings, "rows": {"ReleasedProductsV2": rows}})


def correct(world: World, row: dict[str, Any], **changes: Any) -> None:
    """Correct a return order line in the ERP by hand."""
    token = WIRE.post(f"{world.erp}/demo/oauth2/v2.0/token", data={
        "grant_type": "client_credentials", "client_id": "backhaul", "client_secret": "secret", "scope": f"{world.erp}/.default"})
    key = ",".join(f"{name}='{row[name]}'" for name in ("dataAreaId", "ReturnOrderNumber", "ReturnInventoryLotId"))
    answer = WIRE.patch(f"{world.erp}/data/ReturnOrderLinesV2({key})?cross-company=true", json=changes,
                        headers={"Authorization": f"Bearer {token.json()['access_token']}"})
    assert answer.status_code == 204, answer.text


def sentences(world: World) -> str:
    return " ".join(finding.sentence for row in world.open() for finding in row.case.findings)


@pytest.mark.parametrize(("settings", "says"), [
    ({"itemDefaulting": True}, "the ERP computed"),
    ({"headerCharge": -3}, "holds -3"),
], ids=["price-defaulted", "charge-nobody-asked-for"])
def test_a_draft_the_erp_computed_otherwise_is_held_and_nothing_is_received(daily: World, settings: dict[str, Any], says: str) -> None:
    settle(daily, **settings)
    bring_back(daily)

    daily.pass_days(4)

    assert daily.exceptions() == {"TOTALS_DIFFER": 1}
    assert daily.open()[0].case.owner == "finance"
    assert says in sentences(daily)
    assert Decimal(str(daily.ledgers["unitsReceived"])) == 0
    assert daily.rows("ItemArrivalJournalHeadersV2") == []
    assert daily.placed() == {"held": Decimal("-8.50")}


@pytest.mark.parametrize(("warehouse", "team"), [("GB-DC-01", "north"), ("GB-DC-02", "finance")])
def test_what_posting_finds_goes_to_the_team_of_the_warehouse_as_well(daily: World, warehouse: str, team: str) -> None:
    daily.change_rules(routing=(RoutingRule(team="north", warehouses=frozenset({"GB-DC-01"})),))
    settle(daily, itemDefaulting=True)
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=daily.at, warehouse=warehouse))

    daily.pass_days(4)

    assert [(row.case.kind, row.case.owner) for row in daily.open()] == [("TOTALS_DIFFER", team)]


def test_a_tax_the_erp_computed_otherwise_before_arrival_is_held_with_owner_and_money_and_nothing_arrives(daily: World) -> None:
    sell(daily)
    daily.tell(*life("R-1", [line("CUP", 3, "3.00", order="500009", received=3, grades=[("A", "RESELL", 3, True)])], at=daily.at))
    daily.arm("throttle", path=r"\$batch", body="POST [^ ]*/ReturnOrderLinesV2 ")
    daily.pass_days(2)
    judged = [(row.posting.document.tax_rate, row.state.value) for row in daily.postings() if isinstance(row.posting.document, OrderLine)]

    set_rate(daily, 5)
    daily.pass_days(3)

    assert judged == [(Decimal("17.5"), "ready")], "judged at the rate of the sale, and not written yet"
    assert daily.exceptions() == {"TOTALS_DIFFER": 1}
    (row,) = daily.open()
    assert (row.case.owner, row.case.money.amount) == ("finance", Decimal("-9.00"))
    assert "Wanted -1.58 GBP tax at 17.5 % for CUP, the ERP computed -0.45" in sentences(daily)
    assert daily.rows("ItemArrivalJournalHeadersV2") == []
    assert (daily.ledgers["unitsReceived"], daily.credits) == (0, [])
    assert daily.placed() == {"held": Decimal("-9.00")}


def test_the_arrival_journal_a_mapping_row_names_is_the_one_that_is_sent(daily: World) -> None:
    mapping = daily.house.profiles[TENANT].rules.mapping
    daily.change_rules(mapping=[replace(row, journal="ZZ-OUT" if row.when.disposition == "OUTLET" else "") for row in mapping])
    daily.control("seed", {"settings": {"arrivalJournalNames": ["ZZ-ARR", "ZZ-OUT"]}, "rows": {}})
    daily.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 1, True), ("B", "OUTLET", 1, True)])], at=daily.at))

    daily.pass_days(5)

    names = {row["JournalNumber"]: row["JournalNameId"] for row in daily.rows("ItemArrivalJournalHeadersV2")}
    went = {names[row["JournalNumber"]]: row["ReceivingWarehouseLocationId"] for row in daily.rows("ItemArrivalJournalLinesV2")}
    assert went == {"ZZ-ARR": "SALE", "ZZ-OUT": "OUTLET"}
    assert daily.credits == [("TEA", 1, Decimal("4.25"))] * 2


def test_a_draft_that_was_put_right_in_the_erp_goes_on_after_a_retry(daily: World) -> None:
    settle(daily, itemDefaulting=True)
    bring_back(daily)
    daily.pass_days(4)
    settle(daily, itemDefaulting=False)
    (row,) = daily.rows("ReturnOrderLinesV2")
    correct(daily, row, SalesPrice=4.25)

    resolve.retry(daily.house.store, TENANT, daily.open()[0].id, route=daily.house.desk(TENANT, "gb01").route, actor="ann", now=daily.at)
    daily.pass_days(4)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}


def test_units_that_came_back_at_another_cost_are_a_matter_for_finance_and_the_credit_stands(daily: World) -> None:
    settle(daily, standardCost=["TEA"])
    bring_back(daily)

    daily.pass_days(5)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {"COST_DIFFERS": 1}
    assert "came back at 18.00" in sentences(daily)
    resolve.decide(daily.house.store, TENANT, daily.open()[0].id, Decision.WAIVE, actor="ann", approver="bob", reason="standard cost",
                   now=daily.at)
    daily.pass_days()
    assert (daily.exceptions(), daily.state("R-1")) == ({}, "settled")


def test_a_cost_that_is_not_final_yet_is_used_and_told(daily: World) -> None:
    issued = [{name: value for name, value in row.items() if not name.startswith("@")}
              | {"StatusIssue": "Deducted", "CostAmountPhysical": row["CostAmountPosted"], "CostAmountPosted": 0}
              for row in daily.rows("InventTransBiEntities") if row["ItemId"] == "TEA" and row["ReferenceId"] == "500001"]
    daily.control("seed", {"settings": {}, "rows": {"InventTransBiEntities": issued}})
    bring_back(daily)

    daily.pass_days(5)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {"COST_NOT_FINAL": 1}


def test_an_item_at_standard_cost_is_sent_no_cost_and_compared_with_none(daily: World) -> None:
    settle(daily, standardCost=["TEA"])
    erp: Any = daily.house.desk(TENANT, "gb01").erp
    erp.masters.told = replace(erp.told, standard_cost=frozenset({"STD"}))
    rows = [{name: value for name, value in row.items() if not name.startswith("@")} | {"ItemModelGroupId": "STD", "_unitCost": 9}
            for row in daily.rows("ReleasedProductsV2") if row["ItemNumber"] == "TEA"]
    daily.control("seed", {"settings": {}, "rows": {"ReleasedProductsV2": rows}})
    bring_back(daily)

    daily.pass_days(5)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}


@pytest.mark.editable("ReturnOrderLinesV2.ReturningInventoryLotId")
def test_the_original_lot_is_named_where_the_environment_lets_it_and_its_cost_is_reversed(daily: World) -> None:
    settle(daily, editable=["ReturnOrderLinesV2.ReturningInventoryLotId"])
    bring_back(daily)

    daily.pass_days(5)

    (made,) = daily.rows("ReturnOrderLinesV2")
    sold = {row["InventoryLotId"]: row["SalesOrderNumber"] for row in daily.rows("SalesOrderLines")}
    assert sold[made["ReturningInventoryLotId"]] == "500001"
    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == {}


@pytest.mark.parametrize(("account", "kinds"), [("140100", {}), ("999999", {"ACCOUNT_DIFFERS": 1})])
def test_the_account_a_row_expects_is_looked_for_in_the_vouchers_of_receipt_and_credit(daily: World, account: str,
                                                                                      kinds: dict[str, int]) -> None:
    mapping = daily.house.profiles[TENANT].rules.mapping
    daily.change_rules(mapping=[replace(row, expected_account=account) for row in mapping])
    bring_back(daily)

    daily.pass_days(5)

    assert daily.credits == [("TEA", 2, Decimal("8.50"))]
    assert daily.exceptions() == kinds
