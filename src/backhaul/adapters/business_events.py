"""Which order does a business event speak of?

Finance & SCM sends "sales invoice posted" with LegalEntity, SalesOrderId and InvoiceId beside dates and amounts (facts/finance-scm 2.3).
Nothing else of it is read, the order only as a hint, and the invoice only to be written down beside it.
"""

from collections.abc import Collection

import msgspec

from backhaul.application.heed import Hint
from backhaul.domain.rules import LegalEntity


class _Event(msgspec.Struct):
    """What we look at; other fields are not read."""

    company: str = msgspec.field(name="LegalEntity", default="")
    order: str = msgspec.field(name="SalesOrderId", default="")
    invoice: str = msgspec.field(name="InvoiceId", default="")


_READ = msgspec.json.Decoder(_Event)


def hint(entities: Collection[LegalEntity], body: bytes) -> Hint | None:
    """Give the hint in an event; None if it speaks of no company of ours, of no order, or cannot be read."""
    try:
        event = _READ.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    companies = {str(entity.options.get("company", entity.id)).casefold(): entity.id for entity in entities if entity.erp == "finance-scm"}
    entity = companies.get(event.company.strip().casefold(), "")
    hinted = Hint(legal_entity=entity, order=event.order.strip(), document=event.invoice.strip())
    return hinted if hinted.legal_entity and hinted.order else None
