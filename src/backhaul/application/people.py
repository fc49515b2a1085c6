"""Who is this, and may they?

People are added without rights; a right comes from a grant that one admin proposed and another approved. A token is shown once, and only
its hash is kept. What somebody may do is asked anew at every request, so what is taken away ends with the next one.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.domain.access import APPROVING, READING, Action, Grant, Person, Role, Scope, may, scope
from backhaul.domain.errors import NeedsOperator, NotAllowed
from backhaul.domain.proposal import SYSTEM

PREFIX: Final = "bh_"
"""How a token begins, so that a scanner finds one that was published by mistake."""
LONGEST: Final = timedelta(days=90)
LONGEST_APPROVING: Final = timedelta(hours=12)
"""How long a token lives at most; one that may approve ends with the working day."""
USED: Final = timedelta(minutes=1)
"""How exactly is kept when a token was last used; a call that only reads does not wait for its turn to write more often."""
KNOWN: Final = re.compile(r"person (\d{1,18})", re.ASCII)
"""How the record calls somebody it knows."""
INSTALLATION: Final = ""
"""The chain of the trail in which stands what belongs to no one tenant: people and their tokens."""


def who(store: PeopleStore, issuer: str, subject: str) -> Person | None:
    """Give who signed in, with what they may do now; None if nobody added them."""
    with store.look() as tx:
        return tx.person(issuer=issuer, subject=subject)


def who_holds(store: PeopleStore, token: str, now: datetime) -> Person | None:
    """Give who a personal access token stands for, limited to its scopes; None if it does not hold."""
    if not token.startswith(PREFIX):
        return None
    with store.look() as tx:
        kept = tx.token(_hash(token), at=now)
        found = tx.people([kept.person]) if kept else ()
    if kept and (kept.used_at is None or now - kept.used_at >= USED):
        with store.begin() as tx:
            tx.use_token(kept.id, at=now)
    return None if kept is None else next(
        (replace(person, only=frozenset(Action(name) for name in kept.scopes)) for person in found), None)


def require(person: Person, action: Action, tenant: str, entity: str = "") -> None:
    """Stop with `NotAllowed` unless somebody may do this; the sentence says what would be needed, not what is there."""
    if not may(person, action, tenant, entity):
        raise _refusal(action, tenant, entity)


def entitled(tx: PeopleTx, name: str, action: Action, tenant: str, entity: str = "") -> str:
    """Give the name that goes into the record for who was named where nobody signs in; of somebody the record knows, the right is asked.

    Another name than ``person 7`` is taken as it is told: nobody there can prove it. That of Backhaul itself is no person's.
    """
    told = name.strip()
    known = KNOWN.fullmatch(told.casefold())
    if told.casefold() == SYSTEM:
        message = f"'{told}' is what Backhaul does by itself; say who you are"
        raise NeedsOperator(message)
    if known is None:
        return told
    person = next(iter(tx.people([int(known[1])])), None)
    if person is None:
        message = f"there is no {told.casefold()}; `backhaul people list` shows who is known"
        raise NeedsOperator(message)
    require(person, action, tenant, entity)
    return person.actor


def seen_by(person: Person, action: Action, tenant: str) -> Scope:
    """Give what of a tenant somebody may see or touch by this action, or stop with `NotAllowed`."""
    allowed = scope(person, action, tenant)
    if allowed is None:
        raise _refusal(action, tenant, "")
    return allowed


def _refusal(action: Action, tenant: str, entity: str) -> NotAllowed:
    of = f", legal entity '{entity}'" if entity else ""
    return NotAllowed(f"'{action.value}' is not among your rights for tenant '{tenant}'{of}; an admin can propose a grant for you")


# --- people and grants ------------------------------------------------------------------------------------


def add(store: PeopleStore, *, issuer: str, subject: str, name: str, actor: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Add somebody who may do nothing yet; give their number. Adding them again changes nothing."""
    if not issuer.strip() or not subject.strip():
        message = f"a person is the subject of an issuer; got issuer '{issuer}' and subject '{subject}'"
        raise NeedsOperator(message)
    with store.begin() as tx:
        known = tx.person(issuer=issuer, subject=subject)
        number = known.number if known else tx.add_person(issuer=issuer, subject=subject, name=name, at=now)
        if known is None:
            tx.record(INSTALLATION, subject=f"person {number}", action="person.added", at=now, actor=actor, detail={"issuer": issuer})
    return number


