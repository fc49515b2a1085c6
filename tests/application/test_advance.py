"""Is a proof that goes on from the last one the proof of everything, row by row and figure by figure?"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from backhaul.application.advance import SUMS, Arrived, History, advance
from backhaul.application.extracts import write
from backhaul.application.reconcile import Books, Proof, prove
from backhaul.domain.errors import Misconfigured
from backhaul.domain.tolerance import Tolerance

D = Decimal
FIRST = date(2026, 10, 1)
LOOSE, TIGHT = Tolerance(net=D("0.05"), tax=D("0.05")), Tolerance()
Row = dict[str, Any]


class Shop:
    """A shop and its ERP that live day by day; what changed of them is written as it would arrive."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.lines: dict[str, dict[str, list[Row]]] = {}
        self.strays: dict[str, list[Row]] = {}
        self.ledger: dict[str, list[Row]] = {}

    def live(self, day: date) -> dict[str, set[str]]:
        """Let a day pass: lines come, are posted, change and go; so do records without a mark, and the ledger."""
        changed: dict[str, set[str]] = {"lines": set(), "strays": set(), "ledger": set()}
        for number in range(6):
            changed["lines"].add(name := f"R{day.day}-{number}|L")
            self.lines[name] = self.line(name, day)
        for name in self.chance.sample(sorted(self.lines), 4):
            changed["lines"].add(name)
            self.lines[name] = {} if self.chance.random() < 0.1 else self.line(name, day - timedelta(days=self.chance.randrange(5)))
        for number in self.chance.sample(range(6), 2):
            changed["strays"].add(name := f"S{number}")
            side = self.chance.choice(["credit", "stock"])
            self.strays[name] = [] if self.chance.random() < 0.3 else [self.record(side, "", day, document=name)]
        for voucher in self.chance.sample(range(9), 4):
            changed["ledger"].add(name := f"V{voucher}")
            net = sum((row["net"] for sides in self.lines.values() for row in sides.get("records", ()) if row["voucher"] == name
                       and row["side"] == "credit" and row["status"] == "posted"), D(0))
            self.ledger[name] = [] if self.chance.random() < 0.2 else [
                {"side": "ledger", "voucher": name, "entity": "gb01", "net": self.chance.choice([net, net, net + 1]), "units": D(0),
                 "status": "posted", "against": self.chance.choice([None, net])}]
        return changed

    def line(self, name: str, day: date) -> dict[str, list[Row]]:
        chance, net = self.chance, D(self.chance.choice(["8.50", "4.25"]))
        accepted = {"line": name, "entity": chance.choice(["gb01", "ie01"]),
                    "item": chance.choice(["TEA", "CUP"]), "customer": chance.choice(["1", "2"]),
                    "units": D(2), "stocked": chance.choice([D(2), D(2), D(0)]), "net": net, "tax": D("1.70"), "accepted_on": day,
                    "due_on": day + timedelta(days=3), "currency": chance.choice(["GBP", "EUR"]), "fee": False, "scrapped": D(0)}
        records = [self.record(side, name, day, accepted) for side in ("credit", "credit", "stock", "loss")
                   if chance.random() < {"credit": 0.45, "stock": 0.8, "loss": 0.05}[side]]
        held = [{"line": name, "state": chance.choice(["draft", "unconfirmed", "posted", "waiting"]), "read_back": net}]
        return {"accepted": [accepted] if chance.random() < 0.95 else [], "records": records, "held": held if chance.random() < 0.4 else []}

    def record(self, side: str, name: str, day: date, told: Mapping[str, Any] | None = None, document: str = "") -> Row:
        chance, accepted = self.chance, told or {}
        net = accepted.get("net", D("8.50"))
        return {"side": side, "line": name, "document": document or f"D{chance.randrange(9)}", "voucher": f"V{chance.randrange(9)}",
                "entity": chance.choice([accepted["entity"], None]) if accepted else "gb01",
                "status": chance.choices(["posted", "draft", "reversed"], [12, 1, 1])[0],
                "units": chance.choice([D(2)] * 9 + [D(1)]), "item": accepted.get("item", "TEA"),
                "customer": accepted.get("customer", "1"), "currency": chance.choice([accepted["currency"], None]) if accepted else "GBP",
                "net": chance.choice([net] * 9 + [net + D("0.03"), net + 1, net - 1]), "tax": D("1.70"), "cost": D(3),
                "posted_on": day + timedelta(days=chance.randrange(3)), "warehouse": None}

    def written(self, folder: Path, name: str, only: Mapping[str, set[str]] | None = None) -> dict[str, str]:
        """Write what there is, or only what changed, as extracts."""
        chosen = [sides for line, sides in self.lines.items() if only is None or line in only["lines"]]
        sides = {side: [row for each in chosen for row in each.get(side, ())] for side in ("accepted", "records", "held")}
        sides["records"] += [row for key, rows in self.strays.items() if only is None or key in only["strays"] for row in rows]
        sides["records"] += [row for key, rows in self.ledger.items() if only is None or key in only["ledger"] for row in rows]
        paths = {side: str(folder / f"{name}-{side}.parquet") for side in sides}
        for side, path in paths.items():
            write(side, sides[side], path)
        return paths


