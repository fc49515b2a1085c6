"""What does every page of the console share: who asks, whose rows they may see, and the frame around the answer?"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.exceptions import NotFoundException, PermissionDeniedException
from sqlalchemy import select

from backhaul.adapters.openid import OpenIdProvider
from backhaul.adapters.sql import tables, views
from backhaul.adapters.sql.lists import Reach, Work, reach
from backhaul.adapters.sql.register import Register
from backhaul.adapters.sql.sessions import look_up
from backhaul.adapters.zigzag.webhook import Source
from backhaul.application.approvals import RouteOf, no_route
from backhaul.application.ports import Clock, Erp
from backhaul.config import SignIn
from backhaul.domain.access import Action, Scope, account_seen, scope, words_seen
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.posting import Route
from backhaul.domain.proposal import Proposal, accounts_in
from backhaul.entrypoints.versioning import Drafted, ReadableStore
from backhaul.entrypoints.web.door import (
    SAFE,
    SEEN,
    SESSION,
    AnyRequest,
    Throttle,
    Visitor,
    hashed,
    is_alive,
    is_foreign,
    refuse_forged,
    to_sign_in,
)
from backhaul.entrypoints.web.refusing import UNTYPED
from backhaul.entrypoints.web.wording import FILTERS, plain

HERE: Final = Path(__file__).parent
LONGEST: Final = 128
"""What is searched for is cut to this length."""
FIELD: Final = 2000
"""Characters in one field of a form."""
FORM_BYTES: Final = 2 * 1024 * 1024


@cache
def environment() -> Environment:
    """Give the templates, compiled once for this process; what somebody wrote is text in every one of them."""
    made = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                       lstrip_blocks=True)
    made.filters.update(FILTERS, segment=lambda text: quote(str(text), safe=""))
    return made


class ProfileLike(Drafted, Protocol):
    """What the pages need to know of a profile that holds."""

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

    @property
    def state_dir(self) -> Path:
        """Give the folder where what is kept beside the database lies."""
        ...

    def mapped(self, tenant: str, row: Mapping[str, Any], *, version: str, remark: str = "") -> Drafted:
        """Draft a version of a tenant's profile with one more mapping row."""
        ...

    def drafted(self, tenant: str, text: str, *, where: str = "(draft)") -> Drafted:
        """Read a text as a version of a tenant's profile; `Misconfigured` if anything is wrong with it."""
        ...

    def refresh(self, tenant: str) -> bool:
        """Work by the version of a tenant's profile that holds now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page in the rail: where it is, what it is called, the key that goes there after `g`, and what it needs."""

    path: str
    title: str
    key: str
    action: Action
    whole: bool = False
    """It tells of the whole tenant, so that some of its legal entities are not enough."""


