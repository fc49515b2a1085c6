"""Which documents should the ERP hold for this return, beyond what has already been asked of it?

`derive_postings` is the second of the two pure functions Backhaul is made of. It takes the case, the
approved mapping version and what has already been prepared, and gives what is still wanted. Run twice,
it gives the same; run after posting, it gives nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from backhaul.domain import charges
from backhaul.domain.disposition import JournalType, MappingRow, Outcome, choose, fit, near_misses
from backhaul.domain.draft import Draft
from backhaul.domain.exception_case import Finding
from backhaul.domain.facts import RANK, Correctable, Stage
from backhaul.domain.late_change import covered, follow
from backhaul.domain.money import rounded
from backhaul.domain.posting import (
    CreditNote,
    Issue,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind,
    Receipt,
    Release,
    ReturnOrder,
    Route,
    intake,
)
from backhaul.domain.return_line import BY_DECISION
from backhaul.domain.returns import NOTHING, Part, ReturnCase, ReturnLine
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.stray import reversals, reverse, take_in

LOST: Final = frozenset({Outcome.SCRAPPED, Outcome.WITHOUT_GOODS})
"""What is credited and does not stay in stock: its value is a loss."""
BEFORE_CREDIT: Final = frozenset({PostingKind.ORDER_LINE, PostingKind.FEE_LINE})
"""Documents that stand for a line of the return, and without which nothing of it is credited."""
RELEASED: Final = ((PostingKind.ORDER, PostingKind.ORDER_LINE, PostingKind.RELEASE),
                   (PostingKind.FEE_ORDER, PostingKind.FEE_LINE, PostingKind.FEE_RELEASE))
"""Head, lines and release of the documents that wait, whole, until they are let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a case wants: postings still to be made, and findings that stand in the way of some lines."""

    postings: tuple[Posting, ...] = ()
    findings: tuple[Finding, ...] = ()


def derive_postings(  # noqa: PLR0913  the whole picture of one return
    case: ReturnCase, rules: Rules, entity: LegalEntity, route: Route, fixed: Sequence[Posting] = (), *,
    apart_from: Collection[str] = (),
) -> Plan:
    """Say which ERP documents the case wants beyond those already fixed (prepared, sent or posted).

    Nothing is wanted for the lines in `apart_from` ("" is all of them), but they are still part of the return:
    carriage is not credited because the goods that were refused are left out of sight.
    """
    drafting = _Drafting(case, rules, entity, route, fixed)
    if drafting.moved_house() or drafting.read_otherwise():
        return Plan(findings=tuple(drafting.findings))
    for line in case.lines:
        if line.closed or not {"", line.line_id}.isdisjoint(apart_from):
            continue
        drafting.compare_with_fixed(line)
        if line.announced <= 0 or case.called_off:
            continue
        if line.blind:
            take_in(drafting, line, due=case.has_reached(rules.triggers.order) or drafting.inspected(line))
            continue
        if case.lost and line.missing and line.sku not in rules.fees:
            drafting.find("PARCEL_LOST", line, f"{line.missing} x {line.sku} were lost on their way; nothing is credited for them yet.")
        if line.sku in rules.fees and not drafting.made(PostingKind.ORDER_LINE, line):
            drafting.fee(line)
        elif line.sku not in rules.fees and not drafting.made(PostingKind.FEE_LINE, line):
            drafting.goods(line)
        if line.surplus:
            take_in(drafting, line, due=drafting.inspected(line))
    drafting.charges(apart_from)
    drafting.release()
    drafting.add_up()
    return Plan(postings=tuple(drafting.postings), findings=tuple(drafting.findings))


def _units(receipts: Iterable[Receipt]) -> Decimal:
    return sum((receipt.quantity for receipt in receipts), NOTHING)


class _Drafting(Draft):
    """The documents of what was announced."""

    def __init__(self, case: ReturnCase, rules: Rules, entity: LegalEntity, route: Route, fixed: Iterable[Posting]) -> None:
        super().__init__(case, rules, entity, route, fixed)
        self.rows: dict[str, list[MappingRow]] = {}

    def original(self, line: ReturnLine) -> str:
        """Give the original order the ERP knows; goods sold before its data starts have none."""
        history = self.rules.history
        return "" if line.order is None or (history and history.covers(line.order, line.ordered_on)) else line.order

    def moved_house(self) -> bool:
        """Notice documents in another legal entity: to want them here as well would credit twice."""
        others = sorted({key.legal_entity for key in self.fixed} - {self.entity.id})
        if others:
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", sentence=f"Documents were made in {', '.join(others)}; now retailer code "
                                                       f"'{self.case.retailer}' names {self.entity.id}."))
        return bool(others)

    def read_otherwise(self) -> bool:
        """Notice, after a message was read again or its head corrected, documents of another head or of lines it no longer names.

        What is read in their place may be the same goods, so nothing more is wanted before somebody has looked.
        """
        if not self.case.reread:
            return self._said_otherwise()
        made = [posting for posting in self.fixed.values() if posting.key.kind in BEFORE_CREDIT and not charges.is_charge(posting)]
        named = {line.line_id for line in self.case.lines if line.announced > 0 or line.closed}
        gone = sorted({posting.line_id for posting in made} - named)
        heads = {(posting.document.customer, posting.document.currency) for posting in self.fixed.values()
                 if isinstance(posting.document, ReturnOrder)}
        other = sorted(" in ".join(head) for head in heads - {(self.customer, self.case.currency)})
        if gone or other:
            self.findings.append(Finding(code="CHANGED_AFTER_POSTING", sentence=(
                f"Read by the profile of now, the return is {self.customer}'s in {self.case.currency} and no longer names "
                f"{', '.join(gone) or 'what it named'}; documents were made for {', '.join([*gone, *other])}.")))
        return bool(gone or other) or self._said_otherwise()

    def _said_otherwise(self) -> bool:
        """Notice documents made for another customer or warehouse than people say since: they stay, and nothing is made beside them."""
        made = [posting.document for posting in self.fixed.values() if isinstance(posting.document, ReturnOrder)]
        trouble = []
        for what, now, then in ((Correctable.CUSTOMER, self.customer, {each.customer for each in made}),
                                (Correctable.WAREHOUSE, self.warehouse, {each.warehouse for each in made})):
            if then - {now} and any(each.what is what for each in self.case.corrections):
                trouble.append(f"Documents were made for {what.value} {', '.join(sorted(then))}, which is {now or 'none'} by a correction")
        if trouble:
            self.findings.append(Finding(code="CHANGED_AFTER_POSTING", sentence=f"{'; '.join(trouble)}."))
        return bool(trouble)

    def goods(self, line: ReturnLine) -> None:
        """Want a return order once the goods are here, and receipt and credit for accepted units.

        What the customer keeps is accepted without arriving; then the whole order is due, because the ERP
        closes a return order when all its lines are credited and takes no further line. Where nothing of ours holds
        an order line back, it is wanted with the acceptance and for the accepted units alone.
        """
        if self.route.holds_back:
            due = self.case.has_reached(self.rules.triggers.order)
            if not (due or any(other.accepted and not other.blind for other in self.case.lines
                               if self.original(other) == self.original(line))):
                return
            expected = self.key(PostingKind.ORDER_LINE, f"line:{line.line_id}")
            if expected not in self.fixed:
                self._order(line, expected, line.announced)
        inspected = self.inspected(line)
        for part, row in self._targets(line):
            if inspected or row.outcome is Outcome.WITHOUT_GOODS:
                self.rows.setdefault(line.line_id, []).append(row)
                self._accept(line, part, row)

    def inspected(self, line: ReturnLine) -> bool:
        """Tell whether goods are due; an acceptance is an inspection, whatever stage was told, a later trigger waits for its own."""
        trigger = self.rules.triggers.goods
        return (bool(line.parts) and RANK[trigger] <= RANK[Stage.INSPECTED]) or self.case.has_reached(trigger)

    def _order(self, line: ReturnLine, key: PostingKey, quantity: Decimal, accepted: Receipt | None = None) -> PostingKey:
        """Want a line on the order of its original sale; a line that comes later gets a new order, the first may be closed."""
        order = self.original(line)
        subject = f"order:{order}"
        part = 1 + max((key.part for key in self.fixed if key.kind is PostingKind.ORDER and key.subject == subject), default=0)
        head = self.want(Posting(
            key=self.key(PostingKind.ORDER, subject, part), currency=self.case.currency,
            document=ReturnOrder(return_ref=self.case.ref, customer=self.customer, currency=self.case.currency,
                                 warehouse=self.warehouse, order=order, reason=self.entity.return_reason)))
        return self.want(Posting(
            key=key, needs=(head, *(reversals(self, line) if accepted else ())), currency=self.case.currency,
            document=OrderLine(line_id=line.line_id, sku=line.sku, quantity=quantity, unit_price=line.unit_price or NOTHING,
                               warehouse=self.warehouse, description=line.description, order=order, intake=accepted)))

    def _targets(self, line: ReturnLine) -> list[tuple[Part, MappingRow]]:
        """Choose a target for each accepted part; what has none is held with its value shown."""
        targets = []
        for part in line.parts:
            when = self.circumstance(line, part)
            row = choose(self.mapping, when)
            if not part.accepted and (row is None or part.instead or row.outcome is not Outcome.SENT_BACK):
                continue
            if row is None:
                near = ", ".join(near_misses(self.mapping, when))
                self.find("UNMAPPED_DISPOSITION", line,
                          f"{part.quantity} x {line.sku}: nobody mapped disposition '{part.disposition}', condition "
                          f"'{part.condition}', reason '{line.reason}' at '{self.case.warehouse}'.",
                          hint=f"looks like {near}" if near and near != part.disposition else "")
            elif not fit(row, self.rules.sellability, part.told):
                self.find("DAMAGED_TO_SELLABLE", line,
                          f"{line.sku}: '{part.disposition}' would go on sale at {row.place.warehouse}/{row.place.location}.")
            elif row.charge and row.charge not in self.rules.fees:  # a row of an earlier version
                self.find("UNMAPPED_FEE", line, f"{line.sku}: the version this return goes by charges '{row.charge}', a fee the profile "
                                                "no longer knows.")
            elif (decided := part.claimed or part.granted) is not (when.disposition in BY_DECISION) or (
                    decided and row.outcome is not Outcome.WITHOUT_GOODS):
                self.find("UNMAPPED_DISPOSITION", line, f"{part.quantity} x {line.sku}: what was lost or rejected is credited by decision "
                                                        f"alone, and by a row without goods, not as {row.outcome.value}.")
            elif row.credit or (row.outcome is Outcome.SENT_BACK and self.route.receives is PostingKind.RECEIPT):
                targets.append((part, row))
        return targets

    def _intakes(self, line: ReturnLine) -> dict[int, Receipt]:
        """Give what is brought into stock of the accepted units of a line, by part; a line and its receipt say the same part once."""
        subject = f"line:{line.line_id}"
        return {posting.key.part: brought for posting in (*self.fixed.values(), *self.postings)
                if posting.key.subject == subject and (brought := intake(posting.document))}

    def _accept(self, line: ReturnLine, part: Part, row: MappingRow) -> None:
        """Want stock, credit and loss of the units of a part that no earlier posting covers, each once, by the postings of the route.

        What is sent back to the customer comes in and goes out by its own disposition, without credit.
        """
        mine = self._intakes(line)
        alike = [receipt for receipt in mine.values()
                 if (receipt.node, receipt.condition, receipt.disposition) == (part.node, part.condition, part.disposition)]
        posted = _units(alike) if row.outcome is Outcome.SENT_BACK else covered(self, line, part)
        # Never more over the whole line than is there, or accepted, also when units changed their grade after posting.
        left = min(part.quantity - posted, line.accepted + line.rejected - _units(mine.values()))
        if row.outcome is not Outcome.SENT_BACK:
            left = min(left, line.accepted - _units(each for each in mine.values() if each.outcome is not Outcome.SENT_BACK))
        if left <= 0:
            return
        subject, number = f"line:{line.line_id}", 1 + max(mine, default=0)
        price = line.unit_price or NOTHING
        accepted = Receipt(line_id=line.line_id, sku=line.sku, quantity=left, condition=part.condition, disposition=part.disposition,
                           erp_disposition=row.erp_disposition, place=row.place, outcome=row.outcome, reason=line.reason,
                           journal=row.journal if row.journal_type is JournalType.ARRIVAL else "", node=part.node)
        rests_on = self._rests_on(line, number, accepted)
        if row.outcome is Outcome.SENT_BACK:
            return
        loss = self.route.writes_off is PostingKind.ISSUE and row.outcome in LOST
        net = rounded(left * price, self.case.currency)
        credit = self.want(Posting(
            key=self.key(PostingKind.CREDIT_NOTE, subject, number), needs=rests_on, currency=self.case.currency,
            net=-net, accepted_at=self.case.inspected_at,
            document=CreditNote(line_id=line.line_id, sku=line.sku, quantity=left, unit_price=price, net=net,
                                outcome=row.outcome, expected_account="" if loss else row.expected_account,
                                charge=charges.in_erp(line.line_id, row, self.case, self.rules))))
        if loss:
            self.want(Posting(
                key=self.key(PostingKind.ISSUE, f"loss:{line.line_id}", number), needs=(credit,), currency=self.case.currency,
                accepted_at=self.case.inspected_at,
                document=Issue(line_id=line.line_id, sku=line.sku, quantity=left, place=row.place,
                               journal="" if row.journal_type is JournalType.ARRIVAL else row.journal,
                               journal_type=JournalType.MOVEMENT if row.journal_type is JournalType.MOVEMENT else JournalType.ADJUSTMENT,
                               expected_account=row.expected_account, why=f"credited, {row.outcome.value}")))

    def _rests_on(self, line: ReturnLine, number: int, accepted: Receipt) -> tuple[PostingKey, ...]:
        """Want what brings accepted units into stock and give what their credit rests on: a receipt, or a released order line."""
        subject = f"line:{line.line_id}"
        expected = self.key(PostingKind.ORDER_LINE, subject, 1 if self.route.holds_back else number)
        if not self.route.holds_back and expected not in self.fixed:
            self._order(line, expected, accepted.quantity, accepted)
        if self.route.receives is PostingKind.RECEIPT:
            return (self.want(Posting(
                key=self.key(PostingKind.RECEIPT, subject, number), needs=(expected, *reversals(self, line)), currency=self.case.currency,
                accepted_at=self.case.inspected_at, document=accepted)),)
        head = next(posting.needs[0] for posting in (*self.fixed.values(), *self.postings) if posting.key == expected)
        return self.key(PostingKind.RELEASE, head.subject, head.part), expected

    def compare_with_fixed(self, line: ReturnLine) -> None:
        """Notice what was said differently after documents were made: the line itself, or what was accepted of it."""
        for key, posting in self.fixed.items():
            document = posting.document
            if isinstance(document, OrderLine) and document.line_id == line.line_id and line.announced > 0:
                self._compare_line(line, key, document)
        reverse(self, line)
        follow(self, line, self._serve)
        for brought in self._intakes(line).values():
            told = sum((part.quantity for part in line.parts
                        if (part.condition, part.disposition) == (brought.condition, brought.disposition)), NOTHING)
            if brought.outcome is Outcome.SENT_BACK and told < brought.quantity:
                self.find("GRADE_CHANGED_AFTER_POSTING", line, f"{line.sku}: {brought.quantity} were sent back to the customer as "
                                                               f"{brought.condition}/{brought.disposition}, now it is {told}.")

    def _compare_line(self, line: ReturnLine, key: PostingKey, made: OrderLine) -> None:
        """Notice another item, price or more units than the ERP's line has; fewer may still come as they are accepted."""
        fee = key.kind is PostingKind.FEE_LINE
        same_item = (line.sku in self.rules.fees) is fee and (fee or line.sku == made.sku)
        same_quantity = line.announced == made.quantity if fee else made.intake is not None or line.announced <= made.quantity
        if not (same_item and same_quantity and (line.unit_price or NOTHING) == made.unit_price):
            self.findings.append(Finding(
                code="CHANGED_AFTER_POSTING", line_id=line.line_id,
                sentence=f"The ERP's line is {made.quantity} x {made.sku} at {made.unit_price}, now the return says "
                         f"{line.announced} x {line.sku} at {line.unit_price}."))
        elif Correctable.ORDER in line.corrected and not fee and self.original(line) != made.order:
            self.find("CHANGED_AFTER_POSTING", line, f"The ERP's line is of order {made.order or '(none)'}, which is {line.order} by a "
                                                     "correction.")

    def fee(self, line: ReturnLine) -> None:
        """Want a credit through a service item for a line that is no product."""
        rule = self.rules.fees[line.sku]
        if not rule.customer_return:
            self.findings.append(Finding(code="NOT_A_CUSTOMER_RETURN", line_id=line.line_id,
                                         sentence=f"'{line.sku}' is no customer return: {line.description or line.sku}."))
            return
        if not self.case.has_reached(self.rules.triggers.fees) or self._all_goods_refused():
            return
        self._serve(f"line:{line.line_id}", OrderLine(
            line_id=line.line_id, sku=rule.service_item, quantity=line.announced, unit_price=line.unit_price or NOTHING,
            warehouse=self.warehouse, description=line.description))

    def charges(self, apart_from: Collection[str]) -> None:
        """Want what besides the goods is given or taken, on the fee order of the return, once the goods it goes with are credited."""
        self.findings += charges.trouble(self.case, self.rules)
        self.findings += charges.changed(self.case, self.rules, self.rows, tuple(self.fixed.values()))
        credited = {posting.line_id for posting in (*self.fixed.values(), *self.postings) if posting.key.kind is PostingKind.CREDIT_NOTE}
        if not self.case.has_reached(self.rules.triggers.fees) or self.case.called_off or self._all_goods_refused() or "" in apart_from:
            return
        for due in charges.due(self.case, self.rules, self.rows, credited):
            if due.line_id not in apart_from:
                self._serve(due.id, OrderLine(
                    line_id=due.id, sku=due.item, quantity=Decimal(1 if due.net > 0 else -1), unit_price=abs(due.net),
                    warehouse=self.warehouse, description=due.code))

    def _serve(self, subject: str, wanted: OrderLine, about: PostingKey | None = None) -> None:
        """Want a line of a service item on the return's fee order, and what comes of it when the ERP invoices that.

        A debit is `about` the credit it takes back: it names that document, so it needs it.
        """
        line_key = self.key(PostingKind.FEE_LINE, subject)
        part = 1 + sum(key.kind is PostingKind.FEE_RELEASE for key in self.fixed)
        if line_key in self.fixed:
            part = self.fixed[line_key].needs[0].part
        else:
            head = self.want(Posting(
                key=self.key(PostingKind.FEE_ORDER, "fees", part), currency=self.case.currency,
                document=ReturnOrder(return_ref=self.case.ref, customer=self.customer, currency=self.case.currency,
                                     warehouse=self.warehouse)))
            self.want(Posting(key=line_key, needs=(head, *([about] if about else [])), currency=self.case.currency,
                              document=wanted))
        net = rounded(wanted.quantity * wanted.unit_price, self.case.currency)
        self.want(Posting(
            key=self.key(PostingKind.FEE_CREDIT_NOTE, subject), net=-net, currency=self.case.currency,
            needs=(self.key(PostingKind.FEE_RELEASE, "fees", part), line_key),
            document=CreditNote(line_id=wanted.line_id, sku=wanted.sku, quantity=wanted.quantity, unit_price=wanted.unit_price, net=net)))

    def _all_goods_refused(self) -> bool:
        goods = [line for line in self.case.lines if line.sku not in self.rules.fees and line.announced > 0 and not line.blind]
        return bool(goods) and all(line.rejected >= line.announced for line in goods)

    def release(self) -> None:
        """Want the release of each order that is held back whole, has lines, and has none yet."""
        for head_kind, line_kind, kind in RELEASED:
            everything = (*self.fixed.values(), *self.postings)
            for head in [posting for posting in everything if posting.key.kind is head_kind and kind in self.route.steps]:
                lines = tuple(sorted(posting.key for posting in everything if posting.key.kind is line_kind and head.key in posting.needs))
                if lines:
                    self.want(Posting(key=self.key(kind, head.key.subject, head.key.part), needs=(head.key, *lines),
                                      currency=self.case.currency,
                                      document=Release(return_ref=self.case.ref, lines=tuple(line.marker for line in lines))))

    def add_up(self) -> None:
        """Say on each head that is still wanted what its lines come to."""
        sums: dict[PostingKey, Decimal] = {}
        for posting in self.postings:
            line = posting.document
            if isinstance(line, OrderLine):
                net = rounded(line.quantity * line.unit_price, self.case.currency)
                sums[posting.needs[0]] = sums.get(posting.needs[0], NOTHING) + net
        self.postings = [replace(posting, document=replace(posting.document, net=sums.get(posting.key, NOTHING)))
                         if isinstance(posting.document, ReturnOrder) else posting for posting in self.postings]
