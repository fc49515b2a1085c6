"""What happened to this return, and what is waiting for whom?

The same answers serve the terminal and, later, the console: plain rows, no formatting.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from backhaul.application.ports import KeptCase
from backhaul.application.process import pictures
from backhaul.bootstrap import House
from backhaul.domain.exception_case import KINDS
from backhaul.domain.facts import Announced, Charged, Decided, Exchanged, Fact, Inspected, LinesMinted, Progressed, Received, Refunded
from backhaul.domain.payouts import payouts
from backhaul.domain.posting import PostingKind

STEPS = tuple(PostingKind)
"""Kinds of document in the order in which they are made."""


def trace(house: House, tenant: str, ref: str) -> Mapping[str, Any] | None:
    """Tell a return's whole life in order; None if nobody ever heard of it."""
    rules = house.profiles[tenant].rules
    with house.store.look() as tx:
        facts = tx.facts(tenant, [ref]).get(ref, ())
        if not facts:
            return None
        case = tx.cases(tenant, [ref]).get(ref, KeptCase(tenant=tenant, ref=ref))  # read, and not yet worked on
        picture = pictures(tx, rules, [ref])[ref]
        attempts = tx.attempts([row.posting.key for row in picture.kept])
        exceptions = tx.exceptions(tenant, open_only=False, refs=[ref])
        trail = list(tx.trail(tenant, subject=ref))
    now = datetime.now(UTC) if case.updated_at is None else case.updated_at
    return {
        "return": ref, "tenant": tenant, "legal_entity": case.legal_entity, "state": case.state.value if case.state else "",
        "stage": case.stage, "customer": case.customer, "net": str(case.net), "currency": case.currency,
        "exchange": None if picture.case.exchange is None else {
            "order": picture.case.exchange.reference,
            "difference": str(picture.case.exchange.difference.amount) if picture.case.exchange.difference else "0"},
        "charges": [{"code": charge.code, "line": charge.line_id, "amount": str(charge.amount), "prepaid": charge.prepaid}
                    for charge in picture.case.charges],
        "due_at": case.due_at.isoformat() if case.due_at else None,
        "lines": [
            {"line": line.line_id, "sku": line.sku, "announced": str(line.announced), "unit_price": str(line.unit_price),
             "order": line.order, "received": None if line.received is None else str(line.received),
             "accepted": str(line.accepted), "rejected": str(line.rejected),
             "places": {each.where.value: str(each.net) for each in picture.placements(rules, now) if each.line_id == line.line_id}}
            for line in picture.case.lines],
        "facts": [{"at": fact.at.isoformat(), "kind": fact.kind, "says": _says(fact), "delivery": fact.delivery}
                  for fact in sorted(facts, key=lambda fact: fact.at)],
        "documents": [
            {"kind": row.posting.key.kind.value, "line": row.posting.line_id, "state": row.state.value,
             "key": str(row.posting.key), "marker": row.posting.key.marker, "net": str(row.posting.net),
             "number": row.document.number if row.document else "", "voucher": row.document.voucher if row.document else "",
             "posted_on": row.document.posted_on.isoformat() if row.document and row.document.posted_on else None,
             "window": row.window, "batch": row.batch, "mapping": row.mapping_version, "note": row.note,
             "attempts": [
                 {"number": each.number, "batch": each.batch, "started_at": each.started_at.isoformat(),
                  "finished_at": each.finished_at.isoformat() if each.finished_at else None,
                  "outcome": each.outcome or "open", "detail": each.detail, "request": each.request_hash}
                 for each in attempts if each.posting == str(row.posting.key)]}
            for row in sorted(picture.kept, key=lambda row: (row.posting.line_id, STEPS.index(row.posting.key.kind)))],
        "exceptions": [
            {"number": row.id, "kind": row.case.kind, "line": row.case.line_id, "owner": row.case.owner,
             "money": str(row.case.money), "opened_at": row.case.opened_at.isoformat(),
             "closed_at": row.closed_at.isoformat() if row.closed_at else None, "resolution": row.resolution,
             "findings": [asdict(finding) for finding in row.case.findings]}
            for row in exceptions],
        "trail": [{"sequence": entry.sequence, "at": entry.at, "actor": entry.actor, "action": entry.action,
                   "detail": dict(entry.detail)} for entry in trail],
    }


def payments(house: House, tenant: str, now: datetime) -> list[dict[str, Any]]:
    """List every payment to a customer: what it was, what answers it, what of it is open and since when; oldest first."""
    rules = house.profiles[tenant].rules
    with house.store.look() as tx:
        known = pictures(tx, rules, sorted(tx.cases(tenant)))
    return sorted((
        {"return": ref, "reference": payout.reference, "paid": str(payout.paid), "open": str(payout.open), "currency": payout.currency,
         "since": payout.since.isoformat(), "days": (now - payout.since).days, "booking": payout.booking.value,
         "settlements": [{"document": each.document, "amount": str(each.amount)} for each in payout.settlements]}
        for ref, picture in known.items() if picture.entity
        for payout in payouts(picture.case, picture.credited, picture.entity.refund_booking)),
        key=lambda payment: (payment["since"], payment["return"]))


