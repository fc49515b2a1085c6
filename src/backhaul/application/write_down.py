"""Goods were graded anew after they were posted: what do they lose, and do two people agree to it?

As soon as their ERP has moved them, what they lose by the policy of [valuation] is proposed by itself, with the accounts it would touch and
the period it lands in (books 8). The customer's credit stands. Nothing is posted from here: finance posts the journal, and the proof of the
month knows it again. A proposal that is not true any more is taken back, and made anew as it is now.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application import books, resolve
from backhaul.application.approvals import Acting, Effect, Effects, Subject, Within, propose_in, refuse
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import KeptException
from backhaul.application.shown import state_of
from backhaul.application.value import regraded_of
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Decision
from backhaul.domain.general_journal import Ends, Role, regrades
from backhaul.domain.money import Money
from backhaul.domain.period_status import opens, why_refused
from backhaul.domain.proposal import SYSTEM, ProposalKind, ProposalState
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.valuation import Regraded

KIND: Final = "REGRADED"
ENDED: Final = frozenset({ProposalState.APPROVED, ProposalState.REFUSED})
"""What people said of a write-down stands: agreed or refused, the same is not proposed again."""


def offer(store: PeopleStore, effects: Effects, rules: Rules, entity: LegalEntity, now: datetime) -> int:
    """Propose what goods lose that were graded anew and moved; take back what is not true any more; give how many were proposed."""
    made = 0
    with store.begin() as tx:
        work = tx.exceptions(rules.tenant, kind=KIND)
        waiting = [each for each in tx.proposals(Scope.whole(rules.tenant), kinds={ProposalKind.WRITE_DOWN})
                   if each.legal_entity == entity.id]
        if not work and not waiting:
            return 0
        cases = tx.cases(rules.tenant, {row.case.return_ref for row in work})
        mine = [row for row in work if (case := cases.get(row.case.return_ref)) and case.legal_entity == entity.id]
        contents = [content for row in mine if (content := _content(tx, rules, entity, row))]
        for each in waiting:
            if dict(each.content) not in contents:
                refuse(Within(tx=tx), effects, rules.tenant, each.id, actor=SYSTEM, reason="it is not what it was", now=now)
        for content in contents:
            if all(dict(each.content) != content for each in waiting):
                propose_in(tx, effects, rules, ProposalKind.WRITE_DOWN, content, proposer=SYSTEM, reason=str(content["why"]), now=now)
                made += 1
    return made


def _content(tx: PeopleTx, rules: Rules, entity: LegalEntity, row: KeptException) -> dict[str, Any]:
    """Say what a write-down comes to, of the moves nobody said anything about yet; nothing where nobody decided what they lose."""
    found = _moves(tx, rules, entity, row)
    lost = [each.loses(rules.valuation) for each in found]
    amount = sum((each for each in lost if each is not None), NOTHING)
    day = max((each.day for each in found), default=None)
    period = _lands(tx, rules, entity, day) if day else ""
    if not amount or not period or not all(KINDS[finding.code].waivable for finding in row.case.findings):
        return {}
    named = {Role(role): account for role, account in rules.accounts[entity.id].named.items()} if entity.id in rules.accounts else {}
    ends = Ends(tenant=rules.tenant, period=period, last={entity.id: entity.calendar.last(period)})
    alone = [each for each in found if each.received is None or entity.calendar.period_of(each.received) != period]
    journals = [*regrades(ends, {entity.id: named}, alone, rules.valuation)]
    return {
        "exception": row.id, "amount": format(amount, "f"), "currency": entity.currency, "debit": named.get(Role.WRITE_DOWN, ""),
        "credit": named.get(Role.ALLOWANCE, ""), "period": period, "journals": [each.marker for each in journals],
        "why": f"graded anew after posting; the credit stands ({rules.valuation.source or 'no source is named'})",
        "lines": [{"line": each.line_id, "sku": each.sku, "units": format(each.units, "f"), "before": each.before, "after": each.after,
                   "cost": None if each.cost is None else format(each.cost, "f"), "loses": None if less is None else format(less, "f"),
                   "moved_on": each.day.isoformat(), "transfer": each.mark} for each, less in zip(found, lost, strict=True)]}


def _moves(tx: PeopleTx, rules: Rules, entity: LegalEntity, row: KeptException) -> Sequence[Regraded]:
    """Give the moves of an exception's line of which nobody agreed or refused what they lose."""
    ref, line_id = row.case.return_ref, row.case.line_id
    said = tx.proposals(Scope.whole(rules.tenant), kinds={ProposalKind.WRITE_DOWN}, subjects=[ref], open_only=False)
    done = {line["transfer"] for each in said if each.state in ENDED for line in each.content["lines"]}
    return [each for each in regraded_of(tx.postings(rules.tenant, [ref]).get(ref, ()), rules, entity)
            if each.mark not in done and line_id in {"", each.line_id}]


def _lands(tx: PeopleTx, rules: Rules, entity: LegalEntity, day: date) -> str:
    """Give the period of a move, or the first one after it that takes postings: nothing goes into a closed one (books 5)."""
    told, period = books.last(tx, rules.tenant, entity), entity.calendar.period_of(day)
    return opens(entity, told, period) if why_refused(entity, told, period) else period


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    row = resolve.find_exception(tx, rules.tenant, int(content["exception"]))
    ref = row.case.return_ref
    case = tx.cases(rules.tenant, [ref]).get(ref)
    entity = rules.entity(case.legal_entity) if case else None
    now = _content(tx, rules, entity, row) if entity else {}
    if now != dict(content):
        message = f"{ref}: what its goods lose is not {content['amount']} {content['currency']} in {content['period']} any more"
        raise NeedsOperator(message)
    return Subject(name=ref, legal_entity=entity.id if entity else "", state=state_of(tx, rules, row),
                   money=Money(amount=-Decimal(str(content["amount"])), currency=str(content["currency"])))


def _acts(tx: PeopleTx, acting: Acting) -> str:
    """Close the exception with what two people agreed to; the journal stays finance's to post."""
    said = acting.proposal
    told = f"{said.content['amount']} {said.content['currency']} in {said.content['period']}"
    resolve.decide(Within(tx=tx), said.tenant, int(said.content["exception"]), Decision.WAIVE, actor=said.approver or acting.approver,
                   approver=acting.approver, reason=f"written down by {told}: {said.reason}", now=acting.now)
    tx.record(said.tenant, subject=said.subject, action="write-down.agreed", at=acting.now, actor=acting.approver, detail={
        "exception": said.content["exception"], "amount": said.content["amount"], "currency": said.content["currency"],
        "period": said.content["period"], "journals": list(said.content["journals"]), "approvals": list(said.yeses)})
    return f"a write-down of {told} is agreed; finance posts its journal"


EFFECT: Final = Effect(looks=_looks, acts=_acts)