def give(tx: PeopleTx, number: int, grant: Grant, *, granted_by: str, approved_by: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Give a right that two people stand for; what is done when a proposed grant is approved (INV-30)."""
    if not any(person.number == number for person in tx.people([number])):
        message = f"there is no person {number}; add them first"
        raise NeedsOperator(message)
    if approved_by.strip().casefold() == granted_by.strip().casefold() or not approved_by.strip():
        message = f"a grant needs a second person; '{granted_by}' cannot approve it as well"
        raise NeedsOperator(message)
    if f"person {number}" == approved_by:
        message = f"'{approved_by}' cannot approve a grant to themselves"
        raise NeedsOperator(message)
    first = grant.role is Role.ADMIN and not any(row.grant.role is Role.ADMIN for row in tx.grants(grant.tenant, every=True))
    kept = tx.add_grant(number, grant, granted_by=granted_by, approved_by=approved_by, at=now)
    tx.record(grant.tenant, subject=f"person {number}", action="grant.given", at=now, actor=granted_by, detail={
        "grant": kept, "role": grant.role.value, "approver": approved_by,
        "entities": None if grant.entities is None else sorted(grant.entities),
        **({"first_admin": True} if first else {})})
    return kept


def revoke(store: PeopleStore, tenant: str, number: int, *, actor: str, now: datetime) -> None:
    """Take a grant away at once; one person is enough for less."""
    with store.begin() as tx:
        if not tx.revoke_grant(tenant, number, actor=actor, at=now):
            message = f"tenant '{tenant}' has no grant {number} that holds"
            raise NeedsOperator(message)
        tx.record(tenant, subject=f"grant {number}", action="grant.revoked", at=now, actor=actor, detail={"grant": number})


def end_sessions(store: PeopleStore, tenant: str, number: int, *, actor: str, now: datetime) -> int:
    """Sign somebody who has a role in this tenant out everywhere, at once; give of how many sessions."""
    ended = 0
    with store.begin() as tx:
        for person in tx.people([number]):
            if any(grant.tenant == tenant for grant in person.grants):
                for session in tx.sessions_of(person.issuer, person.subject):
                    ended += tx.end_session(session.hash, at=now, reason=f"ended by {actor}")
                tx.record(tenant, subject=person.actor, action="sessions.ended", at=now, actor=actor, detail={})
    return ended


# --- personal access tokens -------------------------------------------------------------------------------


def issue_token(  # noqa: PLR0913  each is named at the call
    store: PeopleStore, person: Person, *, name: str, scopes: Collection[Action], lasts: timedelta, secret: str, now: datetime,
) -> str:
    """Make a token for somebody and give it, for the only time. `secret` is chance of at least 32 bytes, handed in.

    It never does what its owner may not, and no more than its scopes: both are asked at every use.
    """
    approving = APPROVING & set(scopes)
    longest = LONGEST_APPROVING if approving else LONGEST
    if person.only is not None:
        message = "a token cannot make another token; sign in to make one"
        raise NotAllowed(message)
    if not scopes or not name.strip() or not timedelta(0) < lasts <= longest:
        message = (f"a token needs a name, at least one scope and a life of at most {longest}; got '{name}', "
                   f"{', '.join(sorted(scope.value for scope in scopes)) or 'no scope'}, {lasts}")
        raise NeedsOperator(message, about="name" if not name.strip() else "days" if scopes else "")
    token = PREFIX + secret
    with store.begin() as tx:
        number = tx.add_token(person.number, name=name.strip(), sha256=_hash(token), scopes=sorted(scope.value for scope in scopes),
                              at=now, expires_at=now + lasts)
        tx.record(INSTALLATION, subject=person.actor, action="token.issued", at=now, actor=person.actor, detail={
            "token": number, "scopes": sorted(scope.value for scope in scopes), "expires_at": (now + lasts).isoformat()})
    return token


def revoke_token(store: PeopleStore, owner: int, number: int, *, actor: str, now: datetime) -> None:
    """End a token at once."""
    with store.begin() as tx:
        if not tx.revoke_token(owner, number, at=now):
            message = f"person {owner} has no token {number} that holds"
            raise NeedsOperator(message)
        tx.record(INSTALLATION, subject=f"person {owner}", action="token.revoked", at=now, actor=actor, detail={"token": number})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


__all__ = ["READING", "Action", "Grant", "Person", "Role", "Scope", "add", "give", "issue_token", "require", "revoke", "revoke_token",
           "scope", "seen_by", "who", "who_holds"]
