"""What users of the closest peer complain of, in every mode: carriage alone, goods that cost nothing, a refund still pending, exchanges,
part payments, other currencies, and a draft that somebody changed (facts/business-central 11)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.business_central.routes import MODES
from backhaul.application.ports import PostingState
from backhaul.bootstrap import connect
from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import Effect, FeeRule
from tests.journeys.stage import TENANT, World, life, line, message, sold_centrally
from tests.journeys.test_central_modes import opened

CREDITED = {PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE}
RESELL = ("A", "RESELL", 2, True)
POSTING = {"A": {"path": "postReceiveAndInvoice"}, "B": {"path": r"\$batch", "body": '"PATCH"'}, "C": {"path": r"Microsoft\.NAV\.post"}}


@pytest.fixture(params=sorted(MODES))
def world(request: pytest.FixtureRequest, central_erp: str, tmp_path: Path) -> Iterator[World]:
    world = opened(central_erp, tmp_path, request.param)
    yield world
    world.house.close()


def mode_of(world: World) -> str:
    return world.house.desk(TENANT, "gb01").entity.deployment


def two_teas(world: World, *, fees: Sequence[dict[str, str]] = (), **more: Any) -> None:
    messages = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[RESELL])], at=world.at)
    for each in messages:
        each["return"] |= {"fees": list(fees)} | more
    world.tell(*messages)


def account(world: World) -> Decimal:
    """Give what our documents came to on the customers' accounts, with tax."""
    ours = [row.document for row in world.postings() if row.posting.key.kind in CREDITED and row.document]
    return sum((document.gross or Decimal(0) for document in ours), Decimal(0))


def test_carriage_alone_is_credited_as_a_service_and_brings_no_goods_into_stock(world: World) -> None:
    before = world.ledgers["stock"]
    world.tell(*life("R-1", [line("POST", 1, "7.50", order=None)], at=world.at))

    world.pass_evenings(2, turns=3)

    assert world.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50"))]
    assert (world.ledgers["stock"], world.exceptions(), world.state("R-1")) == (before, {}, "settled")


def test_goods_that_cost_the_customer_nothing_come_back_into_stock_by_a_memo_of_nothing(
        world: World, central_erp: str, tmp_path: Path) -> None:
    sold_centrally(central_erp, tmp_path / "gift", ("500003", "GIFT", 5, "0"))
    before = Decimal(str(world.ledgers["unitsReceived"]))
    world.tell(*life("R-1", [line("GIFT", 2, "0", order="500003", received=2, grades=[RESELL])], at=world.at))

    world.pass_evenings(2, turns=3)

    assert (world.credits, world.exceptions()) == ([("GIFT", Decimal(2), Decimal(0))], {})
    assert Decimal(str(world.ledgers["unitsReceived"])) - before == 2
    assert (account(world), world.state("R-1"), world.ledgers["balanced"]) == (Decimal(0), "settled", True)


def test_a_refund_that_is_pending_makes_no_memo_of_nothing_and_none_before_the_goods_are_accepted(world: World) -> None:
    bare = line("TEA", 2, "4.25")
    refund = {"amount": "0.00", "currency": "GBP", "reference": "PENDING-1", "paidAt": None}
    told = message("R-1", "RefundIssued", 2, [bare], at=world.at + timedelta(hours=1))
    told["return"]["refund"] = refund
    world.tell(message("R-1", "ReturnCreated", 1, [bare], at=world.at), told)
    world.pass_evenings(3, turns=2)
    pending = world.credits, [draft for draft in world.ledgers["drafts"] if draft["gross"]], world.ledgers["creditNotes"]

    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[RESELL])], at=world.at)[1:])
    world.pass_evenings(2, turns=3)

    assert pending == ([], [], [])
    assert (world.credits, world.exceptions()) == ([("TEA", Decimal(2), Decimal("8.50"))], {})


def test_an_exchange_credits_what_came_back_at_its_price_and_orders_nothing(world: World) -> None:
    two_teas(world, exchange={"orderNumber": "ZZ-SWAP-77", "difference": "3.10"})

    world.pass_evenings(2, turns=3)

    assert (world.credits, account(world)) == ([("TEA", Decimal(2), Decimal("8.50"))], Decimal("-10.20"))
    assert ([row["type"] for row in world.ledgers["drafts"]], world.exceptions()) == ([], {}), "the platform sends what is exchanged"


