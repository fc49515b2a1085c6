"""Are postings planned, fixed, sent and settled by the protocol, and by nothing else?"""

from dataclasses import replace
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.application.ports import KeptWindow, PostingState
from backhaul.domain.errors import RetryLater
from backhaul.domain.posting import ErpDocument, PostingKind, Spare
from backhaul.domain.validation import Taken


def plan(store: SqlStore, story: Any, *postings: Any, held: tuple[str, ...] = (), minutes: int = 0) -> None:
    with store.begin() as tx:
        tx.plan("acme", "R1", postings, held_lines=held, now=story.at(minutes))


def states(store: SqlStore) -> dict[str, PostingState]:
    with store.begin() as tx:
        return {f"{row.posting.key.kind.value} {row.posting.line_id}": row.state for row in tx.postings("acme", ["R1"]).get("R1", ())}


def actions(store: SqlStore, subject: str = "R1") -> list[str]:
    with store.begin() as tx:
        return [entry.action for entry in tx.trail("acme", subject=subject)]


# --- planning


def test_a_plan_is_kept_and_found_by_return(store: SqlStore, story: Any) -> None:
    line, credit = story.posting(), story.posting(PostingKind.CREDIT_NOTE)

    plan(store, story, line, credit)

    with store.begin() as tx:
        kept = tx.postings("acme", ["R1", "R2"])
    assert {ref: [row.posting for row in found] for ref, found in kept.items()} == {"R1": [credit, line]}
    assert {(row.state, row.planned_at, row.attempts) for row in kept["R1"]} == {(PostingState.PLANNED, story.noon, 0)}


def test_a_new_plan_replaces_the_old_one_and_keeps_since_when_a_posting_was_wanted(store: SqlStore, story: Any) -> None:
    plan(store, story, story.posting(line="1"), story.posting(line="2"))

    plan(store, story, story.posting(line="2", quantity="3"), story.posting(line="3"), minutes=30)

    with store.begin() as tx:
        kept = {row.posting.line_id: (row.posting.document.quantity, row.planned_at) for row in tx.postings("acme", ["R1"])["R1"]}  # type: ignore[union-attr]  # order lines
    assert kept == {"2": (Decimal(3), story.noon), "3": (Decimal(2), story.at(30))}


def test_the_same_plan_again_writes_nothing(store: SqlStore, story: Any) -> None:
    plan(store, story, story.posting(), story.posting(line="2"), held=("2",))

    plan(store, story, story.posting(), story.posting(line="2"), held=("2",), minutes=30)

    assert actions(store) == ["plan"]


def test_held_lines_are_held_and_do_not_wait_for_a_window(store: SqlStore, story: Any) -> None:
    plan(store, story, story.posting(line="1"), story.posting(line="2"), held=("2",))

    with store.begin() as tx:
        waiting = tx.planned("acme", "gb")
    plan(store, story, story.posting(line="1"), story.posting(line="2"), held=("",), minutes=5)

    assert waiting == [("R1", story.noon)]
    assert set(states(store).values()) == {PostingState.HELD}
    with store.begin() as tx:
        assert tx.planned("acme", "gb") == []


def test_returns_wait_for_their_window_oldest_first_then_by_reference(store: SqlStore, story: Any) -> None:
    for ref, minutes in (("R2", 5), ("R3", 0), ("R1", 5)):
        with store.begin() as tx:
            tx.plan("acme", ref, [story.posting(ref=ref)], held_lines=(), now=story.at(minutes))

    with store.begin() as tx:
        assert tx.planned("acme", "gb") == [("R3", story.at(0)), ("R1", story.at(5)), ("R2", story.at(5))]
        assert tx.planned("acme", "de") == []
        assert tx.planned("acme", "gb", kinds={PostingKind.RECEIPT}) == []
        assert len(tx.planned("acme", "gb", kinds={PostingKind.RECEIPT, PostingKind.ORDER_LINE})) == 3


def test_what_is_fixed_is_never_planned_again(store: SqlStore, story: Any) -> None:
    story.fixed(store, story.posting())

    with pytest.raises(AssertionError, match="never planned again"):
        plan(store, story, story.posting())
    plan(store, story)

    assert states(store) == {"order-line 1": PostingState.READY}


