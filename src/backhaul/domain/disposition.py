"""Where do goods in this state go, and is that place fit for them?

There is no default. A target is found by an exact match of warehouse, disposition, condition and
reason, or it is not found; then the line is held and the value is shown. Damaged goods never reach a
sellable place: `flaws` looks when a mapping is saved, `fit` when a posting is prepared, and each ERP
adapter looks a third time with code of its own (INV-05, INV-06).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of units. Of those that are credited, the places of the money identity (books 2)."""

    RESTOCKED = "restocked"
    NON_SELLABLE = "non_sellable"
    SCRAPPED = "scrapped"
    WITHOUT_GOODS = "without_goods"
    SENT_BACK = "sent_back"
    """In and out again to the customer, without credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where stock lies: warehouse, location and inventory status together say whether it can be sold."""

    warehouse: str
    location: str
    status: str = ""


class JournalType(StrEnum):
    """Which journal a row's journal name stands for; only a movement's lines carry an account from us (books 7)."""

    ARRIVAL = "arrival"
    ADJUSTMENT = "adjustment"
    MOVEMENT = "movement"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """What the warehouse said about units: the exact key of a mapping row."""

    legal_entity: str
    warehouse: str
    disposition: str
    condition: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRow:
    """One approved decision: units in this circumstance go to this place, this way.

    `expected_account` is sent where the journal is a movement, and looked for in the ledger when a posting is read back.
    `journal` names a journal of the type `journal_type`; empty is the adapter's own.
    `charge` names a fee of the profile that is deducted once per return or line, if any.
    """

    when: Circumstance
    outcome: Outcome
    erp_disposition: str
    place: Place
    credit: bool = True
    journal: str = ""
    journal_type: JournalType = JournalType.ARRIVAL
    expected_account: str = ""
    charge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sellability:
    """What may be sold, said apart from the mapping rows so that one mistake cannot say both."""

    places: frozenset[Place]
    dispositions: frozenset[str]
    conditions: frozenset[str]

    def sells(self, place: Place) -> bool:
        """Tell whether goods in this place may be on sale; case, spaces and a missing status hide nothing from the ERP."""
        return any(_meets(place, each) for each in self.places)

    def allows(self, when: Circumstance) -> bool:
        """Tell whether goods in this circumstance may be offered for sale."""
        return when.disposition in self.dispositions and when.condition in self.conditions


def _meets(one: Place, other: Place) -> bool:
    here, there = [[text.strip().casefold() for text in (each.warehouse, each.location, each.status)] for each in (one, other)]
    return here[:2] == there[:2] and (here[2] == there[2] or not (here[2] and there[2]))


def choose(rows: Sequence[MappingRow], when: Circumstance) -> MappingRow | None:
    """Find the one row for a circumstance, by exact match; None means nobody has decided yet."""
    return next((row for row in rows if row.when == when), None)


def near_misses(rows: Iterable[MappingRow], when: Circumstance) -> tuple[str, ...]:
    """Give dispositions that look like this one to a person (case, spaces, lookalikes): a hint, never a choice."""
    look = _look(when.disposition)
    return tuple(sorted({row.when.disposition for row in rows if _look(row.when.disposition) == look}))


def _look(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(_LOOKALIKE.get(letter, letter) for letter in plain if letter.isalnum())


_LOOKALIKE = dict(zip("асеорхутквмн", "aceopxytkbmh", strict=True))


def fit(row: MappingRow, sellability: Sellability, told: Iterable[tuple[str, str]] = ()) -> bool:
    """Tell whether the row's place suits its goods: sellable goods may go anywhere, others never on sale.

    `told` are grades, condition and disposition, in which an inspection found them before people corrected that: no correction makes
    sellable what the warehouse found otherwise.
    """
    found = (replace(row.when, condition=condition, disposition=disposition) for condition, disposition in told)
    return not sellability.sells(row.place) or all(sellability.allows(when) for when in (row.when, *found))


def flaws(rows: Sequence[MappingRow], sellability: Sellability) -> Iterator[str]:
    """Say everything that is wrong with a mapping, in sentences; a mapping with a flaw is refused whole."""
    seen: set[Circumstance] = set()
    for row in rows:
        key = (f"{row.when.legal_entity}/{row.when.warehouse}/{row.when.disposition}/"
               f"{row.when.condition}/{row.when.reason or '(no reason)'}")
        yield from (f"{key}: {sentence}" for sentence in _contradictions(row))
        if row.when in seen:
            yield f"{key}: two rows for one circumstance"
        seen.add(row.when)
        for name in ("legal_entity", "warehouse", "disposition", "condition", "reason"):
            if "*" in getattr(row.when, name) or "?" in getattr(row.when, name):
                yield f"{key}: {name} holds a wildcard; stock and ledger targets need exact values"
        if not (row.when.legal_entity and row.when.warehouse and (row.when.disposition or row.when.condition)):
            yield f"{key}: says nothing about the goods or where they are; that would be a default route"
        if not fit(row, sellability):
            yield f"{key}: not sellable, yet its target {row.place.warehouse}/{row.place.location} is on sale"
        if row.outcome is Outcome.RESTOCKED and row.place not in sellability.places:
            yield f"{key}: says restocked, yet {row.place.warehouse}/{row.place.location} is not on the sellable list"
        if row.outcome is not Outcome.RESTOCKED and sellability.sells(row.place) and row.outcome is not Outcome.WITHOUT_GOODS:
            yield f"{key}: says {row.outcome.value}, yet {row.place.warehouse}/{row.place.location} is on sale"


def _contradictions(row: MappingRow) -> Iterator[str]:
    """Say what a row says against itself, whatever is on sale."""
    if row.outcome is Outcome.SENT_BACK and row.credit:
        yield "says sent_back, yet credits; goods that go back to the customer are not credited"
    if row.outcome is not Outcome.WITHOUT_GOODS and not (row.place.warehouse and row.place.location):
        yield "goods need a warehouse and a location"
    if row.journal_type is JournalType.MOVEMENT and not row.expected_account:
        yield "a movement journal's lines carry an account; say expected_account"
    if "*" in row.journal or "*" in row.expected_account:
        yield "journal or expected_account holds a wildcard; stock and ledger targets need exact values"
