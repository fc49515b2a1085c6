"""What besides the goods changes the refund: each fee by its rule, once, on its own service item; the account agrees to the penny."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.sql import coverage, lists
from backhaul.domain.access import Scope
from backhaul.domain.posting import PostingKind
from backhaul.domain.rules import By, Close, Effect, FeeRule, Per, Window
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web import counting
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.serving import serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, World, life, line, open_world

FEES = {
    "RETURNFEE": FeeRule(service_item="SVC-FEE", effect=Effect.DEDUCT),
    "RESTOCK": FeeRule(service_item="SVC-RESTOCK", effect=Effect.DEDUCT, amount=Decimal("1.00"), per=Per.LINE),
    "LABEL": FeeRule(service_item="SVC-LABEL", effect=Effect.DEDUCT, tax_included=Decimal(20)),
    "HANDLING": FeeRule(effect=Effect.DEDUCT, by=By.ERP, amount=Decimal("0.75")),
    "PAIDUP": FeeRule(effect=Effect.PREPAID),
    "SHIPPING": FeeRule(service_item="SVC-CARRIAGE"),
    "BONUS": FeeRule(service_item="SVC-BONUS"),
    "GIFTCARD": FeeRule(service_item="SVC-GIFT", effect=Effect.DEDUCT),
    "POINTS": FeeRule(service_item="SVC-POINTS", effect=Effect.DEDUCT),
    "NOTOURS": FeeRule(customer_return=False),
}
ACCOUNTS = {"SVC-FEE": "403001", "SVC-RESTOCK": "403002", "SVC-LABEL": "403003", "SVC-BONUS": "604001", "SVC-GIFT": "204001",
            "SVC-POINTS": "204002"}
UNTAXED = {"SVC-BONUS", "SVC-GIFT", "SVC-POINTS"}


@pytest.fixture
def shop(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    services = [{"dataAreaId": "gb01", "ItemNumber": name, "ProductType": "Service", "SalesUnitSymbol": "ea", "_salesAccount": account,
                 "SalesSalesTaxItemGroupCode": "" if name in UNTAXED else "FULL"} for name, account in ACCOUNTS.items()]
    world.control("seed", {"settings": {}, "rows": {"ReleasedProductsV2": services}})
    world.change_rules(fees=FEES)
    yield world
    world.house.close()


def bring_back(world: World, ref: str, fees: Sequence[Mapping[str, Any]] = (), of_line: Sequence[Mapping[str, Any]] = (), *,
               grade: tuple[str, str, int, bool] = ("A", "RESELL", 2, True)) -> None:
    """Bring two teas back, 8.50 net and 10.20 with tax, with fees of the return and of its line."""
    messages = life(ref, [line("TEA", 2, "4.25", received=2, grades=[grade]) | {"fees": list(of_line)}], at=world.at)
    for message in messages:
        message["return"]["fees"] = list(fees)
    world.tell(*messages)


def account(world: World) -> list[Decimal]:
    """Give what came to the customer's account besides the sales of the fixture: invoices of fees are positive, credits negative."""
    started = {row["LedgerVoucher"] for row in world.rows("SalesInvoiceHeadersV2") if row["SalesOrderNumber"].startswith("5")}
    return sorted(Decimal(str(row["AmountCur"])) for row in world.rows("CustTransBiEntities") if row["Voucher"] not in started)


def balances(world: World) -> dict[str, Decimal]:
    """Give the balances of the service items' own accounts, and that of automatic charges."""
    own = {*ACCOUNTS.values(), "402100"}
    return {name: amount for name, told in world.ledgers["trialBalance"].items() if name in own and (amount := Decimal(str(told)))}


def test_a_fee_is_deducted_on_its_own_item_and_account_with_its_own_tax(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "2.00"}])

    shop.pass_days(6)

    assert account(shop) == [Decimal("-10.20"), Decimal("2.40")]
    assert balances(shop) == {"403001": Decimal("-2.00")}
    assert (shop.exceptions(), shop.state("R-1")) == ({}, "settled")
    assert shop.ledgers["balanced"]


def test_the_places_add_up_to_the_goods_and_the_account_to_places_and_charges_to_the_cent(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "1.99"}], of_line=[{"code": "SHIPPING", "amount": "1.37"}])

    shop.pass_days(6)

    placed = shop.placed()
    charges = {row.posting.line_id: row.posting.net for row in shop.postings() if row.posting.key.kind is PostingKind.FEE_CREDIT_NOTE}
    assert placed == {"credited_restocked": Decimal("-8.50")}
    assert sorted(charges.values()) == [Decimal("-1.37"), Decimal("1.99")]
    taxed = [(net * Decimal("1.2")).quantize(Decimal("0.01")) for net in (*placed.values(), *charges.values())]
    assert sum(account(shop)) == sum(taxed) == Decimal("-9.45")
    assert shop.ledgers["balanced"]


