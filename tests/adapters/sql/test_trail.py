"""Does the chain hold, and does it show whatever somebody did to it?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import PostingState
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.posting import PostingKind
from backhaul.domain.trail import GENESIS, first_break


@dataclass(frozen=True)
class Tampering:
    """Something done to the table `trail` by somebody with the database's password, and where it shows."""

    done: str
    shows_at: int


TAMPERINGS = {
    "an altered detail": Tampering("UPDATE trail SET detail = '{\"amount\":\"1\"}' WHERE sequence = 3", 3),
    "another actor": Tampering("UPDATE trail SET actor = 'mallory' WHERE sequence = 2", 2),
    "another time": Tampering("UPDATE trail SET at = '2010-01-01T00:00:00+00:00' WHERE sequence = 4", 4),
    "another subject": Tampering("UPDATE trail SET subject = 'R9' WHERE sequence = 1", 1),
    "another action": Tampering("UPDATE trail SET action = 'approve' WHERE sequence = 5", 5),
    "a hash that was made to fit": Tampering("UPDATE trail SET hash = previous WHERE sequence = 2", 2),
    "a deletion": Tampering("DELETE FROM trail WHERE sequence = 3", 4),
    "a deletion at the front": Tampering("DELETE FROM trail WHERE sequence = 1", 2),
    "a swap": Tampering(
        ("UPDATE trail SET sequence = 99 WHERE sequence = 2; UPDATE trail SET sequence = 2 WHERE sequence = 3;"
         "UPDATE trail SET sequence = 3 WHERE sequence = 99"), 2),
    "an insertion": Tampering(
        "INSERT INTO trail SELECT tenant, 6, at, actor, subject, action, detail, previous, hash FROM trail WHERE sequence = 5", 6),
}


def write(store: SqlStore, story: Any, count: int = 5, tenant: str = "acme") -> None:
    with store.begin() as tx:
        for number in range(count):
            tx.record(tenant, subject=f"R{number % 2}", action="decide", actor="ann", at=story.at(number), detail={
                "amount": Decimal("12.50"), "on": date(2011, 3, 1), "sentence": "“quoted” naïve ñ 漢"})


@pytest.fixture
def tamper(store: SqlStore) -> Callable[[str], None]:
    def tamper(statement: str) -> None:
        sqlite = store.engine.dialect.name == "sqlite"
        with store.engine.begin() as connection:
            for trigger in ("trail_stay", "trail_fixed"):
                connection.execute(text(f"DROP TRIGGER {trigger}" if sqlite else f"DROP TRIGGER {trigger} ON trail"))
            for part in statement.split(";"):
                connection.execute(text(part))

    return tamper


def test_a_chain_verifies_from_its_first_entry(store: SqlStore, story: Any) -> None:
    write(store, story)
    write(store, story, 3)

    with store.begin() as tx:
        entries = list(tx.trail("acme"))

    assert first_break(entries) is None
    assert [entry.sequence for entry in entries] == list(range(1, 9))
    assert entries[0].previous == GENESIS
    assert entries[0].detail == {"amount": "12.5", "on": "2011-03-01", "sentence": "“quoted” naïve ñ 漢"}


def test_every_tenant_has_a_chain_of_its_own(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        for tenant in ("acme", "other", "acme", "other"):
            tx.record(tenant, subject="R1", action="decide", detail={}, at=story.noon, actor="ann")

    with store.begin() as tx:
        for tenant in ("acme", "other"):
            chain = list(tx.trail(tenant))
            assert first_break(chain) is None
            assert [entry.sequence for entry in chain] == [1, 2]


def test_the_entries_of_one_return_are_found(store: SqlStore, story: Any) -> None:
    write(store, story)

    with store.begin() as tx:
        assert [entry.sequence for entry in tx.trail("acme", subject="R1")] == [2, 4]
        assert list(tx.trail("other", subject="R1")) == []


def test_times_are_written_in_utc(store: SqlStore, story: Any) -> None:
    there = story.noon.astimezone(timezone(timedelta(hours=9)))

    with store.begin() as tx:
        tx.record("acme", subject="R1", action="decide", detail={}, at=there, actor="ann")
        (entry,) = tx.trail("acme")

    assert entry.at == "2011-03-01T12:00:00+00:00"
    with pytest.raises(AssertionError, match="no time zone"), store.begin() as tx:
        tx.record("acme", subject="R1", action="decide", detail={}, at=story.noon.replace(tzinfo=None), actor="ann")


@pytest.mark.parametrize("sort", TAMPERINGS)
def test_tampering_breaks_the_chain_where_it_was_done(
    store: SqlStore, story: Any, tamper: Callable[[str], None], sort: str,
) -> None:
    write(store, story)

    tamper(TAMPERINGS[sort].done)

    with store.begin() as tx:
        broken = first_break(tx.trail("acme"))
    assert broken is not None
    assert broken.sequence == TAMPERINGS[sort].shows_at


def test_a_cut_off_end_breaks_the_chain_with_the_next_entry(store: SqlStore, story: Any, tamper: Callable[[str], None]) -> None:
    write(store, story)
    tamper("DELETE FROM trail WHERE sequence >= 4")

    write(store, story, 1)

    with store.begin() as tx:
        broken = first_break(tx.trail("acme"))
    assert broken is not None
    assert broken.sequence == 6


def test_a_rolled_back_step_leaves_no_gap(store: SqlStore, story: Any) -> None:
    write(store, story, 1)

    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.record("acme", subject="R1", action="decide", detail={}, at=story.noon, actor="ann")
        list(tx.trail("acme"))
        raise RuntimeError
    write(store, story, 1)

    with store.begin() as tx:
        entries = list(tx.trail("acme"))
    assert [entry.sequence for entry in entries] == [1, 2]
    assert first_break(entries) is None


def test_threads_that_write_at_once_make_one_chain(store: SqlStore, story: Any) -> None:
    threads = [Thread(target=write, args=(store, story)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.begin() as tx:
        entries = list(tx.trail("acme"))
    assert len(entries) == 40
    assert first_break(entries) is None


def test_every_move_of_a_return_is_in_the_trail(store: SqlStore, story: Any) -> None:
    posting = story.posting(PostingKind.RECEIPT)
    with store.begin() as tx:
        tx.plan("acme", "R1", [posting], held_lines=(), now=story.noon)
        tx.save_case(story.case(state=ReturnState.PLANNED))
    story.sending(store, posting)
    with store.begin() as tx:
        tx.finish(posting, "B1", outcome="rejected", detail="closed period", at=story.at(2))
        tx.set_state(posting.key, PostingState.REJECTED, note="closed period", at=story.at(2))
        tx.open_exception(story.trouble("ERP_REJECTED", minutes=2))
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="opened", at=story.at(3), actor="ann")

    with store.begin() as tx:
        entries = list(tx.trail("acme", subject="R1"))

    assert [entry.action for entry in entries] == [
        "plan", "case", "fix", "send", "posting", "open-exception", "close-exception"]
    assert first_break(entries) is None
