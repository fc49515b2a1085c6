"""What can a program see of batches, mappings, flows, causes and messages, as the pages show them?"""

from typing import Final

from litestar import Response, get
from litestar.params import FromPath, FromQuery

from backhaul.adapters.sql import coverage, lists
from backhaul.adapters.sql.lists import Reach
from backhaul.application.ports import KeptPosting
from backhaul.domain.access import Action
from backhaul.domain.disposition import MappingRow
from backhaul.domain.proposal import ProposalKind
from backhaul.domain.resolution import WAYS_OUT, manual, meanwhile, ways_out
from backhaul.domain.rules import Rules
from backhaul.domain.team import Team
from backhaul.entrypoints import overseeing
from backhaul.entrypoints.api.frame import Asked, Mine, Told, absent, plain
from backhaul.entrypoints.api.reading import MOST, WRONG_PLACE
from backhaul.entrypoints.api.shapes import offered


@get("/{tenant:str}/batches", action=Action.SEE, sync_to_thread=True)
def batches(asked: Mine, after: FromQuery[str] = "", limit: FromQuery[int] = 50) -> Told:
    """List windows that closed, the latest first: control totals, the period they land in, what the ledger said.

    `next` says behind what the rest begins, as `after`; empty if there is no more.
    """
    if after and not (after.isdecimal() and len(after) < len(str(2**63))):
        raise WRONG_PLACE
    most = min(max(limit, 1), MOST)
    with asked.store.read() as connection, asked.store.look() as tx:
        reach = _reach(asked)
        found = lists.windows(connection, reach, before=int(after) if after else None, limit=most + 1)
        waiting = {key for entity in reach.entities for key in tx.unapproved(asked.tenant, entity)}
    return {"batches": [{**plain(window), "waits_for_approval": window.key in waiting} for _, window in found[:most]],
            "next": str(found[most - 1][0]) if len(found) > most else ""}


@get("/{tenant:str}/batch", action=Action.SEE, sync_to_thread=True)
def batch(asked: Mine, ref: FromQuery[str], after: FromQuery[str] = "", limit: FromQuery[int] = 50) -> Told:
    """Show a batch, its proposals, and the documents that travel in it, by key; its own is a parameter because it holds slashes."""
    most = min(max(limit, 1), MOST)
    with asked.store.read() as connection:
        window = lists.window(connection, _reach(asked), ref)
        found = lists.travelled(connection, ref, after=after, limit=most + 1) if window else []
    if window is None:
        what = f"batch '{ref}'"
        raise absent(what)
    with asked.store.look() as tx:
        proposals = tx.proposals(asked.scope, open_only=False, subjects={ref}, kinds={ProposalKind.BATCH})
    return {**plain(window), "documents": [_document(row) for row in found[:most]],
            "proposals": [offered(asked, each) for each in proposals],
            "next": str(found[most - 1].posting.key) if len(found) > most else ""}


@get("/{tenant:str}/mappings", action=Action.SEE, sync_to_thread=True)
def mappings(asked: Mine) -> Told:
    """Give the mapping that holds, the versions that held, and every code that was seen, in money, with the row it meets."""
    profile, reach = asked.house.profiles[asked.tenant], _reach(asked)
    with asked.store.look() as tx:
        held = tx.reigns(asked.tenant)
    with asked.store.read() as connection:
        seen = coverage.codes(connection, reach, profile.rules.mapping)
    return {"version": profile.rules.version, "versions": plain(held),
            "rows": [_row(profile.rules, row) for row in profile.rules.mapping if row.when.legal_entity in reach.entities],
            "seen": [{**plain(code), "mapped": code.row is not None} for code in seen]}


@get("/{tenant:str}/profile", action=Action.PROPOSE_MAPPING, sync_to_thread=True)
def holds(asked: Mine) -> Told:
    """Give the profile that holds, letter by letter; it names secrets and never holds one."""
    asked.whole()
    profile = asked.house.profiles[asked.tenant]
    return {"name": profile.name, "sha256": profile.sha256, "text": profile.text}


