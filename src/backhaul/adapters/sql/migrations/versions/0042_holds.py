"""A legal hold names returns; one person places it, two end it, and nobody is erased while it stands.

What Backhaul proposes to erase by itself needs two people, and nobody of them proposed it.
"""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0042"
down_revision = "0041"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STANDS = "ended_at IS NULL"
FOUR_EYES = "ended_by <> '' AND approved_by <> '' AND lower(trim(ended_by)) <> lower(trim(approved_by))"
APPROVED = ("EXISTS (SELECT 1 FROM proposals WHERE proposals.id = NEW.proposal AND proposals.tenant = NEW.tenant "
            "AND proposals.kind = 'erase' AND proposals.state = 'open' AND proposals.approver <> '' "
            "AND lower(trim(proposals.approver)) <> lower(trim(proposals.proposer)) AND (proposals.needed = 1 OR proposals.second <> '') "
            "AND (proposals.proposer <> 'backhaul' OR proposals.needed = 2))")
SAME = "NEW.id = OLD.id AND NEW.tenant = OLD.tenant AND NEW.placed_by = OLD.placed_by AND NEW.placed_at = OLD.placed_at"
ENDS = f"{SAME} AND NEW.reason = OLD.reason AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL"
ERASED = ("NEW.reason = 'erased' AND OLD.ended_at IS NOT NULL AND NEW.ended_at = OLD.ended_at AND NEW.ended_by = OLD.ended_by AND "
          " NEW.approved_by = OLD.approved_by AND EXISTS (SELECT 1 FROM held JOIN erased ON erased.tenant = held.tenant AND "
          "erased.return_ref = held.return_ref JOIN erasures ON erasures.id = erased.erasure WHERE held.hold = OLD.id AND "
          "erasures.done_at IS NULL)")
GUARDS = (
    ("holds_stay", "DELETE ON holds", "", "a legal hold is never deleted; two people end it", False),
    ("holds_fixed", "UPDATE ON holds", f"NOT (({ENDS}) OR ({SAME} AND {ERASED}))",
     "a legal hold stays as it was placed until two people end it", False),
    ("held_stay", "DELETE ON held", "", "a legal hold names what it named", False),
    ("held_fixed", "UPDATE ON held", "", "a legal hold names what it named", False),
    ("erased_held", "INSERT ON erased",
     ("EXISTS (SELECT 1 FROM held JOIN holds ON holds.id = held.hold WHERE held.tenant = NEW.tenant "
      "AND held.return_ref = NEW.return_ref AND holds.ended_at IS NULL)"), "nobody is erased who is under a legal hold", False),
    ("erasures_approved", "INSERT ON erasures", f"NEW.done_at IS NOT NULL OR NOT {APPROVED}",
     "somebody is erased by the approval of somebody other than its proposer (INV-30)", True),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "holds", sa.Column("id", SERIAL, autoincrement=True, nullable=False), *map(_words, ("tenant", "reason", "placed_by")),
        sa.Column("placed_at", Utc(), nullable=False), *map(_words, ("ended_by", "approved_by")),
        sa.Column("ended_at", Utc(), nullable=True), sa.CheckConstraint("reason <> '' AND placed_by <> ''", name="holds_whole"),
        sa.CheckConstraint(f"ended_at IS NULL OR {FOUR_EYES}", name="holds_four_eyes"), sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True)
    op.create_index("holds_open", "holds", ["tenant"], sqlite_where=sa.text(STANDS), postgresql_where=sa.text(STANDS))
    op.create_table(
        "held", sa.Column("hold", SERIAL, sa.ForeignKey("holds.id"), nullable=False), *map(_words, ("tenant", "return_ref")),
        sa.PrimaryKeyConstraint("tenant", "return_ref", "hold", name="held_return"))
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, what, when, says, again in GUARDS:
        _guard(name, what, when, says, postgres=postgres, again=again)
    for table in ("holds", "held") if postgres else ():
        op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard(name: str, what: str, when: str, says: str, *, postgres: bool, again: bool) -> None:  # noqa: PLR0913  each is named
    if not postgres:
        if again:
            op.execute(f"DROP TRIGGER {name}")
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END")
        return
    action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
    op.execute(f"CREATE {'OR REPLACE ' if again else ''}FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$")
    if not again:
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