def test_what_was_prepaid_is_never_deducted_again(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "PAIDUP", "amount": "3.00"}, {"code": "RETURNFEE", "amount": "2.00", "prepaid": True}])

    shop.pass_days(6)

    assert account(shop) == [Decimal("-10.20")]
    assert shop.state("R-1") == "settled"


def test_the_charge_of_a_mapping_row_is_deducted_once_per_line_and_the_label_with_its_tax_taken_out(shop: World) -> None:
    mapping = shop.house.profiles["online-retail"].rules.mapping
    shop.change_rules(mapping=[replace(row, charge="RESTOCK") if row.when.disposition == "OUTLET" else row for row in mapping])
    bring_back(shop, "R-1", [{"code": "LABEL", "amount": "1.20"}], grade=("B", "OUTLET", 2, True))

    shop.pass_days(6)
    shop.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("B", "OUTLET", 2, True)])], at=shop.at))
    shop.pass_days(4)

    assert account(shop) == [Decimal("-10.20"), Decimal("2.40")], "1.00 restocking and 1.00 label, both with 20 %"
    assert balances(shop) == {"403002": Decimal("-1.00"), "403003": Decimal("-1.00")}


def test_what_the_erp_charges_by_itself_is_expected_and_not_sent(shop: World) -> None:
    mapping = shop.house.profiles["online-retail"].rules.mapping
    shop.change_rules(mapping=[replace(row, charge="HANDLING") if row.when.disposition == "OUTLET" else row for row in mapping])
    shop.control("seed", {"settings": {"dispositionCharges": {"gb01": {"ZOUTLET": 0.75}}}, "rows": {}})
    bring_back(shop, "R-1", grade=("B", "OUTLET", 2, True))

    shop.pass_days(6)

    assert account(shop) == [Decimal("-9.45")]
    assert balances(shop) == {"402100": Decimal("-0.75")}
    assert not [row for row in shop.postings() if row.posting.key.kind is PostingKind.FEE_ORDER]
    assert (shop.exceptions(), shop.state("R-1")) == ({}, "settled")


def test_a_charge_the_erp_makes_and_nobody_mapped_stands_out(shop: World) -> None:
    shop.control("seed", {"settings": {"dispositionCharges": {"gb01": {"ZCREDIT": 0.75}}}, "rows": {}})
    bring_back(shop, "R-1")

    shop.pass_days(6)

    assert shop.exceptions() == {"ERP_DIFFERS": 1}
    assert "The ERP should charge 0 GBP by itself, it charged 0.75" in shop.open()[0].case.findings[0].sentence


def test_carriage_is_given_back_and_a_bonus_has_an_account_of_its_own_beside_the_credit(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "BONUS", "amount": "0.85"}, {"code": "GIFTCARD", "amount": "11.05"}], of_line=[
        {"code": "SHIPPING", "amount": "1.50"}])

    shop.pass_days(6)

    assert account(shop) == [Decimal("-10.20"), Decimal("8.40")], "11.05 to the card, less 0.85 of bonus and 1.80 of carriage with tax"
    assert balances(shop) == {"604001": Decimal("0.85"), "204001": Decimal("-11.05")}
    assert shop.credits[0] == ("TEA", 2, Decimal("8.50")), "the credit note itself never exceeds what was paid"
    assert sum(account(shop)) == Decimal("-1.80")


def test_the_part_that_was_paid_by_points_goes_back_to_points(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "POINTS", "amount": "4.00"}])

    shop.pass_days(6)

    assert account(shop) == [Decimal("-10.20"), Decimal("4.00")]
    assert balances(shop) == {"204002": Decimal("-4.00")}


@pytest.mark.parametrize(("code", "kind"), [("SURPRISE", "UNMAPPED_FEE"), ("NOTOURS", "NOT_A_CUSTOMER_RETURN")])
def test_a_fee_nobody_mapped_holds_the_return(shop: World, code: str, kind: str) -> None:
    bring_back(shop, "R-1", [{"code": code, "amount": "2.00"}])

    shop.pass_days(6)

    assert (account(shop), shop.exceptions()) == ([], {kind: 1})
    assert shop.placed() == {"held": Decimal("-8.50")}


def came(world: World) -> dict[tuple[str, str], tuple[int, Decimal, bool]]:
    """Count what came in since, and give the fees by code and by what they came as: how often, how much, and whether they are mapped."""
    world.pass_days(1)
    rules = world.house.profiles[TENANT].rules
    while counting.count(world.house.store, rules):
        pass
    with world.house.store.read() as connection:
        reach = lists.reach(connection, Scope(tenant=TENANT, entities=None), "gb01")
        return {(fee.code, fee.came_as.value): (fee.count, fee.amount, fee.rule is not None)
                for fee in coverage.fees(connection, reach, rules.fees)}


