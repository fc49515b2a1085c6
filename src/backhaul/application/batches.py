"""May what was batched leave?

Where a tenant's window says `approve`, a batch that closed waits as a proposal of Backhaul's own: its control totals and content are shown,
and somebody approves it or sends it back. Nothing of it is sent before; service and database both ask. What is sent back and was never
tried does not come again as it was: its lines are held with the approver's reason until other documents are wanted of them, or two people
say what was done. Then they come with a later batch.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Effects, Ending, Subject, propose_in
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import KeptPosting, PostingState
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import SentBack
from backhaul.domain.money import Money
from backhaul.domain.posting import Posting, per_currency
from backhaul.domain.proposal import SYSTEM, ProposalKind, ProposalState
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.sending_back import lines_of
from backhaul.domain.trail import digest


def offer(store: PeopleStore, effects: Effects, rules: Rules, entity: LegalEntity, now: datetime) -> int:
    """Propose every closed batch that waits for an approval nobody was asked for yet; give how many."""
    with store.begin() as tx:
        waiting = tx.unapproved(rules.tenant, entity.id)
        if not waiting:
            return 0
        told = tx.proposals(Scope.whole(rules.tenant), kinds={ProposalKind.BATCH}, subjects=waiting, open_only=False)
        # Of a batch that was sent back nothing waits any more; one that nobody answered in time is offered again.
        asked = {each.subject for each in told if each.state in {ProposalState.OPEN, ProposalState.REFUSED}}
        content = {key: rows for key in sorted(waiting - asked) if (rows := _content(tx, rules.tenant, key))}
        for key in content:
            propose_in(tx, effects, rules, ProposalKind.BATCH, {"batch": key}, proposer=SYSTEM, reason="its window closed", now=now)
    return len(content)


def _content(tx: PeopleTx, tenant: str, key: str) -> list[KeptPosting]:
    """Give what is in a batch and was never tried."""
    return [row for row in tx.in_window(tenant, key) if row.state is PostingState.READY and not row.attempts]


def _looks(tx: PeopleTx, rules: Rules, told: Mapping[str, Any]) -> Subject:
    key = str(told["batch"])
    rows = _content(tx, rules.tenant, key)
    if not rows:
        message = f"nothing of batch {key} waits to be sent"
        raise NeedsOperator(message)
    window = next(each for each in tx.windows(rules.tenant, rows[0].posting.key.legal_entity) if each.key == key)
    sums = per_currency((row.posting.net, row.posting.currency) for row in rows)
    net, currency = (next(iter(sums.values())), next(iter(sums))) if len(sums) == 1 else (Decimal(0), "")
    return Subject(name=key, legal_entity=window.legal_entity, money=Money(amount=net, currency=currency), state={
        "period": window.period, "returns": len({row.posting.key.return_ref for row in rows}), "documents": len(rows),
        "net": {name: str(amount) for name, amount in sums.items()}, "controls": dict(window.controls),
        "content": digest(sorted((str(row.posting.key), row.posting.fingerprint) for row in rows))})


def _acts(_tx: PeopleTx, acting: Acting) -> str:
    return f"batch {acting.proposal.subject} may leave"


def _sends_back(tx: PeopleTx, ending: Ending) -> str:
    proposal = ending.proposal
    rows = _content(tx, proposal.tenant, proposal.subject)
    documents: dict[str, list[Posting]] = {}
    for row in rows:
        documents.setdefault(row.posting.key.return_ref, []).append(row.posting)
        tx.set_state(row.posting.key, PostingState.WITHDRAWN, note=f"sent back: {ending.reason}", at=ending.now, actor=ending.actor)
    tx.add_facts(proposal.tenant, [
        SentBack(return_ref=ref, at=ending.now, line_id=line_id, batch=proposal.subject, documents=sent, actor=ending.actor,
                 reason=ending.reason)
        for ref in sorted(documents) for line_id, sent in lines_of(documents[ref]).items()])
    tx.touch(proposal.tenant, sorted(documents))
    return f"{len(rows)} documents of {len(documents)} returns are held until they change or two people say what was done"


EFFECT: Final = Effect(looks=_looks, acts=_acts, refuses=_sends_back)
