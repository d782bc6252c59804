"""What `docmill.store.Store` promises, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docmill.store import Many, Op, Statement, StoreUnavailable
from docmill.store.sql import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from docmill.store import Store

PUT = "INSERT INTO kv (key, value) VALUES ($1, $2)"


class DeliberateError(Exception):
    """What a test's operation raises."""


def put(*keys: str, then: Exception | None = None) -> Callable[[], Op[int]]:
    """Insert keys, one statement each, and then perhaps fail."""

    def op() -> Op[int]:
        for key in keys:
            yield Statement(PUT, (key, ""))
        if then is not None:
            raise then
        return len(keys)

    return op


def keys() -> Op[list[str]]:
    """All keys there are."""
    rows = yield Statement("SELECT key FROM kv ORDER BY key")
    return [row[0] for row in rows]


def select(sql: str, *args: Any) -> Callable[[], Op[list[tuple[Any, ...]]]]:
    """One statement and its rows."""

    def op() -> Op[list[tuple[Any, ...]]]:
        rows = yield Statement(sql, args)
        return [tuple(row) for row in rows]

    return op


def increment(key: str) -> Callable[[], Op[int]]:
    """Add one to a row and return what it is now."""

    def op() -> Op[int]:
        rows = yield Statement(
            "UPDATE kv SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = $1 RETURNING value", (key,)
        )
        return int(rows[0][0])

    return op


async def test_an_operation_returns_its_value_and_its_rows_stay(store: Store) -> None:
    """What an operation returns comes back, and what it wrote is read by others."""
    assert await store.write(put("a", "b")) == 2
    assert await store.read(keys) == ["a", "b"]


async def test_a_failing_operation_leaves_nothing(store: Store) -> None:
    """An operation that raises after writing has written nothing, and its own exception comes back."""
    error = DeliberateError("after two rows")
    with pytest.raises(DeliberateError) as caught:
        await store.write(put("a", "b", then=error))
    assert caught.value is error
    assert await store.read(keys) == []


