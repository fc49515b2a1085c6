"""How often the ERP is called, and what was written down before each call."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.sql.store import SqlStore
from backhaul.application.ports import Capabilities, Erp
from backhaul.domain.posting import ErpDocument, PostingBatch, PostingOutcome
from backhaul.domain.rules import Close, Window
from backhaul.domain.validation import MasterData, Questions
from tests.journeys.stage import TENANT, World, life, line, open_world, sold

MOST_PER_RETURN = 0.2


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    yield world
    world.house.close()


def test_a_hundred_returns_in_one_cycle_take_at_most_twenty_calls(daily: World, erp: str, tmp_path: Path) -> None:
    sold(erp, tmp_path / "many", *[(f"6000{number:02d}", "TEA", 3, "4.25") for number in range(100)])
    for number in range(100):
        lines = [line("TEA", 2, "4.25", order=f"6000{number:02d}", received=2, grades=[("A", "RESELL", 1, True), ("B", "OUTLET", 1, True)])]
        lines += [line("POST", 1, "7.50", order=None)] if number % 5 == 0 else []
        daily.tell(*life(f"R-{number:03d}", lines, at=daily.at))
    daily.turn()
    daily.control("calls/reset", {})

    daily.pass_evenings(3, turns=4)

    calls = daily.control("calls")
    assert len(daily.credits) == 220
    assert daily.exceptions() == {}
    assert calls["counted"] <= MOST_PER_RETURN * 100, calls["by"]


@dataclass(slots=True)
class Auditor:
    """An ERP that opens our book over a connection of its own and reads it before it lets a request through."""

    erp: Erp
    book: SqlStore
    seen: list[str] = field(default_factory=list)

    def capabilities(self) -> Capabilities:
        return self.erp.capabilities()

    def master_data(self, questions: Questions) -> MasterData:
        return self.erp.master_data(questions)

    def find(self, postings: Collection[Any], *rest: Any, **more: Any) -> Mapping[Any, ErpDocument]:
        return self.erp.find(postings, *rest, **more)

    def documents(self, first: date, last: date) -> Iterator[ErpDocument]:
        return self.erp.documents(first, last)

    def post(self, batch: PostingBatch) -> Sequence[PostingOutcome]:
        with self.book.begin() as tx:
            attempts = tx.attempts([posting.key for posting in batch.postings])
        open_ones = {(attempt.posting, attempt.batch) for attempt in attempts if not attempt.outcome}
        assert open_ones == {(str(posting.key), batch.key) for posting in batch.postings}
        assert all(attempt.request_hash and attempt.mapping_version for attempt in attempts)
        self.seen.append(batch.key)
        return self.erp.post(batch)


@pytest.mark.parametrize("fault", [{}, {"kind": "answer-lost", "times": 2, "path": r"\$batch", "body": "POST "},
                                   {"kind": "throttle", "path": r"\$batch", "body": "POST "}, {"kind": "late-commit", "path": "Import"}],
                         ids=["calm", "lost", "throttled", "late"])
def test_whatever_the_erp_got_was_committed_before_under_the_same_batch(daily: World, tmp_path: Path, fault: Mapping[str, Any]) -> None:
    desk = daily.house.desk(TENANT, "gb01")
    book = SqlStore(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    auditor = Auditor(erp=desk.erp, book=book)
    daily.house.adopt(replace(desk, erp=auditor))
    daily.tell(*life("R-1", [line("TEA", 3, "4.25", received=3, grades=[("A", "RESELL", 2, True), ("D", "SCRAP", 1, True)]),
                             line("POST", 1, "7.50", order=None)], at=daily.at))
    daily.turn()
    if fault:
        daily.arm(**fault)

    daily.pass_evenings(4, turns=3)
    book.close()

    postings = daily.postings()
    with daily.house.store.begin() as tx:
        attempts = tx.attempts([row.posting.key for row in postings])
    markers = {row.posting.key.marker for row in postings if row.attempts}
    written = {row["CustomersOrderReference"] for name in ("ReturnOrderHeadersV2", "SalesOrderHeadersV2") for row in daily.rows(name)}
    written |= {row["ExternalItemNumber"] for name in ("ReturnOrderLinesV2", "SalesOrderLines") for row in daily.rows(name)}
    assert len(daily.credits) == 3
    assert {mark for mark in written if mark.startswith("ZZ")} <= markers
    assert {row["JournalDescription"] for row in daily.rows("ItemArrivalJournalHeadersV2")} <= {attempt.batch for attempt in attempts}
    assert set(auditor.seen) == {attempt.batch for attempt in attempts}
    assert all(attempt.finished_at and attempt.outcome for attempt in attempts)
