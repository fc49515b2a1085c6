"""Are people known by who vouches for them, and does what is taken away end at once?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError

from backhaul.adapters.sql import SqlStore
from backhaul.adapters.sql.tables import grants, people as people_table, tokens
from backhaul.application import people
from backhaul.domain.access import Action, Grant, Person, Role, Scope
from backhaul.domain.errors import NeedsOperator, NotAllowed

NOON = datetime(2011, 3, 1, 12, tzinfo=UTC)
ISSUER = "https://login.example/acme"
SECRET = "s" * 43


@pytest.fixture
def clerk(store: SqlStore) -> Callable[..., Person]:
    """Add somebody with a role, as two admins would."""

    def of(subject: str, role: Role | None = None, *entities: str, tenant: str = "acme") -> Person:
        number = people.add(store, issuer=ISSUER, subject=subject, name=subject.title(), actor="admin", now=NOON)
        if role is not None:
            with store.begin() as tx:
                people.give(tx, number, Grant(role=role, tenant=tenant, entities=frozenset(entities) or None), granted_by="admin",
                            approved_by="other admin", now=NOON)
        found = people.who(store, ISSUER, subject)
        assert found is not None
        return found

    return of


def test_somebody_nobody_added_is_nobody_and_a_new_person_may_do_nothing(store: SqlStore, clerk: Callable[..., Person]) -> None:
    stranger = people.who(store, ISSUER, "stranger")

    ann = clerk("ann")

    assert stranger is None
    assert ann.grants == ()
    assert people.who(store, "https://login.example/other", "ann") is None
    with pytest.raises(NotAllowed, match="'see' is not among your rights for tenant 'acme'"):
        people.require(ann, Action.SEE, "acme")


def test_adding_somebody_again_changes_nothing(store: SqlStore, clerk: Callable[..., Person]) -> None:
    first = clerk("ann", Role.FINANCE)

    again = people.add(store, issuer=ISSUER, subject="ann", name="Ann Other", actor="admin", now=NOON)

    assert again == first.number
    assert people.who(store, ISSUER, "ann") == first
    with store.begin() as tx:
        assert [entry.action for entry in tx.trail(people.INSTALLATION)] == ["person.added"]


def test_a_person_is_the_subject_of_an_issuer(store: SqlStore) -> None:
    with pytest.raises(NeedsOperator, match="subject of an issuer"):
        people.add(store, issuer=" ", subject="ann@example.com", name="Ann", actor="admin", now=NOON)


def test_a_grant_is_kept_with_both_who_stand_for_it(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.WAREHOUSE, "gb", "de")

    assert ann.grants == (Grant(role=Role.WAREHOUSE, tenant="acme", entities=frozenset({"gb", "de"})),)
    assert people.seen_by(ann, Action.SEE, "acme") == Scope(tenant="acme", entities=frozenset({"gb", "de"}))
    with store.begin() as tx:
        kept = tx.grants("acme")
        told = [(entry.actor, entry.detail["approver"]) for entry in tx.trail("acme") if entry.action == "grant.given"]
    assert [(row.granted_by, row.approved_by) for row in kept] == [("admin", "other admin")] == told


@pytest.mark.parametrize(("by", "approver"), [("ann", " Ann "), ("ann", ""), ("ann", "person 1")])
def test_a_grant_needs_a_second_person_who_is_not_its_subject(
        store: SqlStore, clerk: Callable[..., Person], by: str, approver: str) -> None:
    ann = clerk("ann")

    with pytest.raises(NeedsOperator, match=r"second person|themselves"), store.begin() as tx:
        people.give(tx, ann.number, Grant(role=Role.ADMIN, tenant="acme", entities=None), granted_by=by, approved_by=approver, now=NOON)

    found = people.who(store, ISSUER, "ann")
    assert found is not None
    assert found.grants == ()


def test_nobody_grants_to_a_person_that_is_not_there(store: SqlStore) -> None:
    with pytest.raises(NeedsOperator, match="no person 99"), store.begin() as tx:
        people.give(tx, 99, Grant(role=Role.ADMIN, tenant="acme", entities=None), granted_by="a", approved_by="b", now=NOON)


@pytest.mark.parametrize("approver", ["admin", " ADMIN ", ""])
def test_the_database_refuses_a_grant_by_one_person_whatever_code_wrote_it(
        store: SqlStore, clerk: Callable[..., Person], approver: str) -> None:
    ann = clerk("ann")

    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.add_grant(ann.number, Grant(role=Role.ADMIN, tenant="acme", entities=None), granted_by="admin", approved_by=approver, at=NOON)


def test_a_grant_that_was_taken_away_ends_at_once_and_stays_on_record(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.FINANCE)
    with store.begin() as tx:
        [kept] = tx.grants("acme")

    people.revoke(store, "acme", kept.id, actor="admin", now=NOON)

    found = people.who(store, ISSUER, "ann")
    assert found is not None
    assert found.grants == ()
    with store.begin() as tx:
        assert [row.revoked_by for row in tx.grants("acme", every=True)] == ["admin"]
    with pytest.raises(NeedsOperator, match="no grant"):
        people.revoke(store, "acme", kept.id, actor="admin", now=NOON)
    assert ann.grants


def test_nobody_revokes_the_grant_of_another_tenant(store: SqlStore, clerk: Callable[..., Person]) -> None:
    clerk("ann", Role.FINANCE)
    with store.begin() as tx:
        [kept] = tx.grants("acme")

    with pytest.raises(NeedsOperator, match="no grant"):
        people.revoke(store, "other", kept.id, actor="admin", now=NOON)

    with store.begin() as tx:
        assert tx.grants("acme")


@pytest.mark.parametrize("table", ["people", "grants", "tokens"])
def test_people_grants_and_tokens_are_never_deleted(store: SqlStore, clerk: Callable[..., Person], table: str) -> None:
    ann = clerk("ann", Role.FINANCE)
    people.issue_token(store, ann, name="t", scopes={Action.SEE}, lasts=timedelta(days=1), secret=SECRET, now=NOON)

    with pytest.raises(IntegrityError, match="never deleted"), store.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608  a word of this file


def test_a_grant_cannot_be_changed_into_another(store: SqlStore, clerk: Callable[..., Person]) -> None:
    clerk("ann", Role.VIEWER)

    with pytest.raises(IntegrityError, match="only ever revoked"), store.engine.begin() as connection:
        connection.execute(update(grants).values(role="admin"))


# --- tokens


def test_a_token_is_its_owner_within_its_scopes_and_only_its_hash_is_kept(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.FINANCE)

    token = people.issue_token(store, ann, name="spreadsheet", scopes={Action.SEE}, lasts=timedelta(days=30), secret=SECRET, now=NOON)

    found = people.who_holds(store, token, NOON + timedelta(days=1))
    assert found is not None
    assert (found.number, found.only) == (ann.number, frozenset({Action.SEE}))
    with store.begin() as tx:
        [kept] = tx.tokens(ann.number)
        trail = list(tx.trail(people.INSTALLATION))
    assert kept.used_at == NOON + timedelta(days=1)
    with store.read() as connection:
        rows = connection.execute(tokens.select()).all()
    assert SECRET not in repr(rows) + repr(trail)


def test_a_token_that_is_over_revoked_or_made_up_is_nobodys(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.FINANCE)
    token = people.issue_token(store, ann, name="a", scopes={Action.SEE}, lasts=timedelta(days=1), secret=SECRET, now=NOON)
    other = people.issue_token(store, ann, name="b", scopes={Action.SEE}, lasts=timedelta(days=1), secret="t" * 43, now=NOON)
    with store.begin() as tx:
        numbers = {row.name: row.id for row in tx.tokens(ann.number)}

    people.revoke_token(store, ann.number, numbers["b"], actor=ann.actor, now=NOON)

    assert people.who_holds(store, token, NOON + timedelta(days=1)) is None
    assert people.who_holds(store, other, NOON) is None
    assert people.who_holds(store, people.PREFIX + "u" * 43, NOON) is None
    assert people.who_holds(store, "Bearer", NOON) is None
    with pytest.raises(NeedsOperator, match="no token"):
        people.revoke_token(store, ann.number, numbers["b"], actor=ann.actor, now=NOON)


def test_a_token_loses_what_its_owner_loses(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.FINANCE)
    token = people.issue_token(store, ann, name="a", scopes={Action.SEE}, lasts=timedelta(days=1), secret=SECRET, now=NOON)
    with store.begin() as tx:
        [kept] = tx.grants("acme")

    people.revoke(store, "acme", kept.id, actor="admin", now=NOON)

    found = people.who_holds(store, token, NOON)
    assert found is not None
    with pytest.raises(NotAllowed, match="legal entity 'gb'"):
        people.require(found, Action.SEE, "acme", "gb")
    with pytest.raises(NotAllowed):
        people.seen_by(found, Action.SEE, "acme")


@pytest.mark.parametrize(("name", "scopes", "lasts"), [
    ("", {Action.SEE}, timedelta(days=1)),
    ("a", set(), timedelta(days=1)),
    ("a", {Action.SEE}, timedelta(0)),
    ("a", {Action.SEE}, timedelta(days=91)),
    ("a", {Action.APPROVE}, timedelta(days=1)),
])
def test_a_token_has_a_name_scopes_and_an_end_soon_when_it_may_approve(
        store: SqlStore, clerk: Callable[..., Person], name: str, scopes: set[Action], lasts: timedelta) -> None:
    ann = clerk("ann", Role.APPROVER)

    with pytest.raises(NeedsOperator, match="a token needs"):
        people.issue_token(store, ann, name=name, scopes=scopes, lasts=lasts, secret=SECRET, now=NOON)


def test_a_token_makes_no_token(store: SqlStore, clerk: Callable[..., Person]) -> None:
    ann = clerk("ann", Role.FINANCE)
    token = people.issue_token(store, ann, name="a", scopes={Action.OWN_TOKENS}, lasts=timedelta(days=1), secret=SECRET, now=NOON)
    holder = people.who_holds(store, token, NOON)
    assert holder is not None

    with pytest.raises(NotAllowed, match="sign in"):
        people.issue_token(store, holder, name="b", scopes={Action.SEE}, lasts=timedelta(days=1), secret="t" * 43, now=NOON)


def test_two_people_are_never_one_identity(store: SqlStore, clerk: Callable[..., Person]) -> None:
    clerk("ann")

    with pytest.raises(IntegrityError), store.engine.begin() as connection:
        connection.execute(insert(people_table), {"issuer": ISSUER, "subject": "ann", "name": "Eve", "added_at": NOON})
