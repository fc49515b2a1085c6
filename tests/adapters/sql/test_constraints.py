"""Does the database itself refuse what the code above it must never do?"""
# ruff: noqa: S608  every statement here is put together from words of this file

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.adapters.sql.tables import GUARDS, UNIQUE
from backhaul.application.ports import PostingState
from backhaul.domain.disposition import Place
from backhaul.domain.errors import RetryLater
from backhaul.domain.facts import Decided, Decision
from backhaul.domain.posting import Document, Issue, LotShare, OrderLine, Posting, PostingKind as K, Receipt, Transfer

Refused = Callable[[str], str]

POSTING = (
    "INSERT INTO postings (key, tenant, legal_entity, return_ref, line_id, kind, state, fingerprint, body, mapping_version,"
    " window_key, batch, attempts, looks, note, sku, order_ref, customer, claim, value, net, currency, revision) VALUES"
    " ('{key}', 'acme', 'gb', 'R1', '', 'receipt', '{state}', 'f', '{{}}', '{version}', '', '', 0, 0, '', '', '', '',"
    " '{claim}', '0', '0', '', 1)"
)


def posting(key: str = "K1", state: str = "ready", version: str = "m1", claim: str = "") -> str:
    return POSTING.format(key=key, state=state, version=version, claim=claim)


def attempt(number: int = 1, outcome: str = "", finished: str = "NULL", key: str = "acme|gb|R1|line:1|order-line|1|0") -> str:
    return ("INSERT INTO attempts (posting, batch, number, request_hash, mapping_version, started_at, finished_at, outcome, detail) VALUES "
            f"('{key}', 'B', {number}, 'h', 'm1', '2011-03-01T12:00:00+00:00', {finished}, '{outcome}', '')")


def one_of_each(store: SqlStore, story: Any) -> None:
    """Keep a delivery, a fact, an entry of the trail, a posting that is SENDING with its attempt, and an exception."""
    with store.begin() as tx:
        tx.keep([story.delivery()])
        tx.add_facts("acme", [story.fact()])
        tx.open_exception(story.trouble())
    story.sending(store, story.posting())


@pytest.mark.parametrize("table", ["deliveries", "facts", "trail", "attempts", "postings", "exceptions"])
def test_nothing_that_counts_can_be_deleted(store: SqlStore, story: Any, refused: Refused, table: str) -> None:
    one_of_each(store, story)

    answer = refused(f"DELETE FROM {table}")

    assert "append-only" in answer or "kept for ever" in answer or "never deleted" in answer


@pytest.mark.parametrize("table", ["deliveries", "facts", "trail", "attempts", "postings", "exceptions"])
def test_no_table_that_counts_can_be_emptied_at_once(store: SqlStore, story: Any, refused: Refused, table: str) -> None:
    one_of_each(store, story)

    if store.engine.dialect.name == "postgresql":  # SQLite knows no TRUNCATE
        assert "never emptied" in refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("change", [
    "facts SET body = '{}'", "facts SET at = '2012-01-01T00:00:00+00:00'", "trail SET actor = 'x'", "trail SET sequence = 9"])
