"""People sign in: what a browser holds is kept as a hash only, and a session that ended never begins again."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0010"
down_revision = "0008"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SAYS = "a session that ended stays as it was"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "sign_ins",
        sa.Column("hash", WORDS, primary_key=True), sa.Column("at", Utc(), nullable=False))
    op.create_index("sign_ins_at", "sign_ins", ["at"])
    op.create_table(
        "sessions",
        sa.Column("hash", WORDS, primary_key=True),
        *(sa.Column(name, WORDS, nullable=False) for name in ("issuer", "subject", "name")),
        *(sa.Column(name, Utc(), nullable=False) for name in ("began_at", "seen_at", "proven_at")),
        sa.Column("ended_at", Utc()), sa.Column("reason", WORDS, nullable=False),
        sa.CheckConstraint("(ended_at IS NULL) = (reason = '')", name="sessions_ended"))
    op.create_index("sessions_person", "sessions", ["issuer", "subject"], sqlite_where=sa.text("ended_at IS NULL"),
                    postgresql_where=sa.text("ended_at IS NULL"))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER sessions_over BEFORE UPDATE ON sessions WHEN OLD.ended_at IS NOT NULL "
                   f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END")
        return
    op.execute("CREATE FUNCTION sessions_over() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$")
    op.execute("CREATE TRIGGER sessions_over BEFORE UPDATE ON sessions FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) "
               "EXECUTE FUNCTION sessions_over()")
