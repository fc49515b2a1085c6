"""Does the engine say of every line what the reference says of it, and is a file that cannot be read refused by name?"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from backhaul.application.payments import PAYOUTS, prove_payments
from backhaul.application.reconcile import ACCEPTED, FEW, HELD, RECORDS, WORDS, Books, Found, Proof, prove
from backhaul.domain.errors import Misconfigured
from backhaul.domain.payments import Waits
from backhaul.domain.proof import Accepted, Held, Line, Record, Standing, Status, Verdict, Words, classify, gather, lacking
from backhaul.domain.tolerance import Measure, Tolerance, ToleranceRow

D = Decimal
DAY = date(2026, 10, 31)
TIGHT = Tolerance()
Row = dict[str, Any]


def extract(folder: Path, name: str, columns: Iterable[str], rows: Iterable[Row]) -> str:
    """Write rows as a CSV extract; what is None is an empty cell."""
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def proved(folder: Path, accepted: Iterable[Row], records: Iterable[Row], held: Iterable[Row] = ()) -> tuple[Proof, list[Found]]:
    """Prove rows by way of extracts."""
    files = [extract(folder, name, columns, rows) for name, columns, rows in (
        ("accepted", ACCEPTED, accepted), ("records", RECORDS, records), ("held", HELD, held))]
    with Books(*files) as books:
        proof = prove(books, DAY, TIGHT)
        return proof, list(books.found())


LINE: Row = {"line": "R1|TEA", "entity": "gb01", "item": "TEA", "customer": "10001", "sale": "500001", "warehouse": "GB-DC-01",
             "currency": "GBP", "announced": 2, "units": 2, "stocked": 2, "sellable": 2, "net": "8.50", "tax": "1.70", "cost": "4.00",
             "accepted_on": "2026-10-05", "due_on": "2026-10-12", "period": "2026-10"}
CREDIT: Row = {"side": "credit", "line": "R1|TEA", "document": "CN-1", "voucher": "V1", "status": "posted", "entity": "gb01",
               "item": "TEA", "customer": "10001", "sale": "500001", "currency": "GBP", "units": 2, "net": "8.50", "tax": "1.70",
               "posted_on": "2026-10-06", "period": "2026-10"}
STOCK: Row = {"side": "stock", "line": "R1|TEA", "document": "PS-1", "status": "posted", "entity": "gb01", "item": "TEA",
              "warehouse": "GB-DC-01", "units": 2, "sellable": 2, "cost": "4.00", "posted_on": "2026-10-06"}
LEDGER: Row = {"side": "ledger", "entity": "gb01", "voucher": "V1", "status": "posted", "net": "8.50"}


def test_a_clean_month_is_proved_to_the_cent(tmp_path: Path) -> None:
    proof, found = proved(tmp_path, [LINE], [CREDIT, STOCK, LEDGER])

    assert found == []
    assert (proof.lines, proof.proved, proof.broken, proof.orphans, proof.complete) == (1, 1, 0, 0, True)
    assert {proof.stock_difference, proof.credit_difference, proof.ledger_difference} == {D(0)}


def test_one_removed_ledger_line_turns_exactly_one_line_to_broken(tmp_path: Path) -> None:
    other = {"line": "R1|CUP", "item": "CUP", "net": "5.00", "tax": "1.00"}
    lines = [LINE, LINE | other]
    records = [CREDIT, STOCK, CREDIT | other, STOCK | other | {"net": "", "tax": ""}]

    proof, found = proved(tmp_path, lines, [*records, LEDGER])

    assert [(each.line, each.kind, each.amount) for each in found] == [("R1|CUP", "LEDGER_MISSING", D("5.00"))]
    assert (proof.proved, proof.broken, proof.ledger_difference) == (1, 1, D("-5.00"))


def test_an_edited_line_of_a_credit_note_of_several_breaks_no_other_line_of_it(tmp_path: Path) -> None:
    lines = [LINE | {"line": f"R1|{item}", "item": item, "net": net} for item, net in (("CUP", "5.00"), ("TEA", "8.50"))]
    records = [each | {"line": f"R1|{item}", "item": item} for item in ("CUP", "TEA") for each in (CREDIT, STOCK)]
    records[0] |= {"net": "5.00"}
    records[2] |= {"net": "9.50"}

    proof, found = proved(tmp_path, lines, [*records, LEDGER | {"net": "13.50"}])

    assert [(each.line, each.kind, each.amount, each.also) for each in found] == [
        ("R1|TEA", "WRONG_AMOUNT", D("1.00"), ("LEDGER_DIFFERS",))]
    assert (proof.proved, proof.broken) == (1, 1)


def test_a_credit_without_a_voucher_is_not_in_the_ledger_and_an_entry_without_a_credit_belongs_to_no_line(tmp_path: Path) -> None:
    other = {"line": "R2|TEA", "document": "CN-2", "voucher": ""}
    records = [CREDIT, STOCK, LEDGER, CREDIT | other, STOCK | other, LEDGER | {"voucher": "V9", "net": "3.00"},
               LEDGER | {"voucher": "V9", "net": "4.00"}, LEDGER | {"voucher": "V8", "net": "0"}]

    proof, found = proved(tmp_path, [LINE, LINE | {"line": "R2|TEA"}], records)

    assert [(each.line, each.document, each.kind, each.amount) for each in found] == [
        ("", "V9", "EXTRA_IN_ERP", D("7.00")), ("R2|TEA", "CN-2", "LEDGER_MISSING", D("8.50"))]
    assert (proof.proved, proof.broken, proof.orphans) == (1, 1, 1)


@pytest.mark.parametrize(("accepted", "record", "held", "why"), [
    ({"line": ""}, {}, {}, "line ''"), ({"units": ""}, {}, {}, "units ''"), ({"net": ""}, {}, {}, "net ''"),
    ({"line": "", "units": 0}, {}, {}, "line ''"),
    ({}, {"side": "Credit"}, {}, "the side 'Credit', which is none of credit, stock, loss, ledger"),
    ({}, {"status": "Posted"}, {}, "the status 'Posted'"), ({}, {"status": ""}, {}, "the status ''"),
    ({}, {}, {"state": "believed"}, "the state 'believed'"), ({}, {}, {"state": ""}, "the state ''"),
    ({"accepted_on": "2026-10-05T23:30:00Z"}, {}, {}, "2026-10-05T23:30:00Z"),
    ({}, {"posted_on": "2026-10-06 01:00:00+05"}, {}, "2026-10-06 01:00:00.05")])
def test_a_row_that_does_not_say_what_it_has_to_say_is_refused_and_never_proved(
        accepted: Row, record: Row, held: Row, why: str, tmp_path: Path) -> None:
    believed = [{"line": "R1|TEA", "state": "posted"} | held] if held else []

    with pytest.raises(Misconfigured, match=why):
        proved(tmp_path, [LINE | accepted], [CREDIT | record, STOCK], believed)


def test_a_line_that_is_believed_twice_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"of line 'R1\|TEA' 2 rows are believed here"):
        proved(tmp_path, [LINE], [CREDIT, STOCK], [{"line": "R1|TEA", "state": state} for state in ("waiting", "posted")])


def test_records_without_a_status_are_posted_and_a_day_at_midnight_is_that_day(tmp_path: Path) -> None:
    columns = [name for name in RECORDS if name != "status"]
    records = [{name: each[name] for name in each if name != "status"} | {"posted_on": "2026-10-06 00:00:00"} for each in (CREDIT, STOCK)]

    with Books(extract(tmp_path, "accepted", ACCEPTED, [LINE]), extract(tmp_path, "records", columns, records)) as books:
        assert prove(books, DAY, TIGHT).proved == 1


def test_what_somebody_credited_by_hand_beside_us_is_found_and_what_fits_a_waiting_line_is_only_suggested(tmp_path: Path) -> None:
    waiting = LINE | {"line": "R2|TEA", "customer": "10002"}
    by_hand = CREDIT | {"line": "", "document": "CN-9"}
    records = [CREDIT, STOCK, by_hand, by_hand | {"customer": "10002", "document": "CN-8"}, by_hand | {"net": "1.00", "document": "CN-7"},
               STOCK | {"line": "", "document": "PS-9"}]

    _, found = proved(tmp_path, [LINE, waiting], records)

    assert {(each.document, each.kind, each.other) for each in found} == {
        ("CN-9", "DUPLICATE_BY_HAND", "R1|TEA"), ("CN-8", "SUGGESTED_MATCH", "R2|TEA"), ("CN-7", "EXTRA_IN_ERP", ""),
        ("PS-9", "EXTRA_IN_ERP", ""), ("", "MISSING_IN_ERP", "")}


def test_errors_that_cancel_in_every_total_are_named(tmp_path: Path) -> None:
    other = {"line": "R1|CUP", "item": "CUP", "net": "5.00"}
    records = [CREDIT | {"net": "5.00"}, STOCK, CREDIT | other | {"net": "8.50"}, STOCK | other | {"net": ""}]

    proof, found = proved(tmp_path, [LINE, LINE | other], records)

    assert proof.credit_difference == 0
    assert {(each.line, each.kind, each.other) for each in found} == {
        ("R1|TEA", "SWAPPED_AMOUNTS", "R1|CUP"), ("R1|CUP", "SWAPPED_AMOUNTS", "R1|TEA")}


def test_items_that_were_swapped_where_they_were_received_are_named_by_each_other_too(tmp_path: Path) -> None:
    other = {"line": "R1|CUP", "item": "CUP"}
    records = [CREDIT, STOCK | {"item": "CUP"}, CREDIT | other | {"document": "CN-2"}, STOCK | other | {"item": "TEA"}]

    _, found = proved(tmp_path, [LINE, LINE | other], records)

    assert {(each.line, each.kind, each.other) for each in found} == {
        ("R1|TEA", "SWAPPED_ITEMS", "R1|CUP"), ("R1|CUP", "SWAPPED_ITEMS", "R1|TEA")}


def test_a_free_text_credit_that_names_no_item_is_known_by_customer_and_amount(tmp_path: Path) -> None:
    waiting = LINE | {"line": "R2|TEA", "customer": "10002"}
    free = CREDIT | {"line": "", "item": "", "units": "", "sale": "", "document": "FTI-1"}

    _, found = proved(tmp_path, [LINE, waiting], [CREDIT, STOCK, free, free | {"customer": "10002", "document": "FTI-2"},
                                                  free | {"net": "8.49", "document": "FTI-3"}])

    assert {(each.document, each.kind, each.other) for each in found if each.document} == {
        ("FTI-1", "DUPLICATE_BY_HAND", "R1|TEA"), ("FTI-2", "SUGGESTED_MATCH", "R2|TEA"), ("FTI-3", "EXTRA_IN_ERP", "")}


def test_a_credit_note_that_lost_its_lines_and_our_mark_with_them_belongs_to_none_of_ours_and_is_found(tmp_path: Path) -> None:
    empty = CREDIT | {"line": "", "item": "", "units": "", "net": "", "tax": "", "status": "empty", "document": "CN-7"}

    proof, found = proved(tmp_path, [LINE], [CREDIT, STOCK, empty])

    assert [(each.document, each.kind, each.amount) for each in found] == [("CN-7", "POSTED_WITHOUT_LINES", D(0))]
    assert (proof.orphans, proof.broken) == (1, 0)


def test_of_ten_thousand_clean_documents_none_is_called_anything(tmp_path: Path) -> None:
    def each(number: int) -> tuple[Row, list[Row], Row]:
        name, net, tax = f"R{number}|TEA", D(1 + number % 900), D(number % 900) / 5
        told = {"line": name, "net": net, "tax": tax, "customer": f"{number % 4000}", "sale": f"{500000 + number}", "units": 1 + number % 3}
        line = LINE | told | {"announced": 1 + number % 3, "stocked": 1 + number % 3, "sellable": 1 + number % 3}
        credit = CREDIT | told | {"document": f"CN-{number // 2}", "voucher": f"V{number // 2}"}
        stock = STOCK | {"line": name, "document": f"PS-{number}", "units": 1 + number % 3, "sellable": 1 + number % 3}
        booked = LEDGER | {"voucher": f"V{number // 2}", "net": net}
        return line, [credit, stock, booked], {"kind": "payment", "pays": f"R{number}", "provider": "card", "reference": f"P{number}",
                                               "status": "paid", "currency": "GBP", "amount": net + tax, "day": "2026-10-08"}

    lines, records, paid = zip(*map(each, range(10_000)), strict=True)
    files = [extract(tmp_path, name, columns, rows) for name, columns, rows in (
        ("accepted", ACCEPTED, lines), ("records", RECORDS, [row for rows in records for row in rows]), ("payouts", PAYOUTS, paid))]
    with Books(*files[:2]) as books:
        proof = prove(books, DAY, TIGHT)
        told = prove_payments(books, files[2], DAY, D(0), Waits())

        assert (list(books.found()), proof.proved, proof.in_timing, proof.orphans) == ([], 10_000, 0, 0)
        assert (told["count"], told["matched"], told["by_class"], told["awaited"]) == (10_000, 10_000, {}, {})
        assert {proof.stock_difference, proof.credit_difference, proof.ledger_difference} == {D(0)}


def test_a_line_that_stands_twice_in_an_extract_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"line 'R1\|TEA' stands 2 times"):
        proved(tmp_path, [LINE, LINE], [CREDIT, STOCK])


def test_equal_rows_cancel_neither_each_other_nor_those_of_another_side(tmp_path: Path) -> None:
    three = {"line": "R2|TEA"}  # under an exclusive or, two of three equal credit notes would cancel
    records = [CREDIT, STOCK, *[CREDIT | three] * 3, STOCK | three, *[STOCK | {"line": "R3|TEA"}] * 2]

    _, found = proved(tmp_path, [LINE, LINE | three, LINE | {"line": "R3|TEA"}], records)

    assert [(each.line, each.kind) for each in found] == [("R2|TEA", "DUPLICATE_CREDIT"), ("R3|TEA", "RECEIVED_TWICE")]


def test_the_first_pass_lets_go_of_what_is_plainly_right_although_columns_are_empty(tmp_path: Path) -> None:
    files = [extract(tmp_path, name, columns, rows) for name, columns, rows in (
        ("accepted", ACCEPTED, [LINE, LINE | {"line": "R2|TEA", "expected_on": "2026-10-06"},
                                LINE | {"line": "R3|TEA", "expected_on": "2026-10-07"}, LINE | {"line": "R4|TEA", "due_on": "2026-10-05"},
                                LINE | {"line": "R5|TEA", "accepted_on": "2026-10-07"}]),
        ("records", RECORDS, [row | {"line": f"R{number}|TEA"} for number in range(1, 6) for row in (CREDIT, STOCK)]))]
    with Books(*files) as books:
        prove(books, DAY, TIGHT)

        assert [line for line, in books.rows("SELECT line FROM verdicts ORDER BY line")] == ["R3|TEA", "R4|TEA", "R5|TEA"]


def test_a_line_that_stands_twice_is_refused_although_its_records_stand_twice_as_well(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"line 'R1\|TEA' stands 2 times in what was accepted"):
        proved(tmp_path, [LINE] * 2, [CREDIT, STOCK] * 2)


def test_a_value_that_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"8,50"):
        proved(tmp_path, [LINE | {"net": "8,50"}], [CREDIT, STOCK])


def test_a_file_without_a_needed_column_or_that_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("line,units\n1,2\n", encoding="utf-8")
    (tmp_path / "bad.parquet").write_text("no table", encoding="utf-8")

    with pytest.raises(Misconfigured, match="no column net"):
        Books(str(tmp_path / "bad.csv"), str(tmp_path / "bad.csv"))
    with pytest.raises(Misconfigured, match="cannot be read as accepted"):
        Books(str(tmp_path / "bad.parquet"), "")
    with pytest.raises(Misconfigured, match="cannot be read as accepted"):
        Books(str(tmp_path / "nowhere.csv"), "")


def test_more_lines_than_are_named_one_by_one_are_judged_as_few_are(tmp_path: Path) -> None:
    lines = [LINE | {"line": f"R{number}|TEA"} for number in range(FEW + 2)]
    right = [row | {"line": "R0|TEA"} for row in (CREDIT, STOCK)]  # the one that is plainly right is not looked at again
    shown = [*right, CREDIT | {"line": "R1|TEA", "net": "9.50"}, STOCK | {"line": "R1|TEA"}]

    with Books(extract(tmp_path, "accepted", ACCEPTED, lines), extract(tmp_path, "records", RECORDS, shown)) as books:
        proof = prove(books, DAY, TIGHT)
        judged = books.one("SELECT count(*), count(*) FILTER (line = 'R0|TEA') FROM verdicts")

    assert judged == (FEW + 1, 0)
    assert proof.by_class == {"WRONG_AMOUNT": (1, D("1.00")), "MISSING_IN_ERP": (FEW, FEW * D("-8.50"))}


def test_what_is_no_amount_of_memory_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"cannot begin with 'much' of memory.*Say an amount like 700MB"):
        Books("accepted.csv", "records.csv", memory="much")


def test_what_the_engine_spills_lies_where_nobody_works_and_goes_when_it_is_done(tmp_path: Path) -> None:
    with Books(extract(tmp_path, "accepted", ACCEPTED, [LINE]), extract(tmp_path, "records", RECORDS, [CREDIT, STOCK])) as books:
        place = Path(books.one("SELECT current_setting('temp_directory')")[0])
        there = place.is_dir()

    assert there
    assert Path.cwd() not in [place, *place.parents]
    assert not place.exists()


def test_what_was_found_is_saved_for_a_spreadsheet_and_for_another_engine(tmp_path: Path) -> None:
    lines = extract(tmp_path, "a", ACCEPTED, [LINE])
    records = extract(tmp_path, "r", RECORDS, [CREDIT | {"net": "9.50", "tax": "0"}, STOCK])

    with Books(lines, records) as books:
        prove(books, DAY, TIGHT)
        books.save(str(tmp_path / "found.csv"))
        books.save(str(tmp_path / "found.parquet"))

    assert (tmp_path / "found.csv").read_text(encoding="utf-8").splitlines()[1] == 'R1|TEA,WRONG_AMOUNT,1.0000,CN-1,"",""'
    assert (tmp_path / "found.parquet").read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize(("name", "why"), [
    ("found.xlsx", "'.*found.xlsx' is neither"), ("none/found.csv", "the report cannot be written to")])
def test_a_report_that_cannot_be_written_is_refused_by_name(name: str, why: str, tmp_path: Path) -> None:
    with Books(extract(tmp_path, "accepted", ACCEPTED, [LINE]), extract(tmp_path, "records", RECORDS, [])) as books:
        prove(books, DAY, TIGHT)
        with pytest.raises(Misconfigured, match=why):
            books.save(str(tmp_path / name))


def test_an_extract_that_has_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("line,units,net,net\nR1|TEA,2,8.50,9.50\n", encoding="utf-8")

    with pytest.raises(Misconfigured, match="has the column net more than once"):
        Books(str(tmp_path / "twice.csv"), extract(tmp_path, "records", RECORDS, [CREDIT]))


# --- the engine against the reference

LINES = 200
DAYS = (None, date(2026, 10, 4), date(2026, 10, 6), date(2026, 10, 6), date(2026, 10, 13), date(2026, 11, 2))
AMOUNTS = (None, D("0"), D("4.25"), D("8.50"), D("8.50"), D("8.51"), D("-8.50"), D("17.00"))
PERIODS = (None, "2026-10", "2026-10", "2026-10", "2026-11")


def some_words(chance: Random) -> dict[str, Any]:
    return {name: chance.choices([None, "X", "Y"], [1, 12, 1])[0] for name in WORDS}


def some_accepted(chance: Random) -> dict[str, Any]:
    pick = chance.choice
    return {**some_words(chance), "fee": pick([True, False]), "announced": pick([None, D(2), D(4)]),
            "units": pick([D(0), D(2), D(2), D(2), D(-2)]),
            "stocked": pick([D(0), D(2), D(2)]), "sellable": pick([None, D(0), D(2)]), "scrapped": pick([D(0), D(1)]),
            "net": pick([D("8.50"), D("8.50"), D("4.25"), D("8.51")]), "tax": pick(AMOUNTS), "cost": pick(AMOUNTS),
            "accepted_on": pick(DAYS),
            "expected_on": pick(DAYS), "due_on": pick(DAYS), "period": pick(PERIODS), "account": pick([None, "4030", "4031"])}


def some_record(chance: Random) -> dict[str, Any]:
    pick, side = chance.choice, chance.choices(["credit", "stock", "loss"], [5, 5, 1])[0]
    key = f"R{chance.randrange(LINES)}"
    return {**some_words(chance), "entity": None, "side": side, "line": key, "document": "D",
            "units": pick([D(0), D(1), D(2), D(2), D(-2), D(4)]),
            "status": chance.choices(["posted", "draft", "reversed", "empty"], [9, 1, 1, 1])[0], "sellable": pick([None, D(0), D(2)]),
            "voucher": f"V{chance.randrange(LINES // 3)}" if side == "credit" and chance.random() < 0.8 else "", "net": pick(AMOUNTS),
            "tax": pick(AMOUNTS), "cost": pick(AMOUNTS), "posted_on": pick(DAYS), "period": pick(PERIODS)}


def reference(accepted: Mapping[str, Row], records: list[dict[str, Any]], held: Mapping[str, Row],
              booked: Mapping[str, tuple[Decimal, Decimal | None]] | None, tolerance: Tolerance) -> list[Verdict]:
    """Say of every line what `classify` says of it."""
    sides: dict[tuple[str, str], list[Record]] = {}
    vouchers: dict[str, dict[str, Decimal]] = {}
    for row in records:
        told = {name: row[name] for name in ("units", "sellable", "net", "tax", "cost", "posted_on", "period")}
        sides.setdefault((row["side"], row["line"]), []).append(Record(status=Status(row["status"]), words=words(row), **told))
        if row["side"] == "credit" and row["status"] == "posted":
            lines = vouchers.setdefault(row["voucher"], {})
            lines[row["line"]] = lines.get(row["line"], D(0)) + (row["net"] or D(0))
    short: dict[str, Decimal] = {}
    for voucher, credited in vouchers.items() if booked is not None else ():
        for key, lacks in lacking(credited, *(booked or {}).get(voucher, (None, None)),
                                  {line: row["net"] for line, row in accepted.items()}).items():
            short[key] = short.get(key, D(0)) + lacks
    return [classify(Line(
        key=key, accepted=expected(accepted[key]) if key in accepted else None, lacking=short.get(key),
        stock=gather(sides.get(("stock", key), ())), credit=gather(sides.get(("credit", key), ())),
        loss=gather(sides.get(("loss", key), ())),
        held=Held(held[key]["state"]) if key in held else None, read_back=held[key]["read_back"] if key in held else None), DAY, tolerance)
        for key in sorted({*accepted, *held, *(line for _, line in sides)})]


def words(row: Row) -> Words:
    return Words(**{name: row[name] for name in WORDS})


def expected(row: Row) -> Accepted:
    return Accepted(words=words(row), **{name: row[name] for name in ACCEPTED if name not in {"line", *WORDS}})


ROWS = Tolerance(net=D("0"), tax=D("0.01"), rounding=D("0.05"), books={"X": "X", "Y": "X"}, rows=tuple(
    ToleranceRow(measure=measure, amount=D(amount), currency=currency, entity=entity, account=account, since=since)
    for measure, amount, currency, entity, account, since in (
        (Measure.NET, "0.01", "X", "", "", None), (Measure.NET, "5", "X", "X", "4030", date(2026, 10, 6)),
        (Measure.NET, "0", "X", "", "4031", None), (Measure.TAX, "9", "Y", "", "", date(2026, 10, 5)),
        (Measure.TAX, "4.25", "X", "", "4031", None), (Measure.COST, "4.5", "X", "", "", None),
        (Measure.COST, "20", "X", "Y", "", date(2026, 10, 13)), (Measure.ROUNDING, "1", "X", "", "", None))))
"""Rows of every kind: of all companies or one, of all accounts or one, since ever or since a day."""


def some_world(seed: int, *, third: bool) -> tuple[dict[str, Row], list[Row], dict[str, Row], dict[str, tuple[Decimal, Decimal | None]]]:
    """Make up lines, records, what is believed of some lines, and what the ledger holds of each voucher: its net and what it takes off."""
    chance = Random(seed)
    accepted = {f"R{number}": some_accepted(chance) for number in range(LINES) if chance.random() < 0.95}
    records = [some_record(chance) for _ in range(3 * LINES)]
    held = {f"R{chance.randrange(LINES)}": {"state": chance.choice(["draft", "unconfirmed", "waiting", "posted", "posted"]),
                                            "read_back": chance.choice(AMOUNTS)} for _ in range(LINES // 4 if third else 0)}
    booked = {f"V{number}": (chance.choice([D(0), D("8.50"), D(17)]), chance.choice([None, None, D("8.50"), D(17)]))
              for number in range(LINES // 3) if chance.random() < 0.8}
    return accepted, records, held, booked


def entries(booked: Mapping[str, tuple[Decimal, Decimal | None]]) -> list[Row]:
    """Give the ledger's entries of vouchers."""
    return [{"side": "ledger", "voucher": voucher, "net": net, "against": against, "status": "posted"}
            for voucher, (net, against) in booked.items()]