@get("/{tenant:str}/comparison", action=Action.SEE, sync_to_thread=True)
def comparison(asked: Mine, legal_entity: FromQuery[str]) -> Told:
    """Ask the ERP of a legal entity for its lists and compare them with the profile's, in both directions; nothing is kept."""
    asked.covers(legal_entity)
    if legal_entity not in {each.id for each in asked.rules.entities}:
        what = f"legal entity '{legal_entity}'"
        raise absent(what)
    told = overseeing.compared(asked.store, asked.house.desk(asked.tenant, legal_entity).erp, asked.rules, _reach(asked), legal_entity,
                               asked.now.date())
    return {"legal_entity": legal_entity, "compared": [plain(each) for each in told.rows],
            "goods": {"codes": len(told.goods.codes), "returns": told.goods.returns, "more": told.goods.more, "older": told.goods.older},
            "rates_named": not told.untaxed}


@get("/{tenant:str}/flows", action=Action.SEE, sync_to_thread=True)
def flows(asked: Mine) -> Told:
    """Say what came last from each source, what waits, what is under way, who acts, and what came and went in the last days."""
    told = overseeing.flows(asked.store, [each.name for each in asked.house.profiles[asked.tenant].sources], _reach(asked), asked.now)
    return {"sources": [{"name": name, "last_at": plain(at), "silent": silent} for name, at, silent in told.sources],
            "unread": told.waits, "oldest_unread_at": plain(told.oldest), "unreadable": told.aside, "under_way": dict(told.under_way),
            "holders": plain(told.holders), "days": [{**plain(each), "day": each.day.isoformat()} for each in told.days]}


@get("/{tenant:str}/causes", action=Action.SEE, sync_to_thread=True)
def causes(asked: Mine, owner: FromQuery[str] = "") -> Told:
    """Group open exceptions by cause, team and currency, the most money first: how many, how much, how many are late."""
    with asked.store.read() as connection:
        return {"causes": plain(lists.causes(connection, _reach(asked), now=asked.now, owner=owner))}


@get("/{tenant:str}/catalogue", action=Action.SEE, sync_to_thread=True)
def catalogue(asked: Mine) -> Told:
    """List every kind of exception: what it means, also to each team, whose work it is here, by when, what ends it, and what is open."""
    with asked.store.read() as connection:
        found = lists.causes(connection, _reach(asked), now=asked.now)
    return {"kinds": [{
        "kind": each.code, "means": each.kind.means, "now": each.kind.now, "owner": each.owner, "elsewhere": list(each.elsewhere),
        "severity": each.kind.severity.value, "due_days": each.kind.due.days, "waivable": each.kind.waivable,
        "meanwhile": {team.value: meanwhile(each.code, team) for team in Team},
        "resolutions": {way.value: plain(WAYS_OUT[way]) for way in ways_out([each.code])}, "manual": manual(each.code),
        "open": each.open, "overdue": each.overdue, "held": plain(each.held)} for each in overseeing.kinds(asked.rules, found).values()]}


@get("/{tenant:str}/messages/{number:int}", action=Action.SEE_PERSONAL, sync_to_thread=True)
def message(asked: Mine, number: FromPath[int]) -> Response[bytes]:
    """Download a message as it came, byte for byte, if every return it told of may be seen; the numbers stand with an exception."""
    with asked.store.read() as connection:
        found = overseeing.message(connection, _reach(asked), number)
    if found is None:
        what = f"message {number}"
        raise absent(what)
    return Response(bytes(found[0].body or b""), media_type="application/octet-stream",
                    headers={"Content-Disposition": f'attachment; filename="message-{number}.bin"'})


ROUTES: Final = (batches, batch, mappings, holds, comparison, flows, causes, catalogue, message)


def _reach(asked: Asked) -> Reach:
    """Spell out what the caller may see, entity by entity, as pages do."""
    with asked.store.read() as connection:
        return lists.reach(connection, asked.scope, *(each.id for each in asked.rules.entities))


def _document(row: KeptPosting) -> Told:
    """Give a document that travels in a batch."""
    key = row.posting.key
    return {"key": str(key), "return": key.return_ref, "line": row.posting.line_id, "kind": key.kind.value, "state": row.state.value,
            "net": plain(row.posting.net), "currency": row.posting.currency, "document": row.document.number if row.document else "",
            "mapping_version": row.mapping_version}


def _row(rules: Rules, row: MappingRow) -> Told:
    """Give a row of the mapping, and whether what it places is on sale."""
    told: Told = {**plain(row), "sells": rules.sellability.sells(row.place)}
    return told
