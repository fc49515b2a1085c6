"""What payment providers told, byte for byte, and the payments in it, once for each status."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact, Utc

revision = "0023"
down_revision = "0021"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GUARDS = (
    ("payments_stay", "DELETE ON payments", "what was told of a payment is never deleted"),
    ("payments_fixed", "UPDATE ON payments", "what was told of a payment stays as it was told"),
    ("paysheets_stay", "DELETE ON paysheets", "what a provider sent is never deleted"),
    ("paysheets_fixed", "UPDATE ON paysheets", "what a provider sent stays byte for byte"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "paysheets", *map(_words, ("tenant", "sha256", "provider", "name")), sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", Utc(), nullable=False), sa.PrimaryKeyConstraint("tenant", "sha256", name="paysheets_content"),
        if_not_exists=True)
    op.create_table(
        "payments", sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        *map(_words, ("tenant", "provider", "reference", "status", "currency", "day")),
        *(sa.Column(name, Exact(), nullable=False) for name in ("amount", "fee", "bonus", "exchange")),
        *map(_words, ("pays", "sheet")), sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'failed', 'paid', 'reversed')", name="payments_status"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True, if_not_exists=True)
    op.create_index("payments_once", "payments", ["tenant", "provider", "reference", "status"], unique=True, if_not_exists=True)
    guard = _guard_postgres if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    for row in GUARDS:
        guard(*row)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard_sqlite(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE TRIGGER IF NOT EXISTS {name} BEFORE {what} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, says: str) -> None:
    op.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END $$")
    op.execute(f"CREATE OR REPLACE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
