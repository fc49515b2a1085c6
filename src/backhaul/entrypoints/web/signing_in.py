"""How does somebody come in, prove anew who they are, and leave?

`GET /sign-in` offers the ways. `GET /sign-in/leave` sends the browser to the identity provider and keeps nothing here;
`GET /sign-in/return` is where it comes back, once. A session never outlives a sign-in: a new one is opened and the old
one ended (reliability C1 to C5).
"""

import asyncio
import hmac
import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Response, get, post
from litestar.handlers import BaseRouteHandler

from backhaul.adapters.openid import Identity, NotProven
from backhaul.adapters.sql.register import Register
from backhaul.application.people import INSTALLATION
from backhaul.application.ports import KeptSession
from backhaul.domain.errors import BackhaulError
from backhaul.entrypoints.web.console import Console, query
from backhaul.entrypoints.web.door import (
    LEAVING,
    LONGEST,
    SESSION,
    SIGNING_IN,
    AnyRequest,
    Leaving,
    cookie,
    hashed,
    is_foreign,
    local,
    refuse_forged,
    same,
)

LOCAL: Final = "local"
"""Issuer of those who signed in with the passphrase of a development system."""
GONE: Final = timedelta(0)
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
FAILED: Final = "The sign-in did not work, and nobody was signed in. Begin again; if it happens twice, show an administrator the time."
NOBODY: Final = "You are known to the identity provider, but have no role here. An administrator grants one under Administration."
WAIT: Final = "Too many sign-ins failed from this address. Wait a quarter of an hour."

_log: Final = logging.getLogger("backhaul.sign_in")


def routes(console: Console) -> list[BaseRouteHandler]:
    """Give the routes."""

    @get("/sign-in", open=True, sync_to_thread=True)
    def offer(request: AnyRequest) -> Response[Any]:
        return _offer(console, request, query(request, "next"))

    @get("/sign-in/leave", open=True, sync_to_thread=True)
    def leave(request: AnyRequest) -> Response[Any]:
        if console.provider is None:
            return _offer(console, request, "", said="No identity provider is set.", status=404)
        leaving = Leaving.begin(console.clock.now(), query(request, "next"), anew=query(request, "anew") == "1")
        try:
            address = console.provider.address(state=leaving.proof("state"), nonce=leaving.proof("nonce"),
                                               verifier=leaving.proof("verifier"), anew=leaving.anew)
        except BackhaulError as wrong:
            _log.warning("sign_in_provider_unreadable", extra={"reason": str(wrong)})
            return _offer(console, request, "", said="The identity provider does not answer. Try again in a minute.", status=503)
        return _redirect(address, cookie(LEAVING, leaving.cookie, SIGNING_IN))

    @get("/sign-in/return", open=True, sync_to_thread=True)
    def come_back(request: AnyRequest) -> Response[Any]:
        now, leaving = console.clock.now(), Leaving.read(request.cookies.get(LEAVING, ""))
        if console.throttle.is_shut(_address(request)):
            return _offer(console, request, "", said=WAIT, status=429)
        try:
            identity = _proven(console, request, leaving, now)
        except (NotProven, BackhaulError) as wrong:
            console.throttle.fail(_address(request))
            _log.warning("sign_in_refused", extra={"reason": str(wrong)})
            return _offer(console, request, "", said=FAILED, status=403)
        return _let_in(console, request, identity, now, leaving.returns_to if leaving else "/")

    @post("/sign-in/local", open=True, status_code=303)
    async def by_passphrase(request: AnyRequest) -> Response[Any]:
        form = await request.form()
        return await asyncio.to_thread(_by_passphrase, console, request, {name: str(value) for name, value in form.items()})

    @post("/sign-out", anybody=True, status_code=303, sync_to_thread=True)
    def sign_out(request: AnyRequest) -> Response[Any]:
        with console.house.store.begin() as tx:
            tx.end_session(request.state.visitor.session.hash, at=console.clock.now(), reason="signed out")
        return _redirect("/sign-in?out=1", cookie(SESSION, "", GONE))

    return [offer, leave, come_back, by_passphrase, sign_out]


