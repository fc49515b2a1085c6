"""What several parcels hold adds up, in whatever order the messages come."""

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from backhaul.domain.facts import Counting, Decided, Decision, Instead, Progressed, Stage
from backhaul.testing.builders import REF, accepted, after, announced, arrived, case_of, claimed, inspected, line, received, refused

TWO = announced(line(quantity=5))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_parcels_add_up_and_a_correction_replaces_only_its_own_parcel(order: tuple[int, ...]) -> None:
    told = [received(("MUG", 2), at=after(1), parcel="P-1"), received(("MUG", 1), at=after(2), parcel="P-2"),
            received(("MUG", 3), at=after(3), parcel="P-2"), inspected(accepted(quantity=2), at=after(4), parcel="P-1")]

    (mug,) = case_of(TWO, *(told[at] for at in order)).lines

    assert (mug.received, mug.accepted, mug.surplus) == (5, 2, 0)


def test_a_message_about_the_whole_return_replaces_what_its_parcels_said_and_a_later_parcel_corrects_it() -> None:
    told = [received(("MUG", 2), at=after(1), parcel="P-1"), received(("MUG", 2), at=after(2), parcel="P-2"),
            received(("MUG", 5), at=after(3))]

    whole = case_of(TWO, *told).lines[0].received
    corrected = case_of(TWO, *told, received(("MUG", 1), at=after(4), parcel="P-1")).lines[0].received

    assert (whole, corrected) == (5, 4)


def test_grades_of_parcels_are_told_apart_and_their_increments_add_up() -> None:
    told = [inspected(accepted(quantity=2), at=after(1), parcel="P-1"),
            inspected(accepted(quantity=1), refused(quantity=1), at=after(2), parcel="P-2"),
            inspected(accepted(quantity=1), at=after(3), parcel="P-2", event="e1", counting=Counting.INCREMENT),
            inspected(accepted(quantity=1), refused(quantity=1), at=after(4), parcel="P-1")]

    (mug,) = case_of(TWO, *told).lines

    assert (mug.accepted, mug.rejected) == (3, 2)


def test_two_parcels_of_one_moment_do_not_contradict_each_other_and_one_parcel_can() -> None:
    apart = case_of(TWO, received(("MUG", 2), parcel="P-1"), received(("MUG", 3), parcel="P-2"))
    against = case_of(TWO, received(("MUG", 2), parcel="P-1"), received(("MUG", 3), parcel="P-1"))

    assert apart.findings == ()
    assert [finding.code for finding in against.findings] == ["EVENT_CONTENT_CONFLICT"]


def test_a_case_knows_how_far_each_of_its_parcels_has_come() -> None:
    stages = [Progressed(return_ref=REF, at=after(1), stage=Stage.RECEIVED, parcel="P-1"),
              Progressed(return_ref=REF, at=after(2), stage=Stage.LABELLED, parcel="P-2")]

    case = case_of(TWO, *stages)

    assert case.stage is Stage.RECEIVED
    assert case.parcels == {"P-1": {Stage.RECEIVED: after(1)}, "P-2": {Stage.LABELLED: after(2)}}


@pytest.mark.parametrize(("seen", "came", "waivers"), [(1, 1, {"SURPLUS"}), (2, 1, {"SURPLUS"}), (1, 2, set()), (None, 2, {"SURPLUS"})])
def test_a_waiver_of_units_holds_for_as_many_as_were_seen(seen: int | None, came: int, waivers: set[str]) -> None:
    waived = Decided(return_ref=REF, at=after(2), decision=Decision.WAIVE, line_id="MUG#1", code="SURPLUS", about=Decimal(50),
                     units=None if seen is None else Decimal(seen), actor="ann", approver="bob", reason="ours")

    (mug,) = case_of(TWO, received(("MUG", 5 + came), at=after(1)), waived).lines

    assert mug.waived == waivers


MUGS = line(quantity=3)
PASSED = (received(("MUG", 3), at=after(1), node="HUB"),
          inspected(accepted(quantity=2), accepted("MUG", 1, "OUTLET", "B"), at=after(2), node="HUB"),
          received(("MUG", 2), at=after(3)), inspected(accepted(quantity=1), at=after(4)))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_units_that_pass_a_hub_are_counted_once_wherever_they_are_and_in_whatever_order_it_is_told(order: tuple[int, ...]) -> None:
    (mug,) = case_of(announced(MUGS), *(PASSED[at] for at in order)).lines

    assert (mug.received, mug.accepted) == (3, 3)
    assert {(part.node, part.condition): part.quantity for part in mug.parts} == {("", "A"): Decimal(2), ("HUB", "B"): Decimal(1)}


def test_units_that_two_people_say_were_lost_are_credited_in_place_of_the_empty_box_and_of_what_never_came() -> None:
    box = replace(accepted("MUG", 2), instead=Instead.EMPTY)
    case = case_of(announced(line(quantity=4)), received(("MUG", 3)), inspected(box, accepted("MUG", 1)), claimed(units=2))

    assert [(part.quantity, part.instead, part.claimed) for part in case.lines[0].parts] == [
        (1, Instead.EMPTY, False), (1, None, False), (2, None, True)]


def test_nothing_is_claimed_where_everything_came() -> None:
    case = case_of(*arrived(line(quantity=2), grades=[accepted("MUG", 2)]), claimed(units=2))

    assert [(part.quantity, part.claimed) for part in case.lines[0].parts] == [(2, False)]
