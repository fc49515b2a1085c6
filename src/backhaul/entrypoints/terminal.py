"""What do all commands share?

Where they print, the two options nearly all of them have, and how they open the house and choose a tenant.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text


class Later:
    """A console that is made when something is first printed there: what answers a program with JSON starts without it."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Say where it will print."""
        self.stderr = stderr
        self.made: Console | None = None

    def console(self) -> "Console":
        """Make the console, or give the one that was made. What is printed is data, whose brackets are brackets."""
        from rich.console import Console

        self.made = self.made or Console(stderr=self.stderr, markup=False, highlight=False)
        return self.made

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever a console can do
        """Do what the console does."""
        return getattr(self.console(), name)


out: Final = cast("Console", Later())
err: Final = cast("Console", Later(stderr=True))


def marked(*parts: Any) -> "Text":  # noqa: ANN401  as Text.assemble has it
    """Put a text together, of which some parts stand out: strings, and pairs of a string and its style."""
    from rich.text import Text

    return Text.assemble(*parts)


def columns(*names: str) -> "list[Column]":
    """Name the columns of a table whose cells are folded where the terminal is narrow: an amount that is cut is another amount."""
    from rich.table import Column

    return [Column(name, overflow="fold") for name in names]


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Which tenant; needed only where several are configured.")]


def say(value: Any) -> None:  # noqa: ANN401  whatever a command has to say
    """Print one JSON value."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


@contextmanager
def opened() -> Iterator[Any]:
    """Build the house from the environment, and close it afterwards; a file whose version does not hold is said to people."""
    from backhaul.bootstrap import build
    from backhaul.config import Settings

    house = build(Settings.from_env())
    for sentence in house.waiting.values():
        err.print(marked(("backhaul:", "yellow"), f" {sentence}"), soft_wrap=True)
    try:
        yield house
    finally:
        house.close()


def tenant_of(house: Any, asked: str) -> str:  # noqa: ANN401  House, imported late
    """Give the tenant that was asked for, or the only one there is."""
    names = sorted(house.profiles)
    if asked in names:
        return asked
    if not asked and len(names) == 1:
        return str(names[0])
    message = f"tenant '{asked}' is not configured" if asked else "say which tenant"
    message = f"{message}: --tenant {' | '.join(names) or '(no profile is loaded; set BACKHAUL_PROFILE)'}"
    raise typer.BadParameter(message)


@contextmanager
def progress(quiet: bool) -> Iterator[Any]:
    """Show progress on standard error, so that standard output stays for the answer."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=cast("Later", err).console(), disable=quiet) as bar:
        tasks: dict[int, Any] = {}

        def tell(what: str, done: int, of: int) -> None:
            if of not in tasks:
                tasks[of] = bar.add_task(what, total=of)
            bar.update(tasks[of], description=what, completed=done)

        yield tell
