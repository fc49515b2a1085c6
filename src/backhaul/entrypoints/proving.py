"""Do the sides tell the same story? Those of two extracts, anybody's and without a database, or those of a period of our own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from backhaul.entrypoints.straight import prove_extracts, tell
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of


def reconcile(  # noqa: PLR0913  a command line
    *,
    period: Annotated[str, typer.Option(help="Prove this month (YYYY-MM) from the database and the ERPs, instead of extracts.")] = "",
    left: Annotated[str, typer.Option(help="What was accepted: CSV or Parquet, a row for each line; a pattern may name several.")] = "",
    right: Annotated[str, typer.Option(help="What the ERP shows: stock movements, credit notes, losses, ledger entries.")] = "",
    held: Annotated[str, typer.Option(help="What is believed here of each line; a third opinion.")] = "",
    payouts: Annotated[str, typer.Option(help="What customers were paid: a row for each payment.")] = "",
    pay_within: Annotated[int, typer.Option(help="After how many days a credit note that nobody paid is late, of extracts.")] = 14,
    credit_within: Annotated[int, typer.Option(help="After how many days a payment without a credit note is late, of extracts.")] = 14,
    history: Annotated[str, typer.Option(help="Go on from the runs kept in this file; --left and --right are what came since.")] = "",
    day: Annotated[str, typer.Option(help="As of the end of which day; today unless given.")] = "",
    net: Annotated[str, typer.Option(help="By how much a net amount may differ.")] = "0",
    tax: Annotated[str, typer.Option(help="By how much tax may differ.")] = "0",
    cost: Annotated[str, typer.Option(help="By how much a cost may differ.")] = "0",
    report: Annotated[str, typer.Option(help="Write every discrepancy to this file: .csv or .parquet.")] = "",
    memory: Annotated[str, typer.Option(help="What the engine may hold before it goes to disk.")] = "700MB",
    workers: Annotated[int, typer.Option(min=1, help="How many processes look through extracts; they share --memory.")] = 1,
    actor: Annotated[str, typer.Option(help="Who you are; a run of --period is kept under that name.")] = "backhaul",
    anew: Annotated[bool, typer.Option("--anew", help="Work out every return of --period again, whether anything happened to it or not."
                                       )] = False,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Prove return lines: each is proved, in timing, or broken by a class and an amount; status 1 unless all of it was read and holds.

    Either a month of this database and its ERPs (--period), or plain extracts (--left and --right).
    """
    extracts = left or right or history
    unfit = ((payouts or workers > 1) and (period or history)) or (anew and not period)
    if bool(period) == bool(extracts) or (bool(left) != bool(right) and not history) or unfit:
        message = ("say either --period YYYY-MM, or --left FILE and --right FILE, of what came since where --history names a file; "
                   "--payouts and --workers go with extracts without a history, --anew with --period")
        raise typer.BadParameter(message)

    if not period:
        until = day_of(day, datetime.now(UTC).date())
        limits = {"net": _amount("--net", net), "tax": _amount("--tax", tax), "cost": _amount("--cost", cost)}
        if payouts or workers > 1:
            from backhaul.application import payments
            from backhaul.application.reconcile import Books, prove
            from backhaul.domain.payments import Waits
            from backhaul.domain.tolerance import Tolerance
            from backhaul.entrypoints.spreading import spread

            with Books(left, right, held, memory=memory) as books, spread(left, right, workers, memory) as looked:
                proof = prove(books, until, Tolerance(net=limits["net"], tax=limits["tax"], cost=limits["cost"]), looked)
                if payouts:
                    waits = Waits(pay=pay_within, credit=credit_within)
                    proof.payouts = payments.prove_payments(books, payouts, until, limits["net"], waits)
                    payments.report(books)
                holds = tell(proof, books, {}, report=report, as_json=as_json)
        else:
            holds = prove_extracts(left=left, right=right, held=held, history=history, report=report, memory=memory, until=until,
                                   limits=limits, as_json=as_json)
        if not holds:
            raise typer.Exit(1)
        return
    month = month_of(period)
    with house_of() as (house, now):
        from backhaul.entrypoints.months import prove_month

        name = tenant_of(house, tenant)
        zone = ZoneInfo(house.profiles[name].rules.entities[0].zone)
        until = day_of(day, now.astimezone(zone).date())
        with prove_month(house, name, month, until, actor=actor, now=now, memory=memory, anew=anew) as (proof, books, more):
            holds = tell(proof, books, {"period": month, **more}, report=report, as_json=as_json)
    if not holds:
        raise typer.Exit(1)


def availability(
    *,
    file: Annotated[Path | None, typer.Option(help="The shop's availability file, to be kept and compared now.", exists=True)] = None,
    totals: Annotated[Path | None, typer.Option(help="The platform's totals by day, to be kept for the proof.", exists=True)] = None,
    actor: Annotated[str, typer.Option(help="Who you are.")] = "backhaul",
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Compare what the shop offers with what the ERP has on sale; without a file, show how the last one differs. Status 1 if any does."""
    from backhaul.application.state import AVAILABILITY, TOTALS
    from backhaul.domain.availability import Standing
    from backhaul.entrypoints.stating import take, told_of

    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        told = [take(house, name, sort, path.name, path.read_bytes(), actor=actor, now=now)
                for sort, path in ((AVAILABILITY, file), (TOTALS, totals)) if path]
        with house.store.look() as tx:
            rows = tx.differing(name)
    if as_json:
        say({"taken": told, "differs": [told_of(row) for row in rows]})
    else:
        for each in told:
            out.print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in each.items()))
        for row in rows:
            out.print(f"{row.sku} at {row.at or '-'}: the shop offers {row.shop:f}, {row.erp:f} on sale in {row.warehouse or '-'}, "
                      f"{row.standing.value}")
    if any(row.standing is not Standing.IN_FLIGHT for row in rows):
        raise typer.Exit(1)


@contextmanager
def house_of() -> Iterator[tuple[Any, datetime]]:
    """Open the house and give what time it is in it; where its database is a demo's, beside the emulators the demo left."""
    from backhaul.config import Settings
    from backhaul.entrypoints.demo import again

    settings = Settings.from_env(again.usual(dict(os.environ)))
    if told := again.of_demo(settings):
        with again.reopened(told, settings) as (house, now):
            yield house, now
    else:
        with opened() as house:
            yield house, datetime.now(UTC)


def month_of(text: str) -> str:
    """Read a period as an option names it; whether a calendar has it is said where one is known."""
    from backhaul.domain.fiscal_calendar import NAME

    if not NAME.fullmatch(text):
        message = f"--period '{text}' is no month like 2026-10"
        raise typer.BadParameter(message)
    return text


def day_of(text: str, usual: date) -> date:
    """Read a day an option says, or take the usual one."""
    try:
        return date.fromisoformat(text) if text else usual
    except ValueError as error:
        message = f"--day '{text}' is no day like 2026-10-31"
        raise typer.BadParameter(message) from error


def _amount(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        message = f"{name} '{text}' is no amount like 0.05"
        raise typer.BadParameter(message) from error
    if not amount.is_finite() or amount < 0:
        message = f"{name} '{text}' must be nothing or more"
        raise typer.BadParameter(message)
    return amount
