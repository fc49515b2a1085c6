"""Is what was worked out of a return given until something of that return changes, whoever changes it?"""

from typing import Any

import pytest
from sqlalchemy import text

from backhaul.adapters.sql import SqlStore

KNOWN = {"R1": ("v", "one"), "R2": ("v", "two")}


@pytest.fixture
def kept(store: SqlStore, story: Any) -> SqlStore:
    """Give a store with two returns of which something was worked out."""
    with store.begin() as tx:
        tx.add_facts("acme", [story.fact(ref="R1"), story.fact(ref="R2")])
    with store.begin() as tx:
        turn = tx.let_go_folds("acme")
    with store.begin() as tx:
        assert tx.keep_folds("acme", "proof", "v", {ref: body for ref, (_, body) in KNOWN.items()}, turn=turn)
    return store


def given(store: SqlStore, tenant: str = "acme", sort: str = "proof") -> dict[str, tuple[str, str]]:
    with store.look() as tx:
        return dict(tx.folds(tenant, sort, ["R1", "R2", "R3"]))


def test_what_was_worked_out_is_given_to_the_same_tenant_for_the_same_sort(kept: SqlStore) -> None:
    assert given(kept) == KNOWN
    assert given(kept, tenant="other") == given(kept, sort="claim") == {}


def test_a_fact_a_posting_or_an_exception_takes_it_back_at_once_and_only_of_its_return(kept: SqlStore, story: Any) -> None:
    changes = {
        "a fact": lambda tx: tx.add_facts("acme", [story.fact(ref="R1", minutes=7)]),
        "a plan": lambda tx: tx.plan("acme", "R1", [story.posting()], held_lines=[], now=story.noon),
        "a plan that is gone": lambda tx: tx.plan("acme", "R1", [], held_lines=[], now=story.noon),
        "an exception": lambda tx: tx.open_exception(story.trouble()),
        "its end": lambda tx: tx.close_exceptions("acme", "R1", apart_from=(), resolution="known now", at=story.noon)}

    for what, change in changes.items():
        with kept.begin() as tx:
            turn = tx.let_go_folds("acme")
            tx.keep_folds("acme", "proof", "v", {"R1": "one"}, turn=turn)
        assert given(kept) == KNOWN, what
        with kept.begin() as tx:
            change(tx)
        assert given(kept) == {"R2": KNOWN["R2"]}, what


def test_what_was_worked_out_before_others_let_go_is_not_kept_after_it(kept: SqlStore, story: Any) -> None:
    with kept.begin() as tx:
        slow = tx.let_go_folds("acme")
    with kept.begin() as tx:
        tx.add_facts("acme", [story.fact(ref="R1", minutes=7)])
    with kept.begin() as tx:
        tx.let_go_folds("acme")

    with kept.begin() as tx:
        assert not tx.keep_folds("acme", "proof", "v", {"R1": "as it was before that fact"}, turn=slow)

    assert given(kept) == {"R2": KNOWN["R2"]}


def test_news_are_written_down_once_they_are_taken_in_they_are_gone(kept: SqlStore, story: Any) -> None:
    with kept.begin() as tx:
        tx.add_facts("acme", [story.fact(ref="R1", minutes=1 + number) for number in range(3)])
        tx.let_go_folds("acme")

    with kept.read() as connection:
        left = connection.execute(text("SELECT count(*) FROM stirred")).scalar_one(), connection.execute(
            text("SELECT return_ref FROM folds")).scalars().all()

    assert left == (0, ["R2"])
