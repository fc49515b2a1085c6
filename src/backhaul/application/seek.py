"""Look for the sale that goods come from whose sale nobody knows.

The ERP is asked for the order that somebody named, for what a customer bought of late, and, where nobody knows either, for the sales of
the item on some days; our own record says which returns announced the item and still wait for it, and what was returned already. What is
found is ranked and shown. A person chooses, and somebody else approves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from backhaul.application.ports import Erp, KeptException, Store, Tx
from backhaul.application.resolve import find_exception, unmatched
from backhaul.domain.access import Person, account_seen, words_seen
from backhaul.domain.candidate import Candidate, Sought, candidates
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Stage
from backhaul.domain.returns import ReturnCase, ReturnLine, fold
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.validation import Questions, Span, with_components

MOST_DAYS: Final = 100
USUAL: Final = timedelta(days=14)
UNPLACED: Final = frozenset({"ORDER_MISSING", "ORDER_UNKNOWN", "ORDER_LINE_UNKNOWN"})
"""Trouble of an announced line whose order is missing or wrong: the one that is chosen is a correction of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was looked for, what was found, and whether to choose one is a match or a correction of the order of a line.

    `more`: the item was sold more often on these days than is looked at.
    """

    line_id: str
    sought: Sought
    found: tuple[Candidate, ...]
    matches: bool
    more: bool = False


def days_of(first: str, last: str, item: str) -> "Days | None":
    """Read the days a sale is looked for on, as somebody wrote them; None where they wrote none, nor an item."""
    if not (first or last or item):
        return None
    try:
        return Days(first=date.fromisoformat(first) if first else None, last=date.fromisoformat(last) if last else None, item=item)
    except ValueError as wrong:
        message = f"a day is written like 2026-03-01: {wrong}"
        raise NeedsOperator(message) from wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Between which days a sale is looked for, both included, by item alone; `item` where it is another one than the line's.

    What is left open is two weeks, and ends when the goods came.
    """

    first: date | None = None
    last: date | None = None
    item: str = ""

    def span(self, sku: str, came_on: date | None) -> Span:
        """Give the item and the days, or stop where they are none that can be looked through."""
        last = self.last or (self.first + USUAL if self.first and (came_on is None or came_on < self.first) else came_on)
        if last is None:
            message = "nobody knows when the goods came; say until which day their sale is looked for"
            raise NeedsOperator(message)
        first = self.first or last - USUAL
        if first > last or (last - first).days >= MOST_DAYS:
            message = f"a sale is looked for from a day to one not before it, over {MOST_DAYS} days at most; not from {first} to {last}"
            raise NeedsOperator(message)
        return Span(item=self.item.strip() or sku, first=first, last=last)


def is_unsold(line: ReturnLine) -> bool:
    """Tell whether a line is, or has, goods without a return: their sale is matched; of any other line the order is corrected."""
    return line.blind or line.matched or bool(line.surplus or line.given)


def seekable(case: ReturnCase, row: KeptException) -> ReturnLine | None:
    """Give the line of an exception whose sale can be looked for; None where there is no one such line."""
    about = [line for line in case.lines if row.case.line_id in {"", line.line_id} and not (line.closed or line.surplus_of)]
    strange = [line for line in about if is_unsold(line)]
    if not strange and UNPLACED.intersection(finding.code for finding in row.case.findings):
        strange = about
    return strange[0] if len(strange) == 1 else None


def open_search(tx: Tx, tenant: str, row: KeptException) -> ReturnLine | None:
    """Tell whether, and for which line of an exception, a sale can be looked for."""
    ref = row.case.return_ref
    return seekable(fold(ref, tx.facts(tenant, [ref]).get(ref, ())), row)


def seek(  # noqa: PLR0913  each is named at the call
    store: Store, erp: Erp, rules: Rules, entity: LegalEntity, number: int, *, order: str = "", customer: str = "",
    price: Decimal | None = None, related: Sequence[str] = (), days: Days | None = None,
) -> Search:
    """Give the candidates for an exception's goods: of the order that is named, and of what the customer bought of late.

    `related` are other returns of that customer; without a customer the return's own is meant. With `days` also of the item's sales on
    them, whoever bought it.
    """
    with store.look() as tx:
        row = find_exception(tx, rules.tenant, number)
        ref = row.case.return_ref
        facts = tx.facts(rules.tenant, [*related, ref])
    case = fold(ref, facts.get(ref, ()))
    line = seekable(case, row)
    if line is None:
        message = f"exception {number} is about no one line whose sale could be looked for; it is a person's who knows the return"
        raise NeedsOperator(message)
    matches = is_unsold(line)
    came = case.reached.get(Stage.RECEIVED) or case.announced_at
    span = days.span(line.sku, came.date() if came else None) if days else None
    sku = span.item if span else line.sku
    sought = Sought(
        sku=sku, line_sku=line.sku, span=(span.first, span.last) if span else None,
        units=unmatched(line)[1] if matches else line.announced, currency=case.currency, order=order,
        customer=customer or case.customer or "", price=line.unit_price if price is None and not line.matched else price,
        came_on=came.date() if came else None)
    awaited = _awaited({name: fold(name, told) for name, told in facts.items() if name != ref}, sku)
    orders = frozenset({order, *awaited} - {""})
    if not orders and not sought.customer and not span:
        message = f"exception {number}: name the order, the customer or days of the sale; nobody said whose these goods are"
        raise NeedsOperator(message)
    told = erp.master_data(Questions(legal_entity=entity.id, items=frozenset({sku}), orders=orders, sold=span,
                                     buyers=frozenset({sought.customer} - {""})))
    sales = [with_components(sale, rules) for sale in told.sales.values()]
    with store.look() as tx:
        taken = tx.claims(rules.tenant, entity.id, customers=(), orders=sorted(told.sales), history=(), apart_from=())
    return Search(line_id=line.line_id, sought=sought, matches=matches, more=told.left_out,
                  found=candidates(sought, sales, taken.lots, awaited))


def as_seen(told: Search, person: Person, tenant: str, entity: str) -> Search:
    """Give what was found as somebody sees it: with no customer's account, in a field or in a sentence, where they may see none."""
    accounts = {told.sought.customer, *(each.customer for each in told.found)}

    def words(sentences: Sequence[str]) -> tuple[str, ...]:
        return tuple(words_seen(person, tenant, entity, sentences, accounts))

    return replace(
        told, sought=replace(told.sought, customer=account_seen(person, tenant, entity, told.sought.customer)),
        found=tuple(replace(each, customer=account_seen(person, tenant, entity, each.customer), why=words(each.why),
                            against=words(each.against)) for each in told.found))


def buyer(erp: Erp, entity: LegalEntity, order: str) -> str:
    """Give the account an order was sold to, so that who may not see it can still say which sale it is; empty if to nobody named."""
    told = erp.master_data(Questions(legal_entity=entity.id, orders=frozenset({order})))
    for sale in told.sales.values():
        if sale.number == order:
            return sale.customer
    message = f"the ERP has no order '{order}' in {entity.id}; choose one of the sales that were found"
    raise NeedsOperator(message)


def _awaited(cases: Mapping[str, ReturnCase], sku: str) -> dict[str, str]:
    """Say which orders of these returns announced the item and still wait for it, and in which return."""
    return {line.order: ref for ref, case in sorted(cases.items()) if not case.called_off for line in case.lines
            if line.order and line.sku == sku and line.missing and not line.closed and not line.blind}
