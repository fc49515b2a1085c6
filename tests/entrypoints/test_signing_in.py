"""Only whom our own tenant vouches for comes in, once for each sign-in, and only in the browser that left for it."""

import base64
import hmac
import json
import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright._impl._driver import compute_driver_executable
from tests.entrypoints.test_hooks import PROFILE, House
from tests.entrypoints.visiting import WIRE, Browser, free_port
from tests.stores import open_store

from backhaul.adapters.openid import FRESH, NotProven, OpenIdProvider, Registration
from backhaul.adapters.sql.store import SqlStore
from backhaul.application import people
from backhaul.config import Settings, SignIn
from backhaul.domain.access import Grant, Role
from backhaul.domain.errors import Misconfigured
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.door import SESSION, hashed
from backhaul.entrypoints.web.serving import serve
from backhaul.secret import Secret

IDENTITY = Path(__file__).parents[1] / "identity"
SECRET = "a-secret-of-the-tests"  # noqa: S105  it says so
TENANT = PROFILE.tenant


@dataclass(slots=True)
class Cloud:
    """A real identity provider on loopback: two tenants of one cloud, and the key they sign with."""

    ours: str
    other: str
    console_port: int
    key: RSAKey

    @property
    def returns_to(self) -> str:
        return f"http://127.0.0.1:{self.console_port}/sign-in/return"

    def registration(self, issuer: str) -> Registration:
        return Registration(issuer=issuer, client_id="backhaul", secret=lambda: SECRET, returns_to=self.returns_to)

    def signed(self, *, alg: str = "RS256", kid: str = "of-the-cloud", key: Any = None, **claims: Any) -> str:
        """Sign what no honest provider would."""
        now = int(datetime.now(UTC).timestamp())
        told = {"iss": self.ours, "aud": "backhaul", "sub": "fiona", "nonce": "n", "iat": now, "exp": now + 600} | claims
        return jwt.encode({"alg": alg, "kid": kid}, told, key or self.key, algorithms=[alg])


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    assert (IDENTITY / "node_modules").is_dir(), "the identity provider is not installed; `make test` does that"
    node, _ = compute_driver_executable()
    ours, other, console = free_port(), free_port(), free_port()
    told = [node, "provider.mjs", str(ours), str(other), f"http://127.0.0.1:{console}/sign-in/return"]
    with subprocess.Popen(told, cwd=IDENTITY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        key = RSAKey.import_key(json.loads(process.stdout.readline()))
        yield Cloud(f"http://127.0.0.1:{ours}", f"http://127.0.0.1:{other}", console, key)
        process.kill()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    kept = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    yield kept
    kept.close()


@pytest.fixture
def browser(cloud: Cloud, store: SqlStore) -> Iterator[Browser]:
    """Give a browser before a console at which Fiona of our tenant has a role; the same name of another tenant has one as well, there."""
    grant(store, cloud.ours, "fiona", Role.FINANCE)
    url = f"http://127.0.0.1:{cloud.console_port}"
    sign_in = SignIn(url=url, issuer=cloud.ours, client="backhaul", secret=Secret("env:S", {"S": SECRET}))
    with serve(create_app(House(store), sign_in=sign_in), port=cloud.console_port):
        yield Browser(url)


def grant(store: SqlStore, issuer: str, subject: str, role: Role) -> None:
    now = datetime.now(UTC)
    number = people.add(store, issuer=issuer, subject=subject, name=subject, actor="set-up", now=now)
    with store.begin() as tx:
        people.give(tx, number, Grant(role=role, tenant=TENANT, entities=None), granted_by="set-up", approved_by="board", now=now)


def come_back(browser: Browser, login: str = "fiona", leave: str = "/sign-in/leave?next=/returns") -> str:
    """Leave for a sign-in, prove who one is, and give the address that leads back."""
    return browser.follow(browser.get(browser.get(leave).headers["location"]), login)


def test_somebody_with_a_role_comes_in_and_is_where_they_wanted_to_be(browser: Browser, store: SqlStore, cloud: Cloud) -> None:
    to = browser.get("/returns").headers["location"]
    assert to == "/sign-in?next=%2Freturns"
    answer = browser.get(come_back(browser))

    assert (answer.status_code, answer.headers["location"]) == (303, "/returns")
    assert "fiona of ours" in browser.get("/returns").text
    token = browser.cookies[urlsplit(browser.home).netloc][SESSION]
    with store.begin() as tx:
        kept = tx.session(hashed(token))
        assert kept is not None
        assert (kept.issuer, kept.subject) == (cloud.ours, "fiona")
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    cookie = answer.headers.get_list("set-cookie")[0]
    for word in (SESSION, "Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie


def test_the_code_is_asked_for_with_pkce_and_what_binds_it_to_this_browser(browser: Browser) -> None:
    first, second = (parse_qs(urlsplit(Browser(browser.home).get("/sign-in/leave").headers["location"]).query) for _ in range(2))

    assert first["code_challenge_method"] == ["S256"]
    assert first["response_type"] == ["code"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_whoever_has_no_role_stays_outside(browser: Browser) -> None:
    answer = browser.get(come_back(browser, "stranger"))

    assert answer.status_code == 403
    assert "have no role here" in answer.text
    assert SESSION not in browser.cookies[urlsplit(browser.home).netloc]


def test_an_address_that_leads_back_works_once_and_in_its_own_browser_only(browser: Browser) -> None:
    back = come_back(browser)
    thief = Browser(browser.home)
    thief.get("/sign-in/leave")

    assert thief.get(back).status_code == 403  # the state is another browser's
    assert Browser(browser.home).get(back).status_code == 403  # this one never left
    kept = dict(browser.cookies[urlsplit(browser.home).netloc])
    assert browser.get(back).status_code == 303
    browser.cookies[urlsplit(browser.home).netloc] = kept
    assert browser.get(back).status_code == 403  # a second time, with the cookie of the first


def test_a_code_that_was_redeemed_is_refused_by_the_provider(browser: Browser, cloud: Cloud) -> None:
    provider = OpenIdProvider(cloud.registration(cloud.ours))
    verifier = "v" * 43
    address = provider.address(state="s", nonce="n", verifier=verifier, anew=False)
    code = parse_qs(urlsplit(browser.follow(browser.get(address), "fiona")).query)["code"][0]
    now = datetime.now(UTC)

    assert provider.redeem(code, nonce="n", verifier=verifier, now=now, anew=False).subject == "fiona"
    with pytest.raises(NotProven, match="refused the code"):
        provider.redeem(code, nonce="n", verifier=verifier, now=now, anew=False)


def test_a_code_is_worth_nothing_without_the_verifier_and_the_nonce_of_its_browser(browser: Browser, cloud: Cloud) -> None:
    provider, now = OpenIdProvider(cloud.registration(cloud.ours)), datetime.now(UTC)

    def code() -> str:
        address = provider.address(state="s", nonce="n", verifier="v" * 43, anew=False)
        return parse_qs(urlsplit(browser.follow(browser.get(address), "fiona")).query)["code"][0]

    with pytest.raises(NotProven, match="refused the code"):
        provider.redeem(code(), nonce="n", verifier="w" * 43, now=now, anew=False)
    with pytest.raises(NotProven, match="nonce"):
        provider.redeem(code(), nonce="another", verifier="v" * 43, now=now, anew=False)


def test_the_correctly_signed_token_of_another_tenant_is_refused(browser: Browser, cloud: Cloud) -> None:
    theirs = OpenIdProvider(cloud.registration(cloud.other))
    address = theirs.address(state="s", nonce="n", verifier="v" * 43, anew=False)
    code = parse_qs(urlsplit(browser.follow(browser.get(address), "fiona")).query)["code"][0]
    token = WIRE.post(f"{cloud.other}/token", data={
        "grant_type": "authorization_code", "code": code, "code_verifier": "v" * 43, "client_id": "backhaul", "client_secret": SECRET,
        "redirect_uri": cloud.returns_to}).json()["id_token"]
    now = datetime.now(UTC)

    assert theirs.proven(token, nonce="n", now=now).subject == "fiona"  # it is good, where it belongs
    with pytest.raises(NotProven, match="not by the issuer that is set"):
        OpenIdProvider(cloud.registration(cloud.ours)).proven(token, nonce="n", now=now)


@pytest.mark.parametrize(("claims", "reason"), [
    ({"iss": "http://127.0.0.1:1"}, "not by the issuer"),
    ({"aud": "somebody-else"}, "meant for somebody else"),
    ({"aud": ["backhaul", "somebody-else"]}, "meant for somebody else"),
    ({"azp": "somebody-else"}, "handed to somebody else"),
    ({"exp": 1}, "expired"), ({"exp": None}, "expired"), ({"exp": "never"}, "expired"),
    ({"iat": 1}, "too long ago"), ({"iat": None}, "too long ago"), ({"iat": 99999999999, "exp": 99999999999}, "from the future"),
    ({"nbf": 99999999999}, "from the future"),
    ({"sub": ""}, "without a subject"), ({"sub": 7}, "without a subject"),
    ({"nonce": "another"}, "nonce"), ({"nonce": None}, "nonce"),
])
def test_a_token_of_the_right_key_with_a_wrong_claim_proves_nobody(cloud: Cloud, claims: dict[str, Any], reason: str) -> None:
    provider, now = OpenIdProvider(cloud.registration(cloud.ours)), datetime.now(UTC)
    assert provider.proven(cloud.signed(), nonce="n", now=now).subject == "fiona"

    with pytest.raises(NotProven, match=reason):
        provider.proven(cloud.signed(**claims), nonce="n", now=now)


def test_a_signature_that_is_none_shared_or_of_an_unknown_key_proves_nobody(cloud: Cloud) -> None:
    provider, now = OpenIdProvider(cloud.registration(cloud.ours)), datetime.now(UTC)
    body = cloud.signed().split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"of-the-cloud"}').rstrip(b"=").decode() + f".{body}."
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"of-the-cloud"}').rstrip(b"=").decode() + f".{body}"
    public = cloud.key.as_pem(private=False)  # the library refuses to sign so, hence by hand
    shared = head + "." + base64.urlsafe_b64encode(hmac.digest(public, head.encode(), "sha256")).rstrip(b"=").decode()
    foreign = RSAKey.generate_key(2048)

    for token, reason in (
        (none, "'none', which is not believed"),
        (shared, "'HS256', which is not believed"),
        (cloud.signed(key=foreign), "signature does not hold"),
        (cloud.signed(key=foreign, kid="unknown"), "key the provider does not list"),
        (cloud.signed(kid=""), "key the provider does not list"),
        ("no token at all", "signature does not hold"),
        (cloud.signed()[:-8] + "AAAAAAAA", "signature does not hold"),
    ):
        with pytest.raises(NotProven, match=reason):
            provider.proven(token, nonce="n", now=now)


def test_an_address_of_mail_names_nobody(browser: Browser, store: SqlStore, cloud: Cloud) -> None:
    grant(store, cloud.ours, "finance@example.com", Role.ADMIN)

    assert browser.get(come_back(browser, "mallory")).status_code == 403  # whose mail is the same


def test_whoever_approves_proves_anew_who_they_are(cloud: Cloud) -> None:
    provider, now = OpenIdProvider(cloud.registration(cloud.ours)), datetime.now(UTC)
    asked = parse_qs(urlsplit(provider.address(state="s", nonce="n", verifier="v" * 43, anew=True)).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])

    assert provider.proven(cloud.signed(auth_time=int(now.timestamp())), nonce="n", now=now, anew=True).at is not None
    for told in ({}, {"auth_time": int((now - FRESH - timedelta(minutes=1)).timestamp())}):
        with pytest.raises(NotProven, match="auth_time"):
            provider.proven(cloud.signed(**told), nonce="n", now=now, anew=True)


