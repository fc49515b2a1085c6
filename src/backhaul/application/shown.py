"""What of an exception, or of a return, must not change between being shown and being approved?"""

from collections.abc import Mapping, Sequence
from typing import Any

from backhaul.application.ports import KeptException, Tx
from backhaul.domain.returns import ReturnCase, fold
from backhaul.domain.rules import Rules


def state_of(tx: Tx, rules: Rules, row: KeptException) -> Mapping[str, Any]:
    """Give an exception's findings and money, whose return it is and where it goes, and of each line what a decision about it rests on."""
    ref = row.case.return_ref
    known = fold(ref, tx.facts(rules.tenant, [ref]).get(ref, ()))
    return {"exception": row.id, "kind": row.case.kind, "money": row.case.money,
            "findings": sorted((finding.code, finding.line_id, finding.sentence) for finding in row.case.findings),
            "customer": known.customer or "", "warehouse": known.warehouse, "lines": lines_of(known)}


def lines_of(known: ReturnCase) -> Sequence[tuple[Any, ...]]:
    """Give of each line of a return what a decision about it rests on."""
    return sorted((line.line_id, line.sku, line.order or "", line.net, line.accepted, line.missing, line.stray + line.astray,
                   line.grades) for line in known.lines)
