"""What was worked out of a return before that still holds, so that only what changed is worked out again?

What is worked out of a return rests on its facts, postings and exceptions, and on the rules. The store notes every change of the first
three in the transaction of the change, and the rules are part of the version under which something is kept; so what is found is what
would be worked out now. Who only looks keeps nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final, Generic, TypeVar

import msgspec

from backhaul.application.fold_ports import FoldStore, FoldTx
from backhaul.application.parts import parts
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort(Generic[T]):
    """One sort of thing that is worked out of returns: `form` changes when its code does, so that nothing of an older release is taken."""

    name: str
    form: int
    kind: type[T]
    work_out: Callable[[FoldTx, Rules, Sequence[str]], Mapping[str, T]]


@dataclass(slots=True, kw_only=True)
class Effort:
    """How many returns a run took from before, how many it worked out, and how many of those because they rested on other rules."""

    kept: int = 0
    worked_out: int = 0
    other_rules: int = 0


_SAID: Final[dict[str, tuple[Rules, str]]] = {}
"""The rules that were asked about last, which never change, and their hash."""


def begin(store: FoldStore, rules: Rules) -> int:
    """Let go of what does not hold any more; give the turn in which more may be kept."""
    with store.begin() as tx:
        return tx.let_go_folds(rules.tenant)


def folded(store: FoldStore, rules: Rules, sort: Sort[T], refs: Sequence[str], *, turn: int = 0,  # noqa: PLR0913  of what, and how
           anew: bool = False, effort: Effort | None = None) -> Iterator[tuple[str, T]]:
    """Give what follows of each of these returns, in their order; with a `turn` what was worked out is kept, `anew` takes nothing."""
    version, counted = f"{sort.form} {said(rules)}", effort or Effort()
    for part in parts(refs):
        with store.look() as tx:
            known = {} if anew else tx.folds(rules.tenant, sort.name, part)
            held = {ref: msgspec.json.decode(body, type=sort.kind) for ref, (under, body) in known.items() if under == version}
            made = sort.work_out(tx, rules, [ref for ref in part if ref not in held]) if len(held) < len(part) else {}
        counted.kept += len(held)
        counted.worked_out += len(made)
        counted.other_rules += len(known) - len(held)
        if made and turn:
            bodies = {ref: msgspec.json.encode(told).decode() for ref, told in made.items()}
            with store.begin() as tx:
                tx.keep_folds(rules.tenant, sort.name, version, bodies, turn=turn)
        yield from ((ref, held[ref] if ref in held else made[ref]) for ref in part)


ADDRESSES: Final = frozenset({"base_url", "token_url"})
"""Options that say where an ERP answers. That decides nothing of a return, and a demo's emulators answer elsewhere at each start."""


def said(rules: Rules) -> str:
    """Give a hash of everything that was decided: two rules that differ anywhere differ here, whatever they call their version.

    Where an ERP answers is left out.
    """
    known = _SAID.get("last")
    if known is None or known[0] is not rules:  # it is asked several times in a proof, and walks through thousands of values
        entities = tuple(replace(each, options={name: told for name, told in each.options.items() if name not in ADDRESSES})
                         for each in rules.entities)
        known = _SAID["last"] = (rules, digest(_plain(replace(rules, entities=entities))))
    return known[1]


def _plain(value: Any) -> Any:  # noqa: ANN401  whatever rules hold
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *([each.name, _plain(getattr(value, each.name))] for each in fields(value))]
    if isinstance(value, Mapping):
        return sorted(([_plain(key), _plain(each)] for key, each in value.items()), key=repr)
    if isinstance(value, AbstractSet):
        return sorted((_plain(each) for each in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return repr(value)
