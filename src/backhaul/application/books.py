"""What did an ERP last say of the periods of its books, and of its own jobs?

It is asked whenever a batch is planned, and at preflight; what it said stays, so that a plan can be shown without a call.
"""

from collections.abc import Sequence
from datetime import datetime

from backhaul.application.ports import Tx
from backhaul.domain import job_schedule
from backhaul.domain.job_schedule import Job
from backhaul.domain.period_status import Told, plain, read
from backhaul.domain.rules import LegalEntity
from backhaul.domain.validation import MasterData

UNDER, JOBS = "periods", "jobs"


def keep(tx: Tx, tenant: str, entity: LegalEntity, said: MasterData, now: datetime) -> None:
    """Remember what a legal entity's ERP says now; what it said before is written over only where it differs."""
    rows = plain(said.periods)
    if tx.recall(tenant, f"{UNDER}:{entity.id}").get("periods", []) != rows:
        tx.remember(tenant, f"{UNDER}:{entity.id}", {"periods": rows, "since": now.isoformat()})
    planned = job_schedule.plain(said.jobs)
    if tx.recall(tenant, f"{JOBS}:{entity.id}").get("jobs", []) != planned:
        tx.remember(tenant, f"{JOBS}:{entity.id}", {"jobs": planned, "since": now.isoformat()})


def last(tx: Tx, tenant: str, entity: LegalEntity) -> Sequence[Told]:
    """Give what a legal entity's books last said; nothing where they were never asked, or tell nothing."""
    return read(tx.recall(tenant, f"{UNDER}:{entity.id}").get("periods", ()))


def jobs(tx: Tx, tenant: str, entity: LegalEntity) -> Sequence[Job]:
    """Give what a legal entity's ERP last said of the jobs the profile names; nothing where it names none, or was never asked."""
    return job_schedule.read(tx.recall(tenant, f"{JOBS}:{entity.id}").get("jobs", ()))
