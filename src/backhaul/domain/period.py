"""When does a window close, and in which period will the ERP post what it carries?

The ERP's jobs stamp their own date (books 5). So we predict it from their times, keep a
window inside one period, and read the real dates back.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.domain.rules import Close, LegalEntity, Window

BEFORE: Final = timedelta(minutes=15)


def predicted_posting(entity: LegalEntity, now: datetime) -> date:
    """Predict the date the ERP's jobs will stamp on what is sent now.

    The jobs run once a day, one after the other, at the entity's `job_times` (UTC). What is sent before
    the first of them is posted that day, what is sent later the next day. Without times the ERP posts at once.
    """
    if not entity.job_times:
        return now.astimezone(ZoneInfo(entity.zone)).date()
    first = min(entity.job_times)
    day = now.astimezone(UTC).date()
    return day if now.astimezone(UTC).time() < first else day + timedelta(days=1)


def jobs_done(entity: LegalEntity, sent_at: datetime) -> datetime:
    """Say when the ERP's last job will have dealt with what was sent at this moment (UTC)."""
    if not entity.job_times:
        return sent_at
    last = max(entity.job_times)
    return datetime.combine(predicted_posting(entity, sent_at), last, tzinfo=UTC) + timedelta(minutes=30)


def before_jobs(entity: LegalEntity, now: datetime) -> datetime:
    """Say when to look at what people have done in the ERP: a quarter of an hour before its first job takes it further (UTC)."""
    if not entity.job_times:
        return now + BEFORE
    at = datetime.combine(now.astimezone(UTC).date(), min(entity.job_times), tzinfo=UTC) - BEFORE
    return at if at > now else at + timedelta(days=1)


def closes(  # noqa: PLR0913  each is named at the call
    window: Window, entity: LegalEntity, *, oldest: datetime, count: int, last: datetime | None, now: datetime,
) -> bool:
    """Tell whether a window with `count` returns, the oldest due since `oldest`, closes now.

    `last` is when the previous window of this entity closed. A full window always closes. A daily cut that
    nobody was awake for is made up for; what became due after the cut waits for the next.
    """
    if count <= 0:
        return False
    if window.close is Close.AT_ONCE or count >= window.cap:
        return True
    if window.close is Close.EVERY:
        return now - oldest >= window.every
    zone = ZoneInfo(entity.zone)
    here = now.astimezone(zone)
    if window.close is Close.DAILY:
        today = _at(here.date(), window.at, zone)
        cut = today if now >= today else _at(here.date() - timedelta(days=1), window.at, zone)
        return oldest <= cut and (last is None or last < cut)
    period = entity.calendar.on(here.date())
    return period is not None and now >= _at(period.last, window.at, zone) - window.lead and predicted_posting(entity, now) in period


def due_by(window: Window, entity: LegalEntity, since: datetime) -> date:
    """Say on which day the ERP should at the latest have posted what became due at this moment, by the window it travels in.

    What comes after the cut of a period's window waits for the cut of the next one.
    """
    zone = ZoneInfo(entity.zone)
    closes_at = since
    if window.close is Close.EVERY:
        closes_at = since + window.every
    elif window.close is not Close.AT_ONCE:
        lead = window.lead if window.close is Close.PERIOD else timedelta()
        last = _cut_day(window, entity, since.astimezone(zone).date())
        closes_at = _at(last, window.at, zone) - lead
        if closes_at < since:
            closes_at = _at(_cut_day(window, entity, last + timedelta(days=1)), window.at, zone) - lead
    return predicted_posting(entity, closes_at)


def _cut_day(window: Window, entity: LegalEntity, day: date) -> date:
    """Give the day a window's cut is counted from: this one, or the last of its period; what is in no period is not waited for."""
    period = entity.calendar.on(day) if window.close is Close.PERIOD else None
    return period.last if period else day


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone)
