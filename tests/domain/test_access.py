"""Who may do what, of which tenant and which of its companies?"""

from dataclasses import replace

import pytest

from backhaul.domain.access import (
    APPROVING,
    MASKED,
    READING,
    RIGHTS,
    Action,
    Grant,
    Person,
    Role,
    Scope,
    account_seen,
    may,
    scope,
    words_seen,
)


def person(*grants: Grant) -> Person:
    return Person(number=7, issuer="https://login.example/acme", subject="s-7", name="Ann", grants=grants)


def grant(role: Role, *entities: str, tenant: str = "acme") -> Grant:
    return Grant(role=role, tenant=tenant, entities=frozenset(entities) or None)


def test_whoever_has_no_grant_may_do_nothing() -> None:
    nobody = person()

    assert not [action for action in Action if may(nobody, action, "acme", "gb")]


def test_every_action_has_a_row_and_no_row_is_empty() -> None:
    assert set(RIGHTS) == set(Action)
    assert all(RIGHTS.values())


def test_an_auditor_sees_everything_and_changes_nothing() -> None:
    allowed = {action for action in Action if may(person(grant(Role.AUDITOR)), action, "acme")}

    assert allowed == READING


def test_a_viewer_sees_no_customer_and_no_trail() -> None:
    allowed = {action for action in Action if may(person(grant(Role.VIEWER)), action, "acme")}

    assert allowed == {Action.SEE, Action.OWN_TOKENS}


@pytest.mark.parametrize("role", Role)
def test_nobody_proposes_what_moves_money_and_approves_it_in_one_role(role: Role) -> None:
    allowed = {action for action in Action if may(person(grant(role)), action, "acme")}

    assert not ({Action.PROPOSE, Action.PROPOSE_MAPPING} & allowed and Action.APPROVE in allowed)
    assert not APPROVING & READING


def test_a_grant_holds_for_its_tenant_and_its_companies_only() -> None:
    clerk = person(grant(Role.FINANCE, "gb"))

    assert may(clerk, Action.PROPOSE, "acme", "gb")
    assert not may(clerk, Action.PROPOSE, "acme", "de")
    assert not may(clerk, Action.PROPOSE, "other", "gb")
    assert not may(clerk, Action.PROPOSE, "acme")


def test_grants_add_up_by_action() -> None:
    clerk = person(grant(Role.FINANCE, "gb"), grant(Role.VIEWER, "de"), grant(Role.OPERATOR, "fr"), grant(Role.ADMIN, tenant="other"))

    assert scope(clerk, Action.SEE, "acme") == Scope(tenant="acme", entities=frozenset({"gb", "de", "fr"}))
    assert scope(clerk, Action.CORRECT_MONEY, "acme") == Scope(tenant="acme", entities=frozenset({"gb"}))
    assert scope(clerk, Action.REVOKE, "acme") is None
    assert scope(clerk, Action.REVOKE, "other") == Scope.whole("other")


def test_all_companies_and_some_are_all() -> None:
    clerk = person(grant(Role.VIEWER, "gb"), grant(Role.FINANCE))

    assert scope(clerk, Action.SEE, "acme") == Scope.whole("acme")
    assert Scope.whole("acme").covers("")


def test_a_token_never_does_more_than_its_scopes() -> None:
    clerk = replace(person(grant(Role.FINANCE)), only=frozenset({Action.SEE, Action.REVOKE}))

    assert may(clerk, Action.SEE, "acme", "gb")
    assert not may(clerk, Action.PROPOSE, "acme", "gb")
    assert not may(clerk, Action.REVOKE, "acme", "gb")


def test_the_record_knows_people_by_number_not_by_name() -> None:
    assert person().actor == "person 7"


def test_a_customers_account_is_shown_only_where_somebody_may_see_it_and_hidden_nowhere_that_there_is_none() -> None:
    somebody = person(grant(Role.FINANCE, "gb"), grant(Role.VIEWER))

    assert account_seen(somebody, "acme", "gb", "C1") == "C1"
    assert account_seen(somebody, "acme", "de", "C1") == account_seen(somebody, "acme", "", "C1") == MASKED
    assert account_seen(somebody, "other", "gb", "C1") == MASKED
    assert account_seen(somebody, "acme", "de", "") == ""


def test_words_name_an_account_only_to_who_may_see_it_in_a_column_whoever_wrote_them() -> None:
    somebody = person(grant(Role.FINANCE, "gb"), grant(Role.VIEWER))
    told = {"says": ["Account 15834 is stopped; ask C1, not C11.", 7], "why": ("Customer 'Jane' is on hold.", None)}

    assert words_seen(somebody, "acme", "gb", told, ("C1", "")) is told
    assert words_seen(somebody, "acme", "de", told, ("C1", "")) == {
        "says": ["Account *** is stopped; ask ***, not C11.", 7], "why": ["Customer '***' is on hold.", None]}
