"""What a tenant has decided: found by exact match or not at all."""

import pytest

from backhaul.domain.errors import Misconfigured
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
