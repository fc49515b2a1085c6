"""What can be seen in a browser, and how is it served?

Pages of rows, drawn on the server, without a script. They read through `adapters.sql.views` on a
connection that cannot write. The platform's route lies around all of this (`hooks`).
"""

import logging
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Final, Protocol, Self, cast
from urllib.parse import unquote_to_bytes

import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, QueryParameter
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from sqlalchemy import Connection, func, select

from backhaul.adapters.sql import rows, tables, views
from backhaul.adapters.zigzag.webhook import Source
from backhaul.application.ports import Clock, Store
from backhaul.domain.access import Scope
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import minor_unit, rounded
from backhaul.domain.posting import PostingKind
from backhaul.domain.returns import ReturnCase, fold
from backhaul.entrypoints.web.hooks import App, Hooks
from backhaul.entrypoints.web.quiet import QuietHttpProtocol

HERE: Final = Path(__file__).parent
PAGE: Final = 50
NOTHING: Final = "\N{EN DASH}"
"""What stands where there is nothing to say."""
LONGEST: Final = 128
"""A search is cut to this length."""
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": "default-src 'self'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                               "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}

_log: Final = logging.getLogger("backhaul.web")


class ReadableStore(Store, Protocol):
    """A store that can also be read without taking part in the writing."""

    def read(self) -> AbstractContextManager[Connection]:
        """Open a connection that cannot write and sees one moment."""
        ...


class ProfileLike(Protocol):
    """What the pages need to know of a profile."""

    @property
    def version(self) -> str:
        """Give its version."""
        ...

    @property
    def sources(self) -> Sequence[Source]:
        """Give the webhook's sources."""
        ...

    @property
    def signals(self) -> Sequence[Source]:
        """Give the webhook's signals."""
        ...


class HouseLike(Protocol):
    """The parts of a running Backhaul that the web layer uses."""

    @property
    def store(self) -> ReadableStore:
        """Give the store."""
        ...

    @property
    def profiles(self) -> Mapping[str, ProfileLike]:
        """Give the profiles by tenant."""
        ...


class WallClock:
    """The clock on the wall, in UTC."""

    def now(self) -> datetime:
        """Give the current time."""
        return datetime.now(UTC)


# --- what is shown ---------------------------------------------------------------------------------------


def health(house: HouseLike, now: datetime) -> tuple[int, dict[str, Any]]:
    """Say whether we work: database, profiles, deliveries by state, age in seconds of the oldest nobody has read."""
    told: dict[str, Any] = {"status": "ok", "database": "ok",
                            "profiles": {tenant: profile.version for tenant, profile in house.profiles.items()}}
    waiting = tables.deliveries
    try:
        with house.store.read() as connection:
            told["deliveries"] = {
                tenant or "(no source of this name)": dict(views.deliveries_by_state(connection, Scope.whole(tenant)))
                for tenant in (*house.profiles, "")}
            oldest = connection.execute(
                select(func.min(waiting.c.received_at)).where(waiting.c.state == "stored")).scalar_one_or_none()
    except Exception:  # noqa: BLE001  whatever it is, this page says that we are not well
        _log.exception("health_database_failed")
        return 500, {**told, "status": "failing", "database": "failing"}
    told["oldest_undigested_seconds"] = None if oldest is None else max(0.0, round((now - oldest).total_seconds(), 1))
    return 200, told


