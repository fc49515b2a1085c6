"""Is what came in kept, once, and found again?"""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.domain.delivery import BY_HAND, DeliveryState
from backhaul.domain.facts import Stage


def test_a_delivery_is_kept_byte_for_byte(store: SqlStore, story: Any) -> None:
    delivery = story.delivery(body=b"\xff\x00 not even text")

    with store.begin() as tx:
        states = tx.keep([delivery])

    with store.begin() as tx:
        (kept,) = tx.undigested("acme", 10)
    assert states == [DeliveryState.STORED]
    assert replace(kept, id=0) == delivery
    assert kept.id > 0


def test_a_repeat_leaves_a_row_without_body(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery()])

    with store.begin() as tx:
        states = tx.keep([story.delivery(minutes=5), story.delivery("event-2"), story.delivery("event-2")])

    with store.read() as connection:
        kept, bodies = connection.exec_driver_sql("SELECT count(*), count(body) FROM deliveries").one()
    assert states == [DeliveryState.DUPLICATE, DeliveryState.STORED, DeliveryState.DUPLICATE]
    assert (kept, bodies) == (4, 2)


def test_a_repeat_with_another_body_is_quarantined_whole(store: SqlStore, story: Any) -> None:
    other = story.delivery(body=b'{"return": "R2"}')
    with store.begin() as tx:
        tx.keep([story.delivery()])

    with store.begin() as tx:
        states = tx.keep([other])

    with store.read() as connection:
        row = connection.exec_driver_sql("SELECT body, reason FROM deliveries WHERE state = 'quarantined'").one()
    assert states == [DeliveryState.QUARANTINED]
    assert (bytes(row.body), row.reason) == (other.body, "EVENT_CONTENT_CONFLICT")


def test_the_same_conflicting_body_again_is_a_duplicate_of_what_is_quarantined(store: SqlStore, story: Any) -> None:
    first, other = story.delivery(), story.delivery(body=b"{}")

    with store.begin() as tx:
        at_once = tx.keep([first, other, other])
    with store.begin() as tx:
        later = tx.keep([other])

    assert at_once == [DeliveryState.STORED, DeliveryState.QUARANTINED, DeliveryState.DUPLICATE]
    assert later == [DeliveryState.DUPLICATE]


def test_tenants_and_sources_do_not_share_identities(store: SqlStore, story: Any) -> None:
    one = story.delivery()

    with store.begin() as tx:
        states = tx.keep([one, replace(one, tenant="other"), replace(one, source="files")])

    assert states == [DeliveryState.STORED] * 3


def test_two_workers_keep_one_delivery_once(store: SqlStore, story: Any) -> None:
    answers: list[DeliveryState] = []

    def work() -> None:
        for number in range(20):
            with store.begin() as tx:
                answers.extend(tx.keep([story.delivery(f"event-{number}")]))

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [DeliveryState.DUPLICATE] * 60 + [DeliveryState.STORED] * 20


def test_a_thousand_deliveries_at_once_come_out_in_the_order_they_came_in(store: SqlStore, story: Any) -> None:
    deliveries = [story.delivery(f"event-{number}") for number in range(1200)]

    with store.begin() as tx:
        tx.keep(deliveries)

    with store.begin() as tx:
        again = tx.keep(deliveries)
        waiting = tx.undigested("acme", 5000)
    assert set(again) == {DeliveryState.DUPLICATE}
    assert [each.identity for each in waiting] == [each.identity for each in deliveries]


def test_a_refused_delivery_leaves_hash_size_and_reason(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.refuse("acme", "zigzag", sha256="ab" * 32, size=9_000_000, reason="signature does not match", at=story.noon)
        tx.refuse("acme", "zigzag", sha256="ab" * 32, size=9_000_000, reason="signature does not match", at=story.noon)

    with store.begin() as tx:
        waiting = tx.undigested("acme", 10)
    with store.read() as connection:
        found = connection.exec_driver_sql("SELECT sha256, size, reason, body FROM deliveries").all()
    assert not waiting
    assert [tuple(row) for row in found] == [("ab" * 32, 9_000_000, "signature does not match", None)] * 2


def test_facts_are_kept_once_and_touch_their_return(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery("event-1"), story.delivery("event-2")])
        one, two = tx.undigested("acme", 10)
        new = tx.digested(one, [story.fact(), story.fact(), story.fact("R2")])
        repeats = tx.digested(two, [replace(story.fact(), event="event-2"), story.fact(stage=Stage.RECEIVED)])

    with store.begin() as tx:
        facts, touched, left = tx.facts("acme", ["R1", "R2", "R3"]), tx.touched("acme", 10), tx.undigested("acme", 10)
    assert (new, repeats) == (2, 1)
    assert facts == {"R1": [story.fact(), story.fact(stage=Stage.RECEIVED)], "R2": [story.fact("R2")]}
    assert touched == ["R1", "R2"]
    assert not left


