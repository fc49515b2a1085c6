"""Which returns are paid together, what was credited of them, and what did customers get?

What a provider's own records say is the proof where the profile names a provider; else what the platform announced stands in for it.
Nothing here believes the ERP's ledger: credit notes are those that were read back when they were posted. Of a return to which nothing
happened since it was last folded, the little that matters here is kept, so that a long history costs no folding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.application.fold_ports import FoldTx
from backhaul.application.folded import Sort, folded
from backhaul.application.payment_ports import PaymentStore
from backhaul.application.ports import KeptPosting
from backhaul.application.process import Picture, pictures
from backhaul.domain.entry import Side
from backhaul.domain.facts import Decided, Decision
from backhaul.domain.pairing import Loose, Suggested, Waiting, suggest
from backhaul.domain.payments import AS_TOLD, Claim, Clock, Credit, Payment, PaymentStatus, answers, newest, together
from backhaul.domain.payouts import given_up, notes_of
from backhaul.domain.posting import CreditNote
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import Whose
from backhaul.domain.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One return of a claim: whose it is, and the vouchers its credit notes were booked under."""

    ref: str
    whose: Whose
    vouchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A claim with whose it is, the returns in it, all that was told of its payments, and the day on which the rest was given up.

    `clock` is that of its country for payments without a credit note; `swaps` are the platform's orders that sent other goods for it.
    """

    claim: Claim
    whose: Whose
    parts: tuple[Part, ...]
    told: tuple[Payment, ...]
    given_up_on: date | None = None
    country: str = ""
    clock: Clock = field(default_factory=lambda: Clock(days=0, source=""))
    swaps: tuple[str, ...] = ()

    @property
    def refs(self) -> tuple[str, ...]:
        """Name the returns in it."""
        return tuple(part.ref for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncredited:
    """One payment that no credit note answers whole, at the end of a period, with the clock of its country."""

    payment: Payment
    whose: Whose
    returns: tuple[str, ...]
    country: str
    open: Decimal
    due_on: date
    late: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """One settlement proposed: a credit note with its payment, or with the order that sent other goods; no credit note is a write-off."""

    note: str
    other: str
    amount: Decimal
    whose: Whose
    returns: tuple[str, ...]
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What matters of one return."""

    ref: str
    vouchers: tuple[str, ...]
    whose: Whose
    country: str
    credits: tuple[Credit, ...]
    refunds: tuple[Payment, ...]
    more: bool
    exchanged: Decimal
    swap: str
    given_up_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matters:
    """What matters of a return, if it is of a legal entity: those of none have no books."""

    case: _Case | None = None


def claims(store: PaymentStore, rules: Rules, *, turn: int = 0, anew: bool = False) -> tuple[Owed, ...]:
    """Give every claim there is something of: a credit note, or a payment.

    What was worked out of returns is kept under a `turn`, and taken from before unless everything is to be worked out `anew`.
    """
    cases = {case.ref: case for case in _cases(store, rules, turn=turn, anew=anew)}
    told = _payments(store, rules, cases)
    pays = _pays(store, rules, cases, told)
    tied = together((payment.name, pays[payment.name]) for payment in told)
    groups: dict[tuple[str, str], tuple[set[str], list[Payment]]] = {}
    for ref, case in cases.items():
        if case.credits:
            groups.setdefault((tied.get(ref, ref), case.whose.currency), (set(), []))[0].add(ref)
    for payment in told:
        refs = pays[payment.name]
        key = tied[min(refs)] if refs else payment.name
        known, mine = groups.setdefault((key, payment.currency), (set(), []))
        known |= {ref for ref in refs if ref in cases}
        mine.append(payment)
    return tuple(_owed(rules, key, currency, [cases[ref] for ref in sorted(refs)], mine)
                 for (key, currency), (refs, mine) in sorted(groups.items()))


# --- what is known of each return


def _cases(store: PaymentStore, rules: Rules, *, turn: int, anew: bool) -> Iterator[_Case]:
    with store.look() as tx:
        refs = sorted(tx.cases(rules.tenant))
    for _, each in folded(store, rules, MATTERS, refs, turn=turn, anew=anew):
        if each.case is not None:
            yield each.case


def _mattering(tx: FoldTx, rules: Rules, refs: Sequence[str]) -> Mapping[str, _Matters]:
    known, facts = pictures(tx, rules, refs), tx.facts(rules.tenant, refs)
    found: dict[str, _Matters] = {}
    for ref, picture in known.items():
        closed = [fact.at for fact in facts.get(ref, ()) if isinstance(fact, Decided) and fact.decision is Decision.CLOSE]
        found[ref] = _Matters() if picture.entity is None else _Matters(case=_case(
            picture, rules, max(closed).astimezone(ZoneInfo(picture.entity.zone)).date() if closed else None))
    return found


