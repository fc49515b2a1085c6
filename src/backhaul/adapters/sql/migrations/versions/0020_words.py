"""What people said in their own words is kept beside the trail, whose chain has its seal, so that it can be erased and the chain holds."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Go to this version. Entries that were written before keep their words in the chain."""
    op.create_table(
        "words", sa.Column("tenant", WORDS, nullable=False), sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, WORDS, nullable=False) for name in ("name", "salt", "text")),
        sa.PrimaryKeyConstraint("tenant", "sequence", "name", name="words_name"))