def told(books: Books, proof: Proof) -> tuple[Any, ...]:
    """Say everything a run says: its figures, what it found, and every line that is not proved with what it waits for."""
    waiting = books.engine.execute("SELECT line, standing, why, since, document, net, credited, units_awaited FROM verdicts "
                                   "WHERE standing <> 'proved' ORDER BY line").fetchall()
    figures = {name: value for name, value in asdict(proof).items() if name != "reasons"}
    return figures, sorted(books.found(), key=repr), waiting


@pytest.mark.parametrize(("seed", "few"), [(0, 1000), (1, 1000), (2, 0)])
def test_a_run_that_goes_on_says_what_a_full_run_says_day_after_day(tmp_path: Path, seed: int, few: int) -> None:
    shop, history = Shop(seed), str(tmp_path / "history.duckdb")
    for number in range(9):
        day = FIRST + timedelta(days=number)
        changed = shop.live(day) if number != 6 else {"lines": set[str](), "strays": set[str](), "ledger": set[str]()}
        arrived = Arrived(**shop.written(tmp_path, f"new{number}", changed), gone=sorted(changed["lines"]),
                          gone_documents=sorted(changed["strays"]), gone_vouchers=sorted(changed["ledger"]))
        tolerance = LOOSE if number == 7 else TIGHT  # what may differ changes for a day, and everything is judged anew

        with History(history, few=few) as grown:
            onward = told(grown, advance(grown, arrived, day, tolerance))
        with Books(*shop.written(tmp_path, "all").values()) as books:
            whole = told(books, prove(books, day, tolerance))
        with History(history) as grown:
            both = grown.one("SELECT count(*), count(DISTINCT line) FROM whole_accepted")

        there = sum(len(sides["accepted"]) for sides in shop.lines.values() if sides)
        assert onward == whole, f"day {number}"
        assert both == (there, there), f"day {number}"


def test_a_clock_that_ran_out_is_seen_although_nothing_came(tmp_path: Path) -> None:
    line = {"line": "R1|L", "units": D(1), "net": D(5), "due_on": FIRST, "stocked": D(0)}
    write("accepted", [line], str(tmp_path / "a.parquet"))

    with History(str(tmp_path / "history.duckdb")) as history:
        before = advance(history, Arrived(accepted=str(tmp_path / "a.parquet")), FIRST, TIGHT)
    with History(str(tmp_path / "history.duckdb")) as history:
        after = advance(history, Arrived(), FIRST + timedelta(days=1), TIGHT)

    assert (before.in_timing, before.broken) == (1, 0)
    assert after.by_class == {"MISSING_IN_ERP": (1, D(-5))}


