"""People confirm which credits by hand belong to which lines: such a match stays as it was, and is revoked by another row."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0041"
down_revision = "0040"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FOUR_EYES = "reason <> '' AND lower(trim(actor)) <> lower(trim(approver))"
SAID = ("proposal", "actor", "approver", "at")


def _same(*names: str) -> str:
    return " AND ".join(f"NEW.{name} = OLD.{name}" for name in names)


ERASED = ("NEW.reason = 'erased' AND {same} AND EXISTS (SELECT 1 FROM erasures JOIN erased ON erased.erasure = erasures.id WHERE "
          "erasures.done_at IS NULL AND erased.tenant = {of}.tenant AND {of}.body LIKE '%\"' || erased.return_ref || '\"%')")
"""Only the reason of a match goes, while somebody is erased whose return it is about."""
MATCH_ERASED = ERASED.format(of="OLD", same=_same("id", "tenant", "legal_entity", "body", *SAID))
END_ERASED = ERASED.replace("erasures JOIN", "matches, erasures JOIN").format(of="matches", same=_same("match", *SAID))[:-1] + (
    " AND matches.id = OLD.match)")
GUARDS = (
    ("matches_stay", "DELETE ON matches", "", "a match stays; it is revoked by two people"),
    ("matches_fixed", "UPDATE ON matches", f"NOT ({MATCH_ERASED})", "a match stays as it was confirmed"),
    ("match_ends_stay", "DELETE ON match_ends", "", "what was revoked stays revoked"),
    ("match_ends_fixed", "UPDATE ON match_ends",
     f"NOT ({END_ERASED})", "what was revoked stays revoked"),
    ("matched_stay", "DELETE ON matched", "NOT EXISTS (SELECT 1 FROM match_ends WHERE match_ends.match = OLD.match)",
     "what is matched stays so until its match is revoked"),
    ("matched_fixed", "UPDATE ON matched", "", "what is matched stays so until its match is revoked"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "matches", sa.Column("id", SERIAL, autoincrement=True, nullable=False), *map(_words, ("tenant", "legal_entity", "body")),
        sa.Column("proposal", SERIAL, sa.ForeignKey("proposals.id"), nullable=False), *map(_words, ("actor", "approver", "reason")),
        sa.Column("at", Utc(), nullable=False), sa.CheckConstraint(FOUR_EYES, name="matches_four_eyes"), sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True)
    op.create_index("matches_proposal", "matches", ["proposal"], unique=True)
    op.create_table(
        "match_ends", sa.Column("match", SERIAL, sa.ForeignKey("matches.id"), autoincrement=False, nullable=False),
        sa.Column("proposal", SERIAL, sa.ForeignKey("proposals.id"), nullable=False), *map(_words, ("actor", "approver", "reason")),
        sa.Column("at", Utc(), nullable=False), sa.CheckConstraint(FOUR_EYES, name="match_ends_four_eyes"),
        sa.PrimaryKeyConstraint("match"))
    op.create_table(
        "matched", *map(_words, ("tenant", "what")), sa.Column("match", SERIAL, sa.ForeignKey("matches.id"), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "what", name="matched_once"))
    op.create_table("suggested", *map(_words, ("tenant", "period", "body")),
                    sa.PrimaryKeyConstraint("tenant", "period", name="suggested_period"))
    postgres = op.get_bind().dialect.name == "postgresql"
    for row in GUARDS:
        _guard(*row, postgres=postgres)
    for table in ("matches", "match_ends", "matched") if postgres else ():
        op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard(name: str, what: str, when: str, says: str, *, postgres: bool) -> None:
    if not postgres:
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END")
        return
    action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
