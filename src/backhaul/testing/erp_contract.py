"""What must every ERP adapter do, whatever it speaks to?

A third party writes `class TestMine(ErpContract)` with one fixture, `bench`, that gives a fresh ERP and the few gestures below. The suite
checks the promises the application builds on: an outcome per posting, in order; a lost answer is never taken for a refusal; what was
posted is found exactly once, however often one looks.
"""

# ruff: noqa: S101  it is a suite of tests that others inherit

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from backhaul.application.ports import Erp
from backhaul.domain.entry import Side
from backhaul.domain.posting import (
    ErpDocument,
    Nature,
    Posted,
    Posting,
    PostingBatch,
    PostingKey,
    PostingOutcome,
    Rejected,
    Unconfirmed,
)
from backhaul.domain.proof import Status
from backhaul.domain.validation import Questions


class Bench(Protocol):
    """One ERP with a legal entity in it, and a hand on its wires."""

    erp: Erp
    legal_entity: str

    def draft(self, ref: str) -> Posting:
        """Write a draft that needs nothing else and that the ERP accepts, for this return."""
        ...

    def hopeless(self, ref: str) -> Posting:
        """Write a posting whose content the ERP refuses for good, for this return."""
        ...

    def lose_next_answer(self) -> None:
        """Let the ERP do the next thing it is told, and lose its answer."""
        ...

    def be_busy_once(self, seconds: int) -> None:
        """Let the ERP refuse the next request because it is busy, naming this wait."""
        ...


def post(bench: Bench, *postings: Posting, basis: Mapping[PostingKey, ErpDocument] | None = None) -> Sequence[PostingOutcome]:
    """Send postings as one batch."""
    return bench.erp.post(PostingBatch(
        key=f"ZZ-{postings[0].key.marker[2:14]}", tenant=postings[0].key.tenant, legal_entity=bench.legal_entity, period="2025-01",
        kind=postings[0].key.kind, postings=postings, basis=basis or {}))


def find(bench: Bench, *postings: Posting) -> Mapping[PostingKey, ErpDocument]:
    """Look for postings that need nothing."""
    return bench.erp.find(postings, {}, {posting.key: f"ZZ-{postings[0].key.marker[2:14]}" for posting in postings})


class ErpContract:
    """The suite. Each test is a sentence that is true of every ERP adapter."""

    def test_its_needs_are_met_and_every_step_has_a_nature(self, bench: Bench) -> None:
        """Ask what it can do."""
        told = bench.erp.capabilities()

        assert told.missing == ()
        assert set(told.route.steps) <= set(told.route.nature)
        assert told.route.nature[bench.draft("R1").key.kind] is Nature.DRAFT

    def test_a_draft_is_posted_and_found_exactly_once(self, bench: Bench) -> None:
        """Post one draft, look for it."""
        draft = bench.draft("R1")

        (outcome,) = post(bench, draft)
        found = find(bench, draft)

        assert isinstance(outcome, Posted)
        assert set(found) == {draft.key}
        assert found[draft.key].copies == 1
        assert found[draft.key].number == outcome.document.number

    def test_looking_again_gives_the_same(self, bench: Bench) -> None:
        """Look twice."""
        draft = bench.draft("R1")
        post(bench, draft)

        assert find(bench, draft) == find(bench, draft)

    def test_what_was_never_sent_is_not_found(self, bench: Bench) -> None:
        """Look for another one than was posted, its own neighbour by name."""
        post(bench, bench.draft("R1"))

        assert find(bench, bench.draft("r1"), bench.draft("R10")) == {}
        assert bench.erp.find((), {}, {}) == {}

    def test_a_lost_answer_is_in_doubt_and_then_found(self, bench: Bench) -> None:
        """Lose the answer to a request that had its effect."""
        draft = bench.draft("R1")
        find(bench, draft)
        bench.lose_next_answer()

        (outcome,) = post(bench, draft)

        assert isinstance(outcome, Unconfirmed)
        assert find(bench, draft)[draft.key].copies == 1

    def test_a_draft_sent_twice_shows_its_copy_and_which_one_to_remove(self, bench: Bench) -> None:
        """Send the same draft again, as after a lost answer that nobody looked for; an ERP with a key of ours has only one of it."""
        draft = bench.draft("R1")
        post(bench, draft)
        (again,) = post(bench, draft)

        found = find(bench, draft)[draft.key]

        assert found.copies == (2 if isinstance(again, Posted) else 1)
        assert len(found.spares) == found.copies - 1

    def test_refused_content_comes_back_with_a_sentence(self, bench: Bench) -> None:
        """Send what the ERP cannot accept."""
        hopeless = bench.hopeless("R1")

        (outcome,) = post(bench, hopeless)

        assert isinstance(outcome, Rejected)
        assert not outcome.transient
        assert len(outcome.sentence) > 10  # noqa: PLR2004
        assert find(bench, hopeless) == {}

    def test_a_busy_erp_is_a_refusal_for_now_and_leaves_nothing(self, bench: Bench) -> None:
        """Send while it is busy, and again after."""
        draft = bench.draft("R1")
        find(bench, draft)
        bench.be_busy_once(7)

        (outcome,) = post(bench, draft)

        assert isinstance(outcome, Rejected)
        assert outcome.transient
        assert outcome.after_seconds == 7  # noqa: PLR2004
        assert find(bench, draft) == {}
        assert isinstance(post(bench, draft)[0], Posted)

    def test_many_in_one_batch_are_answered_one_by_one_in_order(self, bench: Bench) -> None:
        """Mix good and bad; one bad return sinks no other."""
        batch = [bench.hopeless(f"R{at}") if at % 3 == 1 else bench.draft(f"R{at}") for at in range(10)]

        outcomes = post(bench, *batch)
        found = find(bench, *batch)

        assert [type(outcome) for outcome in outcomes] == [Rejected if at % 3 == 1 else Posted for at in range(10)]
        assert set(found) == {posting.key for at, posting in enumerate(batch) if at % 3 != 1}
        assert [found[posting.key].number for posting in batch if posting.key in found] == [
            outcome.document.number for outcome in outcomes if isinstance(outcome, Posted)]

    def test_its_books_call_a_draft_no_credit_and_name_what_of_them_cannot_be_read(self, bench: Bench) -> None:
        """Read the books of many years after one draft was written."""
        post(bench, bench.draft("R1"))

        shown = bench.erp.entries(date(2000, 1, 1), date(2100, 1, 1))

        assert not [each for each in shown.entries if each.side is Side.CREDIT and each.mark and each.status is not Status.DRAFT]
        assert all(len(sentence) > 10 for sentence in shown.unread)  # noqa: PLR2004

    def test_an_account_nothing_was_booked_on_is_empty_and_what_cannot_be_read_is_named(self, bench: Bench) -> None:
        """Read what is paid or received and not credited of a company that has posted nothing."""
        post(bench, bench.draft("R1"))

        told = bench.erp.open_sides({"no such account"}, date(2000, 1, 1), date(2100, 1, 1), payments=True)

        assert (told.booked, told.outstanding, told.came) == ((), (), ())
        assert all(len(sentence) > 10 for sentence in told.unread)  # noqa: PLR2004

    def test_what_the_erp_does_not_have_is_not_among_its_answers(self, bench: Bench) -> None:
        """Ask for masters that do not exist."""
        told = bench.erp.master_data(Questions(legal_entity=bench.legal_entity, items=frozenset({"no such item"}),
                                               customers=frozenset({"nobody"}), orders=frozenset({"no order's number"})))

        assert "no such item" not in told.items
        assert "nobody" not in told.customers
        assert told.sales == {}