def test_a_real_provider_says_when_it_asked_for_the_password(browser: Browser, store: SqlStore) -> None:
    browser.get(come_back(browser))
    browser.get(come_back(browser, leave="/sign-in/leave?anew=1&next=/"))

    with store.begin() as tx:
        kept = tx.session(hashed(browser.cookies[urlsplit(browser.home).netloc][SESSION]))
    assert kept is not None
    assert abs((datetime.now(UTC) - kept.proven_at).total_seconds()) < 60


def test_a_sign_in_that_failed_says_nothing_to_a_stranger_and_the_reason_to_the_log(
        browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    browser.get("/sign-in/leave")
    with caplog.at_level(logging.WARNING, logger="backhaul.sign_in"):
        answer = browser.get("/sign-in/return?code=x&state=wrong")

    assert "The sign-in did not work" in answer.text
    assert "state" not in answer.text.split("</header>")[1]
    assert caplog.records[0].reason == "the state is not this browser's"  # type: ignore[attr-defined]  # a field of ours


def test_after_ten_failures_an_address_waits(browser: Browser) -> None:
    for _ in range(10):
        assert browser.get("/sign-in/return?code=x&state=wrong").status_code == 403

    assert browser.get("/sign-in/return?code=x&state=wrong").status_code == 429
    assert browser.get(come_back(browser)).status_code == 429  # whoever it is


@pytest.mark.parametrize(("settings", "reason"), [
    ({"BACKHAUL_MODE": "production"}, "needs BACKHAUL_OIDC_ISSUER"),
    ({"BACKHAUL_MODE": "live"}, "it must be development or production"),
    ({"BACKHAUL_OIDC_ISSUER": "https://login.example.com"}, "needs BACKHAUL_OIDC_CLIENT"),
    ({"BACKHAUL_CONSOLE_URL": "returns.example.com"}, "an address without a path"),
    ({"BACKHAUL_LOCAL_SIGN_IN": "open sesame"}, "by reference"),
    ({"BACKHAUL_LOCAL_SIGN_IN": "env:NOWHERE"}, "missing or empty"),
])
def test_settings_that_would_let_in_somebody_unproven_are_refused_at_start(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason):
        Settings.from_env(settings)


def test_the_passphrase_of_a_development_system_is_refused_in_production() -> None:
    proper = {"BACKHAUL_MODE": "production", "BACKHAUL_OIDC_ISSUER": "https://login.example.com", "BACKHAUL_OIDC_CLIENT": "c",
              "BACKHAUL_OIDC_SECRET": "env:BACKHAUL_SECRET_X", "BACKHAUL_SECRET_X": "s", "BACKHAUL_CONSOLE_URL": "https://returns.example.com"}
    assert Settings.from_env(proper).sign_in.production

    with pytest.raises(Misconfigured, match="for development only"):
        Settings.from_env(proper | {"BACKHAUL_LOCAL_SIGN_IN": "env:BACKHAUL_SECRET_X"})
    with pytest.raises(Misconfigured, match="https"):
        Settings.from_env(proper | {"BACKHAUL_CONSOLE_URL": "http://returns.example.com"})


def test_an_issuer_over_a_readable_wire_is_refused() -> None:
    with pytest.raises(Misconfigured, match="not reached by https"):
        OpenIdProvider(Registration(issuer="http://login.example.com", client_id="c", secret=lambda: "", returns_to="x"))
