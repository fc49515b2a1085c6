"""The ERP's own jobs run when they run, whatever the profile says; where both differ, it is told."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from backhaul.domain.job_schedule import Job, Standing, as_they_run, findings, plain, read, times
from backhaul.testing.builders import entity

STATED = entity(job_times=(time(1, 0), time(2, 0)))
EARLY = Job(name="Packing slip", standing=Standing.PLANNED, at=datetime(2026, 11, 28, 1, 0, 30, tzinfo=UTC))
LATE = Job(name="Invoice", standing=Standing.PLANNED, at=datetime(2026, 11, 28, 4, 0, tzinfo=timezone(timedelta(hours=2))))


def test_jobs_that_run_when_the_profile_says_are_planned_with_and_nothing_is_said() -> None:
    assert times([LATE, EARLY]) == STATED.job_times, "to the minute, and in UTC"
    assert as_they_run(STATED, [LATE, EARLY]) == STATED
    assert [*findings(STATED, [LATE, EARLY]), *findings(STATED, [])] == []
    assert as_they_run(STATED, []) is STATED


def test_jobs_that_run_at_other_times_are_planned_with_and_that_is_said() -> None:
    moved = replace(LATE, at=datetime(2026, 11, 28, 20, 0, tzinfo=UTC))

    (found,) = findings(STATED, [EARLY, moved])
    (at_once,) = findings(replace(STATED, job_times=()), [EARLY])

    assert as_they_run(STATED, [EARLY, moved]).job_times == (time(1, 0), time(20, 0))
    assert (found.legal_entity, found.code) == (STATED.id, "JOB_TIMES_DIFFER")
    assert "run at 01:00, 20:00 UTC, and the profile says 01:00, 02:00." in found.sentence
    assert "the profile says that it posts at once" in at_once.sentence


@pytest.mark.parametrize(("job", "code", "says"), [
    (replace(LATE, standing=Standing.WITHHELD), "JOB_WITHHELD", "'Invoice' of gb01 is withheld"),
    (replace(LATE, standing=Standing.ENDED), "JOB_ENDED", "has ended"),
    (replace(LATE, standing=Standing.FAILED), "JOB_IN_ERROR", "ended in error"),
    (Job(name="Invoice", standing=Standing.MISSING), "JOB_NOT_THERE", "is none that gb01 shows us"),
    (replace(LATE, again=False), "JOB_RUNS_ONCE", "runs at 2026-11-28 04:00 UTC and then no more"),
    (replace(LATE, again=False, at=None), "JOB_RUNS_ONCE", "runs and then no more"),
])
def test_a_job_that_will_not_run_is_named_and_the_profile_is_planned_with(job: Job, code: str, says: str) -> None:
    (found,) = findings(STATED, [EARLY, job])

    assert (found.code, as_they_run(STATED, [EARLY, job])) == (code, STATED)
    assert says in found.sentence


def test_what_was_said_of_jobs_is_kept_as_it_was() -> None:
    jobs = (EARLY, Job(name="Invoice", standing=Standing.MISSING, again=False))

    assert read(plain(jobs)) == jobs
