"""How long is each class of what is kept, kept; and what of it is due on a day?

Only words end by a term, and files in which nobody stands. Facts, documents, figures and the trail are books and stay (reliability 5.3).
Of customers the unit is whoever returned something: they are due once everything about each of their returns is older than the term.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final


class Kept(StrEnum):
    """What is kept for a term: what is held about customers, the extracts of proofs, and the packs of months."""

    CUSTOMERS = "customers"
    EXTRACTS = "extracts"
    PACKS = "packs"


YEARS: Final = timedelta(days=2192)
"""Six years with their leap days: for as long books are kept at the least, wherever we know it."""
LEAST: Final[Mapping[Kept, tuple[timedelta, str]]] = {
    Kept.CUSTOMERS: (timedelta(days=180), "complaints and disputed payments come for half a year"),
    Kept.EXTRACTS: (YEARS, "what a month was proved by is kept as long as books are, six years at the least"),
    Kept.PACKS: (YEARS, "the pack of a month belongs to its books, which are kept for six years at the least"),
}
"""The shortest term of each class, and why nothing shorter is taken."""
MOST: Final = 500
"""So many returns are named by one proposal at most, so that somebody can still look at it; one customer is never divided."""
REST: Final = timedelta(days=180)
"""For so long what people refused is not proposed again by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The term of each class; one that has none is kept for ever."""

    by_class: Mapping[Kept, timedelta] = field(default_factory=dict)

    def is_over(self, kept: Kept, last: date, day: date) -> bool:
        """Tell whether the term of what ended on a day is over: it is due on the first day after it."""
        term = self.by_class.get(kept)
        return term is not None and last + term < day


def too_short(kept: Kept, term: timedelta) -> str:
    """Say why a term cannot be so short; empty if it can."""
    least, why = LEAST[kept]
    return "" if term >= least else f"a term of {term.days} days is shorter than {least.days}: {why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """A return that is not erased: whose it is, the day something was last learned of it, and whether nobody has to do anything about it.

    Who has no account of their own has an empty one.
    """

    ref: str
    customer: str
    last: date
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Somebody's returns, in order, and the day on which something was last learned of one of them."""

    refs: tuple[str, ...]
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """Whose term is over, the oldest first: who may be proposed, who is under a legal hold, and who waits because people have the word."""

    due: Sequence[Due] = ()
    held: Sequence[Due] = ()
    asked: Sequence[Due] = ()


def ageing(told: Iterable[Aged], terms: Terms, day: date, *, held: Collection[str], asked: Collection[str]) -> Ageing:
    """Say whose term is over on a day. `held` are returns named by legal holds, `asked` those that are proposed or were refused.

    Who has one return that is still open, or younger than the term, is not due with any other.
    """
    named, said = frozenset(held), frozenset(asked)
    whose: dict[tuple[str, str], list[Aged]] = {}
    for each in told:
        whose.setdefault((each.customer, "" if each.customer else each.ref), []).append(each)
    found = sorted((Due(refs=tuple(sorted(each.ref for each in mine)), last=max(each.last for each in mine)) for mine in whose.values()
                    if all(each.over and terms.is_over(Kept.CUSTOMERS, each.last, day) for each in mine)),
                   key=lambda due: (due.last, due.refs))
    stopped = [due for due in found if not named.isdisjoint(due.refs)]
    waiting = [due for due in found if named.isdisjoint(due.refs) and not said.isdisjoint(due.refs)]
    free = [due for due in found if named.isdisjoint(due.refs) and said.isdisjoint(due.refs)]
    return Ageing(due=free, held=stopped, asked=waiting)


def batch(due: Sequence[Due], most: int = MOST) -> Sequence[Due]:
    """Give whom one proposal names: the oldest, as many as their returns fit, and never nobody."""
    named: list[Due] = []
    for each in due:
        if named and sum(len(one.refs) for one in named) + len(each.refs) > most:
            break
        named.append(each)
    return named
