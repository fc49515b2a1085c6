"""What do an ERP's own books show of returns, record by record, whoever wrote them?

`Entry` is one record of one side, in the words of the house and with the sign of a return: positive where goods come back and customers
are credited, whatever sign the ERP writes. What a record does not say is None and is never compared.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from backhaul.domain.disposition import Place
from backhaul.domain.proof import Status


class Side(StrEnum):
    """Which of the ERP's books a record stands in; payments stand in none, but with whoever pays."""

    STOCK = "stock"
    CREDIT = "credit"
    LOSS = "loss"
    LEDGER = "ledger"
    PAYMENT = "payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of one side.

    `mark` is the mark of ours it carries, or what leads to it does: of an order line. Where `journal` names an inventory journal it is the
    number of a line there, which may have been committed to stand for several returns; such an entry has the sign of stock, so that a
    transfer is two of them. On the ledger side `net` is what a voucher books on accounts of sales and
    returns, and `against` the same seen from its other side: what it takes off the customer, less tax. Where both agree it balances.
    """

    side: Side
    document: str
    mark: str = ""
    journal: str = ""
    voucher: str = ""
    status: Status = Status.POSTED
    item: str | None = None
    unit: str | None = None
    tax_code: str | None = None
    customer: str | None = None
    sale: str | None = None
    currency: str | None = None
    place: Place | None = None
    units: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    cost: Decimal | None = None
    against: Decimal | None = None
    posted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a look into an ERP's books gave: records, and in one sentence each what of them could not be read.

    `missing` are sides of which nothing was read, so that nothing is said of them.
    """

    entries: tuple[Entry, ...] = ()
    unread: tuple[str, ...] = ()
    missing: frozenset[Side] = frozenset()
