"""May a month be called closed? From a terminal: how it stands, and whose signature it has."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from backhaul.entrypoints.proving import house_of, month_of
from backhaul.entrypoints.seconding import Who
from backhaul.entrypoints.terminal import Json, Tenant, columns, out, say, tenant_of

if TYPE_CHECKING:
    from backhaul.application.close import Close, Month

close_app: Final = typer.Typer(no_args_is_help=True, help="The close of a month: status, sign, forecast, plan, pack.")

Period = Annotated[str, typer.Option(help="The month, YYYY-MM.")]


def close_of(house: Any, tenant: str, period: str, entity: str) -> "Close":  # noqa: ANN401  House, imported late
    """Give the close of a month of a legal entity; of the only one there is, where none is named."""
    from backhaul.application.close import Close

    profile = house.profiles[tenant]
    names = [each.id for each in profile.rules.entities]
    if (entity or len(names) != 1) and entity not in names:
        message = f"say which legal entity: --entity {' | '.join(names)}"
        raise typer.BadParameter(message)
    return Close(rules=profile.rules, period=period, legal_entity=entity or names[0], sources=[each.name for each in profile.sources])


def told(month: "Month") -> dict[str, Any]:
    """Write a month as plain values, each list with whether it holds."""
    return {**asdict(month), "lists": [{**asdict(each), "holds": each.holds} for each in month.lists]}


@close_app.command("status")
def close_status(*, period: Period, entity: Annotated[str, typer.Option(help="A legal entity; each without.")] = "", tenant: Tenant = "",
                 as_json: Json = False) -> None:
    """Show the lists of a month with their numbers as they are now, who signed them, and what moved; status 1 unless all of it holds."""
    from backhaul.application import close

    month = month_of(period)
    with house_of() as (house, now):
        name = tenant_of(house, tenant)
        names = [entity] if entity else [each.id for each in house.profiles[name].rules.entities]
        found = [close.status(house.store, close_of(house, name, month, each), now) for each in names]
    if as_json:
        say({"period": month, "closes": [told(each) for each in found]})
    else:
        for each in found:
            _show(each, now)
    if not all(row.holds for each in found for row in each.lists):
        raise typer.Exit(1)


@close_app.command("sign")
def close_sign(  # noqa: PLR0913  each is an option
    *, period: Period, signer: Annotated[str, typer.Option("--for", help="The list: finance, warehouse, customer-service, integration, or "
                                                           "reviewer, who signs last.")],
    shown: Annotated[str, typer.Option(help="The hash of the list, as `backhaul close status` shows it.")], actor: Who,
    entity: Annotated[str, typer.Option(help="The legal entity, where there are several.")] = "", tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Sign a list of a month as it was shown."""
    from backhaul.application import close
    from backhaul.domain.signature import Signer

    month = month_of(period)
    if signer not in set(Signer):
        message = f"there is no list '{signer}'; there are {', '.join(Signer)}"
        raise typer.BadParameter(message)
    with house_of() as (house, now):
        done = close.sign(house.store, close_of(house, tenant_of(house, tenant), month, entity), Signer(signer), shown=shown, actor=actor,
                          now=now)
    if as_json:
        say({"signature": done.id, "period": month, "legal_entity": done.legal_entity, "signer": signer, "sha256": done.sha256})
    else:
        out.print(f"Signature {done.id}: {signer} of {done.legal_entity} for {month}, by {actor}.")


@close_app.command("forecast")
def close_forecast(*, period: Period, tenant: Tenant = "", as_json: Json = False) -> None:
    """Say what will still be open at the cut-off, by team and cause, at the pace of the last four weeks."""
    from rich.table import Table

    told = _ahead(period, tenant)
    if as_json:
        say({name: told[name] for name in ("period", "cut_off", "cut_offs", "forecast", "paces")})
        return
    rows = Table(*columns("entity", "team", "cause", "open", "held", "left", "held then"),
                 title=f"At the cut-off of {told['period']}, {_cut_offs(told)}")
    for each in told["forecast"]:
        rows.add_row(each["legal_entity"], each["team"], each["cause"], str(each["open"]), f"{each['amount']:f} {each['currency']}",
                     str(each["left"]), f"{each['left_amount']:f} {each['currency']}")
    out.print(rows)


@close_app.command("plan")
def close_plan(*, period: Period, tenant: Tenant = "", as_json: Json = False) -> None:
    """Say in which period each batch lands by the ERP's own jobs, and what misses this one unless its window closes sooner."""
    from rich.table import Table

    told = _ahead(period, tenant)
    if as_json:
        say({name: told[name] for name in ("period", "cut_off", "cut_offs", "plan", "jobs")})
        return
    rows = Table(*columns("entity", "batch or leg", "lands on", "period", "documents", "landing", "refused"),
                 title=f"Last call for {told['period']}: {_cut_offs(told)}")
    for each in told["plan"]:
        rows.add_row(each["legal_entity"], each["batch"] or each["leg"] or "next window", each["lands_on"], each["period"],
                     str(each["count"]), each["landing"],
                     f"{each['refused']} It could be posted in {each['instead'] or 'no period yet'}." if each["refused"] else "")
    out.print(rows)
    for each in told["jobs"]:
        out.print(f"{each['code']}: {each['sentence']}", soft_wrap=True)


