"""What was worked out of a return stays until something of it changes; what changes it says so itself, whoever writes it."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0030"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STIRS = {"facts": ("INSERT", "UPDATE"), "postings": ("INSERT", "UPDATE", "DELETE"), "exceptions": ("INSERT", "UPDATE")}
"""Which changes of which table are news of a return."""
SAYS = {row: f"BEGIN INSERT INTO stirred (tenant, return_ref) VALUES ({row}.tenant, {row}.return_ref); END" for row in ("OLD", "NEW")}  # noqa: S608  our words


def upgrade() -> None:
    """Go to this version. Nothing is folded yet, so there is nothing to be let go."""
    op.create_table(
        "folds", *(sa.Column(name, WORDS, nullable=False) for name in ("tenant", "sort", "return_ref", "version", "body")),
        sa.PrimaryKeyConstraint("tenant", "sort", "return_ref", name="folds_return"))
    op.create_table(
        "stirred", sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        *(sa.Column(name, WORDS, nullable=False) for name in ("tenant", "return_ref")),
        sa.PrimaryKeyConstraint("id"), sqlite_autoincrement=True)
    op.create_index("stirred_return", "stirred", ["tenant", "return_ref"])
    op.create_table(
        "foldings", sa.Column("tenant", WORDS, nullable=False), sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="foldings_tenant"))
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute("""
            CREATE FUNCTION stir() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF TG_OP = 'DELETE' THEN INSERT INTO stirred (tenant, return_ref) VALUES (OLD.tenant, OLD.return_ref);
                ELSE INSERT INTO stirred (tenant, return_ref) VALUES (NEW.tenant, NEW.return_ref); END IF;
                RETURN NULL; END $$""")
    for table, changes in STIRS.items():
        for change in changes:
            says = SAYS["OLD" if change == "DELETE" else "NEW"] if sqlite else "FOR EACH ROW EXECUTE FUNCTION stir()"
            op.execute(f"CREATE TRIGGER {table}_stir_{change.lower()} AFTER {change} ON {table} {says}")
