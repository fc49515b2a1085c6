"""Does an environment still show what it showed when its contract was recorded?

A contract is what the ERP's own description says of the sets, fields and enumerations the adapter asks about. What
the adapter uses and the environment no longer shows alike stops the line; anything else is worth a note (reliability ERP-30).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """What an environment says of one field."""

    type: str
    key: bool = False
    editable: bool = True
    mandatory: bool = False


@lru_cache(maxsize=1_000)
def trait(type: str, *, key: bool = False, editable: bool = True, mandatory: bool = False) -> Trait:  # noqa: A002  as the trait calls it
    """Give a trait. An environment shows thousands of fields and a few dozen different traits: each is made once."""
    return Trait(type=type, key=key, editable=editable, mandatory=mandatory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What an environment shows: the fields of each entity set, the members of each enumeration.

    `used` names the sets and enumerations that were asked about, and as ``Set.Field`` every field that is read or written. It is
    the adapter's word, not the environment's, and is never recorded.
    """

    sets: Mapping[str, Mapping[str, Trait]]
    enums: Mapping[str, tuple[str, ...]]
    used: frozenset[str] = frozenset()

    def plain(self) -> dict[str, Any]:
        """Give what is recorded, in plain values."""
        return {"sets": {name: {field: {"type": said.type, "key": said.key, "editable": said.editable, "mandatory": said.mandatory}
                                for field, said in told.items()} for name, told in self.sets.items()},
                "enums": {name: sorted(members) for name, members in self.enums.items()}}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Contract":
        """Read what was recorded."""
        return cls(sets={name: {field: trait(**said) for field, said in told.items()} for name, told in plain["sets"].items()},
                   enums={name: tuple(members) for name, members in plain["enums"].items()})

    def covers(self, shown: "Contract") -> bool:
        """Tell whether every set and enumeration that is shown was asked about before, whatever is said of it."""
        return shown.sets.keys() <= self.sets.keys() and shown.enums.keys() <= self.enums.keys()

    def widened(self, shown: "Contract") -> "Contract":
        """Add the sets and enumerations nobody asked about before: of them there is nothing to compare with."""
        return Contract(sets={**shown.sets, **self.sets}, enums={**shown.enums, **self.enums})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What differs, a sentence each: `stops` is used and gone or changed, `notes` are additions and what nobody here uses."""

    stops: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


WORDS: Final = {"type": "type", "key": "key", "editable": "AllowEdit", "mandatory": "IsMandatory"}
"""What each trait is called in the sentence."""


def compare(recorded: Contract, shown: Contract) -> Drift:
    """Say in what an environment differs from its recorded contract, in a stable order."""
    stops: list[str] = []
    notes: list[str] = []
    for name in sorted(recorded.sets.keys() & shown.used):
        if name not in shown.sets:
            stops.append(f"entity set {name} is gone")
            continue
        alike = recorded.sets[name] == shown.sets[name]
        for field, sentence, eases in () if alike else _of_fields(name, recorded.sets[name], shown.sets[name]):
            (stops if f"{name}.{field}" in shown.used and not eases else notes).append(sentence)
    for name in sorted(recorded.enums.keys() & shown.used):
        if name not in shown.enums:
            stops.append(f"enumeration {name} is gone")
            continue
        was, now = set(recorded.enums[name]), set(shown.enums[name])
        stops += [f"enumeration {name} lost its member {member}" for member in sorted(was - now)]
        notes += [f"enumeration {name} has a new member {member}" for member in sorted(now - was)]
    return Drift(stops=tuple(stops), notes=tuple(notes))


EASES: Final = frozenset({("editable", True), ("mandatory", False)})
"""What a trait may become without standing in anybody's way: what may be written now, what need not be any more."""


def _of_fields(name: str, was: Mapping[str, Trait], now: Mapping[str, Trait]) -> list[tuple[str, str, bool]]:
    """Give the fields of a set that differ, each with its sentence, and whether that hinders nobody."""
    told = []
    for field in sorted(was.keys() | now.keys()):
        if field not in now:
            alike = sorted(each for each in now.keys() - was.keys() if now[each] == was[field])
            told.append((field, f"{name}.{field} is gone" + (f"; new and of its kind: {', '.join(alike)}" if alike else ""), False))
        elif field not in was:
            told.append((field, f"{name}.{field} is new" + (", and mandatory" if now[field].mandatory else ""), True))
        else:
            changed = [(each.name, getattr(was[field], each.name), getattr(now[field], each.name)) for each in fields(Trait)]
            told += [(field, f"{name}.{field}: {WORDS[which]} was {_said(before)}, is {_said(after)}", (which, after) in EASES)
                     for which, before, after in changed if before != after]
    return told


def _said(value: str | bool) -> str:  # noqa: FBT001  a trait is a type's name or a yes or no
    return value if isinstance(value, str) else "yes" if value else "no"
