"""Does what is kept end by its term, with two people, never under a legal hold, and is everything proved that was proved before?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from backhaul.application import approvals, legal_hold, privacy, receive
from backhaul.application.effects import EFFECTS
from backhaul.application.lease import held
from backhaul.domain.access import Scope
from backhaul.domain.delivery import Delivery
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.exception_case import ExceptionCase, Finding
from backhaul.domain.money import Money
from backhaul.domain.proposal import SYSTEM, Proposal, ProposalKind, ProposalState
from backhaul.domain.retention import REST, Kept, Terms
from backhaul.domain.returns import NOTHING
from backhaul.domain.trail import first_break
from backhaul.entrypoints import months, packing, retaining, worker
from backhaul.entrypoints.demo.team import employ
from backhaul.entrypoints.web.app import create_app
from backhaul.entrypoints.web.serving import serve
from tests.entrypoints.visiting import PASSPHRASE, SIGN_IN, Browser
from tests.journeys.stage import DAILY, MORNING, TENANT, World, life, line, open_world

ANNE, BERT = "10001", "10002"
TERMS = Terms(by_class={Kept.CUSTOMERS: timedelta(days=1095), Kept.EXTRACTS: timedelta(days=2192), Kept.PACKS: timedelta(days=2192)})


@pytest.fixture
def world(erp: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a December in which two customers were credited, under terms of three and of six years."""
    postgres = getattr(request, "param", "") == "postgresql"
    made = open_world(erp, request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'backhaul.sqlite'}",
                      window=DAILY)
    made.house.settings = replace(made.house.settings, state_dir=tmp_path)
    made.house.profiles = {TENANT: replace(made.house.profiles[TENANT], terms=TERMS)}
    made.tell(*life("C910001", [line("TEA", 2, "4.25", received=2, grades=[("A", "RESELL", 2, True)])], at=MORNING, customer=ANNE),
              *life("C910002", [line("POT", 1, "12.50", order="500002", received=1, grades=[("A", "RESELL", 1, True)])], at=MORNING,
                    customer=BERT))
    made.pass_evenings(6)
    yield made
    made.house.close()


def in_december(world: World, year: int) -> dict[str, Any]:
    """Let it be the twentieth of a year's December, and give what its turn came to."""
    world.at = datetime.combine(date(year, 12, 20), time(10), tzinfo=UTC)
    return dict(retaining.retain_when_due(world.house, TENANT, world.at))


def waiting(world: World) -> list[Proposal]:
    with world.house.store.look() as tx:
        return list(tx.proposals(Scope.whole(TENANT), kinds={ProposalKind.ERASE}))


def approve(world: World, proposal: Proposal, *people: str) -> Proposal:
    for person in people:
        proposal = approvals.approve(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, proposal.id, shown=proposal.sha256,
                                     approver=person, now=world.at)
    return proposal


def hold(world: World, account: str) -> int:
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    return legal_hold.place(store, rules, privacy.returns_of(store, rules, account), actor="ann", reason=f"a court asked about {account}",
                            now=world.at)


def release(world: World, number: int) -> None:
    asked = approvals.propose(world.house.store, EFFECTS, world.house.profiles[TENANT].rules, ProposalKind.RELEASE, {"hold": number},
                              proposer="ann", reason="the court is done", now=world.at)
    approve(world, asked, "bob")


def told(world: World, day: date | None = None) -> dict[str, Any]:
    return dict(retaining.report(world.house.store, world.house.profiles[TENANT], world.house.state_dir, day or world.at.date()))


def customers(world: World) -> dict[str, str]:
    with world.house.store.look() as tx:
        return {ref: case.customer for ref, case in tx.cases(TENANT, ["C910001", "C910002", "C910005"]).items()}


def proved(world: World) -> tuple[Any, ...]:
    """Prove December 2010 as of today; give its figures, and what it relies on."""
    with months.prove_month(world.house, TENANT, "2010-12", world.at.date(), now=world.at) as (proof, _, _):
        return ((proof.lines, proof.proved, proof.broken, proof.orphans, proof.by_class, proof.credit_difference, proof.ledger_difference),
                proof.relied_on)


