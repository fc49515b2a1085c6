"""Does every kind of trouble have a way out, and a sentence for each team that is true of it?"""

import re
from typing import Final

import pytest

from backhaul.domain.discrepancy import CLASSES, Level
from backhaul.domain.exception_case import KINDS, Severity
from backhaul.domain.resolution import WAYS_OUT, Resolution, manual, meanwhile, plainly, ways_out
from backhaul.domain.team import Team
from backhaul.domain.touched import MEANWHILE, Touched

WAITS: Final = frozenset({Touched.LINE, Touched.STEP, Touched.MESSAGE})
"""Where a credit can wait for what is open."""
POSTED: Final = frozenset({Touched.CREDIT, Touched.STOCK, Touched.PAYOUT, Touched.OWED})
"""Where a credit is posted or money is out."""


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_has_a_way_out_and_says_something_else_to_each_team(code: str) -> None:
    told = {team: plainly(code, team) for team in Team}

    assert Resolution.CLOSE in ways_out([code])
    assert len(set(told.values())) == len(Team)
    assert all(sentence.startswith(KINDS[code].means) for sentence in told.values())
    assert manual(code) == f"reference/exceptions.md#{code.lower()}"


@pytest.mark.parametrize("code", [code for code, kind in KINDS.items() if kind.touches not in WAITS])
def test_no_kind_about_the_house_or_about_credited_lines_says_that_a_customer_waits(code: str) -> None:
    told = meanwhile(code, Team.CUSTOMER_SERVICE)

    assert not re.search(r"\bwaits?\b", re.sub(r"\bNo [\w' ]+ credit waits for this|credit does not wait for this", "", told))


@pytest.mark.parametrize("code", [code for code, kind in KINDS.items() if kind.touches in POSTED])
def test_no_kind_about_what_is_credited_or_paid_says_that_it_is_held_and_not_posted(code: str) -> None:
    assert "not posted" not in meanwhile(code, Team.FINANCE)
    assert "held" not in meanwhile(code, Team.FINANCE)


def test_the_house_its_folders_its_books_and_what_is_credited_are_told_apart_from_a_line_that_waits() -> None:
    touched = {code: kind.touches for code, kind in KINDS.items()}

    assert touched["FOLDER_AWAY"] is Touched.INTAKE
    assert touched["PUSH_FAILED"] is Touched.SHOP
    assert touched["ROLL_FORWARD_DIFFERS"] is Touched.BOOKS
    assert touched["REJECTED_AFTER_CREDIT"] is Touched.CREDIT
    assert touched["UNCONFIRMED_TOO_LONG"] is Touched.DOUBT
    assert touched["PAID_NOT_ARRIVED"] is Touched.PAYOUT
    assert touched["CONTRACT_DRIFT"] is Touched.ACCESS
    assert touched["SKU_UNKNOWN"] is Touched.LINE
    assert not {code for code, each in CLASSES.items() if each.level in {Level.PAYOUT, Level.RECORD, Level.PAIR} and each.touches in WAITS}
    assert {code for code, each in CLASSES.items() if each.level is Level.HOUSE and each.touches in WAITS} == {
        "ITEM_BLOCKED_SINCE", "MAPPING_CHANGED_SINCE"}  # what they count are lines that wait


def test_a_note_holds_nothing_so_nobody_is_told_that_a_line_waits_for_one() -> None:
    assert not {code for code, kind in KINDS.items() if kind.severity is Severity.NOTE and kind.touches in WAITS}


def test_whatever_is_touched_has_a_sentence_of_its_own_for_each_team_and_some_kind_that_touches_it() -> None:
    assert set(MEANWHILE) == set(Touched) == {kind.touches for kind in KINDS.values()}
    for told in MEANWHILE.values():
        assert set(told) == set(Team)
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in told.values())


def test_ways_out_follow_from_what_was_found() -> None:
    assert ways_out(["PRICE_ABOVE_SOLD"]) == (Resolution.WAIVE, Resolution.CORRECT, Resolution.CLOSE)
    assert ways_out(["PRICE_ABOVE_SOLD", "SKU_UNKNOWN"]) == (Resolution.CORRECT, Resolution.CLOSE)
    assert ways_out(["BLIND"]) == (Resolution.WAIVE, Resolution.MATCH, Resolution.CLOSE)
    assert ways_out(["PARCEL_LOST"]) == (Resolution.CLAIM, Resolution.CLOSE)
    assert ways_out(["REJECTED_AFTER_CREDIT"]) == (Resolution.DEBIT, Resolution.CLOSE)
    assert ways_out(["UNCONFIRMED_TOO_LONG"]) == (Resolution.SETTLE, Resolution.CLOSE)
    assert ways_out(["ERP_REJECTED"]) == (Resolution.RETRY, Resolution.CLOSE)
    assert ways_out(["UNMAPPED_DISPOSITION"]) == (Resolution.MAP, Resolution.CORRECT, Resolution.CLOSE)


def test_every_way_out_names_known_kinds_and_only_looking_again_needs_no_second_person() -> None:
    assert set(WAYS_OUT) == set(Resolution)
    assert all(way.fits <= set(KINDS) for way in WAYS_OUT.values())
    assert [name for name, way in WAYS_OUT.items() if not way.four_eyes] == [Resolution.RETRY]
