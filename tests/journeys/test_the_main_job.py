"""From what the platform says to a credit note and stock in the right place."""

from decimal import Decimal

from tests.journeys.stage import World, life, line


def test_an_accepted_return_becomes_one_credit_note_and_one_stock_movement(world: World) -> None:
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at))
    world.turn()

    world.pass_days(32)

    assert world.credits == [("TEA", Decimal(2), Decimal("8.50"))]
    assert Decimal(str(world.ledgers["unitsReceived"])) == 2
    assert world.exceptions() == {}
