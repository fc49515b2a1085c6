"""Anchors: what a chain cannot show about itself, its head elsewhere does."""

from dataclasses import replace

import pytest
from tests.domain.test_trail import chain

from backhaul.domain.anchor import Anchor, is_sealed, refute, seal
from backhaul.domain.trail import GENESIS, TrailEntry, first_break, link

KEYS = ("new key", "old key")


def hashes(entries: list[TrailEntry]) -> dict[int, str]:
    return {0: GENESIS} | {entry.sequence: entry.hash for entry in entries}


def anchors(entries: list[TrailEntry]) -> list[Anchor]:
    """Anchor a chain at its beginning, after two entries and at its end; the first under a key that was used before."""
    told = hashes(entries)
    return [seal(Anchor(tenant="shop", sequence=number, hash=told[number], at=f"2026-03-0{number + 1}"), KEYS[number == 0])
            for number in (0, 2, len(entries))]


def anew(entries: list[TrailEntry], actor: str) -> list[TrailEntry]:
    """Write a chain anew with another actor, every hash of it fitting."""
    made: list[TrailEntry] = []
    for each in entries:
        made.append(link(replace(each, actor=actor, previous=made[-1].hash if made else GENESIS)))
    return made


def test_an_honest_chain_fits_its_anchors_and_goes_on() -> None:
    entries = chain(7)

    assert refute(anchors(entries[:5]), hashes(entries), KEYS) == ""
    assert refute([], hashes([]), KEYS) == ""


def test_an_end_that_was_cut_off_is_found_by_an_anchor_and_by_nothing_else() -> None:
    entries = chain()

    assert first_break(entries[:3]) is None
    assert "entries 4 to 5 are gone" in refute(anchors(entries), hashes(entries[:3]), KEYS)
    assert "entries 1 to 2 are gone" in refute(anchors(entries), hashes([]), KEYS)


def test_a_chain_that_was_written_anew_is_found_by_an_anchor_and_by_nothing_else() -> None:
    entries = chain()
    forged = anew(entries, "nobody")

    assert first_break(forged) is None
    assert "entry 2 is not the one it was on 2026-03-03" in refute(anchors(entries), hashes(forged), KEYS)


@pytest.mark.parametrize("change", [{"sequence": 1}, {"hash": "f" * 64}, {"at": "2026-04-01"}, {"tenant": "other"}, {"seal": ""}])
def test_an_anchor_that_was_changed_or_made_without_the_key_is_none(change: dict[str, object]) -> None:
    entries = chain()
    told = anchors(entries)

    assert "sealed with no key of this house" in refute([*told[:2], replace(told[2], **change)], hashes(entries), KEYS)  # type: ignore[arg-type]  # fields
    assert not is_sealed(told[2], ["another key"])
    assert not is_sealed(told[2], [])


def test_a_copy_is_older_than_the_newest_anchors_and_still_the_same_chain() -> None:
    entries = chain()

    assert refute(anchors(entries), hashes(entries[:3]), KEYS, copied=True) == ""
    assert "entry 2 is not" in refute(anchors(entries), hashes(anew(entries[:3], "nobody")), KEYS, copied=True)