def _cut_offs(told: dict[str, Any]) -> str:
    """Say when each legal entity is cut off, once where that is one moment for all."""
    moments = told["cut_offs"]
    if len({*moments.values()}) == 1:
        return f"{told['cut_off']:%d %B %H:%M} UTC"
    return ", ".join(f"{entity} {at:%d %B %H:%M}" for entity, at in moments.items()) + " UTC"


def _ahead(period: str, tenant: str) -> dict[str, Any]:
    from backhaul.application import close_ahead

    month = month_of(period)
    with house_of() as (house, now):
        return close_ahead.told(close_ahead.ahead(house.store, house.profiles[tenant_of(house, tenant)].rules, month, now))


@close_app.command("figures")
def close_figures(
    *, period: Period, lines: Annotated[bool, typer.Option("--lines", help="With --json, what the figures are made of.")] = False,
    tenant: Tenant = "", as_json: Json = False,
) -> None:
    """Show what came back in a month and what it is worth, and what is owed for returns without credit, as the last proof found it."""
    from backhaul.entrypoints import valuing

    month = month_of(period)
    with house_of() as (house, _):
        found = valuing.asked(house.store, tenant_of(house, tenant), month)
    plain = valuing.told(found, lines=lines)
    if as_json:
        say({"period": month, **plain})
        return
    for title, rows in (("What came back", plain["returned"]), ("What is owed, and what is got for it", plain["refunds"]),
                        ("Beside the roll-forward", plain["ties"])):
        _table(f"{title}, {found.first} to {found.day}", rows)
    for sentence in (*found.remarks, *plain["method"].values()):
        out.print(sentence)


@close_app.command("journals")
def close_journals(
    *, period: Period,
    to: Annotated[Path | None, typer.Option(help="Write the lines that can be posted to this .xlsx or .csv, in the shape of their ERP.",
                                            dir_okay=False)] = None,
    entity: Annotated[str, typer.Option(help="Of this legal entity alone.")] = "", tenant: Tenant = "", as_json: Json = False,
) -> None:
    """List the journals proposed to finance for a month, and which of them stand in the ledger; none is posted by us."""
    from backhaul.entrypoints import journaling

    month = month_of(period)
    if to and to.suffix not in {".xlsx", ".csv"}:
        message = f"--to '{to}' is no .xlsx and no .csv"
        raise typer.BadParameter(message)
    with house_of() as (house, _):
        rules = house.profiles[tenant_of(house, tenant)].rules
        found = [each for each in journaling.asked(house.store, rules, month) if entity in {"", each.journal.entity}]
        sheets = journaling.sheets(rules, found, entity)
    if to:
        to.write_bytes(journaling.written(sheets, to.suffix[1:]))
    plain = [journaling.told(each) for each in found]
    if as_json:
        say({"period": month, "journals": plain, **({"file": str(to), "lines": sum(len(each.rows) for each in sheets)} if to else {})})
        return
    for each in plain:
        back = f", taken back on {each['reverses_on']}" if each["reverses_on"] else ""
        out.print(f"\n{each['marker']}  {each['sort']}, {each['entity']}: {each['standing']}. On {each['day']}{back}. {each['why']}.")
        for leg in each["legs"]:
            account = leg["account"] or f"nobody named an account for {leg['for']}"
            out.print(f"   {account:<12} debit {leg['debit']:f}  credit {leg['credit']:f} {each['currency']}")
    out.print(f"\n{len(plain)} journals proposed, none posted by us.")


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(*columns(*(rows[0] if rows else ())), title=title)
    for row in rows:
        table.add_row(*("not known" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
                        for value in row.values()))
    out.print(table if rows else f"{title}: nothing.")


@close_app.command("pack")
def close_pack(*, period: Period, actor: Annotated[str, typer.Option(help="Who you are; it stands in the trail.")] = "backhaul",
               tenant: Tenant = "", as_json: Json = False) -> None:
    """Make the pack of a month, as a workbook and on paper, and archive it; its hashes stand in the trail."""
    from backhaul.entrypoints.packing import archive

    month = month_of(period)
    with house_of() as (house, now):
        rules = house.profiles[tenant_of(house, tenant)].rules
        made = archive(house.store, rules, month, state_dir=house.settings.state_dir, actor=actor, now=now)
    if as_json:
        say({"period": month, "files": made.files, "sha256": made.sha256})
        return
    for kind, path in made.files.items():
        out.print(f"{path}\n   SHA-256 {made.sha256[kind]}", soft_wrap=True)


def _show(month: "Month", now: datetime) -> None:
    from rich.table import Table
    from rich.text import Text

    from backhaul.domain.signature import ITEMS, Signer

    state = "over" if month.over else "not over yet; this is a rehearsal"
    out.print(Text.assemble("\n", (month.legal_entity, "bold"), f", {month.period}: {state}. As of {now:%d %B %Y %H:%M} UTC."))
    means = {item.name: item.means for item in ITEMS}
    for each in month.lists:
        signed = f"signed by {each.signed.actor} on {each.signed.at:%d %B %Y}" if each.signed else each.missing or "not signed"
        out.print(f"{each.signer.value}: {signed}")
        if each.signer is not Signer.REVIEWER:
            table = Table("what is counted", "now")
            for name, value in each.numbers.items():
                table.add_row(means[name], value)
            out.print(table)
        for line in each.moved or (each.fallen.moved if each.fallen and not each.signed else ()):
            out.print(f"   moved: {line}")
        out.print(f"   --shown {each.sha256}", soft_wrap=True)
    for step in month.steps:
        out.print(f"{step['by']}  {step['state']:<9} {step['means']}", soft_wrap=True)
