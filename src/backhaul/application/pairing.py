"""Two people confirm that a credit or a receipt made by hand is that of a line, or a payment that of a return, or revoke it.

From then on the proof takes the record as the line's, and the line is never credited, and its goods never received, by us. A line of which
we made a credit ourselves, or are making one, is matched with no other: that is a second credit, and is shown as one. Every ERP moves stock
with what it credits of us, so that goods received by hand are matched only where nothing of ours is on its way to the line, or all of it is
done and brought in nothing. A payment that names no return is then counted as that return's; nobody makes one here.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from backhaul.application.approvals import Acting, Effect, Subject
from backhaul.application.attest import judged, name_of
from backhaul.application.people_ports import PeopleStore, PeopleTx
from backhaul.application.ports import FIXED, PostingState, Tx
from backhaul.domain.charges import debited_line
from backhaul.domain.entry import Side
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.money import Money
from backhaul.domain.pairing import Given, Match, Rule, Suggested, Suggestion
from backhaul.domain.posting import CreditNote, PostingKind
from backhaul.domain.returns import NOTHING
from backhaul.domain.rules import Rules

CREDITS: Final = frozenset({PostingKind.CREDIT_NOTE, PostingKind.FEE_CREDIT_NOTE})
LEAD: Final = frozenset({PostingKind.ORDER_LINE, PostingKind.FEE_LINE, PostingKind.RECEIPT})
"""Documents of a line of which an ERP makes a credit by itself, or with which it credits."""
JOURNALS: Final = frozenset({PostingKind.ADJUSTMENT, PostingKind.TRANSFER, PostingKind.ISSUE})
"""What moves units of a line that are stock already, or are none of its return's."""
BEGINS: Final = frozenset({PostingState.READY, PostingState.AWAITED})
"""States of a posting of which nothing was sent or found yet; another one further on says more."""


def keep(store: PeopleStore, tenant: str, period: str, suggested: Suggested) -> None:
    """Keep what a proof suggests, until the next proof of the period."""
    with store.begin() as tx:
        tx.keep_suggested(tenant, period, [*map(content_of, suggested.found), *({"given_up": said} for said in suggested.given_up)])


def content_of(each: Suggestion) -> dict[str, Any]:
    """Write what a suggestion says, and a proposal of it; no customer is named."""
    return {"key": each.key, "side": each.side.value, "rule": each.rule.value, "ambiguous": each.ambiguous, "evidence": each.evidence,
            "legal_entity": each.lines[0].entity, "currency": each.lines[0].currency, "net": str(each.net),
            "records": {record.key: record.document for record in each.records},
            "lines": [[line.return_ref, line.line_id, str(line.units), str(line.net)] for line in each.lines],
            "told": {record.key: ["" if record.units is None else str(record.units), str(record.net) if record.net else "",
                                  record.posted_on.isoformat() if record.posted_on else ""] for record in each.records}}


def side_of(content: Mapping[str, Any]) -> Side:
    """Say whether a suggestion, or what is proposed of one, is about credits or receipts; before there were receipts, none said so."""
    return Side(content.get("side", Side.CREDIT.value))


def choose(tx: PeopleTx, tenant: str, period: str, key: str) -> Mapping[str, Any]:
    """Give a suggestion of a month by its key, as what is proposed."""
    told = next((each for each in tx.suggested(tenant, period) if each.get("key") == key), None)
    if told is None:
        message = f"{period}: the latest proof suggests no match '{key}'; list them again"
        raise NeedsOperator(message)
    return told


def _given(content: Mapping[str, Any]) -> tuple[Given, ...]:
    return tuple(Given(return_ref=ref, line_id=line_id, units=Decimal(units), net=Decimal(net))
                 for ref, line_id, units, net in content["lines"])


def _made(tx: Tx, tenant: str, lines: Sequence[Given]) -> None:
    """Stop where we made a credit of one of these lines or are making one, or a document of which the ERP makes one.

    Whatever came of it, it may be there, and what was refused may be sent again.
    """
    stops = [(row.state not in BEGINS, row.posting.key.kind in CREDITS, name_of(ref, mine.line_id), row)
             for ref, rows in tx.postings(tenant, sorted({line.return_ref for line in lines})).items() for row in rows for mine in lines
             if ref == mine.return_ref and mine.line_id in {row.posting.line_id, debited_line(row.posting)}
             and row.state in FIXED and row.posting.key.kind in CREDITS | LEAD]
    if not stops:
        return
    _, credit, name, row = max(stops, key=lambda each: each[:3])
    ours = "a credit of our own" if credit else f"our {row.posting.key.kind.value}"
    leads, which = ("", "one of the two") if credit else (", of which the ERP makes a credit", "the credit by hand")
    message = (f"{name}: {ours} is {row.state.value}{leads}, so that another is a second credit (DUPLICATE_BY_HAND) and belongs to no "
               f"line; have {which} taken back")
    raise NeedsOperator(message)


