"""Which postings share a line of an inventory journal, and what of it is each one's?

The lines of one import must be unique per item and inventory dimensions, so units of several returns that go to one place
become one line. What was put together is written down before it is sent, and what the ERP recorded is taken apart by that,
so that the proof stays per return line (books 4).
"""

import hashlib
from collections.abc import Collection, Mapping
from decimal import Decimal

from backhaul.domain.disposition import Place
from backhaul.domain.money import rounded
from backhaul.domain.posting import Adjustment, JournalLine, PostingBatch, PostingKey, Share
from backhaul.domain.returns import NOTHING


def allocate(batch: PostingBatch) -> tuple[JournalLine, ...]:
    """Put the adjustments of a batch together, one line per item and place; other kinds need no lines.

    A line's number is made of the batch's key, item and place, because a journal line has no other field for a mark.
    """
    shares: dict[tuple[str, Place], list[Share]] = {}
    for posting in sorted(batch.postings, key=lambda posting: posting.key):
        wanted = posting.document
        if isinstance(wanted, Adjustment):
            cost = None if wanted.unit_cost is None else wanted.quantity * wanted.unit_cost
            shares.setdefault((wanted.sku, wanted.place), []).append(Share(key=str(posting.key), quantity=wanted.quantity, cost=cost))
    lines: dict[int, JournalLine] = {}
    for (sku, place), mine in sorted(shares.items(), key=lambda each: (each[0][0], _words(each[0][1]))):
        number = _number("|".join((batch.key, sku, *_words(place))))
        while number in lines:
            number += 1
        lines[number] = JournalLine(number=number, sku=sku, place=place, shares=tuple(mine))
    return tuple(lines.values())


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


def _words(place: Place) -> tuple[str, str, str]:
    return place.warehouse, place.location, place.status


def _number(text: str) -> int:
    return 100_000_000 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 900_000_000
