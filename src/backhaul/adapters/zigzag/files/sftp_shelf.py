"""How is a folder behind SFTP read, and its files moved? (docs/decisions/ says why paramiko.)

The server proves itself by a key the profile names; an unknown one is refused and never learned. Every wait has an end, every read a
limit, and a connection that is cut leaves everything as it was.
"""

import io
import logging
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import paramiko

from backhaul.adapters.zigzag.files.shelf import Entry, Folder, Server, Stuck
from backhaul.domain.errors import Misconfigured, RetryLater

PIECE: Final = 32_768
"""Bytes of one read: what every server gives at once."""
PATIENCE: Final = 120.0
"""Seconds one file may take, however slowly it comes; less than the lease under which it is read."""
SIGNED_AS: Final = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""How a key of a type is offered, where that is not its own name."""

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what goes wrong is raised, and told once


class SftpShelf:
    """A folder behind SFTP; implements `Shelf`."""

    def __init__(self, sftp: paramiko.SFTPClient, path: str) -> None:
        """Take an open session."""
        self._sftp, self._path = sftp, path.rstrip("/")

    def entries(self) -> Sequence[Entry]:
        """Give everything that lies in it."""
        try:
            return [_entry(told.filename, told) for told in self._sftp.listdir_attr(self._path or "/")]
        except FileNotFoundError as error:
            message = f"{self._path} is not there; make it, or correct path in [[folders]]"
            raise Misconfigured(message) from error
        except PermissionError as error:
            message = f"{self._path} may not be listed; let the server's owner allow it"
            raise Misconfigured(message) from error

    def look(self, name: str) -> Entry | None:
        """Look at one thing in it again; None if it is gone."""
        try:
            return _entry(name, self._sftp.lstat(f"{self._path}/{name}"))
        except FileNotFoundError:
            return None

    def read(self, name: str, limit: int) -> bytes:
        """Read a plain file, at most one byte more than `limit`."""
        until = time.monotonic() + PATIENCE
        content = io.BytesIO()
        with self._about(f"'{name}' cannot be read"), self._sftp.open(f"{self._path}/{name}", "rb") as file:
            while content.tell() <= limit and (piece := file.read(min(PIECE, limit + 1 - content.tell()))):
                content.write(piece)
                if time.monotonic() > until:
                    message = f"'{name}' did not come within {PATIENCE:.0f} seconds"
                    raise RetryLater(message)
        return content.getvalue()

    def has(self, below: str, name: str) -> bool:
        """Tell whether a folder below has something of this name."""
        return self.look(f"{below}/{name}") is not None

    def put(self, below: str, name: str, content: bytes) -> None:
        """Write a file into a folder below, whole or not at all, in place of one of this name."""
        folder = self._below(below)
        half = f"{folder}/.{name}.part"
        with self._about(f"'{name}' cannot be written"):
            with self._sftp.open(half, "wb") as file:
                file.write(content)
            try:
                self._sftp.posix_rename(half, f"{folder}/{name}")
            except OSError:  # a server without that extension
                with suppress(FileNotFoundError):
                    self._sftp.remove(f"{folder}/{name}")
                self._sftp.rename(half, f"{folder}/{name}")

    def move(self, name: str, below: str, target: str) -> None:
        """Move a file into a folder below in one step; the plain rename of SFTP never replaces another file."""
        folder = self._below(below)
        with self._about(f"'{name}' cannot be moved to '{below}/{target}'"):
            self._sftp.rename(f"{self._path}/{name}", f"{folder}/{target}")

    def _below(self, below: str) -> str:
        way = self._path
        for step in below.split("/"):
            way = f"{way}/{step}"
            there = self.look(way.removeprefix(f"{self._path}/"))
            if there is None:
                with self._about(f"'{way}' cannot be made"):
                    self._sftp.mkdir(way)
            elif not there.is_folder:
                message = f"'{way}' is no folder, or leads elsewhere"
                raise Stuck(message)
        return way

    @contextmanager
    def _about(self, what: str) -> Iterator[None]:
        """Tell what the server refuses about one file from a connection that is gone."""
        try:
            yield
        except (TimeoutError, EOFError, ConnectionError):
            raise
        except OSError as error:
            channel = self._sftp.get_channel()
            if channel is None or channel.closed or not channel.get_transport().is_active():
                raise
            message = f"{what}: {error.strerror or error}"
            raise Stuck(message) from error


@contextmanager
def opened(folder: Folder) -> Iterator[SftpShelf]:
    """Sign in and open the folder; the session ends with the block."""
    server = folder.server
    if server is None:
        message = f"folder '{folder.name}' has no server"
        raise Misconfigured(message)
    where = f"folder '{folder.name}' on {server.host}:{server.port}"
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_Pinned(server, where))
    try:
        _connect(client, server)
        with client.open_sftp() as sftp:
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(server.timeout)
            yield SftpShelf(sftp, folder.path)
    except paramiko.AuthenticationException as error:
        message = f"{where}: user '{server.user}' was refused; correct user, password or key, or have the server's owner look"
        raise Misconfigured(message) from error
    except paramiko.ssh_exception.IncompatiblePeer as error:
        message = f"{where}: it has no key of a type the profile names ({error}); compare host_keys with the server's owner"
        raise Misconfigured(message) from error
    except (paramiko.SSHException, OSError, EOFError, UnicodeDecodeError) as error:
        message = f"{where}: {str(error) or type(error).__name__}"
        raise RetryLater(message) from error
    finally:
        client.close()


def _connect(client: paramiko.SSHClient, server: Server) -> None:
    names = {name for kind, _ in server.host_keys for name in (kind, *SIGNED_AS.get(kind, ()))}

    def transport(socket: Any, **more: Any) -> paramiko.Transport:  # noqa: ANN401  what paramiko hands over
        """Ask the server for keys of the types we know, not for the one paramiko likes best."""
        made = paramiko.Transport(socket, **more)
        options = made.get_security_options()
        options.key_types = [name for name in options.key_types if name in names]
        return made

    client.connect(
        server.host, server.port, server.user, password=server.password.reveal() if server.password else None, pkey=_key(server),
        timeout=server.timeout, banner_timeout=server.timeout, auth_timeout=server.timeout, channel_timeout=server.timeout,
        allow_agent=False, look_for_keys=False, transport_factory=transport)


def _key(server: Server) -> paramiko.PKey | None:
    """Read our private key; the secret holds its text, as in the file OpenSSH writes."""
    if server.key is None:
        return None
    passphrase = server.passphrase.reveal() if server.passphrase else None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(server.key.reveal() + "\n"), passphrase)
        except paramiko.PasswordRequiredException as error:
            message = f"user '{server.user}' on {server.host}: the private key needs a passphrase; name it as key_passphrase"
            raise Misconfigured(message) from error
        except (paramiko.SSHException, ValueError):
            continue
    message = f"user '{server.user}' on {server.host}: the private key is none of Ed25519, ECDSA or RSA, or its passphrase is wrong"
    raise Misconfigured(message)


class _Pinned(paramiko.MissingHostKeyPolicy):
    """Knows the keys a profile names, and no others."""

    def __init__(self, server: Server, where: str) -> None:
        """Keep the keys."""
        self._server, self._where = server, where

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse a key that is not one of them; nothing was said to that server yet."""
        del client, hostname
        if (key.get_name(), key.asbytes()) not in self._server.host_keys:
            message = (f"{self._where}: its key {key.get_name()} {key.fingerprint} is not one of host_keys; nothing was sent. "
                       "Ask the server's owner whether it was changed; if so, name the new key in the profile")
            raise Misconfigured(message)


def _entry(name: str, told: paramiko.SFTPAttributes) -> Entry:
    mode = told.st_mode or 0
    return Entry(name=name, size=told.st_size or 0, modified=told.st_mtime or 0, is_file=stat.S_ISREG(mode), is_folder=stat.S_ISDIR(mode))
