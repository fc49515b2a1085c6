"""Which sections of a pack are about the end of the month: both roll-forwards, the house, availability, valuation, refunds and journals?

Made as those of `sections` are. Amounts of two currencies are never added, so that rows stand for themselves; what a row comes to, and what
it differs by, is a formula over its own cells.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from backhaul.application.ledger import by_hand
from backhaul.application.material import Formula, Material, Row
from backhaul.application.sections import Section, totalled
from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import AGES, NAMES, OLDEST, Flow, RollForward, Whose
from backhaul.domain.valuation import METHOD, liabilities, valued

WHOSE: Final = ("Legal entity", "Brand", "Warehouse", "Currency")
DAYS: Final = (*(f"{age} days" for age in AGES), OLDEST)


def _paid(material: Material) -> Iterator[Row]:
    for number, row in _rolled(material, Flow.PAID):
        yield (*_whose(row.whose), row.opening, *(row.movements.get(name, NOTHING) for name in NAMES[Flow.PAID]),
               _is(f"ROUND(SUM(E{number}:J{number}),4)", row.closing), row.account, row.balance, _apart("M", "K", number, row.difference),
               *_ages(row), _is(f"ROUND(SUM(O{number}:S{number})-K{number},4)", sum(_ages(row), NOTHING) - row.closing), row.beside)


def _received(material: Material) -> Iterator[Row]:
    for number, row in _rolled(material, Flow.RECEIVED):
        yield (*_whose(row.whose), row.opening, *(row.movements.get(name, NOTHING) for name in NAMES[Flow.RECEIVED]),
               _is(f"ROUND(SUM(E{number}:G{number}),4)", row.closing), row.account, row.balance, _apart("J", "H", number, row.difference),
               *_ages(row), _is(f"ROUND(SUM(L{number}:P{number})-H{number},4)", sum(_ages(row), NOTHING) - row.closing), row.price,
               row.tax)


def _rolled(material: Material, flow: Flow) -> Iterator[tuple[int, RollForward]]:
    rolled = material.end.rolled
    yield from enumerate((row for row in (rolled.rows if rolled else ()) if row.flow is flow), start=2)


def _ages(row: RollForward) -> tuple[Decimal, ...]:
    return tuple(row.ageing.get(age, NOTHING) for age in (*AGES, OLDEST))


def _unanswered(material: Material) -> Iterator[Row]:
    found = material.end.uncredited
    if found is None:
        yield "not kept", *(None,) * 12, "prove the month again"
    for each in found or ():
        yield (*_whose(each.whose), ", ".join(each.returns), each.payment.provider, each.payment.reference, each.payment.day,
               each.payment.amount, each.open, each.country, each.due_on, "yes" if each.late else "no", each.source)


def _house(material: Material) -> Iterator[Row]:
    rows = [(each.kind, CLASSES[each.kind].owner.value, each.subject, each.entity, each.count, each.amount, each.currency, each.sentence)
            for each in material.house]
    return totalled(rows, 4)


def _availability(material: Material) -> Iterator[Row]:
    for number, each in enumerate(material.available, start=2):
        yield (each.sku, each.at, each.entity, each.warehouse, each.shop, each.erp, _is(f"ROUND(E{number}-F{number},4)", each.apart),
               each.told, each.standing.value)


def _returned(material: Material) -> Iterator[Row]:
    figures = material.end.figures
    for number, row in enumerate(valued(figures.returned, figures.policy) if figures else (), start=2):
        yield (row.whose.entity, row.whose.warehouse, row.whose.currency, row.kind, row.units, row.booked, row.original, row.compared,
               row.unbooked, row.untraced, row.part, row.written_down,
               _is(f'IF(L{number}="","not decided",ROUND(F{number}-L{number},4))', "not decided" if row.value is None else row.value))


def _refunds(material: Material) -> Iterator[Row]:
    figures = material.end.figures
    for number, row in enumerate(liabilities(figures.owing, figures.policy) if figures else (), start=2):
        yield (*_whose(row.whose), row.where.value, row.units, row.net, row.tax, _is(f"ROUND(G{number}+H{number},4)", row.gross),
               row.untaxed, row.books, row.cost, row.recovery, row.decrease,
               _is(f"ROUND(MAX(L{number}-M{number}-N{number},0),4)", row.asset), row.uncosted, row.undecided)


def _ties(material: Material) -> Iterator[Row]:
    figures = material.end.figures
    for number, row in enumerate(figures.ties if figures else (), start=2):
        yield (*_whose(row.whose), row.in_stock, row.memo, _apart("E", "F", number, row.difference, lacks="F"), row.gross, row.paid,
               _apart("H", "I", number, row.to_pay, lacks="I"))


def _journals(material: Material) -> Iterator[Row]:
    """List the legs of what is proposed; whatever stands under one marker comes to nothing."""
    last = 1 + sum(len(each.journal.legs) for each in material.end.journals)
    number = 1
    for each in material.end.journals:
        journal = each.journal
        for leg in journal.legs:
            number += 1
            sums = " - ".join(f"SUMIFS({column}$2:{column}${last},D$2:D${last},D{number})" for column in "JK")
            yield (journal.entity, journal.sort.value, journal.subject, journal.marker, each.standing.value if each.read else "not read",
                   journal.day, journal.reverses_on, leg.account or "not named", leg.role.value, leg.debit, leg.credit, journal.currency,
                   _is(f"ROUND({sums},4)", NOTHING), journal.why)


def _manual(material: Material) -> Iterator[Row]:
    """List what stands on accounts of clearing, receipts and returns in the month and is nobody's document; what was not read is said."""
    ledger = material.end.ledger
    for entity, why in sorted(ledger.unread.items()) if ledger else ():
        yield entity, "not read", "", "", None, None, "", why
    for each in by_hand(ledger, material.last_day) if ledger else ():
        books, entry = next((known.currency for known in material.rules.entities if known.id == each.entity), ""), each.entry
        yield each.entity, each.role, entry.account, entry.voucher, entry.day, entry.amount, books, entry.text


