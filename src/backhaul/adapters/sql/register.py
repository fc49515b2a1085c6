"""Who is known, what may they do, and by which token did they come?"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import grants, people, tokens
from backhaul.application.people_ports import KeptGrant, KeptToken
from backhaul.domain.access import Grant, Person, Role


class Register(Session):
    """People, grants and tokens. What was revoked stays, with who did so and when."""

    def person(self, *, issuer: str, subject: str) -> Person | None:
        """Give who signed in, with the grants that hold now."""
        found = self._people(people.c.issuer == issuer, people.c.subject == subject)
        return found[0] if found else None

    def people(self, numbers: Collection[int] | None = None) -> Sequence[Person]:
        """Give these people, or all, with the grants that hold now."""
        return self._people(*([] if numbers is None else [people.c.id.in_(sorted(set(numbers)))]))

    def _people(self, *asked: Any) -> list[Person]:  # noqa: ANN401  SQLAlchemy's conditions
        query = select(people, grants.c.role, grants.c.tenant, grants.c.entities).outerjoin(
            grants, (grants.c.person == people.c.id) & grants.c.revoked_at.is_(None)).where(*asked).order_by(people.c.id, grants.c.id)
        rows = self._connection.execute(query).all()
        held: dict[int, list[Grant]] = {}
        for row in rows:
            held.setdefault(row.id, []).extend([_grant(row)] if row.role is not None else [])
        known = {row.id: row for row in rows}
        return [Person(number=number, issuer=row.issuer, subject=row.subject, name=row.name, grants=tuple(held[number]))
                for number, row in known.items()]

    def add_person(self, *, issuer: str, subject: str, name: str, at: datetime) -> int:
        """Add somebody who may do nothing yet, or give the number they have."""
        self._connection.execute(self._insert(people).on_conflict_do_nothing(), {
            "issuer": issuer, "subject": subject, "name": name, "added_at": at})
        number: int = self._connection.execute(
            select(people.c.id).where(people.c.issuer == issuer, people.c.subject == subject)).scalar_one()
        return number

    def add_grant(self, number: int, grant: Grant, *, granted_by: str, approved_by: str, at: datetime) -> int:
        """Keep a grant, or give the number of the same one that holds."""
        entities = _written(grant.entities)
        self._connection.execute(self._insert(grants).on_conflict_do_nothing(), {
            "person": number, "tenant": grant.tenant, "role": grant.role.value, "entities": entities, "granted_by": granted_by,
            "approved_by": approved_by, "at": at, "revoked_at": None, "revoked_by": ""})
        kept: int = self._connection.execute(select(grants.c.id).where(
            grants.c.person == number, grants.c.tenant == grant.tenant, grants.c.role == grant.role.value,
            grants.c.entities == entities, grants.c.revoked_at.is_(None))).scalar_one()
        return kept

    def grants(self, tenant: str, *, every: bool = False) -> Sequence[KeptGrant]:
        """Give the grants of a tenant that hold, or all there ever were."""
        query = select(grants).where(grants.c.tenant == tenant).order_by(grants.c.id)
        if not every:
            query = query.where(grants.c.revoked_at.is_(None))
        return [KeptGrant(id=row.id, person=row.person, grant=_grant(row), granted_by=row.granted_by, approved_by=row.approved_by,
                          at=row.at, revoked_at=row.revoked_at, revoked_by=row.revoked_by) for row in self._connection.execute(query)]

    def revoke_grant(self, tenant: str, number: int, *, actor: str, at: datetime) -> bool:
        """End a grant; tell whether it held until now."""
        told = self._connection.execute(update(grants).values(revoked_at=at, revoked_by=actor).where(
            grants.c.tenant == tenant, grants.c.id == number, grants.c.revoked_at.is_(None)))
        return told.rowcount == 1

    # --- tokens

    def add_token(self, person: int, *, name: str, sha256: str, scopes: Collection[str], at: datetime, expires_at: datetime) -> int:  # noqa: PLR0913  the port's signature
        """Keep the hash of a token."""
        number: int = self._connection.execute(insert(tokens).returning(tokens.c.id), {
            "person": person, "name": name, "sha256": sha256, "scopes": json.dumps(sorted(scopes)), "created_at": at,
            "expires_at": expires_at, "used_at": None, "revoked_at": None}).scalar_one()
        return number

    def token(self, sha256: str, *, at: datetime) -> KeptToken | None:
        """Give the token of this hash if it holds."""
        row = self._connection.execute(select(tokens).where(
            tokens.c.sha256 == sha256, tokens.c.revoked_at.is_(None), tokens.c.expires_at > at)).first()
        return None if row is None else _token(row)

    def use_token(self, number: int, *, at: datetime) -> None:
        """Remember that a token was used."""
        self._connection.execute(update(tokens).where(tokens.c.id == number).values(used_at=at))

    def tokens(self, person: int) -> Sequence[KeptToken]:
        """Give somebody's tokens, the newest first."""
        return [_token(row) for row in self._connection.execute(
            select(tokens).where(tokens.c.person == person).order_by(tokens.c.id.desc()))]

    def revoke_token(self, person: int, number: int, *, at: datetime) -> bool:
        """End a token; tell whether it held until now."""
        told = self._connection.execute(update(tokens).values(revoked_at=at).where(
            tokens.c.person == person, tokens.c.id == number, tokens.c.revoked_at.is_(None)))
        return told.rowcount == 1


def _written(entities: frozenset[str] | None) -> str:
    return json.dumps(None if entities is None else sorted(entities))


def _grant(row: Row[Any]) -> Grant:
    entities = json.loads(row.entities)
    return Grant(role=Role(row.role), tenant=row.tenant, entities=None if entities is None else frozenset(entities))


def _token(row: Row[Any]) -> KeptToken:
    return KeptToken(id=row.id, person=row.person, name=row.name, scopes=frozenset(json.loads(row.scopes)), created_at=row.created_at,
                     expires_at=row.expires_at, used_at=row.used_at, revoked_at=row.revoked_at)
