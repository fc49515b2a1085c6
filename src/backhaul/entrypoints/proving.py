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

from backhaul.domain.discrepancy import CLASSES
from backhaul.domain.posting import in_words
from backhaul.entrypoints.terminal import Json, Tenant, opened, out, say, tenant_of

SHOWN = 20
"""How many discrepancies a person is shown; a report has all of them."""


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
    from backhaul.application import payments
    from backhaul.application.advance import Arrived, History, advance
    from backhaul.application.certify import figures
    from backhaul.application.reconcile import Books, Proof, prove
    from backhaul.domain.payments import Waits
    from backhaul.domain.tolerance import Tolerance
    from backhaul.entrypoints.spreading import spread

    extracts = left or right or history
    unfit = ((payouts or workers > 1) and (period or history)) or (anew and not period)
    if bool(period) == bool(extracts) or (bool(left) != bool(right) and not history) or unfit:
        message = ("say either --period YYYY-MM, or --left FILE and --right FILE, of what came since where --history names a file; "
                   "--payouts and --workers go with extracts without a history, --anew with --period")
        raise typer.BadParameter(message)

    def tell(proof: Proof, books: Books, more: dict[str, Any]) -> None:
        if report:
            books.save(report)
        told = {**figures(proof), **more}
        if as_json:
            say(told)
        else:
            _show(told, list(books.found(SHOWN)))
        if proof.broken or proof.orphans or proof.house or proof.payouts.get("broken") or not proof.complete:
            raise typer.Exit(1)

    if not period:
        tolerance = Tolerance(net=_amount("--net", net), tax=_amount("--tax", tax), cost=_amount("--cost", cost))
        if history:
            with History(history, memory=memory) as grown:
                came = Arrived(accepted=left, records=right, held=held)
                tell(advance(grown, came, day_of(day, datetime.now(UTC).date()), tolerance), grown, {})
            return
        until = day_of(day, datetime.now(UTC).date())
        with Books(left, right, held, memory=memory) as books, spread(left, right, workers, memory) as looked:
            proof = prove(books, until, tolerance, looked)
            if payouts:
                proof.payouts = payments.prove_payments(books, payouts, until, tolerance.net, Waits(pay=pay_within, credit=credit_within))
                payments.report(books)
            tell(proof, books, {})
        return
    month = month_of(period)
    with house_of() as (house, now):
        from backhaul.entrypoints.months import prove_month

        name = tenant_of(house, tenant)
        zone = ZoneInfo(house.profiles[name].rules.entities[0].zone)
        until = day_of(day, now.astimezone(zone).date())
        with prove_month(house, name, month, until, actor=actor, now=now, memory=memory, anew=anew) as (proof, books, more):
            tell(proof, books, {"period": month, **more})


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


def _show_beside(told: dict[str, Any]) -> None:
    """Say what a month moves to others, and what others posted to its accounts."""
    for row in told.get("across", ()):
        out.print(f"{row['entity'] or 'No legal entity'}: {row['lines']} lines are credited in {row['credited_in']}, "
                  f"net {row['net']:f} {row['currency']}; they count for the period they were accepted in.")
    for row in told.get("late", ()):
        out.print(f"{row['entity']}: {row['lines']} lines credited in {row['of']} are {row['what']} in {row['posted_in']}, "
                  f"{row['units']:f} units, net {row['net']:f} {row['currency']}; they count for the period of their credit.",
                  soft_wrap=True)
    for entity, row in told.get("by_hand", {}).items():
        if row["count"]:
            out.print(f"{entity}: {row['count']} entries that are none of ours stand on the accounts returns have to themselves, "
                      f"{row['amount']:f} if none cancels another.")


def _show(told: dict[str, Any], first: list[Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    for reason in told["reasons"]:
        out.print(Text.assemble(("Incomplete:", "yellow"), f" {reason}."), soft_wrap=True)
    out.print(f"{told['lines']} lines: {told['proved']} proved, {told['in_timing']} in timing, {told['broken']} broken; "
              f"{told['orphans']} records of the ERP belong to none of them.")
    out.print(f"Less what is only in timing, {told['credit_difference']:f} more is credited than accepted, "
              f"{told['stock_difference']:f} more units are stock, and the ledger holds {told['ledger_difference']:f} more.")
    for entity, own in told["entities"].items() if len(told["entities"]) > 1 else ():
        money = {name: in_words(own[name]) or "nothing" for name in ("credit_difference", "ledger_difference")}
        out.print(f"{entity or 'No legal entity'}: {own['lines']} lines: {own['proved']} proved, {own['in_timing']} in timing, "
                  f"{own['broken']} broken; {own['orphans']} records beside them; {money['credit_difference']} more credited, "
                  f"{own['stock_difference']:f} more units, {money['ledger_difference']} more in the ledger"
                  f"{'' if own['complete'] else '; not all of it was read'}.")
    for row in told["let_go"]:
        out.print(f"Let go within the tolerance {row['row']} of {row['owner']}, which allows {row['limit']:f}: {row['count']} differences, "
                  f"{in_words(row['amount'])} together, {in_words(row['gross'])} if none cancels another.")
    _show_beside(told)
    if paid := told.get("payouts"):
        out.print(f"{paid['count']} claims of customers: {paid['matched']} paid as credited, {paid['in_timing']} in timing, "
                  f"{paid['broken']} broken.")
    by_class = {**told["by_class"], **told.get("payouts", {}).get("by_class", {})}
    classes = Table("class", "lines", "amount", "owner", "means")
    for kind, row in by_class.items():
        classes.add_row(kind, str(row["count"]), f"{row['amount']:f}", CLASSES[kind].owner.value, CLASSES[kind].means)
    if by_class:
        out.print(classes)
        lines = Table("line", "class", "amount", "document", "also", "with", title=f"The first {len(first)}")
        for each in first:
            lines.add_row(each.line, each.kind, f"{each.amount:f}", each.document, " ".join(each.also), each.other)
        out.print(lines)
    for kind, row in told["house"].items():
        out.print(f"Of the house as a whole, {kind}: {row['count']}, {row['amount']:f}. {CLASSES[kind].means}")
    for why, row in told["awaited"].items():
        out.print(f"In timing, {why}: {row['count']} lines, {row['amount']:f}.")
