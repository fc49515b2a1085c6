"""Which postings share a line of an inventory journal, and what of it is each one's?

The lines of one import must be unique per item and inventory dimensions, so units of several returns that go to one place
become one line. What was put together is written down before it is sent, and what the ERP recorded is taken apart by that,
so that the proof stays per return line (books 4).
"""

import hashlib
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from backhaul.domain.disposition import JournalType, Place
from backhaul.domain.money import rounded
from backhaul.domain.posting import (
    Adjustment,
    Document,
    ErpItem,
    Issue,
    JournalLine,
    PostingBatch,
    PostingKey,
    Receipt,
    Share,
    Transfer,
    named,
)
from backhaul.domain.returns import NOTHING

UNCOMMITTED: Final = "It was never committed which journal line stands for these units. Nothing was sent."
"""What an adapter says of a posting whose journal line it was not given."""


def allocate(batch: PostingBatch) -> tuple[JournalLine, ...]:
    """Put the units of a batch together that move alike, one line per item and all dimensions; other kinds need no lines.

    A line's number is made of the batch's key and what moves, because a journal line has no other field for a mark. Two SKUs that the
    ERP calls by one name are one item.
    """
    shares: dict[tuple[ErpItem, Place, Place | None, str], list[Share]] = {}
    skus: dict[ErpItem, str] = {}
    for posting in sorted(batch.postings, key=lambda posting: posting.key):
        wanted = posting.document
        if isinstance(wanted, Transfer | Adjustment | Issue):
            skus.setdefault(named(wanted), wanted.sku)
        if isinstance(wanted, Transfer):
            shares.setdefault((named(wanted), wanted.source, wanted.target, ""), []).append(
                Share(key=str(posting.key), quantity=wanted.quantity))
        elif isinstance(wanted, Adjustment | Issue):
            cost = None if wanted.unit_cost is None else wanted.quantity * wanted.unit_cost
            shares.setdefault((named(wanted), wanted.place, None, journal(wanted)[2]), []).append(
                Share(key=str(posting.key), quantity=wanted.quantity, cost=cost))
    lines: dict[int, JournalLine] = {}
    for (item, place, target, account), mine in sorted(shares.items(), key=lambda each: _order(*each[0])):
        number = _number("|".join((batch.key, *_order(item, place, target, account))))
        while number in lines:
            number += 1
        sku = skus[item]
        lines[number] = JournalLine(number=number, sku=sku, item=None if item == ErpItem(number=sku) else item, place=place, target=target,
                                    account=account, shares=tuple(mine))
    return tuple(lines.values())


def journal(wanted: Document) -> tuple[str, str, str]:
    """Name the journal a document travels in: its name, its type, and the account of its lines; documents that differ in it travel apart.

    Only a movement's line carries an account, and two lines of one import may not differ in nothing else.
    """
    if isinstance(wanted, Adjustment | Issue):
        return wanted.journal, wanted.journal_type.value, wanted.expected_account if wanted.journal_type is JournalType.MOVEMENT else ""
    if isinstance(wanted, Transfer):
        return wanted.journal, JournalType.TRANSFER.value, ""
    return (wanted.journal, JournalType.ARRIVAL.value, "") if isinstance(wanted, Receipt) else ("", "", "")


def unkept(promised: Collection[JournalLine], now: Collection[JournalLine]) -> frozenset[PostingKey]:
    """Name the postings that would not travel as it was promised when their batch was sent before: they may not be sent again."""
    told = {line.number: line for line in promised}
    return frozenset(PostingKey.parse(share.key) for line in now if told and told.get(line.number) != line for share in line.shares)


def split(line: JournalLine, quantity: Decimal, cost: Decimal, currency: str) -> Mapping[PostingKey, tuple[Decimal, Decimal]]:
    """Give each posting its units and its cost of what the ERP recorded for a line; the costs add up to the cent.

    Cost goes by units, each share rounded where the sum so far is rounded. Units the ERP has too many or too few of are spread
    as well, so that every posting of the line shows that it differs.
    """
    wanted, given, so_far = line.quantity, NOTHING, NOTHING
    parts: dict[PostingKey, tuple[Decimal, Decimal]] = {}
    for share in line.shares:
        so_far += share.quantity
        until = rounded(cost * so_far / wanted, currency) if so_far != wanted else cost
        units = share.quantity if quantity == wanted else share.quantity * quantity / wanted
        parts[PostingKey.parse(share.key)] = (units, until - given)
        given = until
    return parts


def _order(item: ErpItem, place: Place, target: Place | None, account: str) -> tuple[str, ...]:
    more = (target.warehouse, target.location, target.status) if target else (account,) if account else ()
    return item.number, *(part for dimension in item.dimensions for part in dimension), place.warehouse, place.location, place.status, *more


def _number(text: str) -> int:
    return 100_000_000 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 900_000_000
