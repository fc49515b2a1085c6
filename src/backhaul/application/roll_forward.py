"""How did what is paid or received and not credited come to be what it is, and does every account say the same?

Payments, credit notes and write-offs are ours; accounts, customers and uncredited stock are read from each legal entity's ERP, from the
day on which the profile says they were empty. An entry is a return's where it carries the reference of its payment or the voucher of its
documents; what belongs to none stands in a row of its own, so that nothing the ERP has is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from backhaul.application.claims import Owed, claims, vouchers_of
from backhaul.application.parts import parts
from backhaul.application.payment_ports import PaymentStore
from backhaul.application.ports import Erp
from backhaul.application.process import pictures
from backhaul.domain.errors import BackhaulError, Misconfigured
from backhaul.domain.fiscal_calendar import Period
from backhaul.domain.open_side import Booked, Came, OpenSides, words
from backhaul.domain.payments import PaymentStatus, answers
from backhaul.domain.posting import OrderLine, PostingKey
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import Account, Flow, Movement, Rolled, RollForward, Tie, Whose, roll
from backhaul.domain.rules import Booking, LegalEntity, Rules, TiedTo

BEGINNING: Final = date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What an entry of an ERP may name, and whose that is: payments by reference, documents by voucher, lines by mark."""

    references: Mapping[str, Owed]
    vouchers: Mapping[tuple[str, str], tuple[Whose, str]]
    marks: Mapping[str, tuple[Whose, str, OrderLine | None]]


def roll_forward(store: PaymentStore, erps: Mapping[str, Erp | BackhaulError], rules: Rules, days: Mapping[str, Period], *,  # noqa: PLR0913  whose, and of which days
                 today: date, owed: Sequence[Owed] | None = None) -> Rolled:
    """Roll both forward from the beginning of the first of its `days` to the end of the last for each legal entity, as it is known `today`.

    `erps` gives each legal entity's ERP, or what stands in the way of asking it; `owed` are the claims, if they are at hand. Nothing is
    written, there or here.
    """
    owed = claims(store, rules) if owed is None else owed
    sides, reasons = dict[str, OpenSides](), list[str]()
    mine = [(entity, days[entity.id].last) for entity in rules.entities if entity.id in days]
    for entity, day in mine:
        if (told := _sides(erps.get(entity.id), rules, entity, day, reasons)) is not None:
            sides[entity.id] = told
            if parts := [each for each in told.outstanding if day < today and NOTHING < each.left < each.amount]:
                reasons.append(f"{entity.id}: {len(parts)} payments are settled in parts, and the ERP does not say when, so that what was "
                               f"open of them on {day} is not known")
    known = _known(store, rules, owed, sides)
    movements, ties, tied_to = list(_paid(owed)), list[Tie](), dict[tuple[Flow, str], Account]()
    for entity, day in mine:
        told = sides.get(entity.id)
        for flow, name in _names(rules, entity).items():
            tied_to[flow, entity.id] = Account(name=name, read=told is not None and (
                flow is Flow.RECEIVED or _readable(told, entity, past=day < today)))
        if told is not None:
            movements += _received(told, entity, known)
            ties += [*_tied_payments(told, rules, entity, known, day), *_tied_goods(told, rules, entity, known, day)]
    rows = tuple(_as_far_as_told(row, rules, sides) for row in roll(movements, ties, tied_to, days))
    return Rolled(first=min(each.first for each in days.values()), day=max(each.last for each in days.values()), rows=rows,
                  movements=tuple(movements), ties=tuple(ties), reasons=tuple(reasons), days=days)


def _as_far_as_told(row: RollForward, rules: Rules, sides: Mapping[str, OpenSides]) -> RollForward:
    """Take the balance back where entries say no other amount than that of the books, and the row is in another currency."""
    told = sides.get(row.whose.entity, OpenSides())
    foreign = row.whose.currency != rules.entity(row.whose.entity).currency and row.flow is Flow.PAID
    return replace(row, balance=None) if foreign and any(entry.in_currency is None for entry in told.booked) else row


def _names(rules: Rules, entity: LegalEntity) -> Mapping[Flow, str]:
    """Name what each flow of a legal entity is tied to."""
    accounts = rules.accounts.get(entity.id, TiedTo())
    clearing = entity.refund_booking is Booking.CLEARING
    return {Flow.PAID: accounts.clearing if clearing else "open payments of customers",
            Flow.RECEIVED: ", ".join(accounts.received) or "open inventory transactions"}


