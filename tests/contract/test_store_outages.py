"""What each database does when it cannot be used for a while, and that it is used again afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from docmill.store import Op, Statement, StoreUnavailable
from docmill.store.sql import open_store
from docmill.store.sql.sqlite import SqliteStore
from tests.contract.test_store import keys, put, select

if TYPE_CHECKING:
    from pathlib import Path

    from docmill.store import Store


async def eventually_works(store: Store, key: str) -> None:
    """Write again until the store has noticed that the database is back."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.write(put(key))
            except StoreUnavailable:
                continue
            return


# SQLite


async def test_a_locked_file_is_an_outage_until_it_is_free(sqlite_url: str) -> None:
    """While another process keeps the file locked, writes fail with `StoreUnavailable` and reads go on."""
    path = sqlite_url.removeprefix("sqlite://")
    store = SqliteStore(path, busy_seconds=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(*(store.write(put(f"k{i}")) for i in range(5)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5
        assert await store.read(keys) == []
        other.execute("ROLLBACK")
    assert await store.write(put("after")) == 1
    assert await store.read(keys) == ["after"]
    await store.aclose()


async def test_a_short_lock_is_waited_for(sqlite_url: str) -> None:
    """A write that meets another process's transaction waits for its end and then happens."""
    path = sqlite_url.removeprefix("sqlite://")
    store = SqliteStore(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO kv (key, value) VALUES ('theirs', '')")
        ours = asyncio.create_task(store.write(put("ours")))
        done, _ = await asyncio.wait([ours], timeout=0.1)
        assert not done
        other.execute("COMMIT")
        assert await ours == 1
    assert await store.read(keys) == ["ours", "theirs"]
    await store.aclose()


async def test_a_cancelled_write_that_had_not_begun_never_happens(sqlite_url: str) -> None:
    """A caller that gives up while its write waits for the lock has written nothing."""
    path = sqlite_url.removeprefix("sqlite://")
    store = SqliteStore(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        given_up, kept = (asyncio.create_task(store.write(put(key))) for key in ("given up", "kept"))
        await asyncio.wait([given_up, kept], timeout=0.05)
        given_up.cancel()
        await asyncio.wait([given_up])
        other.execute("ROLLBACK")
    assert await kept == 1
    assert await store.read(keys) == ["kept"]
    await store.aclose()


async def test_two_stores_share_a_file(sqlite_url: str) -> None:
    """Two stores that write to one file at the same time both get everything in."""
    path = sqlite_url.removeprefix("sqlite://")
    first, second = SqliteStore(path), SqliteStore(path)
    await asyncio.gather(*(store.write(put(f"{n}-{i}")) for i in range(100) for n, store in enumerate([first, second])))
    assert len(await first.read(keys)) == len(await second.read(keys)) == 200
    await first.aclose()
    await second.aclose()


async def test_a_full_queue_makes_callers_wait(sqlite_url: str) -> None:
    """More writers than the queue holds all get their turn."""
    store = SqliteStore(sqlite_url.removeprefix("sqlite://"), queue_size=3)
    assert await asyncio.gather(*(store.write(put(f"{i}")) for i in range(100))) == [1] * 100
    await store.aclose()


async def test_a_full_disk_loses_the_group_and_nothing_else(sqlite_url: str) -> None:
    """When SQLite gives up the transaction, its callers get `StoreUnavailable`, and later writes work."""
    store = SqliteStore(sqlite_url.removeprefix("sqlite://"))
    await store.write(select("PRAGMA max_page_count = 1"))  # never below what is used: no page can be added now
    big = "x" * 100_000
    outcomes = await asyncio.gather(store.write(put("a" + big)), store.write(put("b" + big)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
    await store.write(select("PRAGMA max_page_count = 1000000"))
    assert await store.write(put("after")) == 1
    assert await store.read(keys) == ["after"]
    await store.aclose()


async def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    """Opening something else than a database, or in a folder that is not there, is `StoreUnavailable`."""
    path = tmp_path / "note.txt"
    path.write_text("this is not a database, but long enough to be looked at" * 20)
    for wrong in (path, tmp_path / "missing" / "docmill.db"):
        with pytest.raises(StoreUnavailable):
            await open_store(f"sqlite://{wrong}")


def test_the_sqlite_path_imports_nothing_heavy(sqlite_url: str) -> None:
    """A program on a migrated SQLite file imports neither SQLAlchemy nor Alembic nor a PostgreSQL driver."""
    program = (
        "import asyncio, sys\n"
        "from docmill.store.sql import open_store\n"
        "from docmill.store.sql.migrate import migrate\n"
        "migrate(sys.argv[1])\n"
        "async def main():\n"
        "    store = await open_store(sys.argv[1])\n"
        "    await store.ping()\n"
        "    await store.aclose()\n"
        "asyncio.run(main())\n"
        "print(sorted({'sqlalchemy', 'alembic', 'asyncpg', 'psycopg', 'stamina'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, sqlite_url], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


# PostgreSQL


def suicide() -> Op[None]:
    """Write, then end the connection from inside the transaction."""
    yield from put("lost")()
    yield Statement("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_lost_connection_is_an_outage_of_one_operation(postgres_url: str) -> None:
    """An operation whose connection dies gets `StoreUnavailable` and wrote nothing; later ones work."""
    store = await open_store(postgres_url)
    for run in (store.write, store.read):
        with pytest.raises(StoreUnavailable):
            await run(suicide if run == store.write else select("SELECT pg_terminate_backend(pg_backend_pid())"))
    await eventually_works(store, "after")
    assert await store.read(keys) == ["after"]
    await store.aclose()


async def test_a_server_that_goes_away_is_an_outage_until_it_is_back(postgres_server: str, postgres_url: str) -> None:
    """While the database is gone everything gets `StoreUnavailable`, ping too; when it is back, the store works."""
    store = await open_store(postgres_url)
    await asyncio.gather(*(store.write(put(f"before-{i}")) for i in range(20)))
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        end_all = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s"
        admin.execute(end_all, (name,))
        admin.execute(f"ALTER DATABASE {name} RENAME TO {name}_away")
        try:
            for attempt in (store.write(put("no")), store.read(keys), store.ping(), open_store(postgres_url)):
                with pytest.raises(StoreUnavailable):
                    await attempt
        finally:
            admin.execute(f"ALTER DATABASE {name}_away RENAME TO {name}")
    await eventually_works(store, "after")
    assert await store.read(keys) == ["after", *sorted(f"before-{i}" for i in range(20))]
    await store.aclose()


async def test_no_server_is_an_outage(tmp_path: Path) -> None:
    """Opening a store where no server listens is `StoreUnavailable`."""
    with pytest.raises(StoreUnavailable):
        await open_store(f"postgresql://postgres@/postgres?host={tmp_path}")


@pytest.mark.parametrize("failures", [3, 1000])
async def test_an_operation_in_anothers_way_is_run_again(postgres_url: str, failures: int) -> None:
    """PostgreSQL's request to try again is followed from the start, a bounded number of times."""
    store = await open_store(postgres_url)
    started = 0

    def op() -> Op[int]:
        nonlocal started
        started += 1
        yield from put("once")()
        if started <= failures:
            yield Statement("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$")
        return started

    if failures < 10:
        assert await store.write(op) == failures + 1
        assert await store.read(keys) == ["once"]
    else:
        with pytest.raises(StoreUnavailable):
            await store.write(op)
        assert started < 20
        assert await store.read(keys) == []
    await store.aclose()
