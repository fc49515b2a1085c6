"""Who signs for a month, which numbers do they sign, and when does what they signed hold no longer?"""

from datetime import UTC, date, datetime

import pytest

from backhaul.domain.access import Action, Grant, Person, Role
from backhaul.domain.exception_case import Team
from backhaul.domain.signature import (
    ITEMS,
    SIGNS,
    STEPS,
    TEAMS,
    UNKNOWN,
    Signature,
    Signer,
    ends,
    hashed,
    listed,
    may_sign,
    moved,
    objection,
    state_of,
)
from backhaul.testing import builders

NOON = datetime(2011, 1, 3, 12, tzinfo=UTC)
NUMBERS = {item.name: "0" for item in ITEMS} | {"proof_complete": "yes"}


def signed(signer: Signer, actor: str = "", fallen_at: datetime | None = None) -> Signature:
    return Signature(tenant="acme", period="2010-12", legal_entity="gb", signer=signer, numbers=NUMBERS, actor=actor or signer.value,
                     at=NOON, fallen_at=fallen_at)


def test_every_team_has_a_list_with_numbers_of_its_own_and_the_reviewer_signs_all_of_them() -> None:
    lists = {signer: set(listed(NUMBERS, signer)) for signer in Signer}

    assert [team.value for team in TEAMS] == [team.value for team in Team]
    assert all(lists[team] for team in TEAMS)
    assert lists[Signer.REVIEWER] == {name for team in TEAMS for name in lists[team]} == {item.name for item in ITEMS}
    assert set(SIGNS) == set(Signer)


def test_a_result_that_moves_either_way_fells_a_signature_and_open_work_only_when_there_is_more_of_it() -> None:
    before = NUMBERS | {"credited": "9", "unread": "9", "drift": "1"}

    told = moved(before, before | {"credited": "8", "unread": "10", "drift": "0"})

    assert told == ("credited: 9 → 8", "unread: 9 → 10")
    assert moved({"retired": "1"}, NUMBERS) == ()
    assert moved({}, NUMBERS) == ()


@pytest.mark.parametrize("name", ["paid_difference", "availability"])
def test_what_could_not_be_read_moves_nothing_until_it_is_read_and_is_something(name: str) -> None:
    told = {(before, after): bool(moved({name: before}, NUMBERS | {name: after})) for before, after in (
        ("0", UNKNOWN), ("7", UNKNOWN), (UNKNOWN, UNKNOWN), (UNKNOWN, "0"), (UNKNOWN, "0.00"), (UNKNOWN, "7"))}

    assert {pair for pair, fell in told.items() if fell} == {(UNKNOWN, "7")}


def test_the_hash_of_a_list_is_that_of_what_was_signed_and_of_no_other_month_list_or_number() -> None:
    mine = signed(Signer.FINANCE)
    at = ("acme", "2010-12", "gb", Signer.FINANCE, NUMBERS)

    others = [hashed(*at[:number], other, *at[number + 1:]) for number, other in enumerate(
        ("b", "2011-01", "fr", Signer.WAREHOUSE, NUMBERS | {"lines": "1"}))]

    assert mine.sha256 == hashed(*at)
    assert len({mine.sha256, *others}) == len(others) + 1


def test_a_month_ends_where_its_legal_entity_is() -> None:
    assert ends(builders.entity(zone="Europe/London"), "2010-06") == datetime(2010, 6, 30, 23, tzinfo=UTC)
    assert ends(builders.entity(zone="UTC"), "2010-12") == datetime(2011, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("role", "entities", "tenant", "only", "may"), [
    (Role.FINANCE, None, "acme", None, True), (Role.FINANCE, {"gb"}, "acme", None, True), (Role.FINANCE, {"fr"}, "acme", None, False),
    (Role.FINANCE, None, "other", None, False), (Role.WAREHOUSE, None, "acme", None, False), (Role.APPROVER, None, "acme", None, False),
    (Role.FINANCE, None, "acme", {Action.SEE}, False),
])
def test_a_list_is_signed_by_whose_role_signs_it(role: Role, entities: set[str] | None, tenant: str, only: set[Action] | None,
                                                 may: bool) -> None:  # noqa: FBT001  the answer
    grant = Grant(role=role, tenant=tenant, entities=frozenset(entities) if entities else None)
    person = Person(number=7, issuer="i", subject="s", name="n", grants=(grant,), only=frozenset(only) if only else None)

    assert may_sign(person, Signer.FINANCE, "acme", "gb") is may


@pytest.mark.parametrize(("signer", "actor", "more", "kept", "says"), [
    (Signer.FINANCE, "fiona", {}, [], ""),
    (Signer.FINANCE, " ", {}, [], "says whose it is"),
    (Signer.FINANCE, "fiona", {}, [signed(Signer.FINANCE)], "has signed already"),
    (Signer.FINANCE, "fiona", {}, [signed(Signer.FINANCE, fallen_at=NOON)], ""),
    (Signer.FINANCE, "Rita ", {}, [signed(Signer.REVIEWER, "rita", fallen_at=NOON)], "different people"),
    (Signer.FINANCE, "fiona", {"proof_complete": "no"}, [], "no proof of this month"),
    (Signer.REVIEWER, "rita", {}, [signed(team) for team in TEAMS[1:]], "the reviewer signs last; finance have not signed"),
    (Signer.REVIEWER, " WAREHOUSE", {}, [signed(team) for team in TEAMS], "different people"),
    (Signer.REVIEWER, "rita", {}, [signed(team) for team in TEAMS], ""),
])
def test_a_signature_is_refused_with_a_sentence(
    signer: Signer, actor: str, more: dict[str, str], kept: list[Signature], says: str,
) -> None:
    told = objection(signer, actor, NUMBERS | more, kept, over=True)

    assert (says in told) if says else not told
    assert "rehearsal" in objection(Signer.FINANCE, "fiona", NUMBERS, [], over=False)


def test_a_step_is_done_when_it_is_known_ahead_before_its_day_and_else_due_or_for_people() -> None:
    last = date(2010, 12, 31)
    told = {(day, known): [state_of(step, last, date(2010, 12, day) if day > 3 else date(2011, 1, day), known) for step in STEPS]
            for day, known in ((20, ()), (30, ()), (3, ("proved",)))}

    assert set(told[20, ()]) == {"ahead"}
    assert told[30, ()][:3] == ["by people"] * 3
    assert told[3, ("proved",)][3:] == ["due", "due", "done", "due", "due"]
