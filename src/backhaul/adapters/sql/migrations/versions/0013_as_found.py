"""No correction makes sellable what an inspection found otherwise (INV-06), whatever code wrote it down.

A correction of how units were found may name no condition or disposition that may be sold under any version we ever worked by, unless the
messages tell one that may be sold under that version as well. It takes an inspection to say so.
"""
# ruff: noqa: S608  every statement here is put together from words of this file

from alembic import op

revision = "0013"
down_revision = "0012"

SAYS = "no correction makes sellable what an inspection found otherwise (INV-06)"


def upgrade() -> None:
    """Go to this version."""
    postgres = op.get_bind().dialect.name == "postgresql"
    when = f"NEW.kind = 'Corrected' AND ({_sells('condition', postgres=postgres)} OR {_sells('disposition', postgres=postgres)})"
    if postgres:
        op.execute("CREATE FUNCTION facts_as_found() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                   f"IF {when} THEN RAISE EXCEPTION '{SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$")
        op.execute("CREATE TRIGGER facts_as_found BEFORE INSERT ON facts FOR EACH ROW EXECUTE FUNCTION facts_as_found()")
    else:
        op.execute(f"CREATE TRIGGER facts_as_found BEFORE INSERT ON facts WHEN {when} BEGIN SELECT RAISE(ABORT, '{SAYS}'); END")


def _sells(what: str, *, postgres: bool) -> str:
    """Say in SQL that a word of this kind may be sold under a kept version, and the one that was found may not."""

    def says(name: str) -> str:
        return f"NEW.body::json ->> '{name}'" if postgres else f"json_extract(NEW.body, '$.{name}')"

    def among(name: str) -> str:
        column = f"sellable.{what}s"
        words = f"json_array_elements_text({column}::json) AS word" if postgres else f"json_each({column}) AS word"
        return f"EXISTS (SELECT 1 FROM {words} WHERE {'word' if postgres else 'word.value'} = {says(name)})"

    return (f"({says('what')} = '{what}' AND EXISTS (SELECT 1 FROM sellable WHERE sellable.tenant = NEW.tenant AND {among('value')} "
            f"AND NOT {among('told')}))")