def _says(fact: Fact) -> str:  # noqa: PLR0911  one for each kind of fact
    """Say in a few words what a fact told us."""
    match fact:
        case Announced():
            return f"{len(fact.lines)} lines announced, customer {fact.customer or 'unknown'}, warehouse {fact.warehouse}"
        case Progressed():
            return fact.stage.value
        case Received():
            return ", ".join(f"{count.quantity} x {count.line.sku}" for count in fact.counts)
        case Inspected():
            return ", ".join(f"{grade.quantity} x {grade.line.sku} {grade.condition}/{grade.disposition}"
                             f"{'' if grade.accepted else ' refused'}" for grade in fact.grades)
        case Charged():
            told = (f"{charge.code} {charge.amount}{' prepaid' if charge.prepaid else ''}" for charge in fact.charges)
            return f"charged: {', '.join(told) or 'nothing'}"
        case Exchanged():
            return f"exchanged by the platform's order {fact.reference}, difference {fact.difference or 'none'}"
        case Refunded():
            return f"the shop paid {fact.money} ({fact.reference})"
        case LinesMinted():
            return "our ids: " + ", ".join(line.line_id for line in fact.lines)
        case Decided():
            return f"{fact.decision.value} {fact.line_id} {fact.code}, by {fact.actor}, approved by {fact.approver}: {fact.reason}"
        case _:
            return fact.kind


def show(out: Console, told: Mapping[str, Any]) -> None:
    """Print a return's life as a tree, oldest first."""
    tree = Tree(Text.assemble((told["return"], "bold"), f"  {told['net']} {told['currency']}  {told['state']} (goods: {told['stage']})  "
                              f"customer {told['customer']}  {told['legal_entity']}"))
    if told["exchange"]:
        swap = told["exchange"]
        tree.add(f"exchange: the platform's order {swap['order']}, difference {swap['difference']} {told['currency']}")
    if told["charges"]:
        tree.add("charges: " + ", ".join(f"{each['code']} {each['amount']}" for each in told["charges"]))
    lines = tree.add("lines")
    for line in told["lines"]:
        where = ", ".join(f"{name} {net}" for name, net in line["places"].items())
        lines.add(f"{line['line']}: {line['announced']} x {line['unit_price']}, order {line['order'] or '-'}, "
                  f"received {line['received'] or '-'}, accepted {line['accepted']}, rejected {line['rejected']} → {where}")
    heard = tree.add("what we heard")
    seen: dict[str, str] = {}
    for fact in told["facts"]:
        if seen.get(fact["kind"]) == fact["says"]:
            continue  # the platform repeats the whole return with every message
        seen[fact["kind"]] = fact["says"]
        heard.add(f"{fact['at'][:16]}  {fact['kind']}: {fact['says']}")
    documents = tree.add("what the ERP was asked and said")
    for row in told["documents"]:
        number = f"{row['number']} voucher {row['voucher']}" if row["voucher"] else row["number"]
        branch = documents.add(Text.assemble(f"{row['kind']} {row['line']}: ", (row["state"], "bold"),
                                             f" {number} {row['posted_on'] or ''} {row['note']}"))
        for attempt in row["attempts"]:
            branch.add(f"attempt {attempt['number']} {attempt['started_at'][:16]} → {attempt['outcome']} {attempt['detail']}")
    for row in told["exceptions"]:
        state = f"closed {row['closed_at'][:10]}: {row['resolution']}" if row["closed_at"] else "open"
        branch = tree.add(Text.assemble((f"exception {row['number']}", "red"), f" {row['kind']} ({row['owner']}) {row['money']}, {state}"))
        for finding in row["findings"]:
            branch.add(finding["sentence"] + (f" ({finding['hint']})" if finding["hint"] else ""))
    tree.add(f"{len(told['trail'])} entries in the trail; `--json` shows them")
    out.print(tree)


def open_exceptions(house: House, tenant: str, *, each: bool, now: datetime) -> Sequence[Mapping[str, Any]]:
    """List what is open by cause, or one by one; money is what is held, age in days since the oldest was opened."""
    with house.store.look() as tx:
        rows = tx.exceptions(tenant)
    if each:
        return [
            {"number": row.id, "return": row.case.return_ref, "line": row.case.line_id, "kind": row.case.kind,
             "owner": row.case.owner, "escalated": row.escalated, "money": str(row.case.money), "age_days": (now - row.case.opened_at).days,
             "due_at": row.case.due_at.isoformat(), "late": now > row.case.due_at,
             "sentence": row.case.findings[0].sentence, "now": KINDS[row.case.kind].now}
            for row in rows]
    groups: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.case.kind, row.case.owner, row.case.money.currency].append(row)
    return sorted((
        {"kind": kind, "owner": owner, "count": len(group), "currency": currency,
         "money": str(sum((row.case.money.amount for row in group), Decimal(0))),
         "days": max((now - row.case.opened_at).days for row in group),
         "late": sum(now > row.case.due_at for row in group), "means": KINDS[kind].means, "now": KINDS[kind].now}
        for (kind, owner, currency), group in groups.items()), key=lambda row: Decimal(row["money"]))


def show_exceptions(out: Console, told: Sequence[Mapping[str, Any]]) -> None:
    """Print open exceptions as a table; nothing open is said in words."""
    if not told:
        out.print("Nothing is open.")
        return
    hidden = {"now", "due_at", "means", "currency"}
    table = Table(*[Column(name.replace("_", " "), no_wrap=name in {"kind", "owner", "money"}) for name in told[0] if name not in hidden])
    for row in told:
        table.add_row(*[str(value) for name, value in row.items() if name not in hidden])
    out.print(table)
    for kind in sorted({row["kind"] for row in told}):
        out.print(Text.assemble((kind, "bold"), f": {KINDS[kind].means} {KINDS[kind].now}"))