def _method(material: Material) -> Iterator[Row]:
    figures = material.end.figures
    if figures:
        yield "policy", figures.policy.source or "none"
        yield from (("remark", sentence) for sentence in figures.remarks)
        yield from METHOD.items()


def _is(expression: str, value: Decimal | str) -> Formula:
    return Formula(expression=expression, value=value)


def _apart(one: str, other: str, number: int, difference: Decimal | None, *, lacks: str = "") -> Formula:
    """Give one cell less another; a cell that could not be read says so."""
    return _is(f'IF({lacks or one}{number}="","not read",ROUND({one}{number}-{other}{number},4))',
               "not read" if difference is None else difference)


def _whose(whose: Whose) -> tuple[str, str, str, str]:
    return whose.entity, whose.brand, whose.warehouse, whose.currency


MONTH_END: Final[Mapping[str, Section]] = {
    "Paid, not credited": Section(rows=_paid, headings=(
        *WHOSE, "Opening", "Paid", "Came back", "Settled", "Written off", "Exchanged", "Closing", "Tied to", "Balance", "Difference", *DAYS,
        "Ages less closing", "Credited, not paid")),
    "Received, not credited": Section(rows=_received, headings=(
        *WHOSE, "Opening", "Received", "Credited", "Closing", "Tied to", "Balance", "Difference", *DAYS, "Ages less closing",
        "At selling price", "Its VAT")),
    "Paid without credit note": Section(rows=_unanswered, headings=(
        *WHOSE, "Returns", "Provider", "Payment", "Paid on", "Paid", "Open", "Country", "Due on", "Late", "Clock by")),
    "House as a whole": Section(rows=_house, headings=(
        "Class", "Team", "About", "Legal entity", "Found", "Amount", "Currency", "Says")),
    "Availability": Section(rows=_availability, headings=(
        "SKU", "Shop's place", "Legal entity", "Warehouse", "Offered", "On sale", "Apart", "Told last", "Stands")),
    "Returned stock": Section(rows=_returned, headings=(
        "Legal entity", "Warehouse", "Currency", "Class", "Units", "Booked cost", "Original cost", "Difference",
        "Units without booked cost", "Units without original cost", "Loses", "Written down", "Value")),
    "Refunds": Section(rows=_refunds, headings=(
        *WHOSE, "Goods are", "Units", "Net", "VAT", "Liability", "Units without VAT", "Books in", "Cost", "To get them", "They lose",
        "Right to goods", "Units without cost", "Units of no policy")),
    "Refunds, tied": Section(rows=_ties, headings=(
        *WHOSE, "In stock, net", "Memo of received", "Difference", "Liability", "Paid already", "Still to pay")),
    "Journals proposed": Section(rows=_journals, headings=(
        "Legal entity", "Why", "About", "Marker", "Stands", "On", "Taken back on", "Account", "For", "Debit", "Credit", "Currency",
        "Debits less credits", "Says")),
    "Posted by hand": Section(rows=_manual, headings=(
        "Legal entity", "For", "Account", "Voucher", "On", "Amount", "Currency", "Text")),
    "Method": Section(rows=_method, headings=("Figure", "How it is worked out")),
}
"""The sections about the end of a month, in their order."""
