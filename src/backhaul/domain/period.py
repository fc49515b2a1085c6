"""When does a window close, and in which period will the ERP post what it carries?

The ERP's jobs stamp their own date (books 5). So we predict it from their times, keep a
window inside one period, and read the real dates back.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from backhaul.domain.fiscal_calendar import Period
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


def turn(entity: LegalEntity, period: str) -> datetime:
    """Say from when on what is sent is posted after a period: from its last day's first job, or from its end (UTC)."""
    last = entity.calendar.last(period)
    if entity.job_times:
        return datetime.combine(last, min(entity.job_times), tzinfo=UTC)
    return entity.end_of(last)


def cut_off(entity: LegalEntity, period: str) -> datetime:
    """Say when a period is cut off: nothing leaves for it from then on. As the profile says, and never after its turn (UTC)."""
    told = entity.cut_offs.get(period)
    if told is None and entity.cut_off is not None:
        told = datetime.combine(entity.calendar.last(period), entity.cut_off)
    if told is None:
        return turn(entity, period)
    return min(told.replace(tzinfo=ZoneInfo(entity.zone)).astimezone(UTC), turn(entity, period))


def leaves(entity: LegalEntity, at: datetime) -> datetime:
    """Say when what is due at a moment leaves: then, or, where its period is cut off already, once it lands in the next one."""
    period = entity.calendar.period_of(predicted_posting(entity, at))
    return at if not period or at < cut_off(entity, period) else max(at, turn(entity, period))


def landing(entity: LegalEntity, at: datetime) -> date:
    """Predict the day on which the ERP posts what is due at a moment."""
    return predicted_posting(entity, leaves(entity, at))


def closes(  # noqa: PLR0913  each is named at the call
    window: Window, entity: LegalEntity, *, oldest: datetime, count: int, last: datetime | None, now: datetime,
) -> bool:
    """Tell whether a window with `count` returns, the oldest due since `oldest`, closes now.

    `last` is when the previous window of this entity closed. None closes between the cut-off of a period and its turn; else a full
    window always does. A daily cut that nobody was awake for is made up for; what became due after the cut waits for the next.
    """
    if count <= 0 or leaves(entity, now) > now:
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
    if period is None:  # so that what waits is judged, and held where people see it
        return True
    return now >= _cut(window, entity, period) and predicted_posting(entity, now) in period


def due_by(window: Window, entity: LegalEntity, since: datetime) -> date:
    """Say on which day the ERP should at the latest have posted what became due at this moment, by the window it travels in.

    What comes after the cut of a period's window waits for the cut of the next one.
    """
    zone, closes_at = ZoneInfo(entity.zone), since
    day = since.astimezone(zone).date()
    if window.close is Close.EVERY:
        closes_at = since + window.every
    elif window.close is Close.DAILY:
        today = _at(day, window.at, zone)
        closes_at = today if today >= since else _at(day + timedelta(days=1), window.at, zone)
    elif window.close is Close.PERIOD:
        period = entity.calendar.on(day)
        if period is not None and _cut(window, entity, period) < since:
            period = entity.calendar.on(period.last + timedelta(days=1))
        closes_at = since if period is None else _cut(window, entity, period)
    return landing(entity, closes_at)


def _cut(window: Window, entity: LegalEntity, period: Period) -> datetime:
    """Say from when on the window of a period closes: so long before its last day's time, or before its cut-off where that is earlier."""
    latest, off = _at(period.last, window.at, ZoneInfo(entity.zone)), cut_off(entity, period.name)
    told = entity.cut_off is not None or period.name in entity.cut_offs
    return off - max(window.lead, BEFORE) if told and off < latest else latest - window.lead


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone)
