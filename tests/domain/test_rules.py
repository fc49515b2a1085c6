"""What a tenant has decided: found by exact match or not at all."""

from datetime import date
from decimal import Decimal

import pytest

from backhaul.domain.errors import Misconfigured, NeedsOperator
from backhaul.domain.rules import Tolerances
from backhaul.domain.tolerance import Measure, ToleranceRow
from backhaul.testing.builders import entity, rules

TWO = rules(entities=(entity(), entity(id="ie01", retailers=frozenset({"QX502"}))))


def test_a_retailer_code_finds_its_legal_entity_letter_by_letter() -> None:
    found = TWO.entity_of("QX502")

    assert found is not None
    assert found.id == "ie01"
    assert TWO.entity_of("qx502") is None
    assert TWO.entity_of("") is None


def test_a_legal_entity_nobody_configured_is_named_with_those_there_are() -> None:
    assert TWO.entity("ie01").id == "ie01"
    with pytest.raises(Misconfigured, match="no legal entity 'de01'; there are gb01, ie01"):
        TWO.entity("de01")
    with pytest.raises(NeedsOperator, match="no legal entity 'de01'; there are gb01, ie01"):
        TWO.chosen("de01")
    assert TWO.chosen("ie01") is TWO.entity("ie01")


def test_an_option_is_one_of_the_words_it_may_be_and_the_first_where_nobody_said_any() -> None:
    said = entity(options={"path": "package"})

    assert said.choice("path", "odata", "package") == "package"
    assert said.choice("batch", "whole", "single") == "whole"
    with pytest.raises(ValueError, match="option path = 'package'; allowed is odata, file"):
        said.choice("path", "odata", "file")


def test_without_rows_three_amounts_hold_for_everything_and_no_net_is_let_go() -> None:
    usual = rules(tolerances=Tolerances(amount=Decimal("0.02"), tax=Decimal("0.03"), cost=Decimal("0.04")))

    assert usual.tolerances_of("gb01", "GBP", date(2026, 3, 2)) == usual.tolerances
    assert (usual.tolerance.net, usual.tolerance.rounding, usual.tolerance.tax, usual.tolerance.cost) == (
        Decimal(0), Decimal("0.02"), Decimal("0.03"), Decimal("0.04"))


def test_with_rows_what_no_row_names_is_let_go_nowhere() -> None:
    rows = (ToleranceRow(measure=Measure.NET, amount=Decimal("0.05"), currency="GBP"),
            ToleranceRow(measure=Measure.TAX, amount=Decimal("0.02"), currency="GBP", since=date(2026, 4, 1)))
    told = rules(tolerances=Tolerances(rows=rows))

    assert told.tolerance.rounding == 0
    assert [told.tolerances_of("gb01", currency, day) for currency, day in (
        ("GBP", date(2026, 3, 2)), ("GBP", date(2026, 4, 2)), ("EUR", date(2026, 4, 2)))] == [
        Tolerances(amount=Decimal("0.05"), tax=Decimal(0), cost=Decimal(0)),
        Tolerances(amount=Decimal("0.05"), tax=Decimal("0.02"), cost=Decimal(0)),
        Tolerances(amount=Decimal(0), tax=Decimal(0), cost=Decimal(0))]
