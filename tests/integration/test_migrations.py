"""The migrations, on both databases: from nothing to the tables of the schema and back."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from docmill.store import StoreUnavailable
from docmill.store.sql.migrate import HEAD, make_config, make_engine, migrate, pending
from docmill.store.sql.schema import metadata

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/new folder/100% mine?.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def tables(url: str) -> set[str]:
    """The names of the tables there are."""
    engine = make_engine(url)
    with engine.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_end_at_the_schema(empty_url: str) -> None:
    """After all migrations, Alembic finds no difference to the tables, columns, defaults, keys and indexes of the schema."""
    migrate(empty_url)
    engine = make_engine(empty_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert tables(empty_url) == {*metadata.tables, "alembic_version"}


def test_migrations_create_the_very_indexes(sqlite_url: str, tmp_path: Path) -> None:
    """Indexes have the text that the schema gives, with their conditions, which Alembic does not compare."""
    other_url = f"sqlite://{tmp_path}/other.db"
    with make_engine(other_url).begin() as connection:
        metadata.create_all(connection)

    def indexes(url: str) -> set[str]:
        with make_engine(url).connect() as connection:
            rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
            return {" ".join(row[0].split()) for row in rows}

    assert indexes(sqlite_url) == indexes(other_url)


def test_counting_calls_waits_for_no_disk(postgres_url: str) -> None:
    """In PostgreSQL the table of the request budgets is not logged; no other table is like that."""
    with make_engine(postgres_url).connect() as connection:
        unlogged = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u'"
        assert [row[0] for row in connection.execute(text(unlogged))] == ["rate_windows"]


def test_pending_says_whether_there_is_work(empty_url: str) -> None:
    """A new database is pending, a migrated one is not, and migrating it again changes nothing."""
    assert pending(empty_url)
    migrate(empty_url)
    assert not pending(empty_url)
    migrate(empty_url)
    assert not pending(empty_url)


def test_a_database_ahead_of_the_program_is_left_alone(store_url: str) -> None:
    """A newer release's database is used as it is: its migrations fit this release."""
    with make_engine(store_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not pending(store_url)
    migrate(store_url)


def test_each_migration_can_be_undone(empty_url: str) -> None:
    """Every step up can be taken down and up again, and the way down ends without tables."""
    script = ScriptDirectory.from_config(make_config())
    with make_engine(
        empty_url if not empty_url.startswith("sqlite") else _parent_made(empty_url)
    ).connect() as connection:
        config = make_config(connection)
        for revision in reversed(list(script.walk_revisions())):
            command.upgrade(config, revision.revision)
            command.downgrade(config, "-1")
            command.upgrade(config, revision.revision)
        command.downgrade(config, "base")
    assert tables(empty_url) == {"alembic_version"}


def test_old_ledger_entries_become_transfers_and_back(empty_url: str) -> None:
    """What runs cost and hold is granted, so that the accounts balance; the way down gives the entries back."""
    url = _parent_made(empty_url) if empty_url.startswith("sqlite") else empty_url
    entries = "SELECT run_id, kind, credits FROM ledger_entries ORDER BY run_id, kind"
    with make_engine(url).connect() as connection:
        config = make_config(connection)
        command.upgrade(config, "0001")
        for statement in OLD_LEDGER:
            connection.execute(text(statement))
        before = connection.execute(text(entries)).all()
        connection.commit()
        command.upgrade(config, "0002")
        accounts = {(row[0], row[1]): row[2] for row in connection.execute(text("SELECT * FROM ledger_accounts"))}
        assert accounts == {
            ("org_a", "available"): 0,
            ("org_a", "reserved"): 1,
            ("org_a", "used"): 4,
            ("org_b", "available"): 0,
            ("org_b", "reserved"): 0,
            ("", "granted"): -5,
        }
        used = connection.execute(text("SELECT id, use FROM documents ORDER BY id")).all()
        assert [tuple(row) for row in used] == [("doc_run", "RUNS"), ("doc_spare", "NONE")]
        command.downgrade(config, "0001")
        assert connection.execute(text(entries)).all() == before


OLD_LEDGER = (
    """INSERT INTO documents (id, org_id, mode, filename, sha256, size, blob_key, created_at, probe)
    VALUES ('doc_run', 'org_a', 'live', 'a', 'a', 1, 'a', 1, 'READY'),
    ('doc_spare', 'org_a', 'live', 'a', 'a', 1, 'a', 1, 'READY')""",
    # Six pages at 1 credit of which four were read; one that is open; one that failed.
    """INSERT INTO runs (id, org_id, mode, flow_id, flow_version, document_id, state, priority, created_at, ended_at,
    credits_reserved, credits_used)
    VALUES ('run_1', 'org_a', 'live', 'f', '1.0.0', 'doc_run', 'CANCELLED', 1, 1, 9, 6, 4),
    ('run_2', 'org_a', 'live', 'f', '1.0.0', 'doc_run', 'QUEUED', 1, 2, NULL, 1, 0),
    ('run_3', 'org_b', 'live', 'f', '1.0.0', 'doc_run', 'FAILED', 1, 3, 9, 2, 0),
    ('run_4', 'org_b', 'test', 'f', '1.0.0', 'doc_run', 'QUEUED', 1, 3, NULL, 0, 0)""",
    """INSERT INTO ledger_entries (id, org_id, mode, run_id, kind, credits, created_at)
    VALUES ('led_1', 'org_a', 'live', 'run_1', 'RESERVED', 6, 1),
    ('led_2', 'org_a', 'live', 'run_1', 'SETTLED', 4, 9), ('led_3', 'org_a', 'live', 'run_1', 'RELEASED', 2, 9),
    ('led_4', 'org_a', 'live', 'run_2', 'RESERVED', 1, 2),
    ('led_5', 'org_b', 'live', 'run_3', 'RESERVED', 2, 3),
    ('led_6', 'org_b', 'live', 'run_3', 'SETTLED', 0, 9), ('led_7', 'org_b', 'live', 'run_3', 'RELEASED', 2, 9)""",
)


def test_the_head_constant_is_honest() -> None:
    """There is one newest revision, and it is the constant that spares us importing Alembic; numbers grow along."""
    script = ScriptDirectory.from_config(make_config())
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert script.get_heads() == [HEAD]
    assert revisions == sorted(revisions, reverse=True)


def test_many_may_migrate_at_once(empty_url: str) -> None:
    """Four at the same time, from four threads, all return and the database is migrated once."""
    errors: list[Exception] = []

    def one() -> None:
        try:
            migrate(empty_url)
        except Exception as error:
            errors.append(error)

    script = "import sys; from docmill.store.sql.migrate import migrate; migrate(sys.argv[1])"
    processes = [subprocess.Popen([sys.executable, "-c", script, empty_url]) for _ in range(3)]
    thread = threading.Thread(target=one)
    thread.start()
    thread.join()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert errors == []
    assert not pending(empty_url)


def test_a_failing_migration_leaves_nothing(empty_url: str) -> None:
    """When a migration fails in the middle, the tables it had made are gone: DDL is in the transaction."""
    url = _parent_made(empty_url) if empty_url.startswith("sqlite") else empty_url
    with make_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE run_events (own INTEGER)"))  # made last by the first migration
    with pytest.raises(Exception, match="run_events"):
        migrate(url)
    assert tables(url) - {"alembic_version"} == {"run_events"}


def test_an_absent_database_is_an_outage(tmp_path: Path) -> None:
    """No server, and a file that is no database, are `StoreUnavailable`."""
    note = tmp_path / "note.txt"
    note.write_text("not a database, but long enough to be taken for one" * 10)
    for url in (f"postgresql://postgres@/postgres?host={tmp_path}", f"sqlite://{note}"):
        with pytest.raises(StoreUnavailable):
            pending(url)
        with pytest.raises(StoreUnavailable):
            migrate(url)


def _parent_made(url: str) -> str:
    from pathlib import Path

    Path(url.removeprefix("sqlite://")).parent.mkdir(exist_ok=True)
    return url