MATTERS: Final = Sort(name="claim", form=1, kind=_Matters, work_out=_mattering)


def _case(picture: Picture, rules: Rules, closed_on: date | None) -> _Case:
    case, entity = picture.case, picture.entity
    assert entity is not None  # noqa: S101  those of no legal entity have no books
    zone = ZoneInfo(entity.zone)
    notes = notes_of(picture.credited)
    days = {document.number: document.posted_on for _, document in picture.credited if document.posted_on}
    by = {number: day + timedelta(days=rules.payouts.pay_within) if rules.payouts.providers else date.max for number, day in days.items()}
    credited = tuple(Credit(document=number, gross=gross, day=days[number], pay_by=by[number])
                     for number, gross in notes.items() if number in days)
    whole = sum((credit.gross for credit in credited), NOTHING)
    back = NOTHING
    if case.exchange and case.exchange.difference and case.exchange.difference.amount < 0:
        back = -case.exchange.difference.amount
    return _Case(
        ref=case.ref, country=case.country, credits=credited, more=_more(picture), vouchers=tuple(sorted(vouchers_of(picture.kept))),
        whose=Whose(entity=entity.id, brand=case.retailer, warehouse=case.warehouse, currency=case.currency or entity.currency),
        exchanged=max(whole - back, NOTHING) if case.exchange else NOTHING, swap=case.exchange.reference if case.exchange else "",
        given_up_on=closed_on if closed_on and given_up(case, picture.credited) else None,
        refunds=tuple(Payment(provider=AS_TOLD, reference=refund.reference, status=PaymentStatus.PAID, amount=refund.money.amount,
                              currency=refund.money.currency, day=refund.at.astimezone(zone).date(), returns=(case.ref,))
                      for refund in case.refunds))


def vouchers_of(kept: Sequence[KeptPosting]) -> set[str]:
    """Name the vouchers a return's credit notes were booked under, those of its packing slips included."""
    notes = [row.document for row in kept if row.document and isinstance(row.posting.document, CreditNote)]
    return {voucher for note in notes for voucher in (note.voucher, *note.ids.get("VoucherPhysical", "").split(","))} - {""}


def _more(picture: Picture) -> bool:
    """Tell whether something of a return may still be credited."""
    if picture.case.called_off:
        return False
    units: dict[str, Decimal] = {}
    for posting, _ in picture.credited:
        if isinstance(posting.document, CreditNote):
            units[posting.line_id] = units.get(posting.line_id, NOTHING) + posting.document.quantity
    return any(not line.closed and (line.accepted + line.rejected < line.announced or units.get(line.line_id, NOTHING) < line.accepted)
               for line in picture.case.lines)


# --- what was paid


def _payments(store: PaymentStore, rules: Rules, cases: Mapping[str, _Case]) -> Sequence[Payment]:
    """Give all that was told of payments, a payment once for each status."""
    if not rules.payouts.providers:
        return [refund for _, case in sorted(cases.items()) for refund in case.refunds]
    with store.look() as tx:
        return tx.payments(rules.tenant)


def _pays(store: PaymentStore, rules: Rules, cases: Mapping[str, _Case], told: Sequence[Payment]) -> Mapping[str, frozenset[str]]:
    """Say which returns each payment is for: as it names them, by their orders, and by their credit notes."""
    by_note = {credit.document: ref for ref, case in cases.items() for credit in case.credits}
    by_order: dict[str, set[str]] = {}
    with store.look() as tx:
        for order, ref in tx.mentioned(rules.tenant, {order for payment in told for order in payment.orders}):
            by_order.setdefault(order, set()).add(ref)
        matched = {key: frozenset(line.return_ref for line in match.lines) for match in tx.matches(rules.tenant)
                   if match.side is Side.PAYMENT for key in match.records}
    by_hand = {payment.name: matched[payment.key] for payment in told if payment.key in matched}
    found: dict[str, frozenset[str]] = {}
    for payment in told:
        refs = {*payment.returns, *(by_note[note] for note in payment.notes if note in by_note)}
        # An order says which sale it was; where a return or a credit note is named as well, these say it better.
        refs = refs or {ref for order in payment.orders for ref in by_order.get(order, ())}
        if refs.isdisjoint(cases):  # what people confirmed counts only as long as it names no return we know itself
            refs = set(by_hand.get(payment.name, refs))
        found[payment.name] = found.get(payment.name, frozenset()) | refs
    return found