async def test_failing_operations_do_not_touch_others(store: Store) -> None:
    """Of many operations at once, those that raise or meet an SQL error are lost and all others stay."""
    await store.write(put("taken"))
    outcomes = await asyncio.gather(
        *(
            store.write([put(f"ok-{i:03}"), put(f"no-{i}", then=DeliberateError()), put(f"dup-{i}", "taken")][i % 3])
            for i in range(90)
        ),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [i % 3 != 0 for i in range(90)]
    assert await store.read(keys) == [*(f"ok-{i:03}" for i in range(0, 90, 3)), "taken"]


async def test_an_sql_error_is_not_an_outage(store: Store) -> None:
    """A statement that is wrong raises something else than `StoreUnavailable`, and the store goes on."""
    for wrong in (select("SELECT nothing FROM nowhere"), select("SELECT key FROM kv WHERE key = $1", "a", "b")):
        for run in (store.write, store.read):
            with pytest.raises(Exception, match=r".") as caught:
                await run(wrong)
            assert not isinstance(caught.value, StoreUnavailable)
    assert await store.write(put("a")) == 1


async def test_concurrent_increments_lose_nothing(store: Store) -> None:
    """200 concurrent increments of one row count to 200, each seeing a value of its own."""
    await store.write(lambda: (yield from _once(Statement(PUT, ("n", "0")))))
    seen = await asyncio.gather(*(store.write(increment("n")) for _ in range(200)))
    assert sorted(seen) == list(range(1, 201))


async def test_a_guarded_update_has_one_winner(store: Store) -> None:
    """Of 50 concurrent updates guarded by the state they start from, exactly one gets a row."""
    await store.write(lambda: (yield from _once(Statement(PUT, ("job", "READY")))))

    def claim(who: str) -> Callable[[], Op[list[tuple[Any, ...]]]]:
        return select("UPDATE kv SET value = $2 WHERE key = $1 AND value = 'READY' RETURNING value", "job", who)

    outcomes = await asyncio.gather(*(store.write(claim(f"worker-{i}")) for i in range(50)))
    winners = [rows[0][0] for rows in outcomes if rows]
    assert len(winners) == 1
    assert await store.read(select("SELECT value FROM kv")) == [(winners[0],)]


async def test_opposite_orders_of_locking_all_succeed(store: Store) -> None:
    """Operations that lock the same rows in opposite orders all succeed, though a database may break a deadlock."""
    await store.write(lambda: (yield from _once(Many(PUT, [("a", "0"), ("b", "0")]))))

    def both(first: str, second: str) -> Callable[[], Op[None]]:
        def op() -> Op[None]:
            yield from increment(first)()
            yield from increment(second)()

        return op

    await asyncio.gather(*(store.write(both("a", "b") if i % 2 else both("b", "a")) for i in range(8)))
    assert await store.read(select("SELECT value FROM kv")) == [("8",), ("8",)]


async def test_a_read_sees_every_write_that_returned(store: Store) -> None:
    """Each of many writers reads its own row right after its write returned."""

    async def write_and_read(key: str) -> None:
        await store.write(put(key))
        assert key in await store.read(keys)

    await asyncio.gather(*(write_and_read(f"k{i}") for i in range(60)))


async def test_what_need_not_be_durable_is_seen_like_anything_else(store: Store) -> None:
    """It is atomic, every later read sees it, and durable writes beside it lose nothing."""
    with pytest.raises(DeliberateError):
        await store.write(put("a", then=DeliberateError()), durable=False)
    names = [f"{number:02}" for number in range(40)]
    await asyncio.gather(*(store.write(put(name), durable=number % 3 == 0) for number, name in enumerate(names)))
    assert await store.read(keys) == names


async def test_only_what_need_not_be_durable_leaves_the_disk_alone(sqlite_url: str) -> None:
    """SQLite waits for the disk at the end of a durable write, also of one that follows another kind."""
    store = await open_store(sqlite_url)
    full, normal = 2, 1  # https://sqlite.org/pragma.html#pragma_synchronous
    how = select("PRAGMA synchronous")
    assert await store.write(how) == [(full,)]
    assert await store.write(how, durable=False) == [(normal,)]
    assert await store.write(how) == [(full,)]
    await store.aclose()


async def test_a_read_sees_one_moment(store: Store) -> None:
    """Two statements of one read agree, while a writer changes both rows together."""
    await store.write(lambda: (yield from _once(Many(PUT, [("left", "0"), ("right", "0")]))))

    def move() -> Op[None]:
        yield from increment("left")()
        yield from increment("right")()

    def look() -> Op[tuple[str, str]]:
        left = yield Statement("SELECT value FROM kv WHERE key = 'left'")
        right = yield Statement("SELECT value FROM kv WHERE key = 'right'")
        return left[0][0], right[0][0]

    async def keep_moving() -> None:
        for _ in range(100):
            await store.write(move)

    moving = asyncio.create_task(keep_moving())
    seen: list[tuple[str, str]] = []
    while not moving.done():
        seen += await asyncio.gather(*(store.read(look) for _ in range(4)))
    await moving
    assert all(left == right for left, right in seen)


async def test_a_read_cannot_write(store: Store) -> None:
    """A read that tries to write raises and changes nothing."""
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await store.read(put("a"))
    assert await store.read(keys) == []


async def test_values_come_back_as_they_were(store: Store) -> None:
    """Text of any script, empty text, None, 64-bit integers and floats come back exactly."""
    texts = ["", "Zażółć 請求書 🧾 \N{COMBINING ACUTE ACCENT}", "'; DROP TABLE kv; --", "$1 ?1 :x %s", "a\r\n\tb\u2028"]
    for text in texts:
        assert await store.write(select("SELECT CAST($1 AS TEXT)", text)) == [(text,)]
    for number in (0, -1, 2**31, 2**63 - 1, -(2**63), None):
        assert await store.write(select("SELECT CAST($1 AS BIGINT)", number)) == [(number,)]
    for real in (0.0, 0.1, -1.5e300, 5e-324, None):
        assert await store.write(select("SELECT CAST($1 AS DOUBLE PRECISION)", real)) == [(real,)]


async def test_placeholders_may_repeat_in_any_order(store: Store) -> None:
    """`$2` before `$1`, and one of them twice, mean the same arguments."""
    sql = "SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT)"
    assert await store.read(select(sql, "one", "two")) == [("two", "one", "two")]


async def test_row_locks_are_accepted(store: Store) -> None:
    """Statements with row locks, at the end or inside, run on both databases."""
    await store.write(put("a", "b"))
    for lock in ("FOR UPDATE", "FOR UPDATE SKIP LOCKED", "FOR SHARE", "FOR UPDATE OF kv SKIP LOCKED", "for update"):
        assert await store.write(select(f"SELECT key FROM kv WHERE key = 'a' {lock}")) == [("a",)]
        inner = f"UPDATE kv SET value = 'x' WHERE key IN (SELECT key FROM kv WHERE key = 'b' {lock}) RETURNING key"
        assert await store.write(select(inner)) == [("b",)]


async def test_many_writes_all_or_nothing(store: Store) -> None:
    """`Many` runs one statement for each tuple, gives no rows, and is as atomic as the rest of its operation."""
    given: list[Sequence[Any]] = []

    def many(*values: str) -> Callable[[], Op[None]]:
        def op() -> Op[None]:
            given.append((yield Many(PUT, [(value, "") for value in values])))

        return op

    await store.write(many(*(f"{i:04}" for i in range(1000))))
    await store.write(many())
    assert [list(rows) for rows in given] == [[], []]
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.write(many("new", "0000"))
    assert await store.read(keys) == [f"{i:04}" for i in range(1000)]


async def test_cancelled_callers_disturb_nobody(store: Store) -> None:
    """Callers that are cancelled while they wait leave all or nothing of theirs, and others get their outcomes."""
    tasks = [asyncio.create_task(store.write(put(f"{i:03}-a", f"{i:03}-b"))) for i in range(120)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [2] * 60
    assert await store.write(put("after")) == 1
    found = await store.read(keys)
    assert {f"{i:03}-a" for i in range(1, 120, 2)} <= set(found)
    assert [key for key in found if key.endswith("-a") and key.replace("-a", "-b") not in found] == []


async def test_cancelled_reads_disturb_nobody(store: Store) -> None:
    """After many cancelled reads, reads still work."""
    tasks = [asyncio.create_task(store.read(keys)) for _ in range(60)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await asyncio.gather(*(store.read(keys) for _ in range(20))) == [[]] * 20


async def test_closing_finishes_what_was_asked_before(store_url: str) -> None:
    """Operations asked for before `aclose` end well, later ones get `StoreUnavailable`, closing twice is fine."""
    store = await open_store(store_url)
    writes = [asyncio.create_task(store.write(put(f"{i:04}"))) for i in range(300)]
    reads = [asyncio.create_task(store.read(keys)) for _ in range(30)]
    await asyncio.sleep(0)
    await store.aclose()
    assert await asyncio.gather(*writes) == [1] * 300
    await asyncio.gather(*reads)
    await store.aclose()
    for late in (store.write(put("late")), store.read(keys), store.ping()):
        with pytest.raises(StoreUnavailable):
            await late
    again = await open_store(store_url)
    assert await again.read(keys) == [f"{i:04}" for i in range(300)]
    await again.aclose()


async def test_a_written_row_survives_a_killed_process(store_url: str) -> None:
    """Every write that returned in a process is there after that process was killed in the middle of writing."""
    program = (
        "import asyncio, sys\n"
        "from docmill.store.sql import open_store\n"
        "from tests.contract.test_store import put\n"
        "async def main():\n"
        "    store = await open_store(sys.argv[1])\n"
        "    async def write(start):\n"
        "        for i in range(start, 10**9, 8):\n"
        "            await store.write(put(f'{i:06}'))\n"
        "            print(f'{i:06}', flush=True)\n"
        "    await asyncio.gather(*(write(n) for n in range(8)))\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, store_url, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    told = [(await process.stdout.readline()).decode().strip() for _ in range(400)]
    process.kill()
    rest = (await process.stdout.read()).decode()
    await process.wait()
    told += rest.split("\n")[:-1]  # a torn last line was never told
    store = await open_store(store_url)
    assert set(told) <= set(await store.read(keys))
    assert await store.write(put("after")) == 1
    await store.aclose()


async def test_ping_answers(store: Store) -> None:
    """A usable database answers."""
    await store.ping()


@pytest.mark.parametrize("url", ["", "nothing", "mysql://host/db", "sqlite://relative.db", "sqlite:/x"])
async def test_other_urls_are_refused(url: str) -> None:
    """A URL that names no database we know is a ValueError that says what is expected."""
    with pytest.raises(ValueError, match=r"sqlite:///absolute/path or postgresql://"):
        await open_store(url)


def _once(statement: Statement | Many) -> Op[None]:
    yield statement