@dataclass(slots=True, kw_only=True)
class Console:
    """The running console. Handlers are given one and hold nothing themselves."""

    house: HouseLike
    clock: Clock
    sign_in: SignIn
    provider: OpenIdProvider | None
    rail: tuple[Entry, ...] = ()
    throttle: Throttle = field(default_factory=Throttle)

    # --- who asks ----------------------------------------------------------------------------------------------

    async def admit(self, request: AnyRequest) -> Response[Any] | None:
        """Let a request in, send its reader to sign in, or refuse it. A route that names no right is closed to everybody."""
        told = request.route_handler.opt
        if told.get("open"):
            return None
        visitor = await asyncio.to_thread(self.visitor, request)
        if visitor is None:
            return to_sign_in(request)
        request.state.visitor = visitor
        if request.method not in SAFE:
            if is_foreign(request, self.sign_in.url):
                message = "This form was sent from another site; nothing was changed."
                raise PermissionDeniedException(message)
            form = await request.form()
            request.state.typed = {name: text for name, text in form.items() if isinstance(text, str)}
            refuse_forged(form, visitor.form_token)
        if told.get("anybody"):
            return None
        rights = [each for each in (told.get("action"), told.get("also")) if isinstance(each, Action)]
        if told.get("action") not in rights or not all(self.may(request, each, whole=bool(told.get("whole"))) for each in rights):
            message = "Your roles do not allow this. An administrator can propose a grant for you, under Administration."
            raise PermissionDeniedException(message)
        return None

    def visitor(self, request: AnyRequest) -> Visitor | None:
        """Find who sends this request: a session that lives, of a person who still has a role."""
        token = request.cookies.get(SESSION, "")
        if not token:
            return None
        now, kept_as = self.clock.now(), hashed(token)
        with self.house.store.read() as connection:
            session = look_up(connection, kept_as)
            person = None if session is None else Register(connection, {}, None).person(issuer=session.issuer, subject=session.subject)
        if session is None:
            return None
        if person is None or not person.grants or not is_alive(session, now):
            with self.house.store.begin() as tx:
                tx.end_session(kept_as, at=now, reason="ran out" if person and person.grants else "has no role any more")
            return None
        if now - session.seen_at > SEEN:
            with self.house.store.begin() as tx:
                tx.see_session(kept_as, at=now)
        return Visitor(session=session, token=token, person=person)

    def tenants(self, request: AnyRequest) -> list[str]:
        """Give the tenants this person has any role in."""
        visitor: Visitor = request.state.visitor
        return sorted({grant.tenant for grant in visitor.person.grants} & set(self.house.profiles))

    def tenant(self, request: AnyRequest) -> str:
        """Give the tenant that is asked for, or the first this person may see; another one is not there."""
        mine = self.tenants(request)
        asked = request.query_params.get("tenant") or (mine[0] if mine else "")
        if asked not in mine:
            message = "there is no such tenant here, or none that you may see"
            raise NotFoundException(message)
        return str(asked)

    def may(self, request: AnyRequest, action: Action, *, whole: bool = False) -> bool:
        """Tell whether whoever asks may do something about some legal entity, or about the whole tenant."""
        visitor: Visitor = request.state.visitor
        allowed = scope(visitor.person, action, self.tenant(request))
        return allowed is not None and (allowed.entities is None or not whole)

    def scope(self, request: AnyRequest, action: Action = Action.SEE) -> Scope:
        """Give of which legal entities this person may do something; `PermissionDenied` if of none."""
        visitor: Visitor = request.state.visitor
        allowed = scope(visitor.person, action, self.tenant(request))
        if allowed is None:
            raise PermissionDeniedException
        return allowed

    def account(self, request: AnyRequest) -> Callable[[str | None, str], str]:
        """Give what shows a customer's account, of a return of a legal entity, as whoever asks may see it."""
        visitor: Visitor = request.state.visitor
        tenant = self.tenant(request)
        return lambda account, legal_entity: account_seen(visitor.person, tenant, legal_entity, account or "")

    def words(self, request: AnyRequest, legal_entity: str, known: Iterable[str] = ()) -> Callable[[Any], Any]:
        """Give what shows sentences, about a return of a legal entity with these accounts, as whoever asks may read them."""
        visitor: Visitor = request.state.visitor
        tenant, accounts = self.tenant(request), tuple(known)
        return lambda told: words_seen(visitor.person, tenant, legal_entity, told, accounts)

    def work(self, request: AnyRequest, found: Work) -> Work:
        """Give a piece of work with its sentences as whoever asks may read them."""
        visitor: Visitor = request.state.visitor
        return replace(found, kept=views.work_seen(found.kept, visitor.person, found.legal_entity, (found.customer,)))

    def proposals(self, request: AnyRequest, found: Iterable[Proposal]) -> list[Proposal]:
        """Give proposals with what people wrote about them as whoever asks may read it: why, and how it ended."""
        told, tenant = list(found), self.tenant(request)
        with self.house.store.look() as tx:
            cases = tx.cases(tenant, {each.subject for each in told})
        seen = []
        for each in told:
            case = cases.get(each.subject)
            words = self.words(request, each.legal_entity, (*accounts_in(each.content), case.customer if case else ""))
            seen.append(replace(each, reason=words(each.reason), result=words(each.result)))
        return seen

    def reach(self, request: AnyRequest) -> Reach:
        """Give whose rows may be shown, entity by entity, as lists walk along them."""
        allowed = self.scope(request)
        with self.house.store.read() as connection:
            return reach(connection, allowed, *(entity.id for entity in self.house.profiles[allowed.tenant].rules.entities))

    def route_of(self, tenant: str) -> RouteOf:
        """Give what tells the documents of a legal entity's ERP, where this process may ask one."""
        desk = getattr(self.house, "desk", None)
        if desk is None:
            return no_route

        def route(legal_entity: str) -> Route:
            told: Route = desk(tenant, legal_entity).route
            return told

        return route

    def erp_of(self, tenant: str, legal_entity: str) -> Erp:
        """Give a legal entity's ERP, where this process may ask one."""
        desk = getattr(self.house, "desk", None)
        if desk is None:
            message = f"this needs the ERP of '{legal_entity}', and none can be asked from here"
            raise NeedsOperator(message)
        erp: Erp = desk(tenant, legal_entity).erp
        return erp

    # --- what they see -------------------------------------------------------------------------------------------

    def show(self, request: AnyRequest, template: str, *, status: int = 200, **told: Any) -> Response[str]:  # noqa: ANN401  for a template
        """Draw a page."""
        visitor = getattr(request.state, "visitor", None) if "state" in request.scope else None
        frame: dict[str, Any] = {"visitor": visitor, "now": self.clock.now(), "here": request.url.path, "said": "", "asked": "",
                                 "address": address(request) if request.method in SAFE else ""}
        if visitor is not None:
            tenant, mine = self.tenant(request), self.tenants(request)
            seen = scope(visitor.person, Action.SEE, tenant)
            with self.house.store.read() as connection:  # for the head of every page, so without a place among those that write
                pauses = [row for row in connection.execute(select(tables.pauses).where(
                    tables.pauses.c.tenant == tenant, tables.pauses.c.ended_at.is_(None)).order_by(tables.pauses.c.id))
                    if not row.legal_entity or (seen and seen.covers(row.legal_entity))]
            frame |= {"tenant": tenant, "tenants": mine, "pauses": pauses, "account": self.account(request),
                      "who": self._names(), "said": SAID.get(request.query_params.get("done", ""), ""),
                      "rail": [page for page in self.rail if self.may(request, page.action, whole=page.whole)],
                      "to": _linker(request, tenant if len(mine) > 1 else ""),
                      "may": lambda name, whole=False: self.may(request, Action(name), whole=whole)}
        else:
            frame |= {"to": lambda path, **_: path}
        page = environment().get_template(template).render(frame | told)
        return Response(page, status_code=status, media_type="text/html")

    def _names(self) -> Callable[[str], str]:
        """Make what gives the name of whoever the record knows by a pseudonym; the pseudonym where there is none, or none any more."""
        known: dict[str, str] = {}

        def who(actor: str) -> str:
            number = whole(actor.removeprefix("person ")) if actor.startswith("person ") else None
            if number is not None and actor not in known:
                with self.house.store.read() as connection:
                    known[actor] = next((person.name for person in Register(connection, {}, None).people([number])), "")
            return known.get(actor) or plain(actor)

        return who


