"""A real SFTP server on loopback that shares no code with what it tests: asyncssh in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "backhaul", "open sesame"


@dataclass(slots=True)
class Moods:
    """How the server misbehaves from now on."""

    cut_reads: int = 0
    """Cut the connection in the middle of so many reads."""
    refuse_renames: bool = False
    refuse_writes: bool = False
    lie: list[tuple[str, int]] = field(default_factory=list)
    """Names that a listing shows although nobody put them there, with the mode of each."""
    reads: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SftpServer:
    """A running server: where it is, what its key is, and the folder it shows."""

    root: Path
    port: int
    host_key: str
    client_key: str
    moods: Moods


def door_of(theirs: asyncssh.SSHKey, moods: Moods) -> type[asyncssh.SSHServer]:
    """Let one user in, by password or by this key."""

    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            moods.connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == USER and key.public_data == theirs.public_data

    return Door


def shelf_of(root: Path, moods: Moods) -> type[asyncssh.SFTPServer]:  # noqa: C901  a mood each
    """Show a folder, in these moods."""

    class Shelf(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            super().__init__(chan, chroot=str(root).encode())

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            moods.reads += 1
            if moods.cut_reads and offset:
                moods.cut_reads -= 1
                self.connection.abort()
            return super().read(file_obj, offset, size)

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            if moods.refuse_renames:
                raise asyncssh.SFTPPermissionDenied("renames are not for you")
            return super().rename(oldpath, newpath)

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            if moods.refuse_writes and pflags & asyncssh.FXF_WRITE:
                raise asyncssh.SFTPPermissionDenied("read only")
            return super().open(path, pflags, attrs)

        async def scandir(self, path: bytes) -> Any:
            async for name in super().scandir(path):
                yield name
            for lie, mode in moods.lie:
                yield asyncssh.SFTPName(lie.encode(), attrs=asyncssh.SFTPAttrs(size=10, permissions=mode, mtime=1, atime=1))

    return Shelf


@contextmanager
def serve_sftp(root: Path) -> Iterator[SftpServer]:
    """Serve a folder until the block ends."""
    moods, ready, loop = Moods(), threading.Event(), asyncio.new_event_loop()
    ours, theirs = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    running: dict[str, Any] = {}

    async def start() -> None:
        running["server"] = await asyncssh.listen("127.0.0.1", 0, server_factory=door_of(theirs, moods), server_host_keys=[ours],
                                                  sftp_factory=shelf_of(root, moods))
        running["port"] = running["server"].get_port()

    async def stop() -> None:
        running["server"].close()
        for connection in moods.connections:
            connection.abort()
            await connection.wait_closed()
        await running["server"].wait_closed()
        await asyncio.sleep(0.1)  # the transports are let go in the loop's next turns
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        ready.set()
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(20)
    try:
        yield SftpServer(root=root, port=running["port"], moods=moods, host_key=ours.export_public_key().decode().strip(),
                         client_key=theirs.export_private_key().decode())
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