def _offer(console: Console, request: AnyRequest, returns_to: str, *, said: str = "", status: int = 200) -> Response[Any]:
    """Show the ways in. The form of the passphrase is bound to this browser by the cookie it comes with."""
    leaving = Leaving.begin(console.clock.now(), returns_to, anew=query(request, "anew") == "1")
    by = urlsplit(console.sign_in.issuer).hostname or ""
    answer = console.show(request, "sign_in.html", status=status, returns_to=leaving.returns_to, by=by, wrong=said,
                          issuer=console.sign_in.issuer, passphrase=console.sign_in.passphrase is not None,
                          form_token=leaving.proof("form"), out=query(request, "out") == "1", anew=leaving.anew)
    answer.set_cookie(cookie(LEAVING, leaving.cookie, SIGNING_IN))
    return answer


def _proven(console: Console, request: AnyRequest, leaving: Leaving | None, now: datetime) -> Identity:
    """Check that this browser left for this sign-in, for the first time and lately; then have the code redeemed."""
    told = {name: str(request.query_params.get(name, "")) for name in ("state", "code", "iss", "error")}
    if console.provider is None or leaving is None or not timely(leaving, now):
        message = "this browser did not leave for a sign-in lately"
        raise NotProven(message)
    if not same(told["state"], leaving.proof("state")):
        message = "the state is not this browser's"
        raise NotProven(message)
    if told["iss"] not in {"", console.provider.registration.issuer}:
        message = "the answer names another issuer"
        raise NotProven(message)
    with console.house.store.begin() as tx:
        first = tx.use_sign_in(hashed(leaving.cookie), at=now)
    if not first:
        message = "this sign-in came back before"
        raise NotProven(message)
    if told["error"] or not told["code"]:
        message = f"the provider said {told['error'][:60]!r} and gave no code"
        raise NotProven(message)
    return console.provider.redeem(told["code"], nonce=leaving.proof("nonce"), verifier=leaving.proof("verifier"), now=now,
                                   anew=leaving.anew)


def timely(leaving: Leaving, now: datetime) -> bool:
    """Tell whether a sign-in began lately."""
    return now - SIGNING_IN <= leaving.began_at <= now


def _by_passphrase(console: Console, request: AnyRequest, form: dict[str, str]) -> Response[Any]:
    """Let whoever knows the passphrase of a development system be whom they name."""
    now, leaving = console.clock.now(), Leaving.read(request.cookies.get(LEAVING, ""))
    secret = console.sign_in.passphrase
    if secret is None or console.sign_in.production:
        return _offer(console, request, "", said="Signing in by passphrase is not offered here.", status=404)
    refuse_forged(form, leaving.proof("form") if leaving and timely(leaving, now) else secrets.token_hex())
    if is_foreign(request, console.sign_in.url):
        return _offer(console, request, "", said=FAILED, status=403)
    if console.throttle.is_shut(_address(request)):
        return _offer(console, request, "", said=WAIT, status=429)
    name = form.get("name", "").strip()[:100]
    if not name or not hmac.compare_digest(form.get("passphrase", "").encode(), secret.reveal().encode()):
        console.throttle.fail(_address(request))
        return _offer(console, request, form.get("next", ""), said="Name or passphrase is not right.", status=403)
    return _let_in(console, request, Identity(issuer=LOCAL, subject=name, name=name, at=now), now, form.get("next", ""))


def _let_in(console: Console, request: AnyRequest, identity: Identity, now: datetime, returns_to: str) -> Response[Any]:
    """Open a session under a new token, and end the one this browser had."""
    token = secrets.token_urlsafe(32)
    with console.house.store.read() as connection:
        person = Register(connection, {}, None).person(issuer=identity.issuer, subject=identity.subject)
    if person is None or not person.grants:
        _log.warning("sign_in_without_role", extra={"issuer": identity.issuer, "subject": identity.subject})
        return _offer(console, request, "", said=NOBODY, status=403)
    with console.house.store.begin() as tx:
        if old := request.cookies.get(SESSION):
            tx.end_session(hashed(old), at=now, reason="signed in anew")
        tx.open_session(KeptSession(
            hash=hashed(token), issuer=identity.issuer, subject=identity.subject,
            name=identity.name or identity.address or identity.subject, began_at=now, seen_at=now, proven_at=identity.at or NEVER))
        tx.record(INSTALLATION, subject=person.actor, action="session.began", at=now, actor=person.actor, detail={
            "issuer": identity.issuer})
    return _redirect(local(returns_to), cookie(SESSION, token, LONGEST), cookie(LEAVING, "", GONE))


def _redirect(address: str, *cookies: Any) -> Response[Any]:  # noqa: ANN401  Litestar's cookies
    return Response(content=b"", status_code=303, headers={"location": address}, cookies=list(cookies))


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client else ""
