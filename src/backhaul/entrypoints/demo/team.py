"""Who works in the demo? One person of each role; nobody here is anybody."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from backhaul.application import people
from backhaul.application.people_ports import PeopleStore
from backhaul.domain.access import Grant, Role
from backhaul.entrypoints.web.signing_in import LOCAL

TEAM: Final[Mapping[str, Role]] = {
    "Vera Viewer": Role.VIEWER, "Oskar Operator": Role.OPERATOR, "Wanda Warehouse": Role.WAREHOUSE, "Fiona Finance": Role.FINANCE,
    "Anton Approver": Role.APPROVER, "Ada Admin": Role.ADMIN, "Udo Auditor": Role.AUDITOR,
}


def employ(store: PeopleStore, tenant: str, now: datetime, team: Mapping[str, Role] = TEAM) -> None:
    """Let people with one role each work for a tenant; they come in by the passphrase of a development system."""
    for name, role in team.items():
        number = people.add(store, issuer=LOCAL, subject=name, name=name, actor="set-up", now=now)
        with store.begin() as tx:
            people.give(tx, number, Grant(role=role, tenant=tenant, entities=None), granted_by="set-up", approved_by="demo", now=now)
