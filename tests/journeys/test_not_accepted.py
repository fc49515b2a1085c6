"""What becomes of goods that are not accepted is said by people, and the customer is told by it; money takes two of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from re import findall
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql.store import SqlStore
from backhaul.application import approvals, casework, conclude
from backhaul.application.effects import EFFECTS
from backhaul.domain.access import Scope
from backhaul.domain.disposition import Outcome
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Concluded, Decision
from backhaul.domain.proposal import Proposal, ProposalKind
from backhaul.domain.rules import Close, Window
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app, serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import TENANT, World, life, line, open_world
from tests.journeys.test_batch_approval import At
from tests.journeys.test_kinds_goods_late import SCRAP, A, credited, invoices, regrade, tea
from tests.journeys.test_kinds_goods_parts import gained, money, stock


@pytest.fixture
def daily(erp: str, tmp_path: Path) -> Iterator[World]:
    world = open_world(erp, f"sqlite:///{tmp_path / 'backhaul.sqlite'}", window=Window(close=Close.DAILY))
    rules = world.house.profiles[TENANT].rules
    lost = next(row for row in rules.mapping if row.when.disposition == "LOST" and row.outcome is Outcome.WITHOUT_GOODS)
    goodwill = replace(lost, when=replace(lost.when, disposition="GOODWILL"))
    world.change_rules(debit_item="SVC-MANUAL", mapping=(*rules.mapping, goodwill))
    yield world
    world.house.close()


def refuse_one(world: World, *, evenings: int = 3) -> dict[str, int]:
    """Let one of two units be rejected at inspection; give what stood where before."""
    before = stock(world)
    world.tell(*life("R-1", [tea((A, 1), (("C", "BACK"), 1, True))], at=world.at))
    world.pass_evenings(evenings, turns=2)
    return before


def sentence(world: World) -> str:
    """Give what the customer of the return can be told."""
    (told,) = casework.not_credited(world.house.store, world.house.profiles[TENANT].rules, Scope.whole(TENANT), ["R-1"], world.at)
    return told.answer.sentence


def content(world: World, outcome: str, **more: str) -> dict[str, Any]:
    with world.house.store.look() as tx:
        return conclude.content_of(tx, TENANT, "R-1", outcome=outcome, **more)


def say(world: World, outcome: str, *, approver: str = "", reason: str = "worn", **more: str) -> None:
    conclude.conclude(world.house.store, world.house.profiles[TENANT].rules, content(world, outcome, **more), actor="ada",
                      approver=approver, reason=reason, now=world.at)


def proposed(world: World) -> list[Proposal]:
    with world.house.store.look() as tx:
        return list(tx.proposals(Scope.whole(TENANT), kinds={ProposalKind.OUTCOME}))


def test_one_person_says_that_it_goes_back_and_the_customer_is_told_why(daily: World) -> None:
    before = refuse_one(daily)
    nobody_said = sentence(daily)

    say(daily, "sent-back")
    daily.pass_evenings(2, turns=2)

    assert nobody_said == "We could not accept 1 x TEA; we will tell you what becomes of it."
    assert sentence(daily) == "We could not accept 1 x TEA: worn; it is on its way back to you."
    assert (money(daily), gained(daily, before)) == ([("TEA", 1, "4.25")], {"TEA GB-DC-01 SALE": 1})
    with pytest.raises(NeedsOperator, match="say where that can be seen"):
        say(daily, "kept")


def test_goodwill_takes_two_people_credits_once_and_never_makes_stock_of_what_was_rejected(daily: World) -> None:
    before = refuse_one(daily)

    with pytest.raises(NeedsOperator, match="somebody other than 'ada'"):
        say(daily, "goodwill", approver="Ada")
    say(daily, "goodwill", approver="ben", reason="a loyal customer")
    daily.pass_evenings(4, turns=2)

    assert sorted(money(daily)) == [("TEA", 1, "4.25"), ("TEA", 1, "4.25")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}, "the credited unit is no stock"
    assert daily.placed() == {"credited_restocked": Decimal("-4.25"), "credited_without_goods": Decimal("-4.25")}
    assert (daily.state("R-1"), daily.exceptions()) == ("settled", {})
    assert sentence(daily) == ("We could not accept 1 x TEA: a loyal customer; we credit it to you all the same, as a gesture of goodwill.")
    with pytest.raises(NeedsOperator, match="nothing that is not accepted"):
        say(daily, "goodwill", approver="ben")


def test_what_the_carrier_answers_for_waits_where_nobody_mapped_how_it_is_credited(daily: World) -> None:
    refuse_one(daily)

    say(daily, "carrier-claim", approver="ben")
    daily.pass_evenings(2, turns=2)

    assert daily.exceptions() == {"UNMAPPED_DISPOSITION": 1}
    assert money(daily) == [("TEA", 1, "4.25")]


def test_what_is_rejected_after_its_credit_goes_back_by_a_debit_that_two_people_agree_on(daily: World) -> None:
    before = credited(daily, (A, 2))
    regrade(daily, tea((A, 1), (SCRAP, 1, True)))
    daily.pass_evenings(2, turns=2)

    say(daily, "sent-back", approver="ben")
    daily.pass_evenings(5, turns=2)

    assert [amount for _, amount, _ in invoices(daily)] == [Decimal("4.25")]
    assert gained(daily, before) == {"TEA GB-DC-01 SALE": 1}
    assert daily.placed() == {"credited_restocked": Decimal("-4.25"), "rejected": Decimal("-4.25")}
    assert sentence(daily) == "We could not accept 1 x TEA: worn; it is on its way back to you."
    with pytest.raises(NeedsOperator, match="say of which line"):
        say(daily, "goodwill", approver="ben")


def test_customer_service_handles_a_rejected_return_in_the_console(daily: World) -> None:
    daily.tell(*life("R-2", [line("NOSUCH", 1, "4.25", received=1, grades=[("A", "RESELL", 1, True)])], at=daily.at))
    refuse_one(daily)
    employ(daily.house.store, TENANT, datetime.now(UTC))
    with serve(create_app(daily.house, sign_in=SIGN_IN, clock=At(daily.at))) as server:
        oskar, anton = Browser(server.base_url), Browser(server.base_url)
        oskar.enter("Oskar Operator", PASSPHRASE)
        anton.enter("Anton Approver", PASSPHRASE)
        page, held = oskar.get("/returns/R-1"), oskar.get("/returns/R-2")
        told = oskar.post("/returns-outcome", **form(oskar, page, "sent-back", reason="worn", evidence="picture 7"))
        asked = oskar.post("/returns-outcome", **form(oskar, held, "kept", reason="not sold by us", evidence="her mail of 4 December"))
        where = asked.headers["location"].split("?")[0]
        approval = anton.get(where)
        yes = anton.post(f"{where}/approve", **anton.fill(approval))
        daily.pass_evenings(1, turns=2)
        after, waiting = oskar.get("/returns/R-1"), oskar.get("/waiting?who=R-1")
        other = oskar.get("/waiting?who=R-2")
        strange = oskar.post("/returns-outcome", **oskar.fill(page, which="no choice", reason="x"))
        nobodys = oskar.post("/returns-outcome", **(form(oskar, page, "sent-back", reason="x") | {"ref": "R-9"}))

    assert page.text.count("Somebody else approves it.") == 2, "goodwill and the carrier's claim"
    assert (told.status_code, asked.status_code, yes.status_code, strange.status_code, nobodys.status_code) == (303, 303, 303, 409, 404)
    assert "We keep the goods with the customer&#39;s consent" in approval.text
    assert "it is on its way back to you" in waiting.text
    assert "we keep it, as you agreed" in other.text
    assert "Evidence: picture 7" in after.text
    assert "Somebody said what becomes of goods that are not accepted: sent back" in after.text
    assert daily.state("R-2") == "closed"


def form(browser: Browser, page: Any, outcome: str, **told: str) -> dict[str, str]:
    """Fill in the form of a return's page, by the choice that names this outcome."""
    (which,) = [unescape(name) for name in findall(r'<option value="([^"]+)"', page.text) if f'"{outcome}"' in unescape(name)]
    return browser.fill(page, which=which, **told)