def files(world: World, kept: Kept) -> list[str]:
    return [path.name for path in (world.house.state_dir / kept.value).rglob("*") if path.is_file()]


def documents(world: World) -> list[tuple[Any, ...]]:
    return sorted((str(row.posting.key), row.state.value, row.posting.net, row.document and row.document.number)
                  for row in world.postings())


def removed(world: World) -> int:
    """Count the files of which the trail says that they went, each with its hash; its chain holds."""
    with world.house.store.look() as tx:
        trail = list(tx.trail(TENANT))
    assert first_break(trail) is None
    gone = {name: sha256 for entry in trail if entry.action == retaining.GONE for name, sha256 in entry.detail["files"].items()}
    assert all(len(sha256) == 64 for sha256 in gone.values())
    return len(gone)


def test_in_ten_years_what_is_due_goes_by_two_people_what_is_held_stays_and_the_books_are_what_they_were(world: World) -> None:
    figures, _ = proved(world)
    packing.archive(world.house.store, world.house.profiles[TENANT].rules, "2010-12", state_dir=world.house.state_dir, actor="ann",
                    now=world.at)
    kept = hold(world, BERT)
    assert in_december(world, 2011) == {"proposal": None, "files": 0}

    in_december(world, 2012)
    world.control("clock", {"now": world.at.isoformat()})
    world.tell(*life("C910005", [line("CUP", 1, "2.95", received=1, grades=[("A", "RESELL", 1, True)])], at=world.at, customer=ANNE))
    world.pass_evenings(6)
    postings = documents(world)
    assert world.state("C910005") in {"settled", "closed"}

    assert in_december(world, 2013)["proposal"] is None  # Bert's term is over and he is held; Anne came back a year ago
    assert told(world)["classes"]["customers"]["under_hold"] == ["C910002"]
    foreseen = told(world, date(2015, 12, 28))["classes"]["customers"]["would_be_proposed"]
    assert [in_december(world, year)["proposal"] for year in (2014, 2015)] == [None, None]
    world.at += timedelta(days=8)
    came_to = retaining.retain_when_due(world.house, TENANT, world.at)
    [proposal] = waiting(world)
    assert (proposal.id, proposal.proposer, proposal.needed) == (came_to["proposal"], SYSTEM, 2)
    assert proposal.content["returns"] == foreseen == ["C910001", "C910005"]
    assert approve(world, proposal, "bob").state is ProposalState.OPEN
    done = approve(world, proposal, "fay")
    assert [retaining.retain_when_due(world.house, TENANT, world.at) for _ in "12"] == [{"proposal": None, "files": 0}, {}]  # at once, once
    assert customers(world) == {"C910001": f"erased-{done.id}", "C910005": f"erased-{done.id}", "C910002": BERT}

    assert in_december(world, 2016) == {"proposal": None, "files": 0}
    assert in_december(world, 2017) == {"proposal": None, "files": 0}  # the term of the files is over, and a hold stands
    assert {month["period"] for month in told(world)["classes"]["extracts"]["months"]} == {"2010-12"}
    world.at = datetime(2018, 12, 19, 10, tzinfo=UTC)
    release(world, kept)
    with months.turn_of(replace(world.house, worker="another"), TENANT, "2010-12", world.at):
        assert retaining.retain(world.house, TENANT, world.at)["files"] == 0  # somebody proves that month just now
    (world.house.state_dir / "extracts" / TENANT / "notes").mkdir()
    went = in_december(world, 2018)
    assert went["files"] > 0
    assert files(world, Kept.EXTRACTS) == files(world, Kept.PACKS) == []
    approve(world, waiting(world)[0], "bob", "fay")
    assert customers(world)["C910002"].startswith("erased-")
    assert in_december(world, 2019) == in_december(world, 2020) == {"proposal": None, "files": 0}

    assert documents(world) == postings
    assert removed(world) == went["files"]
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    assert privacy.export(store, rules, "C910001")["returns"] == ["C910001"]  # a name that is nobody's leads to nobody else
    with pytest.raises(NeedsOperator, match="whoever returned C910001 is erased already"):
        legal_hold.place(store, rules, ["C910001"], actor="ann", reason="too late", now=world.at)
    again, relied_on = proved(world)
    assert again == proved(world)[0] == figures
    assert "extracts of runs before 2018-12-20 went by their term" in relied_on
    with store.read() as connection:
        left = " ".join(str(row) for row in connection.execute(text("SELECT reason FROM holds UNION SELECT text FROM words")))
    assert BERT not in left


@pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)
def test_what_people_refused_rests_and_whoever_is_held_since_is_left_out_of_the_next_proposal(world: World) -> None:
    in_december(world, 2014)
    [first] = waiting(world)
    assert first.content["returns"] == ["C910001", "C910002"]
    approvals.refuse(world.house.store, EFFECTS, TENANT, first.id, actor="bob", reason="there is a dispute", now=world.at)
    world.at += timedelta(days=1)
    assert retaining.retain_when_due(world.house, TENANT, world.at)["proposal"] is None
    assert told(world)["classes"]["customers"]["asked_already"] == ["C910001", "C910002"]
    assert told(world, world.at.date() + REST)["classes"]["customers"]["would_be_proposed"] == ["C910001", "C910002"]

    hold(world, BERT)
    world.at += timedelta(days=1)
    retaining.retain_when_due(world.house, TENANT, world.at)
    [second] = waiting(world)
    assert second.content["returns"] == ["C910001"]
    assert retaining.retain_when_due(world.house, TENANT, world.at) == {}  # once a day

    hold(world, "C910001")
    with pytest.raises(NeedsOperator, match="whoever returned C910001 is under legal hold 2 since"):
        approve(world, second, "bob")
    world.at += timedelta(days=1)
    assert retaining.retain_when_due(world.house, TENANT, world.at)["proposal"] is None
    with world.house.store.look() as tx:
        assert tx.proposal(TENANT, second.id).state is ProposalState.WITHDRAWN  # type: ignore[union-attr]  # it was proposed
    assert waiting(world) == []


@pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)
def test_an_erasure_of_whoever_is_held_is_refused_by_a_sentence_and_by_the_database_and_one_alone_ends_no_hold(world: World) -> None:
    store, rules = world.house.store, world.house.profiles[TENANT].rules
    with pytest.raises(NeedsOperator, match="says who places it and why"):
        legal_hold.place(store, rules, ["C910002"], actor="ann", reason=" ", now=world.at)
    number = hold(world, "C910002")
    with pytest.raises(NeedsOperator, match=f"is under legal hold {number} since .* by ann; nobody is erased before two people"):
        approvals.propose(store, EFFECTS, rules, ProposalKind.ERASE, privacy.content_of(store, rules, ["C910002"]), proposer="ann",
                          reason="they asked", now=world.at)
    asked = approvals.propose(store, EFFECTS, rules, ProposalKind.ERASE, privacy.content_of(store, rules, ["C910001"]), proposer="ann",
                              reason="they asked", now=world.at)
    for statements, says in REFUSED:
        with store.engine.connect() as connection:
            for each in statements[:-1]:
                connection.execute(text(each), {"number": asked.id} if ":number" in each else {})
            with pytest.raises(IntegrityError, match=says):
                connection.execute(text(statements[-1]))
    ending = approvals.propose(store, EFFECTS, rules, ProposalKind.RELEASE, {"hold": number}, proposer="ann", reason="over", now=world.at)
    with pytest.raises(NeedsOperator, match="somebody other than 'ann'"):
        approve(world, ending, "ann")
    approve(world, ending, "bob")
    with pytest.raises(NeedsOperator, match="no legal hold 1 that stands"):
        release(world, number)
    assert told(world)["holds"] == []


