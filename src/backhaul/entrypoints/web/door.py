"""Who stands at the door, and may this request come in?

Everything is closed unless its route says it is open. A person is a session: 256 random bits in a cookie, of which only the hash is
kept. What must not be forged is derived from those bits by HMAC (the token of a form; state, nonce and verifier of a sign-in), so that it
is bound to one browser and nothing of it lies in the database (reliability C1, C4, C5).
"""

import hashlib
import hmac
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException

from backhaul.application.ports import KeptSession
from backhaul.domain.access import Person

SESSION: Final = "__Host-backhaul"
LEAVING: Final = "__Host-backhaul-sign-in"
"""Cookies; the prefix makes a browser keep them to this host, over TLS, for every path. Loopback counts as safe."""
IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=10)
SEEN: Final = timedelta(minutes=1)
"""That a session is used is written down at most once a minute."""
STEP_UP: Final = timedelta(minutes=10)
"""Whoever approves has proved who they are within this time."""
SIGNING_IN: Final = timedelta(minutes=10)
"""A sign-in is finished within this time."""
TRIES: Final = 10
TRIES_SECONDS: Final = 900.0
"""So many failed sign-ins of one address are looked at within so many seconds; then it waits."""
ADDRESSES: Final = 10_000
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OURS: Final = frozenset({"same-origin", "none"})
"""What a browser says of a request that no other site made."""

AnyRequest = Request[Any, Any, Any]


def hashed(token: str) -> str:
    """Give what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def derived(token: str, purpose: str) -> str:
    """Derive what only the holder of a token and we can know, apart for each purpose; 43 characters, as PKCE wants them."""
    return hmac.new(token.encode(), purpose.encode(), hashlib.sha256).hexdigest()[:43]


def same(told: str, known: str) -> bool:
    """Compare without telling how far they agree."""
    return hmac.compare_digest(told.encode(), known.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is signed in."""

    session: KeptSession
    person: Person
    token: str = field(repr=False)

    @property
    def form_token(self) -> str:
        """Give what every form of this session carries."""
        return derived(self.token, "form")

    def is_fresh(self, now: datetime) -> bool:
        """Tell whether they have proved lately who they are."""
        return now - self.session.proven_at <= STEP_UP


def is_alive(session: KeptSession, now: datetime) -> bool:
    """Tell whether a session still holds."""
    return now - session.seen_at <= IDLE and now - session.began_at <= LONGEST


class Leaving(NamedTuple):
    """What a browser carries while it is at the identity provider. Whoever changes it finds that the state no longer fits."""

    token: str
    began_at: datetime
    anew: bool
    returns_to: str

    @classmethod
    def begin(cls, now: datetime, returns_to: str, *, anew: bool) -> "Leaving":
        """Begin a sign-in of this browser."""
        return cls(secrets.token_urlsafe(32), now.replace(microsecond=0), anew, local(returns_to))

    @classmethod
    def read(cls, cookie: str) -> "Leaving | None":
        """Read the cookie; None if it is none of ours."""
        parts = cookie.split(".")
        if len(parts) != len(cls._fields) or not parts[1].isdecimal() or len(parts[1]) > len("9999999999"):
            return None
        return cls(parts[0], datetime.fromtimestamp(int(parts[1]), UTC), parts[2] == "anew", local(unquote(parts[3])))

    @property
    def cookie(self) -> str:
        """Write the cookie."""
        returns_to = quote(self.returns_to, safe="").replace(".", "%2E")
        return f"{self.token}.{int(self.began_at.timestamp())}.{'anew' if self.anew else 'once'}.{returns_to}"

    def proof(self, purpose: str) -> str:
        """Give its state, nonce, verifier or form token."""
        return derived(self.cookie, purpose)


def local(address: str) -> str:
    """Give an address only if it stays in this console; otherwise its first page."""
    fits = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable() and "\\" not in address
    return address if fits and len(address) <= 1000 else "/"  # noqa: PLR2004  longer than any of ours


def cookie(name: str, value: str, lasting: timedelta | None = None) -> Cookie:
    """Make a cookie that no script reads and no other host sees; Lax, because a sign-in comes back from another site."""
    return Cookie(key=name, value=value, path="/", secure=True, httponly=True, samesite="lax",
                  max_age=None if lasting is None else int(lasting.total_seconds()))


def is_foreign(request: AnyRequest, url: str) -> bool:
    """Tell whether another site made this request, or nobody says that ours did. `url` is our own address, if it is set."""
    own = url or f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    origin, fetched = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is None and fetched is None:
        return True
    return (origin is not None and origin != own) or (fetched is not None and fetched not in OURS)


def refuse_forged(form: Mapping[str, Any], token: str) -> None:
    """Refuse a form that does not carry its session's token."""
    if not same(str(form.get("form_token") or ""), token):
        message = "This form is not of this session. Go back, load the page again, and send it once more; nothing was changed."
        raise PermissionDeniedException(message)


class Throttle:
    """Counts failed sign-ins by address, so that nobody tries for long. Forgotten at a restart, which nobody outside can cause."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._failed: dict[str, deque[float]] = defaultdict(deque)

    def is_shut(self, address: str) -> bool:
        """Tell whether an address has to wait."""
        times = self._failed.get(address)
        while times and times[0] < time.monotonic() - TRIES_SECONDS:
            times.popleft()
        if times is not None and not times:
            del self._failed[address]
        return bool(times) and len(times or ()) >= TRIES

    def fail(self, address: str) -> None:
        """Count a failure."""
        if len(self._failed) >= ADDRESSES:
            self._failed.clear()
        self._failed[address].append(time.monotonic())


def prove_anew(returns_to: str) -> Response[Any]:
    """Send somebody to prove once more who they are, and back."""
    return Response(content=b"", status_code=303, headers={"location": f"/sign-in?anew=1&next={quote(local(returns_to), safe='')}"})


def to_sign_in(request: AnyRequest) -> Response[Any]:
    """Send a page's reader to sign in and back again; anything else is told that it may not."""
    if request.method not in SAFE:
        message = "You are signed out, so nothing was changed. Sign in and send it again."
        raise NotAuthorizedException(message)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Response(content=b"", status_code=303, headers={"location": f"/sign-in?next={quote(local(wanted), safe='')}"})
