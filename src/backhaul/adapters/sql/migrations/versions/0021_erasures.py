"""A customer is erased by two people: what is kept for ever may lose its words, those alone, while such an erasure is being done.

An erasure begins with a row that names an approved proposal and ends in the same transaction. Until it ends, rows of the returns it is
about may change in what is said there of people; what they say of goods, money, time and state is compared by the guards as before.
"""
import sqlalchemy as sa
from alembic import op

from backhaul.adapters.sql.tables import Utc

revision = "0021"
down_revision = "0020"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NOT_FIXED = "('planned', 'held', 'withdrawn')"
MAYBE_THERE = "('sending', 'unconfirmed', 'pending', 'posted', 'verified')"
LATEST = (
    "COALESCE((SELECT leases.token FROM leases JOIN postings ON postings.tenant = leases.tenant AND postings.legal_entity = "
    "leases.legal_entity WHERE postings.key = NEW.posting), 0)"
)
MONEY = ("grades", "counts", "counting", "charges", "money", "decision", "line_id", "code", "units", "unit_price", "order",
         "stage", "parcel", "node", "currency", "warehouse", "approver", "actor", "goods", "essence", "instead_of", "says", "difference",
         "reference")
"""What of a fact no erasure changes."""
DOCUMENT = ("needs", "net", "currency", "accepted_at", "document.quantity", "document.unit_price", "document.net", "document.sku",
            "document.line_id", "document.lots", "document.place", "document.order", "document.currency", "document.warehouse",
            "document.intake.quantity", "document.intake.place", "document.intake.disposition", "document.intake.condition")
