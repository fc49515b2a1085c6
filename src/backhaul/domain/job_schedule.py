"""When do an ERP's own jobs run, and is that when the profile says?

The profile says when (`job_times`), and people approved it: by that windows close. A plan of where things land is by what the ERP itself
says, as long as that is a whole schedule; and where both are not the same, it is said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Any, Final

from backhaul.domain.rules import LegalEntity


class Standing(StrEnum):
    """Whether a job of the ERP will run."""

    PLANNED = "planned"
    """It waits for its time, or runs now."""
    WITHHELD = "withheld"
    ENDED = "ended"
    FAILED = "in error"
    MISSING = "not there"
    """No job has this name, or none that we may read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the ERP shows it: its name, whether it will run, when next (UTC), and whether it does so again and again."""

    name: str
    standing: Standing
    at: datetime | None = None
    again: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinding:
    """What is wrong with the schedule of one legal entity's ERP: a code, and a sentence for people."""

    legal_entity: str
    code: str
    sentence: str


STOPPED: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.MISSING: ("JOB_NOT_THERE", "is none that {entity} shows us. Name it as it is described there, or let us read it"),
    Standing.WITHHELD: ("JOB_WITHHELD", "of {entity} is withheld: it posts nothing until somebody lets it go"),
    Standing.ENDED: ("JOB_ENDED", "of {entity} has ended: it posts nothing any more. Set it up again"),
    Standing.FAILED: ("JOB_IN_ERROR", "of {entity} ended in error: it posts nothing until somebody has looked at it"),
}


def plain(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Write jobs as plain values."""
    return [{"name": each.name, "standing": each.standing.value, "at": each.at.isoformat() if each.at else None, "again": each.again}
            for each in jobs]


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[Job, ...]:
    """Read jobs as they were written."""
    return tuple(Job(name=row["name"], standing=Standing(row["standing"]), at=datetime.fromisoformat(row["at"]) if row["at"] else None,
                     again=row["again"]) for row in rows)


def times(jobs: Sequence[Job]) -> tuple[time, ...]:
    """Give the times of day of a whole schedule, to the minute (UTC); nothing where any job stops, runs once, or tells no time."""
    if not all(each.standing is Standing.PLANNED and each.again and each.at for each in jobs):
        return ()
    return tuple(sorted({_minute(each.at) for each in jobs if each.at}))


def as_they_run(entity: LegalEntity, jobs: Sequence[Job]) -> LegalEntity:
    """Give a legal entity with the times at which its ERP's jobs do run; with the profile's where it tells no whole schedule."""
    told = times(jobs)
    return replace(entity, job_times=told) if told else entity


def findings(entity: LegalEntity, jobs: Sequence[Job]) -> Iterator[JobFinding]:
    """Say what is wrong: each job that will not run, or only once, and times that are not those of the profile."""
    for each in jobs:
        if each.standing in STOPPED:
            code, what = STOPPED[each.standing]
            yield JobFinding(legal_entity=entity.id, code=code, sentence=f"The job '{each.name}' {what.format(entity=entity.id)}.")
        elif not each.again:
            at = f" at {each.at:%Y-%m-%d %H:%M} UTC" if each.at else ""
            yield JobFinding(legal_entity=entity.id, code="JOB_RUNS_ONCE",
                             sentence=f"The job '{each.name}' of {entity.id} runs{at} and then no more: it has no recurrence.")
    told, stated = times(jobs), tuple(sorted({at.replace(second=0, microsecond=0) for at in entity.job_times}))
    if told and told != stated:
        yield JobFinding(legal_entity=entity.id, code="JOB_TIMES_DIFFER", sentence=(
            f"The jobs of {entity.id} run at {_said(told)} UTC, and the profile says {_said(stated) or 'that it posts at once'}. "
            "The plan is by the ERP, and what leaves is still by the profile. Make job_times what the ERP says."))


def _minute(at: datetime) -> time:
    return at.astimezone(UTC).time().replace(second=0, microsecond=0)


def _said(told: Iterable[time]) -> str:
    return ", ".join(f"{at:%H:%M}" for at in told)
