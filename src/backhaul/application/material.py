"""What is a pack of a month made of, and is what was read for it still what it was?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import duckdb

from backhaul.application.close_ports import CloseStore
from backhaul.application.extracts import SIDES, files_of, table_of
from backhaul.application.ledger import Ledger, Proposed
from backhaul.application.people_ports import KeptReign
from backhaul.application.ports import KeptException, KeptWindow
from backhaul.application.proof_ports import KeptProof, KeptStray
from backhaul.application.state import AVAILABILITY
from backhaul.domain.access import Scope
from backhaul.domain.availability import Compared
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.oversight import Irregular
from backhaul.domain.pairing import Match
from backhaul.domain.proposal import Proposal
from backhaul.domain.returns import NOTHING
from backhaul.domain.roll_forward import Rolled
from backhaul.domain.rules import Rules
from backhaul.domain.signature import Signature, begins, ends
from backhaul.domain.valuation import Figures

SAMPLE: Final = 25
"""Lines either side of a month's end."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A cell that is worked out from others, and what it comes to."""

    expression: str
    value: Decimal | int | str


Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One section as it is handed over."""

    name: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """What the latest proof kept of a month's end beside its lines; nothing where the profile names no accounts."""

    rolled: Rolled | None = None
    figures: Figures | None = None
    ledger: Ledger | None = None
    journals: Sequence[Proposed] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the sections are made of: a month's latest proof, what its extracts hold, and what was decided and signed."""

    rules: Rules
    period: str
    proof: KeptProof
    sides: Sequence[Row]
    """By legal entity and currency: lines and net accepted, net credited, units to stock, units in stock."""
    timing: Mapping[tuple[str, str], Decimal]
    sample: Sequence[Row]
    strays: Sequence[KeptStray]
    open: Sequence[tuple[str, KeptException]]
    windows: Sequence[KeptWindow]
    proposals: Sequence[Proposal]
    reigns: Sequence[KeptReign]
    signatures: Sequence[Signature]
    house: Sequence[Irregular] = ()
    available: Sequence[Compared] = ()
    """Where the shop's latest file of availability differs, if it came in the month."""
    matches: Sequence[Match] = ()
    """Credits by hand that stood as the credit of a line accepted in the month when the proof was made."""
    end: MonthEnd = MonthEnd()

    def last_day(self, entity: str) -> date:
        """Give the period's last day in a legal entity's calendar; of one that is no more, the last in any."""
        found = [each.calendar.last(self.period) for each in self.rules.having(self.period) if each.id == entity]
        return found[0] if found else self.rules.span(self.period).last


def gather(store: CloseStore, rules: Rules, period: str, whole: Callable[[str, str], None], end: MonthEnd | None = None) -> Material:
    """Collect what a month's pack is made of; a month that was never proved has none.

    `whole` stops where a file is not the one with this hash; the extracts of the following month's proof are asked for as well. `end` is
    what the same proof kept of the month's end.
    """
    mine = rules.having(period)
    following = next(filter(None, (entity.calendar.following(period) for entity in mine)), "")
    since, over = min(begins(entity, period) for entity in mine), min(ends(entity, period) for entity in mine)
    with store.look() as tx:
        proof = next(iter(tx.proofs(rules.tenant, period, limit=1)), None)
        if proof is None:
            message = f"{period} was never proved; run `backhaul reconcile --period {period}` first"
            raise NeedsOperator(message)
        after = next(iter(tx.proofs(rules.tenant, following, limit=1)), None) if following else None
        strays = tx.strays(rules.tenant, period)
        open_ = [(entity.id, row) for entity in mine for row in tx.open_at(rules.tenant, entity.id, ends(entity, period))]
        windows = [row for entity in mine for row in tx.windows(rules.tenant, entity.id) if row.period == period]
        proposals = [row for row in tx.proposals(Scope.whole(rules.tenant), open_only=False)
                     if any(at and since <= at < over for at in (row.proposed_at, row.ended_at))]
        reigns = [row for row in reversed(tx.reigns(rules.tenant, most=1000)) if since <= row.since < over]
        signatures = tx.signatures(rules.tenant, period)
        house, stated = tx.house(rules.tenant, period), tx.statements(rules.tenant, AVAILABILITY, limit=1)
        matches = [each for each in tx.matches(rules.tenant, standing=False)
                   if each.at <= proof.at and (each.revoked_at is None or each.revoked_at > proof.at)]
        available = tx.differing(rules.tenant) if stated and since <= stated[0].at < over else ()
    for run in (proof, after):
        for file in (file for extract in run.extracts for file in files_of(extract)) if run else ():
            whole(str(file["file"]), str(file["sha256"]))
    timing: dict[tuple[str, str], Decimal] = {}
    for each in strays:
        if each.standing == "timing":
            timing[each.entity, each.currency] = timing.get((each.entity, each.currency), NOTHING) + each.amount
    return Material(rules=rules, period=period, proof=proof, sides=_sides(proof), timing=timing, sample=_sample(proof, after),
                    strays=strays, open=open_, windows=windows, proposals=proposals, reigns=reigns, signatures=signatures,
                    house=house, available=available, end=end or MonthEnd(), matches=_of_the_month(proof, matches))