def _readable(told: OpenSides, entity: LegalEntity, *, past: bool) -> bool:
    """Tell whether what customers were paid is known as of the day."""
    parts = past and any(NOTHING < each.left < each.amount for each in told.outstanding)
    return entity.refund_booking is Booking.CLEARING or not (parts or told.payments_unread)


def _sides(erp: Erp | BackhaulError | None, rules: Rules, entity: LegalEntity, day: date, reasons: list[str]) -> OpenSides | None:
    """Read what an ERP's books show; what stands in the way is a reason."""
    accounts, clearing = rules.accounts.get(entity.id, TiedTo()), entity.refund_booking is Booking.CLEARING
    try:
        if clearing and not accounts.clearing:
            message = f"[accounts.{entity.id}] names no clearing account, and refunds are booked there"
            raise Misconfigured(message)
        if erp is None or isinstance(erp, BackhaulError):
            raise erp or Misconfigured("nothing is connected")
        names = {*accounts.received, *({accounts.clearing} if clearing else ())}
        told = erp.open_sides(names, accounts.since or BEGINNING, day, payments=not clearing)
    except BackhaulError as away:
        reasons.append(f"{entity.id}: the accounts were not read: {away}")
        return None
    reasons += [f"{entity.id}: {sentence}" for sentence in told.unread]
    return told


# --- what was paid


def _paid(owed: Iterable[Owed]) -> Iterator[Movement]:
    """Give every payment and what answers it, and beside that every credit and what of it is not paid."""
    for each in owed:
        begin = Movement(flow=Flow.PAID, whose=each.whose, name="", item="", day=BEGINNING, amount=NOTHING,
                         return_ref=each.refs[0] if each.refs else "")
        yield from _payouts(each, begin)
        yield from _answered(each, begin)
        yield from _credited(each, replace(begin, flow=Flow.CREDITED))


def _payouts(each: Owed, begin: Movement) -> Iterator[Movement]:
    """Give payments that were made, and those that came back."""
    made = {told.name for told in each.told if told.status is PaymentStatus.PAID}
    for told in each.told:
        one = replace(begin, item=told.name, day=told.day, document=told.reference)
        if told.status is PaymentStatus.PAID:
            yield replace(one, name="payouts", amount=told.amount)
        elif told.status is PaymentStatus.REVERSED and told.name in made:
            yield replace(one, name="reversed", amount=-told.amount)


def _answered(each: Owed, begin: Movement) -> Iterator[Movement]:
    last = {payment.name: payment.day for payment in each.claim.payments}
    for answer in answers(each.claim, each.given_up_on):
        last[answer.payment.name] = answer.day
        one = replace(begin, item=answer.payment.name, day=answer.day, amount=-answer.amount, document=answer.document)
        yield replace(one, name="settled" if answer.document else "written_off")
        if answer.document:
            yield replace(one, flow=Flow.CREDITED, name="settled", item=answer.document, document=answer.payment.reference)
    for payment in each.claim.payments:
        if payment.exchange and payment.status is PaymentStatus.PAID:
            yield replace(begin, name="exchange_difference", item=payment.name, day=last[payment.name], amount=-payment.exchange,
                          document=payment.reference)


def _credited(each: Owed, begin: Movement) -> Iterator[Movement]:
    """Give every credit note, less what goods sent in exchange answer of it."""
    left = each.claim.exchanged
    for credit in each.claim.credits:
        one = replace(begin, item=credit.document, day=credit.day, document=credit.document)
        yield replace(one, name="credited", amount=credit.gross)
        if part := min(left, credit.gross):
            left -= part
            yield replace(one, name="exchanged", amount=-part)


def _tied_payments(told: OpenSides, rules: Rules, entity: LegalEntity, known: _Known, day: date) -> Iterator[Tie]:
    """Give what the clearing account, or the customers' own accounts, say of payments."""
    clearing = rules.accounts.get(entity.id, TiedTo()).clearing
    if entity.refund_booking is Booking.CLEARING:
        for entry in told.booked:
            if entry.account == clearing:
                whose, ref = _whose(entry, entity, known)
                yield Tie(flow=Flow.PAID, whose=whose, account=clearing, document=entry.voucher, day=entry.day, text=entry.text,
                          return_ref=ref, open=_in(entry, whose))
        return
    for each in told.outstanding:
        owed = next((known.references[word] for word in words(each.text) if word in known.references), None)
        whose = owed.whose if owed else Whose(entity=entity.id, currency=each.currency)
        if left := each.open_on(day):
            yield Tie(flow=Flow.PAID, whose=whose, account=each.customer, document=each.document, day=each.day, text=each.text, open=left,
                      return_ref=owed.refs[0] if owed and owed.refs else "")