"""What of a posting no erasure changes."""


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "erasures", sa.Column("id", SERIAL, autoincrement=True, nullable=False), _words("tenant"),
        sa.Column("proposal", SERIAL, sa.ForeignKey("proposals.id"), nullable=False), _words("name"),
        sa.Column("at", Utc(), nullable=False), sa.Column("done_at", Utc(), nullable=True), _words("proof"),
        sa.CheckConstraint("(done_at IS NULL) = (proof = '')", name="erasures_proved"), sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True)
    op.create_index("erasures_proposal", "erasures", ["proposal"], unique=True)
    op.create_table(
        "erased", sa.Column("erasure", SERIAL, sa.ForeignKey("erasures.id"), nullable=False), _words("tenant"), _words("return_ref"),
        sa.PrimaryKeyConstraint("tenant", "return_ref", "erasure", name="erased_return"))
    postgres = op.get_bind().dialect.name == "postgresql"
    for row in _new():
        _guard(*row, postgres=postgres)
    for row in _changed(postgres=postgres):
        _guard(*row, postgres=postgres, again=True)
    if postgres:
        for table in ("erasures", "erased", "words"):
            op.execute(f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")


def _words(name: str) -> "sa.Column[str]":
    return sa.Column(name, WORDS, nullable=False)


OPEN = "EXISTS (SELECT 1 FROM erasures WHERE erasures.tenant = {tenant} AND erasures.done_at IS NULL)"
ABOUT = ("EXISTS (SELECT 1 FROM erasures JOIN erased ON erased.erasure = erasures.id WHERE erasures.done_at IS NULL "
         "AND erased.tenant = {tenant} AND erased.return_ref = {ref})")
APPROVED = ("EXISTS (SELECT 1 FROM proposals WHERE proposals.id = NEW.proposal AND proposals.tenant = NEW.tenant "
            "AND proposals.kind = 'erase' AND proposals.state = 'open' AND proposals.approver <> '' "
            "AND lower(trim(proposals.approver)) <> lower(trim(proposals.proposer)) AND (proposals.needed = 1 OR proposals.second <> ''))")


def _new() -> tuple[tuple[str, str, str, str], ...]:
    entry = ABOUT.format(tenant="OLD.tenant", ref="(SELECT trail.subject FROM trail WHERE trail.tenant = OLD.tenant "
                                                  "AND trail.sequence = OLD.sequence)")
    return (
        ("words_stay", "DELETE ON words", f"NOT {entry}", "words of the trail are only erased, by an approved erasure"),
        ("words_fixed", "UPDATE ON words", "", "words of the trail stay as they were said"),
        ("erasures_stay", "DELETE ON erasures", "", "erasures are never deleted"),
        ("erasures_approved", "INSERT ON erasures", f"NEW.done_at IS NOT NULL OR NOT {APPROVED}",
         "somebody is erased by the approval of somebody other than its proposer (INV-30)"),
        ("erasures_done", "UPDATE ON erasures",
         ("OLD.done_at IS NOT NULL OR NEW.done_at IS NULL OR NEW.tenant <> OLD.tenant OR NEW.proposal <> OLD.proposal OR "
          "NEW.name <> OLD.name"),
         "an erasure is only ever done"),
        ("erased_stay", "DELETE ON erased", "", "erasures are never deleted"),
        ("erased_fixed", "UPDATE ON erased", "", "an erasure is about what it was about"),
        ("erased_settled", "INSERT ON erased",
         ("NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.id = NEW.erasure AND erasures.tenant = NEW.tenant "
          "AND erasures.done_at IS NULL) OR EXISTS (SELECT 1 FROM cases WHERE cases.tenant = NEW.tenant AND cases.ref = NEW.return_ref "
          "AND COALESCE(cases.state, '') NOT IN ('settled', 'closed')) OR EXISTS (SELECT 1 FROM exceptions WHERE "
          "exceptions.tenant = NEW.tenant AND exceptions.return_ref = NEW.return_ref AND exceptions.closed_at IS NULL)"),
         "only what is settled and needs nobody any more is erased"),
    )


def _changed(*, postgres: bool) -> tuple[tuple[str, str, str, str], ...]:
    """Give the guards of before, with what an erasure may change in them."""
    about = ABOUT.format(tenant="OLD.tenant", ref="OLD.return_ref")
    of_posting = ABOUT.format(tenant="(SELECT postings.tenant FROM postings WHERE postings.key = OLD.posting)",
                              ref="(SELECT postings.return_ref FROM postings WHERE postings.key = OLD.posting)")
    gone = r"'\x657261736564'::bytea" if postgres else "X'657261736564'"
    return (
        ("deliveries_bytes", "UPDATE ON deliveries",
         ("NEW.tenant <> OLD.tenant OR NEW.source <> OLD.source OR NEW.identity <> OLD.identity OR NEW.sha256 <> OLD.sha256 OR "
          "NEW.size <> OLD.size OR NEW.received_at <> OLD.received_at OR NEW.first <> OLD.first OR "
          "(COALESCE(NEW.body <> OLD.body, (NEW.body IS NULL) <> (OLD.body IS NULL)) "
          f"AND NOT (COALESCE(NEW.body = {gone}, false) AND OLD.body IS NOT NULL AND {OPEN.format(tenant='OLD.tenant')}))"),
         "the bytes of a delivery never change"),
        ("facts_fixed", "UPDATE ON facts", _but(about, ("id", "tenant", "return_ref", "kind", "identity", "at", "delivery_id"),
                                                [f"body {name}" for name in MONEY], postgres=postgres), "facts are append-only"),
        ("attempts_complete", "UPDATE ON attempts",
         ("NOT (OLD.outcome = '' AND NEW.outcome <> '' AND NEW.posting = OLD.posting AND NEW.batch = OLD.batch AND "
          "NEW.number = OLD.number AND NEW.request_hash = OLD.request_hash AND NEW.mapping_version = OLD.mapping_version AND "
          "NEW.started_at = OLD.started_at) AND " + _but(of_posting, (
              "id", "posting", "batch", "number", "request_hash", "mapping_version", "started_at", "finished_at", "outcome", "token"),
              (), postgres=postgres)),
         "an attempt changes once, when it is completed"),
        ("attempts_fenced_end", "UPDATE ON attempts", f"OLD.outcome = '' AND NEW.token < {LATEST}",
         "another worker acts for this legal entity (INV-11)"),
        ("postings_fixed", "UPDATE ON postings",
         ("NEW.key <> OLD.key OR NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.return_ref <> OLD.return_ref OR "
          f"NEW.kind <> OLD.kind OR (OLD.state NOT IN {NOT_FIXED} AND (NEW.fingerprint <> OLD.fingerprint OR "
          "(NEW.body <> OLD.body AND " + _but(about, ("state", "value", "net", "quantity", "order_ref", "claim", "sku"),
                                              [f"body {name}" for name in DOCUMENT], postgres=postgres) + ") OR "
          "NEW.mapping_version <> OLD.mapping_version OR NEW.window_key <> OLD.window_key OR NEW.state IN ('planned', 'held'))) OR "
          f"(OLD.state IN {MAYBE_THERE} AND NEW.state = 'withdrawn')"),
         "what is fixed never changes, and what the ERP may hold is never withdrawn"),
        ("exceptions_done", "UPDATE ON exceptions",
         "OLD.closed_at IS NOT NULL AND " + _but(about, (
             "id", "tenant", "return_ref", "line_id", "kind", "owner", "severity", "amount", "currency", "opened_at", "due_at", "closed_at",
             "actor"), (), postgres=postgres),
         "a closed exception stays as it was closed"),
        ("notes_fixed", "UPDATE ON notes", _but(about, (
            "id", "tenant", "exception", "return_ref", "sort", "actor", "at", "type", "sha256", "size"), (), postgres=postgres),
         "what somebody said stays as it was said"),
        ("promises_fixed", "UPDATE ON promises", _but(
            about, ("id", "tenant", "return_ref", "actor", "at", "due_at"), (), postgres=postgres),
         "what was promised stays as it was promised"),
        ("proposals_fixed", "UPDATE ON proposals",
         ("(OLD.state <> 'open' OR NEW.tenant <> OLD.tenant OR NEW.legal_entity <> OLD.legal_entity OR NEW.kind <> OLD.kind OR "
          "NEW.subject <> OLD.subject OR NEW.content <> OLD.content OR NEW.basis <> OLD.basis OR NEW.sha256 <> OLD.sha256 OR "
          "NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency OR NEW.reason <> OLD.reason OR NEW.proposer <> OLD.proposer OR "
          "NEW.proposed_at <> OLD.proposed_at OR NEW.expires_at <> OLD.expires_at OR NEW.needed <> OLD.needed OR "
          "COALESCE(NEW.approver <> OLD.approver, false)) AND " + _but(
              ABOUT.format(tenant="OLD.tenant", ref="OLD.subject"),
              ("id", "tenant", "legal_entity", "kind", "subject", "basis", "sha256", "amount", "currency", "proposer", "proposed_at",
               "expires_at", "needed", "approver", "approved_at", "second", "second_at", "state", "ended_by", "ended_at"), (),
              postgres=postgres)),
         "what was proposed stays as it was shown, and what was decided stays decided (INV-30)"),
    )


def _but(about: str, columns: tuple[str, ...], parts: "list[str] | tuple[str, ...]", *, postgres: bool) -> str:
    """Say in SQL that a change is no erasure: of what is being erased all of these columns, and parts of a JSON text, stay as they are."""
    differs = "IS DISTINCT FROM" if postgres else "IS NOT"
    told = [f"NEW.{name} {differs} OLD.{name}" for name in columns]
    for part in parts:
        column, path = part.split(" ")
        keys = "{" + path.replace(".", ",") + "}"
        new, old = ((f"({row}.{column}::json #>> '{keys}')::text" if postgres else f"json_extract({row}.{column}, '$.{path}')")
                    for row in ("NEW", "OLD"))
        told.append(f"{new} {differs} {old}")
    return f"(NOT {about} OR {' OR '.join(told)})"


def _guard(name: str, what: str, when: str, says: str, *, postgres: bool, again: bool = False) -> None:  # noqa: PLR0913  each is named
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
