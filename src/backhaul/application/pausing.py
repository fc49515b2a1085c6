"""May writes leave?

One person may stop them, of a legal entity or of a tenant, and it holds at once; two let them leave again (INV-32). Receiving, reading,
judging and looking go on: what the ERP did meanwhile is found, and nothing new is asked of it.
"""

from datetime import datetime

from backhaul.application.people_ports import KeptPause, PeopleStore
from backhaul.domain.access import Scope
from backhaul.domain.errors import NeedsOperator
from backhaul.domain.rules import Rules


def pause(store: PeopleStore, rules: Rules, legal_entity: str, *, actor: str, reason: str, now: datetime) -> int:  # noqa: PLR0913  each is named
    """Let no write leave from now on; give the number of the pause. What holds already is left as it is."""
    if legal_entity:
        rules.chosen(legal_entity)
    if not reason.strip():
        message = "say why writes are paused; it is shown on every page until they are not"
        raise NeedsOperator(message, about="reason")
    with store.begin() as tx:
        held = {row.legal_entity for row in tx.pauses(rules.tenant)}
        number = tx.pause(rules.tenant, legal_entity, reason=reason.strip(), actor=actor, at=now)
        if legal_entity not in held:
            tx.record(rules.tenant, subject=subject_of(legal_entity), action="pause.began", at=now, actor=actor, detail={
                "pause": number, "legal_entity": legal_entity, "reason": reason.strip()})
    return number


def holding(store: PeopleStore, scope: Scope) -> list[KeptPause]:
    """Give the pauses that hold and concern a scope, for the head of every page; one of the whole tenant concerns everybody."""
    with store.look() as tx:
        return [row for row in tx.pauses(scope.tenant) if not row.legal_entity or scope.covers(row.legal_entity)]


def subject_of(legal_entity: str) -> str:
    """Name what a pause is about."""
    return f"pause {legal_entity}" if legal_entity else "pause"
