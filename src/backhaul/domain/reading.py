"""What does a kept message say once it was read again?

Facts are only added. When a mended profile reads a message differently, what it said before stays where it is, and a `Reread` beside
it names what counts no more. `standing` gives the facts that count; it is a function of the set, like the fold that rests on it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backhaul.domain.facts import Fact, Reread, Unreadable

MOVED: Final = "CHANGED_AFTER_POSTING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message, by the hash of its body, with all it says by the profile of now, and who had it read again."""

    message: str
    asked: str
    said: Sequence[Fact]


def standing(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Give the facts that count, by identity: all but those that a message said once and, read again, says no more.

    The last reading of each message speaks for it; a fact that another message, read again, says all the same counts.
    """
    known = {fact.identity: fact for fact in facts}
    gone: set[str] = set()
    latest: dict[str, Reread] = {}
    for reread in _rereads(known.values()):
        if reread.message:
            latest[reread.message] = reread
        else:
            gone.update(reread.instead_of)
    gone.update(identity for reread in latest.values() for identity in reread.instead_of)
    gone.difference_update(identity for reread in latest.values() for identity in reread.says)
    return {identity: fact for identity, fact in known.items() if identity not in gone}


def read_again(readings: Sequence[Reading], known: Mapping[str, Sequence[Fact]], made: Collection[str], *, at: datetime,
               profile: str) -> list[Fact]:
    """Give what is to be kept beside these readings: for each return that a message speaks or spoke of, what counts no more.

    `known` are all facts about those returns, these readings included, and `made` the returns that have documents. A message that spoke of
    such a return and speaks of another now could pay the same goods twice: the other one waits for a person.
    """
    spoke: dict[str, set[str]] = {}
    for ref, facts in known.items():
        for fact in facts:
            if not isinstance(fact, Reread):
                spoke.setdefault(fact.delivery, set()).add(ref)
    beside: list[Fact] = []
    says: dict[str, list[tuple[Reading, set[str]]]] = {}
    for reading in readings:
        before, now = spoke.get(reading.message, set[str]()), {fact.return_ref for fact in reading.said}
        left = sorted(ref for ref in before - now if ref in made)
        moved = [_moved(reading, ref, left) for ref in sorted(now) if left and ref not in made]
        for ref in before | now:
            says.setdefault(ref, []).append((reading, {fact.identity for fact in (*reading.said, *moved) if fact.return_ref == ref}))
        beside += moved
    for ref in sorted(says):
        kept = {fact.identity: fact for fact in known.get(ref, ())}
        counts = standing(kept.values())
        beside += [reread for reading, now in says[ref] if (reread := _reread(ref, reading, kept, counts, now, at, profile))]
    return beside


def _reread(ref: str, reading: Reading, known: Mapping[str, Fact], counts: Collection[str], says: set[str],  # noqa: PLR0913, PLR0917  private
            at: datetime, profile: str) -> Reread | None:
    """Say what of a message counts no more, and what of it does; nothing if that is how it stands already."""
    last = next(reversed([each for each in _rereads(known.values()) if each.message == reading.message]), None)
    told = {identity for identity, fact in known.items() if fact.delivery == reading.message and not isinstance(fact, Reread)}
    gone = told.union(last.instead_of if last else (), last.says if last else ()) - says
    if last and (gone, says) == (set(last.instead_of), set(last.says)):
        return None
    # What another message said first is kept under that one's name: only here does it stand that this one says it too.
    others = {identity for identity in says & known.keys() if known[identity].delivery != reading.message or identity not in counts}
    if not last and not gone and not others:
        return None
    return Reread(return_ref=ref, at=at, version=(last.version or 0) + 1 if last else 1, delivery=reading.message, message=reading.message,
                  instead_of=tuple(sorted(gone)), says=tuple(sorted(says)), profile=profile, asked=reading.asked)


def _moved(reading: Reading, ref: str, left: Sequence[str]) -> Unreadable:
    at = min(fact.at for fact in reading.said if fact.return_ref == ref)
    return Unreadable(return_ref=ref, at=at, delivery=reading.message, code=MOVED, sentence=(
        f"A message that is read as about {ref} now was read as about {', '.join(left)} before, and documents were made of that."))


def _rereads(facts: Iterable[Fact]) -> list[Reread]:
    rereads = [fact for fact in facts if isinstance(fact, Reread)]
    return sorted(rereads, key=lambda each: (each.version or 0, each.at, each.identity)) if len(rereads) > 1 else rereads
