"""Does every kind of trouble have a way out, and a sentence for each team?"""

import pytest

from backhaul.domain.exception_case import KINDS
from backhaul.domain.resolution import WAYS_OUT, Resolution, manual, plainly, ways_out
from backhaul.domain.team import Team


@pytest.mark.parametrize("code", KINDS)
def test_every_kind_has_a_way_out_and_says_something_else_to_each_team(code: str) -> None:
    told = {team: plainly(code, team) for team in Team}

    assert Resolution.CLOSE in ways_out([code])
    assert len(set(told.values())) == len(Team)
    assert all(sentence.startswith(KINDS[code].means) for sentence in told.values())
    assert manual(code) == f"reference/exceptions.md#{code.lower()}"


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
