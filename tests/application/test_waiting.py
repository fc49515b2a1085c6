"""Is everybody who waits for a credit on one page, in the order that is shown, with the reason that holds now?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from backhaul.adapters.sql import SqlStore
from backhaul.application import approvals, casework, grouping, pausing
from backhaul.application.casework import Waiting
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptCase, PostingState
from backhaul.application.process import process
from backhaul.domain.access import Scope
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.facts import Announced, Fact, Progressed, Stage
from backhaul.domain.lifecycle import ReturnState
from backhaul.domain.money import Money
from backhaul.domain.posting import PostingKind
from backhaul.domain.proposal import ProposalKind
from backhaul.testing import builders

RULES = replace(builders.rules(), tenant="acme")
ENTITY = RULES.entities[0]
ALL = Scope.whole("acme")
NOW = builders.after(3)
TOLD = builders.arrived(builders.line(), grades=[builders.accepted()])
MADE = [PostingKind.ORDER, PostingKind.ORDER_LINE, PostingKind.RECEIPT]


def tell(store: SqlStore, *facts: Fact, ref: str = "R1", now: datetime = NOW) -> None:
    """Learn these facts about a return and take stock of it."""
    home = {"retailer": next(iter(ENTITY.retailers))}
    with store.begin() as tx:
        tx.add_facts("acme", [replace(fact, return_ref=ref, **(home if isinstance(fact, Announced) else {})) for fact in facts])
    process(store, RULES, {ENTITY.id: builders.ROUTE}, now)


def since(store: SqlStore, ref: str = "R1") -> datetime | None:
    with store.look() as tx:
        return tx.cases("acme", [ref])[ref].waits_since


def turned(store: SqlStore, limit: int, now: datetime = NOW) -> list[list[Waiting]]:
    """Turn pages to the end."""
    pages, after = [], None
    while True:
        found, after = casework.waiting(store, RULES, ALL, now, after=after, limit=limit)
        pages.append(found)
        if after is None:
            return pages


def answered(store: SqlStore, now: datetime = NOW) -> Waiting:
    [[found]] = turned(store, 50, now)
    return found


def moved(store: SqlStore, state: PostingState, *, made: list[PostingKind], ref: str = "R1") -> None:
    """Move what is planned of a return: these kinds are read back, the rest is so far."""
    with store.begin() as tx:
        tx.keep_sellable("acme", "m1", RULES.sellability)
        kept = tx.postings("acme", [ref])[ref]
        for row in kept:
            tx.fix(row.posting, mapping_version="m1", window="W1", at=NOW)
    with store.begin() as tx:
        for row in kept:
            done = row.posting.key.kind in made
            tx.set_state(row.posting.key, PostingState.VERIFIED if done else state, at=NOW,
                         document=builders.recorded(row.posting) if done else None)


# --- who is listed ---------------------------------------------------------------------------------------------------


def test_somebody_waits_from_the_announcement_until_their_credit_is_read_back(store: SqlStore) -> None:
    began = TOLD[0].at
    tell(store, TOLD[0])
    announced = since(store)
    tell(store, *TOLD[1:])
    planned = since(store)
    moved(store, PostingState.VERIFIED, made=list(PostingKind))
    with store.begin() as tx:
        tx.touch("acme", ["R1"])
    process(store, RULES, {ENTITY.id: builders.ROUTE}, NOW)

    assert (announced, planned, since(store)) == (began, began, None)
    assert turned(store, 50) == [[]]


def test_what_is_held_waits_since_it_was_announced_and_not_since_somebody_found_the_trouble(store: SqlStore) -> None:
    tell(store, builders.announced(builders.line("NOBODY'S")), now=NOW)
    with store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="R1", line_id="", money=Money(amount=Decimal(10), currency="GBP"), teams={}, now=NOW,
            findings=(Finding(code="SKU_UNKNOWN", sentence="?"),)))

    found = answered(store)

    assert found.answer.owner == "integration"
    assert found.answer.since == TOLD[0].at < NOW


def test_goods_that_nobody_announced_wait_since_they_were_first_heard_of(store: SqlStore) -> None:
    came = Progressed(return_ref="R1", at=NOW - timedelta(hours=5), stage=Stage.ARRIVED)

    tell(store, came)

    assert since(store) == came.at
    assert answered(store).answer.since == came.at


def test_what_cannot_be_read_at_all_waits_since_somebody_had_to_look(store: SqlStore) -> None:
    tell(store, builders.unreadable())
    first = since(store)
    tell(store, builders.unreadable("again"), now=NOW + timedelta(days=1))

    assert (first, since(store)) == (NOW, NOW)


def test_whoever_waits_is_shown_with_the_order_and_the_parcel_they_may_name(store: SqlStore) -> None:
    tell(store, *TOLD, replace(builders.reached(Stage.SCANNED, builders.after(1)), parcel="JD1"))

    found = answered(store)

    assert (list(found.orders), list(found.parcels)) == (["SO-1"], ["JD1"])


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
def test_who_waited_longest_comes_first_on_every_page_and_no_page_is_empty_above_another(store: SqlStore, limit: int) -> None:
    for number in (4, 0, 6, 2):
        tell(store, replace(TOLD[0], at=TOLD[0].at + timedelta(hours=number // 4)), ref=f"R{number}")
    with store.begin() as tx:
        for number in (1, 3, 5, 7, 8, 9):  # nobody has looked at these since nothing of them waits any more
            tx.save_case(KeptCase(tenant="acme", ref=f"R{number}", legal_entity=ENTITY.id, state=ReturnState.WAITING, updated_at=NOW,
                                  waits_since=TOLD[0].at + timedelta(hours=number // 4)))

    pages = turned(store, limit)

    assert [each.ref for page in pages for each in page] == ["R0", "R2", "R4", "R6"]
    assert [len(page) for page in pages] == [limit] * (4 // limit) + [4 % limit] * (4 % limit > 0)
    shown = [(each.answer.since, each.ref) for page in pages for each in page]
    assert shown == sorted(shown, key=str)
    assert [each.ref for each in casework.not_credited(store, RULES, ALL, ["R6", "R0", "R4"], NOW)] == ["R0", "R4", "R6"]


def test_nobody_of_another_company_is_listed(store: SqlStore) -> None:
    tell(store, *TOLD)

    assert casework.waiting(store, RULES, Scope(tenant="acme", entities=frozenset({"elsewhere"})), NOW, limit=9) == ([], None)
    assert casework.waiting(store, RULES, Scope.whole("other"), NOW, limit=9) == ([], None)


# --- why -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "made", "says"), [
    (PostingState.READY, [], "The credit is on its way to the ERP"),
    (PostingState.UNCONFIRMED, [PostingKind.ORDER], "The credit is on its way to the ERP"),
    (PostingState.PENDING, MADE[:2], "what is left is done there"),
    (PostingState.POSTED, MADE, "The credit is on its way to the ERP"),
    (PostingState.AWAITED, MADE, "what is left is done there"),
])
def test_a_credit_that_is_sent_says_how_far_it_is(store: SqlStore, state: PostingState, made: list[PostingKind], says: str) -> None:
    tell(store, *TOLD)
    before = answered(store)
    moved(store, state, made=made)

    assert before.answer.reason == "The goods were graded; the credit leaves with the next batch."
    assert says in answered(store).answer.reason


@pytest.mark.parametrize("where", ["", ENTITY.id])
def test_a_pause_is_the_reason_while_something_of_the_credit_could_still_be_sent(store: SqlStore, where: str) -> None:
    tell(store, *TOLD)
    pausing.pause(store, RULES, where, actor="person 1", reason="wrong accounts", now=NOW)
    planned = answered(store).answer
    moved(store, PostingState.AWAITED, made=MADE)

    assert "while posting is paused" in planned.reason
    assert "as soon as our books go on" in planned.sentence
    assert "paused" not in answered(store).answer.reason


def test_a_pause_elsewhere_or_before_anything_is_to_be_credited_is_no_reason(store: SqlStore) -> None:
    tell(store, TOLD[0])
    pausing.pause(store, RULES, ENTITY.id, actor="person 1", reason="wrong accounts", now=NOW)

    assert answered(store).answer.reason == "The goods have not been sent yet."


@pytest.mark.parametrize("kind", [ProposalKind.WAIVE, ProposalKind.GROUP])
def test_a_decision_that_waits_for_a_second_person_is_the_reason_until_they_have_spoken(store: SqlStore, kind: ProposalKind) -> None:
    tell(store, *TOLD)
    with store.begin() as tx:
        number = tx.open_exception(ExceptionCase.about(
            tenant="acme", return_ref="R1", line_id="MUG#1", money=Money(amount=Decimal(10), currency="GBP"), teams={}, now=NOW,
            findings=(Finding(code="PRICE_ABOVE_SOLD", sentence="?", line_id="MUG#1"),)))
    before = answered(store).answer.reason
    about = grouping.plan(store, RULES, kind="PRICE_ABOVE_SOLD", legal_entity=ENTITY.id, currency="GBP", decision="waive").content
    content = about if kind is ProposalKind.GROUP else {"exception": number}
    proposed = approvals.propose(store, EFFECTS, RULES, kind, content, proposer="person 1", reason="agreed", now=NOW)
    meanwhile = answered(store).answer
    approvals.refuse(store, EFFECTS, "acme", proposed.id, actor="person 2", reason="no", now=NOW)

    assert before == answered(store).answer.reason == "The credit price is above the price of the sale. Finance decides."
    assert meanwhile.reason == "The credit price is above the price of the sale. A decision was proposed and waits for approval."
    assert meanwhile.owner == "finance"
