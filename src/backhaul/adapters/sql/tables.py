"""Where does everything lie that must not be lost?

SQLAlchemy Core tables for both databases. Money and quantities are exact (text in SQLite, `numeric` in
PostgreSQL), times are UTC with their zone. What a table refuses is said here as constraints and unique
indexes, and as triggers (`GUARDS`) that the migrations create: a coding error above meets a second wall.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine


class Utc(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` in PostgreSQL, ISO 8601 of fixed width in SQLite, so that text sorts as time."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        """Choose the column type."""
        kind: TypeEngine[Any] = TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """Refuse a time without a zone: nobody would know which moment it names."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"{value.isoformat()} has no time zone; times are kept in UTC"
            raise ValueError(message)
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        """Give the moment back in UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal: `numeric` in PostgreSQL, text in SQLite, which would make a binary fraction of it."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal]:
        """Choose the column type."""
        kind: TypeEngine[Any] = Numeric() if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """Write all digits."""
        return value if value is None or dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Decimal | str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  SQLAlchemy's signature
        """Read all digits."""
        return None if value is None else Decimal(value)


WORDS: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by code point on both databases."""
SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData()


def _words(name: str) -> Column[str]:
    return Column(name, WORDS, nullable=False)


def _among(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _apart(one: str, other: str) -> str:
    """Say that two columns name two people, whatever the case of letters or spaces around them."""
    return f"{one} <> '' AND {other} <> '' AND lower(trim({one})) <> lower(trim({other}))"


NOT_FIXED: Final = _among("state", "planned", "held", "withdrawn")

deliveries = Table(
    "deliveries", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("source"), _words("identity"), _words("channel"), _words("state"), _words("reason"),
    Column("first", Boolean(create_constraint=False), nullable=False),
    Column("received_at", Utc(), nullable=False),
    _words("sha256"),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary),
    CheckConstraint(_among("state", "stored", "digested", "duplicate", "quarantined", "refused"), name="deliveries_state"),
    CheckConstraint("(state IN ('duplicate', 'refused')) = (body IS NULL)", name="deliveries_body"),
    CheckConstraint("state NOT IN ('quarantined', 'refused') OR reason <> ''", name="deliveries_reason"),
    Index("deliveries_identity", "tenant", "source", "identity", unique=True,
          sqlite_where=text("first"), postgresql_where=text("first")),
    Index("deliveries_repeats", "tenant", "source", "identity"),
    Index("deliveries_unread", "tenant", "id", sqlite_where=text("state = 'stored'"), postgresql_where=text("state = 'stored'")),
    Index("deliveries_states", "tenant", "state"),
    Index("deliveries_time", "tenant", "source", "received_at", "first"),
    sqlite_autoincrement=True,
)

facts = Table(
    "facts", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("return_ref"), _words("kind"), _words("identity"),
    Column("at", Utc(), nullable=False),
    Column("delivery_id", SERIAL, ForeignKey("deliveries.id")),
    _words("body"),
    Index("facts_identity", "tenant", "return_ref", "identity", unique=True),
    Index("facts_delivery", "delivery_id"),
    Index("facts_time", "tenant", "at"),
    sqlite_autoincrement=True,
)

mentions = Table(
    "mentions", metadata,
    _words("tenant"), _words("name"), _words("sort"), _words("return_ref"),
    PrimaryKeyConstraint("tenant", "name", "sort", "return_ref", name="mentions_name"),
    CheckConstraint(_among("sort", "order", "parcel"), name="mentions_sort"),
)
"""Orders and parcels that facts name, and the return they name them with."""

touched = Table(
    "touched", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("return_ref"),
    Column("counter", Integer, nullable=False),
    Index("touched_ref", "tenant", "return_ref", unique=True),
    sqlite_autoincrement=True,
)

