"""Who waits for money is listed by since when, without those who wait for nothing."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0019"
down_revision = "0018"

WAITS = sa.text("waits_since IS NOT NULL")


def upgrade() -> None:
    """Go to this version. Whoever waits by then does so since the announcement, or since we first heard of it."""
    op.add_column("cases", sa.Column("waits_since", Utc(), nullable=True))
    heard = "SELECT min(at) FROM facts WHERE facts.tenant = cases.tenant AND facts.return_ref = cases.ref"
    op.execute(f"UPDATE cases SET waits_since = coalesce(({heard} AND facts.kind = 'Announced'), ({heard}), updated_at) "  # noqa: S608  our words
               "WHERE state IN ('waiting', 'planned', 'posting', 'held')")
    op.create_index("cases_waiting", "cases", ["tenant", "legal_entity", "waits_since", "ref"], sqlite_where=WAITS, postgresql_where=WAITS)
