"""Runs of the proof of a period, and the lines that were not proved."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact, Utc

revision = "0016"
down_revision = "0015"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GUARDS = (
    ("proofs_stay", "DELETE ON proofs", "proofs are never deleted"),
    ("proofs_fixed", "UPDATE ON proofs", "a proof stays as it was run"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "proofs", _id(), *map(_words, ("tenant", "period", "day")), sa.Column("at", Utc(), nullable=False), _words("actor"),
        sa.Column("complete", sa.Boolean(), nullable=False), *map(_words, ("figures", "extracts")),
        sa.CheckConstraint("actor <> ''", name="proofs_actor"), sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("proofs_period", "proofs", ["tenant", "period"])
    op.create_table(
        "proof_lines", _id(), sa.Column("proof", SERIAL, sa.ForeignKey("proofs.id"), nullable=False),
        *map(_words, ("tenant", "period", "line", "return_ref", "line_id", "standing", "kind")),
        sa.Column("amount", Exact(), nullable=False), *map(_words, ("entity", "currency", "document", "also", "other", "since")),
        sa.CheckConstraint("standing IN ('broken', 'timing', 'orphan')", name="proof_lines_standing"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("proof_lines_kind", "proof_lines", ["tenant", "period", "kind"])
    guard = _guard_postgres if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    for row in GUARDS:
        guard(*row)


def _id() -> "sa.Column[int]":
    return sa.Column("id", SERIAL, autoincrement=True, nullable=False)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard_sqlite(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
