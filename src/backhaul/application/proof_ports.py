"""What does the store keep of proofs?

Protocols beside those of `ports`: a run stays for ever with its figures and the hashes of what was read; the lines that were not proved
stay until the next run of their period, and the extracts have all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from backhaul.application.ports import Fence, Tx
from backhaul.domain.availability import Compared
from backhaul.domain.oversight import Irregular

EXTRACTS: Final = "extracts:"
"""Under this name and the period it is remembered where its extracts lie, and by which secret they tell customers apart."""
REMOVED: Final = "removed"
"""Under this key of it: on which day those of before went by their term."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProof:
    """One run: who proved which period as of which day, whether all was read, its figures, and the extracts with their hashes."""

    tenant: str
    period: str
    day: date
    at: datetime
    actor: str
    complete: bool
    figures: Mapping[str, Any]
    extracts: Sequence[Mapping[str, Any]]
    id: int = 0

    @property
    def paid_wrongly(self) -> int:
        """Give how many claims of customers are broken."""
        return int(self.figures.get("payouts", {}).get("broken", 0))

    @property
    def irregular(self) -> int:
        """Give how many findings there are about the house as a whole."""
        return sum(each["count"] for each in self.figures.get("house", {}).values())

    @property
    def holds(self) -> bool:
        """Tell whether all was read and nothing is wrong with any line, record, claim or the house: what the command's status says."""
        wrong = self.figures.get("broken") or self.figures.get("orphans") or self.figures.get("house") or self.paid_wrongly
        return self.complete and not wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStray:
    """One line that is not proved, or one record that belongs to none: `kind` is its class, or what it waits for."""

    line: str
    return_ref: str
    line_id: str
    standing: str
    kind: str
    amount: Decimal
    entity: str = ""
    currency: str = ""
    document: str = ""
    also: str = ""
    other: str = ""
    since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWithin:
    """One difference that a tolerance let go: of which line and figure, how much, by which row."""

    line: str
    return_ref: str
    line_id: str
    measure: str
    amount: Decimal
    row: str
    entity: str = ""
    currency: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStatement:
    """A file in which the shop or the platform stated something, whole: `sort` is availability or totals."""

    tenant: str
    sort: str
    name: str
    sha256: str
    body: bytes
    rows: int
    actor: str
    at: datetime
    id: int = 0


class ProofTx(Tx, Protocol):
    """One transaction that also knows proofs."""

    def keep_proof(self, proof: KeptProof, strays: Iterable[KeptStray], house: Iterable[Irregular] = (),
                   within: Iterable[KeptWithin] = ()) -> int:
        """Keep a run, and of its period only its own lines, what tolerances let go, and what it found of the house; give its number."""
        ...

    def proofs(self, tenant: str, period: str = "", *, limit: int = 100) -> Sequence[KeptProof]:
        """Give runs, of one period or of all, the latest first."""
        ...

    def keep_statement(self, kept: KeptStatement, rows: Iterable[Compared]) -> int:
        """Keep a statement with its bytes, and in place of those before the rows in which it differs; give its number."""
        ...

    def statements(self, tenant: str, sort: str, *, limit: int = 100) -> Sequence[KeptStatement]:
        """Give statements of a sort with their bytes, the latest first."""
        ...

    def differing(self, tenant: str) -> Sequence[Compared]:
        """Give the rows in which the latest statement of availability differs."""
        ...


class ProofStore(Protocol):
    """The durable memory, proofs included."""

    def begin(self, fence: Fence | None = None) -> AbstractContextManager[ProofTx]:
        """Open a transaction; leaving the block by an exception rolls it back."""
        ...
