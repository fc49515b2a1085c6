"""Is a transaction kept whole or not at all, and does the store refuse a database it cannot trust?"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, text
from sqlalchemy.exc import DBAPIError

from backhaul.adapters.sql import SqlStore, rows, store as store_module, views
from backhaul.adapters.sql.tables import GUARDS, UNIQUE, cases, facts, metadata
from backhaul.application.ports import PostingState, Store, Tx
from backhaul.domain.access import Scope
from backhaul.domain.errors import Misconfigured, RetryLater
from backhaul.domain.posting import PostingKind
from backhaul.testing import builders


class Crash(BaseException):
    """The process ends here."""


def count(store: SqlStore, *tables: str) -> int:
    with store.read() as connection:
        return sum(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in tables)  # noqa: S608  our names


def test_it_is_a_store(store: SqlStore) -> None:
    port: Store = store

    with port.begin() as tx:
        contract: Tx = tx
        assert contract.touched("acme", 1) == []


def test_a_crash_inside_a_transaction_leaves_nothing(store: SqlStore, story: Any) -> None:
    posting = story.posting(PostingKind.RECEIPT)

    with pytest.raises(Crash), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.keep([story.delivery()])
        tx.digested(tx.undigested("acme", 1)[0], [story.fact()])
        tx.save_case(story.case())
        tx.keep_sellable("acme", "m1", story.on_sale)
        tx.fix(posting, mapping_version="m1", window="W1", at=story.noon)
        tx.start(story.batch(posting), at=story.noon)
        tx.finish(posting, "B1", outcome="posted", detail="", at=story.noon)
        tx.set_state(posting.key, PostingState.VERIFIED, at=story.noon)
        tx.open_exception(story.trouble())
        tx.save_import("acme", "f.csv", "ab", story.noon, 1)
        list(tx.trail("acme"))
        tx.attempts([posting.key])
        raise Crash

    assert count(store, "deliveries", "facts", "touched", "cases", "postings", "batches", "attempts", "exceptions", "trail", "imports",
                 "sellable") == 0


def test_what_the_database_refuses_takes_the_whole_transaction_with_it(store: SqlStore, story: Any) -> None:
    with pytest.raises(AssertionError), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.save_case(story.case())
        tx.add_facts("acme", [story.fact()])
        tx.finish(story.posting(), "B1", outcome="posted", detail="", at=story.noon)

    assert count(store, "cases", "facts", "trail") == 0


def test_after_a_failure_the_next_transaction_works(store: SqlStore, story: Any) -> None:
    for _ in range(20):
        with pytest.raises(Crash), store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
            tx.keep([story.delivery()])
            raise Crash

    with store.begin() as tx:
        tx.keep([story.delivery()])

    assert count(store, "deliveries") == 1


def test_many_threads_share_one_store(store: SqlStore, story: Any) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                with store.begin() as tx:
                    tx.keep([story.delivery(f"event-{number}-{turn}")])
                    tx.add_facts("acme", [story.fact(f"R{number}", minutes=turn)])
                    tx.touched("acme", 5)
        except BaseException as failure:  # noqa: BLE001  shown below
            failures.append(failure)

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert (count(store, "deliveries"), count(store, "facts"), count(store, "touched")) == (80, 80, 8)


def test_a_reader_cannot_write_and_does_not_hinder_writers(store: SqlStore, story: Any) -> None:
    with store.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one()
        thread = Thread(target=lambda: _keep(store, story))
        thread.start()
        thread.join()
        after = connection.exec_driver_sql("SELECT count(*) FROM deliveries").scalar_one()
    with pytest.raises(Exception, match=r"read-?only"), store.read() as connection:
        connection.exec_driver_sql("DELETE FROM touched")

    assert before == after == 0
    assert count(store, "deliveries") == 1


def _keep(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.keep([story.delivery()])


def test_two_processes_take_turns_on_one_file(sqlite_url: str, story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "PATIENCE", 0.2)
    one, two = SqlStore(sqlite_url), SqlStore(sqlite_url)
    one.migrate()

    with one.begin() as tx:
        tx.keep([story.delivery()])
        with pytest.raises(RetryLater, match="was busy"), two.begin():
            pass
        with pytest.raises(RetryLater, match="was busy"), one.begin():
            pass
    _keep(two, story)

    assert count(one, "deliveries") == 2
    one.close()
    two.close()


def test_what_is_kept_is_there_after_closing(sqlite_url: str, story: Any) -> None:
    store = SqlStore(sqlite_url)
    store.migrate()
    _keep(store, story)
    store.close()

    again = SqlStore(sqlite_url)
    with again.begin() as tx:
        assert len(tx.undigested("acme", 5)) == 1
    again.close()


def test_who_only_looks_waits_for_no_writer_and_sees_one_moment(store: SqlStore, story: Any) -> None:
    with store.begin() as tx:
        tx.save_case(story.case("R1"))
    with store.look() as tx, store.begin() as writing:
        before = set(tx.cases("acme"))
        writing.save_case(story.case("R2"))
        meanwhile = set(tx.cases("acme"))

    with store.look() as tx:
        after = set(tx.cases("acme"))
    assert (before, meanwhile, after) == ({"R1"}, {"R1"}, {"R1", "R2"})


def test_what_somebody_writes_who_only_looks_is_refused_and_not_lost_in_silence(store: SqlStore, story: Any) -> None:
    with pytest.raises(DBAPIError), store.look() as tx:
        tx.save_case(story.case("R1"))

    with store.look() as tx:
        assert tx.cases("acme") == {}
        assert tx.proposal("acme", 1) is None


# --- migrations


def test_migrating_twice_changes_nothing(empty_url: str, story: Any) -> None:
    store = SqlStore(empty_url)
    store.migrate()
    _keep(store, story)

    store.migrate()

    store.check()
    assert count(store, "deliveries") == 1
    store.close()


def test_what_an_earlier_version_kept_is_found_by_order_and_parcel_and_listed_as_waiting(empty_url: str, story: Any) -> None:
    every = ScriptDirectory.from_config(store_module._alembic()).walk_revisions()
    store = SqlStore(empty_url)
    store.migrate(to=str(next(each.down_revision for each in every if each.path.endswith("_mentions.py"))))
    announced = replace(builders.announced(builders.line(order="SO-7"), at=story.at(-9)), return_ref="R1")
    moved = [replace(story.fact("R1", minutes=-12), parcel="JD1"), replace(story.fact("R2", minutes=-7), parcel="no\nne"), story.fact("R3")]
    with store.engine.begin() as connection:  # as that version wrote
        connection.execute(insert(facts), [
            {"tenant": "acme", "return_ref": fact.return_ref, "kind": fact.kind, "identity": fact.identity, "at": fact.at,
             "body": rows.fact_body(fact)} for fact in (announced, replace(announced, version=2, at=story.at(-5)), *moved)])
        for ref, state in (("R1", "held"), ("R2", "waiting"), ("R3", "settled"), ("R4", "planned")):
            connection.execute(insert(cases), {
                "tenant": "acme", "ref": ref, "legal_entity": "gb", "state": state, "stage": "", "customer": "", "currency": "GBP",
                "net": Decimal(1), "updated_at": story.noon, "revision": 1})

    store.migrate()

    store.check()
    with store.read() as connection:
        found = [views.refs_about(connection, Scope.whole("acme"), term) for term in ("SO-7", "JD1", "no", "no\nne")]
    with store.look() as tx:
        waiting = [(case.ref, case.waits_since) for case in tx.waiting(Scope.whole("acme"), after=None, limit=9)]
    assert found == [("R1",), ("R1",), (), ()]
    assert waiting == [("R1", story.at(-9)), ("R2", story.at(-7)), ("R4", story.noon)]
    store.close()


def test_the_migrations_make_the_tables_the_code_knows(store: SqlStore) -> None:
    def compared(_: object, name: str | None, kind: str, *_more: object) -> bool:
        return not (kind == "index" and str(name).startswith("postings_erp_"))  # of expressions, in each database's own words

    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"include_object": compared}), metadata) == []


def test_processes_that_migrate_at_once_do_not_disturb_each_other(empty_url: str) -> None:
    stores, failures = [SqlStore(empty_url) for _ in range(2)], []

    def migrate(store: SqlStore) -> None:
        try:
            store.migrate()
        except BaseException as failure:  # noqa: BLE001  shown below
            failures.append(failure)

    threads = [Thread(target=migrate, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    for store in stores:
        store.check()
        store.close()


# --- what is refused


def test_a_sound_database_is_accepted(empty_url: str) -> None:
    store = SqlStore(empty_url)
    store.migrate()

    store.check()
    store.close()


def test_a_new_file_gets_its_folder(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'var' / 'deep' / 'backhaul.sqlite'}")

    store.migrate()

    store.check()
    store.close()


@pytest.mark.parametrize("url", ["sqlite:////proc/nowhere/x.sqlite", "sqlite:////tmp", "postgresql://127.0.0.1:9/x"])
def test_a_database_that_cannot_be_opened_is_named_with_the_reason_and_the_cure(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"Database (sqlite|postgresql).* cannot be opened: .*\. Correct its URL"):
        SqlStore(url).migrate()


def test_a_database_without_tables_is_refused(empty_url: str) -> None:
    store = SqlStore(empty_url)

    with pytest.raises(Misconfigured, match="run `backhaul migrate`"):
        store.check()
    store.close()


@pytest.mark.parametrize(("setting", "says"), [
    ("synchronous = NORMAL", "synchronous is below FULL"), ("foreign_keys = OFF", "foreign_keys is off")])
def test_an_sqlite_that_may_forget_is_refused(sqlite_url: str, setting: str, says: str) -> None:
    store = SqlStore(sqlite_url)
    store.migrate()
    store.close()

    @event.listens_for(store.engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA {setting}")

    with pytest.raises(Misconfigured, match=says):
        store.check()
    store.close()


def test_an_sqlite_that_is_not_in_wal_mode_is_refused(sqlite_url: str) -> None:
    store = SqlStore(sqlite_url)
    store.migrate()
    store.close()

    @event.listens_for(store.engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = DELETE")

    with pytest.raises(Misconfigured, match="journal_mode is not WAL"):
        store.check()
    store.close()


def test_a_postgresql_that_may_forget_is_refused(migrated_postgres_url: str) -> None:
    store = SqlStore(migrated_postgres_url)
    with store.engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{store.engine.url.database}" SET synchronous_commit = off'))
    store.close()

    with pytest.raises(Misconfigured, match="synchronous_commit is off"):
        store.check()
    store.close()


@pytest.mark.parametrize("index", sorted(UNIQUE))
def test_a_missing_unique_index_is_noticed(store: SqlStore, index: str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text(f"DROP INDEX {index}"))

    with pytest.raises(Misconfigured, match=index):
        store.check()


def test_a_missing_trigger_is_noticed(store: SqlStore, drop_trigger: Callable[[str], None]) -> None:
    for name in GUARDS:
        drop_trigger(name)

    with pytest.raises(Misconfigured) as refusal:
        store.check()
    assert all(name in str(refusal.value) for name in GUARDS)


@pytest.fixture
def drop_trigger(store: SqlStore) -> Callable[[str], None]:
    def drop(name: str) -> None:
        with store.engine.begin() as connection:
            of = text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = :name AND pg_table_is_visible(tgrelid)")
            on = "" if store.engine.dialect.name == "sqlite" else f" ON {connection.execute(of, {'name': name}).scalar_one()}"
            connection.execute(text(f"DROP TRIGGER {name}{on}"))

    return drop


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/backhaul", "not a url"])
def test_only_a_durable_database_will_do(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"sqlite:////path/backhaul\.db"):
        SqlStore(url)


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    store = SqlStore("postgres://ann:secret@127.0.0.1:1/backhaul")

    assert "secret" not in repr(store.engine)
    assert store.engine.url.drivername == "postgresql+psycopg"
    store.close()


def test_an_error_of_the_database_shows_no_customer(store: SqlStore, story: Any) -> None:
    with pytest.raises(Exception, match="INV-10") as refusal, store.begin() as tx:  # noqa: PT012  the transaction ends as the block does
        tx.save_case(story.case(customer="Ann Personal"))
        tx.fix(story.posting(order=""), mapping_version="m1", window="W1", at=story.noon)
        tx.set_state(story.key(), PostingState.SENDING, at=story.noon)

    assert "Ann Personal" not in str(refusal.value)
