"""What tolerances let go in the latest proof of a period, difference by difference, under the row that let it go."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact

revision = "0040"
down_revision = "0038"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "proof_within", sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("proof", SERIAL, sa.ForeignKey("proofs.id"), nullable=False),
        *map(_words, ("tenant", "period", "line", "return_ref", "line_id", "measure")), sa.Column("amount", Exact(), nullable=False),
        *map(_words, ("row", "entity", "currency", "document")), sa.CheckConstraint("\"row\" <> ''", name="proof_within_row"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("proof_within_row_of", "proof_within", ["tenant", "period", "row"])


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)
