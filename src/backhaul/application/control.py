"""Does the ledger say what the window's control totals say?

Every run has a control sheet (books 4): first and last voucher, count, units, net, VAT,
gross and cost as the documents carry them, beside the same figures read from the ledger.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from backhaul.application.ports import Erp, KeptPosting, KeptWindow, PostingState, Store
from backhaul.domain.money import in_words
from backhaul.domain.posting import CreditNote, ErpDocument, per_currency
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import LegalEntity, Rules

UNFINISHED = frozenset(PostingState) - {PostingState.VERIFIED, PostingState.REJECTED, PostingState.WITHDRAWN,
                                        PostingState.PLANNED, PostingState.HELD}


def balance(store: Store, erp: Erp, rules: Rules, entity: LegalEntity, now: datetime) -> int:
    """Write the control sheet of every window whose postings have all come to an end; give how many."""
    with store.begin() as tx:
        waiting = [window for window in tx.windows(rules.tenant, entity.id) if not window.ledger]
        if not waiting:
            return 0
        refused = {row.posting.key for row in tx.in_state(rules.tenant, entity.id, {PostingState.REJECTED})}
        busy = {row.window for row in tx.in_state(rules.tenant, entity.id, UNFINISHED) if not refused & set(row.posting.needs)}
        ready = [window for window in waiting if window.key not in busy]
        notes: dict[str, list[KeptPosting]] = {window.key: [] for window in ready}
        if ready:
            for row in tx.in_state(rules.tenant, entity.id, {PostingState.VERIFIED}):
                if row.window in notes and isinstance(row.posting.document, CreditNote):
                    notes[row.window].append(row)
    for window in ready:
        sheet = _sheet(erp, entity, window, notes[window.key], now)
        with store.begin() as tx:
            tx.save_ledger(window.key, sheet)
    return len(ready)


def _sheet(erp: Erp, entity: LegalEntity, window: KeptWindow, rows: Sequence[KeptPosting], now: datetime) -> dict[str, object]:
    documents = [document for row in rows if (document := row.document) and not _is_charge(document.number, rows)]
    days = [document.posted_on for document in documents if document.posted_on]
    if not days:
        return {"read_at": now.isoformat(), "count": 0, "agrees": True, "differences": []}
    numbers = {document.number for document in documents}
    ledger = [document for document in erp.documents(min(days), max(days)) if document.number in numbers]
    ours = {name: _money(documents, name) for name in ("net", "tax")}
    theirs = {name: _money(ledger, name) for name in ("net", "tax")}
    differences = [f"{name}: documents {in_words(ours[name])}, ledger {in_words(theirs[name])}" for name in ours
                   if ours[name] != theirs[name]]
    missing = numbers - {document.number for document in ledger}
    differences += [f"{number} is not in the ledger" for number in sorted(missing)]
    late = sorted({str(day) for day in days if entity.calendar.period_of(day) != window.period})
    return {
        "read_at": now.isoformat(), "count": len(ledger), "lines": len(documents),
        "first_voucher": min((document.voucher for document in ledger), default=""),
        "last_voucher": max((document.voucher for document in ledger), default=""),
        "vouchers": len({document.voucher for document in ledger}),
        "units": str(_sum(documents, "quantity")), "net": in_words(theirs["net"]), "tax": in_words(theirs["tax"]),
        "gross": in_words(_money(ledger, "gross")), "cost": str(_sum(ledger, "cost")),
        "posted_in_another_period": late, "agrees": not differences, "differences": differences,
    }


def _is_charge(number: str, rows: Sequence[KeptPosting]) -> bool:
    """Tell whether a document as a whole takes money from the customer: fees alone are an invoice, not a credit of the ledger."""
    mine = [row.document for row in rows if row.document and row.document.number == number]
    return _sum(mine, "net") + _sum(mine, "tax") > 0


def _money(documents: Sequence[ErpDocument], name: str) -> dict[str, Decimal]:
    """Add amounts up, each currency by itself."""
    return per_currency((getattr(document, name) or NOTHING, document.currency) for document in documents)


def _sum(documents: Sequence[ErpDocument], name: str) -> Decimal:
    return sum((getattr(document, name) or NOTHING for document in documents), NOTHING)
