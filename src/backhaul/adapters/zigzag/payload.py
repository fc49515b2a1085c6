"""Where do things stand in this tenant's messages, and what do the tenant's words mean?

The `[payload]` part of a profile. It names every field by one path or several aliases, in the order in
which they are tried; nothing of ZigZag's spelling is known to the code (facts/zigzag 4 and 6).
"""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from backhaul.adapters.zigzag.reader import Path
from backhaul.domain.facts import Counting, Instead, Stage

Paths: TypeAlias = str | tuple[str, ...]


class Part(StrEnum):
    """What a message can say besides that something happened."""

    ANNOUNCED = "announced"
    RECEIVED = "received"
    INSPECTED = "inspected"
    REFUNDED = "refunded"
    CHARGED = "charged"
    EXCHANGED = "exchanged"
    LOST = "lost"


class Hub(StrEnum):
    """What a count or an inspection at a hub means, before the goods travel on."""

    STATUS = "status"
    """They are on their way; stock they become at the destination."""
    STOCK = "stock"
    """They become stock here and are transferred when the destination has them."""


class Basis(StrEnum):
    """Whether the platform's prices are before or after tax."""

    NET = "net"
    GROSS = "gross"


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Path, or paths, of each field. What is left out, the messages do not have."""

    return_ref: Paths = msgspec.field(name="return")
    occurred_at: Paths
    event: Paths = ()
    event_id: Paths = ()
    sequence: Paths = ()
    status: Paths = ()
    test: Paths = ()
    retailer: Paths = ()
    customer: Paths = ()
    country: Paths = ()
    currency: Paths = ()
    warehouse: Paths = ()
    parcel: Paths = ()
    node: Paths = ()
    sku: Paths
    quantity: Paths
    line_id: Paths = ()
    description: Paths = ()
    unit_price: Paths = ()
    order: Paths = ()
    ordered_on: Paths = ()
    reason: Paths = ()
    option: Paths = ()
    received: Paths = ()
    grade_quantity: Paths = ()
    condition: Paths = ()
    disposition: Paths = ()
    outcome: Paths = ()
    found_sku: Paths = ()
    refund_amount: Paths = ()
    refund_currency: Paths = ()
    refund_reference: Paths = ()
    refund_at: Paths = ()
    fee_code: Paths = ()
    fee_amount: Paths = ()
    fee_prepaid: Paths = ()
    exchange_reference: Paths = ()
    exchange_difference: Paths = ()


class EventRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one of the platform's events means: the stage it reaches, if any, and the parts to take from it.

    `blind`: goods came that no return announced.
    """

    stage: Stage | None = None
    says: tuple[Part, ...] = tuple(part for part in Part if part is not Part.LOST)
    blind: bool = False


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The platform's words for one thing, and ours. With `keep`, a word that is not listed is ours already."""

    keep: bool = False
    map: dict[str, str] = {}


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to read one tenant's messages.

    A message has an event name (`events` says what it means) or only a status (`statuses` does; the rank
    of a status is that of its stage). `messages` is the path of the list when several travel in one body.
    `charges` names amounts that have a place of their own, by the code of the fee each one is; fees that come as a list are `fields`.
    `future_days` is how far an event's time may be ahead of its arrival.
    """

    fields: Fields
    messages: str = ""
    events: dict[str, Stage | EventRule] = {}
    statuses: dict[str, Stage] = {}
    outcomes: dict[str, bool] = {}
    charges: dict[str, Paths] = {}
    wrong_items: dict[str, Instead] = {}
    hubs: dict[str, Hub] = {}
    test_values: tuple[str, ...] = ("true", "1")
    ids_per_retailer: bool = False
    quantities: Counting = Counting.CUMULATIVE
    amounts: Basis = Basis.NET
    tax_rate: Decimal | None = None
    zone: str = "UTC"
    time_formats: tuple[str, ...] = ()
    future_days: int = 1
    dispositions: Words = Words()
    conditions: Words = Words()
    reasons: Words = Words()


LINE: Final = ("sku", "quantity", "line_id", "description", "unit_price", "order", "ordered_on", "reason", "option", "received")
FEE: Final = ("fee_code", "fee_amount", "fee_prepaid")
GRADE: Final = ("grade_quantity", "condition", "disposition", "outcome", "found_sku")


def aliases(paths: Paths) -> tuple[str, ...]:
    """Give the paths of a field, however many there are."""
    return (paths,) if isinstance(paths, str) else tuple(paths)


def compiled(payload: Payload) -> dict[str, tuple[Path, ...]]:
    """Read every path of a profile; a `ValueError` names the one that is none."""
    return {
        name: tuple(Path.of(text) for text in aliases(getattr(payload.fields, name)) if not text.startswith("header:"))
        for name in payload.fields.__struct_fields__
    }


def _path_flaws(payload: Payload) -> Iterator[tuple[str, str]]:
    for name in payload.fields.__struct_fields__:
        for text in aliases(getattr(payload.fields, name)):
            try:
                deep = 0 if text.startswith("header:") else Path.of(text).lists
            except ValueError as error:
                yield name, str(error)
                continue
            most = 2 if name in (*GRADE, *FEE) else 1 if name in LINE else 0
            if deep > most:
                yield name, f"'{text}' goes through {deep} lists; {name} can be in {most}"
            if name in {"sku", "quantity"} and deep != 1:
                yield name, f"'{text}' must stand in a list, like return.lines[].{name}"


def _charge_flaws(payload: Payload) -> Iterator[tuple[str, str]]:
    for code, paths in payload.charges.items():
        for text in aliases(paths):
            try:
                deep = Path.of(text).lists
            except ValueError as error:
                yield f"charges.{code}", str(error)
                continue
            if deep > 1:
                yield f"charges.{code}", f"'{text}' goes through {deep} lists; an amount stands on the return or on a line"
    if bool(payload.fields.fee_code) is not bool(payload.fields.fee_amount):
        yield "fee_code", "fees need both paths: fee_code and fee_amount"


def flaws(payload: Payload) -> list[tuple[str, str]]:
    """Say what is wrong with the payload part: the setting, and a sentence."""
    found = list(_path_flaws(payload))
    if payload.quantities is Counting.INCREMENT and not payload.fields.event_id:
        sentence = ("increments without the path of an event id are refused: two equal increments could not be told apart, "
                    "and one would be lost")
        found.append(("quantities", sentence))
    found += _charge_flaws(payload)
    if payload.amounts is Basis.GROSS and payload.tax_rate is None:
        found.append(("amounts", "gross prices need the tax_rate they include"))
    if payload.tax_rate is not None and payload.tax_rate < 0:
        found.append(("tax_rate", "a tax rate is not negative"))
    if not (payload.fields.event and payload.events) and not (payload.fields.status and payload.statuses):
        found.append(("fields", "no stage can be read: name event and [payload.events], or status and [payload.statuses]"))
    if payload.fields.grade_quantity and not payload.outcomes:
        found.append(("outcomes", "grades need [payload.outcomes]: which words mean accepted, which do not"))
    return found
