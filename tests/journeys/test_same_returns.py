"""The same returns through every deployment mode end in the same stock and the same credit."""

from decimal import Decimal
from pathlib import Path

import pytest

from backhaul.entrypoints.demo.modes import same_returns

RETURNS = 60
"""`make bench` takes 500 and asserts the same."""


@pytest.mark.timeout(900)
def test_the_same_returns_end_in_equal_stock_and_credit_whoever_receives_them(tmp_path: Path) -> None:
    told = {mode: same_returns(tmp_path / mode, mode, RETURNS) for mode in "ABC"}

    assert all(each["balanced"] and each["returns"] == RETURNS and not each["under_way"] for each in told.values())
    assert len(told["A"]["credits"]) > RETURNS
    assert told["B"]["credits"] == told["A"]["credits"]
    assert told["C"]["credits"] == told["A"]["credits"]
    assert told["B"]["stock"] == told["A"]["stock"]
    assert told["C"]["stock"] == told["A"]["stock"]
    assert told["B"]["units_received"] == told["A"]["units_received"]
    assert told["C"]["units_received"] >= told["A"]["units_received"], "what the customer keeps is received and leaves again"
    assert all(Decimal(str(each["calls_per_return"])) < Decimal("0.5") for each in told.values())