SAID: Final[Mapping[str, str]] = {
    "archived": "The pack is in the archive, and its hashes are in the trail.",
    "signed": "Your signature is kept with the numbers it was given for.",
    "approved": "Your approval is kept.", "refused": "It is refused, or taken back; nothing was done.",
    "proposed": "It is proposed; somebody else approves it.", "paused": "Nothing is posted from now on.",
    "held": "The legal hold stands; nobody erases them before two people end it.",
    "noted": "Your comment is kept.", "handed-over": "It is handed over.",
    "promised": "What the customer was told is kept.",
    "concluded": "What becomes of the goods is kept; what the customer can be told follows from it.",
    "stopped": "It is stopped; what was decided stays decided.",
    "attached": "The file is kept with the exception, as it came.", "token-ended": "The token opens nothing any more.",
    "registered": "The parcel is registered.",
    "retried": "What was refused is looked for, and sent again only if it is not there.",
    "proving": "The month is proved at the next turn; this page says how far it is.",
    "revoked": "The role is taken away.", "ended": "The sessions have ended.",
}
"""What a page says after something was done, by the word in its address; whoever makes an address up gets nothing said."""


def address(request: AnyRequest) -> str:
    """Give the address of a page as its forms carry it, so that one that is refused leads back to it (`refusing`)."""
    told = [(name, text) for name, text in parse_qsl(request.url.query) if name != "done"]
    path = (request.scope.get("raw_path") or request.scope["path"].encode()).decode("ascii", "replace")
    return f"{path}?{urlencode(told)}" if told else path