def test_a_bonus_and_the_part_that_goes_back_to_a_gift_card_stand_on_accounts_of_their_own(world: World) -> None:
    services = {"SVC-BONUS": "6710", "SVC-GIFT": "2410"}
    world.control("seed", {"rows": {
        "vatPostingSetups": [{"vatBusPostingGroup": "UK-STD", "vatProdPostingGroup": "NONE", "vatPercent": 0}],
        "generalPostingSetups": [{"genBusPostingGroup": "", "genProdPostingGroup": "", "salesAccount": "sales",
                                  "salesCreditMemoAccount": "sales-returns", "cogsAccount": "cogs"},
                                 *({"genBusPostingGroup": "", "genProdPostingGroup": name, "salesAccount": number,
                                    "salesCreditMemoAccount": number} for name, number in services.items())],
        "items": [{"number": name, "displayName": name, "type": "Service", "taxGroupCode": "NONE", "baseUnitOfMeasureCode": "PCS",
                   "generalProductPostingGroupCode": name, "unitPrice": 0, "unitCost": 0} for name in services]}})
    world.change_rules(fees={**world.house.profiles[TENANT].rules.fees, "BONUS": FeeRule(service_item="SVC-BONUS"),
                             "GIFTCARD": FeeRule(service_item="SVC-GIFT", effect=Effect.DEDUCT)})
    before = world.ledgers["trialBalance"]

    two_teas(world, fees=[{"code": "BONUS", "amount": "0.85"}, {"code": "GIFTCARD", "amount": "11.05"}])
    world.pass_evenings(2, turns=3)

    now = world.ledgers["trialBalance"]
    assert {name: Decimal(str(now[name])) - Decimal(str(before.get(name, 0))) for name in services.values() if name in now} == {
        "6710": Decimal("0.85"), "2410": Decimal("-11.05")}
    assert (account(world), world.exceptions(), world.ledgers["balanced"]) == (Decimal(0), {}, True), "10.20 and 0.85, all to the card"
    assert all(note["gross"] <= 0 for note in world.ledgers["creditNotes"]), "a memo gives, it never takes"


def test_each_credit_is_in_the_currency_of_its_sale_and_the_books_balance_in_pounds(world: World) -> None:
    world.control("seed", {"settings": {"exchangeRates": {"EUR": 0.8613}}, "rows": {}})
    world.control("sales", {"orders": [{"legalEntity": "Backhaul Demo Ltd", "salesOrder": "510001", "customer": "10001", "currency": "EUR",
                                        "date": "2010-11-20", "paid": True, "lines": [{"item": "TEA", "quantity": 5, "price": 4.99}]}]})
    desk = world.house.desk(TENANT, "gb01")
    entity = replace(desk.entity, currencies={"EUR": "the rate table of the emulated ERP"})
    world.change_rules(entities=(entity,))
    world.house.adopt(replace(desk, entity=entity, rules=world.house.profiles[TENANT].rules,
                              erp=connect(world.house.profiles[TENANT], "gb01")))
    messages = life("R-1", [line("TEA", 3, "4.99", order="510001", received=3, grades=[("A", "RESELL", 3, True)])], at=world.at)
    for each in messages:
        each["return"]["currency"] = "EUR"
    world.tell(*messages, *life("R-2", [line("TEA", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at))

    world.pass_evenings(2, turns=3)

    notes = {note["currency"]: (Decimal(str(note["net"])), Decimal(str(note["tax"]))) for note in world.ledgers["creditNotes"]}
    assert notes == {"EUR": (Decimal("-14.97"), Decimal("-2.99")), "GBP": (Decimal("-4.25"), Decimal("-0.85"))}
    assert (world.exceptions(), world.ledgers["balanced"]) == ({}, True)


def test_a_draft_somebody_touched_meanwhile_is_read_again_and_posted_once(world: World) -> None:
    two_teas(world)
    world.turn()
    world.arm(kind="changed-meanwhile", line={"description": "Tea, checked by Mary"}, **POSTING[mode_of(world)])

    world.pass_evenings(2, turns=3)

    assert (world.credits, world.exceptions(), world.state("R-1")) == ([("TEA", Decimal(2), Decimal("8.50"))], {}, "settled")


def test_a_price_somebody_changed_at_the_last_moment_is_found_with_its_amount_and_never_credited_again(world: World) -> None:
    two_teas(world)
    world.turn()
    world.arm(kind="changed-meanwhile", line={"unitPrice": 5}, **POSTING[mode_of(world)])

    world.pass_evenings(3, turns=3)

    held = mode_of(world) == "B"
    assert set(world.exceptions()) == {"ERP_REJECTED" if held else "ERP_DIFFERS"}, "only a change with a version is refused by the ERP"
    assert world.credits == ([] if held else [("TEA", Decimal(2), Decimal("10.00"))])
    says = " ".join(finding.sentence for row in world.open() for finding in row.case.findings)
    assert "10" in says
    assert "8.5" in says
    assert PostingState.READY not in {row.state for row in world.postings() if row.posting.key.kind is PostingKind.CREDIT_NOTE} or held
