"""Is it committed, before anything is sent, which journal line stands for which postings, and is it kept to?"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from backhaul.adapters.sql import SqlStore
from backhaul.adapters.sql.tables import attempts, batches
from backhaul.application.ports import PostingState
from backhaul.domain.allocation import allocate
from backhaul.domain.posting import Posting, PostingBatch, PostingKind


def surplus(story: Any, *refs: str) -> list[Posting]:
    return [story.posting(PostingKind.ADJUSTMENT, ref=ref) for ref in refs]


def allocated(story: Any, *postings: Posting, key: str = "B1") -> PostingBatch:
    batch: PostingBatch = story.batch(*postings, key=key)
    return replace(batch, allocation=allocate(batch))


def test_the_allocation_is_committed_with_the_attempts_and_read_back_as_it_was(store: SqlStore, story: Any) -> None:
    wanted = surplus(story, "R1", "R2")
    story.fixed(store, *wanted)

    with store.begin() as tx:
        tx.start(allocated(story, *wanted), at=story.at(1))

    with store.begin() as tx:
        assert tx.allocations("acme", ["B1", "B2", ""]) == {"B1": allocated(story, *wanted).allocation}
        assert tx.allocations("other", ["B1"]) == {}
        assert {row.state for ref in ("R1", "R2") for row in tx.postings("acme", [ref])[ref]} == {PostingState.SENDING}


@pytest.mark.parametrize("wrong", ["none", "of another batch", "of fewer"])
def test_a_batch_that_does_not_say_which_line_stands_for_its_postings_is_refused(store: SqlStore, story: Any, wrong: str) -> None:
    wanted = surplus(story, "R1", "R2")
    story.fixed(store, *wanted)
    lines = {"none": (), "of another batch": allocated(story, *wanted, key="B2").allocation,
             "of fewer": allocated(story, wanted[0]).allocation}

    with pytest.raises(AssertionError, match="does not say which journal lines"), store.begin() as tx:
        tx.start(replace(story.batch(*wanted), allocation=lines[wrong]), at=story.at(1))

    with store.engine.connect() as connection:
        assert connection.execute(select(batches.c.key)).all() == connection.execute(select(attempts.c.id)).all() == []


def test_a_journal_line_that_was_sent_before_is_never_sent_with_other_postings(store: SqlStore, story: Any) -> None:
    one, two = surplus(story, "R1", "R2")
    story.fixed(store, one, two)
    with store.begin() as tx:
        tx.start(allocated(story, one, two), at=story.at(1))
        for posting in (one, two):
            tx.finish(posting, "B1", outcome="unconfirmed", detail="", at=story.at(2))
            tx.set_state(posting.key, PostingState.READY, at=story.at(3))

    with pytest.raises(AssertionError, match="sent before with other postings"), store.begin() as tx:
        tx.start(allocated(story, one), at=story.at(4))
    with store.begin() as tx:
        tx.start(allocated(story, two, one), at=story.at(4))

    with store.begin() as tx:
        assert tx.allocations("acme", ["B1"]) == {"B1": allocated(story, one, two).allocation}


def test_a_batch_of_other_documents_has_no_allocation(store: SqlStore, story: Any) -> None:
    story.sending(store, story.posting())

    with store.begin() as tx:
        assert tx.allocations("acme", ["B1"]) == {}
