"""Who signed the lists of a month's close, with the numbers they signed; a reviewer is nobody who prepared."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0028"
down_revision = "0026"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SIGNED = ("tenant", "period", "legal_entity", "signer", "numbers", "sha256", "actor", "at")
SAME_MONTH = "s.tenant = NEW.tenant AND s.period = NEW.period AND s.legal_entity = NEW.legal_entity"
APART = (f"EXISTS (SELECT 1 FROM signatures s WHERE {SAME_MONTH} AND (s.signer = 'reviewer') <> (NEW.signer = 'reviewer') "  # noqa: S608  our words
         "AND lower(trim(s.actor)) = lower(trim(NEW.actor)))")
LAST = (f"NEW.signer = 'reviewer' AND (SELECT count(*) FROM signatures s WHERE {SAME_MONTH} AND s.signer <> 'reviewer' "  # noqa: S608  our words
        "AND s.fallen_at IS NULL) < 4")
CHANGED = " OR ".join((*(f"NEW.{name} <> OLD.{name}" for name in SIGNED), "OLD.fallen_at IS NOT NULL"))
STANDING = sa.text("fallen_at IS NULL")
GUARDS = (
    ("signatures_stay", "DELETE ON signatures", "", "signatures are never deleted"),
    ("signatures_fixed", "UPDATE ON signatures", CHANGED, "a signature stays as it was given, and falls once"),
    ("signatures_apart", "INSERT ON signatures", APART, "preparers and reviewer of a month are different people"),
    ("signatures_last", "INSERT ON signatures", LAST, "the reviewer signs after all teams"),
)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "signatures", sa.Column("id", SERIAL, autoincrement=True, nullable=False), *map(_words, SIGNED[:-1]),
        sa.Column("at", Utc(), nullable=False), sa.Column("fallen_at", Utc(), nullable=True), _words("moved"),
        sa.CheckConstraint("signer IN ('finance', 'warehouse', 'customer-service', 'integration', 'reviewer')", name="signatures_signer"),
        sa.CheckConstraint("trim(actor) <> '' AND sha256 <> ''", name="signatures_whole"),
        sa.CheckConstraint("(fallen_at IS NULL) = (moved = '')", name="signatures_fallen"),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("signatures_standing", "signatures", ["tenant", "period", "legal_entity", "signer"], unique=True,
                    sqlite_where=STANDING, postgresql_where=STANDING)
    op.create_index("signatures_month", "signatures", ["tenant", "period", "legal_entity"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for row in GUARDS:
        _guard(*row, sqlite=sqlite)


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


def _guard(name: str, when: str, wrong: str, says: str, *, sqlite: bool) -> None:
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} {f'WHEN {wrong} ' if wrong else ''}BEGIN SELECT RAISE(ABORT, '{says}'); END")
        return
    stop = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    body = f"IF {wrong} THEN {stop} END IF; RETURN NEW;" if wrong else stop
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()")
