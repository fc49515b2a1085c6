"""Do the sides of one return line tell the same story?

Four sides: what the platform accepted, the stock movement, the credit note, the ledger; what we hold ourselves is a third opinion and
never a side. `classify` is the reference: every engine that does the same on more lines than fit in memory is compared with it line by
line. Quantities and money are positive where goods come back and customers are credited, whatever sign the ERP writes. What is None on
either side is not known and never compared. Days are those of the legal entity's zone.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.tolerance import LetGo, Measure, Tolerance, ToleranceRow

NOTHING: Final = Decimal(0)
SEVERAL: Final = "*"
"""What stands for a word that the records of one side do not agree about; it equals nothing."""


class Standing(StrEnum):
    """How far a line is proved."""

    PROVED = "proved"
    TIMING = "timing"
    """Not there yet and not late: `why` says what it waits for, `since` since when."""
    BROKEN = "broken"


class Held(StrEnum):
    """What we ourselves believe of a line's credit; a third opinion (INV-24)."""

    DRAFT = "draft"
    UNCONFIRMED = "unconfirmed"
    POSTED = "posted"
    WAITING = "waiting"
    """An open exception holds it, with an owner and a clock of its own: it is not late while somebody has to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What names a record besides its amounts."""

    entity: str | None = None
    item: str | None = None
    unit: str | None = None
    customer: str | None = None
    sale: str | None = None
    warehouse: str | None = None
    location: str | None = None
    currency: str | None = None
    tax_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What the platform says of a line, and what should follow from it.

    `units` were accepted of those `announced`; `stocked` of them become stock, `sellable` of these may be sold, `scrapped` are written
    off apart from their receipt. `period` and `expected_on` are those the ERP should stamp; after `due_on` what is missing is late.
    """

    words: Words
    units: Decimal
    net: Decimal
    fee: bool = False
    announced: Decimal | None = None
    stocked: Decimal = NOTHING
    sellable: Decimal | None = None
    scrapped: Decimal = NOTHING
    tax: Decimal | None = None
    cost: Decimal | None = None
    accepted_on: date | None = None
    expected_on: date | None = None
    due_on: date | None = None
    period: str | None = None
    account: str | None = None
    """Where the ledger should book it, as far as one account is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the ERP's records of one side say of one line, put together: posted ones added up, the others counted."""

    posted: int = 0
    drafts: int = 0
    reversed: int = 0
    empty: int = 0
    words: Words = Words()
    units: Decimal = NOTHING
    sellable: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    cost: Decimal | None = None
    first_on: date | None = None
    last_on: date | None = None
    period: str | None = None