def written(folder: Path, accepted: Mapping[str, Row], records: Iterable[Row], held: Mapping[str, Row]) -> list[str]:
    """Write a world as extracts."""
    return [extract(folder, name, columns, rows) for name, columns, rows in (
        ("accepted", ACCEPTED, ({**row, "line": key} for key, row in accepted.items())), ("records", RECORDS, records),
        ("held", HELD, ({**row, "line": key} for key, row in held.items())))]


@settings(max_examples=3, deadline=None)
@example(seed=1, ledger=True, third=False, rows=False)
@example(seed=2, ledger=False, third=True, rows=True)
@given(seed=st.integers(min_value=0), ledger=st.booleans(), third=st.booleans(), rows=st.booleans())
def test_the_engine_says_of_every_line_what_the_reference_says(*, seed: int, ledger: bool, third: bool, rows: bool) -> None:
    accepted, records, held, booked = some_world(seed, third=third)
    with TemporaryDirectory() as folder:
        files = written(Path(folder), accepted, [*records, *(entries(booked) if ledger else ())], held)
        with Books(*files) as books:
            proof = prove(books, DAY, tolerance := ROWS if rows else TIGHT)
            told = {line: (standing, tuple((each["kind"], each["amount"]) for each in wrong), why if standing == "timing" else "",
                           tuple((each["measure"], each["amount"], each["row"]) for each in let_go))
                    for line, standing, wrong, why, let_go in books.rows("SELECT line, standing, wrong, why, let_go FROM verdicts")}

    wanted = reference(accepted, records, held, booked if ledger else None, tolerance)

    for verdict in wanted:
        said = (verdict.standing.value, tuple((each.kind, each.amount) for each in verdict.discrepancies), verdict.why,
                tuple((each.measure.value, each.amount, each.row) for each in verdict.let_go))
        assert told.get(verdict.key, ("proved", (), "", ())) == said, verdict.key
    assert proof.within == sum(verdict.standing is Standing.PROVED and bool(verdict.let_go) for verdict in wanted)
    assert sum(each.count for each in proof.let_go.values()) == sum(len(verdict.let_go) for verdict in wanted)
    standings = [verdict.standing.value for verdict in wanted if verdict.key in accepted]
    assert (proof.proved, proof.in_timing, proof.broken) == tuple(standings.count(name) for name in ("proved", "timing", "broken"))
