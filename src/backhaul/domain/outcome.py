"""What becomes of goods that are not accepted, who has to agree, and what is the customer told?

The outcomes are rows. Where money moves an outcome is a decision that exists already, taken by two people: a line is closed without credit,
a credit is debited, or rejected units are credited without goods. Whatever is said here, nothing rejected becomes stock (books 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from backhaul.domain.disposition import Outcome as Target, choose
from backhaul.domain.facts import Concluded, Decision
from backhaul.domain.mapped import rows_for
from backhaul.domain.placement import circumstance
from backhaul.domain.returns import NOTHING, ReturnCase, ReturnLine
from backhaul.domain.rules import LegalEntity, Rules


class Standing(StrEnum):
    """How a line stands of which something is not accepted."""

    REJECTED = "rejected"
    """The inspection rejected units of it, and they are not credited."""
    HELD = "held"
    """Its credit waits for people, and they do not give it."""
    CREDITED = "credited"
    """Units of it were rejected after their credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRule:
    """What becomes of the goods, what the customer is told of it, and which decision it is where money moves; that takes two people.

    `ways` has the standings in which it can be said, each with its decision or none. `debited` is what a debit says of the goods, `part`
    the disposition under which rejected units are credited. `consent`: it rests on what the customer agreed to, so it names the evidence.
    """

    means: str
    tells: str
    ways: Mapping[Standing, Decision | None]
    debited: str = ""
    part: str = ""
    consent: bool = False


_WITHHELD: Final[Mapping[Standing, Decision | None]] = {
    Standing.REJECTED: None, Standing.HELD: Decision.CLOSE, Standing.CREDITED: Decision.DEBIT}
_GIVEN: Final[Mapping[Standing, Decision | None]] = {Standing.REJECTED: Decision.CREDIT, Standing.CREDITED: Decision.CLOSE}
OUTCOMES: Final[Mapping[str, OutcomeRule]] = {
    "sent-back": OutcomeRule(means="The goods go back to the customer; no credit.", tells="it is on its way back to you",
                             ways=_WITHHELD, debited="leave"),
    "kept": OutcomeRule(means="We keep the goods with the customer's consent; no credit, and they never become stock.",
                        tells="we keep it, as you agreed", ways=_WITHHELD, debited="write-off", consent=True),
    "disposed": OutcomeRule(means="The goods are disposed of with the customer's consent; no credit.",
                            tells="we dispose of it, as you agreed", ways=_WITHHELD, debited="write-off", consent=True),
    "goodwill": OutcomeRule(means="Credited all the same, without goods, as goodwill; a credit that was given stands.",
                            tells="we credit it to you all the same, as a gesture of goodwill", ways=_GIVEN, part="GOODWILL"),
    "carrier-claim": OutcomeRule(means="The carrier answers for it: credited without goods and claimed; a credit that was given stands.",
                                 tells="the carrier answers for it, and we credit it to you", ways=_GIVEN, part="CLAIMED"),
}
"""What can become of goods that are not accepted, by its name."""


def credited_units(line: ReturnLine) -> Decimal:
    """Count the rejected units that a credit without goods could be for: what lay in their place is none of them."""
    return sum((part.quantity for part in line.parts if not part.accepted and not part.instead), NOTHING)


def offered(standing: Standing, line: ReturnLine) -> tuple[str, ...]:
    """Give the outcomes that can be said of a line that stands so. Whose credit was debited is not credited anew."""
    return tuple(name for name, rule in OUTCOMES.items()
                 if standing in rule.ways and (rule.ways[standing] is not Decision.CREDIT
                                               or (credited_units(line) and line.debit_to is None)))


def holds(line: ReturnLine, said: Concluded) -> bool:
    """Tell whether what was said of a line is still so."""
    match said.decision:
        case Decision.CLOSE:
            return line.closed
        case Decision.DEBIT:
            return line.debit_to is not None
        case Decision.CREDIT:
            return any(part.granted for part in line.parts)
        case _:
            return line.rejected >= said.units


def told(case: ReturnCase, rules: Rules, entity: LegalEntity | None) -> Iterator[str]:
    """Say to a customer, line by line, what was not accepted and what becomes of it; what nobody said yet is said to be so."""
    for line in case.lines:
        said = next((each for each in reversed(case.outcomes) if each.line_id == line.line_id and holds(line, each)), None)
        open_units = line.rejected if said is None or said.decision is not None else line.rejected - said.units
        if said is not None:
            yield (f"We could not accept {said.units.normalize():f} x {line.sku}: {said.reason.strip().rstrip('.')}; "
                   f"{OUTCOMES[said.outcome].tells}.")
        if said is None and line.rejected and (line.debit_goods == "leave" or _goes_back(case, line, rules, entity)):
            yield f"We could not accept {line.rejected.normalize():f} x {line.sku}; {OUTCOMES['sent-back'].tells}."
        elif open_units > 0 and not line.closed and (said is None or said.decision in {None, Decision.CREDIT}):
            yield f"We could not accept {open_units.normalize():f} x {line.sku}; we will tell you what becomes of it."


def _goes_back(case: ReturnCase, line: ReturnLine, rules: Rules, entity: LegalEntity | None) -> bool:
    """Tell whether the mapping itself sends back all that was rejected of a line."""
    mine = rows_for(case, rules)
    rows = [choose(mine, circumstance(case, line, part, entity)) if entity else None for part in line.parts if not part.accepted]
    return all(row is not None and row.outcome is Target.SENT_BACK for row in rows)
