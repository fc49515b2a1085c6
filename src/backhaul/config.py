"""What did the operator set?

Settings come from the environment, secrets only by reference (``env:NAME`` or ``file:PATH``), and what
the tenant decided from profiles. A name nobody knows is refused together with the name that was probably
meant: a setting that is silently ignored is a default route of its own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from backhaul.adapters.zigzag.wire import ZigZagWire
from backhaul.domain.errors import Misconfigured
from backhaul.profile import Profile, load_profile, placements, profile_schema
from backhaul.secret import Secret

PREFIX: Final = "BACKHAUL_"
SETTINGS: Final[Mapping[str, str]] = {
    "BACKHAUL_DATABASE_URL": "sqlite:///var/backhaul.sqlite",
    "BACKHAUL_PROFILE": "",
    "BACKHAUL_HOST": "127.0.0.1",
    "BACKHAUL_PORT": "8080",
    "BACKHAUL_STATE_DIR": "var",
    "BACKHAUL_MODE": "development",
    "BACKHAUL_CONSOLE_URL": "",
    "BACKHAUL_OIDC_ISSUER": "",
    "BACKHAUL_OIDC_CLIENT": "",
    "BACKHAUL_OIDC_SECRET": "",
    "BACKHAUL_LOCAL_SIGN_IN": "",
    "BACKHAUL_PRIVATE_NETWORKS": "",
    "BACKHAUL_ANCHORS": "",
    "BACKHAUL_ANCHOR_KEY": "",
}
"""Every setting and what holds without it."""
REFERRED: Final = ("BACKHAUL_ZIGZAG_", "BACKHAUL_ERP_", "BACKHAUL_SFTP_", "BACKHAUL_SECRET_")
"""Names a profile may refer to as ``env:NAME``; settings never begin like this."""
HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How people come in. `url` is the console's own address; `issuer` is empty where no identity provider is set.

    `passphrase` lets anybody who knows it sign in as whomever they name: for development only, and refused in production.
    """

    production: bool = False
    url: str = ""
    issuer: str = ""
    client: str = ""
    secret: Secret | None = None
    passphrase: Secret | None = None

    @classmethod
    def of(cls, told: Mapping[str, str], environ: Mapping[str, str]) -> Self:
        """Read it, and refuse what would let in somebody who proved nothing (reliability C2, C3)."""
        def secret(name: str) -> Secret | None:
            return Secret(told[name], environ) if told[name] else None

        mode, url = told["BACKHAUL_MODE"], told["BACKHAUL_CONSOLE_URL"].rstrip("/")
        mine = cls(production=mode == "production", url=url, issuer=told["BACKHAUL_OIDC_ISSUER"], client=told["BACKHAUL_OIDC_CLIENT"],
                   secret=secret("BACKHAUL_OIDC_SECRET"), passphrase=secret("BACKHAUL_LOCAL_SIGN_IN"))
        at = urlsplit(url)
        wrong = next((sentence for holds, sentence in (
            (mode not in MODES, f"BACKHAUL_MODE is '{mode}', it must be {' or '.join(MODES)}"),
            (bool(url) and (at.scheme not in {"http", "https"} or not at.netloc or at.path or at.query),
             f"BACKHAUL_CONSOLE_URL is '{url}', it must be an address without a path, as https://returns.example.com"),
            (bool(mine.issuer) and not (mine.client and mine.secret and url),
             "BACKHAUL_OIDC_ISSUER needs BACKHAUL_OIDC_CLIENT, BACKHAUL_OIDC_SECRET (env:NAME, file:PATH) and BACKHAUL_CONSOLE_URL too"),
            (mine.production and mine.passphrase is not None,
             "BACKHAUL_LOCAL_SIGN_IN is for development only; take it away, or set BACKHAUL_MODE to development"),
            (mine.production and not (mine.issuer and at.scheme == "https"),
             "BACKHAUL_MODE is production, which needs BACKHAUL_OIDC_ISSUER and a BACKHAUL_CONSOLE_URL that begins with https://"),
        ) if holds), "")
        if wrong:
            message = f"environment: {wrong}"
            raise Misconfigured(message)
        for each in (mine.secret, mine.passphrase):
            if each is not None:
                each.check()
        return mine


