"""What a proof found of the house as a whole, what shop and platform state by file, and how availability differs."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact, Utc

revision = "0026"
down_revision = "0023"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GUARDS = (
    ("statements_stay", "DELETE ON statements", "statements are never deleted"),
    ("statements_fixed", "UPDATE ON statements", "a statement stays as it came"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "proof_house", _id(), sa.Column("proof", SERIAL, sa.ForeignKey("proofs.id"), nullable=False),
        *map(_words, ("tenant", "period", "kind", "subject", "sentence")), sa.Column("amount", Exact(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False), *map(_words, ("entity", "currency")),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True,
        if_not_exists=True)
    op.create_index("proof_house_kind", "proof_house", ["tenant", "period", "kind"], if_not_exists=True)
    op.create_table(
        "statements", _id(), *map(_words, ("tenant", "sort", "name", "sha256", "actor")), sa.Column("at", Utc(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False), sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("sort IN ('availability', 'totals')", name="statements_sort"),
        sa.CheckConstraint("actor <> ''", name="statements_actor"), sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True,
        if_not_exists=True)
    op.create_index("statements_latest", "statements", ["tenant", "sort", "id"], if_not_exists=True)
    op.create_table(
        "availability", _id(), sa.Column("statement", SERIAL, sa.ForeignKey("statements.id"), nullable=False),
        *map(_words, ("tenant", "sku", "at", "entity", "warehouse", "standing")), sa.Column("shop", Exact(), nullable=False),
        sa.Column("erp", Exact(), nullable=False), sa.Column("told", Exact()),
        sa.CheckConstraint("standing IN ('differs', 'in-flight', 'unknown')", name="availability_standing"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True,
        if_not_exists=True)
    op.create_index("availability_list", "availability", ["tenant", "standing", "sku"], if_not_exists=True)
    guard = _guard_postgres if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    for row in GUARDS:
        guard(*row)


def _id() -> "sa.Column[int]":
    return sa.Column("id", SERIAL, autoincrement=True, nullable=False)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard_sqlite(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END $$")
    op.execute(f"CREATE OR REPLACE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
