"""What did shop and platform state by file, as it came, and how does it differ from what the ERP has?"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select

from backhaul.adapters.sql.session import Session
from backhaul.adapters.sql.tables import availability, statements
from backhaul.application.proof_ports import KeptStatement
from backhaul.domain.availability import Compared, Standing


class Statements(Session):
    """Statements are only added; what differs is that of the latest one."""

    def keep_statement(self, kept: KeptStatement, rows: Iterable[Compared]) -> int:
        """Keep a statement with its bytes, and in place of those before the rows in which it differs; give its number."""
        number: int = self._connection.execute(insert(statements).returning(statements.c.id), {
            "tenant": kept.tenant, "sort": kept.sort, "name": kept.name, "sha256": kept.sha256, "actor": kept.actor, "at": kept.at,
            "rows": kept.rows, "body": kept.body}).scalar_one()
        if kept.sort == "availability":
            self._connection.execute(delete(availability).where(availability.c.tenant == kept.tenant))
        told = [{"statement": number, "tenant": kept.tenant, "sku": row.sku, "at": row.at, "entity": row.entity,
                 "warehouse": row.warehouse, "standing": row.standing.value, "shop": row.shop, "erp": row.erp, "told": row.told}
                for row in rows]
        if told:
            self._connection.execute(insert(availability), told)
        return number

    def statements(self, tenant: str, sort: str, *, limit: int = 100) -> Sequence[KeptStatement]:
        """Give statements of a sort with their bytes, the latest first."""
        return latest(self._connection, tenant, sort, limit=limit)

    def differing(self, tenant: str) -> Sequence[Compared]:
        """Give the rows in which the latest statement of availability differs."""
        return differing(self._connection, tenant)


def latest(connection: Connection, tenant: str, sort: str, *, limit: int = 1) -> list[KeptStatement]:
    """Give statements of a sort with their bytes, the latest first."""
    table = statements.c
    found = connection.execute(select(statements).where(table.tenant == tenant, table.sort == sort).order_by(table.id.desc()).limit(limit))
    return [KeptStatement(id=row.id, tenant=row.tenant, sort=row.sort, name=row.name, sha256=row.sha256, actor=row.actor, at=row.at,
                          rows=row.rows, body=row.body) for row in found]


def differing(connection: Connection, tenant: str, *, standing: str = "", after: int = 0, limit: int | None = None) -> list[Compared]:
    """Give the rows in which the latest statement of availability differs, by SKU: of one standing or of all."""
    table = availability.c
    query = select(availability).where(table.tenant == tenant)
    query = query.where(table.standing == standing) if standing else query
    found = connection.execute(query.order_by(table.standing, table.sku, table.at).offset(after).limit(limit))
    return [Compared(sku=row.sku, at=row.at, entity=row.entity, warehouse=row.warehouse, shop=row.shop, erp=row.erp, told=row.told,
                     standing=Standing(row.standing)) for row in found]


def counts(connection: Connection, tenant: str) -> dict[str, int]:
    """Count the rows in which the latest statement of availability differs, by standing."""
    table = availability.c
    found = connection.execute(select(table.standing, func.count()).where(table.tenant == tenant).group_by(table.standing))
    return {row[0]: row[1] for row in found}
