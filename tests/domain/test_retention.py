"""What is due on a day, and what may one proposal name?"""

from datetime import date, timedelta

import pytest

from backhaul.domain.retention import LEAST, Aged, Ageing, Due, Kept, Terms, ageing, batch, too_short

TERMS = Terms(by_class={Kept.CUSTOMERS: timedelta(days=365)})
DAY = date(2020, 1, 1)
OLD, YOUNG = date(2018, 12, 31), date(2019, 1, 1)


def aged(ref: str, customer: str = "", last: date = OLD, *, over: bool = True) -> Aged:
    return Aged(ref=ref, customer=customer, last=last, over=over)


def refs(*told: Aged, held: frozenset[str] = frozenset(), asked: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    return [each.refs for each in ageing(told, TERMS, DAY, held=held, asked=asked).due]


def test_what_ended_a_term_ago_is_due_on_the_day_after_and_without_a_term_never() -> None:
    assert TERMS.is_over(Kept.CUSTOMERS, OLD, DAY)
    assert not TERMS.is_over(Kept.CUSTOMERS, YOUNG, DAY)
    assert not TERMS.is_over(Kept.PACKS, OLD, DAY)
    assert not Terms().is_over(Kept.CUSTOMERS, date(1990, 1, 1), DAY)


@pytest.mark.parametrize("kept", Kept)
def test_a_term_shorter_than_complaints_and_books_need_is_refused_by_a_sentence(kept: Kept) -> None:
    least, why = LEAST[kept]
    assert too_short(kept, least) == ""
    assert too_short(kept, least - timedelta(days=1)) == f"a term of {least.days - 1} days is shorter than {least.days}: {why}"


def test_a_customer_is_due_with_all_of_their_returns_or_with_none_and_a_guest_with_each() -> None:
    assert refs(aged("C2", "ann"), aged("C1", "ann"), aged("C3"), aged("C4")) == [("C1", "C2"), ("C3",), ("C4",)]
    assert refs(aged("C1", "ann"), aged("C2", "ann", YOUNG)) == []
    assert refs(aged("C1", "ann"), aged("C2", "ann", over=False)) == []
    assert refs() == []


def test_the_oldest_come_first_by_the_last_that_was_learned_of_them() -> None:
    older = date(2017, 1, 1)
    assert refs(aged("C1", "ann", older), aged("C2", "ann"), aged("C3", "bob", older)) == [("C3",), ("C1", "C2")]


def test_who_is_held_or_asked_about_is_due_and_not_proposed() -> None:
    told = (aged("C1", "ann"), aged("C2", "ann"), aged("C3", "bob"), aged("C4", "eve"))
    found = ageing(told, TERMS, DAY, held={"C2"}, asked={"C1", "C3"})
    assert found == Ageing(due=[Due(refs=("C4",), last=OLD)], held=[Due(refs=("C1", "C2"), last=OLD)], asked=[Due(refs=("C3",), last=OLD)])


def test_a_proposal_names_whole_customers_as_many_as_fit_and_never_nobody() -> None:
    one, two, three = (Due(refs=tuple(f"{name}{number}" for number in range(count)), last=OLD)
                       for name, count in (("A", 1), ("B", 2), ("C", 3)))
    assert batch([one, two, three], 3) == [one, two]
    assert batch([three, one], 2) == [three]
    assert batch([]) == []
