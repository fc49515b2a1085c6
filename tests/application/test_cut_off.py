"""Is the sample around a month's end of 25 lines either side, and does it say which of them lie on both?"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.stores import open_store

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import pack as packs
from backhaul.application.extracts import SIDES, write
from backhaul.application.material import SAMPLE
from backhaul.application.proof_ports import KeptProof
from backhaul.domain.rules import Rules
from backhaul.profile import load_profile

EXAMPLES = Path(__file__).parents[2] / "examples"
RULES: Rules = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True).rules
LAST = date(2010, 12, 31)
AT = datetime(2011, 2, 1, 5, tzinfo=UTC)
Row = Mapping[str, Any]


def accepted(line: str, day: date) -> Row:
    return {"line": line, "entity": "gb01", "currency": "GBP", "units": 1, "net": 2, "accepted_on": day}


def credited(line: str, day: date, side: str = "credit") -> Row:
    return {"side": side, "line": line, "entity": "gb01", "currency": "GBP", "units": 1, "net": 2, "status": "posted", "posted_on": day}


def proved(store: SqlStore, folder: Path, period: str, lines: Sequence[Row], records: Sequence[Row]) -> None:
    """Keep a proof of a month of which these are the extracts."""
    extracts = []
    for side, rows in {**dict.fromkeys(SIDES, ()), "accepted": lines, "records": records}.items():
        path = folder / f"{period}-{side}.parquet"
        write(side, rows, str(path))
        extracts.append({"side": side, "rows": len(rows), "file": str(path), "sha256": ""})
    with store.begin() as tx:
        tx.keep_proof(KeptProof(tenant=RULES.tenant, period=period, day=AT.date(), at=AT, actor="backhaul", complete=True, figures={},
                                extracts=extracts), [])


@pytest.fixture
def sample(tmp_path: Path) -> list[list[Any]]:
    """Give the sample between two months of 40 lines each, one a day or two: some of December's are credited in January."""
    store = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    for period, first, step in (("2010-12", LAST, -1), ("2011-01", LAST + timedelta(days=1), 1)):
        days = {f"{period}|{number:02d}": first + step * timedelta(days=number // 2) for number in range(40)}
        late = {"2010-12|00": date(2011, 1, 3), "2010-12|30": date(2011, 1, 4), "2011-01|01": LAST}
        lines = [accepted(line, day) for line, day in days.items()]
        records = [credited(line, late.get(line, day)) for line, day in days.items() if line != "2011-01|02"]
        proved(store, tmp_path, period, lines, [*records, credited("2010-12|03", date(2011, 1, 1), "stock")])
    sheets = packs.pack(packs.gather(store, RULES, "2010-12", lambda *_: None))
    store.close()
    return [[cell.value if isinstance(cell, packs.Formula) else cell for cell in row]
            for sheet in sheets if sheet.name == "Cut-off sample" for row in sheet.rows]


def test_the_sample_holds_the_last_25_lines_before_the_months_end_and_the_first_25_after_it(sample: list[list[Any]]) -> None:
    before = [row[1] for row in sample if row[4] <= LAST]
    after = [row[1] for row in sample if row[4] > LAST]

    assert (len(before), len(after), SAMPLE) == (25, 25, 25)
    assert sorted(before) == [f"2010-12|{number:02d}" for number in range(25)]
    assert sorted(after) == [f"2011-01|{number:02d}" for number in range(25)]
    assert [row[4] for row in sample] == sorted(row[4] for row in sample)
    assert {row[7] for row in sample} == {LAST}


def test_a_line_whose_stock_or_credit_lies_beyond_the_months_end_says_other_side(sample: list[list[Any]]) -> None:
    other = {row[1] for row in sample if row[8] == "other side"}

    assert other == {"2010-12|00", "2010-12|03", "2011-01|01"}
    assert {row[8] for row in sample if row[1] not in other} == {"same side"}, "one nothing is credited of lies on no other side"
