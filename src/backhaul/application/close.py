"""May a month be called closed: what do its lists say, who signed them, and does what they signed still hold?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from backhaul.application.close_ports import CloseStore, CloseTx, Counted
from backhaul.domain.access import Person
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money, in_words
from backhaul.domain.oversight import Irregular
from backhaul.domain.period import cut_off
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import Flow
from backhaul.domain.rules import LegalEntity, Rules
from backhaul.domain.signature import (
    ITEMS,
    STEPS,
    TEAMS,
    UNKNOWN,
    Numbers,
    Signature,
    Signer,
    ends,
    hashed,
    listed,
    may_sign,
    moved,
    objection,
    state_of,
)

SILENT: Final = timedelta(hours=24)
"""A source that told nothing for so long is called silent."""
CENT: Final = Decimal("0.01")
HOUSE: Final[Mapping[str, Collection[str]]] = {
    "irregular": ("UNBALANCED_JOURNAL", "COST_NOT_FINAL", "MAPPING_CHANGED_SINCE"), "availability": ("AVAILABILITY_DIFFERS",),
    "blocked": ("ITEM_BLOCKED_SINCE",), "gaps": ("EVENT_GAP", "COUNTER_MISMATCH", "AUDIT_GAP")}
"""Which numbers count which classes of the house as a whole. That an exception has no team is of today and no month's."""
ON_ACCOUNTS: Final = ("paid_difference", "received_difference", "by_hand", "by_hand_amount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The close of a month of one legal entity: by which rules, and which sources should tell of it."""

    rules: Rules
    period: str
    legal_entity: str
    sources: Sequence[str] = ()

    @property
    def entity(self) -> LegalEntity:
        """Give the legal entity, or stop with those there are."""
        found = next((each for each in self.rules.entities if each.id == self.legal_entity), None)
        if found is None:
            message = f"there is no legal entity '{self.legal_entity}'; there are {', '.join(each.id for each in self.rules.entities)}"
            raise NeedsOperator(message)
        return found

    @property
    def ends(self) -> datetime:
        """Give the moment at which the month is over there."""
        return ends(self.entity, self.period)

    @property
    def last_day(self) -> date:
        """Give the month's last day."""
        return self.entity.calendar.last(self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One list as it stands: its numbers, the hash to sign, the signature that stands, the last that fell, and what is in the way of one.

    `moved` is what moved under the signature since it was looked at last; it holds no longer.
    """

    signer: Signer
    numbers: Numbers
    sha256: str
    signed: Signature | None
    fallen: Signature | None
    moved: Sequence[str]
    missing: str

    @property
    def holds(self) -> bool:
        """Tell whether it is signed as it stands."""
        return self.signed is not None and not self.moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of a legal entity at its close: whether it is over, when it is cut off, its lists, and its steps."""

    tenant: str
    period: str
    legal_entity: str
    cut_off: datetime
    over: bool
    lists: Sequence[Listed]
    steps: Sequence[Mapping[str, str]]


def status(store: CloseStore, close: Close, now: datetime) -> Month:
    """Say how a month of a legal entity stands, by the numbers of this moment; nothing is changed."""
    with store.look() as tx:
        counted, numbers, proved_on = _numbers(tx, close, now)
        kept = tx.signatures(close.rules.tenant, close.period, close.entity.id)
    over = now >= close.ends
    lists = tuple(_listed(close, signer, numbers, kept, over=over) for signer in Signer)
    known = {name for name, holds in (
        ("settled", over and not counted.unsettled), ("posted", over and not counted.unfinished),
        ("proved", proved_on is not None and proved_on > close.last_day and numbers["proof_complete"] == "yes"),
        ("prepared", all(each.holds for each in lists if each.signer in TEAMS)),
        ("reviewed", all(each.holds for each in lists))) if holds}
    today = now.astimezone(ZoneInfo(close.entity.zone)).date()
    return Month(tenant=close.rules.tenant, period=close.period, legal_entity=close.entity.id, cut_off=cut_off(close.entity, close.period),
                 over=over, lists=lists, steps=tuple(
        {"means": step.means, "by": (close.last_day + timedelta(days=step.day)).isoformat(),
         "state": state_of(step, close.last_day, today, known)} for step in STEPS))


def _listed(close: Close, signer: Signer, numbers: Numbers, kept: Sequence[Signature], *, over: bool) -> Listed:
    """Set a list beside what was signed of it."""
    mine = [each for each in kept if each.signer is signer]
    signed = next((each for each in mine if each.fallen_at is None), None)
    told = listed(numbers, signer)
    return Listed(
        signer=signer, numbers=told, sha256=hashed(close.rules.tenant, close.period, close.entity.id, signer, told), signed=signed,
        fallen=next((each for each in reversed(mine) if each.fallen_at), None), moved=moved(signed.numbers, told) if signed else (),
        missing="" if signed else objection(signer, "somebody", told, kept, over=over))


def sign_as(  # noqa: PLR0913  each is named at the call
    store: CloseStore, close: Close, person: Person, signer: Signer, *, shown: str, now: datetime,
) -> Signature:
    """Sign a list as a person whose role signs it."""
    if not may_sign(person, signer, close.rules.tenant, close.legal_entity):
        message = f"your roles do not sign the list of {signer.value} for '{close.legal_entity}'"
        raise NotAllowed(message)
    return sign(store, close, signer, shown=shown, actor=person.actor, now=now)


def sign(store: CloseStore, close: Close, signer: Signer, *, shown: str, actor: str, now: datetime) -> Signature:  # noqa: PLR0913  each is named
    """Sign a list with the numbers that were shown; where they moved meanwhile nothing is signed, and what fell by it has fallen."""
    tenant = close.rules.tenant
    with store.begin() as tx:
        _, numbers, _ = _numbers(tx, close, now)
        _fell(tx, close, numbers, now)
        told = listed(numbers, signer)
        signature = Signature(tenant=tenant, period=close.period, legal_entity=close.entity.id, signer=signer, numbers=told,
                              actor=actor.strip(), at=now)
        refusal = objection(signer, actor, told, tx.signatures(tenant, close.period, close.entity.id), over=now >= close.ends)
        if not refusal and shown != signature.sha256:
            refusal = "the numbers are not what was shown to you; read them again and sign what they say now"
        if not refusal:
            signature = replace(signature, id=tx.add_signature(signature))
            tx.record(tenant, subject=_subject(close.period), action="close.signed", at=now, actor=actor, detail={
                "signature": signature.id, "legal_entity": close.entity.id, "signer": signer.value, "sha256": signature.sha256, **told})
            tx.close_exceptions(tenant, _subject(close.period), apart_from=_others(tx, signature), at=now,
                                resolution=f"signed again as signature {signature.id}")
    if refusal:
        message = f"close of {close.period}, {close.legal_entity}, {signer.value}: {refusal}"
        raise NeedsOperator(message)
    return signature


def check(store: CloseStore, rules: Rules, *, sources: Sequence[str], now: datetime) -> Sequence[Signature]:
    """Look whether the numbers under every signature that stands are what they were; give those that fell now."""
    found: list[Signature] = []
    with store.look() as tx:
        months = sorted({(each.period, each.legal_entity) for each in tx.signatures(rules.tenant, standing=True)})
    here = {entity.id: entity for entity in rules.entities}
    for period, legal_entity in months:
        if legal_entity in here:
            close = Close(rules=rules, period=period, legal_entity=legal_entity, sources=sources)
            with store.begin() as tx:
                found += _fell(tx, close, _numbers(tx, close, now)[1] if here[legal_entity].calendar.has(period) else None, now)
    return found


def _fell(tx: CloseTx, close: Close, numbers: Numbers | None, now: datetime) -> list[Signature]:
    """Let fall what was signed over numbers that moved: an entry of the trail, and work for the team whose list it is.

    A period the calendar has no more has no numbers, and whatever was signed of it falls.
    """
    fallen = []
    for each in tx.signatures(close.rules.tenant, close.period, close.entity.id, standing=True):
        told = moved(each.numbers, listed(numbers, each.signer)) if numbers else (f"the calendar has no period {each.period} any more",)
        if told and tx.fell(each.id, moved=told, at=now):
            fallen.append(replace(each, fallen_at=now, moved=told))
            tx.record(each.tenant, subject=_subject(each.period), action="close.fell", at=now, actor="backhaul", detail={
                "signature": each.id, "legal_entity": each.legal_entity, "signer": each.signer.value, "signed_by": each.actor,
                "moved": list(told)})
            tx.open_exception(_work(close, each, told, now))
    return fallen


def _work(close: Close, signature: Signature, told: Sequence[str], now: datetime) -> ExceptionCase:
    sentence = f"{_line(signature)}: signed on {signature.at:%d %B %Y}; since then {'; '.join(told)}."
    return close.rules.work(_subject(signature.period), Finding(code="SIGNATURE_FELL", sentence=sentence), part=_line(signature),
                            money=Money(amount=Decimal("0.00"), currency=close.entity.currency), now=now)


def _others(tx: CloseTx, signature: Signature) -> set[str]:
    """Name the open work about a month's signatures that this one does not end."""
    return {row.case.line_id for row in tx.exceptions(signature.tenant, refs=[_subject(signature.period)])} - {_line(signature)}


def _subject(period: str) -> str:
    return f"close:{period}"


def _line(signature: Signature) -> str:
    return f"{signature.legal_entity} {signature.signer.value}"


# --- the numbers


def _numbers(tx: CloseTx, close: Close, now: datetime) -> tuple[Counted, Numbers, date | None]:
    """Count a month's numbers, and say as of which day it was last proved; a run of before shares were kept has one figure for all."""
    until = min(now, close.ends)
    counted = tx.counted(close.rules.tenant, close.entity.id, close.period, until=until, now=now, sources=close.sources)
    run = next(iter(tx.proofs(close.rules.tenant, close.period, limit=1)), None)
    whole: Mapping[str, Any] = run.figures if run else {}
    figures = whole.get("entities", {}).get(close.entity.id, whole)
    house = [each for each in tx.house(close.rules.tenant, close.period) if each.entity in {"", close.entity.id}]
    told = {
        "proof_complete": "yes" if run and figures.get("complete", run.complete) else "no", "lines": str(figures.get("lines", 0)),
        "stock_difference": str(figures.get("stock_difference", 0)), "broken_amount": _money(counted.broken_amount),
        "credited_net": _money(counted.credited_net), "held_amount": _money(counted.held_amount),
        **{name: _apart(figures.get(name, {})) for name in ("credit_difference", "ledger_difference")},
        **_on_accounts(whole, close.entity.id), "unbalanced": _apart(_of(house, "UNBALANCED_JOURNAL")),
        **{name: str(sum(each.count for each in house if each.kind in kinds)) for name, kinds in HOUSE.items()},
        "silent": str(sum(at is None or until - at > SILENT for at in counted.last_heard.values())),
        **{name: str(getattr(counted, name)) for name in ("broken", "credited", "held", "unconfirmed", "unmapped", "promises_due",
                                                          "waiting_late", "unread", "unreadable", "drift")}}
    return counted, {item.name: told[item.name] for item in ITEMS}, run.day if run else None


def _money(sums: Mapping[str, Decimal]) -> str:
    return in_words({currency: amount.quantize(CENT) for currency, amount in sums.items()} or {"": NOTHING.quantize(CENT)})


def _apart(sums: Mapping[str, Any] | Decimal | str) -> str:
    """Write differences with their currencies; one that is nothing is left out, so that another currency alone moves none."""
    by_currency = sums if isinstance(sums, Mapping) else {"": sums}
    rounded = {currency: Decimal(str(amount)).quantize(CENT) for currency, amount in sorted(by_currency.items())}
    return ", ".join(f"{amount} {currency}".rstrip() for currency, amount in rounded.items() if amount) or str(NOTHING.quantize(CENT))


def _of(house: Iterable[Irregular], kind: str) -> Mapping[str, Decimal]:
    """Add findings of a class up by currency, none set off against another."""
    found: dict[str, Decimal] = {}
    for each in house:
        if each.kind == kind:
            found[each.currency] = found.get(each.currency, NOTHING) + abs(each.amount)
    return found


def _on_accounts(figures: Mapping[str, Any], entity: str) -> Numbers:
    """Say where a legal entity's accounts say something else than was rolled forward, and what was posted on them by hand.

    Each row stands for itself: what one brand or warehouse has too much makes up for nothing that another lacks.
    """
    told = dict.fromkeys(ON_ACCOUNTS, UNKNOWN)
    if by_hand := figures.get("by_hand", {}).get(entity):
        told |= {"by_hand": str(by_hand["count"]), "by_hand_amount": _apart(by_hand["amount"])}
    for name, flow in (("paid_difference", Flow.PAID), ("received_difference", Flow.RECEIVED)):
        rows = [row for row in figures.get("roll_forward", ()) if (row["flow"], row["entity"]) == (flow, entity)]
        if rows and all(row["difference"] is not None for row in rows):
            told[name] = _apart({" ".join(filter(None, (row["currency"], row["brand"], row["warehouse"]))): row["difference"]
                                 for row in rows})
    return told


__all__ = ["Close", "Listed", "Month", "check", "sign", "sign_as", "status"]