def test_nobody_is_proposed_about_whom_something_is_to_decide_and_one_of_them_keeps_no_other_waiting(world: World) -> None:
    store = world.house.store
    with store.begin() as tx:
        tx.open_exception(ExceptionCase.about(
            tenant=TENANT, return_ref="C910001", line_id="TEA#1", money=Money(amount=NOTHING, currency="GBP"), now=world.at, teams={},
            findings=(Finding(code="TAX_DIFFERS", sentence="?"),)))
    assert told(world, date(2014, 12, 20))["classes"]["customers"]["would_be_proposed"] == ["C910002"]
    with store.begin() as tx:
        tx.close_exceptions(TENANT, "C910001", apart_from=(), resolution="done", at=world.at, actor="ann")
    with store.begin() as tx:  # a message nobody could read, of which only its bytes say that it is about Anne
        receive.keep(tx, [Delivery(tenant=TENANT, source="main", identity="x", body=b'{"about": "10001"', received_at=world.at)])
    worker.digest(world.house, TENANT, world.at)

    with held(store, TENANT, retaining.MEMORY, holder="another", now=datetime(2014, 12, 20, 10, tzinfo=UTC), lasting=timedelta(hours=1),
              elapsed=world.house.elapsed):
        assert "elsewhere" in in_december(world, 2014)
    in_december(world, 2014)
    [proposal] = waiting(world)
    assert proposal.content["returns"] == ["C910002"]

    with store.begin() as tx:
        receive.keep(tx, [Delivery(tenant=TENANT, source="main", identity="y", body=b'{"about": "10002"', received_at=world.at)])
    world.at += timedelta(days=1)
    retaining.retain_when_due(world.house, TENANT, world.at)
    [anew] = waiting(world)  # what was shown of Bert is not all any more
    assert anew.content["returns"] == ["C910002"]
    assert anew.content["looked_through"] > proposal.content["looked_through"]

    world.house.profiles = {TENANT: replace(world.house.profiles[TENANT], terms=Terms())}
    assert retaining.retain_when_due(world.house, TENANT, world.at) == {}
    assert retaining.retain(world.house, TENANT, world.at) == {"proposal": None, "files": 0}
    with store.look() as tx:
        taken_back = [tx.proposal(TENANT, number) for number in (proposal.id, anew.id)]
    assert [(each.state, each.result) for each in taken_back if each] == [
        (ProposalState.WITHDRAWN, "it is not what it was"), (ProposalState.WITHDRAWN, "there is no term any more")]


def test_the_page_of_administration_holds_somebody_and_the_page_of_a_return_says_so(world: World) -> None:
    employ(world.house.store, TENANT, world.at)
    with serve(create_app(world.house, sign_in=SIGN_IN)) as running:
        oskar = Browser(running.base_url)
        assert oskar.enter("Oskar Operator", PASSPHRASE).status_code == 303
        page = oskar.get("/administration")
        token = oskar.fill(page)["form_token"]
        placed = oskar.post("/administration/hold", form_token=token, subject=BERT, reason="counsel asked")
        shown, mine, other = (oskar.get(path).text for path in ("/administration", "/returns/C910002", "/returns/C910001"))
        asked = oskar.post("/administration/release", form_token=token, hold="1", reason="counsel is done")
        proposed = oskar.get(asked.headers["location"]).text
    assert "Nobody is under a legal hold." in page.text
    assert placed.headers["location"].startswith("/administration")
    assert "on whoever returned C910002" in shown
    assert "Under legal hold 1 since" in mine
    assert "counsel asked" in mine
    assert "legal hold" not in other
    assert asked.headers["location"].startswith("/approvals/")
    assert "End a legal hold" in proposed


REFUSED = (
    (("UPDATE proposals SET approver = 'bob', approved_at = proposed_at WHERE id = :number",
      ("INSERT INTO erasures (tenant, proposal, name, at, proof) SELECT tenant, id, 'erased-9', proposed_at, '' FROM proposals "
       "WHERE id = :number"), "INSERT INTO erased (erasure, tenant, return_ref) SELECT id, tenant, 'C910002' FROM erasures"),
     "under a legal hold"),
    (("DELETE FROM holds",), "two people end it"), (("UPDATE holds SET reason = 'x'",), "as it was placed"),
    (("DELETE FROM held",), "names what it named"), (("UPDATE held SET return_ref = 'x'",), "names what it named"),
    (("UPDATE holds SET ended_at = placed_at, ended_by = 'ann', approved_by = 'Ann'",), "holds_four_eyes"),
)
"""What the database refuses of holds, and why."""
