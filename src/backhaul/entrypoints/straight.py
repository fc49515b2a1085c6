"""Do the sides of extracts tell the same story? Read, proved and told without what the other commands need to load.

Extracts, above all those that go on from a history, are proved many times a day, and mostly in less time than the command line takes to
come up. A command of nothing but plain options is read here; whatever is not as plain, and every mistake, is left to `proving`.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

PLAIN: Final[Mapping[str, str]] = {
    "left": "", "right": "", "held": "", "history": "", "day": "", "net": "0", "tax": "0", "cost": "0", "report": "", "memory": "700MB"}
"""The options that are read here, and what they are where they are not told; `--json` is the only one without a value."""
SHOWN: Final = 20
"""How many discrepancies a person is shown; a report has all of them."""


def plain(words: Sequence[str]) -> Mapping[str, Any] | None:
    """Read a command of plain options as what `prove_extracts` takes; nothing where it is another command, or says anything else."""
    if not words or words[0] != "reconcile":
        return None
    told, rest = dict(PLAIN), list(words[1:])
    as_json = "--json" in rest
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--json" and not equals:
            continue
        if name.removeprefix("--") not in PLAIN or not name.startswith("--") or not (equals or rest):
            return None
        told[name[2:]] = value if equals else rest.pop(0)
        if told[name[2:]].startswith("--"):
            return None
    limits = {name: told.pop(name) for name in ("net", "tax", "cost")}
    try:
        until = date.fromisoformat(told.pop("day") or f"{datetime.now(UTC):%Y-%m-%d}")
        amounts = {name: Decimal(text) for name, text in limits.items()}
    except (ValueError, InvalidOperation):
        return None
    whole = told["history"] or (told["left"] and told["right"])
    if not whole or not all(amount.is_finite() and amount >= 0 for amount in amounts.values()):
        return None
    return {**told, "until": until, "limits": amounts, "as_json": as_json}


def prove_extracts(*, left: str, right: str, held: str, history: str, report: str, memory: str, until: date,  # noqa: PLR0913  a command
                   limits: Mapping[str, Decimal], as_json: bool) -> bool:
    """Prove extracts as of the end of a day, all of them or what came since where a history is named, and print what was found.

    `limits` say by how much `net`, `tax` and `cost` may differ. Tells whether everything was read and holds.
    """
    from backhaul.application.advance import Arrived, History, advance
    from backhaul.application.reconcile import Books, prove
    from backhaul.domain.tolerance import Tolerance

    tolerance = Tolerance(net=limits["net"], tax=limits["tax"], cost=limits["cost"])
    if history:
        with History(history, memory=memory) as grown:
            return tell(advance(grown, Arrived(accepted=left, records=right, held=held), until, tolerance), grown, {},
                        report=report, as_json=as_json)
    with Books(left, right, held, memory=memory) as books:
        return tell(prove(books, until, tolerance), books, {}, report=report, as_json=as_json)


def tell(proof: Any, books: Any, more: Mapping[str, Any], *, report: str, as_json: bool) -> bool:  # noqa: ANN401  Proof, Books: imported late
    """Print what a run proved, and write what it found where a report is named; tell whether everything was read and holds."""
    from backhaul.application.stated import figures

    if report:
        books.save(report)
    told = {**figures(proof), **more}
    if as_json:
        import json

        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n")
    else:
        show(told, list(books.found(SHOWN)))
    return not (proof.broken or proof.orphans or proof.house or proof.payouts.get("broken") or not proof.complete)


def _show_beside(told: Mapping[str, Any]) -> None:
    """Say what a month moves to others, and what others posted to its accounts."""
    from backhaul.entrypoints.terminal import out

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


def show(told: Mapping[str, Any], first: Sequence[Any]) -> None:
    """Print for people what a run proved, and the first of what it found."""
    from rich.table import Table
    from rich.text import Text

    from backhaul.domain.discrepancy import CLASSES
    from backhaul.domain.money import in_words
    from backhaul.entrypoints.terminal import out

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
