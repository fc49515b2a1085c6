"""Somebody says what becomes of goods that are not accepted, and what the customer is told of it.

Where no money moves one person says it. Where it does, it is proposed, and another one approves: then the line is closed, its credit is
debited, or rejected units are credited without goods, by the same facts as ever. What was said stands beside that decision.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application import resolve
from backhaul.application.approvals import Acting, Effect, Subject, Within, propose_in
from backhaul.application.people import require
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import FIXED, KeptException, Tx
from backhaul.application.shown import state_of
from backhaul.domain.access import Action, Person
from backhaul.domain.disposition import Outcome as Target
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Concluded, Decided, Decision
from backhaul.domain.money import Money
from backhaul.domain.outcome import OUTCOMES, Standing, credited_units, offered
from backhaul.domain.posting import intake
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.returns import NOTHING, ReturnLine, fold
from backhaul.domain.rules import Rules

LONGEST: Final = 200
"""Characters of what says where the evidence is, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """So many units of a line of which it can be said what becomes of them: how it stands, and what can be said.

    `alone`: those of the outcomes that one person may say; the others are proposed. `exception` is what holds the line, if anything.
    """

    line_id: str
    sku: str
    standing: Standing
    units: Decimal
    outcomes: Sequence[str]
    alone: Sequence[str]
    exception: int | None = None


def choices(tx: Tx, tenant: str, ref: str) -> tuple[Choice, ...]:
    """Give what can be said of a return's goods that are not accepted; nothing of a return of which all is."""
    return tuple(choice for choice, _, _ in _standing(tx, tenant, ref))


def _standing(tx: Tx, tenant: str, ref: str) -> Iterator[tuple[Choice, ReturnLine, KeptException | None]]:
    work = tx.exceptions(tenant, refs=[ref])
    gone_back = {kept.posting.line_id for kept in tx.postings(tenant, [ref]).get(ref, ()) if kept.state in FIXED
                 and (brought := intake(kept.posting.document)) and brought.outcome is Target.SENT_BACK}
    for line in fold(ref, tx.facts(tenant, [ref]).get(ref, ())).lines:
        mine = [row for row in work if row.case.line_id == line.line_id]
        after = next((row for row in mine if any(finding.code == "REJECTED_AFTER_CREDIT" for finding in row.case.findings)), None)
        holding = next((row for row in mine if row.case.holds and row is not after), None)
        for standing, units, row in ((Standing.CREDITED, line.rejected, after), (Standing.HELD, line.announced - line.rejected, holding),
                                     (Standing.REJECTED, NOTHING if after else line.rejected, None)):
            if units <= 0 or line.closed or (row is None and standing is not Standing.REJECTED):
                continue
            # What the ERP books as sent back has its document; a credit without goods would be a second one of the same units.
            fits = [name for name in offered(standing, line)
                    if not (line.line_id in gone_back and OUTCOMES[name].ways[standing] is Decision.CREDIT)]
            choice = Choice(line_id=line.line_id, sku=line.sku, standing=standing, units=units, outcomes=fits,
                            exception=row.id if row else None, alone=[name for name in fits if OUTCOMES[name].ways[standing] is None])
            yield choice, line, row


def content_of(tx: Tx, tenant: str, ref: str, *, outcome: str, line_id: str = "", standing: str = "", evidence: str = "") -> dict[str, Any]:  # noqa: PLR0913  each is named
    """Write what is said of a line; line and standing may be left out where only one can be meant."""
    there = choices(tx, tenant, ref)
    meant = [each for each in there if outcome in each.outcomes and line_id in {"", each.line_id} and standing in {"", each.standing.value}]
    if len(meant) != 1:
        told = "; ".join(f"{each.line_id} ({each.standing.value}): {', '.join(each.outcomes)}" for each in there)
        message = (f"return {ref}: say of which line, how it stands, and what becomes of it; "
                   f"there is {told or 'nothing that is not accepted'}")
        raise NeedsOperator(message, about="which")
    if len(evidence.strip()) > LONGEST or (OUTCOMES[outcome].consent and not evidence.strip()):
        message = f"'{outcome}' rests on the customer's consent: say where that can be seen, in at most {LONGEST} characters"
        raise NeedsOperator(message, about="evidence")
    return {"return": ref, "line": meant[0].line_id, "standing": meant[0].standing.value, "outcome": outcome, "evidence": evidence.strip()}


def takes_two(content: Mapping[str, Any]) -> bool:
    """Tell whether what is said moves money, so that a second person has to approve it."""
    return OUTCOMES[str(content["outcome"])].ways[Standing(content["standing"])] is not None


