"""What were customers paid, what of it is not credited, and does the ledger say so?"""

import hashlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from backhaul.entrypoints.terminal import Json, Tenant, columns, opened, out, say, tenant_of

payouts_app: Final = typer.Typer(help="What customers were paid.", invoke_without_command=True)


@payouts_app.callback()
def payouts(context: typer.Context, *, tenant: Tenant = "", as_json: Json = False) -> None:
    """List what customers were paid: what of it is not credited yet, since when, and which credit notes or write-offs settle the rest."""
    from backhaul.entrypoints import story

    if context.invoked_subcommand:
        return
    with opened() as house:
        told = story.payments(house, tenant_of(house, tenant), datetime.now(UTC))
    if as_json:
        say({"payouts": told})
        return
    for each in told:
        settled = ", ".join(f"{one['amount']} by {one['document'] or 'write-off'}" for one in each["settlements"]) or "nothing yet"
        out.print(f"{each['return']}  {each['reference']}  paid {each['paid']} {each['currency']}, open {each['open']} "
                  f"since {each['since'][:10]} ({each['days']} days, {each['booking']}); settled: {settled}")


@payouts_app.command("import")
def payouts_import(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV, XLSX, JSON lines, or a JSON list.")], *,
                   tenant: Tenant = "", as_json: Json = False) -> None:
    """Take in what a payment provider paid, a row for each payment, by [payouts.file] of the profile; each payment once for each status."""
    from backhaul.adapters.payments import sheet
    from backhaul.application.payment_ports import KeptSheet
    from backhaul.application.take_payments import take

    with opened() as house:
        name, now = tenant_of(house, tenant), datetime.now(UTC)
        profile = house.profiles[name]
        if profile.payments is None:
            message = "the profile has no [payouts.file], so nobody said how payments are read"
            raise typer.BadParameter(message)
        with file.open("rb") as opened_file:
            content = opened_file.read(profile.files.max_bytes + 1)
        kept = KeptSheet(tenant=name, provider=profile.payments.provider, name=file.name, body=content, at=now,
                         sha256=hashlib.sha256(content).hexdigest())
        told = take(house.store, profile.rules, kept, sheet.rows_of(str(file), content, profile.payments, profile.files), now=now)
    if as_json:
        say({"file": str(file), "sha256": kept.sha256, **told})
    else:
        out.print(", ".join(f"{what} {count}" for what, count in told.items()))
    if told["aside"]:
        raise typer.Exit(1)


