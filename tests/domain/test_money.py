"""Money: exact, rounded as the ERP rounds, never mixed."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings, strategies as st

from backhaul.domain.money import DECIMALS, Money, minor_unit, rounded

AMOUNTS = st.decimals(min_value=-10**9, max_value=10**9, places=6)
CURRENCIES = st.sampled_from(["GBP", "EUR", "JPY", "KWD", "CLF"])


def in_minor_units(amount: Decimal, currency: str) -> int:
    """Round exactly, halves away from zero, in whole numbers: the other way to say it."""
    exact = Fraction(amount) * 10 ** DECIMALS.get(currency, 2)
    half_up = (abs(exact) * 2 + 1) // 2
    return int(half_up if exact >= 0 else -half_up)


@given(AMOUNTS, CURRENCIES)
@settings(derandomize=True, deadline=None)
def test_rounding_agrees_with_exact_fractions(amount: Decimal, currency: str) -> None:
    result = rounded(amount, currency)

    assert result == in_minor_units(amount, currency) * minor_unit(currency)
    assert rounded(result, currency) == result


@given(AMOUNTS, CURRENCIES)
@settings(derandomize=True, deadline=None)
def test_a_credit_rounds_as_the_sale_did(amount: Decimal, currency: str) -> None:
    assert rounded(-amount, currency) == -rounded(amount, currency)


@pytest.mark.parametrize(("amount", "currency", "text"), [
    ("0.125", "GBP", "0.13 GBP"), ("-12.5", "GBP", "-12.50 GBP"), ("1234567.5", "JPY", "1,234,568 JPY"),
    ("0.0005", "KWD", "0.001 KWD"), ("-0.001", "GBP", "0.00 GBP"), ("2.5", "VND", "3 VND"), ("2.5", "XOF", "3 XOF"),
])
def test_a_controller_reads_an_amount_in_its_minor_units(amount: str, currency: str, text: str) -> None:
    assert str(Money(amount=Decimal(amount), currency=currency)) == text


def test_currencies_never_mix() -> None:
    pounds, euros = Money(amount=Decimal(1), currency="GBP"), Money(amount=Decimal(1), currency="EUR")

    with pytest.raises(ValueError, match="cannot add EUR to GBP"):
        pounds + euros


def test_amounts_of_one_currency_add_up_exactly() -> None:
    dime = Money(amount=Decimal("0.1"), currency="USD")

    assert dime + dime + dime == Money(amount=Decimal("0.3"), currency="USD")
    assert dime + -dime == Money(amount=Decimal(0), currency="USD")
