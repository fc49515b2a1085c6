"""VAT is that of the sale: a rate that changed since is a matter for tax review, before and after the ERP has posted."""

from decimal import Decimal

from backhaul.application import resolve
from backhaul.domain.facts import Decision
from backhaul.domain.posting import CreditNote
from tests.journeys.stage import TENANT, World, life, line

ALWAYS, FROM_JANUARY = "2010-01-01T12:00:00Z", "2011-01-04T12:00:00Z"
EVER = "2154-12-31T12:00:00Z"


def set_rate(world: World, percent: float, since: str = ALWAYS) -> None:
    """Let the standard code be worth so much since a day; values that hold on one day add up, as codes do."""
    world.control("seed", {"settings": {}, "rows": {"TaxCodeValues": [
        {"dataAreaId": "gb01", "TaxCodeId": "UK-STD", "FromDate": since, "ToDate": EVER, "Value": percent}]}})


def sell(world: World) -> None:
    """Sell ten cups at 3.00 on 20 November, at 17.5 %; 2.5 % come on top on 4 January."""
    set_rate(world, 17.5)
    set_rate(world, 2.5, since=FROM_JANUARY)
    world.control("sales", {"orders": [{
        "legalEntity": "gb01", "salesOrder": "500009", "customer": "10001", "currency": "GBP", "date": "2010-11-20",
        "lines": [{"item": "CUP", "quantity": 10, "price": 3.0}]}]})


def bring_back(world: World, ref: str, quantity: int) -> None:
    world.tell(*life(ref, [line("CUP", quantity, "3.00", order="500009", received=quantity, grades=[("A", "RESELL", quantity, True)])],
                     at=world.at))


def taxes(world: World) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Give net and tax of each credit note of the ERP, and the tax its ledger holds for it."""
    return sorted((Decimal(str(note["net"])), Decimal(str(note["tax"])), -Decimal(str(note["ledgerTax"])))
                  for note in world.ledgers["creditNotes"])


def waive(world: World) -> None:
    (row,) = world.open()
    resolve.decide(world.house.store, TENANT, row.id, Decision.WAIVE, actor="ann", approver="bob",
                   reason="tax review", now=world.at)
    world.turn()


def test_a_credit_carries_the_rate_of_the_sale_to_the_penny(world: World) -> None:
    sell(world)
    bring_back(world, "R-1", 3)

    world.pass_days(31)

    (note,) = [row.posting.document for row in world.postings() if isinstance(row.posting.document, CreditNote)]
    assert (note.tax_rate, note.tax) == (Decimal("17.5"), Decimal("1.58"))
    assert taxes(world) == [(Decimal("-9.00"), Decimal("-1.58"), Decimal("-1.58"))]
    account = [Decimal(str(row["AmountCur"])) for row in world.rows("CustTransBiEntities") if row["TransType"] == "Sales"]
    assert Decimal("-10.58") in account
    assert world.exceptions() == {}


def test_a_rate_that_changed_since_the_sale_is_reviewed_before_anything_is_sent(world: World) -> None:
    sell(world)
    world.pass_days(40)
    bring_back(world, "R-1", 2)

    world.pass_days(30)

    assert world.exceptions() == {"TAX_DIFFERS": 1}
    assert "was sold on 2010-11-20 at 17.5 %; the ERP would credit it at 20.0 %" in world.open()[0].case.findings[0].sentence
    assert world.rows("ReturnOrderHeadersV2") == []
    assert world.placed() == {"held": Decimal("-6.00")}
    waive(world)
    world.pass_days(62)
    assert taxes(world) == [(Decimal("-6.00"), Decimal("-1.20"), Decimal("-1.20"))]
    assert (world.exceptions(), world.state("R-1")) == ({}, "settled")


def test_a_tax_the_erp_computes_otherwise_is_reviewed_and_the_credit_stays(world: World) -> None:
    sell(world)
    bring_back(world, "R-1", 3)
    world.pass_days(29)
    assert [row.posting.key.kind.value for row in world.postings() if row.attempts] != [], "judged and on its way"

    set_rate(world, 5)
    world.pass_days(3)

    assert taxes(world) == [(Decimal("-9.00"), Decimal("-0.45"), Decimal("-0.45"))]
    assert world.exceptions() == {"TAX_DIFFERS": 1}
    assert "credits 0.45 GBP of tax on 9.00; at 17.5 %, the rate of the sale, it is 1.58" in world.open()[0].case.findings[0].sentence
    assert world.placed() == {"credited_restocked": Decimal("-9.00")}
    waive(world)
    world.pass_days(2)
    assert (world.exceptions(), world.state("R-1")) == ({}, "settled")
    assert len(world.credits) == 1