@payouts_app.command("ask")
def payouts_ask(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Ask the payment provider now for what it paid since it last told everything, by [payouts.api] of the profile."""
    from backhaul.entrypoints.asking import ask

    with opened() as house:
        told = ask(house, tenant_of(house, tenant), datetime.now(UTC))
    if as_json:
        say(dict(told))
    else:
        out.print(", ".join(f"{what} {count}" for what, count in told.items()))
    if told.get("aside"):
        raise typer.Exit(1)


@payouts_app.command("uncredited")
def payouts_uncredited(*, period: Annotated[str, typer.Option(help="Payments of this month (YYYY-MM).")],
                       until: Annotated[str, typer.Option(help="Up to the end of this later month, for a VAT period of several.")] = "",
                       tenant: Tenant = "", as_json: Json = False) -> None:
    """List payments of a VAT period that no credit note answers whole by its end, each with the clock of its country and its source."""
    from backhaul.application.claims import claims, uncredited
    from backhaul.domain.fiscal_calendar import MONTHS

    first, last = MONTHS.first(_month(period)), MONTHS.last(_month(until or period))
    with opened() as house:
        rules = house.profiles[tenant_of(house, tenant)].rules
        told = [asdict(each) for each in uncredited(claims(house.store, rules), first, last)]
    if as_json:
        say({"uncredited": told})
        return
    for each in told:
        out.print(f"{' '.join(each['returns'])}  {each['payment']['reference']}  {each['open']} {each['whose']['currency']} of "
                  f"{each['payment']['amount']} paid on {each['payment']['day']} in {each['country'] or 'no country'}, due {each['due_on']}"
                  f"{', late' if each['late'] else ''} ({each['source'] or 'no clock of its own'})")


@payouts_app.command("settlements")
def payouts_settlements(*, tenant: Tenant = "", as_json: Json = False) -> None:
    """Propose which credit note is settled with which payment, or with the order that sent other goods; no credit note is a write-off."""
    from backhaul.application.claims import claims, settlings

    with opened() as house:
        rules = house.profiles[tenant_of(house, tenant)].rules
        told = [asdict(each) for each in settlings(claims(house.store, rules))]
    if as_json:
        say({"settlements": told})
        return
    for each in told:
        out.print(f"{each['day']}  {each['note'] or 'write-off'}  with {each['other']}  {each['amount']} {each['whose']['currency']}  "
                  f"{' '.join(each['returns'])}")


def roll_forward(*, period: Annotated[str, typer.Option(help="Roll this month (YYYY-MM) forward.")],
                 day: Annotated[str, typer.Option(help="To the end of which day of it; today, or its last, unless given.")] = "",
                 lines: Annotated[bool, typer.Option("--lines", help="Show what is open, return by return.")] = False,
                 tenant: Tenant = "", as_json: Json = False) -> None:
    """Roll forward what is paid, and what is received, and not credited, beside what the ERP's accounts say; status 1 unless all agree."""
    from backhaul.domain.roll_forward import lines_under
    from backhaul.entrypoints.proving import day_of, house_of, month_of
    from backhaul.entrypoints.rolling import figures, roll_month
    from backhaul.entrypoints.stating import erps_of

    period = month_of(period)
    with house_of() as (house, now):
        name = tenant_of(house, tenant)
        today = now.astimezone(ZoneInfo(house.profiles[name].rules.entities[0].zone)).date()
        rolled = roll_month(house, name, period, day_of(day, today), erps_of(house, name), today=today)
    told: dict[str, Any] = {
        "period": period, "day": rolled.day.isoformat(), "complete": not rolled.reasons, "reasons": list(rolled.reasons),
        "rows": [{**figures(row), **({"lines": [asdict(each) for each in lines_under(rolled, row.flow, row.whose, "closing")]}
                                     if lines else {})} for row in rolled.rows]}
    if as_json:
        say(told)
    else:
        _show(told)
    if rolled.differing or rolled.reasons:
        raise typer.Exit(1)


def _show(told: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    for reason in told["reasons"]:
        out.print(Text.assemble(("Incomplete:", "yellow"), f" {reason}."), soft_wrap=True)
    for flow, title in (("paid", "Paid, not credited, at gross"), ("received", "Received, not credited, at cost")):
        rows = [row for row in told["rows"] if row["flow"] == flow]
        if not rows:
            continue
        names = list(rows[0]["movements"])
        table = Table(*columns("entity", "brand", "warehouse", "", "opening", *(name.replace("_", " ") for name in names), "closing",
                               "account says", "difference"), title=title)
        for row in rows:
            table.add_row(row["entity"], row["brand"], row["warehouse"], row["currency"], f"{row['opening']:f}",
                          *(f"{row['movements'][name]:f}" for name in names), f"{row['closing']:f}",
                          *("not read" if row[name] is None else f"{row[name]:f}" for name in ("balance", "difference")))
        out.print(table)
        for row in rows:
            for each in row.get("lines", ()):
                out.print(f"  {each['return_ref'] or 'no return'}  {each['item']}  {each['amount']} {row['currency']} since {each['day']} "
                          f"({each['days']} days)")


def _month(text: str) -> str:
    """Read a calendar month, which is what VAT periods are made of whatever the books' calendar is."""
    from backhaul.domain.fiscal_calendar import MONTHS

    if not MONTHS.has(text):
        message = f"'{text}' is no month like 2026-10"
        raise typer.BadParameter(message)
    return text
