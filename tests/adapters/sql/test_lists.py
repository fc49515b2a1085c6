"""Is every row of a list on exactly one page, in the order that is shown, and does the last page cost what the first did?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event

from backhaul.adapters.sql import SqlStore, lists
from backhaul.domain.access import Scope
from backhaul.domain.lifecycle import ReturnState

REACH = lists.Reach(tenant="acme", entities=("", "de", "gb"))


def turned(pages: Callable[[Any], Sequence[Any]], mark: Callable[[Any], Any], limit: int) -> list[Any]:
    """Turn pages to the end, each beginning after the last row of the one before."""
    found: list[Any] = []
    while page := pages(mark(found[-1]) if found else None):
        assert len(page) <= limit
        found += page
    return found


@contextmanager
def asked(store: SqlStore) -> Iterator[list[tuple[str, Any]]]:
    """Write down what the database is asked."""
    told: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            told.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", listen)
    yield told
    event.remove(store.engine, "before_cursor_execute", listen)


@pytest.fixture
def many(store: SqlStore, story: Any) -> SqlStore:
    """Keep returns of every state in three companies; moments repeat, so that a page may end between two of one moment."""
    states = list(ReturnState)
    with store.begin() as tx:
        for number in range(60):
            tx.save_case(story.case(f"R{number:02}", state=states[number % len(states)], updated_at=story.at(number // 4),
                                    waits_since=story.at(number // 3) if number % 5 else None, legal_entity=REACH.entities[number % 3]))
        tx.save_case(story.case("FR", legal_entity="fr", waits_since=story.noon))
    return store


@pytest.mark.parametrize("limit", [1, 7, 60])
def test_every_return_is_on_one_page_the_latest_changed_first(many: SqlStore, limit: int) -> None:
    with many.read() as connection:
        found = turned(lambda after: lists.returns(connection, REACH, after=after, limit=limit),
                       lambda row: (row.updated_at, row.ref), limit)

    assert len(found) == 60
    assert [(row.updated_at, row.ref) for row in found] == sorted(((row.updated_at, row.ref) for row in found), reverse=True)


def test_returns_of_a_state_are_paged_like_all_of_them(many: SqlStore) -> None:
    with many.read() as connection:
        found = turned(lambda after: lists.returns(connection, REACH, state="held", after=after, limit=2),
                       lambda row: (row.updated_at, row.ref), 2)

    assert {row.state for row in found} == {ReturnState.HELD}
    assert len({row.ref for row in found}) == len(found) == 10


@pytest.mark.parametrize("limit", [1, 7, 60])
def test_everybody_who_waits_is_on_one_page_the_longest_first_and_nobody_else(many: SqlStore, limit: int) -> None:
    with many.read() as connection:
        found = turned(lambda after: lists.waiting(connection, REACH, after=after, limit=limit),
                       lambda row: (row.waits_since, row.ref), limit)

    assert len(found) == len({row.ref for row in found}) == 48
    assert [(row.waits_since, row.ref) for row in found] == sorted((row.waits_since, row.ref) for row in found)


def test_a_scope_without_end_sees_who_waits_in_every_company_and_some_companies_only_their_own(many: SqlStore) -> None:
    with many.look() as tx:
        everybody = tx.waiting(Scope.whole("acme"), after=None, limit=99)
        some = tx.waiting(Scope(tenant="acme", entities=frozenset({"fr"})), after=None, limit=99)
        nobody = tx.waiting(Scope(tenant="acme", entities=frozenset()), after=None, limit=99)

    assert (len(everybody), [case.ref for case in some], nobody) == (49, ["FR"], [])


def test_open_work_is_on_one_page_each_what_is_due_first_first(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        for number in range(20):
            tx.open_exception(story.trouble(line=str(number), minutes=-(number // 3)))

    with store.read() as connection:
        found = turned(lambda after: lists.work(connection, REACH, after=after, limit=3),
                       lambda row: (row.kept.case.due_at, row.kept.id), 3)

    assert len(found) == 20
    assert [(row.kept.case.due_at, row.kept.id) for row in found] == sorted((row.kept.case.due_at, row.kept.id) for row in found)


def test_whoever_stands_in_the_list_of_open_work_sees_who_is_beside_them_also_after_what_they_stood_on_is_gone(
    store: SqlStore, story: Any,
) -> None:
    with store.begin() as tx:
        for number in range(9):
            tx.open_exception(story.trouble("TAX_DIFFERS" if number % 2 else "SKU_UNKNOWN", line=str(number), minutes=number // 3))
    with store.read() as connection:
        listed = [(row.kept.case.due_at, row.kept.id) for row in lists.work(connection, REACH, kind="SKU_UNKNOWN")]
        sides = [lists.around(connection, REACH, each, kind="SKU_UNKNOWN", limit=2) for each in listed]
    with store.begin() as tx:
        tx.close_exceptions("acme", "R1", apart_from=[str(number) for number in range(9) if number != 4], resolution="done", at=story.at(5),
                            actor="ann")
    with store.read() as connection:
        gone = lists.around(connection, REACH, listed[2], kind="SKU_UNKNOWN")

    assert [each.previous for each in sides] == [None, *listed[:-1]]
    assert [each.next for each in sides] == [*listed[1:], None]
    assert [(each.before, each.after) for each in sides] == [(0, 3), (1, 3), (2, 2), (3, 1), (3, 0)]  # never further than a page and one
    assert all(each.stands for each in sides)
    assert (gone.previous, gone.next, gone.stands) == (listed[1], listed[3], False)


def test_open_work_is_grouped_by_cause_with_count_exact_money_team_and_age(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.open_exception(story.trouble(line="1", amount="0.10"))
        tx.open_exception(story.trouble(line="2", amount="0.20", minutes=60))
        tx.open_exception(story.trouble("TAX_DIFFERS", line="3", amount="900"))
        tx.open_exception(story.trouble(line="4", ref="R2"))
        tx.close_exceptions("acme", "R2", apart_from=(), resolution="done", at=story.at(5), actor="ann")

    with store.read() as connection:
        found = lists.causes(connection, REACH, now=story.noon + timedelta(days=2, minutes=30))

    assert [(cause.kind, cause.owner, cause.count, cause.money, cause.overdue) for cause in found] == [
        ("TAX_DIFFERS", "finance", 1, Decimal(900), 0), ("SKU_UNKNOWN", "integration", 2, Decimal("0.30"), 1)]
    assert found[1].oldest_at == story.noon


def test_returns_are_counted_by_state_in_the_companies_that_are_seen(many: SqlStore) -> None:
    with many.read() as connection:
        all_of_it = lists.reach(connection, Scope.whole("acme"), "it")
        counts = [lists.counted(connection, each) for each in (all_of_it, REACH)]

    assert all_of_it.entities == ("", "de", "fr", "gb", "it")
    assert [(each["waiting"], each["held"], each[""]) for each in counts] == [(11, 10, 0), (10, 10, 0)]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_page_far_down_begins_where_the_last_one_ended_and_no_search_reads_a_table_to_its_end(many: SqlStore, story: Any) -> None:
    with many.read() as connection:
        with asked(many) as told:
            lists.returns(connection, REACH, after=(story.noon, "R02"))
            lists.waiting(connection, REACH, after=(story.noon, "R02"))
            lists.work(connection, REACH, after=(story.noon, 5))
            lists.around(connection, REACH, (story.noon, 5), owner="finance", kind="TAX_DIFFERS")
        with asked(many) as sought:
            assert lists.search(connection, REACH, "nobody") == []
        plans, ways = ([connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()[0].detail
                        for statement, values in each] for each in (told, sought))

    assert len(plans) > 1
    assert all(way.startswith("SEARCH") and "(tenant=?)" not in way for way in ways), "a search reads no table to its end"
    for plan in plans:
        assert plan.endswith(("USING INDEX cases_list (tenant=? AND legal_entity=? AND state=? AND updated_at<?)",
                              "USING INDEX cases_waiting (tenant=? AND legal_entity=? AND waits_since>?)",
                              "USING INDEX exceptions_list (tenant=? AND due_at>?)",
                              "USING INDEX exceptions_list (tenant=? AND due_at<?)")), plan


def test_the_trail_is_narrowed_to_days_by_the_moments_of_its_entries_and_not_by_when_they_were_written(store: SqlStore, story: Any) -> None:
    days = [story.noon + timedelta(days=number) for number in range(12)]
    moments = [moment for day in days for moment in (day, day + timedelta(hours=11, minutes=59), day - timedelta(hours=11))]  # one is late
    with store.begin() as tx:
        for number, moment in enumerate(moments):
            tx.record("acme", subject=f"R{number % 2}", action="decide", actor="ann", at=moment, detail={})
    first, last = days[4].date(), days[6].date()
    wanted = [moment.isoformat() for moment in reversed(moments) if first <= moment.date() <= last]

    with store.read() as connection:
        narrowed = [row.at for row in lists.trail(connection, "acme", days=(first, last))]
        about = [row.at for row in lists.trail(connection, "acme", subject="R1", days=(first, last))]
        ends = [len(lists.trail(connection, "acme", days=days_)) for days_ in (
            (None, last), (first, None), (None, None), (date.min, date.max), (date(1990, 1, 1), date(1990, 1, 2)))]

    assert narrowed == wanted
    assert 0 < len(about) < len(wanted)
    assert ends == [21, 24, 36, 36, 0]


def test_a_day_of_a_long_trail_is_found_without_reading_what_came_after_it(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        for number in range(400):
            tx.record("acme", subject="R", action="decide", actor="ann", at=story.noon + timedelta(days=number), detail={})

    with store.read() as connection, asked(store) as told:
        found = lists.trail(connection, "acme", days=(story.noon.date(), story.noon.date()))

    assert [row.sequence for row in found] == [1]
    (statement, values) = next(each for each in told if "detail" in each[0])
    assert "trail.sequence <" in statement
    assert 3 in (values.values() if isinstance(values, dict) else values)  # two days on, where the walk begins
    assert len(told) < 30
