"""Which documents would be posted if this proposal were approved?

Approving it is played in a transaction that is never committed, and what follows is rehearsed as a preview is: by the code that plans and
fixes, with the ERP's own records. So what an approver is shown is what will be sent, if nothing is learned until then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backhaul.adapters.outgoing import patient_for
from backhaul.application import books
from backhaul.application.approvals import Acting
from backhaul.application.effects import EFFECTS
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import FIXED, Erp, KeptException, KeptPosting, PostingState
from backhaul.application.process import Rehearsal, pictures, rehearse
from backhaul.domain.errors import BackhaulError, NeedsOperator
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Fact
from backhaul.domain.period import landing
from backhaul.domain.period_status import opens, why_refused
from backhaul.domain.posting import Adjustment, CreditNote, Issue, PostingKind, Receipt, Route
from backhaul.domain.proposal import SYSTEM, Proposal, ProposalKind
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.entrypoints.preview import NOT_ASKED, STEPS

DeskOf: TypeAlias = Callable[[str], tuple[Erp, Route]]
"""Gives the ERP of a legal entity with its route; stops where none can be asked."""
SHOWS: Final = frozenset({ProposalKind.DEBIT, ProposalKind.OUTCOME, ProposalKind.CLAIM, ProposalKind.MATCH})
"""Decisions about one return that make documents. What a waiver lets go is planned already, and what a version changes it says itself."""
REJECTED: Final = "REJECTED_AFTER_CREDIT"
LEAVES: Final = "leave"
"""What becomes of the goods in a draft; written off, it is the same debit."""
PATIENCE: Final = 5.0
"""Seconds the ERP is given in all: an approval can be read and decided while it is slow, or away."""
SOMEBODY: Final = "somebody else"
"""Who would approve it."""


class _Undone(Exception):  # noqa: N818  raised and caught within a few lines
    """It was only played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """From where it is seen what a decision would post: what is kept and ruled for a tenant, and the way to its ERPs."""

    store: PeopleStore
    rules: Rules
    desk_of: DeskOf


def outlook(house: Any, tenant: str) -> Outlook:  # noqa: ANN401  a house, of which not every one has an ERP
    """Give a tenant's, with its ERPs as far as this process may ask them."""
    def ask(entity: str) -> tuple[Erp, Route]:
        desk = getattr(house, "desk", None)
        if desk is None:
            message = f"this needs the ERP of '{entity}', and none can be asked from here"
            raise NeedsOperator(message)
        told = desk(tenant, entity)
        return told.erp, told.route

    return Outlook(store=house.store, rules=house.profiles[tenant].rules, desk_of=ask)


def foreseen(over: Outlook, proposal: Proposal, *, now: datetime) -> Mapping[str, Any] | None:
    """Say which documents an open proposal would make: lines, amounts, tax, account, day and period; None where that is not the question.

    Where it cannot be said, `not_checked` says why. Amounts are in the return's currency; below zero is given to the customer.
    """
    if proposal.kind not in SHOWS or proposal.ended_at is not None:
        return None
    store, rules = over.store, over.rules
    try:
        ref, facts = _supposed(store, rules, proposal, now)
        with store.look() as tx:
            entity = pictures(tx, rules, [ref])[ref].entity
        if entity is None:
            return _nothing(f"{ref} belongs to no legal entity, so nothing would be made of it")
        erp, route = over.desk_of(entity.id)
        with patient_for(PATIENCE):
            found = rehearse(store, {entity.id: erp}, rules, {entity.id: route}, ref, now=now, suppose=facts,
                             periods={entity.id: entity.calendar.period_of(landing(entity, now))})
    except BackhaulError as stopped:
        return _nothing(str(stopped))
    return _nothing(f"{ref} is not known") if found is None else _written(store, rules, entity, found, now)


def drafted(over: Outlook, row: KeptException, *, now: datetime) -> Mapping[str, Any] | None:
    """Say which debit would take back the credit of what was rejected after it, before anybody proposed it; None for anything else."""
    if row.case.kind != REJECTED or row.closed_at is not None:
        return None
    draft = Proposal(tenant=over.rules.tenant, legal_entity="", kind=ProposalKind.DEBIT, subject=row.case.return_ref, basis="",
                     content={"exception": row.id, "goods": LEAVES}, money=row.case.money, reason="drafted", proposer=SYSTEM,
                     proposed_at=now, expires_at=now)
    return foreseen(over, draft, now=now)


def as_seen(told: Mapping[str, Any] | None, words: Callable[[Any], Any]) -> Mapping[str, Any] | None:
    """Give it with its sentences as somebody reads them; accounts stand in columns of their own."""
    if told is None:
        return None
    findings = [{**each, "sentence": words(each["sentence"])} for each in told["findings"]]
    return {**told, "findings": findings, "not_checked": words(told["not_checked"])}


def _nothing(why: str) -> dict[str, Any]:
    return {"documents": [], "findings": [], "day": "", "period": "", "closed": "", "totals": {}, "currency": "", "not_checked": why}


def _supposed(store: PeopleStore, rules: Rules, proposal: Proposal, now: datetime) -> tuple[str, Sequence[Fact]]:
    """Play an approval, and give the return it is about with the facts it would add; nothing of it is kept."""
    ref, added = proposal.subject, list[Fact]()
    with suppress(_Undone), store.begin() as tx:
        before = {fact.identity for fact in tx.facts(rules.tenant, [ref]).get(ref, ())}
        _play(tx, rules, proposal, now)
        added += [fact for fact in tx.facts(rules.tenant, [ref]).get(ref, ()) if fact.identity not in before]
        raise _Undone
    return ref, added


