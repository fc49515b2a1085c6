"""What lies in the parcel in my hand, for which no return is known?"""

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler

from backhaul.application import hand_in
from backhaul.domain.access import Action
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.parcel import LONGEST, NotAParcel, choices_of
from backhaul.entrypoints import handing
from backhaul.entrypoints.web.console import Console, fields, query
from backhaul.entrypoints.web.door import AnyRequest, Visitor
from backhaul.entrypoints.web.refusing import REFUSED, Refusal

ROWS: Final = range(1, 6)
"""Items the form has room for; a program may name more."""
OF_PARCEL: Final = ("retailer", "warehouse", "currency", "came_on", "parcel", "label", "note", "evidence")
OF_ITEM: Final = ("sku", "units", "grade", "accepted", "reason")
NAMES: Final = ("legal_entity", "key", "another", *OF_PARCEL, *(f"{name}-{row}" for row in ROWS for name in OF_ITEM))
REFERENCE: Final = re.compile(r"HAND-[0-9A-F]{12}")


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/parcels", action=Action.REGISTER_PARCEL, sync_to_thread=True)
    def form(request: AnyRequest) -> Response[str]:
        mine, asked, made = _entities(console, request), query(request, "entity"), query(request, "ref")
        chosen = asked if asked in mine else mine[0] if len(mine) == 1 else ""
        return _form(console, request, chosen, made=made if REFERENCE.fullmatch(made) else "")

    @post("/parcels/register", action=Action.REGISTER_PARCEL, status_code=303)
    async def register(request: AnyRequest) -> Response[Any]:
        return await asyncio.to_thread(_register, console, request, fields(await request.form(), *NAMES))

    return [form, register]


def _entities(console: Console, request: AnyRequest) -> list[str]:
    """Give the legal entities for which this person may register a parcel."""
    allowed = console.scope(request, Action.REGISTER_PARCEL)
    return [entity.id for entity in console.house.profiles[allowed.tenant].rules.entities if allowed.covers(entity.id)]


def _form(console: Console, request: AnyRequest, chosen: str, *, made: str = "") -> Response[str]:
    """Draw the form for a legal entity; whose number was refused is asked whether it is another parcel."""
    rules, refused = console.house.profiles[console.tenant(request)].rules, request.scope.get(REFUSED)
    choices = choices_of(rules, rules.entity(chosen)) if chosen else None
    grades = [(msgspec.json.encode(grade).decode(), "/".join(filter(None, grade))) for grade in choices.grades] if choices else []
    doubtful = isinstance(refused, Refusal) and ("parcel" in refused.about or "another" in refused.typed)
    return console.show(request, "parcel.html", chosen=chosen, key=secrets.token_urlsafe(16), parcel=query(request, "parcel"), made=made,
                        doubtful=doubtful, choices=choices, grades=grades, entities=_entities(console, request), rows=ROWS, longest=LONGEST)


def _register(console: Console, request: AnyRequest, typed: Mapping[str, str]) -> Response[Any]:
    """Keep what was typed, once."""
    tenant, entity, key = console.tenant(request), typed.get("legal_entity", ""), typed.get("key", "")
    if entity not in _entities(console, request):
        detail = "there is no such legal entity, or none for which you may register a parcel"
        raise NotFoundException(detail)
    if not key:
        message = "this form names no key; load the page again and fill it in there, so that it is registered once"
        raise NeedsOperator(message)
    visitor: Visitor = request.state.visitor
    store, rules, now = console.house.store, console.house.profiles[tenant].rules, console.clock.now()
    rows = [row for row in ROWS if any(typed.get(f"{name}-{row}") for name in OF_ITEM)]
    told = {**{name: typed.get(name, "") for name in OF_PARCEL}, "items": [_item(typed, row) for row in rows]}
    try:
        parcel, known = handing.judged(store, rules, console.scope(request), entity, told, actor=visitor.person.actor, now=now)
        ref = hand_in.register(store, rules, parcel, key, now=now, known=known, another=typed.get("another") == "yes")
    except NotAParcel as refused:
        raise NotAParcel({_field(name, rows): sentence for name, sentence in refused.fields.items()}) from refused
    back = {"done": "registered", "ref": ref, "entity": entity} | {
        name: value for name, value in request.query_params.items() if name == "tenant"}
    return Response(content=b"", status_code=303, headers={"location": f"/parcels?{urlencode(back)}"})


def _item(typed: Mapping[str, str], row: int) -> dict[str, str]:
    told = {name: typed.get(f"{name}-{row}", "") for name in OF_ITEM}
    try:
        condition, disposition = msgspec.json.decode(told.pop("grade"), type=tuple[str, str])
    except msgspec.DecodeError:
        condition = disposition = ""
    return {**told, "condition": condition, "disposition": disposition}


def _field(name: str, rows: list[int]) -> str:
    """Give the field of the form for a field of a parcel: its rows are counted with the empty ones between them."""
    found = re.fullmatch(r"items\[(\d+)\]\.(\w+)", name)
    if found is None:
        return f"sku-{ROWS[0]}" if name == "items" else name
    what = "grade" if found[2] in {"condition", "disposition"} else found[2]
    return f"{what}-{rows[int(found[1])]}"
