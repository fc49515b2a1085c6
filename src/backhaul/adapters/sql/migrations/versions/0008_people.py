"""People, what they may do, what they propose and who approved it; and a switch after which no write leaves (INV-30, INV-32)."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact, Utc

revision = "0008"
down_revision = "0007"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HELD = sa.text("revoked_at IS NULL")
OPEN = sa.text("state = 'open'")
RUNS = sa.text("ended_at IS NULL")

GUARDS = (
    ("people_stay", "DELETE ON people", "", "people are never deleted; take their grants away"),
    ("grants_stay", "DELETE ON grants", "", "grants are never deleted; revoke them"),
    ("grants_fixed", "UPDATE ON grants",
     ("OLD.revoked_at IS NOT NULL OR NEW.person <> OLD.person OR NEW.tenant <> OLD.tenant OR NEW.role <> OLD.role OR "
      "NEW.entities <> OLD.entities OR NEW.granted_by <> OLD.granted_by OR NEW.approved_by <> OLD.approved_by OR NEW.at <> OLD.at"),
     "a grant is only ever revoked"),
    ("tokens_stay", "DELETE ON tokens", "", "tokens are never deleted; revoke them"),
    ("proposals_stay", "DELETE ON proposals", "", "proposals are never deleted; withdraw them"),
    ("proposals_fixed", "UPDATE ON proposals",
     ("OLD.state <> 'open' OR NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.kind <> OLD.kind OR "
      "NEW.subject <> OLD.subject OR NEW.content <> OLD.content OR NEW.basis <> OLD.basis OR NEW.sha256 <> OLD.sha256 OR "
      "NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency OR NEW.reason <> OLD.reason OR NEW.proposer <> OLD.proposer OR "
      "NEW.proposed_at <> OLD.proposed_at OR NEW.expires_at <> OLD.expires_at OR NEW.needed <> OLD.needed OR "
      "COALESCE(NEW.approver <> OLD.approver, false)"),
     "what was proposed stays as it was shown, and what was decided stays decided (INV-30)"),
    ("pauses_stay", "DELETE ON pauses", "", "pauses are never deleted; end them with two people"),
    ("pauses_fixed", "UPDATE ON pauses",
     "OLD.ended_at IS NOT NULL OR NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.paused_at <> OLD.paused_at",
     "a pause is only ever ended"),
    ("attempts_paused", "INSERT ON attempts",
     ("EXISTS (SELECT 1 FROM pauses JOIN postings ON postings.key = NEW.posting WHERE pauses.ended_at IS NULL AND "
      "pauses.tenant = postings.tenant AND pauses.legal_entity IN ('', postings.legal_entity))"),
     "writes are paused here; nothing leaves until two people say so (INV-32)"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "people", _id(), _words("issuer"), _words("subject"), _words("name"), sa.Column("added_at", Utc(), nullable=False),
        sa.CheckConstraint("issuer <> '' AND subject <> ''", name="people_known"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("people_identity", "people", ["issuer", "subject"], unique=True)
    op.create_table(
        "grants", _id(), sa.Column("person", SERIAL, sa.ForeignKey("people.id"), nullable=False),
        *map(_words, ("tenant", "role", "entities", "granted_by", "approved_by")),
        sa.Column("at", Utc(), nullable=False), sa.Column("revoked_at", Utc(), nullable=True), _words("revoked_by"),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'warehouse', 'finance', 'approver', 'admin', 'auditor')", name="grants_role"),
        sa.CheckConstraint(_apart("granted_by", "approved_by"), name="grants_four_eyes"),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by = '')", name="grants_revoked"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("grants_open", "grants", ["person", "tenant", "role", "entities"], unique=True,
                    sqlite_where=HELD, postgresql_where=HELD)
    op.create_table(
        "tokens", _id(), sa.Column("person", SERIAL, sa.ForeignKey("people.id"), nullable=False),
        *map(_words, ("name", "sha256", "scopes")),
        sa.Column("created_at", Utc(), nullable=False), sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True), sa.Column("revoked_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("tokens_sha256", "tokens", ["sha256"], unique=True)
    op.create_index("tokens_person", "tokens", ["person"])
    _proposals()
    op.create_table(
        "pauses", _id(), *map(_words, ("tenant", "legal_entity", "reason", "paused_by")), sa.Column("paused_at", Utc(), nullable=False),
        *map(_words, ("ended_by", "approved_by")), sa.Column("ended_at", Utc(), nullable=True),
        sa.CheckConstraint(f"ended_at IS NULL OR {_apart('ended_by', 'approved_by')}", name="pauses_four_eyes"),
        sa.CheckConstraint("reason <> '' AND paused_by <> ''", name="pauses_whole"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("pauses_open", "pauses", ["tenant", "legal_entity"], unique=True, sqlite_where=RUNS, postgresql_where=RUNS)
    guard = _guard_postgres if op.get_bind().dialect.name == "postgresql" else _guard_sqlite
    for row in GUARDS:
        guard(*row)


def _proposals() -> None:
    op.create_table(
        "proposals", _id(), *map(_words, ("tenant", "legal_entity", "kind", "subject", "content", "basis", "sha256")),
        sa.Column("amount", Exact(), nullable=False), *map(_words, ("currency", "reason", "proposer")),
        sa.Column("proposed_at", Utc(), nullable=False), sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("approver", WORDS, nullable=True), sa.Column("approved_at", Utc(), nullable=True),
        sa.Column("second", WORDS, nullable=True), sa.Column("second_at", Utc(), nullable=True),
        *map(_words, ("state", "ended_by")), sa.Column("ended_at", Utc(), nullable=True), _words("result"),
        sa.CheckConstraint("state IN ('open', 'approved', 'refused', 'withdrawn', 'expired')", name="proposals_state"),
        sa.CheckConstraint("needed IN (1, 2) AND reason <> '' AND proposer <> ''", name="proposals_whole"),
        sa.CheckConstraint(f"approver IS NULL OR {_apart('approver', 'proposer')}", name="proposals_four_eyes"),
        sa.CheckConstraint(f"second IS NULL OR (approver IS NOT NULL AND {_apart('second', 'proposer')} AND "
                           f"{_apart('second', 'approver')})", name="proposals_six_eyes"),
        sa.CheckConstraint("state <> 'approved' OR (approver IS NOT NULL AND (needed = 1 OR second IS NOT NULL))",
                           name="proposals_approved"),
        sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="proposals_ended"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("proposals_open", "proposals", ["tenant", "kind", "subject", "sha256"], unique=True,
                    sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("proposals_subject", "proposals", ["tenant", "subject"])
    op.create_index("proposals_day", "proposals", ["tenant", "proposer", "proposed_at"])


def _id() -> "sa.Column[int]":
    return sa.Column("id", SERIAL, autoincrement=True, nullable=False)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _apart(one: str, other: str) -> str:
    return f"{one} <> '' AND {other} <> '' AND lower(trim({one})) <> lower(trim({other}))"


def _guard_sqlite(name: str, what: str, when: str, says: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, when: str, says: str) -> None:
    action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
