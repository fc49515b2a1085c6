"""By which version a return goes: chosen by two people, kept as a fact on either database, and refused where there is nothing to choose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.application import approvals, rejudge
from backhaul.application.effects import EFFECTS
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptProfile
from backhaul.application.process import pictures
from backhaul.application.rejudge import Earlier
from backhaul.domain import mapped
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.facts import Announced, Mapped
from backhaul.domain.proposal import Proposal
from backhaul.entrypoints import rejudging
from backhaul.testing import builders
from backhaul.testing.builders import MAPPING, NOON, accepted, arrived, line

SHAS = {"v1": "a" * 64, "v2": "b" * 64, "v3": "c" * 64}
BEFORE, AFTER = NOON - timedelta(days=30), NOON + timedelta(days=30)
RULES = replace(builders.rules(), tenant="acme", version="v2+bbbbbbbb")
CHOICE = Earlier(version="v1+aaaaaaaa", sha256=SHAS["v1"], rows=MAPPING)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIFFERENCE = [{"kind": "receipt", "line": "MUG#1", "change": "another", "fields": {"place": [{"location": "A"}, {"location": "B"}]}}]


def reigns(store: SqlStore, *held: tuple[str, datetime], known: bool = True) -> None:
    with store.begin() as tx:
        for version, since in held:
            if known:
                tx.keep_profile(KeptProfile(tenant="acme", version=version, sha256=SHAS[version], text=version), at=since)
            tx.crown("acme", KeptReign(version=version, sha256=SHAS[version], since=since, by="file", proposal=None))


def brought(store: SqlStore, retailer: str = "QX501") -> None:
    with store.begin() as tx:
        facts = [replace(fact, retailer=retailer) if isinstance(fact, Announced) else fact
                 for fact in arrived(line("MUG"), grades=[accepted("MUG")])]
        tx.add_facts("acme", [replace(fact, return_ref="R1") for fact in facts])


def original(store: SqlStore) -> str:
    with store.begin() as tx:
        return rejudge.original(tx, RULES, "R1").version


def ask(store: SqlStore, choice: Earlier = CHOICE) -> Proposal:
    return rejudge.propose(store, EFFECTS, RULES, "R1", choice, DIFFERENCE, proposer="ann", reason="agreed", now=NOW)


def test_the_original_version_is_the_one_that_held_when_the_first_goods_were_accepted(store: SqlStore) -> None:
    brought(store)
    reigns(store, ("v1", BEFORE), ("v3", NOON - timedelta(days=20)), ("v2", AFTER))

    assert original(store) == "v3"


def test_goods_that_were_accepted_before_any_version_held_were_first_judged_by_the_first(store: SqlStore) -> None:
    brought(store)
    reigns(store, ("v1", AFTER), ("v2", AFTER + timedelta(days=1)))

    assert original(store) == "v1"
    assert rejudging.choice_of(store, RULES, "R1") == "v1+aaaaaaaa"
    assert rejudging.choice_of(store, RULES, "R404") == ""


@pytest.mark.parametrize("known", [True, False])
def test_a_version_that_is_not_known_any_more_is_no_choice(store: SqlStore, known: bool) -> None:  # noqa: FBT001  both ways
    brought(store)
    if not known:
        reigns(store, ("v1", BEFORE), ("v2", AFTER), known=False)

    with pytest.raises(NeedsOperator, match="is not known any more"):
        original(store)


def test_a_choice_is_kept_with_its_rows_and_is_taken_back_by_a_newer_one(store: SqlStore) -> None:
    brought(store)
    reigns(store, ("v1", BEFORE), ("v2", AFTER))

    told = []
    for choice in (CHOICE, rejudging.PRESENT):
        asked = ask(store, choice)
        approvals.approve(store, EFFECTS, RULES, asked.id, shown=asked.sha256, approver="bob", now=NOW)
        with store.begin() as tx:
            picture = pictures(tx, RULES, ["R1"])["R1"]
            told.append((mapped.version_for(picture.case, RULES), tuple(mapped.rows_for(picture.case, RULES)) == MAPPING))

    assert told == [("v1+aaaaaaaa", True), ("v2+bbbbbbbb", True)]
    with store.begin() as tx:
        entries = [(entry.detail["version"], entry.detail["approver"]) for entry in tx.trail("acme") if entry.action == "return.mapped"]
    assert entries == [("v1+aaaaaaaa", "bob"), ("v2+bbbbbbbb", "bob")]


def test_what_was_shown_is_approved_only_while_it_is_so(store: SqlStore) -> None:
    brought(store)
    reigns(store, ("v1", BEFORE), ("v2", AFTER))
    asked = ask(store)

    with pytest.raises(NeedsOperator, match="is not what it was when this was proposed"):
        approvals.approve(store, EFFECTS, replace(RULES, version="v3+cccccccc"), asked.id, shown=asked.sha256, approver="bob", now=NOW)


def test_either_database_keeps_no_choice_of_one_person_alone(store: SqlStore) -> None:
    with pytest.raises(IntegrityError, match="does not approve it as well"), store.begin() as tx:
        tx.add_facts("acme", [Mapped(return_ref="R1", at=NOW, profile="v1", rows=MAPPING, actor="ann", approver="Ann ", reason="r")])


def test_a_return_of_no_legal_entity_has_no_mapping_to_choose(store: SqlStore) -> None:
    brought(store, retailer="nobody's")
    reigns(store, ("v1", BEFORE), ("v2", AFTER))

    with pytest.raises(NeedsOperator, match="belongs to no legal entity"):
        rejudging.compare(store, RULES, pytest.fail, "R1", now=NOW)  # no ERP is asked
    assert ask(store).legal_entity == ""
