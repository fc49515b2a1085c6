"""Overdue work says before whom it has come beside its owner."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this version."""
    op.add_column("exceptions", sa.Column("escalated", WORDS, nullable=False, server_default=""))
