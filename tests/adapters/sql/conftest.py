"""Small stories to tell a store: deliveries, facts, postings of one return."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import Fence, KeptCase
from backhaul.domain.delivery import Delivery
from backhaul.domain.disposition import Outcome, Place, Sellability
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Progressed, Stage
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.posting import (
    Adjustment,
    CreditNote,
    Document,
    OrderLine,
    Posting,
    PostingBatch,
    PostingKey,
    PostingKind,
    Receipt,
    ReturnOrder,
)

SHELF = Place(warehouse="11", location="A-1")
ON_SALE = Sellability(places=frozenset({SHELF}), dispositions=frozenset({"restock"}), conditions=frozenset({"A"}))
NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Story:
    """Everything happens to tenant `acme`, on the first of March 2011, from noon on."""

    tenant: str = "acme"
    noon: datetime = NOON
    on_sale: Sellability = ON_SALE

    def at(self, minutes: int) -> datetime:
        return self.noon + timedelta(minutes=minutes)

    def delivery(self, identity: str = "event-1", body: bytes = b'{"return": "R1"}', minutes: int = 0) -> Delivery:
        return Delivery(tenant=self.tenant, source="zigzag", identity=identity, body=body, received_at=self.at(minutes))

    def fact(self, ref: str = "R1", stage: Stage = Stage.ARRIVED, minutes: int = 0) -> Progressed:
        return Progressed(return_ref=ref, at=self.at(minutes), stage=stage)

    def case(self, ref: str = "R1", state: ReturnState = ReturnState.WAITING, customer: str = "C1", **more: object) -> KeptCase:
        kept = KeptCase(tenant=self.tenant, ref=ref, legal_entity="gb", state=state, customer=customer, currency="GBP",
                        net=Decimal("-12.50"), updated_at=self.noon)
        return replace(kept, **more)  # type: ignore[arg-type]  # fields of the record

    def key(self, kind: PostingKind = PostingKind.ORDER_LINE, line: str = "1", ref: str = "R1") -> PostingKey:
        return PostingKey(tenant=self.tenant, legal_entity="gb", return_ref=ref, subject=f"line:{line}", kind=kind)

    def posting(self, kind: PostingKind = PostingKind.ORDER_LINE, line: str = "1", ref: str = "R1", *,
                order: str = "SO-1", quantity: str = "2", price: str = "6.25") -> Posting:
        units, each = Decimal(quantity), Decimal(price)
        documents: dict[PostingKind, Document] = {
            PostingKind.ORDER: ReturnOrder(return_ref=ref, customer="C1", currency="GBP", warehouse="11", order=order),
            PostingKind.ORDER_LINE: OrderLine(line_id=line, sku="85123A", quantity=units, unit_price=each, warehouse="11", order=order,
                                              original_lot=f"{order}/1" if order else ""),
            PostingKind.RECEIPT: Receipt(
                line_id=line, sku="85123A", quantity=units, condition="A", disposition="restock", erp_disposition="CR",
                place=SHELF, outcome=Outcome.RESTOCKED),
            PostingKind.ADJUSTMENT: Adjustment(
                line_id=line, sku="85123A", quantity=units, place=Place(warehouse="11", location="Q-1"), unit_cost=Decimal("1.10")),
            PostingKind.CREDIT_NOTE: CreditNote(line_id=line, sku="85123A", quantity=units, unit_price=each, net=units * each),
        }
        net = -units * each if kind is PostingKind.CREDIT_NOTE else Decimal(0)
        return Posting(key=self.key(kind, line, ref), document=documents[kind], net=net, currency="GBP")

    def batch(self, *postings: Posting, key: str = "B1") -> PostingBatch:
        return PostingBatch(key=key, tenant=self.tenant, legal_entity="gb", kind=postings[0].key.kind, period="2011-03", postings=postings)

    def trouble(self, code: str = "SKU_UNKNOWN", line: str = "1", amount: str = "12.50", minutes: int = 0,
                ref: str = "R1") -> ExceptionCase:
        return ExceptionCase.about(
            tenant=self.tenant, return_ref=ref, line_id=line, money=Money(amount=Decimal(amount), currency="GBP"), teams={},
            findings=(Finding(code=code, sentence="Nobody knows “85123A”.", line_id=line),), now=self.at(minutes))

    def fixed(self, store: SqlStore, *postings: Posting) -> None:
        """Keep these postings as READY. One shelf is on sale, for what comes back as good as new."""
        with store.begin() as tx:
            tx.keep_sellable(self.tenant, "m1", ON_SALE)
            for posting in postings:
                tx.fix(posting, mapping_version="m1", window="W1", at=self.noon)

    def leased(self, store: SqlStore, times: int = 1) -> Fence:
        """Take the lease, as often as told, each time after the one before was over."""
        for _ in range(times):
            with store.begin() as tx:
                fence = tx.take_lease(self.tenant, "gb", holder="me", now=self.noon, until=self.noon).fence
        assert fence
        return fence

    def sending(self, store: SqlStore, *postings: Posting) -> None:
        """Keep these postings as SENDING, in batch B1."""
        self.fixed(store, *postings)
        with store.begin() as tx:
            tx.start(self.batch(*postings), at=self.at(1))


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def refused(store: SqlStore) -> Callable[[str], str]:
    """Say something to the database behind the store's back, and give what it answers when it refuses."""

    def say(statement: str) -> str:
        with pytest.raises(IntegrityError) as refusal, store.engine.begin() as connection:
            connection.execute(text(statement))
        return str(refusal.value)

    return say
