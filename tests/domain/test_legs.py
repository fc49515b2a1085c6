"""Which postings wait for each other, and what is fixed with them?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from backhaul.domain.facts import Stage
from backhaul.domain.legs import LEGS, queues, with_needs
from backhaul.domain.posting import Posting, PostingKind
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import Close, Leg, Window
from backhaul.testing.builders import accepted, arrived, case_of, line, plan, rules

AT_ONCE, HOURLY = Window(close=Close.AT_ONCE), Window(every=timedelta(hours=1))


def goods_and_carriage() -> ReturnCase:
    """A mug that was accepted, and its carriage, of a return that is completed."""
    return case_of(*arrived(line(), line("POST", price="7.50", order=None), grades=[accepted()], stage=Stage.COMPLETED))


def kinds(postings: tuple[Posting, ...]) -> list[str]:
    return [posting.key.kind.value for posting in postings]


def test_every_kind_but_the_spare_is_in_exactly_one_leg() -> None:
    told = [kind for each in LEGS.values() for kind in each]

    assert sorted(told) == sorted(set(PostingKind) - {PostingKind.SPARE})
    assert set(LEGS) == set(Leg)


def test_without_a_window_of_its_own_every_kind_waits_in_the_one_window() -> None:
    (queue,) = queues(rules(window=HOURLY))

    assert (queue.name, queue.kinds, queue.window) == ("", frozenset(PostingKind), HOURLY)


def test_a_leg_with_a_window_leaves_the_others_together_and_closes_before_them() -> None:
    drafts, rest = queues(rules(window=HOURLY, windows={Leg.ORDER: AT_ONCE}))

    assert (drafts.name, drafts.kinds, drafts.window) == ("order", LEGS[Leg.ORDER], AT_ONCE)
    assert (rest.name, rest.kinds, rest.window) == ("", frozenset(PostingKind) - LEGS[Leg.ORDER], HOURLY)


@pytest.mark.parametrize("named", [(), (Leg.FEES,), (Leg.GOODS, Leg.ORDER), tuple(Leg)])
def test_every_kind_is_in_exactly_one_queue_whatever_has_its_own(named: tuple[Leg, ...]) -> None:
    told = [kind for queue in queues(rules(windows=dict.fromkeys(named, HOURLY))) for kind in queue.kinds]

    assert sorted(told) == sorted(PostingKind)


def test_drafts_are_fixed_without_what_the_warehouse_sets_off() -> None:
    wanted = plan(goods_and_carriage()).postings

    going = with_needs(wanted, LEGS[Leg.ORDER])

    assert kinds(tuple(going)) == ["order", "order-line"]


def test_what_the_warehouse_sets_off_takes_along_what_it_rests_on() -> None:
    wanted = plan(goods_and_carriage()).postings

    going = with_needs(wanted, LEGS[Leg.GOODS])

    assert kinds(tuple(going)) == ["order", "order-line", "receipt", "credit-note"]
    assert sum((posting.net for posting in going), Decimal(0)) == Decimal("-10.00")


def test_what_is_fixed_already_is_not_asked_for_again() -> None:
    case = goods_and_carriage()
    fixed = with_needs(plan(case).postings, LEGS[Leg.ORDER])

    going = with_needs(plan(case, fixed).postings, LEGS[Leg.GOODS])

    assert kinds(tuple(going)) == ["receipt", "credit-note"]


def test_the_queues_of_a_return_together_fix_all_of_it_and_nothing_twice() -> None:
    case, fixed = goods_and_carriage(), []
    for queue in queues(rules(windows=dict.fromkeys(Leg, HOURLY))):
        fixed += with_needs(plan(case, fixed).postings, queue.kinds)

    assert sorted(posting.fingerprint for posting in fixed) == sorted(posting.fingerprint for posting in plan(case).postings)
    assert plan(case, fixed).postings == ()