def test_every_fee_that_came_is_counted_once_as_it_stands_now_with_its_money_and_whether_it_is_mapped(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "SURPRISE", "amount": "2.00"}], [{"code": "RETURNFEE", "amount": "1.50"}])
    first = came(shop)
    later = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=shop.at)[-1]
    later["return"]["fees"] = [{"code": "SURPRISE", "amount": "2.25"}]
    bring_back(shop, "R-2", [{"code": "SURPRISE", "amount": "1.00"}])
    shop.tell(later | {"eventId": "later", "sequence": 9})

    second, again = came(shop), came(shop)

    assert first == {("SURPRISE", "charge"): (1, Decimal("2.00"), False), ("RETURNFEE", "charge"): (1, Decimal("1.50"), True)}
    assert second == again == {("SURPRISE", "charge"): (2, Decimal("3.25"), False)}


def test_a_line_counts_as_a_fee_from_its_first_day_once_the_profile_says_that_its_code_is_one(shop: World) -> None:
    shop.tell(*life("R-1", [line("TEA", 2, "4.25"), line("POST", 1, "3.00")], at=shop.at))
    before = came(shop)
    bring_back(shop, "R-2", [{"code": "SURPRISE", "amount": "2.25"}])
    shop.change_rules(fees={**FEES, "POST": FeeRule(service_item="SVC-CARRIAGE")})
    employ(shop.house.store, TENANT, shop.at)

    after = came(shop)
    with serve(create_app(shop.house, sign_in=SIGN_IN)) as server:
        fiona = Browser(server.base_url)
        fiona.enter("Fiona Finance", PASSPHRASE)
        page, taken = fiona.get("/mappings").text, fiona.get("/exports/fees.csv").text
        draft = fiona.get(unescape(re.findall(r'href="([^"]+)">Map this fee<', page)[0])).text

    assert before == {}
    assert after[("POST", "line")] == (1, Decimal("3.00"), True)
    assert [code for (code, _), (*_, mapped) in after.items() if not mapped] == ["SURPRISE"]
    assert page.count("Map this fee") == 1
    assert "\nSURPRISE = &#34;&#34;</textarea>" in draft
    assert ">POST</th><td>line</td>" in page
    assert "mapped,gb01,POST,line,refund,SVC-CARRIAGE,1,3.00,GBP," in taken


def test_a_fee_without_an_active_service_item_holds_the_return(shop: World) -> None:
    shop.change_rules(fees={**FEES, "RETURNFEE": FeeRule(service_item="TEA", effect=Effect.DEDUCT)})
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "2.00"}])

    shop.pass_days(6)

    assert (account(shop), shop.exceptions()) == ([], {"SERVICE_ITEM_UNKNOWN": 1})


def test_nothing_is_deducted_from_goods_that_were_refused_or_are_held(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "2.00"}], grade=("D", "BACK", 2, False))
    bring_back(shop, "R-2", [{"code": "RETURNFEE", "amount": "2.00"}], grade=("A", "DONATE", 2, True))

    shop.pass_days(6)

    assert account(shop) == []
    assert shop.exceptions() == {"UNMAPPED_DISPOSITION": 1}


def test_a_fee_that_is_told_otherwise_after_it_was_booked_stands_out_and_is_not_booked_again(shop: World) -> None:
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "2.00"}])
    shop.pass_days(6)

    later = life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=shop.at)[-1]
    later["return"]["fees"] = [{"code": "RETURNFEE", "amount": "2.00", "prepaid": True}]
    shop.tell(later | {"eventId": "later", "sequence": 9})
    shop.pass_days(4)

    assert account(shop) == [Decimal("-10.20"), Decimal("2.40")]
    assert shop.exceptions() == {"CHANGED_AFTER_POSTING": 1}


@pytest.mark.parametrize(("fault", "times"), [("answer-lost", 3), ("late-commit", 1)])
def test_a_lost_answer_deducts_nothing_twice(shop: World, fault: str, times: int) -> None:
    bring_back(shop, "R-1", [{"code": "RETURNFEE", "amount": "2.00"}, {"code": "BONUS", "amount": "0.85"}])
    shop.arm(fault, path="batch", times=times)

    shop.pass_evenings(8)

    assert account(shop) == [Decimal("-10.20"), Decimal("1.55")]
    assert balances(shop) == {"403001": Decimal("-2.00"), "604001": Decimal("0.85")}
