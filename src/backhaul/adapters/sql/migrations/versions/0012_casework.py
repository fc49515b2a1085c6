"""What people say about an exception, what they promised a customer, and what the API answered to which key."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0012"
down_revision = "0011"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GUARDS = (
    ("notes_stay", "DELETE ON notes", "notes are never deleted"),
    ("notes_fixed", "UPDATE ON notes", "what somebody said stays as it was said"),
    ("promises_stay", "DELETE ON promises", "promises are never deleted"),
    ("promises_fixed", "UPDATE ON promises", "what was promised stays as it was promised"),
    ("answers_fixed", "UPDATE ON answers", "a key has the answer it was given first"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "notes", _id(), _words("tenant"), sa.Column("exception", SERIAL, sa.ForeignKey("exceptions.id"), nullable=False),
        *map(_words, ("return_ref", "sort", "text", "actor")), sa.Column("at", Utc(), nullable=False),
        *map(_words, ("name", "type", "sha256")), sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("sort IN ('comment', 'evidence', 'hand-over')", name="notes_sort"),
        sa.CheckConstraint("(sort = 'evidence') = (body IS NOT NULL)", name="notes_body"),
        sa.CheckConstraint("actor <> '' AND (text <> '' OR sort = 'evidence')", name="notes_whole"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("notes_exception", "notes", ["exception"])
    op.create_index("notes_return", "notes", ["tenant", "return_ref"])
    op.create_table(
        "promises", _id(), *map(_words, ("tenant", "return_ref", "text", "actor")), sa.Column("at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False), sa.CheckConstraint("text <> '' AND actor <> ''", name="promises_whole"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("promises_return", "promises", ["tenant", "return_ref"])
    op.create_index("promises_due", "promises", ["tenant", "due_at"])
    op.create_table(
        "answers", *map(_words, ("actor", "key", "request")), sa.Column("status", sa.Integer(), nullable=False), _words("body"),
        sa.Column("at", Utc(), nullable=False), sa.PrimaryKeyConstraint("actor", "key", name="answers_key"))
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
