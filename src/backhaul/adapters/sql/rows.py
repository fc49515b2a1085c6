"""How is a record of the domain written into a row, and read back equal?

Decimals are written with all their digits, times with their zone. What a fact or a document is comes
from the tables `FACTS` and `DOCUMENTS` of the domain.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from backhaul.application.ports import KeptAttempt, KeptCase, KeptException, KeptPosting, KeptWindow, PostingState
from backhaul.domain.disposition import Sellability
from backhaul.domain.exception_case import ExceptionCase, Finding, Severity
from backhaul.domain.facts import FACTS, Fact, kept_as
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.posting import (
    DOCUMENTS,
    CreditNote,
    Document,
    ErpDocument,
    JournalLine,
    OrderLine,
    Posting,
    PostingKey,
    PostingKind,
)
from backhaul.domain.trail import TrailEntry, canonical, sealed

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode
_facts: Final = {kind: msgspec.json.Decoder(record) for kind, record in FACTS.items()}
_documents: Final[Mapping[PostingKind, msgspec.json.Decoder[Document]]] = {
    kind: msgspec.json.Decoder(record) for kind, record in DOCUMENTS.items()}
_erp: Final = msgspec.json.Decoder(ErpDocument)
NEEDED: Final = "needed"
"""What a window says that has to be approved."""
_allocation: Final = msgspec.json.Decoder(tuple[JournalLine, ...])
_findings: Final = msgspec.json.Decoder(tuple[Finding, ...])


class _Body(msgspec.Struct):
    """The content of a posting beside its key."""

    document: msgspec.Raw
    needs: tuple[str, ...]
    net: Decimal
    currency: str
    accepted_at: datetime | None


_body: Final = msgspec.json.Decoder(_Body)


def fact_body(fact: Fact) -> str:
    """Write a fact."""
    return _encode(fact).decode()


def fact(kind: str, body: str, identity: str) -> Fact:
    """Read a fact, known by the identity it was kept under."""
    return kept_as(_facts[kind].decode(body), identity)


def posting_body(posting: Posting) -> str:
    """Write a posting's content; its key stands beside it."""
    return _encode({
        "document": posting.document, "needs": [str(key) for key in posting.needs], "net": posting.net,
        "currency": posting.currency, "accepted_at": posting.accepted_at}).decode()


def posting(key: str, body: str) -> Posting:
    """Read a posting."""
    name, content = PostingKey.parse(key), _body.decode(body)
    return Posting(
        key=name, document=_documents[name.kind].decode(content.document), net=content.net, currency=content.currency,
        needs=tuple(PostingKey.parse(need) for need in content.needs), accepted_at=content.accepted_at)


def erp_body(document: ErpDocument | None) -> str | None:
    """Write what the ERP said."""
    return None if document is None else _encode(document).decode()


def kept_posting(row: Row[Any]) -> KeptPosting:
    """Read a row of `postings`."""
    return KeptPosting(
        posting=posting(row.key, row.body), state=PostingState(row.state), mapping_version=row.mapping_version,
        window=row.window_key, batch=row.batch, document=None if row.erp is None else _erp.decode(row.erp),
        attempts=row.attempts, looks=row.looks, look_at=row.look_at, planned_at=row.planned_at, note=row.note)


def claim(posting: Posting) -> str:
    """Say what an order line takes of: an original sale, or the allowance for goods sold before the data starts."""
    if posting.key.kind is not PostingKind.ORDER_LINE or not isinstance(posting.document, OrderLine):
        return ""
    return "sale" if posting.document.order else "history"


def posting_row(kept: KeptPosting, *, fingerprint: str, customer: str, revision: int) -> dict[str, Any]:
    """Write a row of `postings`."""
    wanted, key = kept.posting, kept.posting.key
    quantity: Decimal | None = getattr(wanted.document, "quantity", None)
    price = wanted.document.unit_price if isinstance(wanted.document, OrderLine | CreditNote) else Decimal(0)
    return {
        "key": str(key), "tenant": key.tenant, "legal_entity": key.legal_entity, "return_ref": key.return_ref,
        "line_id": wanted.line_id, "kind": key.kind.value, "state": kept.state.value, "fingerprint": fingerprint,
        "body": posting_body(wanted), "mapping_version": kept.mapping_version, "window_key": kept.window,
        "batch": kept.batch, "erp": erp_body(kept.document), "attempts": kept.attempts, "looks": kept.looks,
        "look_at": kept.look_at, "planned_at": kept.planned_at, "note": kept.note,
        "sku": getattr(wanted.document, "sku", ""), "order_ref": getattr(wanted.document, "order", ""),
        "customer": customer, "claim": claim(wanted), "quantity": quantity, "value": (quantity or Decimal(0)) * price,
        "net": wanted.net, "currency": wanted.currency, "revision": revision,
    }


def allocation_body(lines: tuple[JournalLine, ...]) -> str:
    """Write which journal lines stand for which postings; a batch without any says nothing."""
    return _encode(lines).decode() if lines else ""


def allocation(body: str) -> tuple[JournalLine, ...]:
    """Read which journal lines stand for which postings."""
    return _allocation.decode(body) if body else ()