def test_a_plan_for_another_return_is_refused(store: SqlStore, story: Any) -> None:
    with pytest.raises(AssertionError, match="no posting of"):
        plan(store, story, story.posting(ref="R2"))


# --- fixing


def test_fixing_keeps_content_mapping_version_and_window(store: SqlStore, story: Any) -> None:
    plan(store, story, story.posting())
    dearer = story.posting(price="7")

    with store.begin() as tx:
        tx.fix(dearer, mapping_version="m7", window="W9", at=story.at(20))

    with store.begin() as tx:
        (kept,) = tx.in_state("acme", "gb", {PostingState.READY})
    assert (kept.posting, kept.mapping_version, kept.window, kept.planned_at) == (dearer, "m7", "W9", story.noon)
    assert actions(store) == ["plan", "fix"]


def test_a_fixed_posting_is_not_fixed_as_something_else(store: SqlStore, story: Any) -> None:
    story.fixed(store, story.posting())

    story.fixed(store, story.posting())
    with pytest.raises(AssertionError, match="cannot be fixed again"):
        story.fixed(store, story.posting(quantity="1"))

    assert actions(store) == ["fix"]


def test_nothing_is_fixed_without_a_mapping_version(store: SqlStore, story: Any) -> None:
    with pytest.raises(AssertionError, match="no mapping version"), store.begin() as tx:
        tx.fix(story.posting(), mapping_version="", window="W1", at=story.noon)


def test_a_thousand_postings_go_through_one_transaction_each_step(store: SqlStore, story: Any) -> None:
    postings = [story.posting(line=str(number), ref=f"R{number % 300}") for number in range(1200)]

    story.sending(store, *postings)

    with store.begin() as tx:
        sending = tx.in_state("acme", "gb", {PostingState.SENDING})
        refs = {posting.key.return_ref for posting in postings}
        assert sum(len(rows) for rows in tx.postings("acme", refs).values()) == len(postings)
    assert [row.posting.key for row in sending] == sorted(posting.key for posting in postings)


# --- sending


def test_start_commits_an_attempt_for_every_posting(store: SqlStore, story: Any) -> None:
    one, two = story.posting(), story.posting(line="2")

    story.sending(store, one, two)

    with store.begin() as tx:
        attempts = tx.attempts([one.key, two.key])
    assert [(each.posting, each.number, each.batch, each.outcome) for each in attempts] == [
        (str(one.key), 1, "B1", ""), (str(two.key), 1, "B1", "")]
    assert {each.request_hash for each in attempts} == {story.batch(one, two).fingerprint}
    assert {each.mapping_version for each in attempts} == {"m1"}
    assert set(states(store).values()) == {PostingState.SENDING}
    assert actions(store) == ["fix", "fix", "send"]


def test_only_ready_postings_are_sent(store: SqlStore, story: Any) -> None:
    plan(store, story, story.posting())

    with pytest.raises(AssertionError, match="only READY"), store.begin() as tx:
        tx.start(story.batch(story.posting()), at=story.noon)
    with pytest.raises(AssertionError, match="only READY"), store.begin() as tx:
        tx.start(story.batch(story.posting(line="9")), at=story.noon)


def test_a_changed_fingerprint_is_never_sent(store: SqlStore, story: Any) -> None:
    story.fixed(store, story.posting())

    with pytest.raises(AssertionError, match="not what it was"), store.begin() as tx:
        tx.start(story.batch(story.posting(quantity="200")), at=story.noon)

    with store.begin() as tx:
        assert not tx.attempts([story.key()])


def test_a_second_attempt_waits_for_the_outcome_of_the_first(store: SqlStore, story: Any) -> None:
    posting = story.posting()
    story.sending(store, posting)

    with store.begin() as tx:
        tx.set_state(posting.key, PostingState.READY, at=story.at(2))
    with pytest.raises(AssertionError, match="INV-09"), store.begin() as tx:
        tx.start(story.batch(posting, key="B2"), at=story.at(3))
    with store.begin() as tx:
        tx.finish(posting, "B1", outcome="not sent", detail="busy", at=story.at(4))
        tx.start(story.batch(posting, key="B2"), at=story.at(5))

    with store.begin() as tx:
        attempts = tx.attempts([posting.key])
    assert [(each.number, each.batch, each.outcome) for each in attempts] == [(1, "B1", "not sent"), (2, "B2", "")]


