"""Is the share of a legal entity in a proof what the proof of its rows alone would say, and do the shares add up to the whole?"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backhaul.application.extracts import write
from backhaul.application.reconcile import Books, Proof, prove
from backhaul.domain.tolerance import Tolerance

D = Decimal
DAY = date(2026, 10, 31)
Row = dict[str, Any]
OF = {"gb01": ("GBP", "EUR"), "ie01": ("EUR",)}


def proved(folder: Path, name: str, sides: dict[str, list[Row]]) -> Proof:
    paths = {side: str(folder / f"{name}-{side}.parquet") for side in ("accepted", "records", "held")}
    for side, path in paths.items():
        write(side, sides.get(side, []), path)
    with Books(*paths.values()) as books:
        return prove(books, DAY, Tolerance())


def some_line(chance: Random, entity: str, number: int) -> dict[str, list[Row]]:
    """Give a line of a legal entity with what became of it; it may be right, late, wrong, credited twice or not at all."""
    currency, net = chance.choice(OF[entity]), D(chance.choice(["8.50", "4.25", "19.00"]))
    day = date(2026, 10, chance.randrange(1, 28))
    line = {"line": f"{entity}-{number}|L", "entity": entity, "currency": currency, "units": D(2), "stocked": D(2), "net": net,
            "accepted_on": day, "due_on": day + timedelta(days=6)}
    if chance.random() < 0.1:
        line["line"] = ""
    about: Row = {"line": line["line"], "entity": entity, "status": chance.choices(["posted", "draft"], [9, 1])[0], "units": D(2),
                  "document": f"D{entity}{number}", "posted_on": day}
    credit = about | {"side": "credit", "currency": chance.choice([currency, currency, None]) if line["line"] else currency,
                      "net": chance.choice([net, net, net, net + 1, net - 1]), "voucher": f"V{entity}{number}"}
    stock = about | {"side": "stock", "units": chance.choice([D(2), D(2), D(2), D(1)])}
    booked = {"side": "ledger", "entity": entity, "voucher": credit["voucher"], "status": "posted",
              "net": chance.choice([net, net, net - 1])}
    records = [each for each in (credit, credit, stock, booked) if chance.random() < (0.3 if each is credit else 0.85)]
    return {"accepted": [line] if line["line"] else [], "records": records}


def joined(parts: Iterable[dict[str, list[Row]]]) -> dict[str, list[Row]]:
    told: dict[str, list[Row]] = {"accepted": [], "records": [{"side": "ledger", "status": "posted", "voucher": "", "net": D(0)}]}
    for part in parts:
        for side, rows in part.items():
            told[side] += rows
    return told


@pytest.mark.parametrize("seed", range(3))
def test_the_share_of_a_legal_entity_is_the_proof_of_its_rows_alone(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    lines = {entity: [some_line(chance, entity, number) for number in range(60)] for entity in OF}

    whole = proved(tmp_path, "all", joined(line for mine in lines.values() for line in mine))
    alone = {entity: proved(tmp_path, entity, joined(mine)) for entity, mine in lines.items()}

    for entity, own in alone.items():
        share = whole.entities[entity]
        assert share == own.entities[entity]
        assert (share.lines, share.proved, share.in_timing, share.broken, share.orphans) == (
            own.lines, own.proved, own.in_timing, own.broken, own.orphans)
        assert share.stock_difference == own.stock_difference
        assert sum(share.credit_difference.values()) == own.credit_difference
        assert sum(share.ledger_difference.values()) == own.ledger_difference
        assert {kind: (count, sum(amounts.values())) for kind, (count, amounts) in share.by_class.items()} == own.by_class
    assert set(whole.entities["gb01"].credit_difference) == {"GBP", "EUR"}
    assert set(whole.entities["gb01"].ledger_difference) == {"GBP", "EUR", ""}, "a voucher nobody credited by names no currency"
    assert all((whole.in_timing, whole.broken, whole.orphans))


@pytest.mark.parametrize("seed", range(3))
def test_the_shares_add_up_to_what_the_rows_come_to(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    sides = joined(some_line(chance, entity, number) for entity in OF for number in range(60))

    proof = proved(tmp_path, "all", sides)

    posted = [row for row in sides["records"] if row["status"] == "posted"]
    credited = sum(row["net"] for row in posted if row["side"] == "credit")
    booked = sum(row["net"] for row in posted if row["side"] == "ledger")
    timing = sum(amount for _, amount in proof.awaited.values())
    assert proof.credit_difference == credited - sum(row["net"] for row in sides["accepted"]) + timing
    assert proof.ledger_difference == booked - credited
    parts = proof.entities.values()
    assert (proof.lines, proof.proved, proof.broken) == tuple(sum(getattr(each, name) for each in parts)
                                                              for name in ("lines", "proved", "broken"))
    assert len(sides["accepted"]) == proof.lines
    assert sum((sum(each.ledger_difference.values(), D(0)) for each in parts), D(0)) == proof.ledger_difference


def test_what_one_company_could_not_read_leaves_the_other_complete() -> None:
    proof = Proof(reasons=("ie01: nobody answers", "two messages wait"), about={"ie01": ("ie01: nobody answers",)})
    other = Proof(reasons=("ie01: nobody answers",), about={"ie01": ("ie01: nobody answers",)})

    assert (proof.reasons_of("gb01"), proof.reasons_of("ie01")) == (("two messages wait",), proof.reasons)
    assert other.reasons_of("gb01") == ()
