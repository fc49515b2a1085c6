"""What would be made of a return by the mapping of when its goods were accepted, and what by the present one?

The same for terminal, console and API: both are rehearsed with the rules of now, the difference stands first, and what is proposed is what
was shown.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from backhaul.application import rejudge
from backhaul.application.effects import EFFECTS
from backhaul.application.people_ports import PeopleStore
from backhaul.application.ports import Erp
from backhaul.application.process import pictures, rehearse
from backhaul.application.rejudge import Earlier
from backhaul.bootstrap import recall
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.period import landing
from backhaul.domain.proposal import Proposal
from backhaul.domain.rules import Rules
from backhaul.entrypoints.preview import differences, written

ErpOf = Callable[[str], Erp]
LAST: Final = datetime.max.replace(tzinfo=UTC)
"""When a choice that is only supposed would be made: after all others."""
PRESENT: Final = Earlier(version="", sha256="", rows=())
"""The version that holds, as a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A return by both versions: what each would make of it, the difference first, and which one it does not go by and so could."""

    ref: str
    goes_by: str
    choice: Earlier
    difference: tuple[Mapping[str, Any], ...]
    present: Mapping[str, Any]
    original: Mapping[str, Any]

    @property
    def told(self) -> dict[str, Any]:
        """Give it in plain values."""
        return {"return": self.ref, "difference": list(self.difference), "goes_by": self.goes_by,
                "could_go_by": self.choice.version or self.present["version"], "present": self.present, "original": self.original}

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Give the difference as a proposal keeps it: codes, documents, places, accounts and amounts, and no sentence about a customer."""
        return [{name: value for name, value in row.items() if name != "sentence"} for row in self.difference]


def compare(store: PeopleStore, rules: Rules, erp_of: ErpOf, ref: str, *, now: datetime) -> Compared:
    """Rehearse a return by the present mapping and by the one its goods were accepted under; nothing is kept."""
    with store.look() as tx:
        stands, then = rejudge.goes_by(tx, rules, ref), rejudge.original(tx, rules, ref)
        entity = pictures(tx, rules, [ref])[ref].entity
    if entity is None:
        message = f"{ref} belongs to no legal entity, so no mapping is for it"
        raise NeedsOperator(message)
    profile = recall(store, rules.tenant, rejudge.name_of(then))
    earlier = Earlier(version=profile.version, sha256=profile.sha256,
                      rows=tuple(row for row in profile.rules.mapping if row.when.legal_entity == entity.id))
    erp, period = erp_of(entity.id), entity.calendar.period_of(landing(entity, now))

    def by(choice: Earlier) -> dict[str, Any]:
        found = rehearse(store, {entity.id: erp}, rules, {entity.id: erp.route}, ref, now=now, periods={entity.id: period},
                         suppose=[rejudge.supposed(ref, choice, LAST)])
        if found is None:
            message = f"tenant '{rules.tenant}' has no return '{ref}'"
            raise NeedsOperator(message)
        return written(tenant=rules.tenant, version=choice.version or rules.version, ref=ref, found=found)

    present, original = by(PRESENT), by(earlier)
    return Compared(ref=ref, goes_by=stands.profile if stands else rules.version, choice=PRESENT if stands else earlier,
                    difference=tuple(differences(present, original)), present=present, original=original)


def propose(store: PeopleStore, rules: Rules, compared: Compared, *, proposer: str, reason: str,  # noqa: PLR0913  each is named
            now: datetime) -> Proposal:
    """Propose that a return goes by the version it does not go by, with the difference that was shown."""
    return rejudge.propose(store, EFFECTS, rules, compared.ref, compared.choice, compared.shown, proposer=proposer, reason=reason, now=now)


def choice_of(store: PeopleStore, rules: Rules, ref: str) -> str:
    """Name the version a return could go by instead of the one it goes by; empty where there is no other. No ERP is asked."""
    with suppress(NeedsOperator), store.look() as tx:
        then = rejudge.original(tx, rules, ref)
        return rules.version if rejudge.goes_by(tx, rules, ref) else rejudge.name_of(then)
    return ""


__all__ = ["Compared", "choice_of", "compare", "propose"]
