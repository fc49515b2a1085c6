"""What will a close find: what is still open at each team's pace, and where what waits lands?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from backhaul.adapters.sql import SqlStore
from backhaul.application import books
from backhaul.application.close_ahead import ahead, told
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.job_schedule import Job, Standing
from backhaul.domain.money import Money
from backhaul.domain.validation import MasterData
from backhaul.testing import builders

NOON = datetime(2026, 3, 21, 12, tzinfo=UTC)
RULES = replace(builders.rules(), tenant="acme")


def trouble(store: SqlStore, ref: str, *, opened: datetime, closed: datetime | None = None, amount: str = "10.00") -> None:
    """Open an exception of the integration team, and close it if it is said when."""
    with store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref=ref, line_id="1", money=Money(amount=Decimal(amount), currency="GBP"), now=opened, teams={},
            findings=(Finding(code="SKU_UNKNOWN", sentence="Nobody knows MUG."),)))
        if closed:
            tx.close_exceptions("acme", ref, apart_from=(), resolution="released", at=closed, actor="ann")


def test_what_is_left_at_the_cut_off_are_the_youngest_at_the_pace_of_the_last_weeks(store: SqlStore) -> None:
    for number in range(10):  # ten in the twenty days since the first was opened: half a one each day
        trouble(store, f"OLD{number}", opened=NOON - timedelta(days=20), closed=NOON - timedelta(days=1))
    trouble(store, "LONG-AGO", opened=NOON - timedelta(days=90), closed=NOON - timedelta(days=80))
    for number in range(8):
        trouble(store, f"R{number}", opened=NOON - timedelta(hours=8 - number), amount=f"{number}.00")

    seen = ahead(store, RULES, "2026-03", NOON)

    (row,) = seen.outlook
    (pace,) = seen.paces
    assert (pace.closed, pace.days) == (10, Decimal(20)), "what was closed long ago says nothing of today"
    assert (row.open, row.amount, row.left, row.left_amount) == (8, Decimal("28.00"), 3, Decimal("18.00"))
    assert told(seen)["forecast"][0]["cause"] == "SKU_UNKNOWN"


def test_where_nothing_waits_nothing_lands(store: SqlStore) -> None:
    seen = told(ahead(store, RULES, "2026-03", NOON))

    assert (seen["forecast"], seen["plan"], seen["paces"], seen["jobs"]) == ([], [], [], [])


def test_what_the_erp_last_said_of_its_jobs_is_planned_with_and_told(store: SqlStore) -> None:
    entity = RULES.entities[0]
    job = Job(name="Invoice", standing=Standing.PLANNED, at=datetime(2026, 3, 21, 20, 30, tzinfo=UTC))
    with store.begin() as tx:
        books.keep(tx, "acme", entity, MasterData(jobs=(job,)), NOON)

    seen = told(ahead(store, RULES, "2026-03", NOON))

    assert seen["cut_offs"][entity.id] == datetime(2026, 3, 31, 20, 30, tzinfo=UTC)
    assert [(each["legal_entity"], each["code"]) for each in seen["jobs"]] == [(entity.id, "JOB_TIMES_DIFFER")]
