"""Returns that come by file end as credits like any others, once, also when the file comes again or the server goes away."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backhaul.adapters.zigzag.files.shelf import Folder, Server, host_key
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints import worker
from backhaul.secret import Secret
from tests.journeys.stage import MORNING, TENANT, World, life, line
from tests.sftp_server import PASSWORD, USER, SftpServer, serve_sftp
from tests.written import as_file


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "sftp" / "returns").mkdir(parents=True)
    with serve_sftp(tmp_path / "sftp") as server:
        yield server


@pytest.fixture
def watching(world: World, sftp: SftpServer) -> World:
    """A world whose profile watches a folder behind SFTP."""
    server = Server(host="127.0.0.1", port=sftp.port, user=USER, host_keys=(host_key(sftp.host_key),), timeout=5.0,
                    password=Secret("env:P", {"P": PASSWORD}))
    world.change_rules(window=Window(close=Close.AT_ONCE))
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, folders=(Folder(name="hub", path="/returns", patterns=("*.xlsx",), server=server),))}
    return world


def bodies(ref: str, *, units: int = 2) -> list[dict[str, Any]]:
    """Write a return's life as the hub's workbook has it."""
    told = life(ref, [line("TEA", units, "4.25", received=units, grades=[("A", "RESELL", units, True)])], at=MORNING - timedelta(days=1))
    for each in told:
        each["return"] |= {"returnOrderId": 7, "shipmentNumber": 9, "trackingNumber": "ZZ9"}
    return told


def test_a_return_that_comes_by_sftp_as_a_workbook_is_credited_once(watching: World, sftp: SftpServer) -> None:
    content = as_file([*bodies("R-1"), *bodies("R-2", units=1)], "xlsx")
    (sftp.root / "returns" / "monday.xlsx").write_bytes(content)
    watching.later()
    watching.later()
    (sftp.root / "returns" / "again.xlsx").write_bytes(content)

    watching.pass_evenings(3)

    assert watching.credits == [("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]
    assert (watching.state("R-1"), watching.state("R-2"), watching.exceptions()) == ("settled", "settled", {})
    assert sorted(path.name for path in (sftp.root / "returns" / "done").iterdir()) == [
        "again.xlsx", "again.xlsx.result.csv", "monday.xlsx", "monday.xlsx.result.csv"]


def test_a_server_that_goes_away_keeps_no_other_return_from_its_credit(watching: World, sftp: SftpServer) -> None:
    profile = watching.house.profiles[TENANT]
    gone = profile.folders[0]
    assert gone.server
    gone = replace(gone, server=replace(gone.server, host_keys=(("ssh-ed25519", b"\x00\x00\x00\x0bssh-ed25519another"),)))
    watching.house.profiles = {TENANT: replace(profile, folders=(gone,))}
    watching.tell(*bodies("R-1"))

    watching.pass_evenings(3)

    assert watching.credits == [("TEA", Decimal(2), Decimal("8.50"))]
    assert watching.exceptions() == {"FOLDER_AWAY": 1}


def test_slow_folders_do_not_stretch_a_turn_and_the_next_turn_begins_with_what_was_left(world: World, tmp_path: Path) -> None:
    """Three folders with two whole files each, and time for one file in each turn."""
    names = ("a", "b", "c")
    for name in names:
        (tmp_path / name).mkdir()
        for number in (1, 2):
            (tmp_path / name / f"{number}.json").write_bytes(as_file(bodies(f"R-{name}{number}")[:1], "json"))
    folders = tuple(Folder(name=name, path=str(tmp_path / name), patterns=("*.json",), settle=timedelta()) for name in names)
    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], folders=folders)}
    worker.look_into_folders(world.house, TENANT, world.at)
    turns = []

    for _ in range(6):
        world.at += timedelta(minutes=5)
        turns.append([(look.folder, len(look.files)) for look in worker.look_into_folders(world.house, TENANT, world.at, patience=0.0)])

    assert turns == [[(name, 1)] for name in names * 2]