def _owed(rules: Rules, key: str, currency: str, cases: Sequence[_Case], told: Sequence[Payment]) -> Owed:
    mine = [case for case in cases if case.whose.currency == currency]
    whose = mine[0].whose if mine else Whose(entity=cases[0].whose.entity if cases else rules.entities[0].id, currency=currency)
    payments = tuple(newest(told))
    paid = [payment.day for payment in payments if payment.status is PaymentStatus.PAID]
    country = cases[0].country if cases else ""
    clock = rules.payouts.clock(country)
    wait = timedelta(days=clock.days) if clock.days else rules.deadlines.arrival + rules.deadlines.inspection
    given_up_on = max((case.given_up_on for case in mine if case.given_up_on), default=None) \
        if mine and all(case.given_up_on for case in mine) else None
    claim = Claim(
        key=key, entity=whose.entity, currency=currency, payments=payments, credits=tuple(one for case in mine for one in case.credits),
        exchanged=sum((case.exchanged for case in mine), NOTHING), more=any(case.more for case in cases),
        credit_by=min(paid) + wait if paid else None)
    written_off = sum((each.amount for each in answers(claim, given_up_on) if not each.document), NOTHING)
    claim = replace(claim, written_off=written_off)
    parts = tuple(Part(ref=case.ref, whose=case.whose, vouchers=case.vouchers) for case in cases)
    return Owed(claim=claim, whose=whose, parts=parts, told=tuple(told), given_up_on=given_up_on, country=country,
                clock=replace(clock, days=wait.days), swaps=tuple(case.swap for case in mine if case.swap))


# --- what names no return


def suggested(owed: Sequence[Owed], day: date) -> Suggested:
    """Suggest which claims payments that name no return we know could answer, as of the end of a day.

    A claim is owed something, and none of its payments is on its way.
    """
    loose: list[Loose] = []
    waiting: list[Waiting] = []
    for each in owed:
        claim = as_of(each, day)
        if not each.parts:
            loose += [Loose(key=payment.key, side=Side.PAYMENT, entity=claim.entity, document=payment.reference, voucher=payment.provider,
                            currency=payment.currency, net=payment.worth, posted_on=payment.day)
                      for payment in claim.payments if payment.status is PaymentStatus.PAID]
        elif claim.apart < 0 and not any(payment.status is PaymentStatus.PENDING for payment in claim.payments):
            waiting.append(Waiting(return_ref=each.refs[0], line_id="", side=Side.PAYMENT, entity=claim.entity, currency=claim.currency,
                                   units=NOTHING, net=-claim.apart))
    return suggest(loose, waiting)


def as_of(each: Owed, day: date) -> Claim:
    """Give a claim as it stood at the end of a day."""
    claim = each.claim
    return replace(claim, credits=tuple(credit for credit in claim.credits if credit.day <= day),
                   payments=tuple(newest(payment for payment in each.told if payment.day <= day)),
                   written_off=claim.written_off if each.given_up_on and each.given_up_on <= day else NOTHING)


# --- lists


def uncredited(owed: Sequence[Owed], first: date, last: date) -> Iterator[Uncredited]:
    """Give the payments of a period that no credit note answers whole by its end, and since which day that is late."""
    for each in owed:
        answered: dict[str, Decimal] = {}
        for answer in answers(each.claim, each.given_up_on):
            if answer.day <= last:
                answered[answer.payment.name] = answered.get(answer.payment.name, NOTHING) + answer.amount
        for payment in each.claim.payments:
            open_ = payment.amount - payment.exchange - answered.get(payment.name, NOTHING)
            if payment.status is PaymentStatus.PAID and first <= payment.day <= last and open_ > 0:
                due = payment.day + timedelta(days=each.clock.days)
                yield Uncredited(payment=payment, whose=each.whose, returns=each.refs, country=each.country, open=open_, due_on=due,
                                 late=last > due, source=each.clock.source)


def settlings(owed: Sequence[Owed]) -> Iterator[Settling]:
    """Propose which credit note is settled with which payment, and for goods sent in exchange with their order."""
    for each in owed:
        for answer in answers(each.claim, each.given_up_on):
            yield Settling(note=answer.document, other=answer.payment.reference, amount=answer.amount, whose=each.whose, returns=each.refs,
                           day=answer.day)
        left = each.claim.exchanged
        for credit in each.claim.credits if each.swaps else ():
            if part := min(left, credit.gross):
                left -= part
                yield Settling(note=credit.document, other=", ".join(each.swaps), amount=part, whose=each.whose, returns=each.refs,
                               day=credit.day)
