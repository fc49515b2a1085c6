"""Which exception comes before and after this one in the list it was opened from?

A list says in its links what it was narrowed to and where in it the exception stood; every page and every form on the way hands that on
as it is. So somebody works a list through without going back to it, also past one that was resolved or moved meanwhile. Whoever makes an
address up gets a list narrowed to that, of what they may see.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode

from backhaul.adapters.sql import lists
from backhaul.application.ports import KeptException
from backhaul.entrypoints.web.console import LONGEST, Console, mark, read_mark, whole
from backhaul.entrypoints.web.door import AnyRequest

NARROWED: Final = ("owner", "kind", "entity")
MOST: Final = 600
"""Characters of what an address says about a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A neighbour: which exception, and the list as its page is to know it."""

    number: int
    walk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where somebody stands in a list of open work."""

    here: str
    """What is handed on."""
    narrowed: dict[str, str]
    previous: Step | None
    next: Step | None
    place: str
    """Which of how many, in words; empty where that is not known without counting far."""


def packed(narrowed: dict[str, str], due_at: datetime, number: int) -> str:
    """Write what the list was narrowed to, and a place in it, as one value of an address."""
    return urlencode({name: text for name, text in narrowed.items() if text} | {"at": mark(due_at, number)})


def walk(console: Console, request: AnyRequest, kept: KeptException | None = None) -> Walk | None:
    """Give where the reader of a page stands in the list it was opened from; without one an exception stands in that of all open work."""
    told = dict(parse_qsl(str(request.query_params.get("list", ""))[:MOST]))
    at = read_mark(told.get("at", ""))
    number = whole(at[1]) if at else None
    if at and number is not None:
        place = at[0], number
    elif kept is not None:
        place = kept.case.due_at, kept.id
    else:
        return None
    reach = console.reach(request)
    narrowed = {name: told.get(name, "")[:LONGEST] for name in NARROWED}
    narrowed["entity"] = narrowed["entity"] if narrowed["entity"] in reach.entities else ""
    with console.house.store.read() as connection:
        found = lists.around(connection, reach, place, owner=narrowed["owner"], kind=narrowed["kind"], entity=narrowed["entity"])
    step = [None if each is None else Step(number=each[1], walk=packed(narrowed, *each)) for each in (found.previous, found.next)]
    return Walk(here=packed(narrowed, *place), narrowed=narrowed, previous=step[0], next=step[1], place=_place(found))


def _place(found: lists.Around) -> str:
    if not found.stands or found.before > lists.PAGE:
        return ""
    many = found.before + 1 + found.after
    return f"{found.before + 1} of {many}" if found.after <= lists.PAGE else f"{found.before + 1} of more than {many - 1}"
