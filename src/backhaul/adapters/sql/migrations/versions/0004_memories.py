"""Routines that run by themselves remember how far they came; what happened when is found without reading all of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "memories",
        sa.Column("tenant", WORDS, nullable=False), sa.Column("name", WORDS, nullable=False), sa.Column("body", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="memories_name"))
    op.create_index("facts_time", "facts", ["tenant", "at"])
