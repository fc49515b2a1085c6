"""Which files of a folder are whole, what becomes of each, and where does it go?

A look at a folder ends well or leaves everything as it was. Files that did not change between two looks, for as long as the profile says
by our own clock, are taken: kept, then remembered by their content, then moved. Whatever happens between two of these steps, the next
look finds the file again and knows by its content what was done. A file that is refused goes to the folder for bad ones with a result
file beside it; one that can be neither taken nor moved stays, and somebody owns it. Nothing in a folder waits unseen.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Any, Final

from backhaul.adapters.zigzag.files import intake, local_shelf, sftp_shelf
from backhaul.adapters.zigzag.files.intake import ENDING, Arrived, RowResult, Store, Told
from backhaul.adapters.zigzag.files.layout import Refused
from backhaul.adapters.zigzag.files.seen import KeptFolder, Look, recall, remember
from backhaul.adapters.zigzag.files.shelf import Entry, Folder, Shelf, Stuck, is_plain
from backhaul.domain.errors import Misconfigured, RetryLater

PARTIAL: Final = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
"""How a file is called that somebody is still writing."""
AT_MOST: Final = 50
"""So many files of one folder in one look, so that a full folder does not keep the postings waiting."""
SLOWEST: Final = timedelta(minutes=15)
"""A folder that fails is looked at again after as long as it has been failing, and at the latest after this."""
COMPANION: Final = 4096
"""More bytes than this no companion has."""
HASHES: Final = {32: "md5", 40: "sha1", 64: "sha256"}
"""Which checksum has so many digits. It tells whether a file is whole; who sent it, the folder tells."""

Open = Callable[[Folder], AbstractContextManager[Shelf]]
log: Final = logging.getLogger("backhaul.files")


@dataclass(slots=True, kw_only=True)
class Pulled:
    """What one look at a folder came to."""

    folder: str
    looked: bool = True
    files: list[Mapping[str, Any]] = field(default_factory=list)
    waiting: int = 0
    trouble: str = ""


def opened(folder: Folder) -> AbstractContextManager[Shelf]:
    """Open a folder, wherever it is."""
    return sftp_shelf.opened(folder) if folder.server else local_shelf.opened(folder)


def pull(store: Store, profile: Told, folder: Folder, now: datetime, *, at_once: bool = False, by: Open = opened,  # noqa: PLR0913
         enough: Callable[[], bool] = lambda: False) -> Pulled:
    """Look at a folder if it is time, or `at_once`; take what is whole. Trouble with the folder is told and owned, never raised.

    After the first file that was taken, `enough` ends the look; the next begins with what it left.
    """
    tenant, pulled = profile.rules.tenant, Pulled(folder=folder.name)
    with store.begin() as tx:
        kept = recall(tx, tenant, folder.name)
    if not at_once and not _is_due(kept, folder, now):
        return replace(pulled, looked=False)
    look = _Looking(store, profile, folder, now, replace(kept, looked_at=now), pulled, enough)
    try:
        with by(folder) as shelf:
            look.at(shelf)
    except (RetryLater, Misconfigured) as trouble:
        look.failed(trouble)
    log.info("folder_looked_at", extra={"tenant": tenant, "folder": folder.name, "files": len(pulled.files), "waiting": pulled.waiting,
                                        "trouble": pulled.trouble})
    return pulled


def _is_due(kept: KeptFolder, folder: Folder, now: datetime) -> bool:
    if kept.looked_at is None:
        return True
    wait = folder.every
    if kept.failing_since is not None:
        wait = max(wait, min(kept.looked_at - kept.failing_since, SLOWEST))
    return now - kept.looked_at >= wait


@dataclass(slots=True, kw_only=True)
class _Fate:
    """What becomes of one file: the folder it goes to, what is told of it, and why it lacks a result file, if it does."""

    below: str
    told: Mapping[str, Any] = field(default_factory=dict)
    lacks: str = ""


@dataclass(slots=True)
class _Looking:
    """One look at one folder."""

    store: Store
    profile: Told
    folder: Folder
    now: datetime
    kept: KeptFolder
    pulled: Pulled
    enough: Callable[[], bool]

    def at(self, shelf: Shelf) -> None:
        """See what lies there, take what is whole, and remember how the rest looked."""
        entries = {entry.name: entry for entry in shelf.entries()}
        ours = [entry for entry in entries.values() if self._is_ours(entry)]
        before, self.kept = self.kept.files, replace(self.kept, files={entry.name: self._seen(entry) for entry in ours})
        self._save()
        self._forget(before.keys() - self.kept.files.keys())
        for entry in sorted(ours, key=lambda entry: (self.kept.files[entry.name].first, entry.modified, entry.name)):
            if len(self.pulled.files) >= AT_MOST or (self.pulled.files and self.enough()):
                break
            why = self._waits(entry, entries, before)
            if why:
                self._wait(entry, why)
                continue
            try:
                self._take(shelf, entry, entries)
            except Stuck as stuck:
                self._stays(entry, str(stuck))
        self.kept = replace(self.kept, failing_since=None)
        self._save()
        with self.store.begin() as tx:
            tx.close_exceptions(self.kept.tenant, f"folder:{self.folder.name}", apart_from=(), resolution="reached again", at=self.now)

    def failed(self, trouble: RetryLater | Misconfigured) -> None:
        """Remember that a look failed; somebody owns it at once if a setting is wrong, else when it has lasted."""
        since = self.kept.failing_since or self.now
        self.kept, self.pulled.trouble = replace(self.kept, failing_since=since), str(trouble)
        self._save()
        lasted = self.now - since
        if isinstance(trouble, Misconfigured) or lasted >= self.folder.silence:
            sentence = f"{trouble}." if isinstance(trouble, Misconfigured) else f"Not reached since {since:%Y-%m-%d %H:%M} UTC: {trouble}."
            intake.own(self.store, self.profile, f"folder:{self.folder.name}", "FOLDER_AWAY", sentence, now=self.now)

    def _save(self) -> None:
        with self.store.begin() as tx:
            remember(tx, self.kept)

    def _is_ours(self, entry: Entry) -> bool:
        """Tell whether a thing is for us: no folder, not half-written, no companion, of the profile's pattern."""
        name = entry.name
        if entry.is_folder or name.startswith(".") or name.lower().endswith(PARTIAL):
            return False
        if any(_is_companion(name, pattern) for pattern in (self.folder.ready, self.folder.checksum) if pattern):
            return False
        return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in self.folder.patterns)

    def _seen(self, entry: Entry) -> Look:
        old = self.kept.files.get(entry.name)
        if old is None:
            return Look(size=entry.size, modified=entry.modified, since=self.now, first=self.now)
        same = (old.size, old.modified) == (entry.size, entry.modified)
        return old if same else Look(size=entry.size, modified=entry.modified, since=self.now, first=old.first)

    def _forget(self, gone: set[str]) -> None:
        """Close what stood about files that are not there any more."""
        with self.store.begin() as tx:
            for name in sorted(gone):
                tx.close_exceptions(self.kept.tenant, self._about(name), apart_from=(), resolution="no longer there", at=self.now)

    def _about(self, name: str) -> str:
        return f"file:{self.folder.name}/{name}" if is_plain(name) else f"file:{self.folder.name}/{ascii(name)[:80]}"

    # --- waiting

    def _waits(self, entry: Entry, entries: Mapping[str, Entry], before: Mapping[str, Look]) -> str:
        """Say why a file is not taken yet; nothing if it is whole."""
        look = self.kept.files[entry.name]
        if not entry.is_file or not is_plain(entry.name):
            return "it is a link, no plain file, or its name is no plain name; it is not opened"
        missing = next((name for name in self._companions(entry.name) if name not in entries), "")
        if missing:
            return f"its companion '{missing}' has not come"
        if entry.name not in before or self.now - look.since < self.folder.settle:
            return f"it has not been unchanged for {self.folder.settle.total_seconds():.0f} seconds yet"
        return ""

    def _companions(self, name: str) -> Iterator[str]:
        """Name the files that must stand beside a file before it is whole."""
        return (pattern.format(name=name, stem=PurePath(name).stem) for pattern in (self.folder.ready, self.folder.checksum) if pattern)

    def _wait(self, entry: Entry, why: str) -> None:
        """Let a file lie; if it has lain for long, or can never be taken, somebody owns it."""
        self.pulled.waiting += 1
        lain = self.now - self.kept.files[entry.name].first
        if lain >= self.folder.silence or not entry.is_file or not is_plain(entry.name):
            self._stays(entry, why)

    def _stays(self, entry: Entry, why: str) -> None:
        self.pulled.files.append({"file": entry.name, "outcome": "stays", "reason": why})
        intake.own(self.store, self.profile, self._about(entry.name), "FILE_STAYS",
                   f"{entry.name!a} in folder '{self.folder.name}': {why}.", now=self.now)

    # --- taking

    def _take(self, shelf: Shelf, entry: Entry, entries: Mapping[str, Entry]) -> None:
        """Keep what a file says that lies still, and move it to where files like it go."""
        if self._was_taken(entry):
            fate: _Fate | None = _Fate(below=self.folder.done, told={"outcome": "moved"})
        else:
            try:
                fate = self._read(shelf, entry)
            except Refused as refused:
                fate = self._refuse(shelf, entry, refused)
        if fate is None:
            return
        target = self._target(shelf, fate.below, entry.name)
        shelf.move(entry.name, fate.below, target)
        for name in self._companions(entry.name):
            if name in entries:
                shelf.move(name, fate.below, self._target(shelf, fate.below, name))
        self.pulled.files.append({"file": entry.name, **fate.told, "now": f"{fate.below}/{target}"})
        self.kept = replace(self.kept, files={name: look for name, look in self.kept.files.items() if name != entry.name})
        if fate.lacks:
            self._stays(entry, f"it went to '{fate.below}' without its result file: {fate.lacks}")
        else:
            self._forget({entry.name})

    def _read(self, shelf: Shelf, entry: Entry) -> _Fate | None:
        """Read a file and take it in; None if it changed while it was read. Raises `Refused`."""
        limit, fate = self.profile.files.max_bytes, _Fate(below=self.folder.done)
        if entry.size > limit:
            raise intake.too_large(entry.name, entry.size, limit)
        content = shelf.read(entry.name, limit)
        if len(content) != entry.size or shelf.look(entry.name) != entry:
            self._changed(entry)
            return None
        file = Arrived(name=entry.name, content=content, source=self.folder.source, form=self.folder.form, folder=self.folder.name)
        self.kept = replace(self.kept, files={**self.kept.files, entry.name: replace(self.kept.files[entry.name], sha256=file.sha256)})
        self._save()
        self._check_sum(shelf, file)
        counts = intake.take(self.store, self.profile, file, now=self.now,
                             keep_results=lambda results: self._put_results(shelf, entry, fate, results))
        fate.told = {"outcome": "seen" if counts["seen"] else "taken", **counts}
        if counts["seen"] and not shelf.has(fate.below, f"{self._target(shelf, fate.below, entry.name)}{ENDING}"):
            self._put_results(shelf, entry, fate, _one_result("duplicate", "this content came in before"))
        return fate

    def _refuse(self, shelf: Shelf, entry: Entry, refused: Refused) -> _Fate:
        """Give a file that cannot be taken in to somebody, with the reason beside it."""
        fate = _Fate(below=self.folder.bad, told={"outcome": "refused", "reason": str(refused)})
        known = self.kept.files[entry.name].sha256 or hashlib.sha256(f"{self._about(entry.name)} {entry.size}".encode()).hexdigest()
        intake.own(self.store, self.profile, f"file:{known[:16]}", refused.code, f"{refused}.", now=self.now)
        self._put_results(shelf, entry, fate, _one_result("refused", str(refused)))
        return fate

    def _put_results(self, shelf: Shelf, entry: Entry, fate: _Fate, results: bytes) -> None:
        """Write a result file where its file will stand; a folder that does not let us keeps no return waiting."""
        try:
            shelf.put(fate.below, f"{self._target(shelf, fate.below, entry.name)}{ENDING}", results)
        except Stuck as stuck:
            fate.lacks = str(stuck)

    def _target(self, shelf: Shelf, below: str, name: str) -> str:
        """Give a name that is free below: its own, or one with the moment in it."""
        stem, ending = PurePath(name).stem, PurePath(name).suffix
        stamped = f"{stem}.{self.now:%Y%m%dT%H%M%S}"
        tries: Sequence[str] = (name, f"{stamped}{ending}", *(f"{stamped}-{number}{ending}" for number in range(2, 100)))
        free = next((each for each in tries if not shelf.has(below, each)), None)
        if free is None:
            message = f"'{name}' cannot be moved to '{below}': every name for it is taken"
            raise Stuck(message)
        return free

    def _was_taken(self, entry: Entry) -> bool:
        """Tell whether these very bytes were taken in by an earlier look that could not move them."""
        sha256 = self.kept.files[entry.name].sha256
        with self.store.begin() as tx:
            return bool(sha256) and tx.import_seen(self.kept.tenant, sha256)

    def _changed(self, entry: Entry) -> None:
        """Leave a file alone that changed while it was read; it begins to lie still anew."""
        look = replace(self.kept.files[entry.name], since=self.now, modified=-1, sha256="")
        self.kept = replace(self.kept, files={**self.kept.files, entry.name: look})
        self._wait(entry, "it changed while it was read")

    def _check_sum(self, shelf: Shelf, file: Arrived) -> None:
        """Compare a file with the checksum its sender put beside it."""
        if not self.folder.checksum:
            return
        name = self.folder.checksum.format(name=file.name, stem=PurePath(file.name).stem)
        said = re.match(rb"\s*([0-9a-fA-F]+)", shelf.read(name, COMPANION))
        digits = said[1].decode().lower() if said else ""
        kind = HASHES.get(len(digits))
        if kind is None:
            raise Refused(file.name, f"'{name}' holds no MD5, SHA-1 or SHA-256", "ask the sender for the checksum anew")
        if hashlib.new(kind, file.content, usedforsecurity=False).hexdigest() != digits:
            raise Refused(file.name, f"its {kind.upper()} is not the one in '{name}'", "ask the sender for the file anew")


def _one_result(outcome: str, reason: str) -> bytes:
    """Write a result file about a whole file."""
    return intake.written([RowResult(row=0, return_ref="", outcome=outcome, reason=reason)])


def _is_companion(name: str, pattern: str) -> bool:
    """Tell whether a file is somebody's companion: what stands around its place-holder is in its name."""
    before, _, after = pattern.replace("{stem}", "{name}").partition("{name}")
    return len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)
