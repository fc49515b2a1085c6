"""Whose work is an exception, and who is told once it is late?

Rows of the profile, the first that fits decides; without one it is the team of the kind. Rules look at what does not change while the work
waits, so that a new rule moves exactly the work it names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from backhaul.domain.exception_case import KINDS, ExceptionCase
from backhaul.domain.team import Team


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRule:
    """One row: whatever is named must fit, and the team then owns it. `above`: more money than this is held, in any currency."""

    team: str
    kinds: frozenset[str] = frozenset()
    retailers: frozenset[str] = frozenset()
    legal_entities: frozenset[str] = frozenset()
    warehouses: frozenset[str] = frozenset()
    above: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What of a return its exceptions are routed by; empty where nobody knows."""

    retailer: str = ""
    legal_entity: str = ""
    warehouse: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One step: work that is overdue by so long comes before this team as well; its owner stays its owner. `kinds` empty: any."""

    team: str
    late: timedelta
    kinds: frozenset[str] = frozenset()


SIGNED: Final = "SIGNATURE_FELL"
ESCALATION: Final = (Escalation(team="management", late=timedelta(days=1)),)
"""Where nothing else is said."""


def escalated_to(case: ExceptionCase, steps: Sequence[Escalation], now: datetime) -> str:
    """Give the team that overdue work has come before by now: that of the latest step it has reached, or nobody's yet."""
    reached = [step for step in steps if now >= case.due_at + step.late and (not step.kinds or case.kind in step.kinds)]
    return max(reached, key=lambda step: step.late).team if reached else ""


def owner_of(case: ExceptionCase, at: Whereabouts, rules: Sequence[RoutingRule], teams: Mapping[str, str]) -> str:
    """Give the team that owns an exception."""
    return next((rule.team for rule in rules if _fits(rule, case, at)), teams.get(case.kind, _usual(case)))


def _usual(case: ExceptionCase) -> str:
    """Give the team of a kind; that a signature fell is the work of the team that signed, as its line says."""
    signer = case.line_id.rpartition(" ")[2] if case.kind == SIGNED else ""
    return signer if signer in set(Team) else KINDS[case.kind].owner.value


def routed(case: ExceptionCase, rules: Sequence[RoutingRule], teams: Mapping[str, str], at: Whereabouts | None = None) -> ExceptionCase:
    """Give an exception to the team that owns it; one about no return is nowhere, so that only rules about its kind and money fit it."""
    return replace(case, owner=owner_of(case, at or Whereabouts(), rules, teams))


def _fits(rule: RoutingRule, case: ExceptionCase, at: Whereabouts) -> bool:
    told = ((rule.kinds, case.kind), (rule.retailers, at.retailer), (rule.legal_entities, at.legal_entity), (rule.warehouses, at.warehouse))
    return all(not names or name in names for names, name in told) and (rule.above is None or abs(case.money.amount) > rule.above)
