"""A page of a list costs the same wherever it lies, and a return is found by every id somebody may hold."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

OPEN = sa.text("closed_at IS NULL")
SAID = ("number", "voucher")


def upgrade() -> None:
    """Go to this version."""
    op.create_index("deliveries_time", "deliveries", ["tenant", "source", "received_at", "first"])
    op.create_index("cases_list", "cases", ["tenant", "legal_entity", "state", "updated_at", "ref"])
    op.create_index("cases_customer", "cases", ["tenant", "customer"])
    op.create_index("exceptions_list", "exceptions", ["tenant", "due_at", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("postings_order", "postings", ["tenant", "order_ref"])
    op.create_index("postings_window", "postings", ["window_key", "key"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name in SAID:
        says = f"json_extract(erp, '$.{name}')" if sqlite else f"""(substring(erp, '"{name}":"([^"]*)"'))"""
        op.execute(f"CREATE INDEX postings_erp_{name} ON postings (tenant, {says})")
