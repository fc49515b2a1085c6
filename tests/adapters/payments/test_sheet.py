"""Is a payment read as its provider tells it, and a row that says none set aside with its reason?"""

import io
import json
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import Workbook

from backhaul.adapters.payments.sheet import Columns, flaws, rows_of
from backhaul.adapters.zigzag.files.layout import Layout, Refused
from backhaul.domain.payments import Payment, PaymentStatus

COLUMNS = Columns(provider="psp", columns={"reference": "Refund ID", "returns": "RMA", "amount": "gross.value", "day": "Created"},
                  statuses={"SUCCEEDED": PaymentStatus.PAID}, zone="Europe/London")
FLAT = Columns(provider="psp", statuses={"SUCCEEDED": PaymentStatus.PAID}, zone="Europe/London")
HEAD = ["reference", "Status", "amount", "Currency", "day", "Fee", "returns", "orders", "notes", "bonus", "exchange", "provider"]
GOOD = ["P-1", "Succeeded", "10.20", "gbp", "2026-07-01T23:30:00Z", "0.20", "R1; R2", "", "", "", "-0.10", ""]
SAID = Payment(provider="psp", reference="P-1", status=PaymentStatus.PAID, amount=Decimal("10.20"), currency="GBP", day=date(2026, 7, 2),
               fee=Decimal("0.20"), exchange=Decimal("-0.10"), returns=("R1", "R2"))


def table(*rows: list[str]) -> bytes:
    return "\n".join(",".join(row) for row in (HEAD, *rows)).encode()


def test_a_row_is_one_payment_in_every_form_and_its_day_is_that_of_the_books() -> None:
    book, sheet = io.BytesIO(), Workbook()
    sheet.active.append(HEAD)
    sheet.active.append(GOOD)
    sheet.save(book)
    lines = json.dumps({"Refund-ID": "P-1", "rma": ["R1", "R2"], "gross": {"value": 10.20}, "created": "2026-07-02", "status": "paid",
                        "currency": "GBP", "fee": "0.20", "exchange": -0.10}).encode()

    read = [list(rows_of("p.csv", table(GOOD), FLAT, Layout())), list(rows_of("p.xlsx", book.getvalue(), FLAT, Layout())),
            list(rows_of("p.jsonl", lines, COLUMNS, Layout())), list(rows_of("p.json", b"[" + lines + b"]", COLUMNS, Layout()))]

    assert [[row.payment for row in rows] for rows in read] == [[SAID]] * 4


def test_amounts_in_the_smallest_unit_are_told_so() -> None:
    (row,) = rows_of("p.csv", table([*GOOD[:2], "1020", *GOOD[3:5], "20", *GOOD[6:10], "-10", ""]), Columns(
        provider="psp", statuses=FLAT.statuses, zone="Europe/London", minor=True), Layout())

    assert row.payment == SAID


@pytest.mark.parametrize(("place", "value", "says"), [
    (0, "", "nothing is said of reference"), (0, "x" * 129, "longer than 128"), (1, "DONE", "'DONE' means nothing"),
    (2, "ten", "'ten' is no number"), (2, "-1", "not negative"), (3, "EURO", "no currency code"), (4, "yesterday", "no day"),
    (4, "2026-02-30", "no day"), (6, "", "neither a return"), (11, "a,b", "cells and the head")])
def test_a_row_that_says_no_payment_is_set_aside_with_its_reason_and_the_others_count(place: int, value: str, says: str) -> None:
    bad = [*GOOD[:place], value, *GOOD[place + 1:]]

    first, second = rows_of("p.csv", table(bad, ["P-2", *GOOD[1:]]), FLAT, Layout())

    assert (first.at, first.payment) == ("row 2", None)
    assert says in first.flaw
    assert second.payment is not None


def test_a_file_that_cannot_be_read_at_all_is_refused_by_name() -> None:
    for content, says in ((b"<x/>", "not as xml"), (b"a,A\n1,2", "two columns"), (b"[1", "no list"),
                          (table(GOOD, GOOD), "more than 1 rows")):
        with pytest.raises(Refused, match=says):
            list(rows_of("p", content, FLAT, Layout(max_rows=1)))
    with pytest.raises(Refused, match="may have 3"):
        list(rows_of("p", b"four", FLAT, Layout(max_bytes=3)))
    flawed = [row.flaw for row in rows_of("p.jsonl", b'7\n{"status": "paid", "Status": "failed"}\n{', FLAT, Layout())]
    assert flawed[0] == "it is no object"
    assert "disagree" in flawed[1]
    assert flawed[2]


def test_columns_that_cannot_be_are_named() -> None:
    wrong = Columns(provider="No Name", columns={"price": "x", "fee": "a[].b", "day": ".."}, zone="Mars")

    assert [name for name, _ in flaws(wrong)] == ["provider", "columns.price", "columns.fee", "columns.day", "zone"]
    assert list(flaws(FLAT)) == []