def case_list(house: HouseLike, tenant: str, *, search: str, state: str, page: int) -> dict[str, Any]:
    """Give one page of a tenant's returns."""
    wanted = [ReturnState(state)] if state in set(ReturnState) else []
    with house.store.read() as connection:
        found = views.list_cases(connection, Scope.whole(tenant), search=search, states=wanted, offset=(page - 1) * PAGE, limit=PAGE)
        counts = views.cases_by_state(connection, Scope.whole(tenant))
    return {"tenant": tenant, "tenants": sorted(house.profiles), "version": house.profiles[tenant].version, "found": found,
            "counts": counts, "all": sum(counts.values()), "search": search, "state": state if wanted else "", "page": page,
            "pages": max(1, -(-found.total // PAGE))}


def one_case(house: HouseLike, tenant: str, ref: str) -> dict[str, Any] | None:
    """Give everything about one return; None if nobody ever heard of it."""
    facts = tables.facts
    with house.store.read() as connection:
        life = views.life(connection, Scope.whole(tenant), ref)
        known = [rows.fact(row.kind, row.body) for row in connection.execute(
            select(facts).where(facts.c.tenant == tenant, facts.c.return_ref == ref))]
    if life.case is None and not life.events:
        return None
    case: ReturnCase = fold(ref, known)
    return {"tenant": tenant, "ref": ref, "kept": life.case, "case": case,
            "postings": sorted(life.postings, key=lambda row: (row.posting.line_id, STEPS.index(row.posting.key.kind))),
            "parts": [(title, [event for event in life.events if event.sort in sorts]) for title, sorts in PARTS]}


STEPS: Final = tuple(PostingKind)
"""Kinds of document in the order in which they are made."""
PARTS: Final = (
    ("Exceptions", {"exception"}),
    ("What was said", {"delivery", "fact"}),
    ("What was sent", {"posting", "attempt"}),
    ("Trail", {"trail"}),
)
"""The events of a return's life by heading, in reading order."""


def money(amount: Decimal | None, currency: str = "") -> str:
    """Write an amount the way a controller reads it: grouped, rounded to its minor unit, with its currency."""
    if amount is None:
        return NOTHING
    return f"{rounded(amount, currency):,.{-int(minor_unit(currency).as_tuple().exponent)}f} {currency}".strip()


def number(quantity: Decimal | None) -> str:
    """Write a quantity without zeros that say nothing."""
    return NOTHING if quantity is None else format(quantity.normalize(), "f")


def when(at: datetime | None) -> str:
    """Write a moment in UTC."""
    return NOTHING if at is None else f"{at.astimezone(UTC):%d %b %Y %H:%M} UTC"


def said(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write an event's details as names and texts; empty ones are left out, long ones are cut."""
    return [(name.replace("_", " "), _plain(value)[:400]) for name, value in detail.items() if value not in (None, "", [], {})]


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(item)}" for name, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_plain, value))
    return str(value)


# --- the application -------------------------------------------------------------------------------------


def create_app(house: HouseLike, *, clock: Clock | None = None) -> Hooks:
    """Build the ASGI application: the platform's route around the pages."""
    clock = clock or WallClock()
    pages = Litestar(
        logging_config=None,
        route_handlers=[*_routes(house, clock), create_static_files_router(path="/static", directories=[HERE / "static"])],
        template_config=TemplateConfig(instance=JinjaTemplateEngine(engine_instance=_environment())),
        after_request=_secure, exception_handlers={Exception: _failed}, openapi_config=None)
    sources = [source for profile in house.profiles.values() for source in profile.sources]
    signals = [signal for profile in house.profiles.values() for signal in profile.signals]
    return Hooks(cast("App", pages), store=house.store, sources=sources, signals=signals, clock=clock)


def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(money=money, number=number, when=when, said=said)
    return environment


def _routes(house: HouseLike, clock: Clock) -> list[BaseRouteHandler]:
    def tenant_of(asked: str) -> str:
        if not asked and house.profiles:
            return min(house.profiles)
        if asked not in house.profiles:
            detail = "no such tenant"
            raise NotFoundException(detail)
        return asked

    @get("/health", sync_to_thread=True)
    def show_health() -> Response[dict[str, Any]]:
        status, told = health(house, clock.now())
        return Response(told, status_code=status)

    @get("/", sync_to_thread=True)
    def show_cases(tenant: FromQuery[str] = "", q: FromQuery[str] = "",
                   wanted: Annotated[str, QueryParameter(name="state")] = "", page: FromQuery[int] = 1) -> Template:
        told = case_list(house, tenant_of(tenant), search=q.strip()[:LONGEST], state=wanted, page=min(max(page, 1), 10**6))
        return Template("cases.html", context=told)

    @get("/cases/{rest:path}", sync_to_thread=True)
    def show_case(request: Request[Any, Any, Any], tenant: FromQuery[str] = "") -> Template:
        ref = unquote_to_bytes(request.scope["raw_path"].removeprefix(b"/cases/")).decode(errors="replace")  # may hold a slash
        told = one_case(house, tenant_of(tenant), ref)
        if told is None:
            detail = "nobody ever heard of this return; references are compared letter by letter"
            raise NotFoundException(detail)
        return Template("case.html", context=told)

    return [show_health, show_cases, show_case]


def _secure(response: Response[Any]) -> Response[Any]:
    """Put the security headers on a response."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Show a page that says what, and nothing about how we are built."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status >= 500:  # noqa: PLR2004  the number is the meaning
        _log.error("page_failed", exc_info=error, extra={"path": request.url.path})
    detail = error.detail if isinstance(error, NotFoundException) else ""
    page = _environment().get_template("error.html").render(status=status, detail=detail)
    return _secure(Response(page, status_code=status, media_type="text/html"))


# --- serving ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Running:
    """A server that listens. Use it in a `with` block, or close it."""

    base_url: str
    app: Hooks
    _server: uvicorn.Server
    _thread: Thread

    def close(self) -> None:
        """Stop taking requests, finish those that are under way, and wait for that."""
        self._server.should_exit = True
        self._thread.join()

    def wait(self) -> None:
        """Stay until somebody interrupts."""
        with suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(0.5)

    def __enter__(self) -> Self:
        """Use it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def serve(app: Hooks, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Start serving in a thread of its own and return when it listens; port 0 takes a free one."""
    listener = socket.create_server((host, port), backlog=1024)
    # asyncio leaves Nagle's algorithm on for a listener it is handed; head and body would wait 40 ms for each other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        cast("Any", app), http=QuietHttpProtocol, ws="none", log_level="warning", access_log=False, lifespan="on",
        server_header=False, date_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=15)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listener],), name="backhaul-web", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    if not server.started:
        message = "the web server did not start; its log says why"
        raise OSError(message)
    return Running(f"http://{host}:{listener.getsockname()[1]}", app, server, thread)


def run(app: Hooks, host: str = "127.0.0.1", port: int = 8080) -> None:
    """Serve until somebody interrupts."""
    with serve(app, host, port) as running:
        running.wait()
