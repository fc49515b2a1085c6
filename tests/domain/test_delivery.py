"""Deliveries: byte for byte."""

from backhaul.domain.delivery import Delivery
from backhaul.testing.builders import NOON


def test_a_delivery_is_known_by_its_bytes() -> None:
    body = b'{"sku": "MUG"}'

    one = Delivery(tenant="shop", source="main", identity="e1", body=body, received_at=NOON)
    other = Delivery(tenant="shop", source="main", identity="e1", body=body + b" ", received_at=NOON)

    assert one.sha256 == Delivery(tenant="x", source="y", identity="z", body=body, received_at=NOON).sha256
    assert one.sha256 != other.sha256
