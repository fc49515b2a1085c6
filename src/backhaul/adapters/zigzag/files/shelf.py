"""What does a folder of files have to offer, wherever it is?

One that may be full of a stranger's files: no name from it is ever made part of a path unless it is one plain name, and nothing that is
no plain file is opened.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from backhaul.adapters.zigzag.webhook import Revealing

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
KEYS: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""Types of keys a server may prove itself with."""
LONGEST: Final = 200
"""So many characters at most in a file's name; ours are longer by a stamp and an ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where an SFTP server is, which keys it must have, and how we prove who we are."""

    host: str
    port: int
    user: str
    host_keys: Sequence[tuple[str, bytes]]
    password: Revealing | None = None
    key: Revealing | None = None
    passphrase: Revealing | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder a profile watches. Times are durations by our own clock; no clock of another machine is trusted."""

    name: str
    path: str
    patterns: Sequence[str] = ("*",)
    form: str = ""
    source: str = ""
    done: str = "done"
    bad: str = "bad"
    ready: str = ""
    checksum: str = ""
    every: timedelta = timedelta(minutes=1)
    settle: timedelta = timedelta(minutes=1)
    silence: timedelta = timedelta(hours=2)
    server: Server | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that lies in a folder. `modified` is whatever the folder says, to be compared and not to be read as a time."""

    name: str
    size: int
    modified: int
    is_file: bool = True
    is_folder: bool = False


class Stuck(Exception):  # noqa: N818  a value for a person, raised by a shelf and caught by the pull
    """The folder does not let us do something with one file; says what, and in its own words why."""


class Shelf(Protocol):
    """A folder that is open. Raises `Stuck` about one file, `RetryLater` if the folder is away, `Misconfigured` if it never was there."""

    def entries(self) -> Sequence[Entry]:
        """Give everything that lies in it."""
        ...

    def look(self, name: str) -> Entry | None:
        """Look at one thing in it again; None if it is gone."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Read a plain file, at most one byte more than `limit`. A link is never followed."""
        ...

    def has(self, below: str, name: str) -> bool:
        """Tell whether a folder below has something of this name."""
        ...

    def put(self, below: str, name: str, content: bytes) -> None:
        """Write a file into a folder below, whole or not at all, in place of one of this name."""
        ...

    def move(self, name: str, below: str, target: str) -> None:
        """Move a file into a folder below in one step, never over another file."""
        ...


def host_key(text: str) -> tuple[str, bytes]:
    """Read a server's key as OpenSSH writes it, ``ssh-ed25519 AAAA…``; a `ValueError` says what is wrong with it."""
    kind, _, rest = text.strip().partition(" ")
    content = base64.b64decode(rest.split(" ")[0], validate=True) if rest else b""
    if kind not in KEYS or content[4:4 + len(kind)] != kind.encode():
        message = f"'{text[:40]}' is no host key; write its type and its text, as ssh-keyscan does: ssh-ed25519 AAAA"
        raise ValueError(message)
    return kind, content


def is_plain(name: str) -> bool:
    """Tell whether a name is one plain name: no path, no way up, nothing a log or a terminal could take for something else."""
    return name.isprintable() and not {"/", "\\"} & set(name) and name not in {"", ".", ".."} and len(name) <= LONGEST
