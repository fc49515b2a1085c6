"""A message nobody could read is not lost: its bytes are kept, and a mended profile reads them again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec

from backhaul.application import resolve
from tests.journeys.stage import TENANT, World, life, line


def speak(world: World, outcomes: dict[str, bool]) -> None:
    """Let the profile say what these outcomes mean."""
    profile = world.house.profiles[TENANT]
    world.house.profiles = {TENANT: replace(profile, wire=msgspec.structs.replace(profile.wire, outcomes=outcomes))}
    world.house._platforms.clear()


def retry_all(world: World) -> None:
    with world.house.store.begin() as tx:
        numbers = [row.id for row in tx.exceptions(TENANT)]
    for number in numbers:
        resolve.retry(world.house.store, TENANT, number, route=world.house.desk(TENANT, "gb01").route, actor="ann", now=world.at)


def test_a_word_the_profile_did_not_know_holds_the_return_until_the_profile_is_mended_and_the_message_read_again(world: World) -> None:
    speak(world, {"REJECTED": False})
    world.tell(*life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=world.at))
    world.turn()
    assert world.exceptions() == {"UNREADABLE": 1}

    retry_all(world)
    world.at += timedelta(minutes=5)
    world.turn()
    assert world.exceptions() == {"UNREADABLE": 1}, "the profile still does not know the word"

    speak(world, {"REJECTED": False, "ACCEPTED": True})
    retry_all(world)
    world.pass_days(32)

    assert world.exceptions() == {}
    assert world.credits == [("TEA", Decimal(2), Decimal("8.50"))]


def test_a_message_without_a_known_shape_is_read_again_as_a_whole(world: World) -> None:
    broken = life("R-2", [line("CUP", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at)
    profile = world.house.profiles[TENANT]
    fields = profile.wire.fields
    world.house.profiles = {TENANT: replace(profile, wire=msgspec.structs.replace(
        profile.wire, fields=msgspec.structs.replace(fields, return_ref="nowhere")))}
    world.house._platforms.clear()
    world.tell(*broken)
    world.turn()
    assert set(world.exceptions()) == {"UNREADABLE"}

    world.house.profiles = {TENANT: profile}
    world.house._platforms.clear()
    retry_all(world)
    world.pass_days(32)

    assert world.exceptions() == {}
    assert world.credits == [("CUP", Decimal(1), Decimal("2.95"))]
