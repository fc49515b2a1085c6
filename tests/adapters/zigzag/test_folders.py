"""A folder gives every file once, whole or not at all, whatever happens between two steps; the same here and behind SFTP."""

import hashlib
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.stage import line, message
from tests.sftp_server import PASSWORD, USER, SftpServer, serve_sftp
from tests.stores import open_store
from tests.written import as_file

from backhaul.adapters.sql.store import SqlStore
from backhaul.adapters.zigzag.files import local_shelf, sftp_shelf
from backhaul.adapters.zigzag.files.pull import Pulled, opened, pull
from backhaul.adapters.zigzag.files.shelf import Folder, Server, Stuck, host_key
from backhaul.profile import Profile, load_profile
from backhaul.secret import Secret
from backhaul.testing.interrupting import Fuse, Interrupted, InterruptingStore

EXAMPLES = Path(__file__).parents[3] / "examples"
PROFILE: Profile = load_profile(EXAMPLES / "profiles" / "online-retail.toml", {}, offline=True)
NOON = datetime(2011, 6, 1, 12, tzinfo=UTC)


def body(ref: str, *, sku: str = "TEA") -> dict[str, Any]:
    """Write an event."""
    told = message(ref, "ReturnCreated", 1, [line(sku, 2, "4.25")], at=NOON)
    told["return"] |= {"returnOrderId": 7, "shipmentNumber": 9, "trackingNumber": "ZZ9"}
    return told


