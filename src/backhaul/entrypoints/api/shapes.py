"""What may a caller say, and what is told of our records? Nothing beside these fields is taken."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from backhaul.application.ports import KeptException
from backhaul.domain.correction import fitting
from backhaul.domain.exception_case import KINDS
from backhaul.domain.proposal import PROPOSALS, Proposal, accounts_in, with_accounts
from backhaul.domain.resolution import manual, plainly, ways_out
from backhaul.domain.team import Team
from backhaul.entrypoints.api.frame import Asked, Told, plain
from backhaul.entrypoints.joining import Confirmed, Offer


class Said(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something with a reason."""

    reason: str


class Comment(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A comment."""

    text: str


class HandOver(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Another team, and what they should know."""

    team: str
    note: str


class Evidence(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file, in base64."""

    name: str
    content: str


class Decide(Said, forbid_unknown_fields=True, kw_only=True):
    """A decision about an exception. `goods` with a debit; `order`, `unit_price` and `customer` with a match.

    A settlement says either which document was `found` in the ERP, or that it is `absent` and sent once more.
    """

    decision: Literal["waive", "close", "claim", "debit", "settle", "match"]
    goods: Literal["", "leave", "write-off"] = ""
    order: str = ""
    unit_price: Decimal | None = None
    customer: str = ""
    found: str = ""
    absent: bool = False


class Item(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """So many units of one item, found alike. `accepted`: the warehouse takes it, so that it is credited once its sale is found."""

    sku: str
    units: int
    condition: str
    disposition: str
    accepted: bool
    reason: str = ""


class Parcel(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What lay in a parcel for which no return is known. `retailer`, `warehouse` and `currency` where there is more than one of it.

    `came_on` without is today; `parcel` is the carrier's number, `another` says that it is another parcel than one of that number known.
    """

    legal_entity: str
    items: list[Item]
    retailer: str = ""
    warehouse: str = ""
    currency: str = ""
    came_on: str = ""
    parcel: str = ""
    label: str = ""
    note: str = ""
    evidence: str = ""
    another: bool = False


class Correct(Said, forbid_unknown_fields=True, kw_only=True):
    """What a value is that the messages have wrong. `line` and `told` (what they tell) may be left out where only one can be meant."""

    what: Literal["sku", "quantity", "unit-price", "order", "condition", "disposition", "customer", "warehouse"]
    value: str
    line: str = ""
    told: str | None = None


class Approve(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The hash that was shown."""

    shown: str


class Prove(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which month to prove now, like 2026-10."""

    period: str


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The pack of which month goes into the archive, like 2026-10."""

    period: str


class Sign(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A list of a month's close, and the hash it was shown with."""

    period: str
    legal_entity: str
    signer: Literal["finance", "warehouse", "customer-service", "integration", "reviewer"]
    shown: str


class Pause(Said, forbid_unknown_fields=True, kw_only=True):
    """A legal entity; empty for the whole tenant."""

    legal_entity: str = ""


class GrantRole(Said, forbid_unknown_fields=True, kw_only=True):
    """A role for a person; without `entities` for all legal entities."""

    person: int
    role: Literal["viewer", "operator", "warehouse", "finance", "approver", "admin", "auditor"]
    entities: list[str] | None = None


class Erase(Said, forbid_unknown_fields=True, kw_only=True):
    """A customer, by their account or one of their returns."""

    subject: str


class Hold(Said, forbid_unknown_fields=True, kw_only=True):
    """Whom a legal hold is on, by their account or one of their returns."""

    subject: str


class Group(Said, forbid_unknown_fields=True, kw_only=True):
    """One decision about all open exceptions of a kind, in one legal entity and currency; with `batch`, of those sent back with it.

    A correction names `what` is wrong, as it is `told`, and its `value`: it is about all in which just that is told. Any other decision
    may name `what` as it is `told`, and is then about those alone.
    """

    kind: str
    legal_entity: str
    currency: str
    decision: Literal["waive", "close", "claim", "correct", "retry"]
    batch: str = ""
    what: Literal["", "sku", "quantity", "unit-price", "order", "condition", "disposition", "customer", "warehouse"] = ""
    told: str = ""
    value: str = ""


class Version(Said, forbid_unknown_fields=True, kw_only=True):
    """A version of the profile, as the file would be written."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000_000)]


class SayOutcome(Said, forbid_unknown_fields=True, kw_only=True):
    """What becomes of goods that are not accepted. `line` and `standing` may be left out where only one can be meant."""

    return_ref: str
    outcome: Literal["sent-back", "kept", "disposed", "goodwill", "carrier-claim"]
    line: str = ""
    standing: Literal["", "rejected", "held", "credited"] = ""
    evidence: str = ""


class ByVersion(Said, forbid_unknown_fields=True, kw_only=True):
    """A return that is to go by the version it does not go by, and the hash of the difference that was shown."""

    return_ref: str
    shown: str


class Pair(Said, forbid_unknown_fields=True, kw_only=True):
    """What the latest proof of a month suggests, by its key, and the hash it was shown with."""

    period: str
    key: str
    shown: str


class Promise(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a customer was told, and until when."""

    return_ref: str
    text: str
    due_at: Annotated[datetime, msgspec.Meta(tz=True)]


def shown(row: KeptException) -> Told:
    """Give an exception as each team reads it, with the ways out."""
    codes = [finding.code for finding in row.case.findings]
    return {"number": row.id, "return": row.case.return_ref, "line": row.case.line_id, "kind": row.case.kind,
            "owner": row.case.owner, "escalated": row.escalated,
            "severity": row.case.severity.value, "money": row.case.money, "opened_at": row.case.opened_at, "due_at": row.case.due_at,
            "findings": [{"code": finding.code, "sentence": finding.sentence, "hint": finding.hint} for finding in row.case.findings],
            "means": {team.value: plainly(row.case.kind, team) for team in Team}, "now": KINDS[row.case.kind].now,
            "resolutions": [name.value for name in ways_out(codes)], "correctable": [what.value for what in fitting(codes)],
            "manual": manual(row.case.kind)}


def offered(asked: Asked, proposal: Proposal, *accounts: str) -> Told:
    """Give a proposal as the caller may read it, with the hash to approve; some name a customer, and it may be about a return of others."""
    content = with_accounts(proposal.content, lambda account: asked.account(account, proposal.legal_entity))
    reason, result = asked.words([proposal.reason, proposal.result], proposal.legal_entity, *accounts, *accounts_in(proposal.content))
    return {**plain(asdict(proposal)), "content": plain(content), "reason": reason, "result": result,
            "shown": proposal.sha256, "means": PROPOSALS[proposal.kind].means}


def suggestion(asked: Asked, each: Offer) -> Told:
    """Give what a proof suggests, with its records and lines side by side and the hash to propose."""
    told = each.told
    return {"key": told["key"], "shown": each.shown, "side": each.side.value, "rule": told["rule"], "ambiguous": told["ambiguous"],
            "evidence": asked.words(told["evidence"], told["legal_entity"]), "legal_entity": told["legal_entity"],
            "currency": told["currency"], "net": told["net"],
            "records": [{"document": row.document, "units": row.units, "net": row.net,
                         "posted_on": row.posted_on.isoformat() if row.posted_on else None} for row in each.records],
            "lines": [{"return": ref, "line": line, "units": units, "net": net} for ref, line, units, net in told["lines"]],
            "match": each.stands, "proposal": each.waits}


def match(asked: Asked, each: Confirmed) -> Told:
    """Give a match that people confirmed: what it joins, who said so and why, and how it stands."""
    kept = each.match
    return {"number": kept.id, "standing": each.standing.value, "side": kept.side.value, "rule": kept.rule.value,
            "legal_entity": kept.legal_entity, "currency": kept.currency, "documents": sorted(set(kept.records.values())),
            "lines": [{"return": line.return_ref, "line": line.line_id, "units": plain(line.units), "net": plain(line.net)}
                      for line in kept.lines],
            "evidence": asked.words(kept.evidence, kept.legal_entity), "actor": kept.actor, "approver": kept.approver,
            "reason": asked.words(kept.reason, kept.legal_entity), "at": plain(kept.at), "fell": each.fell,
            "revoked_at": plain(kept.revoked_at), "revoked_by": kept.revoked_by,
            "revoked_why": asked.words(kept.revoked_why, kept.legal_entity), "proposal": each.waits}