def test_an_outcome_that_moves_money_is_approved_as_it_was_shown_and_not_after_the_line_changed(daily: World) -> None:
    refuse_one(daily)
    rules = daily.house.profiles[TENANT].rules
    asked = approvals.propose(daily.house.store, EFFECTS, rules, ProposalKind.OUTCOME, content(daily, "goodwill"), proposer="ada",
                              reason="loyal", now=daily.at)

    regrade(daily, tea((A, 2)))
    daily.pass_evenings(4, turns=2)
    with pytest.raises(NeedsOperator, match="does not stand as it did"):
        approvals.approve(daily.house.store, EFFECTS, rules, asked.id, shown=asked.sha256, approver="ben", now=daily.at)

    assert [each.id for each in proposed(daily)] == [asked.id]
    assert (asked.money.amount, asked.money.currency) == (Decimal("-4.25"), "GBP")
    assert sum(units for _, units, _ in money(daily)) == 2


def test_either_database_keeps_what_one_person_says_and_no_approval_of_their_own(store: SqlStore) -> None:
    said = Concluded(return_ref="R-1", at=datetime(2011, 3, 1, tzinfo=UTC), line_id="TEA#1", outcome="sent-back", units=Decimal(1),
                     actor="ada", reason="worn")
    alone = replace(said, outcome="goodwill", decision=Decision.CREDIT, approver="Ada")

    with store.begin() as tx:
        tx.add_facts(TENANT, [said])
    with pytest.raises(IntegrityError, match="whoever decides"), store.begin() as tx:
        tx.add_facts(TENANT, [alone])

    with store.begin() as tx:
        assert tx.facts(TENANT, ["R-1"])["R-1"] == [said]