class Status(StrEnum):
    """What has become of a record in the ERP; `empty` is posted and has no lines."""

    POSTED = "posted"
    DRAFT = "draft"
    REVERSED = "reversed"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of one side, as the ERP shows it."""

    status: Status
    words: Words = Words()
    units: Decimal | None = None
    sellable: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    cost: Decimal | None = None
    posted_on: date | None = None
    period: str | None = None


def gather(records: Sequence[Record]) -> Records:
    """Put the records of one side of one line together; words they do not agree about are `SEVERAL`."""
    posted = [record for record in records if record.status is Status.POSTED]
    count = Counter(record.status for record in records)
    days = [record.posted_on for record in posted if record.posted_on]
    return Records(
        posted=len(posted), drafts=count[Status.DRAFT], reversed=count[Status.REVERSED], empty=count[Status.EMPTY],
        words=Words(**{field.name: _agreed(getattr(record.words, field.name) for record in posted) for field in fields(Words)}),
        units=_sum(record.units for record in posted) or NOTHING, sellable=_sum(record.sellable for record in posted),
        net=_sum(record.net for record in posted), tax=_sum(record.tax for record in posted), cost=_sum(record.cost for record in posted),
        first_on=min(days, default=None), last_on=max(days, default=None), period=_agreed(record.period for record in posted))


def _agreed(words: Iterable[str | None]) -> str | None:
    told = sorted({word for word in words if word is not None})
    return SEVERAL if len(told) > 1 else told[0] if told else None


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up what is known; nothing known is None."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, NOTHING) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """All that is told of one line. `lacking` is what the ledger does not hold of its credit, None where no ledger was read.

    `held` is what we believe ourselves, `read_back` the net amount of its credit when we read it back.
    """

    key: str
    accepted: Accepted | None = None
    stock: Records = Records()
    credit: Records = Records()
    loss: Records = Records()
    lacking: Decimal | None = None
    held: Held | None = None
    read_back: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One way in which the sides differ: a class of the catalogue, and the money it is about, positive where too much was credited."""

    kind: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one line. The first discrepancy is its class; the others stand beside it.

    `let_go` are differences within a tolerance: the line is proved with them, and they are no less there.
    """

    key: str
    standing: Standing
    discrepancies: tuple[Discrepancy, ...] = ()
    why: str = ""
    since: date | None = None
    let_go: tuple[LetGo, ...] = ()


def classify(line: Line, day: date, tolerance: Tolerance) -> Verdict:
    """Say whether a line is proved, waits, or is broken, as of the end of a day."""
    accepted = line.accepted
    late = accepted is not None and accepted.due_on is not None and day > accepted.due_on and line.held is not Held.WAITING
    if existence := _existence(line, late=late):
        return Verdict(key=line.key, standing=Standing.BROKEN, discrepancies=(existence, *_damaged(line, accepted)))
    if accepted is None or not accepted.units:
        return Verdict(key=line.key, standing=Standing.PROVED)
    found = tuple(_contents(line, accepted, tolerance, day, late=late))
    let_go = tuple(each for each in found if isinstance(each, LetGo))
    if told := tuple(each for each in found if isinstance(each, Discrepancy)):
        return Verdict(key=line.key, standing=Standing.BROKEN, discrepancies=told, let_go=let_go)
    if awaited := _awaited(line, accepted):
        return Verdict(key=line.key, standing=Standing.TIMING, why=awaited, since=accepted.accepted_on, let_go=let_go)
    return Verdict(key=line.key, standing=Standing.PROVED, let_go=let_go)


# --- is it there, once?


def _existence(line: Line, *, late: bool) -> Discrepancy | None:
    """Give the one discrepancy of what is there and should not be, or the other way round."""
    accepted, credit, stock = line.accepted, line.credit, line.stock
    if accepted is None:
        kind = "UNKNOWN_AT_SOURCE" if line.held else "MISSING_AT_SOURCE"
        return Discrepancy(kind=kind, amount=_known(credit.net, stock.cost))
    if accepted.units:
        return _too_much(line, accepted) or _too_little(line, accepted, late=late)
    if credit.posted and not (credit.posted > 1 and not credit.units and not credit.net):  # a debit took it back, whole
        return Discrepancy(kind="REJECTED_BUT_CREDITED", amount=_known(credit.net))
    if stock.posted and not (stock.posted > 1 and not stock.units):
        return Discrepancy(kind="REJECTED_BUT_RECEIVED", amount=_known(stock.cost))
    return Discrepancy(kind="SCRAPPED_TWICE", amount=_known(line.loss.cost)) if line.loss.posted and line.loss.units > 0 else None


def _too_much(line: Line, accepted: Accepted) -> Discrepancy | None:
    """Find what is there more than once, the wrong way round, or for nothing."""
    credit, stock, loss = line.credit, line.stock, line.loss
    over = _known(credit.net) - accepted.net
    rows: tuple[tuple[bool, str, Decimal], ...] = (
        (credit.posted > 0 and credit.units * accepted.units < 0, "SIGN_ERROR", over),
        (credit.posted > 1 and abs(credit.units) > abs(accepted.units), "DUPLICATE_CREDIT", over),
        (credit.posted > 0 and accepted.announced is not None and accepted.units < accepted.announced == credit.units,
         "PARTLY_ACCEPTED_FULLY_CREDITED", over),
        (stock.posted > 0 and stock.units < 0, "SIGN_ERROR", _known(stock.cost) - _known(accepted.cost)),
        (stock.posted > 1 and stock.units > accepted.stocked, "RECEIVED_TWICE", _known(stock.cost) - _known(accepted.cost)),
        (loss.posted > 0 and loss.units > accepted.scrapped, "SCRAPPED_TWICE", _known(loss.cost)),
        (credit.posted > 0 and accepted.stocked > 0 and not stock.posted, "CREDIT_WITHOUT_STOCK", _known(credit.net)),
    )
    return next((Discrepancy(kind=kind, amount=amount) for holds, kind, amount in rows if holds), None)


def _too_little(line: Line, accepted: Accepted, *, late: bool) -> Discrepancy | None:
    """Find what should be there; a draft that is gone and a credit that was undone are found before they are late."""
    credit = line.credit
    rows: tuple[tuple[bool, str], ...] = (
        (credit.empty > 0, "POSTED_WITHOUT_LINES"),
        (credit.reversed > 0, "REVERSED_IN_ERP"),
        (line.held is Held.DRAFT and not credit.drafts, "DELETED_DRAFT"),
        (late and line.held is Held.UNCONFIRMED, "STUCK_UNCONFIRMED"),
        (late and credit.drafts > 0, "DRAFT_NEVER_POSTED"),
        (late and line.stock.posted > 0, "STOCK_WITHOUT_CREDIT"),
        (late and accepted.fee, "FEE_MISSING"),
        (late, "MISSING_IN_ERP"),
    )
    if credit.posted:
        return None
    return next((Discrepancy(kind=kind, amount=-accepted.net) for holds, kind in rows if holds), None)


def _awaited(line: Line, accepted: Accepted) -> str:
    """Say what a line in timing waits for; nothing when all of it is there."""
    credit, stock = line.credit, line.stock
    rest = abs(credit.units) < abs(accepted.units)
    if line.held is Held.WAITING and (not credit.posted or rest):
        return "DECISION_AWAITED"
    if credit.posted:
        return "REST_AWAITED" if rest or stock.units < accepted.stocked else ""
    return "JOB_AWAITED" if credit.drafts else "CREDIT_AWAITED" if stock.posted else "ERP_AWAITED"


# --- does it say the same?

NAMED: Final[tuple[tuple[str, str, bool, bool], ...]] = (
    ("WRONG_ENTITY", "entity", True, True), ("WRONG_CUSTOMER", "customer", True, False), ("WRONG_SALES_ORDER", "sale", True, False),
    ("WRONG_ITEM", "item", True, True), ("WRONG_UNIT", "unit", True, True), ("WRONG_CURRENCY", "currency", True, False),
    ("WRONG_WAREHOUSE", "warehouse", False, True), ("WRONG_LOCATION", "location", False, True), ("WRONG_TAX_CODE", "tax_code", True, False),
)
"""Class, word, whether the credit note is compared, whether the stock movement is."""


def _contents(line: Line, accepted: Accepted, tolerance: Tolerance, day: date, *, late: bool) -> Iterator[Discrepancy | LetGo]:
    """Give every way in which what is posted says something else than what was accepted, and what of it a tolerance lets go."""
    yield from _words(line, accepted)
    yield from _quantities(line, accepted, late=late)
    yield from _amounts(line, accepted, tolerance, day, late=late)
    yield from _days(line, accepted)
    if line.lacking:
        kind = "LEDGER_MISSING" if line.lacking == line.credit.net else "LEDGER_DIFFERS"
        yield Discrepancy(kind=kind, amount=line.lacking)


def _words(line: Line, accepted: Accepted) -> Iterator[Discrepancy]:
    for kind, name, on_credit, in_stock in NAMED:
        wanted = getattr(accepted.words, name)
        credited = on_credit and line.credit.posted > 0 and _differs(getattr(line.credit.words, name), wanted)
        received = in_stock and line.stock.posted > 0 and _differs(getattr(line.stock.words, name), wanted)
        if credited or received:
            yield Discrepancy(kind="FEE_WRONG_ITEM" if kind == "WRONG_ITEM" and accepted.fee else kind,
                              amount=_known(line.credit.net) if credited else _known(line.stock.cost))


def _quantities(line: Line, accepted: Accepted, *, late: bool) -> Iterator[Discrepancy]:
    """Compare units; fewer than accepted are no discrepancy while the rest may still come, more on sale than may be sold are at once."""
    credit, stock = line.credit, line.stock
    more = abs(credit.units) - abs(accepted.units)  # what is charged has the other sign
    if credit.posted and (more > 0 or (late and more < 0)):
        yield Discrepancy(kind="WRONG_QUANTITY", amount=_known(credit.net) - accepted.net)
    elif stock.posted and (stock.units > accepted.stocked or (late and stock.units < accepted.stocked)):
        yield Discrepancy(kind="WRONG_QUANTITY", amount=_known(stock.cost) - _known(accepted.cost))
    yield from _damaged(line, accepted)
    if stock.posted and stock.units == accepted.stocked and stock.sellable is not None and accepted.sellable is not None \
            and stock.sellable < accepted.sellable:
        yield Discrepancy(kind="SELLABLE_KEPT_BACK", amount=_known(stock.cost))


def _damaged(line: Line, accepted: Accepted | None) -> Iterator[Discrepancy]:
    """Say that more of what came is on sale than may be sold, whatever else is wrong with the line: nothing may hide that."""
    stock = line.stock
    if accepted is not None and accepted.sellable is not None and stock.posted and stock.sellable is not None \
            and stock.units <= accepted.stocked and stock.sellable > accepted.sellable:
        yield Discrepancy(kind="DAMAGED_ON_SALE", amount=_known(stock.cost))


def _amounts(line: Line, accepted: Accepted, tolerance: Tolerance, day: date, *, late: bool) -> Iterator[Discrepancy | LetGo]:
    """Compare money where the units are the same; a document that was changed after it was read back is called that.

    A part of the units that already credits more than all of them is not in timing: no rest can make it right.
    """
    credit, stock, words = line.credit, line.stock, accepted.words
    rows = {measure: tolerance.choose(measure, entity=words.entity or "", currency=words.currency or "", account=accepted.account or "",
                                      on=accepted.accepted_on or day) for measure in Measure}
    net, tax = _known(credit.net) - accepted.net, _apart(credit.tax, accepted.tax)
    one_coin = credit.posted > 0 and not _differs(credit.words.currency, accepted.words.currency)
    over = net if accepted.units > 0 else -net
    if one_coin and not late and abs(credit.units) < abs(accepted.units) and over > rows[Measure.NET].amount:
        yield Discrepancy(kind="WRONG_AMOUNT", amount=net)
    if one_coin and credit.units == accepted.units:
        if line.read_back is not None and credit.net != line.read_back:
            yield Discrepancy(kind="EDITED_AFTER_POSTING", amount=_known(credit.net) - line.read_back)
        elif abs(net) > rows[Measure.NET].amount:
            yield Discrepancy(kind="ROUNDING_DRIFT" if abs(net) <= rows[Measure.ROUNDING].amount else "WRONG_AMOUNT", amount=net)
        else:
            yield from _within(rows[Measure.NET], net, "WRONG_AMOUNT")
            yield from _within(rows[Measure.TAX], tax, "WRONG_TAX_AMOUNT")
    if stock.posted and stock.units == accepted.stocked:
        yield from _within(rows[Measure.COST], _apart(stock.cost, accepted.cost), "VALUATION_DRIFT")


def _within(row: ToleranceRow, apart: Decimal, kind: str) -> Iterator[Discrepancy | LetGo]:
    """Say what a difference is: let go by a row, or a discrepancy; nothing is neither."""
    if abs(apart) > row.amount:
        yield Discrepancy(kind=kind, amount=apart)
    elif apart:
        yield LetGo(measure=row.measure, amount=apart, row=row.name)


def _days(line: Line, accepted: Accepted) -> Iterator[Discrepancy]:
    """Give the first thing that is wrong with when the credit was posted, else with when the units became stock.

    Units may be stock before they are accepted; in another period than expected only what came after its time is wrong.
    """
    credit, stock, first, last = line.credit, line.stock, line.credit.first_on, line.credit.last_on
    until = accepted.due_on or accepted.accepted_on
    after = stock.posted > 0 and stock.first_on is not None and until is not None and stock.first_on > until
    if not credit.posted or first is None or last is None:
        return
    rows: tuple[tuple[bool, str], ...] = (
        (accepted.accepted_on is not None and first < accepted.accepted_on, "CREDIT_BEFORE_ACCEPTANCE"),
        (_differs(credit.period, accepted.period), "WRONG_PERIOD"),
        (accepted.due_on is not None and last > accepted.due_on, "LATE"),
        (accepted.expected_on is not None and last != accepted.expected_on, "WRONG_DATE"),
    )
    if kinds := [kind for holds, kind in rows if holds]:
        yield Discrepancy(kind=kinds[0], amount=_known(credit.net))
    elif after and _differs(stock.period, accepted.period):
        yield Discrepancy(kind="WRONG_PERIOD", amount=_known(stock.cost))


def _known(*amounts: Decimal | None) -> Decimal:
    """Give the first amount that is known, or nothing."""
    return next((amount for amount in amounts if amount is not None), NOTHING)


def _apart(told: Decimal | None, wanted: Decimal | None) -> Decimal:
    return NOTHING if told is None or wanted is None else told - wanted


def _differs(told: str | None, wanted: str | None) -> bool:
    """Tell whether two words cannot be one; what is not known is not compared."""
    return told is not None and wanted is not None and told != wanted


# --- the ledger


def lacking(credited: Mapping[str, Decimal], booked: Decimal | None, against: Decimal | None = None,
            accepted: Mapping[str, Decimal] | None = None) -> Mapping[str, Decimal]:
    """Say which lines of one voucher the ledger lacks: what each is credited, against what is booked of all (None: no such voucher).

    `against` is the voucher seen from its other side, where that is known: an entry may be gone there. What is lacking is laid at the one
    line whose amount it is; else at every line, where the ledger has nothing of the voucher; else at the one that is credited by just as
    much more than was `accepted`, as one that somebody edited is; else at the first line.
    """
    net = sum(credited.values(), NOTHING)
    lacks = net - (booked or NOTHING) or (NOTHING if against is None else net - against)
    if not lacks:
        return {}
    if booked is None:
        return {line: net for line, net in credited.items() if net}
    edited = [line for line, net in credited.items() if accepted and line in accepted and net - accepted[line] == lacks]
    return {min((line for line, net in credited.items() if net == lacks), default=min(edited or credited)): lacks}


# --- errors that cancel


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One broken line with what is needed to see that another cancels it."""

    verdict: Verdict
    entity: str
    currency: str
    document: str
    net: Decimal
    credited: Decimal
    item: str
    told_item: str


