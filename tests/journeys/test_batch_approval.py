"""A batch waits for somebody's approval; nothing of it leaves before, and what is sent back does not come again unchanged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import approvals, grouping
from backhaul.application.effects import EFFECTS
from backhaul.application.ports import KeptWindow, PostingState
from backhaul.application.process import judge
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.posting import PostingBatch
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Close, Limits, Window
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app, serve
from backhaul.testing.builders import accepted, arrived, case_of, line as announced, plan, rules
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, World, life, line, open_world

APPROVED = Window(close=Close.DAILY, approve=True)


@pytest.fixture
def world(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=APPROVED)
    yield world
    world.house.close()


def tea(world: World, ref: str, units: int = 2) -> None:
    world.tell(*life(ref, [line("TEA", units, "4.25", received=units, grades=[("A", "RESELL", units, True)])], at=world.at))


def waiting(world: World) -> list[Proposal]:
    with world.house.store.begin() as tx:
        return list(tx.proposals(Scope.whole(TENANT), kinds={ProposalKind.BATCH}))


def approve(world: World, proposal: Proposal, *, by: str = "finance lead") -> Proposal:
    return approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, proposal.id, shown=proposal.sha256,
                             approver=by, now=world.at)


def send_back(world: World, proposal: Proposal) -> Proposal:
    return approvals.refuse(world.house.store, EFFECTS, TENANT, proposal.id, actor="finance lead", reason="the price list is wrong",
                            now=world.at)


def test_nothing_of_a_batch_leaves_before_somebody_approved_it_and_then_all_of_it_does(world: World) -> None:
    tea(world, "R-1")
    tea(world, "R-2", 1)

    world.pass_days(4)
    (asked,) = waiting(world)
    before = world.credits, world.rows("ReturnOrderHeadersV2"), {row.state for row in world.postings()}
    approve(world, asked)
    world.pass_days(4)

    assert before == ([], [], {PostingState.READY})
    assert asked.proposer == "backhaul"
    assert (asked.money.amount, asked.money.currency) == (Decimal("-12.75"), "GBP")
    assert world.credits == [("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]
    assert (world.exceptions(), waiting(world)) == ({}, [])


def test_what_is_sent_back_is_held_with_the_reason_and_does_not_come_again_unchanged(world: World) -> None:
    tea(world, "R-1")
    tea(world, "R-2", 1)
    world.pass_days(2)
    (first,) = waiting(world)

    said = send_back(world, first)
    world.pass_days(3)
    held = world.open()

    assert "2 returns are held until they change or two people say what was done" in said.result
    assert [(row.case.kind, row.case.return_ref, row.case.owner) for row in held] == [
        ("BATCH_SENT_BACK", "R-1", "finance"), ("BATCH_SENT_BACK", "R-2", "finance")]
    assert held[0].case.findings[0].sentence.endswith(": the price list is wrong.")
    assert (waiting(world), world.rows("ReturnOrderHeadersV2")) == ([], [])


def test_what_was_sent_back_a_moment_ago_is_not_fixed_by_a_window_that_closes_before_it_is_looked_at(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    send_back(world, waiting(world)[0])
    desk = world.house.desk(TENANT, "gb01")

    fixed = judge(world.house.store, desk.erp, desk.rules, desk.entity, desk.route, ["R-1"], window="w2", period="2010-12", now=world.at)

    assert fixed == 0
    assert {row.state for row in world.postings()} <= {PostingState.WITHDRAWN, PostingState.HELD}


def waive_batch(world: World, batch: str) -> Proposal:
    """Have two people waive everything of a batch that was sent back, and the worker do it."""
    mine, rules = world.house.store, world.house.profiles[TENANT].rules
    planned = grouping.plan(mine, rules, kind="BATCH_SENT_BACK", legal_entity="gb01", currency="GBP", decision="waive", batch=batch)
    asked = approvals.propose(mine, EFFECTS, rules, ProposalKind.GROUP, planned.content, proposer="clerk",
                              reason="the price list is corrected in the ERP", now=world.at)
    done = approve(world, asked)
    grouping.run(mine, rules, world.at)
    return done


def test_once_two_people_said_what_was_done_it_travels_with_a_later_batch_and_is_credited_once(world: World) -> None:
    tea(world, "R-1")
    tea(world, "R-2", 1)
    world.pass_days(2)
    (first,) = waiting(world)
    send_back(world, first)
    world.pass_days(1)

    said = waive_batch(world, first.subject)
    world.pass_days(2)
    (second,) = waiting(world)
    approve(world, second)
    world.pass_days(4)

    assert (said.result, world.exceptions()) == ("2 exceptions will be decided", {})
    assert second.subject != first.subject
    assert world.credits == [("TEA", Decimal(1), Decimal("4.25")), ("TEA", Decimal(2), Decimal("8.50"))]
    assert {row.window for row in world.postings() if row.state is PostingState.VERIFIED} == {second.subject}


def test_what_is_sent_back_once_more_waits_once_more_whatever_was_waived_before(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    (first,) = waiting(world)
    send_back(world, first)
    world.pass_days(1)
    waive_batch(world, first.subject)
    world.pass_days(2)

    (second,) = waiting(world)
    send_back(world, second)
    world.pass_days(3)
    (held,) = world.open()

    assert waiting(world) == []
    assert {finding.hint for finding in held.case.findings} == {first.subject, second.subject}
    with pytest.raises(NeedsOperator, match="not what was planned"):
        waive_batch(world, "another batch")


def test_what_changed_since_it_was_sent_back_is_in_the_next_batch_as_it_is_now(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    send_back(world, waiting(world)[0])

    world.tell(life("R-1", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 1, True), ("C", "BACK", 1, False)])],
                    at=world.at)[-1] | {"eventId": "regraded", "sequence": 9})
    world.pass_days(2)
    approve(world, waiting(world)[0])
    world.pass_days(4)

    assert world.credits == [("TEA", Decimal(1), Decimal("4.25"))]


def test_a_batch_above_the_limit_of_two_needs_two_and_no_day_s_limit_counts_for_nobody(world: World) -> None:
    world.change_rules(limits=Limits(second=Decimal(5), operator_day=Decimal(1)))
    tea(world, "R-1")
    world.pass_days(2)
    (asked,) = waiting(world)

    approve(world, asked)
    world.pass_days(1)
    half = world.rows("ReturnOrderHeadersV2")
    with pytest.raises(NeedsOperator, match="somebody other than 'backhaul'"):
        approve(world, asked, by="backhaul")
    approve(world, asked, by="head of finance")
    world.pass_days(4)

    assert (asked.needed, half) == (2, [])
    assert len(world.credits) == 1


def test_an_offer_nobody_answered_is_made_again(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    (first,) = waiting(world)

    world.pass_days(31)
    with world.house.store.begin() as tx:
        approvals.expire(tx, TENANT, world.at)
    world.pass_days(1)

    assert [each.subject for each in waiting(world)] == [first.subject]
    assert waiting(world)[0].id != first.id
    assert world.credits == []


def test_either_database_tries_nothing_of_a_batch_without_approval(store: SqlStore) -> None:
    postings = plan(case_of(*arrived(announced(), grades=[accepted()]))).postings
    order = postings[0]
    moment = datetime(2011, 3, 1, 12, tzinfo=UTC)

    def attempt() -> None:
        with store.begin() as tx:
            tx.start(PostingBatch(key="ZZB1", tenant=order.key.tenant, legal_entity=order.key.legal_entity, kind=order.key.kind,
                                  period="2011-03", postings=(order,), basis={}), at=moment)

    with store.begin() as tx:
        tx.keep_sellable(order.key.tenant, "v1", rules().sellability)
        tx.fix(order, mapping_version="v1", window="w", at=moment)
        tx.close_window(KeptWindow(key="w", tenant=order.key.tenant, legal_entity=order.key.legal_entity, period="2011-03", number=1,
                                   closed_at=moment, returns=1, needs_approval=True))
    with pytest.raises(IntegrityError, match="waits for an approval"):
        attempt()
    with store.begin() as tx:
        assert tx.unapproved(order.key.tenant, order.key.legal_entity) == {"w"}
    asked = approvals.propose(store, EFFECTS, rules(), ProposalKind.BATCH, {"batch": "w"}, proposer="backhaul", reason="closed", now=moment)
    approvals.approve(store, EFFECTS, rules(), asked.id, shown=asked.sha256, approver="ann", now=moment + timedelta(hours=1))

    attempt()

    with store.begin() as tx:
        assert tx.unapproved(order.key.tenant, order.key.legal_entity) == frozenset()


def test_a_finance_lead_sees_what_waits_and_approves_it_in_the_console(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    employ(world.house.store, TENANT, datetime.now(UTC))
    (asked,) = waiting(world)
    with serve(create_app(world.house, sign_in=SIGN_IN, clock=At(world.at))) as server:
        anton, fiona = Browser(server.base_url), Browser(server.base_url)
        anton.enter("Anton Approver", PASSPHRASE)
        fiona.enter("Fiona Finance", PASSPHRASE)
        batches = fiona.get("/batches")
        one = fiona.get(f"/batches/{asked.subject.replace(':', '%3A')}")
        page = anton.get(f"/approvals/{asked.id}")
        yes = anton.post(f"/approvals/{asked.id}/approve", **anton.fill(page))
    world.pass_days(4)

    assert "waits for approval" in batches.text.lower()
    assert f"/approvals/{asked.id}" in one.text
    assert "8.50 GBP" in page.text
    assert yes.status_code == 303
    assert len(world.credits) == 1


def test_finance_decides_in_the_console_about_all_of_a_batch_that_was_sent_back(world: World) -> None:
    tea(world, "R-1")
    world.pass_days(2)
    employ(world.house.store, TENANT, datetime.now(UTC))
    (asked,) = waiting(world)
    with serve(create_app(world.house, sign_in=SIGN_IN, clock=At(world.at))) as server:
        anton, fiona = Browser(server.base_url), Browser(server.base_url)
        anton.enter("Anton Approver", PASSPHRASE)
        fiona.enter("Fiona Finance", PASSPHRASE)
        form = anton.fill(anton.get(f"/approvals/{asked.id}"), reason="wrong prices")
        no = anton.post(f"/approvals/{asked.id}/refuse", **{name: text for name, text in form.items() if name != "shown"})
        world.pass_days(1)
        listed = fiona.get("/exceptions?kind=BATCH_SENT_BACK")
        where = {"kind": "BATCH_SENT_BACK", "decision": "waive", "entity": "gb01", "currency": "GBP", "batch": asked.subject}
        plan = fiona.get(f"/causes?{urlencode(where)}")
        none = fiona.get(f"/causes?{urlencode(where | {'batch': 'another'})}")
        story = fiona.get("/returns/R-1")

    assert no.status_code == 303
    assert f'<option value="{asked.subject}">' in listed.text
    assert "wrong prices" in listed.text
    assert "exception 1" in plan.text
    assert f"<dd>{asked.subject}</dd>" in plan.text
    assert "Nothing is open of this cause" in none.text
    assert "Somebody sent its batch back" in story.text


class At:
    """A clock that stands where the world's does."""

    def __init__(self, at: Any) -> None:
        self.at = at

    def now(self) -> Any:
        return self.at
