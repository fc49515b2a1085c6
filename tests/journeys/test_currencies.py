"""One company, several currencies: each credit in that of its sale, rounded to its own minor unit, and books that balance in pounds."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.bootstrap import connect
from backhaul.domain.rules import Close, Window
from tests.journeys.stage import TENANT, World, life, line, open_world

RATES = {"EUR": 0.8613, "JPY": 0.00531, "KWD": 2.4391}


@pytest.fixture
def shop(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    world.control("seed", {"settings": {"exchangeRates": {"gb01": RATES}}, "rows": {}})
    orders = [(number, currency, [{"item": "TEA", "quantity": 5, "price": price}])
              for number, currency, price in (("510001", "EUR", 4.99), ("510002", "JPY", 731), ("510003", "KWD", 1.235))]
    world.control("sales", {"orders": [{"legalEntity": "gb01", "salesOrder": number, "customer": "10001", "currency": currency,
                                        "date": "2010-11-20", "lines": lines} for number, currency, lines in orders]})
    desk = world.house.desk(TENANT, "gb01")
    entity = replace(desk.entity, currencies=dict.fromkeys(("EUR", "JPY", "KWD"), "the rate table of the emulated ERP"))
    world.change_rules(entities=(entity,))
    world.house.adopt(replace(desk, entity=entity, rules=world.house.profiles[TENANT].rules,
                              erp=connect(world.house.profiles[TENANT], "gb01")))
    yield world
    world.house.close()


def bring_back(world: World, ref: str, order: str, price: str, currency: str, *, quantity: int = 3, customer: str | None = "10001") -> None:
    goods = line("TEA", quantity, price, order=order, received=quantity, grades=[("A", "RESELL", quantity, True)])
    messages = life(ref, [goods], at=world.at, customer=customer)
    for message in messages:
        message["return"]["currency"] = currency
    world.tell(*messages)


def account(world: World) -> dict[str, tuple[Decimal, Decimal]]:
    """Give what was credited to the customer by currency: in it, and in the currency of the books."""
    rows = [(row["CurrencyCode"], Decimal(str(row["AmountCur"])), Decimal(str(row["AmountMST"])))
            for row in world.rows("CustTransBiEntities")]
    return {currency: (amount, in_books) for currency, amount, in_books in rows if amount < 0}


def test_each_credit_is_in_the_currency_of_its_sale_and_rounded_to_its_minor_unit(shop: World) -> None:
    bring_back(shop, "R-1", "510001", "4.99", "EUR")
    bring_back(shop, "R-2", "510002", "731", "JPY")
    bring_back(shop, "R-3", "510003", "1.235", "KWD")
    bring_back(shop, "R-4", "500001", "4.25", "GBP")

    shop.pass_days(6)

    notes = {note["currency"]: (Decimal(str(note["net"])), Decimal(str(note["tax"]))) for note in shop.ledgers["creditNotes"]}
    assert notes == {"EUR": (Decimal("-14.97"), Decimal("-2.99")), "JPY": (Decimal(-2193), Decimal(-439)),
                     "KWD": (Decimal("-3.705"), Decimal("-0.741")), "GBP": (Decimal("-12.75"), Decimal("-2.55"))}
    assert account(shop) == {"EUR": (Decimal("-17.96"), Decimal("-15.47")), "JPY": (Decimal(-2632), Decimal("-13.98")),
                             "KWD": (Decimal("-4.446"), Decimal("-10.84")), "GBP": (Decimal("-15.30"), Decimal("-15.30"))}
    assert (shop.exceptions(), shop.ledgers["balanced"], shop.ledgers["checks"]["customers"]) == ({}, True, True)


def test_no_document_batch_or_control_sheet_mixes_currencies(shop: World) -> None:
    bring_back(shop, "R-1", "510001", "4.99", "EUR")
    bring_back(shop, "R-2", "510002", "731", "JPY")

    shop.pass_days(6)

    with shop.house.store.begin() as tx:
        (window,) = tx.windows(TENANT, "gb01")
    assert window.controls["net"] == "-14.97 EUR, -2193 JPY"
    assert window.ledger["agrees"]
    assert window.ledger["gross"] == "-17.96 EUR, -2632 JPY"
    currencies: dict[str, set[str]] = {}
    for row in shop.postings():
        if row.document and row.document.net is not None:
            currencies.setdefault(row.document.number, set()).add(row.posting.currency)
    assert {len(told) for told in currencies.values()} == {1}


def test_a_voucher_in_another_currency_balances_in_the_books_to_the_penny(shop: World) -> None:
    bring_back(shop, "R-1", "510001", "4.99", "EUR", quantity=1)

    shop.pass_days(6)

    ledger = shop.rows("GeneralJournalAccountEntries")
    for voucher in {row["Voucher"] for row in ledger if row["TransactionCurrencyCode"] == "EUR"}:
        mine = [row for row in ledger if row["Voucher"] == voucher]
        assert sum(Decimal(str(row["AccountingCurrencyAmount"])) for row in mine) == 0
        assert sum(Decimal(str(row["TransactionCurrencyAmount"])) for row in mine) == 0
    assert {row["TransactionCurrencyCode"] for row in ledger if row["PostingType"] == "SalesConsump"} == {"GBP"}


@pytest.mark.parametrize(("order", "currency", "customer", "says"), [
    ("510001", "USD", "10001", "posts in GBP, and sells in EUR, JPY, KWD"), ("510001", "GBP", "10001", "Order 510001 was in EUR"),
    ("PRE-2010-12", "EUR", "10001", "the allowance and the limit that would cover it are in GBP")])
def test_another_currency_than_the_sales_or_an_allowance_in_another_is_held(
        shop: World, order: str, currency: str, customer: str, says: str) -> None:
    bring_back(shop, "R-1", order, "4.25", currency, customer=customer)

    shop.pass_days(6)

    assert (account(shop), set(shop.exceptions())) == ({}, {"CURRENCY_DIFFERS"})
    assert any(says in finding.sentence for finding in shop.open()[0].case.findings)