def ask(store: PeopleStore, rules: Rules, person: Person, ref: str, *, outcome: str, line_id: str = "", standing: str = "",  # noqa: PLR0913  each is named
        evidence: str = "", reason: str, now: datetime) -> Proposal | None:
    """Say what becomes of goods, or propose it where money moves; then the proposal is given."""
    with store.begin() as tx:
        content = content_of(tx, rules.tenant, ref, outcome=outcome, line_id=line_id, standing=standing, evidence=evidence)
        require(person, Action.PROPOSE, rules.tenant, _looks(tx, rules, content).legal_entity)
        if takes_two(content):
            return propose_in(tx, {ProposalKind.OUTCOME: EFFECT}, rules, ProposalKind.OUTCOME, content, proposer=person.actor,
                              reason=reason, now=now)
        conclude(Within(tx=tx), rules, content, actor=person.actor, approver="", reason=reason, now=now)
    return None


def conclude(store: PeopleStore, rules: Rules, content: Mapping[str, Any], *, actor: str, approver: str, reason: str,  # noqa: PLR0913  each is named
             now: datetime) -> Concluded:
    """Keep what becomes of goods, with the decision it takes; where that moves money two people agreed on it."""
    with store.begin() as tx:
        choice, line, row = _found(tx, rules.tenant, content)
        ref, outcome, rule = str(content["return"]), str(content["outcome"]), OUTCOMES[str(content["outcome"])]
        decision = rule.ways[choice.standing]
        if not reason.strip() or (decision and approver.strip().casefold() in {"", actor.strip().casefold()}):
            message = (f"return {ref}: say why {choice.units.normalize():f} x {line.sku} are not accepted, as the customer is told; and "
                       f"where money moves somebody other than '{actor}' has to approve")
            raise NeedsOperator(message, about="" if reason.strip() else "reason")
        if row is not None and decision is not None:
            resolve.decide(Within(tx=tx), rules.tenant, row.id, decision, actor=actor, approver=approver, reason=reason,
                           goods=rule.debited if decision is Decision.DEBIT else "", now=now)
        elif decision is Decision.CREDIT:
            given = sum((part.quantity for part in line.parts if part.granted and part.disposition == rule.part), NOTHING)
            tx.add_facts(rules.tenant, [Decided(
                return_ref=ref, at=now, decision=decision, line_id=line.line_id, about=line.net, units=given + credited_units(line),
                goods=rule.part, actor=actor, approver=approver, reason=reason)])
        said = Concluded(return_ref=ref, at=now, line_id=line.line_id, outcome=outcome, decision=decision, actor=actor,
                         units=credited_units(line) if decision is Decision.CREDIT else choice.units, reason=reason.strip(),
                         approver=approver if decision else None, evidence=str(content.get("evidence", "")))
        tx.add_facts(rules.tenant, [said])
        tx.record(rules.tenant, subject=ref, action="return.outcome", at=now, actor=actor, detail={
            "line": line.line_id, "outcome": outcome, "units": str(said.units), "decision": decision.value if decision else "",
            "approver": approver, "reason": said.reason, "evidence": said.evidence})
    return said


def _found(tx: Tx, tenant: str, content: Mapping[str, Any]) -> tuple[Choice, ReturnLine, KeptException | None]:
    """Give the line as it stands, if that can still be said of it."""
    for choice, line, row in _standing(tx, tenant, str(content["return"])):
        if (choice.line_id, choice.standing.value) == (content["line"], content["standing"]) and content["outcome"] in choice.outcomes:
            return choice, line, row
    message = f"return {content['return']}: line {content['line']} does not stand as it did, so '{content['outcome']}' cannot be said of it"
    raise NeedsOperator(message)


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give the line with its units and money, and what holds it."""
    choice, line, row = _found(tx, rules.tenant, content)
    ref = str(content["return"])
    kept = tx.cases(rules.tenant, [ref]).get(ref)
    credit = Money(amount=-credited_units(line) * (line.unit_price or NOTHING), currency=kept.currency if kept else "")
    return Subject(name=ref, legal_entity=kept.legal_entity if kept else "", money=row.case.money if row else credit, state={
        "line": line.line_id, "sku": line.sku, "units": choice.units, "price": line.unit_price, "grades": line.grades,
        "accepted": line.accepted, "customer": kept.customer if kept else "", "means": OUTCOMES[str(content["outcome"])].means,
        **(state_of(tx, rules, row) if row else {})})


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said = acting.proposal
    done = conclude(Within(tx=tx), acting.rules, said.content, actor=said.proposer, approver=acting.approver, reason=said.reason,
                    now=acting.now)
    return f"line {done.line_id}: {done.outcome}"


EFFECT: Final = Effect(looks=_looks, acts=_acts)