@dataclass(slots=True)
class Place:
    """A watched folder with a clock: `put` what a sender puts, `look` as the worker does, a minute later each time."""

    root: Path
    folder: Folder
    store: SqlStore
    profile: Profile = PROFILE
    now: datetime = NOON
    by: Any = opened
    sent: list[str] = field(default_factory=list)

    def put(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.write_bytes(content)
        return path

    def look(self, *, minutes: int = 1, store: Any = None) -> Pulled:
        self.now += timedelta(minutes=minutes)
        return pull(store or self.store, self.profile, self.folder, self.now, at_once=True, by=self.by)

    def there(self, below: str = "") -> set[str]:
        folder = self.root / below
        return {path.name for path in folder.iterdir() if not path.is_dir()} if folder.is_dir() else set()

    def open(self) -> dict[str, str]:
        with self.store.begin() as tx:
            return {row.case.kind: row.case.findings[0].sentence for row in tx.exceptions(PROFILE.tenant)}

    def kept(self) -> list[str]:
        with self.store.begin() as tx:
            return [each.channel for each in tx.undigested(PROFILE.tenant, 1000)]


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with serve_sftp(tmp_path_factory.mktemp("sftp")) as server:
        yield server


def server_of(sftp: SftpServer, **more: Any) -> Server:
    """Say how to reach the server."""
    told = {"host": "127.0.0.1", "port": sftp.port, "user": USER, "host_keys": (host_key(sftp.host_key),), "timeout": 5.0,
            "password": Secret("env:PASSWORD", {"PASSWORD": PASSWORD})}
    return Server(**told | more)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    kept = open_store(f"sqlite:///{tmp_path / 'backhaul.sqlite'}")
    yield kept
    kept.close()


@pytest.fixture
def here(store: SqlStore, tmp_path: Path) -> Place:
    (tmp_path / "in").mkdir()
    folder = Folder(name="warehouse", path=str(tmp_path / "in"), patterns=("*.csv", "*.xlsx"))
    return Place(root=tmp_path / "in", store=store, folder=folder)


@pytest.fixture
def far(store: SqlStore, sftp: SftpServer, request: pytest.FixtureRequest) -> Place:
    sftp.moods.cut_reads, sftp.moods.refuse_renames, sftp.moods.refuse_writes, sftp.moods.lie, sftp.moods.reads = 0, False, False, [], 0
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    (sftp.root / name).mkdir()
    return Place(root=sftp.root / name, store=store, folder=Folder(
        name="warehouse", path=f"/{name}", patterns=("*.csv", "*.xlsx"), server=server_of(sftp)))


@pytest.fixture(params=["here", "far"])
def place(request: pytest.FixtureRequest) -> Place:
    told: Place = request.getfixturevalue(request.param)
    return told


# --- whole files, once


def test_a_file_is_taken_at_the_second_look_and_moved_with_its_results(place: Place) -> None:
    place.put("monday.xlsx", as_file([body("R-1"), body("R-2")], "xlsx"))

    first, second, third = place.look(), place.look(), place.look()

    assert (first.waiting, first.files, third.files) == (1, [], [])
    assert [(told["outcome"], told["stored"], told["now"]) for told in second.files] == [("taken", 2, "done/monday.xlsx")]
    assert (place.there(), place.there("done")) == (set(), {"monday.xlsx", "monday.xlsx.result.csv"})
    assert (place.root / "done" / "monday.xlsx.result.csv").read_text(encoding="utf-8").splitlines()[1] == "2,R-1,stored,"
    assert place.kept() == ["file:monday.xlsx#2", "file:monday.xlsx#3"]


def test_the_same_content_does_nothing_again_and_other_content_of_the_name_is_a_new_file(place: Place) -> None:
    for content in (as_file([body("R-1")], "csv"), as_file([body("R-1")], "csv"), as_file([body("R-2")], "csv")):
        place.put("daily.csv", content)
        place.look()
        place.sent += [told["outcome"] for told in place.look().files]

    assert place.sent == ["taken", "seen", "taken"]
    assert place.there() == set()
    assert len(place.there("done")) == 6
    assert place.kept() == ["file:daily.csv#2", "file:daily.csv#2"]
    assert not place.open()


def test_a_file_that_grows_between_looks_is_left_alone(place: Place) -> None:
    content = as_file([body(f"R-{number}") for number in range(3)], "csv")
    for length in (100, 300, len(content)):
        place.put("slow.csv", content[:length])
        place.sent += [told["outcome"] for told in place.look().files]

    assert place.sent == []
    assert [told["stored"] for told in place.look().files] == [3]


def test_half_written_files_and_other_names_are_not_looked_at(place: Place) -> None:
    for name in ("a.csv.part", "b.csv.filepart", "c.tmp", ".d.csv", "e.txt", "f.csv~"):
        place.put(name, as_file([body("R-1")], "csv"))
    place.look()

    assert (place.look().files, len(place.there())) == ([], 6)
    assert not place.open()


def test_a_file_waits_for_its_companion_and_both_go_together(place: Place) -> None:
    place.folder = replace(place.folder, ready="{stem}.done", checksum="{name}.sha256")
    content = as_file([body("R-1")], "csv")
    place.put("a.csv", content)
    place.look()
    waiting = place.look()
    place.put("a.csv.sha256", hashlib.sha256(content).hexdigest().encode() + b"  a.csv\n")
    place.put("a.done", b"")

    done = place.look()

    assert (waiting.waiting, [told["outcome"] for told in done.files]) == (1, ["taken"])
    assert place.there("done") == {"a.csv", "a.csv.result.csv", "a.csv.sha256", "a.done"}


def test_a_file_that_is_not_what_its_checksum_says_is_refused(place: Place) -> None:
    place.folder = replace(place.folder, checksum="{name}.md5")
    place.put("a.csv", as_file([body("R-1")], "csv"))
    place.put("a.csv.md5", hashlib.md5(b"something else", usedforsecurity=False).hexdigest().encode())
    place.look()

    place.look()

    assert place.there("bad") == {"a.csv", "a.csv.md5", "a.csv.result.csv"}
    assert "a.csv: its MD5 is not the one in 'a.csv.md5'" in place.open()["FILE_REFUSED"]
    assert not place.kept()


def test_a_file_that_cannot_be_read_goes_to_the_bad_ones_with_its_reason_and_an_owner(place: Place) -> None:
    place.put("a.xlsx", as_file([body("R-1")], "xlsx")[:-50])
    place.put("b.csv", as_file([body("R-2")], "csv"))
    place.look()

    done = place.look()

    assert sorted(told["outcome"] for told in done.files) == ["refused", "taken"]
    assert place.there("bad") == {"a.xlsx", "a.xlsx.result.csv"}
    assert "refused,a.xlsx: the workbook is damaged" in (place.root / "bad" / "a.xlsx.result.csv").read_text(encoding="utf-8")
    assert list(place.open()) == ["FILE_REFUSED"]


def test_a_file_above_the_cap_is_refused_unread(place: Place) -> None:
    place.profile = replace(PROFILE, files=type(PROFILE.files)(max_bytes=100))
    place.put("big.csv", b"x" * 101)
    place.look()

    place.look()

    assert "big.csv: it has 101 bytes and may have 100" in place.open()["FILE_REFUSED"]
    assert place.there("bad") == {"big.csv", "big.csv.result.csv"}


def test_a_file_that_never_gets_whole_is_owned_in_the_end_and_no_longer_when_it_is(place: Place) -> None:
    place.folder = replace(place.folder, ready="{name}.done")
    place.put("a.csv", as_file([body("R-1")], "csv"))
    place.look()
    place.look(minutes=119)
    quiet = place.open()
    place.look(minutes=2)
    owned = place.open()
    place.put("a.csv.done", b"")
    place.look()

    assert not quiet
    assert "'a.csv' in folder 'warehouse': its companion 'a.csv.done' has not come" in owned["FILE_STAYS"]
    assert not place.open()


# --- strangers


def test_a_link_out_of_the_folder_is_not_opened(place: Place, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(as_file([body("R-9")], "csv"))
    (place.root / "link.csv").symlink_to(secret)
    place.look()

    place.look()

    assert "it is a link" in place.open()["FILE_STAYS"]
    assert (place.kept(), place.there()) == ([], {"link.csv"})
    (place.root / "link.csv").unlink()
    place.look()
    assert not place.open()


def test_a_link_that_takes_a_files_place_after_the_look_is_not_opened_either(here: Place, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_bytes(b"not for you")
    (here.root / "link.csv").symlink_to(tmp_path / "secret.csv")

    with local_shelf.opened(here.folder) as shelf, pytest.raises(Stuck, match=r"'link\.csv' cannot be read"):
        shelf.read("link.csv", 100)


def test_a_folder_for_done_files_that_leads_elsewhere_is_not_used(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (place.root / "done").symlink_to(tmp_path / "elsewhere")
    place.put("a.csv", as_file([body("R-1")], "csv"))
    place.look()

    place.look()

    assert "leads" in place.open()["FILE_STAYS"]
    assert (list((tmp_path / "elsewhere").iterdir()), place.there()) == ([], {"a.csv"})


def test_a_name_that_is_a_way_out_is_never_made_part_of_a_path(far: Place, sftp: SftpServer) -> None:
    (far.root.parent / "outside.csv").write_bytes(as_file([body("R-9")], "csv"))
    sftp.moods.lie = [("../outside.csv", stat.S_IFREG | 0o644), ("a\nb.csv", stat.S_IFREG | 0o644)]
    far.look()

    told = far.look()

    assert {each["outcome"] for each in told.files} == {"stays"}
    assert (sftp.moods.reads, far.kept()) == (0, [])
    assert "its name is no plain name" in far.open()["FILE_STAYS"]


# --- what goes wrong on the way


def test_nothing_is_taken_twice_or_lost_wherever_the_process_dies(here: Place, tmp_path: Path) -> None:
    content = as_file([body("R-1"), body("R-2")], "csv")
    places = 0
    empty = open_store(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    empty.close()
    while True:
        places += 1
        shutil.copy(tmp_path / "empty.sqlite", tmp_path / f"{places}.sqlite")
        store = SqlStore(f"sqlite:///{tmp_path / f'{places}.sqlite'}")
        here.store, fuse = store, Fuse(at=places)
        here.put("a.csv", content)
        here.look(store=InterruptingStore(store, Fuse()))
        try:
            here.look(store=InterruptingStore(store, fuse))
        except Interrupted:
            pass
        else:
            break
        here.look()
        here.look()

        assert here.kept() == ["file:a.csv#2", "file:a.csv#3"], fuse.where
        assert here.there() == set(), fuse.where
        assert any(name.endswith(".result.csv") for name in here.there("done"))
        for name in here.there("done"):
            (here.root / "done" / name).unlink()
        store.close()
    store.close()

    assert places > 12


def test_a_process_that_dies_between_keeping_and_moving_takes_nothing_twice(place: Place) -> None:
    class Dies:
        """A folder whose process dies when it would move."""

        def __init__(self, shelf: Any) -> None:
            self.shelf = shelf

        def __getattr__(self, name: str) -> Any:
            return getattr(self.shelf, name)

        def move(self, *_: Any) -> None:
            raise Interrupted("before the move")

    @contextmanager
    def dying(folder: Folder) -> Iterator[Any]:
        with opened(folder) as shelf:
            yield Dies(shelf)

    place.put("a.csv", as_file([body("R-1")], "csv"))
    place.look()
    place.by = dying
    with pytest.raises(Interrupted):
        place.look()
    place.by = opened

    after = place.look()

    assert [told["outcome"] for told in after.files] == ["moved"]
    assert place.kept() == ["file:a.csv#2"]
    assert (place.root / "done" / "a.csv.result.csv").read_text(encoding="utf-8").splitlines()[1] == "2,R-1,stored,"


def test_a_rename_that_is_refused_leaves_the_file_taken_owned_and_not_read_again(far: Place, sftp: SftpServer) -> None:
    sftp.moods.refuse_renames = True
    far.put("a.csv", as_file([body("R-1")], "csv"))
    far.look()
    far.look()
    owned, reads = far.open(), sftp.moods.reads
    far.look()
    again = sftp.moods.reads
    sftp.moods.refuse_renames = False
    far.look()

    assert "cannot be moved to 'done/a.csv': renames are not for you" in owned["FILE_STAYS"]
    assert (reads, again, far.kept()) == (again, reads, ["file:a.csv#2"])
    assert (far.there(), far.open()) == (set(), {})


def test_a_server_that_takes_no_files_from_us_keeps_no_return_waiting(far: Place, sftp: SftpServer) -> None:
    sftp.moods.refuse_writes = True
    far.put("a.csv", as_file([body("R-1")], "csv"))
    far.look()

    done = far.look()

    assert [told["outcome"] for told in done.files] == ["taken", "stays"]
    assert "without its result file: 'a.csv.result.csv' cannot be written" in far.open()["FILE_STAYS"]
    assert far.kept() == ["file:a.csv#2"]


def test_a_connection_that_is_cut_in_the_middle_of_a_file_takes_nothing_of_it(far: Place, sftp: SftpServer) -> None:
    far.put("a.csv", as_file([body(f"R-{number}") for number in range(400)], "csv"))
    far.look()
    sftp.moods.cut_reads = 1

    cut, kept, whole = far.look(), far.kept(), far.look()

    assert ("127.0.0.1" in cut.trouble, kept, far.open()) == (True, [], {})
    assert [told["stored"] for told in whole.files] == [400]


def test_a_server_that_is_away_is_owned_only_after_a_while_and_no_longer_when_it_is_back(far: Place) -> None:
    there = far.folder
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert there.server
        far.folder = replace(there, server=replace(there.server, port=nobody.getsockname()[1]))
        first = far.look()
        quiet = far.open()
        far.look(minutes=121)
        loud = far.open()
    far.folder = there

    far.look()

    assert first.trouble
    assert not quiet
    assert "Not reached since 2011-06-01 12:01 UTC" in loud["FOLDER_AWAY"]
    assert not far.open()


def test_a_server_that_says_nothing_does_not_hold_us_for_ever(far: Place) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    assert far.folder.server
    far.folder = replace(far.folder, server=replace(far.folder.server, port=silent.getsockname()[1], timeout=0.3))

    told = far.look()

    silent.close()
    assert told.trouble


def test_a_folder_that_fails_is_asked_less_often(far: Place) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert far.folder.server
        far.folder = replace(far.folder, server=replace(far.folder.server, port=nobody.getsockname()[1]))
        looked = [pull(far.store, far.profile, far.folder, NOON + timedelta(minutes=minute)).looked for minute in range(61)]

    assert sum(looked) < 12
    assert any(looked[-16:])


def test_a_key_nobody_named_is_refused_before_a_password_is_told(far: Place, sftp: SftpServer) -> None:
    other = ("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + bytes(32))
    far.folder = replace(far.folder, server=server_of(sftp, host_keys=(other,)))

    told = far.look()

    assert "is not one of host_keys; nothing was sent" in told.trouble
    assert "is not one of host_keys" in far.open()["FOLDER_AWAY"]
    assert PASSWORD not in told.trouble


def test_a_server_without_a_key_of_a_named_type_is_refused(far: Place, sftp: SftpServer) -> None:
    far.folder = replace(far.folder, server=server_of(sftp, host_keys=(("ssh-rsa", b"\x00\x00\x00\x07ssh-rsa"),)))

    assert "no key of a type the profile names" in far.look().trouble


def test_a_wrong_password_is_owned_at_once_and_named_by_nobody(far: Place, sftp: SftpServer) -> None:
    far.folder = replace(far.folder, server=server_of(sftp, password=Secret("env:P", {"P": "guess me"})))

    told = far.look()

    assert f"user '{USER}' was refused" in far.open()["FOLDER_AWAY"]
    assert "guess me" not in told.trouble


def test_a_private_key_opens_as_well_and_what_is_none_says_so(far: Place, sftp: SftpServer) -> None:
    far.put("a.csv", as_file([body("R-1")], "csv"))
    far.folder = replace(far.folder, server=server_of(sftp, password=None, key=Secret("env:K", {"K": sftp.client_key.rstrip()})))
    far.look()
    done = far.look()
    far.folder = replace(far.folder, server=server_of(sftp, password=None, key=Secret("env:K", {"K": "no key"})))

    assert [told["outcome"] for told in done.files] == ["taken"]
    assert "the private key is none of Ed25519" in far.look().trouble


def test_a_folder_that_is_not_there_says_so(here: Place, far: Place) -> None:
    here.folder = replace(here.folder, path=str(here.root / "nowhere"))
    far.folder = replace(far.folder, path="/nowhere")

    assert "is not there" in here.look().trouble
    assert "/nowhere is not there" in far.look().trouble
    assert "FOLDER_AWAY" in here.open()


def test_shelves_never_put_a_file_over_another(place: Place) -> None:
    place.put("a.csv", b"first")
    shelves = sftp_shelf.opened(place.folder) if place.folder.server else local_shelf.opened(place.folder)
    with shelves as shelf:
        shelf.move("a.csv", "done", "a.csv")
        place.put("a.csv", b"second")
        with pytest.raises(Exception, match=r"cannot be moved|is there already"):
            shelf.move("a.csv", "done", "a.csv")

    assert (place.root / "done" / "a.csv").read_bytes() == b"first"
    assert (place.root / "a.csv").read_bytes() == b"second"
    assert place.there("done") == {"a.csv"}
