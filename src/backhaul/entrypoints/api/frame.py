"""Who calls, what may they do, and how is a change done once?

Whoever calls holds a personal access token. Every route names the action it needs, and a route that names none is nobody's. The first
answer to a key is kept in the transaction of the change it names, so that a call that is repeated has one effect and one answer.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Protocol, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter

from backhaul.adapters.sql import views
from backhaul.application import people
from backhaul.application.approvals import Within
from backhaul.application.close import Close
from backhaul.application.close_ports import CloseTx
from backhaul.application.ports import Clock, Fence, KeptCase, KeptException
from backhaul.application.post import Desk
from backhaul.application.resolve import entity_of
from backhaul.domain.access import Action, Person, Scope, account_seen, words_seen
from backhaul.domain.errors import BackhaulError, Misconfigured, NeedsOperator, NotAllowed, RetryLater
from backhaul.domain.posting import Route
from backhaul.domain.proposal import Proposal
from backhaul.domain.retention import Terms
from backhaul.domain.rules import Rules
from backhaul.domain.trail import digest
from backhaul.entrypoints import rejudging
from backhaul.entrypoints.rejudging import Compared
from backhaul.entrypoints.versioning import Drafted, ReadableStore

STATUS: Final[Mapping[type[BackhaulError], int]] = {NotAllowed: 403, NeedsOperator: 409, RetryLater: 503, Misconfigured: 500}
"""What a sentence of ours is in HTTP; the sentence says what, which one and what now."""
TITLES: Final = {400: "Not understood", 401: "Who are you?", 403: "Not allowed", 404: "Not here", 405: "Not this way",
                 409: "Not possible now", 413: "Too large", 422: "Same key, other request", 503: "Try again later"}
HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer", "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'"}

_log: Final = logging.getLogger("backhaul.api")

Told: TypeAlias = dict[str, Any]
Call: TypeAlias = Request[Any, Any, Any]
Key: TypeAlias = Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=8, max_length=128,
                                                description="Names this change. The same key again gives the first answer.")]


class Named(Protocol):
    """A source of messages, by its name."""

    @property
    def name(self) -> str:
        """Give its name."""
        ...


class ProfileLike(Drafted, Protocol):
    """What the API needs to know of a profile that holds."""

    @property
    def sources(self) -> Sequence[Named]:
        """Give the webhook's sources."""
        ...

    @property
    def terms(self) -> Terms:
        """Give for how long what is kept, is."""
        ...


