"""Are credits by hand brought to lines only where every digit agrees, and is nothing chosen where two would do?"""

from decimal import Decimal
from typing import Any

from hypothesis import given, strategies as st

from backhaul.domain.pairing import MOST, Loose, Rule, Suggested, Waiting, suggest

D = Decimal
SAME: dict[str, Any] = {"entity": "gb", "customer": "C1", "currency": "GBP"}


def record(key: str, net: str, units: str | None = "1", **more: Any) -> Loose:
    return Loose(**{**SAME, "key": key, "document": f"CN-{key}", "net": D(net), "units": None if units is None else D(units), **more})


def waits(ref: str, net: str, units: str = "1", **more: Any) -> Waiting:
    return Waiting(**{**SAME, "return_ref": ref, "line_id": "1", "net": D(net), "units": D(units), **more})


def joined(told: Suggested) -> list[tuple[Rule, str, str]]:
    return [(each.rule, "".join(one.key for one in each.records), "".join(one.return_ref for one in each.lines)) for each in told.found]


def test_a_credit_like_one_line_is_suggested_with_its_evidence() -> None:
    (told,) = suggest([record("a", "4.25", item="TEA")], [waits("R", "4.25", item="TEA"), waits("S", "4.26")]).found

    assert (told.rule, told.ambiguous, told.net) == (Rule.ONE_TO_ONE, False, D("4.25"))
    assert told.evidence == "CN-a credits 1 for 4.25 GBP, as R|1 waits for: legal entity gb, the same customer, item TEA."


def test_two_lines_that_would_do_are_both_shown_as_ambiguous() -> None:
    told = suggest([record("a", "4.25")], [waits("R", "4.25"), waits("S", "4.25")])

    assert [each.ambiguous for each in told.found] == [True, True]


def test_a_credit_of_several_lines_and_a_line_of_several_credits_come_to_the_penny() -> None:
    told = suggest([record("a", "7.00", "2")], [waits("R", "3.00"), waits("S", "4.00"), waits("T", "4.01")])
    back = suggest([record("a", "3.00"), record("b", "4.00"), record("c", "4.01")], [waits("R", "7.00", "2")])

    assert (joined(told), joined(back)) == ([(Rule.ONE_TO_MANY, "a", "RS")], [(Rule.MANY_TO_ONE, "ab", "R")])
    assert told.found[0].evidence.startswith("CN-a credits 7.00 GBP, what 2 lines come to")
    assert back.found[0].evidence.startswith("2 credits (CN-a, CN-b) come to 7.00 GBP, as R|1 waits for")


def test_too_many_candidates_are_said_to_be_too_many() -> None:
    many = [waits(f"R{number}", "1.00") for number in range(MOST + 1)]
    parts = [record(f"p{number}", "1.00") for number in range(MOST + 1)]

    assert len(suggest([record("a", "9.00")], many).given_up) == len(suggest(parts, [waits("R", "9.00", "9")]).given_up) == 1


@given(st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(1, 9), max_size=6))
def test_no_suggestion_ever_hides_a_difference(credits_: list[int], lines: list[int]) -> None:
    told = suggest([record(f"k{at}", str(net)) for at, net in enumerate(credits_)],
                   [waits(f"R{at}", str(net)) for at, net in enumerate(lines)])

    for each in told.found:
        assert sum(one.net for one in each.records) == sum(one.net for one in each.lines)
        assert sum(one.units or 0 for one in each.records) == sum(one.units for one in each.lines)
