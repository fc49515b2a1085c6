"""How is a folder on this machine read, and its files moved?"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backhaul.adapters.zigzag.files.shelf import Entry, Folder, Stuck
from backhaul.domain.errors import Misconfigured


class LocalShelf:
    """A folder on this machine; implements `Shelf`."""

    def __init__(self, path: Path) -> None:
        """Take the folder as it is."""
        self._path = path

    def entries(self) -> Sequence[Entry]:
        """Give everything that lies in it."""
        with os.scandir(self._path) as found:
            return [entry for each in found if (entry := self.look(each.name)) is not None]

    def look(self, name: str) -> Entry | None:
        """Look at one thing in it again; None if it is gone."""
        try:
            told = (self._path / name).lstat()
        except FileNotFoundError:
            return None
        return _entry(name, told)

    def read(self, name: str, limit: int) -> bytes:
        """Read a plain file, at most one byte more than `limit`. A link that took its place in between is not followed either."""
        try:
            with os.fdopen(os.open(self._path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    message = f"'{name}' is no plain file"
                    raise Stuck(message)
                return file.read(limit + 1)
        except OSError as error:
            message = f"'{name}' cannot be read: {error.strerror}"
            raise Stuck(message) from error

    def has(self, below: str, name: str) -> bool:
        """Tell whether a folder below has something of this name."""
        return os.path.lexists(self._path / below / name)

    def put(self, below: str, name: str, content: bytes) -> None:
        """Write a file into a folder below, whole or not at all, in place of one of this name."""
        target = self._below(below) / name
        half = target.with_name(f".{name}.part")
        try:
            half.unlink(missing_ok=True)
            with half.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
        except OSError as error:
            message = f"'{target}' cannot be written: {error.strerror}"
            raise Stuck(message) from error

    def move(self, name: str, below: str, target: str) -> None:
        """Move a file into a folder below in one step, never over another file."""
        whole = self._below(below) / target
        try:
            if os.path.lexists(whole):
                message = f"'{whole}' is there already"
                raise Stuck(message)
            (self._path / name).rename(whole)
        except OSError as error:
            message = f"'{name}' cannot be moved to '{whole}': {error.strerror}"
            raise Stuck(message) from error

    def _below(self, below: str) -> Path:
        folder = self._path / below
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"'{folder}' cannot be made: {error.strerror}"
            raise Stuck(message) from error
        if not folder.resolve().is_relative_to(self._path.resolve()):
            message = f"'{folder}' leads out of the folder"
            raise Stuck(message)
        return folder


@contextmanager
def opened(folder: Folder) -> Iterator[LocalShelf]:
    """Open a folder of this machine."""
    path = Path(folder.path)
    if not path.is_dir():
        message = f"folder '{folder.name}': {path} is not there or is no folder; make it, or correct path in [[folders]]"
        raise Misconfigured(message)
    try:
        yield LocalShelf(path)
    except OSError as error:
        message = f"folder '{folder.name}': {path} cannot be used: {error.strerror or error}"
        raise Misconfigured(message) from error


def _entry(name: str, told: os.stat_result) -> Entry:
    return Entry(name=name, size=told.st_size, modified=told.st_mtime_ns, is_file=stat.S_ISREG(told.st_mode),
                 is_folder=stat.S_ISDIR(told.st_mode))