def test_a_word_that_is_told_for_the_first_time_is_compared_from_then_on_and_breaks_nothing_before(tmp_path: Path) -> None:
    first = tmp_path / "accepted1.csv", tmp_path / "records1.csv"
    first[0].write_text("line,units,net\nR1|L,1,5\nR2|L,1,5\n")
    first[1].write_text("side,status,line,units,net\ncredit,posted,R1|L,1,5\n")
    later = tmp_path / "accepted2.csv", tmp_path / "records2.csv"
    later[0].write_text("line,units,net,tax_code,tax\nR3|L,1,5,STD,1\nR4|L,1,5,STD,1\n")
    later[1].write_text("side,status,line,units,net,tax_code,tax\ncredit,posted,R3|L,1,5,STD,1\ncredit,posted,R4|L,1,5,ZERO,0\n")
    history = str(tmp_path / "history.duckdb")

    with History(history) as grown:
        advance(grown, Arrived(accepted=str(first[0]), records=str(first[1])), FIRST, TIGHT)
        narrow = grown.told["records"]
    with History(history) as grown:
        onward = told(grown, advance(grown, Arrived(accepted=str(later[0]), records=str(later[1])), FIRST, TIGHT))
    with Books([str(first[0]), str(later[0])], [str(first[1]), str(later[1])]) as books:
        whole = told(books, prove(books, FIRST, TIGHT))

    assert onward == whole
    assert onward[0]["by_class"] == {"WRONG_TAX_CODE": (1, D(5))}
    assert (onward[0]["proved"], onward[0]["in_timing"]) == (2, 1)
    assert not narrow & {"tax", "tax_code"}, "what nobody told is not kept"


def test_what_is_proved_is_not_judged_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        line = {"line": f"{name}|L", "units": D(1), "net": D(5), "stocked": D(0)}
        write("accepted", [line], str(tmp_path / f"{name}-a.parquet"))
        write("records", [{"side": "credit", "status": "posted", **line}], str(tmp_path / f"{name}-r.parquet"))
    with History(str(tmp_path / "history.duckdb")) as history:
        advance(history, Arrived(accepted=str(tmp_path / "one-a.parquet"), records=str(tmp_path / "one-r.parquet")), FIRST, TIGHT)
        advance(history, Arrived(accepted=str(tmp_path / "two-a.parquet"), records=str(tmp_path / "two-r.parquet")), FIRST, TIGHT)
        judged = history.one("SELECT count(*) FROM kept.open_accepted")[0]
        proof = advance(history, Arrived(), FIRST, TIGHT)

    assert (judged, proof.lines, proof.proved, proof.credit_difference) == (0, 2, 2, D(0))


