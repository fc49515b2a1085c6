"""The main job on Business Central, mode C: by the same stage, and with the same ending to the cent."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import Effect, FeeRule
from tests.journeys.stage import TENANT, World, life, line, sold_centrally

MOST_PER_RETURN = 3.2
RESELL = ("A", "RESELL", 1, True)


def memos(world: World) -> list[Mapping[str, Any]]:
    return list(world.ledgers["creditNotes"])


def test_accepted_goods_are_received_and_credited_by_one_posted_memo(central: World) -> None:
    goods = [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
             line("CUP", 2, "2.95", received=2, grades=[("B", "OUTLET", 1, True), ("C", "SHIPBACK", 1, False)]),
             line("POST", 1, "7.50", order=None)]
    central.tell(*life("R-1", goods, at=central.at))

    central.pass_days(2)

    assert central.credits == [
        ("CUP", Decimal(1), Decimal("2.95")), ("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("TEA", Decimal(1), Decimal("4.25")),
        ("TEA", Decimal(2), Decimal("8.50"))]
    assert (central.exceptions(), central.state("R-1")) == ({}, "settled")
    assert central.ledgers["balanced"]
    assert {place: units for place, units in central.ledgers["stock"].items() if "DC1" in place} == {
        "CUP||DC1-OUTLET|": 1, "TEA||DC1-SCRAP|": 1}
    (goods_memo, _) = sorted(memos(central), key=lambda memo: -len(memo["lines"]))
    assert goods_memo["appliesTo"] == "", "the web shop's invoice is paid, so nothing is left to apply a memo to"
    assert {line["text"] for line in goods_memo["lines"]} == {"TEA, a thing", "CUP, a thing"}


def test_what_the_customer_keeps_is_credited_on_its_account_and_never_comes_into_stock(central: World) -> None:
    before = central.ledgers["stock"]
    central.tell(*life("R-1", [line("TEA", 1, "4.25", grades=[("NONE", "KEEP", 1, True)])], at=central.at))

    central.pass_days(2)

    assert central.credits == [("6130", Decimal(1), Decimal("4.25"))]
    assert central.ledgers["stock"] == before
    assert central.placed() == {"credited_without_goods": Decimal("-4.25")}


@pytest.mark.parametrize(("trouble", "kind"), [
    ({"items": [{"number": "TEA", "blocked": True}]}, "SKU_BLOCKED"),
    ({"customers": [{"number": "10001", "blocked": "All"}]}, "CUSTOMER_ON_HOLD"),
    ({"generalLedgerSetup": [{"allowPostingFrom": "2011-01-01"}]}, "PERIOD_CLOSED"),
], ids=["item", "customer", "period"])
def test_what_business_central_would_refuse_is_held_before_anything_is_sent(central: World, trouble: Mapping[str, Any], kind: str) -> None:
    central.control("seed", {"rows": trouble})
    central.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[RESELL])], at=central.at))

    central.pass_days(2)

    assert (central.credits, central.exceptions(), central.ledgers["drafts"]) == ([], {kind: 1}, [])


@pytest.mark.parametrize("blocked", ["Ship", "Invoice"])
def test_a_customer_who_gets_no_more_goods_still_gets_his_money_back(central: World, blocked: str) -> None:
    central.control("seed", {"rows": {"customers": [{"number": "10001", "blocked": blocked}],
                                      "items": [{"number": "TEA", "salesBlocked": True}]}})
    central.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[RESELL])], at=central.at))

    central.pass_days(2)

    assert central.credits == [("TEA", Decimal(1), Decimal("4.25"))]


def test_held_lines_wait_with_their_owner_while_the_others_go_on(central: World) -> None:
    goods = [line("TEA", 1, "4.25", received=1, grades=[RESELL]), line("CUP", 1, "2.95", received=1, grades=[("A", "DONATE", 1, True)])]
    central.tell(*life("R-1", goods, at=central.at))

    central.pass_days(2)

    assert central.credits == [("TEA", Decimal(1), Decimal("4.25"))]
    assert central.exceptions() == {"UNMAPPED_DISPOSITION": 1}
    assert central.state("R-1") == "held"


def test_a_memo_is_applied_to_its_invoice_while_that_is_open_and_covers_it(central_erp: str, central: World, tmp_path: Path) -> None:
    sold_centrally(central_erp, tmp_path / "again", paid=False)
    central.tell(*life("R-1", [line("TEA", 6, "4.25", received=6, grades=[("A", "RESELL", 6, True)])], at=central.at),
                 *life("R-2", [line("TEA", 4, "4.25", received=4, grades=[("A", "RESELL", 4, True)])], at=central.at))

    central.pass_days(2)

    assert sorted(memo["appliesTo"] for memo in memos(central)) == ["PS-INV000001", "PS-INV000001"]


def test_a_fee_that_takes_more_than_it_gives_is_an_invoice_and_not_a_memo_below_nothing(central: World) -> None:
    fees = {**central.house.profiles[TENANT].rules.fees,
            "RETURN-FEE": FeeRule(service_item="SVC-MANUAL", effect=Effect.DEDUCT, amount=Decimal("2.50"))}
    mapping = [replace(row, charge="RETURN-FEE") if row.when.disposition == "RESELL" else row
               for row in central.house.profiles[TENANT].rules.mapping]
    central.change_rules(fees=fees, mapping=mapping)
    central.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=central.at))

    central.pass_days(2)

    assert central.credits == [("TEA", Decimal(2), Decimal("8.50"))]
    assert (central.exceptions(), central.state("R-1"), central.ledgers["balanced"]) == ({}, "settled", True)
    assert central.placed() == {"credited_restocked": Decimal("-8.50")}
    assert [row.document.gross for row in central.postings() if row.posting.key.kind is PostingKind.FEE_CREDIT_NOTE and row.document] == [
        Decimal("3.00")]


def test_a_fee_beside_more_that_is_given_is_a_negative_line_of_one_memo(central: World) -> None:
    fees = {**central.house.profiles[TENANT].rules.fees,
            "RETURN-FEE": FeeRule(service_item="SVC-MANUAL", effect=Effect.DEDUCT, amount=Decimal("2.50"))}
    mapping = [replace(row, charge="RETURN-FEE") if row.when.disposition == "RESELL" else row
               for row in central.house.profiles[TENANT].rules.mapping]
    central.change_rules(fees=fees, mapping=mapping)
    central.tell(*life("R-1", [line("TEA", 1, "4.25", received=1, grades=[RESELL]), line("POST", 1, "7.50", order=None)], at=central.at))

    central.pass_days(2)

    assert central.credits == [("SVC-CARRIAGE", Decimal(1), Decimal("7.50")), ("SVC-MANUAL", Decimal(-1), Decimal("-2.50")),
                               ("TEA", Decimal(1), Decimal("4.25"))]
    assert sorted(len(memo["lines"]) for memo in memos(central)) == [1, 2]


def test_a_hundred_returns_in_one_cycle_take_few_calls_each(central_erp: str, central: World, tmp_path: Path) -> None:
    sold_centrally(central_erp, tmp_path / "many", *[(f"6000{number:02d}", "TEA", 3, "4.25") for number in range(100)])
    for number in range(100):
        lines = [line("TEA", 2, "4.25", order=f"6000{number:02d}", received=2, grades=[RESELL, ("B", "OUTLET", 1, True)])]
        lines += [line("POST", 1, "7.50", order=None)] if number % 5 == 0 else []
        central.tell(*life(f"R-{number:03d}", lines, at=central.at))
    central.turn()
    central.control("calls/reset", {})

    central.pass_days(2)

    calls = central.control("calls")
    assert (len(central.credits), central.exceptions()) == (220, {})
    assert calls["counted"] <= MOST_PER_RETURN * 100, calls["by"]
