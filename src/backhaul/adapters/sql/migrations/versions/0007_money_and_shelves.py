"""Damaged goods never go on sale (INV-06), and no line of a sale is credited beyond what it sold (INV-03), whatever code says so.

Both read what the posting itself says when it is fixed. What is on sale under a mapping version is kept in `sellable`, apart from the
mapping; goods of a version nobody kept go nowhere. Words are compared without case or spaces around them, as letters of ASCII.
"""
# ruff: noqa: S608  every statement here is put together from words of this file

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

NOT_FIXED = "('planned', 'held', 'withdrawn')"
TAKING = "('ready', 'sending', 'unconfirmed', 'pending', 'awaited', 'posted', 'verified')"
"""States in which an order line takes of its sale: all that are fixed and not refused."""
STAYS = "what is on sale under a mapping version is kept as it was (INV-06)"
UNSELLABLE = "goods that may not be sold are never brought to where stock is sold (INV-06)"
CAPPED = "no line of a sale is credited beyond what it sold, unless two people said so (INV-03)"


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "sellable",
        sa.Column("tenant", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("places", WORDS, nullable=False),
        sa.Column("dispositions", WORDS, nullable=False),
        sa.Column("conditions", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "version", name="sellable_version"),
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    guard = _guard_postgres if postgres else _guard_sqlite
    guard("sellable_stay", "DELETE ON sellable", "", STAYS)
    guard("sellable_fixed", "UPDATE ON sellable", "", STAYS)
    for name, what, before in (
        ("unsellable", "UPDATE ON postings", f" AND OLD.state IN {NOT_FIXED}"), ("born_unsellable", "INSERT ON postings", "")):
        guard(f"postings_{name}", what, f"NEW.state NOT IN {NOT_FIXED}{before} AND {_goes_on_sale(postgres=postgres)}", UNSELLABLE)
    for name, what, before in (
        ("capped", "UPDATE ON postings", f" AND OLD.state NOT IN {TAKING}"), ("born_capped", "INSERT ON postings", "")):
        guard(f"postings_{name}", what, f"NEW.claim = 'sale' AND NEW.state IN {TAKING}{before} AND {_beyond(postgres=postgres)}", CAPPED,
              first=ONE_AT_A_TIME)
    if postgres:
        op.execute("CREATE TRIGGER sellable_whole BEFORE TRUNCATE ON sellable FOR EACH STATEMENT EXECUTE FUNCTION kept_whole()")


def _goes_on_sale(*, postgres: bool) -> str:
    """Say in SQL that a posting brings goods to a place, and no kept version says that they may go there."""

    def told(*paths: str) -> str:
        found = ", ".join(f"NEW.body::json #>> '{{{path.replace('.', ',')}}}'" if postgres else f"json_extract(NEW.body, '$.{path}')"
                          for path in paths)
        return f"COALESCE({found}, '')"

    def each(column: str, name: str) -> str:
        return f"json_array_elements(sellable.{column}::json) AS {name}" if postgres else f"json_each(sellable.{column}) AS {name}"

    def of(name: str, key: str) -> str:
        return f"{name} ->> '{key}'" if postgres else f"json_extract({name}.value, '$.{key}')"

    def is_(name: str, word: str) -> str:
        return f"{name} #>> '{{}}' = {word}" if postgres else f"{name}.value = {word}"

    def place(word: str) -> str:
        return told(f"document.intake.place.{word}", f"document.target.{word}", f"document.place.{word}")

    def alike(one: str, other: str) -> str:
        return f"lower(trim({one})) = lower(trim({other}))"

    status = place("status")
    meets = (f"{alike(of('shelf', 'warehouse'), place('warehouse'))} AND {alike(of('shelf', 'location'), place('location'))} AND "
             f"({alike(of('shelf', 'status'), status)} OR trim({of('shelf', 'status')}) = '' OR trim({status}) = '')")
    disposition = told("document.intake.disposition", "document.disposition")
    condition = told("document.intake.condition", "document.condition")
    return (
        f"NEW.kind <> 'issue' AND {place('warehouse')} <> '' AND NOT EXISTS (SELECT 1 FROM sellable WHERE sellable.tenant = NEW.tenant "
        f"AND sellable.version = NEW.mapping_version AND (NOT EXISTS (SELECT 1 FROM {each('places', 'shelf')} WHERE {meets}) OR "
        f"(EXISTS (SELECT 1 FROM {each('dispositions', 'may')} WHERE {is_('may', disposition)}) AND "
        f"EXISTS (SELECT 1 FROM {each('conditions', 'may')} WHERE {is_('may', condition)}))))")


def _beyond(*, postgres: bool) -> str:
    """Say in SQL that a line of the sale gives more units or more money than it sold, and no two people waived that for this line."""

    def shares(row: str, name: str) -> str:
        lots = f"json_array_elements({row}.body::json #> '{{document,lots}}')" if postgres else f"json_each({row}.body, '$.document.lots')"
        return f"{lots} AS {name}"

    def said(name: str, key: str) -> str:
        return f"{name} ->> '{key}'" if postgres else f"json_extract({name}.value, '$.{key}')"

    def number(text: str) -> str:
        return f"CAST({text} AS numeric)" if postgres else f"CAST({text} AS REAL)"

    def price(row: str) -> str:
        path = "::json #>> '{document,unit_price}'"
        return number(f"{row}.body{path}" if postgres else f"json_extract({row}.body, '$.document.unit_price')")

    def taken(worth: str) -> str:
        return (f"COALESCE((SELECT SUM({number(said('theirs', 'quantity'))}{worth}) FROM postings AS other, {shares('other', 'theirs')} "
                "WHERE other.tenant = NEW.tenant AND other.legal_entity = NEW.legal_entity AND other.order_ref = NEW.order_ref AND "
                f"other.claim = 'sale' AND other.state IN {TAKING} AND other.key <> NEW.key AND "
                f"{said('theirs', 'lot')} = {said('mine', 'lot')}), 0)")

    mine, sold = number(said("mine", "quantity")), number(said("mine", "sold"))
    units = f"ROUND({mine} + {taken('')} - {sold}, 6) > 0"
    money = (f"ROUND({mine} * {price('NEW')} + {taken(' * ' + price('other'))} - {sold} * {number(said('mine', 'sold_at'))}, 6) > 0")
    decided = {name: f"facts.body::json ->> '{name}'" if postgres else f"json_extract(facts.body, '$.{name}')"
               for name in ("decision", "line_id", "code")}
    return (
        f"EXISTS (SELECT 1 FROM {shares('NEW', 'mine')} WHERE {said('mine', 'sold')} IS NOT NULL AND ({units} OR {money})) AND "
        "NOT EXISTS (SELECT 1 FROM facts WHERE facts.tenant = NEW.tenant AND facts.return_ref = NEW.return_ref AND "
        f"facts.kind = 'Decided' AND {decided['decision']} = 'waive' AND {decided['line_id']} = NEW.line_id AND "
        f"{decided['code']} IN ('QUANTITY_ABOVE_SOLD', 'PRICE_ABOVE_SOLD', 'VALUE_ABOVE_SOLD'))")


ONE_AT_A_TIME = ("IF NEW.claim = 'sale' THEN PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws('|', NEW.tenant, NEW.legal_entity, "
                 "NEW.order_ref), 0)); END IF; ")
"""Two transactions that take of one sale see each other's claims (SQLite has one writer)."""


def _guard_sqlite(name: str, what: str, when: str, says: str, *, first: str = "") -> None:  # noqa: ARG001  one writer needs no lock
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} {f'WHEN {when}' if when else ''} BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _guard_postgres(name: str, what: str, when: str, says: str, *, first: str = "") -> None:
    action = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'integrity_constraint_violation';"
    goes_on = "RETURN OLD;" if what.startswith("DELETE") else "RETURN NEW;"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {first}"
        f"{f'IF {when} THEN {action} END IF;' if when else action} {goes_on} END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW EXECUTE FUNCTION {name}()")
