"""What can be done in a browser?

The console's pages are drawn on the server and work without a script. They read on a connection that cannot write; what is done goes
through the same verbs as the command line. The platform's route lies around all of this (`hooks`).
"""

import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.static_files import create_static_files_router

from backhaul.adapters.openid import OpenIdProvider, Registration
from backhaul.adapters.sql import pulse
from backhaul.application.ports import Clock
from backhaul.config import SignIn
from backhaul.domain import errors
from backhaul.domain.access import Action
from backhaul.domain.parcel import NotAParcel
from backhaul.entrypoints.api.service import beside, create_api
from backhaul.entrypoints.web import charts, exports, signing_in
from backhaul.entrypoints.web.console import FORM_BYTES, HERE, Console, Entry, HouseLike
from backhaul.entrypoints.web.counting import lifespan
from backhaul.entrypoints.web.hooks import App, Hooks
from backhaul.entrypoints.web.pages import (
    administration,
    approvals,
    batches,
    by_version,
    catalogue,
    causes,
    close,
    comparison,
    drafts,
    exceptions,
    figures,
    flows,
    journals,
    mappings,
    matches,
    parcels,
    proof,
    returns,
    roll_forward,
    sales,
    search,
    today,
    tokens,
    trail,
    waiting,
)
from backhaul.entrypoints.web.refusing import REFUSED, Refusal, keeping
from backhaul.entrypoints.web.serving import Running, run, serve

POLICY: Final = ("default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; "
                 "form-action 'self'; frame-ancestors 'none'")
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""On every answer, errors included; an answer may bring a stricter policy of its own."""
HSTS: Final = "max-age=31536000; includeSubDomains"
RAIL: Final = (
    Entry(path="/", title="Today", key="t", action=Action.SEE),
    Entry(path="/exceptions", title="Exceptions", key="e", action=Action.SEE),
    Entry(path="/approvals", title="Approvals", key="p", action=Action.SEE),
    Entry(path="/returns", title="Returns", key="r", action=Action.SEE),
    Entry(path="/waiting", title="Not credited", key="n", action=Action.SEE),
    Entry(path="/batches", title="Batches", key="b", action=Action.SEE),
    Entry(path="/proof", title="Proof", key="o", action=Action.SEE, whole=True),
    Entry(path="/roll-forward", title="Roll-forward", key="w", action=Action.SEE, whole=True),
    Entry(path="/close", title="Close", key="c", action=Action.SEE, whole=True),
    Entry(path="/mappings", title="Mappings", key="m", action=Action.SEE),
    Entry(path="/flows", title="Flows and health", key="f", action=Action.SEE),
    Entry(path="/trail", title="Audit trail", key="a", action=Action.SEE_TRAIL, whole=True),
    Entry(path="/administration", title="Administration", key="s", action=Action.SEE),
)
PAGES: Final = (
    today, exceptions, parcels, catalogue, causes, by_version, sales, approvals, returns, waiting, batches, proof, matches, roll_forward,
    figures, journals, close, mappings, drafts, comparison, flows, search, trail, administration, tokens, charts, exports, signing_in)

_log: Final = logging.getLogger("backhaul.web")


class WallClock:
    """The clock on the wall, in UTC."""

    def now(self) -> datetime:
        """Give the current time."""
        return datetime.now(UTC)


def create_app(house: HouseLike, *, clock: Clock | None = None, sign_in: SignIn | None = None) -> Hooks:
    """Build the ASGI application: the platform's route around the API and the console."""
    clock = clock or WallClock()
    pages = console_app(house, clock=clock, sign_in=sign_in or SignIn())
    sources = [source for profile in house.profiles.values() for source in profile.sources]
    signals = [signal for profile in house.profiles.values() for signal in profile.signals]
    api = create_api(cast("Any", house), clock)
    return Hooks(cast("App", beside(api, keeping(cast("Any", pages)))), store=house.store, sources=sources, signals=signals, clock=clock)


