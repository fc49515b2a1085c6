"""Which version of a profile holds is written down, and once one held by approval none does without."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0014"
down_revision = "0013"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STAY = (
    ("drafts_stay", "DELETE ON drafts", "drafts are never deleted"),
    ("drafts_fixed", "UPDATE ON drafts", "a draft stays as it was proposed"),
    ("reigns_stay", "DELETE ON reigns", "what held is never deleted"),
    ("reigns_fixed", "UPDATE ON reigns", "what held stays as it was"),
)
APPROVED = ("EXISTS (SELECT 1 FROM proposals WHERE proposals.id = NEW.proposal AND proposals.tenant = NEW.tenant "
            "AND proposals.kind = 'profile' AND proposals.approver <> '' "
            "AND lower(trim(proposals.approver)) <> lower(trim(proposals.proposer)))")
BEFORE = "EXISTS (SELECT 1 FROM reigns WHERE reigns.tenant = NEW.tenant AND reigns.proposal IS NOT NULL)"
WRONG = f"(NEW.proposal IS NULL AND {BEFORE}) OR (NEW.proposal IS NOT NULL AND NOT {APPROVED})"
SAYS = "a version comes into force by the approval of somebody other than its proposer"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "drafts", *map(_words, ("tenant", "version", "sha256", "text", "actor")), sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sha256", name="drafts_sha256"))
    op.create_table(
        "reigns", sa.Column("id", SERIAL, autoincrement=True, nullable=False), *map(_words, ("tenant", "version", "sha256", "by")),
        sa.Column("proposal", SERIAL, sa.ForeignKey("proposals.id"), nullable=True), sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint('"by" <> \'\'', name="reigns_by"), sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("reigns_tenant", "reigns", ["tenant", "id"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, what, says in STAY:
        _guard(name, f"BEFORE {what}", "", says, sqlite=sqlite)
    _guard("reigns_approved", "BEFORE INSERT ON reigns", WRONG, SAYS, sqlite=sqlite)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard(name: str, when: str, wrong: str, says: str, *, sqlite: bool) -> None:
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} {when} {f'WHEN {wrong} ' if wrong else ''}BEGIN SELECT RAISE(ABORT, '{says}'); END")
        return
    stop = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    body = f"IF {wrong} THEN {stop} END IF; RETURN NEW;" if wrong else stop
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")
