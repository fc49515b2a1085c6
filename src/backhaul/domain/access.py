"""Who may do what, of which tenant and which of its companies?

Rights are rows: an action and the roles that may do it. What no row allows nobody may do. A person is the subject of an issuer, never
an e-mail address; what they may do comes from grants alone, each for one tenant and for all or some of its legal entities.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self


class Role(StrEnum):
    """What somebody is here to do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    """Customer service and whoever keeps things going."""
    WAREHOUSE = "warehouse"
    FINANCE = "finance"
    APPROVER = "approver"
    """Says yes or no to what others propose; proposes nothing that moves money."""
    ADMIN = "admin"
    """Gives and takes rights; sees returns, moves no money."""
    AUDITOR = "auditor"
    """Sees everything, changes nothing."""


class Action(StrEnum):
    """Everything that can be done through the console or the API; each route names the one it needs."""

    SEE = "see"
    """Returns, exceptions, windows, health."""
    SEE_TRAIL = "see-trail"
    SEE_PERSONAL = "see-personal"
    """The customer's account unmasked."""
    SEE_PEOPLE = "see-people"
    OWN_TOKENS = "own-tokens"
    """Make and revoke tokens of one's own."""
    COMMENT = "comment"
    """Say something about an exception, attach evidence, hand it to another team."""
    PROMISE = "promise"
    """Record what a customer was told."""
    RETRY = "retry"
    REGISTER_PARCEL = "register-parcel"
    """Say what lay in a parcel for which no return is known, and what of it is accepted."""
    CORRECT_GOODS = "correct-goods"
    """Say what a line's order, item or units are, or where the return goes, beside what the platform told."""
    CORRECT_MONEY = "correct-money"
    """Say what a line's price is, beside what the platform told."""
    CORRECT_GRADE = "correct-grade"
    """Say how units were found and what is to happen to them, beside what the platform told."""
    CORRECT_CUSTOMER = "correct-customer"
    """Say whose return it is, beside what the platform told."""
    PROPOSE = "propose"
    """Propose a decision about an exception: waive, close, claim, debit, settle, match, correct."""
    PROPOSE_MAPPING = "propose-mapping"
    APPROVE = "approve"
    """Say yes or no to what somebody else proposed."""
    PROVE = "prove"
    """Have a month proved now."""
    SIGN = "sign"
    """Sign a list of a month's close; which list, the role says."""
    PAUSE = "pause"
    """Let no write leave; and propose that writes may leave again."""
    PROPOSE_GRANT = "propose-grant"
    APPROVE_GRANT = "approve-grant"
    EXPORT_PERSONAL = "export-personal"
    """Give a customer everything that is held about them."""
    PROPOSE_ERASURE = "propose-erasure"
    """Propose that a customer is erased; an approver decides."""
    REVOKE = "revoke"
    """Take a grant or a token away, at once."""


