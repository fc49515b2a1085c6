"""Does every piece of work have an owner, and every window its totals?"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import KeptWindow
from backhaul.domain.exception_case import KINDS, Finding
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money


def opened(store: SqlStore, work: Any) -> int:
    with store.begin() as tx:
        return tx.open_exception(work)


def actions(store: SqlStore) -> list[str]:
    with store.begin() as tx:
        return [entry.action for entry in tx.trail("acme")]


def test_an_exception_is_kept_as_it_was_opened(store: SqlStore, story: Any) -> None:
    work = story.trouble()

    number = opened(store, work)

    with store.begin() as tx:
        (kept,) = tx.exceptions("acme")
    assert (kept.id, kept.case, kept.closed_at) == (number, work, None)


def test_the_same_trouble_again_is_the_same_work_and_writes_nothing(store: SqlStore, story: Any) -> None:
    first = opened(store, story.trouble())

    again = opened(store, story.trouble(minutes=60))

    with store.begin() as tx:
        (kept,) = tx.exceptions("acme")
    assert again == first
    assert kept.case.opened_at == story.noon
    assert actions(store) == ["open-exception"]


def test_more_findings_or_other_money_renew_the_work_and_its_clock_runs_on(store: SqlStore, story: Any) -> None:
    first, more = opened(store, story.trouble()), story.trouble(amount="99", minutes=60)
    more = replace(more, findings=(*more.findings, Finding(code="NO_CUSTOMER", sentence="No customer.", line_id="1")))

    again = opened(store, more)

    with store.begin() as tx:
        (kept,) = tx.exceptions("acme")
    assert again == first
    assert kept.case == replace(more, opened_at=story.noon, due_at=story.noon + KINDS["SKU_UNKNOWN"].due)
    assert actions(store) == ["open-exception", "renew-exception"]


def test_another_kind_of_trouble_starts_the_clock_anew(store: SqlStore, story: Any) -> None:
    opened(store, story.trouble())
    other = story.trouble("TAX_DIFFERS", minutes=60)

    opened(store, other)

    with store.begin() as tx:
        assert [kept.case for kept in tx.exceptions("acme")] == [other]


def test_closing_leaves_the_lines_that_are_still_held(store: SqlStore, story: Any) -> None:
    for line in ("", "1", "2"):
        opened(store, story.trouble(line=line))
    opened(store, story.trouble(ref="R2"))

    with store.begin() as tx:
        closed = tx.close_exceptions("acme", "R1", apart_from={"2"}, resolution="item released", at=story.at(9), actor="ann")

    with store.begin() as tx:
        still, all_of_them = tx.exceptions("acme"), tx.exceptions("acme", open_only=False, refs=["R1"])
    assert closed == 2
    assert [(kept.case.return_ref, kept.case.line_id) for kept in still] == [("R1", "2"), ("R2", "1")]
    assert [(kept.case.line_id, kept.resolution, kept.actor) for kept in all_of_them] == [
        ("", "item released", "ann"), ("1", "item released", "ann"), ("2", "", "")]
    assert actions(store)[4:] == ["close-exception"] * 2


def test_trouble_after_closing_is_new_work(store: SqlStore, story: Any) -> None:
    first = opened(store, story.trouble())
    with store.begin() as tx:
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="done", at=story.at(1))

    second = opened(store, story.trouble(minutes=2))

    with store.begin() as tx:
        assert first != second
        assert [kept.id for kept in tx.exceptions("acme", open_only=False)] == [first, second]
        assert tx.close_exceptions("acme", "R9", apart_from=(), resolution="done", at=story.at(1)) == 0


def test_closing_needs_a_resolution_and_an_actor(store: SqlStore, story: Any) -> None:
    opened(store, story.trouble())

    with pytest.raises(AssertionError, match="needs a resolution"), store.begin() as tx:
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="", at=story.noon)


def test_money_is_kept_to_the_last_digit(store: SqlStore, story: Any) -> None:
    amount = Decimal("-123456789012345678901234567890.123456789012345678")

    opened(store, replace(story.trouble(), money=Money(amount=amount, currency="KWD")))

    with store.begin() as tx:
        assert tx.exceptions("acme")[0].case.money == Money(amount=amount, currency="KWD")


# --- cases


def test_a_case_is_remembered_and_its_moves_are_in_the_trail(store: SqlStore, story: Any) -> None:
    case = story.case(due_at=story.noon + timedelta(days=14), stage="arrived")
    with store.begin() as tx:
        tx.save_case(case)

    with store.begin() as tx:
        tx.save_case(replace(case, stage="received"))
        tx.save_case(replace(case, state=ReturnState.PLANNED), actor="ann")

    with store.begin() as tx:
        entries = list(tx.trail("acme", subject="R1"))
        assert tx.cases("acme") == tx.cases("acme", ["R1", "R9"]) == {"R1": replace(case, state=ReturnState.PLANNED)}
        assert tx.cases("other") == {}
    assert [(entry.actor, entry.detail) for entry in entries] == [
        ("backhaul", {"from": "", "to": "waiting"}), ("ann", {"from": "waiting", "to": "planned"})]


def test_a_move_that_is_not_in_the_table_is_refused(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.save_case(story.case(state=ReturnState.SETTLED))

    with pytest.raises(AssertionError, match="may not move"), store.begin() as tx:
        tx.save_case(story.case(state=ReturnState.POSTING))
    with pytest.raises(AssertionError, match="may not move"), store.begin() as tx:
        tx.save_case(story.case(state=None))


def test_overdue_returns_are_those_that_still_wait(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.save_case(story.case("R1", due_at=story.at(5)))
        tx.save_case(story.case("R2", due_at=story.at(3), state=ReturnState.POSTING))
        tx.save_case(story.case("R3", due_at=story.at(3), state=ReturnState.SETTLED))
        tx.save_case(story.case("R4", due_at=story.at(9)))
        tx.save_case(story.case("R5"))

    with store.begin() as tx:
        assert tx.overdue("acme", story.at(5)) == ["R2", "R1"]


def test_a_case_without_a_time_is_dated_by_the_clock(sqlite_url: str, story: Any) -> None:
    class Noon:
        def now(self) -> Any:
            return story.noon

    store = SqlStore(sqlite_url, clock=Noon())
    store.migrate()
    with store.begin() as tx:
        tx.save_case(story.case(updated_at=None))
        entries = list(tx.trail("acme"))
    store.close()

    assert [entry.at for entry in entries] == [story.noon.isoformat()]


# --- windows


def test_a_window_is_kept_with_its_totals_and_what_the_ledger_said(store: SqlStore, story: Any) -> None:
    window = KeptWindow(key="gb|2011-03|1", tenant="acme", legal_entity="gb", period="2011-03", number=1, closed_at=story.noon,
                        returns=12, controls={"count": "12", "net": "-99.10"})
    second = replace(window, key="gb|2011-03|goods|1", leg="goods", closed_at=story.at(5))
    with store.begin() as tx:
        tx.close_window(window)
        tx.close_window(second)

    with store.begin() as tx:
        tx.save_ledger(window.key, {"net": "-99.10", "documents": 12})

    with store.begin() as tx:
        assert tx.windows("acme", "gb") == [replace(window, ledger={"net": "-99.10", "documents": 12}), second]
        assert tx.windows("acme", "de") == []
    assert actions(store) == ["close-window", "close-window"]


def test_a_window_closes_once(store: SqlStore, story: Any) -> None:
    window = KeptWindow(key="W1", tenant="acme", legal_entity="gb", period="2011-03", number=1, closed_at=story.noon)
    with store.begin() as tx:
        tx.close_window(window)

    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.close_window(window)
    with pytest.raises(AssertionError, match="no window"), store.begin() as tx:
        tx.save_ledger("W9", {})