class HouseLike(Protocol):
    """The parts of a running Backhaul that the API uses."""

    @property
    def store(self) -> ReadableStore:
        """Give the store."""
        ...

    @property
    def profiles(self) -> Mapping[str, ProfileLike]:
        """Give the profiles by tenant."""
        ...

    @property
    def state_dir(self) -> Path:
        """Give the folder where what is kept beside the database lies."""
        ...

    def desk(self, tenant: str, legal_entity: str) -> Desk:
        """Give a legal entity's desk."""
        ...

    def drafted(self, tenant: str, text: str, *, where: str = "(draft)") -> Drafted:
        """Read a text as a version of a tenant's profile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Once(Within):
    """The one open transaction of a change and its answer, which knows the close of a month as well."""

    tx: CloseTx

    @contextmanager
    def begin(self, fence: Fence | None = None) -> Iterator[CloseTx]:
        """Give the transaction that is open already."""
        with Within.begin(self, fence):
            yield self.tx

    @contextmanager
    def look(self) -> Iterator[CloseTx]:
        """Give the transaction that is open already, so that what it wrote is seen."""
        yield self.tx


class SameKey(HTTPException):
    """A key that named another request before."""

    status_code = 422


def absent(what: str) -> HTTPException:
    """Say that something is not here, or not for the caller to see: both look alike."""
    return NotFoundException(detail=f"{what} is not here, or not for you to see; names are compared letter by letter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call: who makes it, by which right, in which tenant and over which legal entities."""

    house: HouseLike
    tenant: str
    person: Person
    action: Action
    scope: Scope
    now: datetime
    method: str
    path: str

    @property
    def store(self) -> ReadableStore:
        """Give the store."""
        return self.house.store

    @property
    def rules(self) -> Rules:
        """Give the tenant's rules."""
        return self.house.profiles[self.tenant].rules

    def drafted(self, text: str) -> Drafted:
        """Read a version of the tenant's profile; what is wrong with it is the caller's to mend, and told with its lines."""
        try:
            return self.house.drafted(self.tenant, text)
        except Misconfigured as wrong:
            raise ValidationException(detail=str(wrong)) from None

    def close(self, period: str, legal_entity: str) -> Close:
        """Give the close of a month of a legal entity; what is none is the caller's to mend."""
        if not self.rules.knows(period):
            raise ValidationException(detail=f"'period' is a month like 2026-10, not '{period[:20]}'")
        return Close(rules=self.rules, period=period, legal_entity=legal_entity,
                     sources=[each.name for each in self.house.profiles[self.tenant].sources])

    def may(self, action: Action) -> bool:
        """Tell whether the caller may do something else in this tenant, for any of its legal entities."""
        return people.scope(self.person, action, self.tenant) is not None

    def whole(self) -> None:
        """Refuse what is about all of a tenant to who may act for some of its legal entities only."""
        if self.scope.entities is not None:
            message = "this is about the whole tenant, and your grant names legal entities"
            raise NotAllowed(message)

    def account(self, account: str, legal_entity: str) -> str:
        """Give a customer's account as the caller may see it."""
        return account_seen(self.person, self.tenant, legal_entity, account)

    def words(self, told: Any, legal_entity: str, *accounts: str) -> Any:  # noqa: ANN401  words, or records of them
        """Give sentences about a return with these accounts as the caller may read them."""
        return words_seen(self.person, self.tenant, legal_entity, told, accounts)

    def covers(self, legal_entity: str) -> None:
        """Refuse a legal entity outside the scope, as if it were not there."""
        if not self.scope.covers(legal_entity):
            what = f"legal entity '{legal_entity}'"
            raise absent(what)

    def exception(self, number: int) -> KeptException:
        """Give an open exception of the scope, or say that it is not here."""
        with self.store.read() as connection:
            found = views.open_work(connection, self.scope, number)
        if found is None:
            what = f"an open exception {number}"
            raise absent(what)
        return found

    def seen(self, ref: str) -> None:
        """Refuse a return outside the scope, as if it were not there."""
        with self.store.look() as tx:
            case = tx.cases(self.tenant, [ref]).get(ref)
        if case is None or not self.scope.covers(case.legal_entity):
            what = f"return '{ref}'"
            raise absent(what)

    def proposal(self, number: int) -> Proposal:
        """Give a proposal of the scope, or say that it is not here."""
        with self.store.look() as tx:
            found = tx.proposal(self.tenant, number)
        if found is None or not self.scope.covers(found.legal_entity):
            what = f"proposal {number}"
            raise absent(what)
        return found

    def by_version(self, ref: str) -> tuple[Compared, KeptCase]:
        """Compare a return of the scope by the present mapping and the one its goods were accepted under."""
        self.seen(ref)
        with self.store.look() as tx:
            case = tx.cases(self.tenant, [ref])[ref]
        return rejudging.compare(self.store, self.rules, lambda entity: self.house.desk(self.tenant, entity).erp, ref, now=self.now), case

    def route(self, ref: str) -> Route:
        """Give the route of the legal entity a return belongs to."""
        return self.house.desk(self.tenant, entity_of(self.store, self.rules, ref)).route

    def once(self, key: str, body: object, act: Callable[[Once], Told]) -> Response[Told]:
        """Do something under a key, once, with the answer kept in the same transaction."""
        request = digest({"method": self.method, "path": self.path, "body": msgspec.json.encode(body).decode()})
        with self.store.begin() as tx:
            kept = tx.answer(self.person.actor, key)
            if kept is None:
                told = plain(act(Once(tx=tx)))
                if not tx.keep_answer(self.person.actor, key, request=request, status=201, body=told, at=self.now):
                    message = "the same key is being answered at this moment; ask again"
                    raise RetryLater(message)
                return Response(told, status_code=201)
        if kept.request != request:
            detail = f"key '{key}' named another request before; take a new key for a new change"
            raise SameKey(detail)
        return Response(dict(kept.body), status_code=kept.status, headers={"Idempotency-Replayed": "true"})


Mine: TypeAlias = NamedDependency[Asked]
"""The call a handler answers."""


def guard(house: HouseLike, clock: Clock) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """Give what lets in who holds a token and may do what a route does in a tenant; a route that names no action is nobody's."""

    def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        now = clock.now()
        person = people.who_holds(house.store, token.strip(), now) if scheme.casefold() == "bearer" else None
        if person is None:
            raise HTTPException(status_code=401, detail="send a personal access token that holds, as 'Authorization: Bearer bh_...'",
                                headers={"WWW-Authenticate": "Bearer"})
        action, tenant = handler.opt.get("action"), str(connection.path_params.get("tenant", ""))
        if not isinstance(action, Action) or tenant not in house.profiles:
            message = f"there is no tenant '{tenant}' here for you"
            raise NotAllowed(message)
        connection.state.asked = Asked(
            house=house, tenant=tenant, person=person, action=action, scope=people.seen_by(person, action, tenant), now=now,
            method=str(connection.scope.get("method", "")), path=connection.url.path)

    return admit


def asked_by(request: Call) -> Asked:
    """Give the call as the guard admitted it."""
    told: Asked = request.state.asked
    return told


def failed(request: Call, error: Exception) -> Response[Told]:
    """Say what went wrong as problem+json; what is ours to mend is found in the log by its number."""
    status = error.status_code if isinstance(error, HTTPException) else next(
        (code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    told: Told = {"type": "about:blank", "status": status, "title": TITLES.get(status, "Error"), "instance": request.url.path}
    if status >= 500 and not isinstance(error, RetryLater):  # noqa: PLR2004  the number is the meaning
        told |= {"number": secrets.token_hex(8), "detail": "this is ours to mend; the log has it under this number; nothing was changed"}
        _log.error("api_failed", exc_info=error, extra={"path": request.url.path, "number": told["number"]})
    else:
        told["detail"] = error.detail if isinstance(error, HTTPException) else str(error)
    if isinstance(error, ValidationException) and error.extra:
        told["errors"] = error.extra
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return secured(Response(told, status_code=status, media_type="application/problem+json", headers=headers))


def secured(response: Response[Any]) -> Response[Any]:
    """Put the security headers on an answer."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def plain(value: Any) -> Any:  # noqa: ANN401  whatever our records hold
    """Write our records as JSON has it: money and quantities as text with all digits, moments in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(each) for name, each in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime) else value