MODES: Final = ("development", "production")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this process was started. `environ` is where a profile's references are looked up."""

    database_url: str = field(repr=False)
    profiles: tuple[Path, ...]
    host: str
    port: int
    state_dir: Path
    environ: Mapping[str, str] = field(repr=False)
    sign_in: SignIn = field(default_factory=SignIn)
    private_networks: str = ""
    """Networks of the house that may be called, joined by commas."""
    anchors: Path | None = None
    """The file the heads of the record are kept in, outside of the database; with it comes the key that seals them."""
    anchor_key: Secret | None = field(default=None, repr=False)

    @property
    def engine_url(self) -> str:
        """Give the address of the engine's own tables: a file in the state folder, or the same PostgreSQL."""
        return f"sqlite:///{self.state_dir / 'engine.sqlite'}" if self.database_url.startswith("sqlite") else self.database_url

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings; `BACKHAUL_PROFILE` may name several files, joined by the system's path separator.

        A variable that a profile refers to is no setting; it begins with one of `REFERRED`.
        """
        environ = dict(os.environ if environ is None else environ)
        for name in sorted(environ):
            if name.startswith(PREFIX) and name not in SETTINGS and not name.startswith(REFERRED):
                near = get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(SETTINGS)}"
                message = f"environment: there is no setting {name}; {hint}"
                raise Misconfigured(message)
        told = {name: environ.get(name) or default for name, default in SETTINGS.items()}
        port = told["BACKHAUL_PORT"]
        if not (port.isascii() and port.isdecimal() and int(port) <= HIGHEST_PORT):
            message = f"environment: BACKHAUL_PORT is '{port}', it must be a number from 0 to {HIGHEST_PORT}"
            raise Misconfigured(message)
        url = told["BACKHAUL_DATABASE_URL"]
        if url.startswith(("env:", "file:")):
            secret = Secret(url, environ)
            secret.check()
            url = secret.reveal()
        if bool(told["BACKHAUL_ANCHORS"]) is not bool(told["BACKHAUL_ANCHOR_KEY"]):
            message = "environment: BACKHAUL_ANCHORS (a file) and BACKHAUL_ANCHOR_KEY (env:NAME, file:PATH) are set together or not at all"
            raise Misconfigured(message)
        key = Secret(told["BACKHAUL_ANCHOR_KEY"], environ) if told["BACKHAUL_ANCHOR_KEY"] else None
        if key is not None:
            key.check()
        return cls(
            anchors=Path(told["BACKHAUL_ANCHORS"]) if key else None, anchor_key=key,
            database_url=url, profiles=tuple(Path(part) for part in told["BACKHAUL_PROFILE"].split(os.pathsep) if part),
            host=told["BACKHAUL_HOST"], port=int(port), state_dir=Path(told["BACKHAUL_STATE_DIR"]), environ=environ,
            sign_in=SignIn.of(told, environ), private_networks=told["BACKHAUL_PRIVATE_NETWORKS"])


def check_profile(path: Path, against: Path | None = None) -> Mapping[str, Any]:
    """Check a profile without its secrets; with a sample, say line by line what it would become and where it would go.

    Gives ``profile``, ``version`` and ``lines`` of ``where``, ``says``, ``becomes``; raises `Misconfigured`.
    """
    profile = load_profile(path, offline=True)
    told: dict[str, Any] = {"profile": str(path), "tenant": profile.tenant, "version": profile.version, "lines": []}
    if against is not None:
        body = against.read_bytes()
        lines = [*ZigZagWire(profile.wire).explain(body), *placements(profile, body)]
        told["lines"] = [{"where": line.where, "says": line.says, "becomes": line.becomes} for line in lines]
    return told


__all__ = ["Profile", "Secret", "Settings", "SignIn", "check_profile", "load_profile", "profile_schema"]
