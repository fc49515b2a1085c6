"""What did the shop and its payment providers pay, as they told it, and in which bytes did they tell it?"""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, select

from backhaul.adapters.sql import rows, tables
from backhaul.adapters.sql.book import Book
from backhaul.application.payment_ports import KeptSheet
from backhaul.domain.payments import Payment, PaymentStatus

AT_ONCE = 500
MONEY = ("amount", "fee", "bonus", "exchange")
PAID_FOR = ("returns", "orders", "notes")


class Payments(Book):
    """Sheets and payments are only added; the database refuses to change or forget one."""

    def keep_sheet(self, sheet: KeptSheet) -> bool:
        """Keep what came, once for each content; False if these bytes are known."""
        told = {"tenant": sheet.tenant, "sha256": sheet.sha256, "provider": sheet.provider, "name": sheet.name, "body": sheet.body,
                "at": sheet.at}
        kept = self._insert(tables.paysheets).on_conflict_do_nothing().returning(tables.paysheets.c.sha256)
        return self._connection.execute(kept, told).first() is not None

    def keep_payments(self, tenant: str, payments: Sequence[Payment], *, sheet: str, at: datetime) -> None:
        """Add what was told of payments; what is told already under the same status stays as it was first told."""
        told = [{"tenant": tenant, "sheet": sheet, "at": at, "provider": each.provider, "reference": each.reference,
                 "status": each.status.value, "currency": each.currency, "day": each.day.isoformat(),
                 **{name: getattr(each, name) for name in MONEY},
                 "pays": rows.written({name: list(getattr(each, name)) for name in PAID_FOR})} for each in payments]
        if told:
            self._connection.execute(self._insert(tables.payments).on_conflict_do_nothing(), told)

    def payments(self, tenant: str, names: Collection[str] | None = None) -> Sequence[Payment]:
        """Give all that was told of these payments, or of all, oldest first: a payment stands there once for each status it had."""
        table = tables.payments.c
        every = select(tables.payments).where(table.tenant == tenant).order_by(table.id)
        if names is None:
            return [_payment(row) for row in self._connection.execute(every)]
        wanted, found = sorted({name.partition(":")[2] for name in names}), list[Payment]()
        for at in range(0, len(wanted), AT_ONCE):
            part = every.where(table.reference.in_(wanted[at:at + AT_ONCE]))
            found += [payment for row in self._connection.execute(part) if (payment := _payment(row)).name in names]
        return found

    def mentioned(self, tenant: str, orders: Collection[str]) -> Sequence[tuple[str, str]]:
        """Give order and return for every return that names one of these orders."""
        self._flush_inbox()
        table, wanted, found = tables.mentions.c, sorted(orders), list[tuple[str, str]]()
        for at in range(0, len(wanted), AT_ONCE):
            part = select(table.name, table.return_ref).where(table.tenant == tenant, table.sort == "order",
                                                              table.name.in_(wanted[at:at + AT_ONCE]))
            found += [(row.name, row.return_ref) for row in self._connection.execute(part)]
        return found


def _payment(row: Row[Any]) -> Payment:
    pays = json.loads(row.pays)
    return Payment(provider=row.provider, reference=row.reference, status=PaymentStatus(row.status), currency=row.currency,
                   day=date.fromisoformat(row.day), amount=row.amount, fee=row.fee, bonus=row.bonus, exchange=row.exchange,
                   returns=tuple(pays["returns"]), orders=tuple(pays["orders"]), notes=tuple(pays["notes"]))
