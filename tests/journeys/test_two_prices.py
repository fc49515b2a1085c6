"""One SKU on two lines of an order at two prices: each return is credited from one of them, and neither gives back more than it took."""

from decimal import Decimal

from backhaul.domain.posting import OrderLine
from backhaul.domain.rules import OriginRule
from tests.journeys.stage import World, life, line

ORDER = "500009"


def sell(world: World) -> None:
    """Sell four cups at 3.00 and two at 2.50 on one order."""
    world.control("sales", {"orders": [{
        "legalEntity": "gb01", "salesOrder": ORDER, "customer": "10001", "currency": "GBP", "date": "2010-11-20",
        "lines": [{"item": "CUP", "quantity": 4, "price": 3.0}, {"item": "CUP", "quantity": 2, "price": 2.5}]}]})


def bring_back(world: World, ref: str, quantity: int, price: str) -> None:
    goods = line("CUP", quantity, price, order=ORDER, received=quantity, grades=[("A", "RESELL", quantity, True)])
    world.tell(*life(ref, [goods], at=world.at))


def lots(world: World) -> dict[str, list[tuple[str, Decimal]]]:
    """Give the lines of the sale that each return was fixed with, by their price, and the units of each."""
    price = {row["InventoryLotId"]: str(row["SalesPrice"]) for row in world.rows("SalesOrderLines")}
    return {row.posting.key.return_ref: [(price[share.lot], share.quantity) for share in row.posting.document.lots]
            for row in world.postings() if isinstance(row.posting.document, OrderLine) and row.posting.document.lots}


def test_each_return_comes_from_the_line_at_its_price_and_the_account_says_so_to_the_penny(world: World) -> None:
    sell(world)
    bring_back(world, "R-1", 2, "2.50")
    bring_back(world, "R-2", 3, "3.00")

    world.pass_days(62)

    assert {ref: [(Decimal(price), units) for price, units in told] for ref, told in lots(world).items()} == {
        "R-1": [(Decimal("2.5"), 2)], "R-2": [(Decimal(3), 3)]}
    assert world.credits == [("CUP", 2, Decimal("5.00")), ("CUP", 3, Decimal("9.00"))]
    gross = [Decimal(str(row["AmountCur"])) for row in world.rows("CustTransBiEntities") if Decimal(str(row["AmountCur"])) < 0]
    assert sorted(gross) == [Decimal("-10.80"), Decimal("-6.00")], "net and VAT at 20 %"
    assert world.ledgers["balanced"]


def test_when_the_dear_line_is_used_up_nobody_is_credited_at_its_price_from_the_cheap_one(world: World) -> None:
    sell(world)
    bring_back(world, "R-1", 4, "3.00")
    world.pass_days(62)

    bring_back(world, "R-2", 1, "3.00")
    bring_back(world, "R-3", 1, "2.50")
    world.pass_days(62)

    assert world.credits == [("CUP", 1, Decimal("2.50")), ("CUP", 4, Decimal("12.00"))]
    assert world.exceptions() == {"PRICE_ABOVE_SOLD": 1}
    assert world.state("R-2") == "held"


def test_a_return_over_both_lines_is_divided_or_held_as_the_profile_says(world: World) -> None:
    sell(world)
    world.change_rules(origin=OriginRule(divide=False))
    bring_back(world, "R-1", 5, "2.50")
    world.pass_days(62)
    assert world.exceptions() == {"SPANS_SALE_LINES": 1}
    assert world.credits == []

    world.change_rules(origin=OriginRule())
    world.pass_days(62)

    assert world.credits == [("CUP", 5, Decimal("12.50"))]
    assert [units for _, units in lots(world)["R-1"]] == [2, 3]
    cost = {row["ReturnOrderNumber"]: Decimal(str(row["ReturnUnitCost"])) for row in world.rows("ReturnOrderLinesV2")}
    assert set(cost.values()) == {Decimal("1.33")}, "both lines cost 1.33 when they were issued"


def test_units_that_somebody_returned_by_hand_are_gone_from_the_line_they_came_from(world: World) -> None:
    sell(world)
    head = world.write("ReturnOrderHeadersV2", {
        "dataAreaId": "gb01", "CustomerAccountNumber": "10001", "CustomersOrderReference": "by hand", "CustomerRequisitionNumber": ORDER,
        "DefaultReturnWarehouseId": "GB-DC-01"})
    world.write("ReturnOrderLinesV2", {"dataAreaId": "gb01", "ReturnOrderNumber": head["ReturnOrderNumber"], "ItemNumber": "CUP",
                                       "ReturnSalesQuantity": -2, "SalesPrice": 2.5})
    bring_back(world, "R-1", 4, "3.00")
    bring_back(world, "R-2", 1, "2.50")

    world.pass_days(62)

    assert world.credits == [("CUP", 4, Decimal("12.00"))]
    assert world.exceptions() == {"QUANTITY_ABOVE_SOLD": 1}
