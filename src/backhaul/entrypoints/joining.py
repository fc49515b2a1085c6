"""Which credits, receipts and payments are suggested to which lines, which did people confirm, and how does each of these stand?

What somebody proposes is bound to what they were shown: a suggestion has a hash over all that is said of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from backhaul.adapters.sql import proofs
from backhaul.application.attest import judged
from backhaul.application.pairing import side_of
from backhaul.application.people_ports import PeopleTx
from backhaul.application.ports import Tx
from backhaul.domain.access import Scope
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.pairing import SIDES, Match
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest

FELL: Final = re.compile(r"match (\d+) of ", re.ASCII)
"""How a proof begins to say of a match that it fell."""


class Standing(StrEnum):
    """How a match stands."""

    STANDS = "stands"
    FALLEN = "fallen"
    """The latest proof of a month found a record otherwise than it was confirmed."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A credit, receipt or payment of a suggestion: its document, units, net amount and posting day as far as the proof kept them."""

    document: str
    units: str = ""
    net: str = ""
    posted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A suggestion as it is shown, with its hash. `stands` is the match that has a part of it since; `waits` what is proposed of it."""

    told: Mapping[str, Any]
    shown: str
    stands: int | None = None
    waits: int | None = None

    @property
    def side(self) -> Side:
        """Say whether it is about credits, receipts or payments."""
        return side_of(self.told)

    @property
    def kind(self) -> str:
        """Say what one of its records is called."""
        return SIDES[self.side]

    @property
    def records(self) -> tuple[Record, ...]:
        """Give its credits, receipts or payments."""
        told = self.told.get("told", {})
        return tuple(Record(document=document, **_record(*told[key])) if key in told else Record(document=document)
                     for key, document in self.told["records"].items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the latest proof of a month suggests, and in one sentence each what was not looked for."""

    offers: tuple[Offer, ...] = ()
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A match that people confirmed; `fell` is the proof's sentence where it fell, `waits` the proposal to revoke it."""

    match: Match
    standing: Standing
    fell: str = ""
    waits: int | None = None


def offered(tx: PeopleTx, scope: Scope, period: str) -> Offered:
    """Give a month's suggestions of these legal entities; what was not looked for is told to who may see all of them."""
    found = tx.suggested(scope.tenant, period)
    mine = [each for each in found if "key" in each and scope.covers(str(each["legal_entity"]))]
    taken = {(match.side, what): match.id for match in tx.matches(scope.tenant)
             for what in (*match.records, *(f"{line.return_ref}|{line.line_id}" for line in match.lines))}
    waiting = {each.content["key"]: each.id for each in _open(tx, scope, ProposalKind.PAIR)}
    offers = tuple(Offer(told=each, shown=digest(each), waits=waiting.get(each["key"]),
                         stands=next((taken[at] for what in _parts(each) if (at := (side_of(each), what)) in taken), None))
                   for each in mine)
    given_up = (str(each["given_up"]) for each in found if "key" not in each and scope.entities is None)
    return Offered(offers=offers, given_up=tuple(given_up))


def confirmed(tx: PeopleTx, connection: Connection, scope: Scope) -> tuple[Confirmed, ...]:
    """Give all matches of these legal entities, the latest first, those that fell and those that were revoked included."""
    fell = {int(found[1]): str(said) for proof in reversed(proofs.latest(connection, scope.tenant))
            for said in proof.figures.get("reasons", ()) if (found := FELL.match(str(said)))}
    waiting = {int(each.content["match"]): each.id for each in _open(tx, scope, ProposalKind.UNPAIR)}
    return tuple(Confirmed(match=match, fell=fell.get(match.id, ""), waits=waiting.get(match.id),
                           standing=Standing.REVOKED if match.revoked_at else Standing.FALLEN if match.id in fell else Standing.STANDS)
                 for match in reversed(tx.matches(scope.tenant, standing=False)) if scope.covers(match.legal_entity))


def chosen(tx: PeopleTx, scope: Scope, period: str, key: str, shown: str) -> Mapping[str, Any]:
    """Give a suggestion of these legal entities as it was shown; `NeedsOperator` where there is none like it any more."""
    for each in offered(tx, scope, period).offers:
        if each.told["key"] == key and each.shown == shown:
            return each.told
    message = f"{period}: what the latest proof suggests is not what was shown to you; look at it again and propose that"
    raise NeedsOperator(message)


def accepted_on(tx: Tx, rules: Rules, offers: Sequence[Offer]) -> Mapping[tuple[str, str], date | None]:
    """Say on which day the lines of suggestions were accepted."""
    refs = sorted({ref for each in offers for ref, *_ in each.told["lines"]})
    return {(ref, each.line_id): each.accepted.accepted_on for ref, told in judged(tx, rules, refs).items() for each in told.expected}


def _open(tx: PeopleTx, scope: Scope, kind: ProposalKind) -> Sequence[Proposal]:
    return tx.proposals(scope, kinds=[kind])


def _parts(told: Mapping[str, Any]) -> list[str]:
    """Name what a suggestion joins: its records by their keys, its lines as extracts do."""
    return [*told["records"], *(f"{ref}|{line_id}" for ref, line_id, *_ in told["lines"])]


def _record(units: str, net: str, posted_on: str) -> Mapping[str, Any]:
    return {"units": units, "net": net, "posted_on": date.fromisoformat(posted_on) if posted_on else None}
