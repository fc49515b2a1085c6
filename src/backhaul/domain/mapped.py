"""By which version's mapping do the goods of a return go?

By the one that holds, unless two people said for one return that it goes by an earlier one. Only where goods go is then of that version:
what may be sold, limits, fees, windows and legal entities are those of now, so what is not sellable by now is held all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backhaul.domain.disposition import Circumstance, JournalType, MappingRow, Outcome, Place, choose
from backhaul.domain.posting import Posting, intake
from backhaul.domain.returns import ReturnCase
from backhaul.domain.rules import Rules


def rows_for(case: ReturnCase, rules: Rules) -> Sequence[MappingRow]:
    """Give the mapping rows a return is judged by."""
    return rules.mapping if case.mapped is None else case.mapped.rows


def version_for(case: ReturnCase, rules: Rules) -> str:
    """Name the version those rows are of, as every effect that follows from them names it."""
    return rules.version if case.mapped is None else case.mapped.profile


def sent_otherwise(case: ReturnCase, made: Sequence[tuple[Posting, str]], *, rows: Sequence[MappingRow], by: str,
                   now: Sequence[MappingRow]) -> Iterator[Circumstance]:
    """Give in which circumstances goods were sent off that `rows` of version `by` send elsewhere than the rows of `now`.

    `made` are the fixed postings, each with the version it was fixed by. What was sent is never judged anew.
    """
    for posting, version in made:
        brought = intake(posting.document)
        if brought is None or version == by:
            continue
        when = Circumstance(legal_entity=posting.key.legal_entity, warehouse=brought.node or case.warehouse,
                            disposition=brought.disposition, condition=brought.condition, reason=brought.reason)
        if choose(rows, when) != choose(now, when):
            yield when


def written(rows: Sequence[MappingRow]) -> list[dict[str, Any]]:
    """Write rows in plain values, as a proposal keeps them."""
    return [asdict(row) | {"outcome": row.outcome.value, "journal_type": row.journal_type.value} for row in rows]


def read(told: Sequence[Mapping[str, Any]]) -> tuple[MappingRow, ...]:
    """Read rows that were written so."""
    return tuple(MappingRow(**{**row, "when": Circumstance(**row["when"]), "place": Place(**row["place"]),
                               "outcome": Outcome(row["outcome"]), "journal_type": JournalType(row["journal_type"])}) for row in told)