def test_facts_and_trail_never_change(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    one_of_each(store, story)

    assert "append-only" in refused(f"UPDATE {change}")


@pytest.mark.parametrize("change", ["body = NULL", "sha256 = 'x'", "identity = 'x'", "tenant = 'x'", "size = 0", "first = NOT first"])
def test_the_bytes_of_a_delivery_never_change(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    one_of_each(store, story)

    assert "bytes of a delivery" in refused(f"UPDATE deliveries SET {change}")


@pytest.mark.parametrize("change", [
    "request_hash = 'x'", "outcome = 'posted', finished_at = '2011-03-01T12:00:00+00:00', request_hash = 'x'",
    "outcome = 'posted', finished_at = '2011-03-01T12:00:00+00:00', number = 2", "detail = 'x'"])
def test_an_attempt_can_only_be_completed(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    one_of_each(store, story)

    assert "changes once" in refused(f"UPDATE attempts SET {change}")


def test_a_completed_attempt_never_changes(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)
    with store.begin() as tx:
        tx.finish(story.posting(), "B1", outcome="posted", detail="", at=story.noon)

    assert "changes once" in refused("UPDATE attempts SET outcome = 'rejected'")


def test_an_attempt_has_an_end_exactly_when_it_has_an_outcome(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)

    assert "attempts_finished" in refused(attempt(2, "posted"))
    assert "attempts_finished" in refused("UPDATE attempts SET outcome = 'posted'")


def test_a_posting_has_one_open_attempt(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)

    assert "UNIQUE" in refused(attempt(2)).upper()
    assert "UNIQUE" in refused(attempt(1, "posted", "'2011-03-01T12:00:00+00:00'")).upper()
    assert "FOREIGN" in refused(attempt(1, key="nobody")).upper()


def test_a_posting_key_is_unique(store: SqlStore, refused: Refused) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(posting()))

    assert "UNIQUE" in refused(posting()).upper()


def test_a_delivery_identity_is_kept_once(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)

    assert "UNIQUE" in refused(
        "INSERT INTO deliveries (tenant, source, identity, channel, state, reason, first, received_at, sha256, size, body) "
        "SELECT tenant, source, identity, channel, state, reason, first, received_at, sha256, size, body FROM deliveries").upper()


def test_a_fact_is_kept_once(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)

    assert "UNIQUE" in refused("INSERT INTO facts (tenant, return_ref, kind, identity, at, body) "
                               "SELECT tenant, return_ref, kind, identity, at, body FROM facts").upper()


def test_one_exception_is_open_per_line(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)

    columns = "tenant, return_ref, line_id, kind, owner, severity, amount, currency, opened_at, due_at, findings, resolution, actor"
    assert "UNIQUE" in refused(f"INSERT INTO exceptions ({columns}) SELECT {columns} FROM exceptions").upper()


def test_a_posting_is_sending_only_with_an_open_attempt(store: SqlStore, story: Any, refused: Refused) -> None:
    story.fixed(store, story.posting())

    assert "INV-10" in refused("UPDATE postings SET state = 'sending'")
    assert "INV-10" in refused(posting(state="sending"))
    with pytest.raises(Exception, match="INV-10"), store.begin() as tx:
        tx.set_state(story.key(), PostingState.SENDING, at=story.noon)


@pytest.mark.parametrize("change", [
    "fingerprint = 'x'", "body = '{}'", "mapping_version = 'm2'", "window_key = 'W2'", "state = 'planned'", "state = 'held'",
    "return_ref = 'R2'", "state = 'withdrawn'"])
def test_what_is_fixed_never_changes(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    one_of_each(store, story)

    assert "what is fixed never changes" in refused(f"UPDATE postings SET {change}")


def test_nothing_is_fixed_without_a_mapping_version(store: SqlStore, story: Any, refused: Refused) -> None:
    with store.begin() as tx:
        tx.plan("acme", "R1", [story.posting()], held_lines=(), now=story.noon)

    assert "postings_mapping" in refused("UPDATE postings SET state = 'ready'")
    assert "postings_mapping" in refused(posting(version=""))


@pytest.mark.parametrize("wrong", [posting(state="paid"), posting(claim="gift")])
def test_words_that_mean_nothing_are_refused(store: SqlStore, refused: Refused, wrong: str) -> None:
    assert "CHECK" in refused(wrong).upper()


@pytest.mark.parametrize("change", [
    "closed_at = '2011-03-02T12:00:00+00:00'", "closed_at = '2011-03-02T12:00:00+00:00', resolution = 'x'", "owner = ''"])
def test_an_exception_has_an_owner_and_an_end_has_a_reason(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    one_of_each(store, story)

    assert "CHECK" in refused(f"UPDATE exceptions SET {change}").upper()


def test_a_closed_exception_stays_closed(store: SqlStore, story: Any, refused: Refused) -> None:
    one_of_each(store, story)
    with store.begin() as tx:
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="done", at=story.noon)

    assert "stays as it was closed" in refused("UPDATE exceptions SET closed_at = NULL")


@pytest.mark.parametrize("change", ["state = 'duplicate'", "state = 'quarantined'", "state = 'lost'"])
def test_a_delivery_has_the_bytes_and_the_reason_its_state_asks_for(
    store: SqlStore, story: Any, refused: Refused, change: str,
) -> None:
    one_of_each(store, story)

    assert "deliveries_" in refused(f"UPDATE deliveries SET {change}")


@pytest.mark.parametrize(("actor", "approver"), [("ann", "ann"), ("ann", " ANN "), ("ann", ""), ("ann", "  ")])
def test_a_decision_needs_a_second_person_whoever_writes_it_down(store: SqlStore, refused: Refused, actor: str, approver: str) -> None:
    said = json.dumps({"decision": "waive", "actor": actor, "approver": approver})

    answer = refused("INSERT INTO facts (tenant, return_ref, kind, identity, at, body) VALUES "
                     f"('acme', 'R1', 'Decided', 'i', '2011-03-01T12:00:00+00:00', '{said}')")

    assert "INV-30" in answer


def test_a_decision_of_two_people_is_kept(store: SqlStore, story: Any) -> None:
    decided = Decided(return_ref="R1", at=story.noon, decision=Decision.CLOSE, line_id="1", actor="ann", approver="bob", reason="lost")

    with store.begin() as tx:
        tx.add_facts("acme", [decided, story.fact()])

    with store.begin() as tx:
        assert set(tx.facts("acme", ["R1"])["R1"]) == {decided, story.fact()}


@pytest.mark.parametrize("change", ["DELETE FROM profiles", "UPDATE profiles SET text = 'x'", "UPDATE profiles SET version = 'v2'"])
def test_a_profile_that_was_in_force_stays_as_it_was(store: SqlStore, refused: Refused, change: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO profiles (tenant, version, sha256, text, at) VALUES "
                                "('acme', 'v1', 'h', 'version = 1', '2011-03-01T12:00:00+00:00')"))

    assert "INV-16" in refused(change)


def test_a_plan_may_be_deleted(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.plan("acme", "R1", [story.posting()], held_lines=(), now=story.noon)

    with store.engine.begin() as connection:
        assert connection.execute(text("DELETE FROM postings")).rowcount == 1


def lease(token: int, holder: str = "me", until: str = "'2011-03-01T12:05:00+00:00'") -> str:
    return f"UPDATE leases SET token = {token}, holder = '{holder}', until = {until}"


def test_the_token_of_a_lease_only_grows_and_no_two_holders_share_one(store: SqlStore, story: Any, refused: Refused) -> None:
    story.leased(store, times=2)

    assert "INV-11" in refused(lease(1))
    assert "INV-11" in refused(lease(2, "another"))
    assert "INV-11" in refused("UPDATE leases SET legal_entity = 'de'")
    assert "INV-11" in refused("DELETE FROM leases")
    if store.engine.dialect.name == "postgresql":
        assert "never emptied" in refused("TRUNCATE leases")


def test_no_attempt_begins_or_ends_under_a_token_that_was_followed(store: SqlStore, story: Any, refused: Refused) -> None:
    first = story.leased(store)
    story.fixed(store, story.posting())
    with store.begin(first) as tx:
        tx.start(story.batch(story.posting()), at=story.noon)
    story.leased(store)

    ended = "UPDATE attempts SET outcome = 'posted', finished_at = '2011-03-01T12:00:00+00:00'"
    assert "another worker" in refused(ended)
    assert "another worker" in refused(f"{ended}, token = 1")
    assert "another worker" in refused(attempt(2, "posted", "'2011-03-01T12:00:00+00:00'"))
    with pytest.raises(RetryLater, match="took over"), store.begin(first) as tx:
        tx.finish(story.posting(), "B1", outcome="posted", detail="", at=story.noon)


# --- damaged goods never go on sale, and no line of a sale is credited twice ----------------------------------

SHELF, QUAR = Place(warehouse="11", location="A-1"), Place(warehouse="11", location="Q-1")
SPELT = [SHELF, Place(warehouse=" 11 ", location="a-1"), Place(warehouse="11", location="A-1 ", status="ANY")]


def receipt(story: Any, place: Place = SHELF, condition: str = "D", disposition: str = "scrap") -> Receipt:
    document: Receipt = story.posting(K.RECEIPT).document
    return replace(document, place=place, condition=condition, disposition=disposition)


def brings(story: Any, kind: K, place: Place, condition: str = "D", disposition: str = "scrap") -> Posting:
    """Write a posting of a kind that brings two units of a grade to a place; a journal of surplus says none."""
    arrives = receipt(story, place, condition, disposition)
    documents: dict[K, Document] = {
        K.RECEIPT: arrives, K.ORDER_LINE: replace(story.posting().document, intake=arrives),
        K.ADJUSTMENT: replace(story.posting(K.ADJUSTMENT).document, place=place),
        K.TRANSFER: Transfer(line_id="1", sku="85123A", quantity=Decimal(2), source=QUAR, target=place, condition=condition,
                             disposition=disposition)}
    return Posting(key=story.key(kind), document=documents[kind], currency="GBP")


@pytest.mark.parametrize("place", SPELT, ids=str)
@pytest.mark.parametrize("kind", [K.RECEIPT, K.ORDER_LINE, K.ADJUSTMENT, K.TRANSFER])
def test_goods_that_may_not_be_sold_are_never_brought_to_where_stock_is_sold(store: SqlStore, story: Any, kind: K, place: Place) -> None:
    with pytest.raises(IntegrityError, match="INV-06"):
        story.fixed(store, brings(story, kind, place))

    story.fixed(store, brings(story, kind, QUAR))


def test_what_was_planned_before_is_held_to_it_when_it_is_fixed(store: SqlStore, story: Any, refused: Refused) -> None:
    story.fixed(store)
    with store.begin() as tx:
        tx.plan("acme", "R1", [brings(story, K.RECEIPT, SHELF)], held_lines=(), now=story.noon)

    assert "INV-06" in refused("UPDATE postings SET state = 'ready', mapping_version = 'm1'")


@pytest.mark.parametrize(("condition", "disposition"), [("A", "scrap"), ("D", "restock"), ("a", "restock"), ("", "")])
def test_good_goods_go_on_sale_and_half_good_ones_do_not(store: SqlStore, story: Any, condition: str, disposition: str) -> None:
    with pytest.raises(IntegrityError, match="INV-06"):
        story.fixed(store, brings(story, K.TRANSFER, SHELF, condition, disposition))

    story.fixed(store, *(brings(story, kind, SHELF, "A", "restock") for kind in (K.RECEIPT, K.ORDER_LINE, K.TRANSFER)))
    story.fixed(store, Posting(key=story.key(K.ISSUE), currency="GBP", document=Issue(
        line_id="1", sku="85123A", quantity=Decimal(1), place=SHELF)))


def test_goods_of_a_mapping_version_nobody_kept_go_nowhere(store: SqlStore, story: Any) -> None:
    story.fixed(store)

    with pytest.raises(IntegrityError, match="INV-06"), store.begin() as tx:
        tx.fix(brings(story, K.RECEIPT, QUAR), mapping_version="m2", window="W1", at=story.noon)


@pytest.mark.parametrize("change", ["DELETE FROM sellable", "UPDATE sellable SET places = '[]'", "TRUNCATE sellable"])
def test_what_was_on_sale_under_a_version_is_kept(store: SqlStore, story: Any, refused: Refused, change: str) -> None:
    story.fixed(store)

    if store.engine.dialect.name == "postgresql" or "TRUNCATE" not in change:  # SQLite knows no TRUNCATE
        assert "INV-06" in (answer := refused(change)) or "never emptied" in answer


def takes(story: Any, ref: str, *, units: str = "2", price: str = "6.25", lot: str = "L1", sold: str | None = "3",
          order: str = "SO-1") -> Posting:
    """Write an order line that takes units of a line of a sale, which sold so many at 6.25."""
    wanted: Posting = story.posting(ref=ref, quantity=units, price=price, order=order)
    assert isinstance(wanted.document, OrderLine)
    share = LotShare(lot=lot, quantity=Decimal(units), sold=None if sold is None else Decimal(sold), sold_at=Decimal("6.25"))
    return replace(wanted, document=replace(wanted.document, lots=(share,)))


@pytest.mark.parametrize("more", [{"units": "2"}, {"units": "1.000001"}, {"units": "1", "price": "6.26"}, {"units": "4", "lot": "L2"}])
def test_no_line_of_a_sale_is_credited_beyond_what_it_sold_in_units_or_in_money(store: SqlStore, story: Any, more: Any) -> None:
    story.fixed(store, takes(story, "R1"))

    with pytest.raises(IntegrityError, match="INV-03"):
        story.fixed(store, takes(story, "R2", **more))
    with pytest.raises(IntegrityError, match="INV-03"):
        story.fixed(store, takes(story, "R3", units="1"), takes(story, "R4", units="1"))


@pytest.mark.parametrize("more", [{"units": "1"}, {"lot": "L2"}, {"order": "SO-2"}, {"sold": None}])
def test_what_a_sale_has_left_is_credited(store: SqlStore, story: Any, more: Any) -> None:
    story.fixed(store, takes(story, "R1"))

    story.fixed(store, takes(story, "R2", **more))

    with store.begin() as tx:
        assert len(tx.postings("acme", ["R1", "R2"])) == 2


def test_what_the_erp_refused_takes_nothing_and_is_not_sent_again_once_another_took_it(
    store: SqlStore, story: Any, refused: Refused,
) -> None:
    story.fixed(store, takes(story, "R1"))
    with store.begin() as tx:
        tx.set_state(takes(story, "R1").key, PostingState.REJECTED, at=story.noon)
    story.fixed(store, takes(story, "R2"))

    assert "INV-03" in refused("UPDATE postings SET state = 'unconfirmed' WHERE state = 'rejected'")


@pytest.mark.parametrize(("line_id", "code", "kept"), [
    ("1", "QUANTITY_ABOVE_SOLD", True), ("1", "TAX_DIFFERS", False), ("2", "QUANTITY_ABOVE_SOLD", False)])
def test_two_people_may_credit_more_of_one_line(store: SqlStore, story: Any, line_id: str, code: str, kept: bool) -> None:  # noqa: FBT001
    story.fixed(store, takes(story, "R1"))
    with store.begin() as tx:
        tx.add_facts("acme", [Decided(return_ref="R2", at=story.noon, decision=Decision.WAIVE, line_id=line_id, code=code, actor="ann",
                                      approver="bob", reason="agreed")])

    if kept:
        story.fixed(store, takes(story, "R2"))
    else:
        with pytest.raises(IntegrityError, match="INV-03"):
            story.fixed(store, takes(story, "R2"))


@pytest.mark.parametrize(("table", "columns", "values"), [
    ("touched", "tenant, return_ref, counter", "'acme', 'R9', 1"), ("memories", "tenant, name, body", "'acme', 'sweep', '{}'"),
    ("cases", "tenant, ref, legal_entity, stage, customer, currency, net, revision", "'acme', 'R9', 'gb', '', '', 'GBP', '0', 1"),
    ("windows", "key, tenant, legal_entity, period, number, closed_at, returns, controls, ledger",
     "'W1', 'acme', 'gb', '2011-03', 1, '2011-03-01T12:00:00+00:00', 1, '{}', '{}'"),
    ("imports", "tenant, sha256, name, at, rows", "'acme', 'h', 'a.csv', '2011-03-01T12:00:00+00:00', 1"),
    ("trail", "tenant, sequence, at, actor, subject, action, detail, previous, hash", "'acme', 1, '', '', '', '', '', '', ''"),
    ("trail_heads", "tenant, sequence, hash", "'acme', 1, ''"), ("leases", "tenant, legal_entity, token, holder", "'acme', 'gb', 1, ''"),
    ("profiles", "tenant, version, sha256, text, at", "'acme', 'v1', 'h', '', '2011-03-01T12:00:00+00:00'"),
    ("sellable", "tenant, version, places, dispositions, conditions", "'acme', 'm1', '[]', '[]', '[]'"),
])
def test_what_there_is_one_of_is_never_kept_twice(store: SqlStore, refused: Refused, table: str, columns: str, values: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))

    assert "UNIQUE" in refused(f"INSERT INTO {table} ({columns}) VALUES ({values})").upper()


def test_every_guard_and_every_unique_index_is_named_for_the_check() -> None:
    assert {"leases_grow", "attempts_fenced", "postings_unsellable", "postings_born_capped"} <= GUARDS
    assert {"postings_sending", "postings_fixed", "trail_stay", "facts_stay", "attempts_complete"} <= GUARDS
    assert {"attempts_open", "deliveries_identity", "facts_identity", "exceptions_open"} <= UNIQUE