def attempt(row: Row[Any]) -> KeptAttempt:
    """Read a row of `attempts`."""
    return KeptAttempt(
        posting=row.posting, batch=row.batch, number=row.number, request_hash=row.request_hash,
        mapping_version=row.mapping_version, started_at=row.started_at, finished_at=row.finished_at,
        outcome=row.outcome, detail=row.detail)


def case(row: Row[Any]) -> KeptCase:
    """Read a row of `cases`."""
    return KeptCase(
        tenant=row.tenant, ref=row.ref, legal_entity=row.legal_entity,
        state=None if row.state is None else ReturnState(row.state), stage=row.stage, customer=row.customer,
        currency=row.currency, net=row.net, due_at=row.due_at, updated_at=row.updated_at,
        waits_since=row.waits_since)


def case_row(kept: KeptCase, revision: int) -> dict[str, Any]:
    """Write a row of `cases`."""
    return {
        "tenant": kept.tenant, "ref": kept.ref, "legal_entity": kept.legal_entity,
        "state": None if kept.state is None else kept.state.value, "stage": kept.stage, "customer": kept.customer,
        "currency": kept.currency, "net": kept.net, "due_at": kept.due_at, "updated_at": kept.updated_at,
        "waits_since": kept.waits_since, "revision": revision}


def exception(row: Row[Any]) -> KeptException:
    """Read a row of `exceptions`."""
    return KeptException(
        id=row.id, escalated=row.escalated, closed_at=row.closed_at, resolution=row.resolution, actor=row.actor,
        case=ExceptionCase(
            tenant=row.tenant, return_ref=row.return_ref, line_id=row.line_id, kind=row.kind, owner=row.owner,
            severity=Severity(row.severity), money=Money(amount=row.amount, currency=row.currency),
            opened_at=row.opened_at, due_at=row.due_at, findings=_findings.decode(row.findings)))


def exception_row(work: ExceptionCase) -> dict[str, Any]:
    """Write what an open row of `exceptions` says."""
    return {
        "tenant": work.tenant, "return_ref": work.return_ref, "line_id": work.line_id, "kind": work.kind,
        "owner": work.owner, "severity": work.severity.value, "amount": work.money.amount,
        "currency": work.money.currency, "opened_at": work.opened_at, "due_at": work.due_at,
        "findings": findings_body(work.findings)}


def findings_body(findings: Iterable[Finding]) -> str:
    """Write findings."""
    return _encode(tuple(findings)).decode()


def window(row: Row[Any]) -> KeptWindow:
    """Read a row of `windows`."""
    return KeptWindow(
        key=row.key, tenant=row.tenant, legal_entity=row.legal_entity, period=row.period, number=row.number,
        leg=row.leg, closed_at=row.closed_at, returns=row.returns, controls=json.loads(row.controls), ledger=json.loads(row.ledger),
        needs_approval=row.approval == NEEDED)


def window_row(kept: KeptWindow) -> dict[str, Any]:
    """Write a row of `windows`."""
    return {
        "key": kept.key, "tenant": kept.tenant, "legal_entity": kept.legal_entity, "period": kept.period,
        "leg": kept.leg, "number": kept.number, "closed_at": kept.closed_at, "returns": kept.returns,
        "controls": written(kept.controls), "ledger": written(kept.ledger), "approval": NEEDED if kept.needs_approval else ""}


def sellable_row(told: Sellability) -> dict[str, str]:
    """Write what a row of `sellable` says."""
    places = sorted(told.places, key=lambda place: (place.warehouse, place.location, place.status))
    return {"places": _encode(places).decode(), "dispositions": _encode(sorted(told.dispositions)).decode(),
            "conditions": _encode(sorted(told.conditions)).decode()}


def written(values: Mapping[str, Any]) -> str:
    """Write loose values as text in their canonical form; decimals and dates become exact strings."""
    return canonical(values).decode()


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give loose values as they will be read back, so that a hash over them holds for ever."""
    return json.loads(canonical(values))  # type: ignore[no-any-return]  # an object goes in, an object comes out


def entry(row: Row[Any], words: Iterable[Row[Any]] = ()) -> TrailEntry:
    """Read a row of `trail`, with its rows of `words`."""
    beside = {word.name: word for word in words}
    detail = json.loads(row.detail) | {name: json.loads(word.text) for name, word in beside.items()}
    return TrailEntry(
        tenant=row.tenant, sequence=row.sequence, at=row.at, actor=row.actor, subject=row.subject, action=row.action,
        detail=detail, previous=row.previous, hash=row.hash, seals={name: word.salt for name, word in beside.items()})


def entry_row(kept: TrailEntry) -> dict[str, Any]:
    """Write a row of `trail`."""
    return {
        "tenant": kept.tenant, "sequence": kept.sequence, "at": kept.at, "actor": kept.actor, "subject": kept.subject,
        "action": kept.action, "detail": written(sealed(kept)), "previous": kept.previous, "hash": kept.hash}


def word_rows(kept: TrailEntry) -> list[dict[str, Any]]:
    """Write what of an entry is kept beside the chain."""
    return [{"tenant": kept.tenant, "sequence": kept.sequence, "name": name, "salt": salt,
             "text": canonical(kept.detail[name]).decode()} for name, salt in kept.seals.items()]
