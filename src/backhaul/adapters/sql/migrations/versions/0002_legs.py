"""Windows know their leg; those closed before are of the window for everything, whose leg has no name."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this version."""
    op.add_column("windows", sa.Column("leg", WORDS, nullable=False, server_default=""))