def console_app(house: HouseLike, *, clock: Clock, sign_in: SignIn) -> Litestar:
    """Build the console alone."""
    console = Console(house=house, clock=clock, sign_in=sign_in, provider=_provider(sign_in), rail=RAIL)
    headers = dict(HEADERS) | ({"strict-transport-security": HSTS} if sign_in.production else {})

    def secure(response: Response[Any]) -> Response[Any]:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    def failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return secure(_failed(console, request, error))

    return Litestar(
        logging_config=None, openapi_config=None, request_max_body_size=FORM_BYTES,
        route_handlers=[*_health(house), *(route for page in PAGES for route in page.routes(console)),
                        create_static_files_router(path="/static", directories=[HERE / "static"], opt={"open": True})],
        lifespan=[lifespan(house)], before_request=console.admit, after_request=secure, exception_handlers={Exception: failed})


def _provider(sign_in: SignIn) -> OpenIdProvider | None:
    if not sign_in.issuer or sign_in.secret is None:
        return None
    return OpenIdProvider(Registration(issuer=sign_in.issuer, client_id=sign_in.client, secret=sign_in.secret.reveal,
                                       returns_to=f"{sign_in.url}/sign-in/return"))


def _health(house: HouseLike) -> list[BaseRouteHandler]:
    """Say to anybody whether we work, and nothing else: what there is to know stands behind the door, under Flows and health."""
    def works(*, ready: bool) -> Response[dict[str, str]]:
        try:
            with house.store.read() as connection:
                for tenant in house.profiles if ready else ():
                    pulse.unread(connection, tenant)
                pulse.alive(connection)
        except Exception:  # noqa: BLE001  whatever it is, this page says that we are not well
            _log.exception("health_database_failed")
            return Response({"status": "failing", "database": "failing"}, status_code=500)
        return Response({"status": "ok", "database": "ok"})

    @get("/health", open=True, sync_to_thread=True)
    def health() -> Response[dict[str, str]]:
        return works(ready=False)

    @get("/ready", open=True, sync_to_thread=True)
    def ready() -> Response[dict[str, str]]:
        return works(ready=True)

    return [health, ready]


SAYS: Final[Mapping[type[errors.BackhaulError], int]] = {
    errors.NotAllowed: 403, NotAParcel: 400, errors.NeedsOperator: 409, errors.RetryLater: 503}
"""What stops somebody with a sentence meant for them, and the status it has."""


def _failed(console: Console, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Show a page that says what, and nothing about how we are built; what the log says is found by its number."""
    said = next((code for kind, code in SAYS.items() if isinstance(error, kind)), 500)
    status, number = error.status_code if isinstance(error, HTTPException) else said, ""
    if status >= 500:  # noqa: PLR2004  the number is the meaning
        number = secrets.token_hex(8)
        _log.error("page_failed", exc_info=error, extra={"path": request.url.path, "number": number})
    tells = isinstance(error, (NotFoundException, PermissionDeniedException, NotAuthorizedException))
    detail = error.detail if isinstance(error, HTTPException) and tells and error.detail != "Not Found" else ""
    if isinstance(error, tuple(SAYS)):
        detail = str(error)
    sentence = detail or (f"the log says what happened, under the number {number}" if number else "it cannot be read")
    one = getattr(error, "about", "")
    _note_refused(request, status, sentence, error.fields if isinstance(error, NotAParcel) else {one: sentence} if one else {})
    try:
        return console.show(request, "error.html", status=status, code=status, detail=detail, number=number)
    except HTTPException:  # the tenant that is asked for is not theirs: then without a frame
        request.state.visitor = None
        return console.show(request, "error.html", status=status, code=status, detail=detail, number=number)


def _note_refused(request: Request[Any, Any, Any], status: int, sentence: str, about: Mapping[str, str]) -> None:
    """Leave word of a form that was refused, so that its reader gets the page it is on with what they typed (`refusing`)."""
    typed = getattr(request.state, "typed", None) if "state" in request.scope else None
    if typed and typed.get("form_page"):
        cast("dict[str, Any]", request.scope)[REFUSED] = Refusal(
            status=status, sentence=sentence, about=about, page=typed["form_page"], typed=typed)


__all__ = ["HEADERS", "POLICY", "Running", "WallClock", "create_app", "run", "serve"]