def test_an_outcome_completes_the_open_attempt(store: SqlStore, story: Any) -> None:
    posting, document = story.posting(), ErpDocument(number="RMA-1", ids={"company": "gb"}, quantity=Decimal(-2))
    story.sending(store, posting)

    with store.begin() as tx:
        tx.finish(posting, "B1", outcome="posted", detail="RMA-1", at=story.at(2))
        tx.set_state(posting.key, PostingState.POSTED, document=document, look_at=story.at(7), looks=0, at=story.at(2))

    with store.begin() as tx:
        kept, (attempt,) = tx.documents([posting.key])[posting.key], tx.attempts([posting.key])
    assert (kept.state, kept.document, kept.look_at, kept.attempts, kept.batch) == (PostingState.POSTED, document, story.at(7), 1, "B1")
    assert (attempt.outcome, attempt.detail, attempt.finished_at) == ("posted", "RMA-1", story.at(2))


def test_an_outcome_without_an_open_attempt_keeps_nothing(store: SqlStore, story: Any) -> None:
    posting = story.posting()
    story.fixed(store, posting)

    with pytest.raises(AssertionError, match="no open attempt"), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.set_state(posting.key, PostingState.REJECTED, at=story.noon)
        tx.finish(posting, "B1", outcome="rejected", detail="", at=story.noon)
    with pytest.raises(AssertionError, match="ends with an outcome"), store.begin() as tx:
        tx.finish(posting, "B1", outcome="", detail="", at=story.noon)

    assert set(states(store).values()) == {PostingState.READY}


