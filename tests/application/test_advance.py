"""Is a proof that goes on from the last one the proof of everything, row by row and figure by figure?"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backhaul.application.advance import Arrived, History, advance
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


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_goes_on_says_what_a_full_run_says_day_after_day(tmp_path: Path, seed: int) -> None:
    shop, history = Shop(seed), str(tmp_path / "history.duckdb")
    for number in range(9):
        day = FIRST + timedelta(days=number)
        changed = shop.live(day) if number != 6 else {"lines": set[str](), "strays": set[str](), "ledger": set[str]()}
        arrived = Arrived(**shop.written(tmp_path, f"new{number}", changed), gone=sorted(changed["lines"]),
                          gone_documents=sorted(changed["strays"]), gone_vouchers=sorted(changed["ledger"]))
        tolerance = LOOSE if number == 7 else TIGHT  # what may differ changes for a day, and everything is judged anew

        with History(history) as grown:
            onward = told(grown, advance(grown, arrived, day, tolerance))
        with Books(*shop.written(tmp_path, "all").values()) as books:
            whole = told(books, prove(books, day, tolerance))

        assert onward == whole, f"day {number}"


def test_a_clock_that_ran_out_is_seen_although_nothing_came(tmp_path: Path) -> None:
    line = {"line": "R1|L", "units": D(1), "net": D(5), "due_on": FIRST, "stocked": D(0)}
    write("accepted", [line], str(tmp_path / "a.parquet"))

    with History(str(tmp_path / "history.duckdb")) as history:
        before = advance(history, Arrived(accepted=str(tmp_path / "a.parquet")), FIRST, TIGHT)
    with History(str(tmp_path / "history.duckdb")) as history:
        after = advance(history, Arrived(), FIRST + timedelta(days=1), TIGHT)

    assert (before.in_timing, before.broken) == (1, 0)
    assert after.by_class == {"MISSING_IN_ERP": (1, D(-5))}


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