def test_what_cannot_be_read_changes_nothing_of_the_history(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("line,units,net\nR1|L,two,5\n", encoding="utf-8")
    line = {"line": "R1|L", "units": D(1), "net": D(5), "stocked": D(0)}
    write("accepted", [line], str(tmp_path / "a.parquet"))

    with History(str(tmp_path / "history.duckdb")) as history:
        advance(history, Arrived(accepted=str(tmp_path / "a.parquet")), FIRST, TIGHT)
        with pytest.raises(Misconfigured, match="Mend the extract"):
            advance(history, Arrived(accepted=str(tmp_path / "bad.csv")), FIRST, TIGHT)
        proof = advance(history, Arrived(), FIRST, TIGHT)

    assert (proof.lines, proof.in_timing) == (1, 1)


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no history" * 1000, encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"notes\.txt cannot be opened as a history"):
        History(str(tmp_path / "notes.txt"))


def booked(folder: Path, name: str, lines: Mapping[str, str], ledger: Mapping[str, int]) -> dict[str, str]:
    """Write lines with the voucher of the credit note of each, and the ledger's entries."""
    accepted = [{"line": line, "entity": "gb01", "currency": "GBP", "units": D(1), "net": D(5), "stocked": D(0)} for line in lines]
    records = [{**each, "side": "credit", "status": "posted", "voucher": lines[each["line"]]} for each in accepted]
    records += [{"side": "ledger", "status": "posted", "entity": "gb01", "currency": "GBP", "voucher": voucher, "net": D(net),
                 "units": D(0)} for voucher, net in ledger.items()]
    write("accepted", accepted, str(folder / f"{name}-a.parquet"))
    write("records", records, str(folder / f"{name}-r.parquet"))
    return {"accepted": str(folder / f"{name}-a.parquet"), "records": str(folder / f"{name}-r.parquet")}


def test_a_proved_line_is_judged_again_when_another_leaves_its_voucher(tmp_path: Path) -> None:
    with History(str(tmp_path / "history.duckdb")) as history:
        advance(history, Arrived(**booked(tmp_path, "old", {"R1|L": "V1", "R2|L": "V1"}, {"V1": 10})), FIRST, TIGHT)
        proved = history.sums()["lines"]
        came = booked(tmp_path, "new", {"R1|L": "V2"}, {"V2": 5})
        onward = told(history, advance(history, Arrived(**came), FIRST, TIGHT))
    with Books(**booked(tmp_path, "all", {"R1|L": "V2", "R2|L": "V1"}, {"V1": 10, "V2": 5})) as books:
        whole = told(books, prove(books, FIRST, TIGHT))

    assert proved == 2
    assert onward == whole
    assert onward[0]["by_class"] == {"LEDGER_DIFFERS": (1, D(-5))}


def test_proved_lines_are_judged_again_when_their_ledger_entry_is_gone(tmp_path: Path) -> None:
    with History(str(tmp_path / "history.duckdb")) as history:
        old = booked(tmp_path, "old", {"R1|L": "V1", "R2|L": "V1", "R3|L": "V2"}, {"V1": 10, "V2": 5})
        advance(history, Arrived(**old), FIRST, TIGHT)
        onward = told(history, advance(history, Arrived(gone_vouchers=["V1"]), FIRST, TIGHT))
    with Books(**booked(tmp_path, "all", {"R1|L": "V1", "R2|L": "V1", "R3|L": "V2"}, {"V2": 5})) as books:
        whole = told(books, prove(books, FIRST, TIGHT))

    assert onward == whole
    assert onward[0]["by_class"] == {"LEDGER_MISSING": (2, D(10))}


def test_what_was_proved_before_any_ledger_came_is_held_against_it_once_one_comes(tmp_path: Path) -> None:
    lines = {"R1|L": "V1", "R2|L": "V2"}
    with History(str(tmp_path / "history.duckdb")) as history:
        before = advance(history, Arrived(**booked(tmp_path, "old", lines, {})), FIRST, TIGHT)
        onward = told(history, advance(history, Arrived(**booked(tmp_path, "new", {}, {"V1": 5})), FIRST, TIGHT))
    with Books(**booked(tmp_path, "all", lines, {"V1": 5})) as books:
        whole = told(books, prove(books, FIRST, TIGHT))

    assert before.proved == 2
    assert onward == whole
    assert onward[0]["by_class"] == {"LEDGER_MISSING": (1, D(5))}


def test_an_entry_without_a_credit_is_told_in_every_run_until_its_credit_comes(tmp_path: Path) -> None:
    with History(str(tmp_path / "history.duckdb")) as history:
        runs = [advance(history, arrived, FIRST, TIGHT) for arrived in (
            Arrived(**booked(tmp_path, "old", {"R1|L": "V1"}, {"V1": 5, "V2": 5})), Arrived(),
            Arrived(**booked(tmp_path, "new", {"R2|L": "V2"}, {})))]

    assert [each.by_class for each in runs] == [{"EXTRA_IN_ERP": (1, D(5))}, {"EXTRA_IN_ERP": (1, D(5))}, {}]
    assert runs[-1].proved == 2


def test_a_history_of_before_with_a_ledger_is_judged_anew_once(tmp_path: Path) -> None:
    with History(str(tmp_path / "history.duckdb")) as history:
        advance(history, Arrived(**booked(tmp_path, "old", {"R1|L": "V1", "R2|L": "V2"}, {"V1": 5, "V2": 5})), FIRST, TIGHT)
        history.run("UPDATE kept.proved_records SET net = 6 WHERE side = 'ledger' AND voucher = 'V1'")  # and nobody looked at its line
        history.run("ALTER TABLE kept.sums ADD COLUMN lines DECIMAL(38,4)")

    with History(str(tmp_path / "history.duckdb")) as history:
        proof = advance(history, Arrived(), FIRST, TIGHT)
        kept = history.judged_by

    assert (proof.lines, proof.by_class) == (2, {"LEDGER_DIFFERS": (1, D(-1))})
    assert kept.startswith("net 0")


def test_a_run_that_is_killed_leaves_the_history_as_it_was_or_as_it_would_have_been(tmp_path: Path) -> None:
    path, lines = tmp_path / "history.duckdb", 3000
    with History(str(path)) as history:
        advance(history, Arrived(**booked(tmp_path, "old", {"R1|L": "V1", "R2|L": "V1"}, {"V1": 10})), FIRST, TIGHT)
    vouchers = {f"R{number}|L": f"V{number}" for number in range(2, lines)}
    came = booked(tmp_path, "new", vouchers, {"V1": 5, **dict.fromkeys(vouchers.values(), 5)})
    program = """if True:
        import sys
        from datetime import date
        from backhaul.application.advance import Arrived, History, advance
        from backhaul.domain.tolerance import Tolerance
        with History(sys.argv[1]) as history:
            print("begun", flush=True)
            advance(history, Arrived(accepted=sys.argv[2], records=sys.argv[3]), date(2026, 10, 1), Tolerance())"""
    before = path.read_bytes()

    seen = set()
    for wait in (0.1, 0.3, 0.5, 0.7, 1, None):  # the last is not killed
        path.write_bytes(before)
        path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", program, str(path), *came.values()], stdout=subprocess.PIPE) as child:
            assert child.stdout
            assert child.stdout.readline() == b"begun\n"
            try:
                child.wait(wait)
            except subprocess.TimeoutExpired:
                child.kill()
        with History(str(path)) as history:
            seen.add((history.sums()["lines"], *history.one("SELECT count(*), count(DISTINCT line) FROM whole_accepted"),
                      *history.one("SELECT count(*) FROM whole_records WHERE voucher <> ''")))

    assert seen == {(2, 2, 2, 3), (lines - 1, lines - 1, lines - 1, 2 * lines - 2)}


def test_a_history_of_before_opens_and_its_figures_are_those_of_a_full_run(tmp_path: Path) -> None:
    def sides(name: str, entity: str, credited: str) -> tuple[Row, list[Row]]:
        line = {"line": name, "entity": entity, "currency": "GBP", "units": D(1), "net": D(5)}
        records = [line | {"side": "credit", "status": "posted", "net": D(credited)}, line | {"side": "stock", "status": "posted"}]
        return line | {"stocked": D(1), "due_on": FIRST}, records

    def files(name: str, *told: tuple[Row, list[Row]]) -> dict[str, str]:
        write("accepted", [line for line, _ in told], accepted := str(tmp_path / f"{name}-a.parquet"))
        write("records", [row for _, rows in told for row in rows], records := str(tmp_path / f"{name}-r.parquet"))
        return {"accepted": accepted, "records": records}

    before, came = [sides("R1|L", "gb01", "5"), sides("R2|L", "ie01", "5")], sides("R3|L", "gb01", "7")
    path = str(tmp_path / "history.duckdb")
    duckdb.connect(path).close()  # with blocks and groups of the engine's own size, as releases before wrote it
    with History(path) as history:
        advance(history, Arrived(**files("old", *before)), FIRST, TIGHT)
        assert history.sums()["lines"] == 2
        history.run("DROP TABLE kept.added")  # so did releases write it that knew neither shares nor accounts, and kept totals apart
        for name in SUMS:
            history.run(f"ALTER TABLE kept.sums ADD COLUMN {name} DECIMAL(38,4)")
        for part in ("open", "proved"):
            history.run(f"ALTER TABLE kept.{part}_accepted DROP COLUMN account")

    with History(path) as history:
        onward = told(history, advance(history, Arrived(**files("new", came)), FIRST, TIGHT))
    with Books(*files("all", *before, came).values()) as books:
        whole = told(books, prove(books, FIRST, TIGHT))

    assert set(onward[0]["entities"]) == {"gb01", "ie01"}
    assert onward == whole