cases = Table(
    "cases", metadata,
    _words("tenant"), _words("ref"), _words("legal_entity"),
    Column("state", WORDS),
    _words("stage"), _words("customer"), _words("currency"),
    Column("net", Exact(), nullable=False),
    Column("due_at", Utc()),
    Column("updated_at", Utc()),
    Column("revision", Integer, nullable=False),
    Column("waits_since", Utc()),
    PrimaryKeyConstraint("tenant", "ref", name="cases_ref"),
    CheckConstraint(_among("state", "waiting", "planned", "posting", "held", "settled", "closed"), name="cases_state"),
    Index("cases_states", "tenant", "state", "due_at"),
    Index("cases_list", "tenant", "legal_entity", "state", "updated_at", "ref"),
    Index("cases_waiting", "tenant", "legal_entity", "waits_since", "ref",
          sqlite_where=text("waits_since IS NOT NULL"), postgresql_where=text("waits_since IS NOT NULL")),
    Index("cases_customer", "tenant", "customer", "ref"),
)

postings = Table(
    "postings", metadata,
    Column("key", WORDS, primary_key=True),
    _words("tenant"), _words("legal_entity"), _words("return_ref"), _words("line_id"), _words("kind"), _words("state"),
    _words("fingerprint"), _words("body"), _words("mapping_version"), _words("window_key"), _words("batch"),
    Column("erp", WORDS),
    Column("attempts", Integer, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("look_at", Utc()),
    Column("planned_at", Utc()),
    _words("note"), _words("sku"), _words("order_ref"), _words("customer"), _words("claim"),
    Column("quantity", Exact()),
    Column("value", Exact(), nullable=False),
    Column("net", Exact(), nullable=False),
    _words("currency"),
    Column("revision", Integer, nullable=False),
    CheckConstraint(_among("state", "planned", "held", "ready", "sending", "unconfirmed", "pending", "awaited", "posted",
                           "verified", "rejected", "withdrawn"), name="postings_state"),
    CheckConstraint(f"{NOT_FIXED} OR mapping_version <> ''", name="postings_mapping"),
    CheckConstraint(_among("claim", "", "sale", "history"), name="postings_claim"),
    Index("postings_return", "tenant", "return_ref"),
    Index("postings_states", "tenant", "legal_entity", "state"),
    Index("postings_sales", "tenant", "legal_entity", "order_ref",
          sqlite_where=text("claim = 'sale'"), postgresql_where=text("claim = 'sale'")),
    Index("postings_order", "tenant", "order_ref"),
    Index("postings_window", "window_key", "key"),
    Index("postings_history", "tenant", "legal_entity", "customer",
          sqlite_where=text("claim = 'history'"), postgresql_where=text("claim = 'history'")),
)

batches = Table(
    "batches", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("key"), _words("tenant"), _words("legal_entity"), _words("kind"), _words("period"), _words("fingerprint"),
    _words("controls"), _words("allocation"),
    Column("started_at", Utc(), nullable=False),
    Index("batches_key", "tenant", "key"),
)

attempts = Table(
    "attempts", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("posting", WORDS, ForeignKey("postings.key"), nullable=False),
    _words("batch"),
    Column("number", Integer, nullable=False),
    _words("request_hash"), _words("mapping_version"),
    Column("started_at", Utc(), nullable=False),
    Column("finished_at", Utc()),
    _words("outcome"), _words("detail"),
    Column("token", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("(outcome = '') = (finished_at IS NULL)", name="attempts_finished"),
    Index("attempts_number", "posting", "number", unique=True),
    Index("attempts_open", "posting", unique=True, sqlite_where=text("outcome = ''"), postgresql_where=text("outcome = ''")),
)

leases = Table(
    "leases", metadata,
    _words("tenant"), _words("legal_entity"),
    Column("token", BigInteger, nullable=False),
    _words("holder"),
    Column("until", Utc()),
    PrimaryKeyConstraint("tenant", "legal_entity", name="leases_entity"),
)

profiles = Table(
    "profiles", metadata,
    _words("tenant"), _words("version"), _words("sha256"), _words("text"),
    Column("at", Utc(), nullable=False),
    PrimaryKeyConstraint("tenant", "version", name="profiles_version"),
)

drafts = Table(
    "drafts", metadata,
    _words("tenant"), _words("version"), _words("sha256"), _words("text"), _words("actor"),
    Column("at", Utc(), nullable=False),
    PrimaryKeyConstraint("tenant", "sha256", name="drafts_sha256"),
)

reigns = Table(
    "reigns", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("version"), _words("sha256"), _words("by"),
    Column("proposal", SERIAL, ForeignKey("proposals.id")),
    Column("at", Utc(), nullable=False),
    CheckConstraint("\"by\" <> ''", name="reigns_by"),
    Index("reigns_tenant", "tenant", "id"),
    sqlite_autoincrement=True,
)

sellable = Table(
    "sellable", metadata,
    _words("tenant"), _words("version"), _words("places"), _words("dispositions"), _words("conditions"),
    PrimaryKeyConstraint("tenant", "version", name="sellable_version"),
)

exceptions = Table(
    "exceptions", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("return_ref"), _words("line_id"), _words("kind"), _words("owner"), _words("severity"),
    Column("amount", Exact(), nullable=False),
    _words("currency"),
    Column("opened_at", Utc(), nullable=False),
    Column("due_at", Utc(), nullable=False),
    _words("findings"),
    Column("escalated", WORDS, nullable=False, server_default=""),
    Column("closed_at", Utc()),
    _words("resolution"), _words("actor"),
    CheckConstraint("kind <> '' AND owner <> ''", name="exceptions_owner"),
    CheckConstraint("closed_at IS NULL OR (resolution <> '' AND actor <> '')", name="exceptions_closed"),
    Index("exceptions_open", "tenant", "return_ref", "line_id", unique=True,
          sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL")),
    Index("exceptions_return", "tenant", "return_ref"),
    Index("exceptions_ended", "tenant", "closed_at"),
    Index("exceptions_list", "tenant", "due_at", "id", sqlite_where=text("closed_at IS NULL"), postgresql_where=text("closed_at IS NULL")),
    sqlite_autoincrement=True,
)

windows = Table(
    "windows", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("key"), _words("tenant"), _words("legal_entity"), _words("period"),
    Column("leg", WORDS, nullable=False, server_default=""),
    Column("number", Integer, nullable=False),
    Column("closed_at", Utc(), nullable=False),
    Column("returns", Integer, nullable=False),
    _words("controls"), _words("ledger"),
    Column("approval", WORDS, nullable=False, server_default=""),
    Index("windows_approval", "tenant", "legal_entity", sqlite_where=text("approval = 'needed'"),
          postgresql_where=text("approval = 'needed'")),
    Index("windows_key", "key", unique=True),
    Index("windows_entity", "tenant", "legal_entity"),
)

imports = Table(
    "imports", metadata,
    _words("tenant"), _words("sha256"), _words("name"),
    Column("at", Utc(), nullable=False),
    Column("rows", Integer, nullable=False),
    PrimaryKeyConstraint("tenant", "sha256", name="imports_file"),
)

memories = Table(
    "memories", metadata,
    _words("tenant"), _words("name"), _words("body"),
    PrimaryKeyConstraint("tenant", "name", name="memories_name"),
)

trail = Table(
    "trail", metadata,
    _words("tenant"),
    Column("sequence", BigInteger, nullable=False, autoincrement=False),
    _words("at"), _words("actor"), _words("subject"), _words("action"), _words("detail"), _words("previous"), _words("hash"),
    PrimaryKeyConstraint("tenant", "sequence", name="trail_sequence"),
    Index("trail_subject", "tenant", "subject"),
)

words = Table(
    "words", metadata,
    _words("tenant"),
    Column("sequence", BigInteger, nullable=False, autoincrement=False),
    _words("name"), _words("salt"), _words("text"),
    PrimaryKeyConstraint("tenant", "sequence", "name", name="words_name"),
)
"""What an entry of the trail says in somebody's own words; the chain has its seal, and an erasure takes it away."""

trail_heads = Table(
    "trail_heads", metadata,
    Column("tenant", WORDS, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    _words("hash"),
)

people = Table(
    "people", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("issuer"), _words("subject"), _words("name"),
    Column("added_at", Utc(), nullable=False),
    CheckConstraint("issuer <> '' AND subject <> ''", name="people_known"),
    Index("people_identity", "issuer", "subject", unique=True),
    sqlite_autoincrement=True,
)

grants = Table(
    "grants", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("person", SERIAL, ForeignKey("people.id"), nullable=False),
    _words("tenant"), _words("role"), _words("entities"), _words("granted_by"), _words("approved_by"),
    Column("at", Utc(), nullable=False),
    Column("revoked_at", Utc()),
    _words("revoked_by"),
    CheckConstraint(_among("role", "viewer", "operator", "warehouse", "finance", "approver", "admin", "auditor"), name="grants_role"),
    CheckConstraint(_apart("granted_by", "approved_by"), name="grants_four_eyes"),
    CheckConstraint("(revoked_at IS NULL) = (revoked_by = '')", name="grants_revoked"),
    Index("grants_open", "person", "tenant", "role", "entities", unique=True,
          sqlite_where=text("revoked_at IS NULL"), postgresql_where=text("revoked_at IS NULL")),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("person", SERIAL, ForeignKey("people.id"), nullable=False),
    _words("name"), _words("sha256"), _words("scopes"),
    Column("created_at", Utc(), nullable=False),
    Column("expires_at", Utc(), nullable=False),
    Column("used_at", Utc()),
    Column("revoked_at", Utc()),
    Index("tokens_sha256", "sha256", unique=True),
    Index("tokens_person", "person"),
    sqlite_autoincrement=True,
)

proposals = Table(
    "proposals", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("legal_entity"), _words("kind"), _words("subject"), _words("content"), _words("basis"), _words("sha256"),
    Column("amount", Exact(), nullable=False),
    _words("currency"), _words("reason"), _words("proposer"),
    Column("proposed_at", Utc(), nullable=False),
    Column("expires_at", Utc(), nullable=False),
    Column("needed", Integer, nullable=False),
    Column("approver", WORDS),
    Column("approved_at", Utc()),
    Column("second", WORDS),
    Column("second_at", Utc()),
    _words("state"), _words("ended_by"),
    Column("ended_at", Utc()),
    _words("result"),
    CheckConstraint(_among("state", "open", "approved", "refused", "withdrawn", "expired"), name="proposals_state"),
    CheckConstraint("needed IN (1, 2) AND reason <> '' AND proposer <> ''", name="proposals_whole"),
    CheckConstraint(f"approver IS NULL OR {_apart('approver', 'proposer')}", name="proposals_four_eyes"),
    CheckConstraint(f"second IS NULL OR (approver IS NOT NULL AND {_apart('second', 'proposer')} AND {_apart('second', 'approver')})",
                    name="proposals_six_eyes"),
    CheckConstraint("state <> 'approved' OR (approver IS NOT NULL AND (needed = 1 OR second IS NOT NULL))", name="proposals_approved"),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="proposals_ended"),
    Index("proposals_open", "tenant", "kind", "subject", "sha256", unique=True,
          sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("proposals_subject", "tenant", "subject"),
    Index("proposals_day", "tenant", "proposer", "proposed_at"),
    sqlite_autoincrement=True,
)

pauses = Table(
    "pauses", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("legal_entity"), _words("reason"), _words("paused_by"),
    Column("paused_at", Utc(), nullable=False),
    _words("ended_by"), _words("approved_by"),
    Column("ended_at", Utc()),
    CheckConstraint(f"ended_at IS NULL OR {_apart('ended_by', 'approved_by')}", name="pauses_four_eyes"),
    CheckConstraint("reason <> '' AND paused_by <> ''", name="pauses_whole"),
    Index("pauses_open", "tenant", "legal_entity", unique=True,
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    sqlite_autoincrement=True,
)

sign_ins = Table(
    "sign_ins", metadata,
    Column("hash", WORDS, primary_key=True),
    Column("at", Utc(), nullable=False),
    Index("sign_ins_at", "at"),
)

sessions = Table(
    "sessions", metadata,
    Column("hash", WORDS, primary_key=True),
    _words("issuer"), _words("subject"), _words("name"),
    Column("began_at", Utc(), nullable=False),
    Column("seen_at", Utc(), nullable=False),
    Column("proven_at", Utc(), nullable=False),
    Column("ended_at", Utc()),
    _words("reason"),
    CheckConstraint("(ended_at IS NULL) = (reason = '')", name="sessions_ended"),
    Index("sessions_person", "issuer", "subject", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
)

notes = Table(
    "notes", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"),
    Column("exception", SERIAL, ForeignKey("exceptions.id"), nullable=False),
    _words("return_ref"), _words("sort"), _words("text"), _words("actor"),
    Column("at", Utc(), nullable=False),
    _words("name"), _words("type"), _words("sha256"),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary),
    CheckConstraint(_among("sort", "comment", "evidence", "hand-over"), name="notes_sort"),
    CheckConstraint("(sort = 'evidence') = (body IS NOT NULL)", name="notes_body"),
    CheckConstraint("actor <> '' AND (text <> '' OR sort = 'evidence')", name="notes_whole"),
    Index("notes_exception", "exception"),
    Index("notes_return", "tenant", "return_ref"),
    sqlite_autoincrement=True,
)

promises = Table(
    "promises", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("return_ref"), _words("text"), _words("actor"),
    Column("at", Utc(), nullable=False),
    Column("due_at", Utc(), nullable=False),
    CheckConstraint("text <> '' AND actor <> ''", name="promises_whole"),
    Index("promises_return", "tenant", "return_ref"),
    Index("promises_due", "tenant", "due_at"),
    sqlite_autoincrement=True,
)

answers = Table(
    "answers", metadata,
    _words("actor"), _words("key"), _words("request"),
    Column("status", Integer, nullable=False),
    _words("body"),
    Column("at", Utc(), nullable=False),
    PrimaryKeyConstraint("actor", "key", name="answers_key"),
)

proofs = Table(
    "proofs", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("period"), _words("day"),
    Column("at", Utc(), nullable=False),
    _words("actor"),
    Column("complete", Boolean, nullable=False),
    _words("figures"), _words("extracts"),
    CheckConstraint("actor <> ''", name="proofs_actor"),
    Index("proofs_period", "tenant", "period"),
    sqlite_autoincrement=True,
)

proof_lines = Table(
    "proof_lines", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("proof", SERIAL, ForeignKey("proofs.id"), nullable=False),
    _words("tenant"), _words("period"), _words("line"), _words("return_ref"), _words("line_id"), _words("standing"), _words("kind"),
    Column("amount", Exact(), nullable=False),
    _words("entity"), _words("currency"), _words("document"), _words("also"), _words("other"), _words("since"),
    CheckConstraint(_among("standing", "broken", "timing", "orphan"), name="proof_lines_standing"),
    Index("proof_lines_kind", "tenant", "period", "kind"),
    sqlite_autoincrement=True,
)

proof_house = Table(
    "proof_house", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("proof", SERIAL, ForeignKey("proofs.id"), nullable=False),
    _words("tenant"), _words("period"), _words("kind"), _words("subject"), _words("sentence"),
    Column("amount", Exact(), nullable=False),
    Column("counted", Integer, nullable=False),
    _words("entity"), _words("currency"),
    Index("proof_house_kind", "tenant", "period", "kind"),
    sqlite_autoincrement=True,
)

proof_within = Table(
    "proof_within", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("proof", SERIAL, ForeignKey("proofs.id"), nullable=False),
    _words("tenant"), _words("period"), _words("line"), _words("return_ref"), _words("line_id"), _words("measure"),
    Column("amount", Exact(), nullable=False),
    _words("row"), _words("entity"), _words("currency"), _words("document"),
    CheckConstraint("\"row\" <> ''", name="proof_within_row"),
    Index("proof_within_row_of", "tenant", "period", "row"),
    sqlite_autoincrement=True,
)

statements = Table(
    "statements", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("sort"), _words("name"), _words("sha256"), _words("actor"),
    Column("at", Utc(), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint(_among("sort", "availability", "totals"), name="statements_sort"),
    CheckConstraint("actor <> ''", name="statements_actor"),
    Index("statements_latest", "tenant", "sort", "id"),
    sqlite_autoincrement=True,
)

availability = Table(
    "availability", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("statement", SERIAL, ForeignKey("statements.id"), nullable=False),
    _words("tenant"), _words("sku"), _words("at"), _words("entity"), _words("warehouse"), _words("standing"),
    Column("shop", Exact(), nullable=False),
    Column("erp", Exact(), nullable=False),
    Column("told", Exact()),
    CheckConstraint(_among("standing", "differs", "in-flight", "unknown"), name="availability_standing"),
    Index("availability_list", "tenant", "standing", "sku"),
    sqlite_autoincrement=True,
)

paysheets = Table(
    "paysheets", metadata,
    _words("tenant"), _words("sha256"), _words("provider"), _words("name"),
    Column("body", LargeBinary, nullable=False),
    Column("at", Utc(), nullable=False),
    PrimaryKeyConstraint("tenant", "sha256", name="paysheets_content"),
)

payments = Table(
    "payments", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("provider"), _words("reference"), _words("status"), _words("currency"), _words("day"),
    *(Column(name, Exact(), nullable=False) for name in ("amount", "fee", "bonus", "exchange")),
    _words("pays"), _words("sheet"),
    Column("at", Utc(), nullable=False),
    CheckConstraint(_among("status", "pending", "failed", "paid", "reversed"), name="payments_status"),
    Index("payments_once", "tenant", "provider", "reference", "status", unique=True),
    sqlite_autoincrement=True,
)

erasures = Table(
    "erasures", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"),
    Column("proposal", SERIAL, ForeignKey("proposals.id"), nullable=False),
    _words("name"),
    Column("at", Utc(), nullable=False),
    Column("done_at", Utc()),
    _words("proof"),
    CheckConstraint("(done_at IS NULL) = (proof = '')", name="erasures_proved"),
    Index("erasures_proposal", "proposal", unique=True),
    sqlite_autoincrement=True,
)
"""Erasures two people agreed on; while one is not done, what it is about may lose its words."""

erased = Table(
    "erased", metadata,
    Column("erasure", SERIAL, ForeignKey("erasures.id"), nullable=False),
    _words("tenant"), _words("return_ref"),
    PrimaryKeyConstraint("tenant", "return_ref", "erasure", name="erased_return"),
)
"""What each erasure is about: returns, and messages that nobody could read."""

holds = Table(
    "holds", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("reason"), _words("placed_by"),
    Column("placed_at", Utc(), nullable=False),
    _words("ended_by"), _words("approved_by"),
    Column("ended_at", Utc()),
    CheckConstraint("reason <> '' AND placed_by <> ''", name="holds_whole"),
    CheckConstraint(f"ended_at IS NULL OR {_apart('ended_by', 'approved_by')}", name="holds_four_eyes"),
    Index("holds_open", "tenant", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    sqlite_autoincrement=True,
)
"""Legal holds: while one stands, nobody is erased whose return it names."""

held = Table(
    "held", metadata,
    Column("hold", SERIAL, ForeignKey("holds.id"), nullable=False),
    _words("tenant"), _words("return_ref"),
    PrimaryKeyConstraint("tenant", "return_ref", "hold", name="held_return"),
)
"""Which returns each hold names."""

folds = Table(
    "folds", metadata,
    _words("tenant"), _words("sort"), _words("return_ref"), _words("version"), _words("body"),
    PrimaryKeyConstraint("tenant", "sort", "return_ref", name="folds_return"),
)
"""What was worked out of each return, by sort, and under which rules."""

stirred = Table(
    "stirred", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("return_ref"),
    Index("stirred_return", "tenant", "return_ref"),
    sqlite_autoincrement=True,
)
"""Returns of which something changed since their folds were last let go; triggers write it, a row for each change."""

foldings = Table(
    "foldings", metadata,
    Column("tenant", WORDS, primary_key=True),
    Column("turn", BigInteger, nullable=False),
)
"""How often folds were let go: what was worked out before that is not kept after it."""

ERASABLE: Final = frozenset({
    "deliveries", "facts", "cases", "postings", "attempts", "exceptions", "notes", "promises", "proposals", "words", "answers", "memories",
    "folds", "holds",
})
"""Tables that may hold what is about a customer."""

signatures = Table(
    "signatures", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("period"), _words("legal_entity"), _words("signer"), _words("numbers"), _words("sha256"), _words("actor"),
    Column("at", Utc(), nullable=False),
    Column("fallen_at", Utc()),
    _words("moved"),
    CheckConstraint(_among("signer", "finance", "warehouse", "customer-service", "integration", "reviewer"), name="signatures_signer"),
    CheckConstraint("trim(actor) <> '' AND sha256 <> ''", name="signatures_whole"),
    CheckConstraint("(fallen_at IS NULL) = (moved = '')", name="signatures_fallen"),
    Index("signatures_standing", "tenant", "period", "legal_entity", "signer", unique=True,
          sqlite_where=text("fallen_at IS NULL"), postgresql_where=text("fallen_at IS NULL")),
    Index("signatures_month", "tenant", "period", "legal_entity"),
    sqlite_autoincrement=True,
)

matches = Table(
    "matches", metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    _words("tenant"), _words("legal_entity"), _words("body"),
    Column("proposal", SERIAL, ForeignKey("proposals.id"), nullable=False),
    _words("actor"), _words("approver"), _words("reason"),
    Column("at", Utc(), nullable=False),
    CheckConstraint(f"reason <> '' AND {_apart('actor', 'approver')}", name="matches_four_eyes"),
    Index("matches_proposal", "proposal", unique=True),
    sqlite_autoincrement=True,
)
"""Which records people confirmed to be the credit of which lines."""

match_ends = Table(
    "match_ends", metadata,
    Column("match", SERIAL, ForeignKey("matches.id"), primary_key=True, autoincrement=False),
    Column("proposal", SERIAL, ForeignKey("proposals.id"), nullable=False),
    _words("actor"), _words("approver"), _words("reason"),
    Column("at", Utc(), nullable=False),
    CheckConstraint(f"reason <> '' AND {_apart('actor', 'approver')}", name="match_ends_four_eyes"),
)
"""Which of them were revoked."""

matched = Table(
    "matched", metadata,
    _words("tenant"), _words("what"),
    Column("match", SERIAL, ForeignKey("matches.id"), nullable=False),
    PrimaryKeyConstraint("tenant", "what", name="matched_once"),
)
"""Records and lines of matches that stand; each is in one of them."""

suggested = Table(
    "suggested", metadata,
    _words("tenant"), _words("period"), _words("body"),
    PrimaryKeyConstraint("tenant", "period", name="suggested_period"),
)
"""The matches the latest proof of a month suggests."""

GUARDS: Final = frozenset({
    "matches_stay", "matches_fixed", "match_ends_stay", "match_ends_fixed", "matched_stay", "matched_fixed",
    "deliveries_stay", "deliveries_bytes", "facts_stay", "facts_fixed", "facts_four_eyes", "facts_as_found", "trail_stay", "trail_fixed",
    "attempts_stay", "attempts_complete", "postings_stay", "postings_fixed", "postings_sending", "postings_born_sending",
    "exceptions_stay", "exceptions_done", "profiles_stay", "profiles_fixed",
    "sellable_stay", "sellable_fixed", "postings_unsellable", "postings_born_unsellable", "postings_capped", "postings_born_capped",
    "leases_stay", "leases_grow", "attempts_fenced", "attempts_fenced_end",
    "people_stay", "grants_stay", "grants_fixed", "tokens_stay", "proposals_stay", "proposals_fixed", "pauses_stay", "pauses_fixed",
    "attempts_paused", "notes_stay", "notes_fixed", "promises_stay", "promises_fixed", "answers_fixed",
    "sessions_over", "drafts_stay", "drafts_fixed", "reigns_stay", "reigns_fixed", "reigns_approved",
    "attempts_approved", "windows_approval_stays",
    "proofs_stay", "proofs_fixed", "statements_stay", "statements_fixed",
    "payments_stay", "payments_fixed", "paysheets_stay", "paysheets_fixed",
    "words_stay", "words_fixed", "erasures_stay", "erasures_approved", "erasures_done", "erased_stay", "erased_fixed", "erased_settled",
    "holds_stay", "holds_fixed", "held_stay", "held_fixed", "erased_held",
    "signatures_stay", "signatures_fixed", "signatures_apart", "signatures_last",
    "facts_stir_insert", "facts_stir_update", "postings_stir_insert", "postings_stir_update", "postings_stir_delete",
    "exceptions_stir_insert", "exceptions_stir_update",
})
"""Triggers the migrations create; `SqlStore.check` refuses to work without them."""

UNIQUE: Final = frozenset(
    str(index.name) for table in metadata.tables.values() for index in table.indexes if index.unique)
"""Unique indexes without which money is not safe; `SqlStore.check` refuses to work without them."""