_V, _O, _W, _F, _A, _D, _U = Role
RIGHTS: Final[Mapping[Action, frozenset[Role]]] = {
    Action.SEE: frozenset(Role),
    Action.SEE_TRAIL: frozenset({_F, _A, _D, _U}),
    Action.SEE_PERSONAL: frozenset({_O, _F, _A, _U}),
    Action.SEE_PEOPLE: frozenset({_D, _U}),
    Action.OWN_TOKENS: frozenset(Role) - {_U},
    Action.COMMENT: frozenset({_O, _W, _F, _A}),
    Action.PROMISE: frozenset({_O, _F}),
    Action.RETRY: frozenset({_O, _W, _F}),
    Action.REGISTER_PARCEL: frozenset({_W}),
    Action.CORRECT_GOODS: frozenset({_O, _W, _F}),
    Action.CORRECT_MONEY: frozenset({_F}),
    Action.CORRECT_GRADE: frozenset({_W}),
    Action.CORRECT_CUSTOMER: frozenset({_O, _F}),
    Action.PROPOSE: frozenset({_O, _W, _F}),
    Action.PROPOSE_MAPPING: frozenset({_O, _W, _F}),
    Action.APPROVE: frozenset({_A}),
    Action.PROVE: frozenset({_F, _A}),
    Action.SIGN: frozenset({_O, _W, _F, _A}),
    Action.PAUSE: frozenset({_O, _F, _A, _D}),
    Action.PROPOSE_GRANT: frozenset({_D}),
    Action.APPROVE_GRANT: frozenset({_D}),
    Action.EXPORT_PERSONAL: frozenset({_O, _U}),
    Action.PROPOSE_ERASURE: frozenset({_O, _D}),
    Action.REVOKE: frozenset({_D}),
}
"""Which roles may do what. An action without a row is nobody's."""
READING: Final = frozenset({Action.SEE, Action.SEE_TRAIL, Action.SEE_PERSONAL, Action.SEE_PEOPLE, Action.EXPORT_PERSONAL})
"""Actions that change nothing."""
MASKED: Final = "***"
"""What stands where a customer's account would, for who may not see it."""
_WHOSE: Final = r"(?:customer|account|debtor)(?:\s+(?:account|number|no\.?))*\s*[:#]?"
TOLD: Final = (
    re.compile(rf"{_WHOSE}\s*(?P<mark>['\"])(?P<account>.+?)(?P=mark)", re.IGNORECASE),
    re.compile(rf"{_WHOSE}\s+(?P<account>[\w/-]*\d[\w/-]*)", re.IGNORECASE),
    re.compile(r"for customer (?P<account>\S+)(?= \(policy)"),
    re.compile(r"was sold to (?P<account>.+?), the return credits"),
    re.compile(r"the return credits (?P<account>.+?)\.(?:\s|$)"),
    re.compile(r"the return is (?P<account>.+?)'s in "),
    re.compile(r"documents were made for (?P<account>.+?)\.$"),
    re.compile(r"Documents were made for customer (?P<account>.+?), which is "),
    re.compile(r"which is (?P<account>.+?) by a correction"),
    re.compile(r": customer is (?P<account>\S+)$"),
    re.compile(r" to (?P<account>\S+) within a day"),
)
"""Where sentences name a customer's account, ours and those an ERP writes."""
APPROVING: Final = frozenset({Action.APPROVE, Action.APPROVE_GRANT})
"""Actions that are the second pair of eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a query of the read side may see: one tenant, and all (None) or some of its legal entities.

    Some entities see no return that has none yet; nobody knows whose it is.
    """

    tenant: str
    entities: frozenset[str] | None

    @classmethod
    def whole(cls, tenant: str) -> Self:
        """See all of a tenant, as its own processes do."""
        return cls(tenant=tenant, entities=None)

    def covers(self, entity: str) -> bool:
        """Tell whether a legal entity is in it."""
        return self.entities is None or entity in self.entities


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One role, of one tenant, for all (None) or some of its legal entities."""

    role: Role
    tenant: str
    entities: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The subject of an issuer. `number` is what the record calls them: it holds no name, so that a name can be erased.

    `only`: what the token they came with allows at most; None when they signed in themselves.
    """

    number: int
    issuer: str
    subject: str
    name: str
    grants: tuple[Grant, ...] = ()
    only: frozenset[Action] | None = None

    @property
    def actor(self) -> str:
        """Give the pseudonym under which facts, proposals and the trail know them."""
        return f"person {self.number}"


def scope(person: Person, action: Action, tenant: str) -> Scope | None:
    """Say of which of a tenant's legal entities somebody may do something; None: of none."""
    if person.only is not None and action not in person.only:
        return None
    able = [grant.entities for grant in person.grants if grant.tenant == tenant and grant.role in RIGHTS.get(action, ())]
    if not able:
        return None
    some = [entities for entities in able if entities is not None]
    return Scope(tenant=tenant, entities=None if len(some) < len(able) else frozenset().union(*some))


def may(person: Person, action: Action, tenant: str, entity: str = "") -> bool:
    """Tell whether somebody may do something about a legal entity; about none in particular, only who may for the whole tenant."""
    allowed = scope(person, action, tenant)
    return allowed is not None and allowed.covers(entity)


def account_seen(person: Person, tenant: str, entity: str, account: str) -> str:
    """Give a customer's account as somebody sees it: itself, or that there is one."""
    return account if not account or may(person, Action.SEE_PERSONAL, tenant, entity) else MASKED


def words_seen(person: Person, tenant: str, entity: str, told: Any, accounts: Iterable[str] = ()) -> Any:  # noqa: ANN401  words, or records of them
    """Give words as somebody sees them: as they are, or with every customer's account in them masked.

    `told` is a sentence, or lists and mappings of sentences; `accounts` are those its return is known to have, wherever they stand.
    """
    if may(person, Action.SEE_PERSONAL, tenant, entity):
        return told
    return _masked(told, [account for account in accounts if account])


def _masked(told: Any, accounts: Iterable[str]) -> Any:  # noqa: ANN401  as above
    if isinstance(told, Mapping):
        return {name: _masked(value, accounts) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_masked(each, accounts) for each in told]
    if not isinstance(told, str):
        return told
    for account in sorted(accounts, key=len, reverse=True):
        told = re.sub(rf"(?<!\w){re.escape(account)}(?!\w)", MASKED, told)
    for place in TOLD:
        told = place.sub(_mask, told)
    return told


def _mask(found: re.Match[str]) -> str:
    """Put the mask where the account stands, and leave what stands around it."""
    begin, end = (place - found.start() for place in found.span("account"))
    return found[0][:begin] + MASKED + found[0][end:]
