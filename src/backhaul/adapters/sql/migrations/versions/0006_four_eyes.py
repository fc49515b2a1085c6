"""A decision that moves money needs a second person, whatever code wrote it down."""

from alembic import op

revision = "0006"
down_revision = "0005"

SAYS = "whoever decides does not approve it as well (INV-30)"


def upgrade() -> None:
    """Go to this version."""
    if op.get_bind().dialect.name == "sqlite":
        actor, approver = (f"lower(trim(json_extract(NEW.body, '$.{name}')))" for name in ("actor", "approver"))
        op.execute(f"CREATE TRIGGER facts_four_eyes BEFORE INSERT ON facts WHEN {_alone(actor, approver)} "
                   f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END")
        return
    actor, approver = (f"lower(btrim(NEW.body::json->>'{name}'))" for name in ("actor", "approver"))
    op.execute(
        "CREATE FUNCTION facts_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_alone(actor, approver)} THEN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        "RETURN NEW; END $$")
    op.execute("CREATE TRIGGER facts_four_eyes BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION facts_four_eyes()")


def _alone(actor: str, approver: str) -> str:
    """Say in SQL that a fact names an approver who is nobody, or whoever decided; facts that need none name none."""
    return f"{approver} IS NOT NULL AND ({approver} = '' OR {approver} = {actor})"
