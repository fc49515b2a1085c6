"""At which cost should returned units have come back, in which unit of measure, and under which tax code?

What the original issue cost is asked of the ERP anew, by the lines of the sale that were chosen when the return was prepared; what was
fixed here says only which they are. A standard-cost item has no cost of its own, and what is scrapped may come back worth nothing, so
neither is compared; an issue whose cost is not final yet is a finding instead (books 7). The unit is that of the item, the tax code that
of the lines of the sale.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from backhaul.application.attest import Row, Testimony, name_of, spelled
from backhaul.application.parts import parts
from backhaul.application.ports import FIXED, Erp, PostingState, Store
from backhaul.domain.errors import BackhaulError
from backhaul.domain.money import rounded
from backhaul.domain.original import names
from backhaul.domain.oversight import NOTHING, Irregular
from backhaul.domain.posting import OrderLine
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.validation import MasterData, Questions, SaleLine

"""So many lines are asked about together."""
Ordered = tuple[str, Sequence[OrderLine]]
"""A line by its name, and what was fixed of it."""


def appraise(store: Store, erps: Mapping[str, Erp | BackhaulError], rules: Rules, told: Testimony) -> list[Irregular]:
    """Write what is expected of every line that became stock, its cost, unit and tax code, into its row; give those not final."""
    found: list[Irregular] = []
    for entity in rules.entities:
        erp = erps.get(entity.id)
        rows = {row["line"]: row for row in told.accepted if row["entity"] == entity.id and row["stocked"] and not row["scrapped"]}
        if erp is None or isinstance(erp, BackhaulError) or entity.id in told.away | told.stockless:
            continue
        try:
            for part in _ordered(store, rules, sorted(rows)):
                found += _appraised(part, rows, _asked(erp, entity, part), entity)
        except BackhaulError as away:
            told.reasons.append(f"{entity.id}: what the original issues cost was not read: {away}")
    return found


def _asked(erp: Erp, entity: LegalEntity, part: Sequence[Ordered]) -> MasterData:
    return erp.master_data(Questions(
        legal_entity=entity.id, orders=frozenset(line.order for _, lines in part for line in lines),
        items=frozenset(line.sku for _, lines in part for line in lines)))


def _appraised(part: Sequence[Ordered], rows: Mapping[str, Row], master: MasterData, entity: LegalEntity) -> Iterator[Irregular]:
    for name, lines in part:
        cost, open_ = _cost(lines, master, entity)
        whole = sum((line.quantity for line in lines), NOTHING) == rows[name]["stocked"]
        rows[name]["cost"] = cost if whole and not open_ else None
        words = {"unit": _unit(lines, master), "tax_code": _tax(lines, master)}
        rows[name] |= {word: spelled(each) if each else None for word, each in words.items()}
        if open_:
            yield _not_final(name, entity, cost, open_)


def _ordered(store: Store, rules: Rules, lines: Sequence[str]) -> Iterator[Sequence[Ordered]]:
    """Give lines with the order lines that were fixed of them and not refused, some at a time."""
    for part in parts(lines):
        with store.look() as tx:
            kept = tx.postings(rules.tenant, {line.partition("|")[0] for line in part})
        fixed: dict[str, list[OrderLine]] = {}
        for ref, rows in kept.items():
            for row in rows:
                document = row.posting.document
                if isinstance(document, OrderLine) and document.lots and row.state in FIXED - {PostingState.REJECTED}:
                    fixed.setdefault(name_of(ref, document.line_id), []).append(document)
        yield [(line, fixed[line]) for line in part if line in fixed]


def _cost(lines: Sequence[OrderLine], master: MasterData, entity: LegalEntity) -> tuple[Decimal | None, tuple[str, ...]]:
    """Give what the units of a line went out at, as the ERP says now, and the lots whose cost is not final; None where it is not known."""
    cost, open_ = NOTHING, []
    known = True
    for line in lines:
        item, sold = master.items.get(line.sku), _lots(master, line)
        for share in line.lots:
            lot = sold.get(share.lot)
            known = known and lot is not None and lot.unit_cost is not None and not (item is not None and item.standard_cost)
            cost += share.quantity * (lot.unit_cost or NOTHING if lot else NOTHING)
            open_ += [share.lot] if known and lot is not None and not lot.cost_is_final else []
    return (rounded(cost, entity.currency) if known else None), tuple(open_) if known else ()


def _unit(lines: Sequence[OrderLine], master: MasterData) -> str:
    """Give the unit the item is sold by; nothing where it is not known, or they are several."""
    units = {item.unit if (item := master.items.get(line.sku)) else "" for line in lines}
    return units.pop() if len(units) == 1 else ""


def _tax(lines: Sequence[OrderLine], master: MasterData) -> str:
    """Give the tax code of the lines of the sale that come back; nothing where one is not known, or they are several."""
    codes = {sold.tax_item_group if (sold := _lots(master, line).get(share.lot)) else "" for line in lines for share in line.lots}
    return codes.pop() if len(codes) == 1 else ""


def _lots(master: MasterData, line: OrderLine) -> Mapping[str, SaleLine]:
    sale = master.sales.get(line.order)
    sold = sale.of(line.sku) if sale else ()
    return dict(zip(names(sold), sold, strict=True))


def _not_final(name: str, entity: LegalEntity, cost: Decimal | None, lots: tuple[str, ...]) -> Irregular:
    return Irregular(kind="COST_NOT_FINAL", subject=name, amount=cost or NOTHING, entity=entity.id, currency=entity.currency,
                     sentence=f"{name} came back; the cost of its original issue ({', '.join(lots)}) is not final, so it was not compared.")