def _amounts_of(one: Broken, *, other: bool) -> Hashable:
    return (one.document, one.credited, one.net) if other else (one.document, one.net, one.credited)


def _items_of(one: Broken, *, other: bool) -> Hashable:
    return (one.document, one.told_item, one.item) if other else (one.document, one.item, one.told_item)


def _error_of(one: Broken, *, other: bool) -> Hashable:
    amount = one.verdict.discrepancies[0].amount
    return (one.entity, one.currency, -amount if other else amount)


CANCELLING: Final = (
    ("SWAPPED_AMOUNTS", frozenset({"WRONG_AMOUNT", "EDITED_AFTER_POSTING"}), _amounts_of),
    ("SWAPPED_ITEMS", frozenset({"WRONG_ITEM"}), _items_of),
    ("OFFSETTING", frozenset({"WRONG_AMOUNT", "WRONG_QUANTITY", "EDITED_AFTER_POSTING"}), _error_of),
)
"""Class, what each of the two is by itself, and what must be the mirror image of the other."""
CANCELS: Final = frozenset().union(*(classes for _, classes, _ in CANCELLING))
"""Classes of lines that another line could cancel."""


def paired(broken: Iterable[Broken]) -> Iterator[tuple[str, str, str]]:
    """Find pairs of lines whose errors cancel in every total: (class, line, other line), each line once.

    Within one document two lines that carry each other's amount or item are swapped; anywhere in one entity and currency two
    errors of equal size and other sign offset each other.
    """
    left = [each for each in sorted(broken, key=lambda each: each.verdict.key) if each.verdict.discrepancies]
    for kind, classes, told in CANCELLING:
        waiting: dict[Hashable, list[str]] = {}
        taken = set[str]()
        for each in left:
            name = each.verdict.key
            if each.verdict.discrepancies[0].kind not in classes or told(each, other=True) == told(each, other=False):
                continue
            if others := waiting.get(told(each, other=True)):
                taken |= {name, others[0]}
                yield kind, others.pop(0), name
            else:
                waiting.setdefault(told(each, other=False), []).append(name)
        left = [each for each in left if each.verdict.key not in taken]


# --- records without a line


def stray(alike: Iterable[tuple[str, bool]], *, empty: bool = False) -> tuple[str, str]:
    """Name a posted record that carries no mark of ours: (class, line), by the lines that look like it and whether each is credited.

    Nothing is matched by looks alone: a line that waits is suggested to a person. One that is `empty` lost its lines, and the mark
    with them.
    """
    if empty:
        return "POSTED_WITHOUT_LINES", ""
    lines = sorted(alike, key=lambda each: (not each[1], each[0]))
    if not lines:
        return "EXTRA_IN_ERP", ""
    key, credited = lines[0]
    return ("DUPLICATE_BY_HAND" if credited else "SUGGESTED_MATCH"), key
