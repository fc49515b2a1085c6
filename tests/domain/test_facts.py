"""Facts: what makes two messages one, and what tells them apart."""

from dataclasses import replace
from decimal import Decimal

from backhaul.domain.facts import FACTS, LONGEST_NAME, RANK, Counting, Lost, Matched, Progressed, Stage, named
from backhaul.testing.builders import accepted, after, announced, inspected, line, paid, received


def test_a_fact_that_comes_by_two_ways_is_one_fact() -> None:
    by_hook = replace(announced(line("MUG", 2, "10.00")), delivery="d1", event="e1")
    by_file = replace(announced(line("MUG", "2.0", "10.000")), delivery="d2", event="e2")

    assert by_hook.identity == by_file.identity


def test_two_equal_increments_are_two_facts_and_one_sent_twice_is_one() -> None:
    first = received(("MUG", 1), event="e1", counting=Counting.INCREMENT)
    second = received(("MUG", 1), event="e2", counting=Counting.INCREMENT)

    assert first.identity != second.identity
    assert first.identity == replace(first, delivery="again").identity


def test_two_equal_totals_are_one_fact_whatever_their_events() -> None:
    assert inspected(accepted(), event="e1").identity == inspected(accepted(), event="e2").identity


def test_every_word_of_a_fact_counts() -> None:
    told = announced(line("MUG"))

    others = [announced(line("mug")), announced(line("MUG", 2)), announced(line("MUG", price=None)), announced(line("MUG"), customer=None),
              announced(line("MUG"), at=after(1)), announced(line("MUG"), version=1), announced(line("MUG", reason=""))]

    assert told.identity not in {other.identity for other in others}
    assert len({other.identity for other in others}) == len(others)


def test_a_fact_is_stored_under_its_own_name() -> None:
    assert FACTS[paid().kind] is type(paid())
    assert all(name == kind.__name__ for name, kind in FACTS.items())


def test_later_stages_rank_higher() -> None:
    assert [RANK[stage] for stage in Stage] == sorted(RANK.values())
    assert RANK[Stage.INSPECTED] > RANK[Stage.RECEIVED]


def test_nothing_is_nothing_with_either_sign() -> None:
    assert inspected(accepted(quantity=Decimal("-0"))).identity == inspected(accepted(quantity=Decimal("0.00"))).identity


def test_a_fact_names_the_orders_and_parcels_by_which_somebody_may_ask() -> None:
    noon, ref = received().at, "R1"
    matched = Matched(return_ref=ref, at=noon, line_id="1", order="SO-2", unit_price=Decimal(1), units=Decimal(1), actor="a", approver="b",
                      reason="r")

    assert named(announced(line(order="SO-1"), line("CUP", order=None))) == {("order", "SO-1")}
    assert named(matched) == {("order", "SO-2")}
    for fact in (received(parcel="JD1"), inspected(accepted(), parcel="JD1"), Lost(return_ref=ref, at=noon, parcel="JD1"),
                 Progressed(return_ref=ref, at=noon, stage=Stage.SCANNED, parcel="JD1")):
        assert named(fact) == {("parcel", "JD1")}
    assert named(received()) == named(paid()) == frozenset()


def test_what_nobody_could_ask_by_is_no_name() -> None:
    for name in ("x" * (LONGEST_NAME + 1), "a\0b", "\ud800"):
        assert named(received(parcel=name)) == frozenset()