def _play(tx: PeopleTx, rules: Rules, proposal: Proposal, now: datetime) -> None:
    EFFECTS[proposal.kind].acts(tx, Acting(proposal=proposal, rules=rules, route=None, approver=SOMEBODY, now=now))


def _written(store: PeopleStore, rules: Rules, entity: LegalEntity, found: Rehearsal, now: datetime) -> dict[str, Any]:
    """Write what would be made beyond what is planned anyway."""
    planned = {(row.posting.key, row.posting.fingerprint): row.state for row in found.before.kept}
    fixed = {row.posting.key for row in found.before.kept if row.state in FIXED}
    rows = [row for row in found.after.kept if row.posting.key not in fixed
            and planned.get((row.posting.key, row.posting.fingerprint)) is not row.state]
    rows.sort(key=lambda row: (row.posting.line_id, STEPS.index(row.posting.key.kind), row.posting.key))
    documents = [document for row in rows for document in _documents(row, found)]
    day = landing(entity, now)
    period = entity.calendar.period_of(day)
    with store.look() as tx:
        told = books.last(tx, rules.tenant, entity)
    closed = why_refused(entity, told, period, day)
    if closed:
        closed = f"{closed} It would be held, and could land in {opens(entity, told, period) or 'none of the next periods'}."
    money = [each for each in documents if each["net"] is not None]
    totals = {name: sum((each[name] or Decimal(0) for each in money), Decimal(0)) for name in ("net", "tax", "gross")}
    return {
        "documents": documents, "currency": found.after.case.currency, "day": day.isoformat(), "period": period,
        "closed": closed, "totals": totals if money else {}, "not_checked": "" if found.asked else NOT_ASKED,
        "findings": [{"line": row.case.line_id, "code": finding.code, "sentence": finding.sentence, "holds": finding.blocks,
                      "now": KINDS[finding.code].now} for row in found.after.open for finding in row.case.findings if finding.blocks]}


def _documents(row: KeptPosting, found: Rehearsal) -> Iterator[dict[str, Any]]:
    """Write a document that books something: of what, for how much, on whose account, where to, and to which document it refers."""
    document, key = row.posting.document, row.posting.key
    told = {"kind": key.kind.value, "line": row.posting.line_id, "marker": key.marker, "held": row.state is PostingState.HELD,
            "refers_to": _refers(row, found), "net": None, "tax": None, "gross": None, "tax_rate": None, "unit_price": None, "customer": "",
            "place": "", "why": ""}
    if isinstance(document, CreditNote):
        net, tax = row.posting.net, None if document.tax is None else -document.tax
        yield {**told, "item": document.sku, "quantity": abs(document.quantity), "account": document.expected_account, "net": net,
               "tax": tax, "gross": None if tax is None else net + tax, "tax_rate": document.tax_rate, "unit_price": document.unit_price,
               "customer": found.after.case.customer or (found.after.entity.no_customer_account if found.after.entity else "")}
    elif isinstance(document, Receipt | Adjustment | Issue):
        yield {**told, "item": document.sku, "quantity": document.quantity, "account": getattr(document, "expected_account", ""),
               "place": "/".join(filter(None, (document.place.warehouse, document.place.location))),
               "why": document.why if isinstance(document, Issue) else ""}


def _refers(row: KeptPosting, found: Rehearsal) -> str:
    """Name the documents of the ERP, read back, that a posting rests on through what it needs."""
    by_key = {each.posting.key: each for each in found.after.kept}
    names, waiting, seen = list[str](), list(row.posting.needs), set[Any]()
    while waiting:
        key = waiting.pop()
        each = by_key.get(key)
        if each is None or key in seen:
            continue
        seen.add(key)
        if each.document is not None and key.kind in {PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE}:
            names.append(each.document.number)
        else:
            waiting += each.posting.needs
    return ", ".join(sorted(set(names)))




def show(out: Console, told: Mapping[str, Any] | None) -> None:
    """Print it."""
    if told is None:
        out.print("It makes no document by itself, or is decided.")
        return
    table = Table("document", "of", "units", "unit price", "net", "tax", "gross", "account", "refers to")
    for each in told["documents"]:
        kind = "debit" if (each["net"] or 0) > 0 else each["kind"]
        figures = [each[name] for name in ("quantity", "unit_price", "net", "tax", "gross")]
        table.add_row(f"{kind}{' (held)' if each['held'] else ''}", f"{each['item']} {each['line']} {each['place']} {each['why']}".strip(),
                      *("" if figure is None else format(figure, "f") for figure in figures),
                      "; ".join(filter(None, (each["customer"], each["account"] or "by the ERP's posting set-up"))), each["refers_to"])
    out.print(table if told["documents"] else "No document would be made as things are now.")
    totals = ", ".join(f"{name} {amount:f} {told['currency']}" for name, amount in told["totals"].items())
    if told["documents"]:
        out.print(f"{totals or 'No money'}; if it left now it would be posted on {told['day']}, in period {told['period'] or 'none'}.")
    for sentence in filter(None, (told["closed"], *(f"{each['code']} {each['line']}: {each['sentence']}" for each in told["findings"]),
                                  told["not_checked"])):
        out.print(Text(sentence, style="yellow"), soft_wrap=True)
