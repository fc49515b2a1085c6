"""Profiles that were in force are kept whole and for ever."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0005"
down_revision = "0004"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SAYS = "a profile that was in force is kept as it was (INV-16)"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "profiles",
        sa.Column("tenant", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "version", name="profiles_version"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, what in (("profiles_stay", "DELETE"), ("profiles_fixed", "UPDATE")):
            op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON profiles BEGIN SELECT RAISE(ABORT, '{SAYS}'); END")
        return
    op.execute(
        "CREATE FUNCTION profiles_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for name, what in (("profiles_stay", "DELETE"), ("profiles_fixed", "UPDATE")):
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON profiles FOR EACH ROW EXECUTE FUNCTION profiles_kept()")
    op.execute("CREATE TRIGGER profiles_whole BEFORE TRUNCATE ON profiles FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")
