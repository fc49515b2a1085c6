"""Do two extracts tell the same story? Anybody's, without a database."""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from backhaul.domain.discrepancy import CLASSES
from backhaul.entrypoints.terminal import Json, out, say

SHOWN = 20
"""How many discrepancies a person is shown; a report has all of them."""


def reconcile(  # noqa: PLR0913  a command line
    *,
    left: Annotated[str, typer.Option(help="What was accepted: CSV or Parquet, one row for each line; a pattern may name several files.")],
    right: Annotated[str, typer.Option(help="What the ERP shows: stock movements, credit notes, losses, ledger entries.")],
    held: Annotated[str, typer.Option(help="What is believed here of each line; a third opinion.")] = "",
    day: Annotated[str, typer.Option(help="As of the end of which day; today unless given.")] = "",
    net: Annotated[str, typer.Option(help="By how much a net amount may differ.")] = "0",
    tax: Annotated[str, typer.Option(help="By how much tax may differ.")] = "0",
    cost: Annotated[str, typer.Option(help="By how much a cost may differ.")] = "0",
    report: Annotated[str, typer.Option(help="Write every discrepancy to this file: .csv or .parquet.")] = "",
    memory: Annotated[str, typer.Option(help="What the engine may hold before it goes to disk.")] = "700MB",
    as_json: Json = False,
) -> None:
    """Prove return lines from plain extracts: each is proved, in timing, or broken by a class and an amount; status 1 if any is broken."""
    from backhaul.application.reconcile import Books, prove
    from backhaul.domain.proof import Tolerance

    with Books(left, right, held, memory=memory) as books:
        proof = prove(books, _day(day), Tolerance(net=_amount("--net", net), tax=_amount("--tax", tax), cost=_amount("--cost", cost)))
        if report:
            books.save(report)
        told: dict[str, Any] = {
            "lines": proof.lines, "proved": proof.proved, "in_timing": proof.in_timing, "broken": proof.broken, "orphans": proof.orphans,
            "by_class": {kind: {"count": count, "amount": amount} for kind, (count, amount) in proof.by_class.items()},
            "awaited": {why: {"count": count, "amount": amount} for why, (count, amount) in proof.awaited.items()},
            "complete": proof.complete, "stock_difference": proof.stock_difference, "credit_difference": proof.credit_difference,
            "ledger_difference": proof.ledger_difference}
        if as_json:
            say(told)
        else:
            _show(told, list(books.found(SHOWN)))
    if proof.broken or proof.orphans:
        raise typer.Exit(1)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else datetime.now(UTC).date()
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


def _show(told: dict[str, Any], first: list[Any]) -> None:
    from rich.table import Table

    out.print(f"{told['lines']} lines: {told['proved']} proved, {told['in_timing']} in timing, {told['broken']} broken; "
              f"{told['orphans']} records of the ERP belong to none of them.", highlight=False)
    out.print(f"Less what is only in timing, {told['credit_difference']:f} more is credited than accepted, "
              f"{told['stock_difference']:f} more units are stock, and the ledger holds {told['ledger_difference']:f} more.",
              highlight=False)
    classes = Table("class", "lines", "amount", "owner", "means")
    for kind, row in told["by_class"].items():
        classes.add_row(kind, str(row["count"]), f"{row['amount']:f}", CLASSES[kind].owner.value, CLASSES[kind].means)
    if told["by_class"]:
        out.print(classes)
        lines = Table("line", "class", "amount", "document", "also", "with", title=f"The first {len(first)}")
        for each in first:
            lines.add_row(each.line, each.kind, f"{each.amount:f}", each.document, " ".join(each.also), each.other)
        out.print(lines)
    for why, row in told["awaited"].items():
        out.print(f"In timing, {why}: {row['count']} lines, {row['amount']:f}.", highlight=False)
