"""What would another version of the profile change, and who proposes it?

The same for terminal, console and API: a draft is compared with the version that holds, by its lines and by the codes that were seen.
"""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from backhaul.adapters.sql import coverage, lists
from backhaul.application import versions
from backhaul.application.close_ports import CloseStore
from backhaul.application.effects import EFFECTS
from backhaul.application.people_ports import PeopleStore
from backhaul.application.ports import KeptProfile
from backhaul.domain.access import Scope
from backhaul.domain.proposal import Proposal
from backhaul.domain.rules import Rules


class ReadableStore(CloseStore, Protocol):
    """A store that knows people and months, and can be read without taking part in the writing."""

    def read(self) -> AbstractContextManager[Connection]:
        """Open a connection that cannot write and sees one moment."""
        ...


class Drafted(Protocol):
    """A version of a profile: its name, bytes and rules."""

    @property
    def name(self) -> str:
        """Give what it calls itself."""
        ...

    @property
    def text(self) -> str:
        """Give it as it is written."""
        ...

    @property
    def sha256(self) -> str:
        """Give the hash of its bytes."""
        ...

    @property
    def rules(self) -> Rules:
        """Give what it says."""
        ...


def difference(store: ReadableStore, holds: Drafted, draft: Drafted) -> versions.Difference:
    """Compare a draft with the version that holds, over all of a tenant."""
    with store.read() as connection:
        everything = lists.reach(connection, Scope.whole(holds.rules.tenant), *(entity.id for entity in holds.rules.entities))
        seen = coverage.codes(connection, everything, ())
    return versions.difference(holds.text, draft.text, holds.rules.mapping, draft.rules.mapping, seen)


def propose(store: PeopleStore, holds: Drafted, draft: Drafted, told: versions.Difference, *, proposer: str, reason: str,  # noqa: PLR0913
            now: datetime) -> Proposal:
    """Propose a draft with what it changes, as it was shown."""
    kept = KeptProfile(tenant=holds.rules.tenant, version=draft.name, sha256=draft.sha256, text=draft.text)
    return versions.propose(store, EFFECTS, holds.rules, kept, told, proposer=proposer, reason=reason, now=now)


__all__ = ["Drafted", "ReadableStore", "difference", "propose"]
