"""A batch may wait for somebody's approval; nothing of it is tried before."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WRONG = ("EXISTS (SELECT 1 FROM windows JOIN postings ON postings.window_key = windows.key WHERE postings.key = NEW.posting "
         "AND windows.approval = 'needed' AND NOT EXISTS (SELECT 1 FROM proposals WHERE proposals.tenant = windows.tenant "
         "AND proposals.kind = 'batch' AND proposals.subject = windows.key AND proposals.state = 'approved'))")
SAYS = "this batch waits for an approval; nothing of it leaves before (INV-30)"


def upgrade() -> None:
    """Go to this version."""
    op.add_column("windows", sa.Column("approval", WORDS, nullable=False, server_default=""))
    op.create_index("windows_approval", "windows", ["tenant", "legal_entity"], sqlite_where=sa.text("approval = 'needed'"),
                    postgresql_where=sa.text("approval = 'needed'"))
    _guard("attempts_approved", "BEFORE INSERT ON attempts", WRONG, SAYS)
    _guard("windows_approval_stays", "BEFORE UPDATE ON windows", "NEW.approval <> OLD.approval OR NEW.key <> OLD.key",
           "whether a batch needs an approval is said when it closes")


def _guard(name: str, when: str, wrong: str, says: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} {when} WHEN {wrong} BEGIN SELECT RAISE(ABORT, '{says}'); END")
        return
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {wrong} THEN "
               f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$")
    op.execute(f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()")
