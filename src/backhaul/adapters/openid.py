"""Who does an OpenID provider say is at the browser, and is that true?

Authorization code flow with PKCE by Authlib, the token's signature by joserfc. One issuer is pinned, to the letter: a token of another
tenant is refused though its signature is right. A person is (issuer, subject); a name or an address of theirs is only shown.
"""

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backhaul.adapters import outgoing
from backhaul.domain.errors import Misconfigured, RetryLater

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
"""Signatures that are believed: asymmetric ones only, so that a public key never passes for a shared one."""
SKEW: Final = 120
"""Seconds by which two clocks may differ."""
FRESH: Final = timedelta(minutes=5)
"""A sign-in that was asked for anew is not older than this."""
OLDEST: Final = timedelta(minutes=10)
"""A token that was issued longer ago answers somebody else's question."""
KEYS_SECONDS: Final = 60.0
"""Keys are asked for anew at most this often, whoever comes with a key id nobody knows."""
KNOWN_SECONDS: Final = 3600.0
"""Keys are asked for anew after this, whether anybody misses one or not: what was withdrawn ends."""
ANSWER_BYTES: Final = 1024 * 1024
TIMEOUT: Final = httpx.Timeout(10.0)


class NotProven(Exception):  # noqa: N818  a refusal, said to a person
    """The browser came back without proof of who it is; the sentence is for the log, a person reads that it did not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the provider was told of us. `secret` reveals the client's secret; it is asked each time, so that it may change."""

    issuer: str
    client_id: str
    secret: Callable[[], str] = field(repr=False)
    returns_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the provider vouches for; `at` is when they proved it to the provider, None if it does not say."""

    issuer: str
    subject: str
    name: str = ""
    address: str = ""
    at: datetime | None = None


class OpenIdProvider:
    """One issuer. Reads its description and keys when first needed and keeps them; used by many threads."""

    def __init__(self, registration: Registration) -> None:
        """Check what can be checked without a call."""
        where = urlsplit(registration.issuer)
        if where.scheme != "https" and where.hostname not in {"127.0.0.1", "localhost", "::1"}:
            message = f"the issuer {registration.issuer} is not reached by https; a sign-in over a readable wire proves nothing"
            raise Misconfigured(message)
        self.registration = registration
        self._host = where.netloc
        self._about: Mapping[str, Any] = {}
        self._keys = KeySet([])
        self._kids: frozenset[str] = frozenset()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def address(self, *, state: str, nonce: str, verifier: str, anew: bool) -> str:
        """Give the address to send the browser to; `anew` asks for the password again although the provider knows the person."""
        more = {"prompt": "login", "max_age": "0"} if anew else {}
        with self._wire() as wire:
            address: str
            address, _ = self._client(wire).create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, code_verifier=verifier, nonce=nonce, response_mode="query", **more)
        return address

    def redeem(self, code: str, *, nonce: str, verifier: str, now: datetime, anew: bool) -> Identity:
        """Exchange a code for a token and say whom it proves; `NotProven` if it proves nobody."""
        try:
            with self._wire() as wire:
                token = self._client(wire).fetch_token(
                    self._endpoint("token_endpoint"), code=code, code_verifier=verifier, grant_type="authorization_code",
                    client_id=self.registration.client_id, client_secret=self.registration.secret(), auth=httpx.Auth())
        except OAuth2Error as error:
            message = f"the provider refused the code: {error.error}"
            raise NotProven(message) from error
        except (httpx.HTTPError, ValueError) as error:
            message = f"the provider did not answer: {type(error).__name__}"
            raise RetryLater(message) from error
        written = token.get("id_token")
        if not isinstance(written, str):
            message = "the provider gave no id_token"
            raise NotProven(message)
        return self.proven(written, nonce=nonce, now=now, anew=anew)

    def proven(self, written: str, *, nonce: str, now: datetime, anew: bool = False) -> Identity:
        """Say whom an id token proves: signature by a pinned key, issuer, audience, times and nonce, in this order."""
        try:
            header = jws.extract_compact(written.encode()).headers()
            if header.get("alg") not in ALGORITHMS:
                message = f"signed by {header.get('alg')!r}, which is not believed"
                raise NotProven(message)
            token = jwt.decode(written, self._key(str(header.get("kid") or "")), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError) as error:
            message = f"the token's signature does not hold: {type(error).__name__}"
            raise NotProven(message) from error
        told: Mapping[str, Any] = token.claims
        if flaw := _flaw(told, self.registration, nonce, now):
            raise NotProven(flaw)
        at = told.get("auth_time")
        identity = Identity(
            issuer=str(told["iss"]), subject=str(told["sub"]), name=str(told.get("name") or ""),
            address=str(told.get("email") or told.get("preferred_username") or ""),
            at=datetime.fromtimestamp(at, UTC) if isinstance(at, int) else None)
        if anew and (identity.at is None or now - identity.at > FRESH):
            message = "the provider does not say that the person signed in just now (claim auth_time)"
            raise NotProven(message)
        return identity

    def _client(self, wire: httpx.Client) -> OAuth2Client:
        return OAuth2Client(wire, client_id=self.registration.client_id, scope="openid profile email",
                            redirect_uri=self.registration.returns_to, code_challenge_method="S256")

    def _wire(self) -> httpx.Client:
        """Open a way out: no redirects, no proxy from the environment, ten seconds."""
        return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False, transport=outgoing.Transport())

    def _endpoint(self, name: str) -> str:
        """Give an address of the provider's description, which has to lie on the issuer's own host."""
        with self._lock:
            if not self._about:
                about = self._read(f"{self.registration.issuer.rstrip('/')}/.well-known/openid-configuration")
                if about.get("issuer") != self.registration.issuer:
                    message = f"the provider calls itself {about.get('issuer')!r}, the setting says {self.registration.issuer!r}"
                    raise Misconfigured(message)
                self._about = about
            told = str(self._about.get(name) or "")
        if urlsplit(told).netloc != self._host or urlsplit(told).scheme != urlsplit(self.registration.issuer).scheme:
            message = f"the provider's {name} does not lie on {self._host}"
            raise Misconfigured(message)
        return told

    def _key(self, kid: str) -> KeySet:
        """Give the pinned keys if one is called so, after asking once whether there are new ones."""
        address = self._endpoint("jwks_uri")
        with self._lock:
            age = time.monotonic() - self._read_at
            if age > KNOWN_SECONDS or (kid not in self._kids and age > KEYS_SECONDS):
                self._keys = KeySet.import_key_set(self._read(address))  # type: ignore[arg-type]  # its form is checked in there
                self._kids = frozenset(key.kid for key in self._keys.keys if key.kid)
                self._read_at = time.monotonic()
        if not kid or kid not in self._kids:
            message = "signed by a key the provider does not list"
            raise NotProven(message)
        return self._keys

    def _read(self, address: str) -> dict[str, Any]:
        try:
            with self._wire() as wire:
                answer = wire.get(address)
                answer.raise_for_status()
                told = answer.json() if len(answer.content) <= ANSWER_BYTES else None
        except (httpx.HTTPError, ValueError) as error:
            message = f"the identity provider cannot be read: {type(error).__name__}"
            raise RetryLater(message) from error
        if not isinstance(told, dict):
            message = "the identity provider's answer is no object"
            raise RetryLater(message)
        return told


def _flaw(told: Mapping[str, Any], mine: Registration, nonce: str, now: datetime) -> str:
    """Say the first thing that is wrong with the claims of a token whose signature holds; empty if nothing is."""
    second = int(now.timestamp())
    expires, issued = _number(told, "exp", 0), _number(told, "iat", 0)
    return next((sentence for wrong, sentence in (
        (told.get("iss") != mine.issuer, f"issued by {told.get('iss')!r}, not by the issuer that is set"),
        (told.get("aud") not in (mine.client_id, [mine.client_id]), "meant for somebody else"),
        (told.get("azp", mine.client_id) != mine.client_id, "handed to somebody else"),
        (expires < second - SKEW, "expired, or without a time at which it does"),
        (issued < second - OLDEST.total_seconds(), "issued too long ago, or without a time at which it was"),
        (max(issued, _number(told, "nbf", issued)) > second + SKEW, "from the future"),
        (not isinstance(told.get("sub"), str) or not told["sub"], "without a subject"),
        (not hmac.compare_digest(str(told.get("nonce")).encode(), nonce.encode()), "an answer to another question (nonce)"),
    ) if wrong), "")


def _number(told: Mapping[str, Any], name: str, otherwise: int) -> int:
    value = told.get(name)
    return value if isinstance(value, int) else otherwise