def _brought(tx: Tx, rules: Rules, lines: Sequence[Given]) -> None:
    """Stop where something of ours brings goods of one of these lines into stock, or may.

    Whatever came of it, it may be there. Where all of it is done and the whole line is credited nothing comes any more, and that the books
    show no receipt of it is what the receipt by hand is for.
    """
    refs = sorted({line.return_ref for line in lines})
    units = {(ref, each.line_id): each.accepted.units for ref, told in judged(tx, rules, refs).items() for each in told.expected}
    kept = tx.postings(rules.tenant, refs)
    for mine in lines:
        rows = [row for row in kept.get(mine.return_ref, ()) if row.state in FIXED and row.posting.line_id == mine.line_id
                and row.posting.key.kind in CREDITS | LEAD | JOURNALS]
        credited = sum((row.posting.document.quantity for row in rows if isinstance(row.posting.document, CreditNote)), NOTHING)
        done = all(row.state is PostingState.VERIFIED and row.posting.key.kind not in JOURNALS for row in rows)
        if rows and not (done and credited == units.get((mine.return_ref, mine.line_id))):
            row = next((row for row in rows if row.state is not PostingState.VERIFIED), rows[0])
            message = (f"{name_of(mine.return_ref, mine.line_id)}: our {row.posting.key.kind.value} is {row.state.value}, and what we make "
                       "of a line brings its goods into stock, so that this receipt would be a second one and belongs to no line; have the "
                       "receipt by hand taken back")
            raise NeedsOperator(message)


def _free(tx: Tx, rules: Rules, side: Side, lines: Sequence[Given]) -> None:
    """Stop where something of ours stands against a match; nothing of ours pays."""
    if side is Side.CREDIT:
        _made(tx, rules.tenant, lines)
    elif side is Side.STOCK:
        _brought(tx, rules, lines)


def _looks(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    """Give a match with its lines as they are accepted now; stop where it cannot be."""
    lines, side = _given(content), side_of(content)
    _free(tx, rules, side, lines)
    asked = {(line.return_ref, line.line_id) for line in lines}
    standing = [match for match in tx.matches(rules.tenant) if match.side is side and (
        set(match.records) & set(content["records"]) or (
            side is not Side.PAYMENT and {(line.return_ref, line.line_id) for line in match.lines} & asked))]
    if standing:
        message = f"match {standing[0].id} stands already: {standing[0].said}"
        raise NeedsOperator(message)
    known = accepted(tx, rules, sorted({line.return_ref for line in lines}), side)
    what = "accepted" if side is Side.CREDIT else "to be stock"
    for line in lines if side is not Side.PAYMENT else ():
        if (line.units, line.net) != (now := known.get((line.return_ref, line.line_id), (NOTHING, NOTHING))):
            message = (f"{name_of(line.return_ref, line.line_id)}: {now[0]} for {now[1]} are {what} now, not {line.units} for "
                       f"{line.net}; prove the month again")
            raise NeedsOperator(message)
    return Subject(name=lines[0].return_ref, legal_entity=str(content["legal_entity"]),
                   money=Money(amount=-Decimal(content["net"]), currency=str(content["currency"])),
                   state={name: content[name] for name in ("rule", "evidence", "ambiguous", "records", "lines")})


def accepted(tx: Tx, rules: Rules, refs: Sequence[str], side: Side = Side.CREDIT) -> Mapping[tuple[str, str], tuple[Decimal, Decimal]]:
    """Give units and net amount that are accepted of each line of these returns; or, of receipts, the units of it that should be stock."""
    return {(ref, each.line_id): (each.accepted.units if side is Side.CREDIT else each.accepted.stocked, each.accepted.net)
            for ref, told in judged(tx, rules, refs).items() for each in told.expected}


def _acts(tx: PeopleTx, acting: Acting) -> str:
    said, content = acting.proposal, acting.proposal.content
    match = Match(tenant=said.tenant, legal_entity=said.legal_entity, side=side_of(content), rule=Rule(content["rule"]),
                  records=content["records"], lines=_given(content), currency=str(content["currency"]),
                  evidence=str(content["evidence"]), proposal=said.id, actor=said.proposer, approver=acting.approver, reason=said.reason,
                  at=acting.now)
    number = tx.keep_match(match)
    _free(tx, acting.rules, match.side, match.lines)  # once more: what was being fixed meanwhile is seen now
    _tell(tx, acting, match, number, "match.confirmed")
    return f"match {number}: {match.said}"


def _standing(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Match:
    match = next((each for each in tx.matches(rules.tenant) if each.id == int(content["match"])), None)
    if match is None:
        message = f"tenant '{rules.tenant}' has no match {content['match']} that stands"
        raise NeedsOperator(message)
    return match


def _sees(tx: PeopleTx, rules: Rules, content: Mapping[str, Any]) -> Subject:
    match = _standing(tx, rules, content)
    net = sum((line.net for line in match.lines), NOTHING)
    return Subject(name=match.lines[0].return_ref, legal_entity=match.legal_entity, money=Money(amount=-net, currency=match.currency),
                   state={"match": match.id, "said": match.said, "evidence": match.evidence})


def _undoes(tx: PeopleTx, acting: Acting) -> str:
    said, match = acting.proposal, _standing(tx, acting.rules, acting.proposal.content)
    tx.revoke_match(said.tenant, match.id, proposal=said.id, actor=said.proposer, approver=acting.approver, reason=said.reason,
                    at=acting.now)
    _tell(tx, acting, match, match.id, "match.revoked")
    return f"match {match.id} is revoked; its lines are planned again"


def _tell(tx: PeopleTx, acting: Acting, match: Match, number: int, action: str) -> None:
    """Write it into the trail of every return it is about, and have each looked at again."""
    refs = sorted({line.return_ref for line in match.lines})
    for ref in refs:
        tx.record(match.tenant, subject=ref, action=action, at=acting.now, actor=acting.proposal.proposer, detail={
            "match": number, "side": match.side.value, "approver": acting.approver, "reason": acting.proposal.reason,
            "documents": sorted(set(match.records.values())), "lines": [line.line_id for line in match.lines if line.return_ref == ref]})
    tx.touch(match.tenant, refs)


PAIR: Final = Effect(looks=_looks, acts=_acts)
UNPAIR: Final = Effect(looks=_sees, acts=_undoes)
