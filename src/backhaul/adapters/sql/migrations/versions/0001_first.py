"""The first version: every table, what it refuses, and the triggers that refuse the rest."""

import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Exact, Utc

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

NOT_FIXED = "('planned', 'held', 'withdrawn')"
"""States in which a posting's content may still change."""
MAYBE_THERE = "('sending', 'unconfirmed', 'pending', 'posted', 'verified')"
"""States in which the ERP may hold the document, so that it cannot be withdrawn."""
OPEN_ATTEMPT = "EXISTS (SELECT 1 FROM attempts WHERE posting = NEW.key AND outcome = '')"

GUARDS = (
    (
        "deliveries_stay",
        "DELETE ON deliveries",
        "",
        "deliveries are kept for ever",
    ),
    (
        "deliveries_bytes",
        "UPDATE ON deliveries",
        (
            "NEW.tenant <> OLD.tenant OR NEW.source <> OLD.source OR NEW.identity <> OLD.identity OR NEW.sha256 <> "
            "OLD.sha256 OR NEW.size <> OLD.size OR NEW.received_at <> OLD.received_at OR NEW.first <> OLD.first OR "
            "COALESCE(NEW.body <> OLD.body, (NEW.body IS NULL) <> (OLD.body IS NULL))"
        ),
        "the bytes of a delivery never change",
    ),
    (
        "facts_stay",
        "DELETE ON facts",
        "",
        "facts are append-only",
    ),
    (
        "facts_fixed",
        "UPDATE ON facts",
        "",
        "facts are append-only",
    ),
    (
        "trail_stay",
        "DELETE ON trail",
        "",
        "the trail is append-only",
    ),
    (
        "trail_fixed",
        "UPDATE ON trail",
        "",
        "the trail is append-only",
    ),
    (
        "attempts_stay",
        "DELETE ON attempts",
        "",
        "attempts are kept for ever",
    ),
    (
        "attempts_complete",
        "UPDATE ON attempts",
        (
            "NOT (OLD.outcome = '' AND NEW.outcome <> '' AND NEW.posting = OLD.posting AND NEW.batch = OLD.batch AND "
            "NEW.number = OLD.number AND NEW.request_hash = OLD.request_hash AND NEW.mapping_version = "
            "OLD.mapping_version AND NEW.started_at = OLD.started_at)"
        ),
        "an attempt changes once, when it is completed",
    ),
    (
        "postings_stay",
        "DELETE ON postings",
        "OLD.state NOT IN ('planned', 'held')",
        "a posting that was fixed is kept for ever",
    ),
    (
        "postings_fixed",
        "UPDATE ON postings",
        (
            "NEW.key <> OLD.key OR NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.return_ref "
            f"<> OLD.return_ref OR NEW.kind <> OLD.kind OR (OLD.state NOT IN {NOT_FIXED} AND (NEW.fingerprint <> "
            "OLD.fingerprint OR NEW.body <> OLD.body OR NEW.mapping_version <> OLD.mapping_version OR NEW.window_key "
            f"<> OLD.window_key OR NEW.state IN ('planned', 'held'))) OR (OLD.state IN {MAYBE_THERE} AND NEW.state = "
            "'withdrawn')"
        ),
        "what is fixed never changes, and what the ERP may hold is never withdrawn",
    ),
    (
        "postings_sending",
        "UPDATE ON postings",
        f"NEW.state = 'sending' AND OLD.state <> 'sending' AND NOT {OPEN_ATTEMPT}",
        "a posting is sent only after its attempt is written (INV-10)",
    ),
    (
        "postings_born_sending",
        "INSERT ON postings",
        f"NEW.state = 'sending' AND NOT {OPEN_ATTEMPT}",
        "a posting is sent only after its attempt is written (INV-10)",
    ),
    (
        "exceptions_stay",
        "DELETE ON exceptions",
        "",
        "exceptions are closed, never deleted (INV-18)",
    ),
    (
        "exceptions_done",
        "UPDATE ON exceptions",
        "OLD.closed_at IS NOT NULL",
        "a closed exception stays as it was closed",
    ),
)
"""Name, event, when it is refused (empty: always), and what it says."""
KEPT = ("deliveries", "facts", "trail", "attempts", "postings", "exceptions")
"""Tables that can never be emptied."""


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, WORDS, nullable=False)


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "batches",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("key"),
        _words("tenant"),
        _words("legal_entity"),
        _words("kind"),
        _words("period"),
        _words("fingerprint"),
        _words("controls"),
        _words("allocation"),
        sa.Column("started_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("batches_key", "batches", ["tenant", "key"], unique=False)
    op.create_table(
        "cases",
        _words("tenant"),
        _words("ref"),
        _words("legal_entity"),
        sa.Column("state", WORDS, nullable=True),
        _words("stage"),
        _words("customer"),
        _words("currency"),
        sa.Column("net", Exact(), nullable=False),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("updated_at", Utc(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'planned', 'posting', 'held', 'settled', 'closed')", name="cases_state"),
        sa.PrimaryKeyConstraint("tenant", "ref", name="cases_ref"),
    )
    op.create_index("cases_states", "cases", ["tenant", "state", "due_at"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("tenant"),
        _words("source"),
        _words("identity"),
        _words("channel"),
        _words("state"),
        _words("reason"),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        _words("sha256"),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(state IN ('duplicate', 'refused')) = (body IS NULL)", name="deliveries_body"),
        sa.CheckConstraint("state IN ('stored', 'digested', 'duplicate', 'quarantined', 'refused')", name="deliveries_state"),
        sa.CheckConstraint("state NOT IN ('quarantined', 'refused') OR reason <> ''", name="deliveries_reason"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "deliveries_identity",
        "deliveries",
        ["tenant", "source", "identity"],
        unique=True,
        sqlite_where=sa.text("first"),
        postgresql_where=sa.text("first"),
    )
    op.create_index("deliveries_repeats", "deliveries", ["tenant", "source", "identity"], unique=False)
    op.create_index("deliveries_states", "deliveries", ["tenant", "state"], unique=False)
    op.create_index(
        "deliveries_unread",
        "deliveries",
        ["tenant", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'stored'"),
        postgresql_where=sa.text("state = 'stored'"),
    )
    op.create_table(
        "exceptions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("tenant"),
        _words("return_ref"),
        _words("line_id"),
        _words("kind"),
        _words("owner"),
        _words("severity"),
        sa.Column("amount", Exact(), nullable=False),
        _words("currency"),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        _words("findings"),
        sa.Column("closed_at", Utc(), nullable=True),
        _words("resolution"),
        _words("actor"),
        sa.CheckConstraint("closed_at IS NULL OR (resolution <> '' AND actor <> '')", name="exceptions_closed"),
        sa.CheckConstraint("kind <> '' AND owner <> ''", name="exceptions_owner"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "exceptions_open",
        "exceptions",
        ["tenant", "return_ref", "line_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("exceptions_return", "exceptions", ["tenant", "return_ref"], unique=False)
    op.create_table(
        "imports",
        _words("tenant"),
        _words("sha256"),
        _words("name"),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sha256", name="imports_file"),
    )
    op.create_table(
        "postings",
        _words("key"),
        _words("tenant"),
        _words("legal_entity"),
        _words("return_ref"),
        _words("line_id"),
        _words("kind"),
        _words("state"),
        _words("fingerprint"),
        _words("body"),
        _words("mapping_version"),
        _words("window_key"),
        _words("batch"),
        sa.Column("erp", WORDS, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("look_at", Utc(), nullable=True),
        sa.Column("planned_at", Utc(), nullable=True),
        _words("note"),
        _words("sku"),
        _words("order_ref"),
        _words("customer"),
        _words("claim"),
        sa.Column("quantity", Exact(), nullable=True),
        sa.Column("value", Exact(), nullable=False),
        sa.Column("net", Exact(), nullable=False),
        _words("currency"),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("claim IN ('', 'sale', 'history')", name="postings_claim"),
        sa.CheckConstraint(
            "state IN ('planned', 'held', 'ready', 'sending', 'unconfirmed', 'pending', 'awaited', 'posted', 'verified', "
            "'rejected', 'withdrawn')",
            name="postings_state",
        ),
        sa.CheckConstraint("state IN ('planned', 'held', 'withdrawn') OR mapping_version <> ''", name="postings_mapping"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        "postings_history",
        "postings",
        ["tenant", "legal_entity", "customer"],
        unique=False,
        sqlite_where=sa.text("claim = 'history'"),
        postgresql_where=sa.text("claim = 'history'"),
    )
    op.create_index("postings_return", "postings", ["tenant", "return_ref"], unique=False)
    op.create_index(
        "postings_sales",
        "postings",
        ["tenant", "legal_entity", "order_ref"],
        unique=False,
        sqlite_where=sa.text("claim = 'sale'"),
        postgresql_where=sa.text("claim = 'sale'"),
    )
    op.create_index("postings_states", "postings", ["tenant", "legal_entity", "state"], unique=False)
    op.create_table(
        "touched",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("tenant"),
        _words("return_ref"),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("touched_ref", "touched", ["tenant", "return_ref"], unique=True)
    op.create_table(
        "trail",
        _words("tenant"),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        _words("at"),
        _words("actor"),
        _words("subject"),
        _words("action"),
        _words("detail"),
        _words("previous"),
        _words("hash"),
        sa.PrimaryKeyConstraint("tenant", "sequence", name="trail_sequence"),
    )
    op.create_index("trail_subject", "trail", ["tenant", "subject"], unique=False)
    op.create_table(
        "trail_heads",
        _words("tenant"),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        _words("hash"),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "windows",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("key"),
        _words("tenant"),
        _words("legal_entity"),
        _words("period"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=False),
        sa.Column("returns", sa.Integer(), nullable=False),
        _words("controls"),
        _words("ledger"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("windows_entity", "windows", ["tenant", "legal_entity"], unique=False)
    op.create_index("windows_key", "windows", ["key"], unique=True)
    op.create_table(
        "attempts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("posting"),
        _words("batch"),
        sa.Column("number", sa.Integer(), nullable=False),
        _words("request_hash"),
        _words("mapping_version"),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("finished_at", Utc(), nullable=True),
        _words("outcome"),
        _words("detail"),
        sa.CheckConstraint("(outcome = '') = (finished_at IS NULL)", name="attempts_finished"),
        sa.ForeignKeyConstraint(
            ["posting"],
            ["postings.key"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempts_number", "attempts", ["posting", "number"], unique=True)
    op.create_index(
        "attempts_open",
        "attempts",
        ["posting"],
        unique=True,
        sqlite_where=sa.text("outcome = ''"),
        postgresql_where=sa.text("outcome = ''"),
    )
    op.create_table(
        "facts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        _words("tenant"),
        _words("return_ref"),
        _words("kind"),
        _words("identity"),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("delivery_id", SERIAL, nullable=True),
        _words("body"),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["deliveries.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("facts_delivery", "facts", ["delivery_id"], unique=False)
    op.create_index("facts_identity", "facts", ["tenant", "return_ref", "identity"], unique=True)

    if op.get_bind().dialect.name == "postgresql":
        _guard_postgres()
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for name, what, when, says in GUARDS:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END"
        )


def _guard_postgres() -> None:
    for name, what, when, says in GUARDS:
        action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
        goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
    op.execute(
        "CREATE FUNCTION kept_whole() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'this table is never emptied' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in KEPT:
        op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")
