"""What does a run say of itself, in plain values?

It stands apart from what keeps a run, so that extracts are proved without loading what a database and an ERP need.
"""

from collections.abc import Sequence
from typing import Any

from backhaul.application.reconcile import Proof
from backhaul.application.shares import NOTHING, Counted, Share


def figures(proof: Proof) -> dict[str, Any]:
    """Say in plain values what a run proved."""
    return {
        "lines": proof.lines, "proved": proof.proved, "in_timing": proof.in_timing, "broken": proof.broken, "orphans": proof.orphans,
        "by_class": {kind: {"count": count, "amount": amount} for kind, (count, amount) in proof.by_class.items()},
        "awaited": {why: {"count": count, "amount": amount} for why, (count, amount) in proof.awaited.items()},
        "complete": proof.complete, "reasons": list(proof.reasons), "relied_on": proof.relied_on,
        "stock_difference": proof.stock_difference, "credit_difference": proof.credit_difference,
        "ledger_difference": proof.ledger_difference, "house": _house(proof),
        "within": proof.within, "let_go": [_let_go(proof, row, each) for row, each in proof.let_go.items()],
        "entities": {entity: _own(share, proof.reasons_of(entity)) for entity, share in proof.entities.items()},
        **({"asked": {**proof.asked, "tolerances": [
            {"row": row.name, "limit": row.amount, "owner": row.owner, "reason": row.reason} for row in proof.tolerances]}}
           if proof.asked else {}),
        **({"payouts": dict(proof.payouts)} if proof.payouts else {}),
        **{name: list(rows) for name, rows in (
            ("roll_forward", proof.roll_forward), ("across", proof.across), ("late", proof.late)) if rows},
        **({"by_hand": {entity: {"count": count, "amount": amount} for entity, (count, amount) in proof.by_hand.items()}}
           if proof.by_hand else {})}


def _let_go(proof: Proof, name: str, counted: Counted) -> dict[str, Any]:
    """Say of one tolerance whose it is and why, and what it let go: what that comes to, and what it would if nothing cancelled."""
    row = next(row for row in proof.tolerances if row.name == name)
    return {"row": name, "limit": row.amount, "owner": row.owner, "reason": row.reason, "count": counted.count, "amount": counted.amount,
            "gross": counted.gross}


def _own(share: Share, reasons: Sequence[str]) -> dict[str, Any]:
    """Say in plain values what is one legal entity's own; amounts stand by currency."""
    return {
        "lines": share.lines, "proved": share.proved, "in_timing": share.in_timing, "broken": share.broken, "orphans": share.orphans,
        "by_class": {kind: {"count": count, "amount": amounts} for kind, (count, amounts) in share.by_class.items()},
        "awaited": {why: {"count": count, "amount": amounts} for why, (count, amounts) in share.awaited.items()},
        "within": share.within, "let_go": {row: {"count": each.count, "amount": each.amount, "gross": each.gross}
                                           for row, each in share.let_go.items()},
        "complete": not reasons, "reasons": list(reasons), "stock_difference": share.stock_difference,
        "credit_difference": share.credit_difference, "ledger_difference": share.ledger_difference}


def _house(proof: Proof) -> dict[str, Any]:
    """Add up by class what is wrong with the house as a whole: how many, of what, and how much."""
    found: dict[str, dict[str, Any]] = {}
    for each in proof.house:
        row = found.setdefault(each.kind, {"count": 0, "amount": NOTHING})
        row |= {"count": row["count"] + each.count, "amount": row["amount"] + each.amount}
    return dict(sorted(found.items()))
