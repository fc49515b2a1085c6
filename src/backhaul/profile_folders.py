"""Which folders does this tenant's profile watch, with which secrets, and is that possible as it stands?"""

from collections.abc import Iterator, Mapping, Sequence

from backhaul.adapters.zigzag.files import watched
from backhaul.adapters.zigzag.files.shelf import Folder, Server, host_key
from backhaul.adapters.zigzag.files.watched import FolderTable, SftpTable
from backhaul.adapters.zigzag.payload import aliases
from backhaul.profile_values import Flaw, duration, duration_flaw, secret_flaw
from backhaul.secret import Secret


def folder_flaws(folders: Sequence[FolderTable], sources: Sequence[str], environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    """Say everything that is wrong with the watched folders."""
    yield from watched.flaws(folders, sources)
    for number, table in enumerate(folders):
        here = f"folders[{number}]"
        yield from (flaw for key in ("every", "settle", "silence") for flaw in duration_flaw(f"{here}.{key}", getattr(table, key)))
        if table.sftp:
            yield from _sftp_flaws(f"{here}.sftp", table.sftp, environ)


def _sftp_flaws(here: str, table: SftpTable, environ: Mapping[str, str] | None) -> Iterator[Flaw]:
    for key in ("password", "key", "key_passphrase"):
        if reference := getattr(table, key):
            yield from secret_flaw(f"{here}.{key}", reference, environ)
    for key in ("host", "port", "user"):
        if _is_reference(value := str(getattr(table, key))):
            yield from secret_flaw(f"{here}.{key}", value, environ)
    if not (environ is None and _is_reference(str(table.port))) and not _told(str(table.port), environ or {}).isdigit():
        yield f"{here}.port", "the port is no number"
    yield from duration_flaw(f"{here}.timeout", table.timeout)


def folders_of(folders: Sequence[FolderTable], environ: Mapping[str, str]) -> Iterator[Folder]:
    """Give the folders, ready to be looked into; secrets stay references until they are needed."""
    for table in folders:
        yield Folder(
            name=table.name, path=table.path, patterns=aliases(table.pattern), form=table.format, source=table.source, done=table.done,
            bad=table.bad, ready=table.ready, checksum=table.checksum, every=duration(table.every), settle=duration(table.settle),
            silence=duration(table.silence), server=None if table.sftp is None else _server(table.sftp, environ))


def _server(table: SftpTable, environ: Mapping[str, str]) -> Server:
    def secret(reference: str) -> Secret | None:
        return Secret(reference, environ) if reference else None

    port = _told(str(table.port), environ)
    return Server(
        host=_told(table.host, environ), port=int(port) if port.isdigit() else 0, user=_told(table.user, environ),
        host_keys=tuple(map(host_key, table.host_keys)), timeout=duration(table.timeout).total_seconds(),
        password=secret(table.password), key=secret(table.key), passphrase=secret(table.key_passphrase))


def _is_reference(text: str) -> bool:
    return text.startswith(("env:", "file:"))


def _told(text: str, environ: Mapping[str, str]) -> str:
    return Secret(text, environ).reveal() if _is_reference(text) else text