def _linker(request: AnyRequest, tenant: str) -> Callable[..., str]:
    """Make what writes links: within the tenant that is seen, and on demand with what this page was asked."""
    def to(path: str, *, keep: bool = False, **query: object) -> str:
        told = dict(parse_qsl(request.url.query)) if keep else {}
        told.pop("done", None)
        told |= {"tenant": tenant} | {name: str(value) for name, value in query.items()}
        written = urlencode({name: value for name, value in told.items() if value})
        return f"{path}?{written}" if written else path

    return to


CARRIED: Final = frozenset({"tenant", "list"})
"""What an address says of where its reader comes from: whose rows, and the list that is worked through (`walking`)."""


def carried(request: AnyRequest, path: str) -> str:
    """Give the address of a page that knows where its reader comes from, as this request does."""
    told = {name: value for name, value in request.query_params.items() if name in CARRIED}
    return f"{path}?{urlencode(told)}" if told else path


def done(request: AnyRequest, path: str, word: str) -> Response[Any]:
    """Show the page that says what was done; loading it again does nothing again."""
    told = {"done": word} | {name: value for name, value in request.query_params.items() if name in CARRIED}
    return Response(content=b"", status_code=303, headers={"location": f"{path}?{urlencode(told)}"})


def fields(form: Mapping[str, Any], *names: str, most: int = FIELD) -> dict[str, str]:
    """Read a form by the names it may have, its frame aside; any other is refused, and so is a text without end (reliability C9)."""
    strange = sorted(set(form) - {*names, *UNTYPED})
    long = next((name for name in names if not isinstance(form.get(name, ""), str) or len(form.get(name, "")) > most), "")
    if strange or long:
        message = f"this form takes {', '.join(names)} of at most {most} characters; got {', '.join(strange)[:100] or 'more'}"
        raise NeedsOperator(message, about=long)
    return {name: form[name].strip() for name in names if name in form}


def query(request: AnyRequest, name: str, most: int = LONGEST) -> str:
    """Give what was asked under a name, cut to a sane length."""
    return str(request.query_params.get(name, "")).strip()[:most]


def rest(request: AnyRequest, before: str) -> str:
    """Give what stands in an address after its beginning, letter by letter: it may hold slashes, and routes join two of them."""
    return unquote_to_bytes(request.scope["raw_path"].removeprefix(before.encode())).decode(errors="replace")


def days(request: AnyRequest) -> tuple[date | None, date | None]:
    """Give the days a list is narrowed to, both among them; None where it has no such end."""
    told = [query(request, name) for name in ("since", "until")]
    try:
        first, last = (date.fromisoformat(text) if text else None for text in told)
    except ValueError:
        message = f"a day is written as 2026-11-27; got '{' and '.join(filter(None, told))}'"
        raise NeedsOperator(message) from None
    return first, last


def mark(at: datetime, last: object) -> str:
    """Write after which row the next page begins."""
    return f"{at.isoformat()}|{last}"


def marked(request: AnyRequest) -> tuple[datetime, str] | None:
    """Read after which row the page begins; None for the first, or if it cannot be read."""
    return read_mark(str(request.query_params.get("after", "")))


def read_mark(told: str) -> tuple[datetime, str] | None:
    """Read where a row stands, as `mark` writes it; None if it cannot be read."""
    at, _, last = told[:400].partition("|")
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), last) if moment.tzinfo is not None and last else None
    except (ValueError, OverflowError):
        return None


def whole(text: str) -> int | None:
    """Read a whole number that fits a database."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None  # noqa: PLR2004  18 digits fit 64 bits


__all__ = ["Console", "Entry", "HouseLike", "ProfileLike", "ReadableStore", "carried", "days", "done", "fields", "mark", "marked", "query",
           "read_mark", "rest", "whole"]
