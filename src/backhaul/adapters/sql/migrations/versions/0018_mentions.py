"""A return is found by an order or parcel its facts name without reading all facts, and a customer's returns lie in the order of a page."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KINDS = ("Announced", "Progressed", "Received", "Inspected", "Lost", "Matched")
AT_ONCE = 5000
LONGEST = 128


def upgrade() -> None:
    """Go to this version; what was kept before is read once."""
    op.create_table(
        "mentions", *(sa.Column(name, WORDS, nullable=False) for name in ("tenant", "name", "sort", "return_ref")),
        sa.PrimaryKeyConstraint("tenant", "name", "sort", "return_ref", name="mentions_name"),
        sa.CheckConstraint("sort IN ('order', 'parcel')", name="mentions_sort"))
    op.drop_index("cases_customer", "cases")
    op.create_index("cases_customer", "cases", ["tenant", "customer", "ref"])
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    wanted = sa.text("SELECT id, tenant, return_ref, body FROM facts WHERE id > :last AND kind IN :kinds ORDER BY id LIMIT :most")
    wanted = wanted.bindparams(sa.bindparam("kinds", expanding=True))
    keep = sa.text("INSERT INTO mentions (tenant, name, sort, return_ref) VALUES (:tenant, :name, :sort, :ref) ON CONFLICT DO NOTHING")
    last = 0
    while found := connection.execute(wanted, {"last": last, "kinds": KINDS, "most": AT_ONCE}).all():
        last = found[-1].id
        told = {(row.tenant, name, sort, row.return_ref) for row in found for sort, name in _named(json.loads(row.body))}
        if told:
            connection.execute(keep, [dict(zip(("tenant", "name", "sort", "ref"), each, strict=True)) for each in sorted(told)])


def _named(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the orders and parcels of a fact as they were written by then."""
    lines = body.get("lines", ())
    told = [("parcel", body.get("parcel")), ("order", body.get("order")), *(("order", line.get("order")) for line in lines),
            *(("order", line["ref"].get("order")) for line in lines)]
    yield from ((sort, name) for sort, name in told if name and len(name) <= LONGEST and name.isprintable())
