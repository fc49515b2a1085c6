"""Which folders does a profile watch? The `[[folders]]` part of it."""

from collections.abc import Iterator, Sequence

import msgspec

from backhaul.adapters.zigzag.files.forms import FORMS
from backhaul.adapters.zigzag.files.shelf import NAME, host_key
from backhaul.adapters.zigzag.payload import Paths, aliases


class SftpTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[folders.sftp]`: the server a folder is on. Host, port and user may be references, password and key must be."""

    host: str
    user: str
    host_keys: tuple[str, ...]
    port: int | str = 22
    password: str = ""
    key: str = ""
    key_passphrase: str = ""
    timeout: str = "30s"


class FolderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[folders]]`: a folder that is watched for files of returns, here or behind SFTP."""

    name: str
    path: str
    pattern: Paths = "*"
    format: str = ""
    source: str = ""
    done: str = "done"
    bad: str = "bad"
    ready: str = ""
    checksum: str = ""
    every: str = "1m"
    settle: str = "1m"
    silence: str = "2h"
    sftp: SftpTable | None = None


def flaws(folders: Sequence[FolderTable], sources: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Say what is wrong with them, secrets and durations apart: the place in the profile, and a sentence."""
    names = [table.name for table in folders]
    for number, table in enumerate(folders):
        here = f"folders[{number}]"
        if table.name in names[:number]:
            yield f"{here}.name", f"folder '{table.name}' stands here twice"
        yield from ((f"{here}.{key}", sentence) for key, sentence in _form_flaws(table))
        yield from ((f"{here}.{key}", sentence) for key, sentence in _place_flaws(table))
        if (table.source or len(sources) > 1) and table.source not in sources:
            yield f"{here}.source", f"say which source its files come from: {', '.join(sources)}"
        if table.sftp:
            yield from ((f"{here}.sftp{key}", sentence) for key, sentence in _server_flaws(table.sftp))


def _form_flaws(table: FolderTable) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(table.name):
        yield "name", f"'{table.name}' is part of references: small letters, digits and hyphens only"
    if table.format and table.format not in FORMS:
        yield "format", f"'{table.format}' is no form of files: {', '.join(FORMS)}"
    if not aliases(table.pattern) or any(not pattern.strip() or "/" in pattern for pattern in aliases(table.pattern)):
        yield "pattern", "a pattern is a name with * and ?, like *.xlsx, without folders"
    for key in ("ready", "checksum"):
        pattern: str = getattr(table, key)
        around = pattern.replace("{stem}", "{name}").split("{name}")
        if pattern and (len(around) != 2 or not "".join(around) or {"{", "}", "/"} & set("".join(around))):  # noqa: PLR2004  before and after
            yield key, f"'{pattern}' must hold {{name}} or {{stem}} once and something beside it, like {{name}}.done"


def _place_flaws(table: FolderTable) -> Iterator[tuple[str, str]]:
    for key in ("done", "bad"):
        steps = getattr(table, key).split("/")
        if not all(step.strip() and step not in {".", ".."} and "\\" not in step for step in steps):
            yield key, f"'{getattr(table, key)}' must be a folder below path, like done or archive/done"
    if table.done == table.bad:
        yield "bad", "good and bad files go to different folders"


def _server_flaws(table: SftpTable) -> Iterator[tuple[str, str]]:
    if not table.host_keys:
        yield ".host_keys", "the server's key must be named; ssh-keyscan shows it, its owner confirms it"
    for text in table.host_keys:
        try:
            host_key(text)
        except ValueError as error:
            yield ".host_keys", str(error)
    if not table.password and not table.key:
        yield "", "it needs a password or a key, by reference"