# --- what the extracts hold


def _sides_of(proof: KeptProof) -> Mapping[str, str]:
    """Give each side of a proof as a table in SQL."""
    return {str(each["side"]): table_of(each) for each in proof.extracts if each["side"] in SIDES}


def _sides(proof: KeptProof) -> Sequence[Row]:
    """Add both sides up by legal entity and currency, from the extracts of the proof."""
    read = _sides_of(proof)
    with duckdb.connect(config={"threads": 1}) as engine:
        return engine.execute(f"""
            WITH mine AS (SELECT entity, currency, count(*) AS lines, sum(net) AS net, sum(stocked) AS stocked
                          FROM {read['accepted']} GROUP BY ALL),
                 named AS (SELECT DISTINCT line, currency FROM {read['accepted']}),
                 theirs AS (SELECT r.entity, coalesce(r.currency, n.currency) AS currency,
                                   sum(r.net) FILTER (side = 'credit' AND status = 'posted') AS credited,
                                   sum(r.units) FILTER (side = 'stock' AND status = 'posted') AS received
                            FROM {read['records']} r LEFT JOIN named n USING (line)
                            WHERE side IN ('credit', 'stock') GROUP BY ALL)
            SELECT coalesce(entity, ''), coalesce(currency, ''), coalesce(lines, 0), coalesce(net, 0), coalesce(credited, 0),
                   coalesce(stocked, 0), coalesce(received, 0)
            FROM mine FULL JOIN theirs USING (entity, currency) ORDER BY 1, 2""").fetchall()


def _of_the_month(proof: KeptProof, matches: Sequence[Match]) -> Sequence[Match]:
    """Give the matches of which a line was accepted in the month."""
    if not matches:
        return ()
    with duckdb.connect(config={"threads": 1}) as engine:
        found = {line for (line,) in engine.execute(
            f"SELECT line FROM {_sides_of(proof)['accepted']} WHERE list_contains(?, line)",
            [[f"{line.return_ref}|{line.line_id}" for match in matches for line in match.lines]]).fetchall()}
    return [match for match in matches if any(f"{line.return_ref}|{line.line_id}" in found for line in match.lines)]


def _sample(proof: KeptProof, after: KeptProof | None) -> Sequence[Row]:
    """Take the last lines accepted before each legal entity's month was over and the first after, with the days of the ERP's records."""
    found: list[Row] = []
    with duckdb.connect(config={"threads": 1}) as engine:
        for run, order in ((proof, "DESC"), (after, "ASC")):
            if run is not None:
                read = _sides_of(run)
                found += engine.execute(f"""
                    WITH posted AS (SELECT line, max(posted_on) FILTER (side = 'stock') AS received_on,
                                           max(posted_on) FILTER (side = 'credit') AS credited_on
                                    FROM {read['records']} WHERE status = 'posted' AND line <> '' GROUP BY line)
                    SELECT entity, line, net, currency, accepted_on, received_on, credited_on
                    FROM {read['accepted']} LEFT JOIN posted USING (line) WHERE accepted_on IS NOT NULL AND units > 0
                    QUALIFY row_number() OVER (PARTITION BY entity ORDER BY accepted_on {order}, line) <= {SAMPLE}
                    ORDER BY entity, accepted_on, line""").fetchall()
    return found
