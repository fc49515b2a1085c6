"""How far we have come: every move there is, and no other."""

import pytest

from backhaul.domain.lifecycle import MOVES, ReturnState, may_move


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(ReturnState)
    assert all(moves and state not in moves for state, moves in MOVES.items())


@pytest.mark.parametrize("state", list(ReturnState))
def test_a_new_return_may_start_anywhere_and_any_may_stay(state: ReturnState) -> None:
    assert may_move(None, state)
    assert may_move(state, state)


@pytest.mark.parametrize("done", [ReturnState.SETTLED, ReturnState.CLOSED])
def test_what_is_done_is_left_only_for_something_new(done: ReturnState) -> None:
    assert not may_move(done, ReturnState.POSTING)
    assert may_move(done, ReturnState.PLANNED)
    assert may_move(done, ReturnState.HELD)


def test_goods_refused_while_the_return_order_is_on_its_way_close_the_return() -> None:
    assert may_move(ReturnState.POSTING, ReturnState.CLOSED)


def test_a_settled_return_is_never_closed_without_credit() -> None:
    assert not may_move(ReturnState.SETTLED, ReturnState.CLOSED)
    assert not may_move(ReturnState.CLOSED, ReturnState.SETTLED)
