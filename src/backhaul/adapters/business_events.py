"""What does a message of an ERP hint at?

Finance & SCM sends "sales invoice posted" with LegalEntity, SalesOrderId and InvoiceId beside dates and amounts (facts/finance-scm 2.3).
Business Central sends the addresses of records that changed (facts/business-central 7). Nothing else of them is read: company and order or
set only as a hint, and the invoice only to be written down beside it.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from backhaul.application.heed import Hint
from backhaul.domain.rules import LegalEntity

RESOURCE: Final = re.compile(r"companies\(([0-9A-Fa-f-]{36})\)/(\w+)")
MASTERS: Final[Mapping[str, bool]] = {"salesCreditMemos": False, "items": True, "customers": True}
"""Sets of Business Central we may be told of, and whether returns wait for them as masters."""


class _Event(msgspec.Struct):
    """What we look at; other fields are not read."""

    company: str = msgspec.field(name="LegalEntity", default="")
    order: str = msgspec.field(name="SalesOrderId", default="")
    invoice: str = msgspec.field(name="InvoiceId", default="")


class _Change(msgspec.Struct):
    resource: str = ""


class _Changes(msgspec.Struct):
    value: list[_Change] = []


_EVENT: Final = msgspec.json.Decoder(_Event)
_CHANGES: Final = msgspec.json.Decoder(_Changes)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def hints(entities: Collection[LegalEntity], companies: Mapping[str, str], body: bytes) -> tuple[Hint, ...]:
    """Give the hints in a message; none if it speaks of no company of ours, of nothing we wait for, or cannot be read.

    `companies` gives legal entities by the ids that Business Central has for their companies.
    """
    told: list[Hint] = []
    with suppress(*_UNREADABLE):
        told += _posted(entities, _EVENT.decode(body))
    with suppress(*_UNREADABLE):
        told += _changed(companies, _CHANGES.decode(body))
    return tuple(told)


def _posted(entities: Collection[LegalEntity], event: _Event) -> tuple[Hint, ...]:
    names = {str(entity.options.get("company", entity.id)).casefold(): entity.id for entity in entities if entity.erp == "finance-scm"}
    entity = names.get(event.company.strip().casefold(), "")
    hinted = Hint(legal_entity=entity, order=event.order.strip(), document=event.invoice.strip())
    return (hinted,) if hinted.legal_entity and hinted.order else ()


def _changed(companies: Mapping[str, str], changes: _Changes) -> tuple[Hint, ...]:
    about = {(companies.get(found[1].lower(), ""), found[2]) for each in changes.value if (found := RESOURCE.search(each.resource))}
    return tuple(Hint(legal_entity=entity, masters=MASTERS[name]) for entity, name in sorted(about) if entity and name in MASTERS)