def _whose(entry: Booked, entity: LegalEntity, known: _Known) -> tuple[Whose, str]:
    owed = next((known.references[word] for word in words(entry.text) if word in known.references), None)
    if owed:
        return owed.whose, owed.refs[0] if owed.refs else ""
    return known.vouchers.get((entity.id, entry.voucher), (Whose(entity=entity.id, currency=entry.currency or entity.currency), ""))


def _in(entry: Booked, whose: Whose) -> Decimal:
    """Give what was booked in the currency of whose it is, where the entry says that; else in that of the books."""
    return entry.in_currency if entry.in_currency is not None and entry.currency == whose.currency else entry.amount


# --- what was received


def _received(told: OpenSides, entity: LegalEntity, known: _Known) -> Iterator[Movement]:
    for came in told.came:
        whose, ref, line = _of(came, entity, known)
        item = came.mark or f"{came.document} {came.item}"
        price = (line.unit_price * came.units) if line else NOTHING
        tax = price * line.tax_rate / 100 if line and line.tax_rate else NOTHING
        one = Movement(flow=Flow.RECEIVED, whose=whose, name="received", item=item, day=came.day, amount=came.cost, return_ref=ref,
                       line_id=line.line_id if line else "", document=came.document, price=price, tax=tax, units=came.units)
        yield one
        if came.credited_on:
            yield replace(one, name="credited", day=came.credited_on, amount=-came.cost, units=-came.units)


def _of(came: Came, entity: LegalEntity, known: _Known) -> tuple[Whose, str, OrderLine | None]:
    if found := known.marks.get(came.mark):
        return replace(found[0], currency=entity.currency), found[1], found[2]
    return Whose(entity=entity.id, currency=entity.currency), "", None


def _tied_goods(told: OpenSides, rules: Rules, entity: LegalEntity, known: _Known, day: date) -> Iterator[Tie]:
    """Give what the packing-slip or interim accounts say of goods; without such an account, what is open in stock at all."""
    accounts = rules.accounts.get(entity.id, TiedTo()).received
    if not accounts:
        for came in told.came:
            if came.day <= day and not (came.credited_on and came.credited_on <= day):
                whose, ref, _ = _of(came, entity, known)
                yield Tie(flow=Flow.RECEIVED, whose=whose, account="stock", document=came.document, day=came.day, text=came.item,
                          open=came.cost, return_ref=ref)
        return
    slips = {came.document: _of(came, entity, known) for came in told.came}
    for entry in told.booked:
        if entry.account in accounts:
            at_hand = slips.get(entry.voucher)
            whose, ref = at_hand[:2] if at_hand else known.vouchers.get((entity.id, entry.voucher), (Whose(entity=entity.id), ""))
            yield Tie(flow=Flow.RECEIVED, whose=replace(whose, currency=entity.currency), account=entry.account, document=entry.voucher,
                      day=entry.day, text=entry.text, open=entry.amount, return_ref=ref)


# --- what an entry may name


def _known(store: PaymentStore, rules: Rules, owed: Sequence[Owed], sides: Mapping[str, OpenSides]) -> _Known:
    """Bring references to their claims, vouchers to the returns whose documents they are of, and marks to lines."""
    references = {payment.reference.upper(): each for each in owed for payment in each.told}
    mine = {part.ref: part for each in owed for part in each.parts}
    vouchers = {(part.whose.entity, voucher): (part.whose, ref) for ref, part in sorted(mine.items()) for voucher in part.vouchers}
    marks = {came.mark for told in sides.values() for came in told.came} - {""}
    with store.look() as tx:
        keys = tx.marked(rules.tenant, marks)
    refs = sorted({key.return_ref for key in keys.values()})
    lines: dict[PostingKey, tuple[Whose, str, OrderLine | None]] = {}
    for part in parts(refs):
        with store.look() as tx:
            known = pictures(tx, rules, part)
        for ref, picture in known.items():
            if picture.entity is None:
                continue
            whose = Whose(entity=picture.entity.id, brand=picture.case.retailer, warehouse=picture.case.warehouse,
                          currency=picture.case.currency or picture.entity.currency)
            vouchers |= {(picture.entity.id, voucher): (whose, ref) for voucher in vouchers_of(picture.kept)}
            lines |= {row.posting.key: (whose, ref, row.posting.document if isinstance(row.posting.document, OrderLine) else None)
                      for row in picture.kept}
    return _Known(references=references, vouchers=vouchers,
                  marks={mark: lines[key] for mark, key in keys.items() if key in lines})
