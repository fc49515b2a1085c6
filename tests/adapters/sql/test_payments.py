"""Is what was told of a payment kept once for each status, byte for byte, and never changed?"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.payment_ports import KeptSheet
from backhaul.domain.payments import Payment, PaymentStatus
from backhaul.testing import builders

PENDING = Payment(provider="psp", reference="P-1", status=PaymentStatus.PENDING, amount=Decimal("10.20"), currency="GBP",
                  day=date(2026, 10, 6), fee=Decimal("0.20"), exchange=Decimal("-0.1"), returns=("R1",), orders=("SO-7",), notes=("CN-1",))
PAID = replace(PENDING, status=PaymentStatus.PAID)


def test_a_payment_stands_there_once_for_each_status_as_it_was_first_told(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep_payments("acme", [PENDING, replace(PENDING, reference="P-2")], sheet="abc", at=story.noon)
        tx.keep_payments("acme", [PAID, replace(PAID, amount=Decimal(99)), PENDING], sheet="def", at=story.noon)
        tx.keep_payments("other", [PAID], sheet="def", at=story.noon)
        tx.keep_payments("acme", [], sheet="def", at=story.noon)

    with store.look() as tx:
        assert list(tx.payments("acme")) == [PENDING, replace(PENDING, reference="P-2"), PAID]
        assert list(tx.payments("acme", {"psp:P-1", "bank:P-2"})) == [PENDING, PAID]


def test_the_same_bytes_are_kept_once_and_an_order_leads_to_its_returns(store: SqlStore, story: Any) -> None:
    sheet = KeptSheet(tenant="acme", provider="psp", name="p.csv", sha256="abc", body=b"a,b", at=story.noon)

    with store.begin() as tx:
        assert [tx.keep_sheet(sheet), tx.keep_sheet(sheet), tx.keep_sheet(replace(sheet, tenant="other"))] == [True, False, True]
        tx.add_facts("acme", [replace(builders.announced(builders.line(order="SO-7"), at=story.noon), return_ref="R1")])
        assert list(tx.mentioned("acme", {"SO-7", "nobody's"})) == [("SO-7", "R1")]


@pytest.mark.parametrize("statement", ["DELETE FROM payments", "UPDATE payments SET amount = 1", "DELETE FROM paysheets",
                                       "UPDATE paysheets SET name = 'x'"])
def test_the_database_refuses_to_change_or_forget_what_was_told(store: SqlStore, story: Any, statement: str) -> None:
    with store.begin() as tx:
        tx.keep_sheet(KeptSheet(tenant="acme", provider="psp", name="p.csv", sha256="abc", body=b"a,b", at=story.noon))
        tx.keep_payments("acme", [PAID], sheet="abc", at=story.noon)

    with pytest.raises(DBAPIError, match=r"never deleted|stays"), store.engine.begin() as connection:
        connection.execute(text(statement))
