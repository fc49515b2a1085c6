"""Do pages show what is so?"""

from dataclasses import replace
from typing import Any

from backhaul.adapters.sql import SqlStore, lists, views
from backhaul.application.ports import PostingState
from backhaul.domain.access import Scope
from backhaul.domain.posting import ErpDocument, PostingKind
from backhaul.testing import builders


def test_a_life_is_told_in_order_of_time(store: SqlStore, story: Any) -> None:
    posting = story.posting(PostingKind.RECEIPT)
    with store.begin() as tx:
        tx.keep([story.delivery(minutes=-2)])
        tx.digested(tx.undigested("acme", 1)[0], [story.fact(minutes=-3)])
        tx.save_case(story.case())
    with store.begin() as tx:
        tx.keep([story.delivery(minutes=9)])
        tx.open_exception(story.trouble(minutes=10))
        tx.close_exceptions("acme", "R1", apart_from=(), resolution="done", at=story.at(11), actor="ann")
    story.sending(store, posting)
    with store.begin() as tx:
        tx.finish(posting, "B1", outcome="posted", detail="RMA-1", at=story.at(2))
        tx.set_state(posting.key, PostingState.VERIFIED, document=ErpDocument(number="RMA-1"), at=story.at(2))

    with store.read() as connection:
        life = views.life(connection, Scope.whole("acme"), "R1")

    assert life.case == story.case()
    assert [kept.state for kept in life.postings] == [PostingState.VERIFIED]
    assert [(event.sort, event.title) for event in life.events if event.sort != "trail"] == [
        ("fact", "Progressed"), ("delivery", "webhook: digested"), ("posting", "receipt: verified"), ("attempt", "receipt: attempt 1"),
        ("attempt", "receipt: posted"), ("delivery", "webhook: duplicate"), ("exception", "SKU_UNKNOWN: opened"),
        ("exception", "SKU_UNKNOWN: closed")]
    assert [event.title for event in life.events if event.sort == "trail"] == [
        "case", "fix", "send", "posting", "open-exception", "close-exception"]
    assert [event.at for event in life.events] == sorted(event.at for event in life.events)


def test_an_unknown_return_has_no_life(store: SqlStore) -> None:
    with store.read() as connection:
        life = views.life(connection, Scope.whole("acme"), "R404")

    assert (life.case, life.postings, life.events) == (None, (), ())


def test_nothing_of_another_tenant_or_of_another_company_is_ever_seen(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery()])
        tx.digested(tx.undigested("acme", 1)[0], [story.fact("R1"), story.fact("R2")])
        tx.save_case(story.case("R1"))
        tx.save_case(story.case("R2", legal_entity="de"))
        tx.save_case(story.case("R3", legal_entity=""))
        for ref in ("R1", "R2", "R3"):
            tx.open_exception(story.trouble(ref=ref))
    german = Scope(tenant="acme", entities=frozenset({"de"}))

    with store.read() as connection:
        there = lists.reach(connection, german)
        seen = [case.ref for case in lists.returns(connection, there)]
        causes = lists.causes(connection, there, now=story.noon)
        lives = {ref: views.life(connection, german, ref) for ref in ("R1", "R2", "R3")}
        counts = lists.counted(connection, there)
        elsewhere = views.life(connection, Scope.whole("other"), "R1")
        nothing = lists.returns(connection, lists.reach(connection, Scope(tenant="acme", entities=frozenset())))

    assert seen == ["R2"]
    assert [cause.count for cause in causes] == [1]
    assert [bool(lives[ref].events or lives[ref].case) for ref in ("R1", "R2", "R3")] == [False, True, False]
    assert sum(counts.values()) == 1
    assert not elsewhere.events
    assert nothing == []


def test_a_return_is_found_by_whatever_its_customer_holds_and_by_nothing_that_only_looks_like_it(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.add_facts("acme", [
            replace(builders.announced(builders.line(order="Web 7%")), return_ref="R1"), story.fact("R1"),
            replace(story.fact("R2"), parcel="jd_1"), replace(story.fact("R2", minutes=1), parcel="jd_1"),
            replace(story.fact("R3"), parcel="x" * 129), replace(story.fact("R3", minutes=1), parcel="no\nne"),
            replace(story.fact("R404"), parcel="jd_1")])
        for ref in ("R1", "R2", "R3"):
            tx.save_case(story.case(ref, customer="C1" if ref == "R1" else "jd_1"))
    with store.begin() as tx:
        tx.plan("acme", "R3", [story.posting(ref="R3", order="SO-9")], held_lines=(), now=story.noon)

    asked = ("R1", "C1", "Web 7%", "jd_1", "SO-9", "r1", "c1", "web 7%", "JD_1", "jd%1", "%", "Web 7", "", "x" * 129)
    with store.read() as connection:
        found = {term: views.refs_about(connection, Scope.whole("acme"), term) for term in asked}
        first = views.refs_about(connection, Scope.whole("acme"), "jd_1", limit=1)
        theirs = views.refs_about(connection, Scope(tenant="acme", entities=frozenset({"de"})), "jd_1")
        elsewhere = views.refs_about(connection, Scope.whole("other"), "jd_1")
        everywhere = lists.search(connection, lists.Reach(tenant="acme", entities=("gb",)), "jd_1")

    assert {term: refs for term, refs in found.items() if refs} == {
        "R1": ("R1",), "C1": ("R1",), "Web 7%": ("R1",), "jd_1": ("R2", "R3"), "SO-9": ("R3",)}
    assert (first, theirs, elsewhere) == (("R2",), (), ())
    assert [(what, case.ref) for what, case in everywhere] == [("customer", "R2"), ("customer", "R3")]
