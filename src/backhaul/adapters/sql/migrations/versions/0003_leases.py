"""Leases: one worker acts for a legal entity, and no attempt is begun or completed under a token that was followed by a higher one."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0003"
down_revision = "0002"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

LATEST = (
    "COALESCE((SELECT leases.token FROM leases JOIN postings ON postings.tenant = leases.tenant AND postings.legal_entity = "
    "leases.legal_entity WHERE postings.key = NEW.posting), 0)"
)
GUARDS = (
    ("leases_stay", "DELETE ON leases", "", "a lease is given back, never deleted (INV-11)"),
    (
        "leases_grow",
        "UPDATE ON leases",
        (
            "NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.token < OLD.token OR "
            "(NEW.token = OLD.token AND NEW.holder <> OLD.holder)"
        ),
        "the token of a lease only grows, and with each holder (INV-11)",
    ),
    ("attempts_fenced", "INSERT ON attempts", f"NEW.token < {LATEST}", "another worker acts for this legal entity (INV-11)"),
    ("attempts_fenced_end", "UPDATE ON attempts", f"NEW.token < {LATEST}", "another worker acts for this legal entity (INV-11)"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "leases",
        sa.Column("tenant", WORDS, nullable=False),
        sa.Column("legal_entity", WORDS, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", WORDS, nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "legal_entity", name="leases_entity"),
    )
    op.add_column("attempts", sa.Column("token", sa.BigInteger(), nullable=False, server_default="0"))
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, what, when, says in GUARDS:
        (_guard_postgres if postgres else _guard_sqlite)(name, what, when, says)
    if postgres:
        op.execute("CREATE TRIGGER leases_whole BEFORE TRUNCATE ON leases FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")


def _guard_sqlite(name: str, what: str, when: str, says: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, when: str, says: str) -> None:
    action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
