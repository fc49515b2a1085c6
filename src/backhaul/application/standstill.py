"""Whose work is it when a legal entity's ERP cannot be told or asked at all?

One exception for all that waits behind the same cause, with their money; it closes when the same goes through again.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from backhaul.application.ports import Tx
from backhaul.domain.exception_case import Finding
from backhaul.domain.money import Money, in_words
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import LegalEntity, Rules


def stops(tx: Tx, rules: Rules, entity: LegalEntity, what: str, *, why: str, now: datetime,  # noqa: PLR0913  each is named at the call
          money: Mapping[str, Decimal] | None = None) -> None:
    """Give an owner to what keeps a legal entity's ERP from being told or asked; `what` was tried, and `why` is what has to be mended."""
    sentence = f"{entity.id}: nothing was sent. {why}" + (f" Held: {in_words(money)}." if money else "")
    tx.open_exception(rules.work(_name(entity, what), Finding(code="NOT_SENT", sentence=sentence), now=now,
                                 money=Money(amount=(money or {}).get(entity.currency, NOTHING), currency=entity.currency)))


def goes_on(tx: Tx, rules: Rules, entity: LegalEntity, what: str, *, now: datetime) -> None:
    """Close that work, because the same went through."""
    tx.close_exceptions(rules.tenant, _name(entity, what), apart_from=(), resolution="the ERP takes it again", at=now)


def _name(entity: LegalEntity, what: str) -> str:
    return f"erp:{entity.id}:{what}"
