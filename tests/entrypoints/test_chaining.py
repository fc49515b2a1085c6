"""Do the files of a month say together what its sides are, whatever changed, and nothing of whom?"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from tests.application.test_advance import FIRST, TIGHT, Shop, told

from backhaul.application.advance import History, advance
from backhaul.application.extracts import SIDES
from backhaul.application.reconcile import Books, as_they_stand, prove
from backhaul.entrypoints.chaining import LINED, Chain, Grown, extend, sha256_of

D = Decimal
NAME = "of this test"
Row = dict[str, Any]
LINE: Row = {"line": "R1|1", "customer": "15834", "entity": "gb01", "units": D(1), "net": D(5), "stocked": D(0)}
CREDIT: Row = LINE | {"side": "credit", "status": "posted", "document": "CN-1", "voucher": "V-1"}


def begun(folder: Path) -> Chain:
    """Begin a chain that has no file yet."""
    folder.mkdir(exist_ok=True)
    return Chain(folder=folder, secret=NAME, links=dict.fromkeys(SIDES, ()))


def grown(chain: Chain, day: date = FIRST, **sides: Sequence[Row]) -> Grown:
    """Let a run find that the sides are these; it is not kept yet."""
    return extend(chain, {name: [dict(row) for row in sides.get(name, ())] for name in SIDES}, day)


def together(more: Grown, name: str) -> list[tuple[Any, ...]]:
    """Give what the files of a side say together."""
    files = more.files(name)
    with duckdb.connect() as engine:
        return engine.execute(f"SELECT {', '.join(SIDES[name])} FROM {as_they_stand(files)} ORDER BY ALL").fetchall() if files else []  # noqa: S608  our columns


def rows_of(shop: Shop) -> dict[str, list[Row]]:
    """Give everything there is of a shop and its ERP, by side."""
    sides = {name: [row for line in shop.lines.values() for row in line.get(name, ())] for name in ("accepted", "records", "held")}
    sides["records"] += [row for more in (shop.strays, shop.ledger) for rows in more.values() for row in rows]
    return sides


@pytest.mark.parametrize("seed", range(2))
def test_what_is_added_day_after_day_is_together_what_there_is_and_proves_the_same(tmp_path: Path, seed: int) -> None:
    shop, chain, chance = Shop(seed), begun(tmp_path / "chain"), Random(seed)
    for number in range(7):
        day = FIRST + timedelta(days=number)
        if number != 4:
            shop.live(day)
            for row in (row for rows in shop.ledger.values() for row in rows):
                row["entity"] = chance.choice(["gb01", "ie01"])  # the number of a voucher does not say whose it is
        sides = rows_of(shop)
        more, whole = grown(chain, day, **sides), grown(begun(tmp_path / f"whole-{number}"), day, **sides)

        with History(str(tmp_path / "history.duckdb")) as history:
            onward = told(history, advance(history, more.arrived, day, TIGHT))
        with History(str(tmp_path / f"anew-{number}.duckdb")) as history:
            anew = told(history, advance(history, more.whole, day, TIGHT))
        with Books(*(whole.files(name) for name in LINED)) as books:
            full = told(books, prove(books, day, TIGHT))
        more.keep()

        assert onward == anew == full, f"day {number}"
        assert all(together(Grown(chain=more.chain, arrived=more.arrived, lengths={}, begun={}), name) == together(whole, name)
                   for name in LINED), f"day {number}"
        assert all([*more.chain.links[name]][:len(before)] == [*before] for name, before in chain.links.items())
        chain = more.chain
    assert all(len(chain.links[name]) <= 6 for name in LINED), "on the fifth day nothing was new"


def test_a_run_in_which_nothing_is_new_adds_no_file(tmp_path: Path) -> None:
    first = grown(begun(tmp_path), accepted=[LINE], records=[CREDIT])
    first.keep()
    second = grown(first.chain, FIRST + timedelta(days=1), accepted=[LINE], records=[CREDIT])

    assert (second.chain.links, second.begun, second.arrived.gone) == (first.chain.links, {}, [])
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_run_that_was_not_kept_wrote_is_found_by_no_pattern_and_written_over(tmp_path: Path) -> None:
    chain = begun(tmp_path)
    grown(chain, accepted=[LINE])
    assert not list(tmp_path.glob("accepted-*"))

    second = grown(chain, accepted=[LINE | {"units": D(2)}])
    second.keep()

    (file,) = tmp_path.iterdir()
    assert [file.name.startswith("accepted-0001-2026-10-01-"), sha256_of(file)] == [True, second.chain.links["accepted"][0].sha256]


def test_an_extract_says_which_rows_name_one_customer_and_not_which(tmp_path: Path) -> None:
    more = grown(begun(tmp_path), accepted=[LINE, LINE | {"line": "R2|1", "customer": None}],
                 records=[CREDIT, CREDIT | {"line": "", "customer": "9"}])
    at = [*SIDES["accepted"]].index("customer"), [*SIDES["records"]].index("customer")

    (mine, nobody), (unmarked, credited) = ([row[at[number]] for row in together(more, name)] for number, name in enumerate(LINED[:2]))

    assert mine == credited != unmarked
    assert nobody is None
    assert all("15834" not in link.file and b"15834" not in Path(more.begun[link.file]).read_bytes()
               for links in more.chain.links.values() for link in links)


def test_the_hash_of_a_side_is_that_of_its_files_hashes_one_a_line(tmp_path: Path) -> None:
    first = grown(begun(tmp_path), accepted=[LINE])
    first.keep()
    second = grown(first.chain, accepted=[LINE, LINE | {"line": "R2|1"}])
    second.keep()

    (described,) = [each for each in second.extracts if each["side"] == "accepted"]
    lines = "".join(f"{sha256_of(Path(file['file']))}\n" for file in described["files"])

    assert [file["rows"] for file in described["files"]] == [1, 1]
    assert (described["rows"], described["sha256"]) == (2, sha256(lines.encode()).hexdigest())