def test_an_empty_batch_is_no_batch(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.start(replace(story.batch(story.posting()), postings=()), at=story.noon)

    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM batches").scalar_one() == 0


def test_document_batch_and_looks_stay_unless_given(store: SqlStore, story: Any) -> None:
    posting, document = story.posting(), ErpDocument(number="RMA-1")
    story.sending(store, posting)

    with store.begin() as tx:
        tx.set_state(posting.key, PostingState.POSTED, document=document, looks=2, look_at=story.at(5), note="draft", at=story.at(1))
        tx.set_state(posting.key, PostingState.VERIFIED, at=story.at(2))

    with store.begin() as tx:
        kept = tx.documents([posting.key])[posting.key]
        assert (kept.document, kept.batch, kept.looks, kept.look_at, kept.note) == (document, "B1", 2, None, "")
        tx.set_state(posting.key, PostingState.VERIFIED, looks=3, batch="", at=story.at(3))
        assert tx.documents([posting.key])[posting.key].batch == ""
    with store.begin() as tx:
        moves = [(entry.detail["from"], entry.detail["to"]) for entry in tx.trail("acme", subject="R1") if entry.action == "posting"]
    assert moves == [("sending", "posted"), ("posted", "verified")]


def test_an_unknown_posting_cannot_be_moved(store: SqlStore, story: Any) -> None:
    with pytest.raises(AssertionError, match="no posting"), store.begin() as tx:
        tx.set_state(story.key(), PostingState.VERIFIED, at=story.noon)


def test_postings_are_found_by_state_kind_and_due_date(store: SqlStore, story: Any) -> None:
    line, credit, other = story.posting(), story.posting(PostingKind.CREDIT_NOTE), story.posting(line="2")
    story.sending(store, line, credit, other)

    with store.begin() as tx:
        tx.set_state(line.key, PostingState.PENDING, look_at=story.at(10), at=story.at(2))
        tx.set_state(credit.key, PostingState.PENDING, look_at=story.at(20), at=story.at(2))
        tx.set_state(other.key, PostingState.UNCONFIRMED, at=story.at(2))

    with store.begin() as tx:
        both = {PostingState.PENDING, PostingState.UNCONFIRMED}
        assert [row.posting for row in tx.in_state("acme", "gb", both)] == [credit, line, other]
        assert [row.posting for row in tx.in_state("acme", "gb", both, kinds={PostingKind.CREDIT_NOTE})] == [credit]
        assert [row.posting for row in tx.in_state("acme", "gb", both, look_until=story.at(10))] == [line, other]
        assert not tx.in_state("acme", "de", both)


# --- withdrawing


def test_a_ready_posting_can_be_withdrawn_and_planned_anew(store: SqlStore, story: Any) -> None:
    story.fixed(store, story.posting())

    with store.begin() as tx:
        tx.set_state(story.key(), PostingState.WITHDRAWN, at=story.at(1))
    gone = states(store)
    plan(store, story, story.posting(quantity="1"), minutes=2)

    assert gone == {}
    assert states(store) == {"order-line 1": PostingState.PLANNED}
    with store.begin() as tx:
        assert tx.postings("acme", ["R1"])["R1"][0].posting == story.posting(quantity="1")


def test_a_posting_that_was_tried_once_is_kept_when_nobody_wants_it_any_more(store: SqlStore, story: Any) -> None:
    posting = story.posting()
    story.sending(store, posting)
    with store.begin() as tx:
        tx.finish(posting, "B1", outcome="rejected", detail="no such item", at=story.at(2))
        tx.set_state(posting.key, PostingState.REJECTED, at=story.at(2))
        tx.set_state(posting.key, PostingState.WITHDRAWN, at=story.at(3))
    plan(store, story, posting, minutes=4)

    plan(store, story, minutes=5)

    with store.begin() as tx:
        assert tx.documents([posting.key])[posting.key].state is PostingState.WITHDRAWN
        assert len(tx.attempts([posting.key])) == 1


def test_a_spare_is_fixed_without_having_been_planned(store: SqlStore, story: Any) -> None:
    spare = replace(story.posting(), key=story.key(PostingKind.SPARE), document=Spare(entity="salesReturnOrders", ids={"id": "7"}))

    story.fixed(store, spare)

    with store.begin() as tx:
        assert tx.documents([spare.key])[spare.key].posting == spare


# --- reading one's own writes


def test_a_transaction_reads_what_it_has_just_written(store: SqlStore, story: Any) -> None:
    posting = story.posting()

    with store.begin() as tx:
        tx.plan("acme", "R1", [posting, story.posting(line="2")], held_lines=(), now=story.noon)
        assert len(tx.postings("acme", ["R1"])["R1"]) == 2
        tx.plan("acme", "R1", [posting], held_lines=(), now=story.noon)
        assert len(tx.postings("acme", ["R1"])["R1"]) == 1
        tx.fix(posting, mapping_version="m1", window="W1", at=story.noon)
        assert [row.state for row in tx.in_state("acme", "gb", {PostingState.READY})] == [PostingState.READY]
        tx.start(story.batch(posting), at=story.noon)
        assert tx.documents([posting.key])[posting.key].state is PostingState.SENDING
        tx.finish(posting, "B1", outcome="posted", detail="", at=story.noon)
        tx.set_state(posting.key, PostingState.VERIFIED, at=story.noon)
        assert [each.outcome for each in tx.attempts([posting.key])] == ["posted"]

    assert states(store) == {"order-line 1": PostingState.VERIFIED}


def test_of_two_workers_that_change_one_posting_the_slower_one_keeps_nothing(store: SqlStore, story: Any) -> None:
    if store.engine.dialect.name == "sqlite":
        return  # there one transaction waits for the other
    story.fixed(store, story.posting())

    def withdraw() -> None:
        with store.begin() as other:
            other.set_state(story.key(), PostingState.WITHDRAWN, at=story.at(1))

    with pytest.raises(RetryLater, match="another worker"), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.start(story.batch(story.posting()), at=story.at(1))
        thread = Thread(target=withdraw)
        thread.start()
        thread.join()

    with store.begin() as tx:
        assert tx.documents([story.key()])[story.key()].state is PostingState.WITHDRAWN
        assert not tx.attempts([story.key()])


# --- claims


def claims(store: SqlStore, **asked: Any) -> Any:
    with store.begin() as tx:
        return tx.claims("acme", "gb", **{"customers": (), "orders": (), "history": (), "apart_from": (), **asked})


def test_fixed_lines_claim_units_of_their_sale(store: SqlStore, story: Any) -> None:
    story.fixed(store, story.posting(ref="R1"), story.posting(ref="R2", quantity="0.5"), story.posting(ref="R3", order="SO-2"))
    plan(store, story, story.posting(line="2"))

    taken = claims(store, orders=["SO-1", "SO-9"], apart_from=["R1"])

    assert taken.lots == {("SO-1", "SO-1/1"): Taken(units=Decimal("2.5"), net=Decimal("15.625"))}
    assert taken.history == {}


def test_what_the_erp_refused_or_nobody_wants_claims_nothing(store: SqlStore, story: Any) -> None:
    refused, withdrawn = story.posting(ref="R1"), story.posting(ref="R2")
    story.fixed(store, refused, withdrawn, story.posting(PostingKind.RECEIPT, ref="R3"))
    with store.begin() as tx:
        tx.set_state(refused.key, PostingState.REJECTED, at=story.at(1))
        tx.set_state(withdrawn.key, PostingState.WITHDRAWN, at=story.at(1))

    assert claims(store, orders=["SO-1"]).lots == {}


def test_goods_without_a_sale_claim_their_customers_allowance(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.save_case(story.case("R1", customer="C1"))
        tx.save_case(story.case("R2", customer="C2"))
        tx.save_case(story.case("R3", customer="C1"))
    story.fixed(store, story.posting(ref="R1", order="", price="0.333"), story.posting(ref="R2", order=""), story.posting(ref="R3"),
                story.posting(line="2", ref="R3", order="", quantity="1", price="10"))

    assert claims(store, history=["C1", "C9"]).history == {"C1": Decimal("10.666")}


def test_the_customer_is_that_of_the_case_when_the_line_was_fixed(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.plan("acme", "R1", [story.posting(order="")], held_lines=(), now=story.noon)
        tx.save_case(story.case(customer="C1"))
    with store.begin() as tx:
        tx.save_case(story.case(customer="C2"))
        tx.fix(story.posting(order=""), mapping_version="m1", window="W1", at=story.noon)
    with store.begin() as tx:
        tx.save_case(story.case(customer="C3"))
        tx.set_state(story.key(), PostingState.AWAITED, at=story.noon)

    assert claims(store, history=["C1", "C2", "C3"]).history == {"C2": Decimal("12.50")}


def test_what_went_out_is_summed_by_customer_and_currency_over_the_windows_of_a_time(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        for number, ref in enumerate(("R1", "R2", "R3", "R4", "R5")):
            tx.save_case(story.case(ref, customer=f"C{number % 2}"))
        for window, *refs in (("W0", "R5"), ("W1", "R1", "R2"), ("W2", "R3")):
            for ref in refs:
                tx.fix(story.posting(ref=ref, order="" if ref == "R2" else "SO-1"), mapping_version="m1", window=window, at=story.noon)
        tx.fix(story.posting(PostingKind.ORDER, ref="R1"), mapping_version="m1", window="W1", at=story.noon)
        tx.plan("acme", "R4", [story.posting(ref="R4")], held_lines=(), now=story.noon)
        for number, (key, minutes) in enumerate((("W0", 0), ("W1", 10)), start=1):
            tx.close_window(KeptWindow(key=key, tenant="acme", legal_entity="gb", period="2011-03", number=number,
                                       closed_at=story.at(minutes)))

    def let_go(minutes: int, window: str, entity: str = "gb") -> Any:
        with store.begin() as tx:
            return tx.let_go("acme", entity, since=story.at(minutes), window=window)

    assert let_go(0, "W2") == {("C0", "GBP"): Decimal(25), ("C1", "GBP"): Decimal("12.50")}
    assert let_go(-1, "W9") == {("C0", "GBP"): Decimal(25), ("C1", "GBP"): Decimal("12.50")}
    assert let_go(10, "W9") == let_go(0, "W2", "de") == {}
    with store.begin() as tx:
        tx.set_state(story.posting(ref="R1").key, PostingState.REJECTED, at=story.at(1))
    assert let_go(0, "W9") == {("C1", "GBP"): Decimal("12.50")}


def test_claims_see_lines_fixed_in_the_same_transaction(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.fix(story.posting(), mapping_version="m1", window="W1", at=story.noon)
        taken = tx.claims("acme", "gb", customers=(), orders=["SO-1"], history=(), apart_from=())

    assert taken.lots == {("SO-1", "SO-1/1"): Taken(units=Decimal(2), net=Decimal("12.50"))}
