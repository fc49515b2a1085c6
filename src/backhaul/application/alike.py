"""In how many returns is the same value wrong, and what would one correction of all of them come to?

A cause is a kind of exception and the value that is wrong. What the messages tell of it is what groups; what it is instead is said once.
Each return is corrected as if somebody had corrected it alone: by its own exception, with its own fact, before and after.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application import correct
from backhaul.application.approvals import Within
from backhaul.application.people_ports import PeopleTx
from backhaul.application.ports import KeptException, Tx
from backhaul.domain.correction import CORRECTIONS, Choice, both, chosen
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Correctable
from backhaul.domain.proposal import Proposal
from backhaul.domain.resolution import Resolution
from backhaul.domain.rules import Rules

LOOKED_AT: Final = 300
"""So many others of a kind are looked at to say how many have the same value wrong; a plan looks at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A value that may be behind open exceptions: what it is of, what the messages tell, in how many exceptions, and what they hold."""

    what: Correctable
    told: str
    count: int
    money: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """What is said once of all: which value, what the messages tell of it, and what it is."""

    what: Correctable
    told: str
    value: str

    @property
    def content(self) -> dict[str, str]:
        """Give what a proposal of it says."""
        return {"what": self.what.value, "told": self.told, "value": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """What exceptions have in common beside their kind: which value, and what the messages tell of it."""

    what: Correctable
    told: str

    @property
    def content(self) -> dict[str, str]:
        """Give what a proposal of it says."""
        return {"what": self.what.value, "told": self.told}


def otherwise(told: Mapping[str, Any]) -> Otherwise | None:
    """Read what a proposal, or a form, says of a correction; None where it says nothing of one, or decides something else."""
    found = _named(told) if told.get("decision") == Resolution.CORRECT else None
    return Otherwise(what=found.what, told=found.told, value=str(told.get("value", "")).strip()) if found else None


def same(told: Mapping[str, Any]) -> Same | None:
    """Read to which value a proposal, or a form, narrows a decision that corrects nothing; None where it is about all of a kind."""
    if told.get("decision") == Resolution.CORRECT:
        return None
    if told.get("value"):
        message = "only a correction says what a value is; any other decision says which value it is about, and what is told of it"
        raise NeedsOperator(message)
    return _named(told)


def _named(told: Mapping[str, Any]) -> Same | None:
    what = str(told.get("what", ""))
    if not what:
        return None
    if what not in set(Correctable):
        message = f"'{what}' is no value that can be corrected; there are {', '.join(CORRECTIONS)}"
        raise NeedsOperator(message)
    return Same(what=Correctable(what), told=str(told.get("told", "")))


def wrong_values(tx: Tx, rules: Rules, rows: Sequence[KeptException]) -> list[Wrong]:
    """Give the values that could be corrected for these exceptions, what is told in most of them first."""
    found: dict[tuple[Correctable, str], dict[int, Decimal]] = {}
    for row, offered in _offered(tx, rules, rows):
        for each in offered:
            if each.now == each.told:
                found.setdefault((each.what, each.told), {})[row.id] = row.case.money.amount
    told = [Wrong(what=what, told=value, count=len(held), money=sum(held.values(), Decimal(0))) for (what, value), held in found.items()]
    return sorted(told, key=lambda each: (-each.count, each.what, each.told))


def others(tx: Tx, rules: Rules, row: KeptException, entity: str) -> list[Wrong]:
    """Say which values of an exception are told alike in others of its kind, legal entity and currency, this one counted as well."""
    mine = {(each.what, each.told) for _, offered in _offered(tx, rules, [row]) for each in offered if each.now == each.told}
    if not mine:
        return []
    rows = [each for each in of_cause(tx, rules, row.case.kind, entity, row.case.money.currency) if each.id != row.id]
    return [each for each in wrong_values(tx, rules, [row, *rows[:LOOKED_AT]]) if each.count > 1 and (each.what, each.told) in mine]


def of_cause(tx: Tx, rules: Rules, kind: str, entity: str, currency: str) -> list[KeptException]:
    """Give the open exceptions of a kind in one legal entity and currency, oldest first."""
    rows = [row for row in tx.exceptions(rules.tenant, kind=kind) if row.case.money.currency == currency]
    cases = tx.cases(rules.tenant, {row.case.return_ref for row in rows})
    return [row for row in rows if row.case.return_ref in cases and cases[row.case.return_ref].legal_entity == entity]


def telling(tx: Tx, rules: Rules, rows: Sequence[KeptException], said: Same) -> set[int]:
    """Give the exceptions in which the messages tell just this, and nobody said otherwise."""
    return {row.id for row, offered in _offered(tx, rules, rows)
            if any((each.what, each.told, each.now) == (said.what, said.told, said.told) for each in offered)}


def meant(tx: Tx, rules: Rules, rows: Sequence[KeptException], said: Otherwise) -> dict[int, list[Choice]]:
    """Give what a correction would be about, by exception, each value of a return once.

    Left out is what is so already, and what somebody said otherwise before: that is another matter, unless it is taken back.
    """
    seen: set[tuple[str, str]] = set()
    found: dict[int, list[Choice]] = {}
    for row, offered in _offered(tx, rules, rows):
        for each in offered:
            fits = (each.what, each.told) == (said.what, said.told) and each.now != said.value
            if fits and each.told in {each.now, said.value} and (row.case.return_ref, each.line_id) not in seen:
                seen.add((row.case.return_ref, each.line_id))
                found.setdefault(row.id, []).append(each)
    return found


def weighed(tx: Tx, rules: Rules, rows: Collection[KeptException], said: Otherwise) -> tuple[Decimal, Decimal]:
    """Give the announced net of all that would be corrected, before and after; stop where one of it cannot be."""
    before = after = Decimal(0)
    about = meant(tx, rules, [*rows], said)
    for row in rows:
        for each in about.get(row.id, ()):
            one = correct.weighed(tx, rules, row, _content(row, each, said))
            before, after = before + one.net_before, after + one.net_after
    return before, after


def correct_all(tx: PeopleTx, rules: Rules, rows: Sequence[KeptException], proposal: Proposal, *, now: datetime) -> None:
    """Correct what a proposal says of these exceptions of one return, each by the two people who agreed on all."""
    said = otherwise(proposal.content)
    if said is None:
        message = f"proposal {proposal.id} says of no value what it is"
        raise NeedsOperator(message)
    about = meant(tx, rules, rows, said)
    for row in rows:
        for each in about.get(row.id, ()):
            correct.correct(Within(tx=tx), rules, _content(row, each, said), actor=proposal.proposer, approver=proposal.ended_by,
                            reason=proposal.reason, now=now)


def _content(row: KeptException, choice: Choice, said: Otherwise) -> dict[str, Any]:
    return {"exception": row.id, "what": said.what.value, "line": choice.line_id, "told": said.told, "value": said.value}


def _offered(tx: Tx, rules: Rules, rows: Sequence[KeptException]) -> list[tuple[KeptException, tuple[Choice, ...]]]:
    refs = {row.case.return_ref for row in rows}
    facts = tx.facts(rules.tenant, refs)
    folded = {ref: both(ref, facts.get(ref, ())) for ref in refs}
    return [(row, chosen(*folded[row.case.return_ref], {finding.code for finding in row.case.findings}, row.case.line_id)) for row in rows]