def test_what_a_person_typed_is_no_word_of_the_platform(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery("1"), replace(story.delivery("2"), source=BY_HAND)])
        for delivery, ref in zip(tx.undigested("acme", 10), ("R1", "R2"), strict=True):
            tx.digested(delivery, [story.fact(ref)])
        tx.add_facts("acme", [story.fact("R3")])

    told = story.noon - timedelta(days=1), story.noon + timedelta(days=1)
    with store.look() as tx:
        assert set(tx.heard("acme", *told)) == {"R1"}
        assert set(tx.moved("acme", *told)) == {"R1", "R2", "R3"}
        assert set(tx.heard("other", *told)) == set()


def test_nothing_new_touches_nothing(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.add_facts("acme", [story.fact()])
        tx.save_case(story.case())

    with store.begin() as tx:
        new = tx.add_facts("acme", [story.fact()])
        touched = tx.touched("acme", 10)

    assert new == 0
    assert not touched


def test_a_quarantined_delivery_is_set_aside_with_its_bytes(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery()])
        (delivery,) = tx.undigested("acme", 10)
        tx.quarantine(delivery, "no return id")

    with store.begin() as tx:
        again, waiting = tx.keep([story.delivery()]), tx.undigested("acme", 10)
    with store.read() as connection:
        row = connection.exec_driver_sql("SELECT state, reason, body FROM deliveries ORDER BY id").first()
    assert again == [DeliveryState.DUPLICATE]
    assert not waiting
    assert row is not None
    assert (row.state, row.reason, bytes(row.body)) == ("quarantined", "no return id", story.delivery().body)


def test_only_a_stored_delivery_can_be_judged(store: SqlStore, story: Any) -> None:
    with pytest.raises(AssertionError, match="has no id"), store.begin() as tx:
        tx.quarantine(story.delivery(), "no return id")


def test_a_fact_learned_between_reading_and_saving_is_not_forgotten(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.add_facts("acme", [story.fact()])
    with store.begin() as tx:
        tx.facts("acme", ["R1"])

    def learn() -> None:
        with store.begin() as other:
            other.add_facts("acme", [story.fact(stage=Stage.RECEIVED)])
            other.facts("acme", ["R1"])

    thread = Thread(target=learn)
    thread.start()
    thread.join()
    with store.begin() as tx:
        tx.save_case(story.case())

    with store.begin() as tx:
        assert tx.touched("acme", 10) == ["R1"]
        tx.facts("acme", ["R1"])
        tx.save_case(story.case())
        assert tx.touched("acme", 10) == []


def test_a_return_touched_anew_after_another_save_is_not_forgotten(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.touch("acme", ["R1"])
        tx.facts("acme", ["R1"])

    def save_and_touch() -> None:
        with store.begin() as other:
            other.save_case(story.case())
        with store.begin() as other:
            other.touch("acme", ["R1"])

    thread = Thread(target=save_and_touch)
    thread.start()
    thread.join()
    with store.begin() as tx:
        tx.save_case(story.case())
        assert tx.touched("acme", 10) == ["R1"]


def test_returns_come_in_the_order_in_which_they_were_first_touched(store: SqlStore) -> None:
    for refs in (["R3"], ["R2", "R1"], ["R3"]):
        with store.begin() as tx:
            tx.touch("acme", refs)

    with store.begin() as tx:
        assert tx.touched("acme", 10) == ["R3", "R1", "R2"]
        assert tx.touched("acme", 1) == ["R3"]
        assert tx.touched("other", 10) == []


def test_a_return_saved_and_then_touched_in_one_transaction_stays_touched(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.save_case(story.case())
        tx.touch("acme", ["R1"])

    with store.begin() as tx:
        assert tx.touched("acme", 10) == ["R1"]


def test_a_file_is_imported_once(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        before = tx.import_seen("acme", "ab" * 32)
        tx.save_import("acme", "returns.csv", "ab" * 32, story.noon, 120)

    with store.begin() as tx:
        assert not before
        assert tx.import_seen("acme", "ab" * 32)
        assert not tx.import_seen("other", "ab" * 32)


def test_a_time_without_a_zone_is_refused(store: SqlStore, story: Any) -> None:
    naive = replace(story.fact(), at=datetime(2011, 3, 1))  # noqa: DTZ001  the mistake in question

    with pytest.raises(Exception, match="no time zone"), store.begin() as tx:
        tx.add_facts("acme", [naive])
