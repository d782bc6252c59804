"""The record in one SQLite file: one writer thread that commits many operations at once, a few reading threads.

A durable commit costs an fsync; a savepoint costs microseconds. So whatever waits when the writer comes round shares one
transaction, each operation in a savepoint of its own, and all their callers learn the outcome after the one fsync.
Another process (the operator's command line) may write to the same file: SQLite's lock and busy timeout take turns.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, TypeVar

from docmill.store import Many, Op, Row, Statement, StoreUnavailable

__all__ = ["SqliteStore"]

T = TypeVar("T")
_Write = tuple[Callable[[], Op[Any]], "asyncio.Future[Any]", bool]
_Outcome = tuple["asyncio.Future[Any]", Any, Exception | None]

_MAX_BATCH = 256  # bounds how long another process waits for its turn
_PLACEHOLDER = re.compile(r"\$(\d+)")
# SQLite locks the whole file, so row locks are no words of its language.
_ROW_LOCK = re.compile(r"\bFOR\s+(?:UPDATE|SHARE)(?:\s+OF\s+\w+)?(?:\s+SKIP\s+LOCKED|\s+NOWAIT)?", re.IGNORECASE)
_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


class SqliteStore:
    """`Store` on a file in WAL mode with `synchronous=FULL`. Not for network file systems.

    Make it inside the running event loop. `queue_size` writes may wait, further callers wait to be let in. When another
    process keeps the file locked for `busy_seconds`, whatever waits fails with `StoreUnavailable`.
    """

    def __init__(self, path: str, *, readers: int = 4, queue_size: int = 1024, busy_seconds: float = 5.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._writes: SimpleQueue[_Write | None] = SimpleQueue()
        self._write_slots = asyncio.Semaphore(queue_size)
        self._read_slots = asyncio.Semaphore(readers)
        self._queue_size, self._readers = queue_size, readers
        self._writer = _connect(path, busy_seconds)
        self._durable = True
        """Whether the writer's commits wait for the disk."""
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        for _ in range(readers):
            self._idle.put(_connect(path, busy_seconds, read_only=True))
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-read")
        self._write_thread = threading.Thread(target=self._write_loop, name="sqlite-write", daemon=True)
        self._write_thread.start()

    async def write(self, op: Callable[[], Op[T]], *, durable: bool = True) -> T:
        """Run `op()` in the next group commit. A caller cancelled before its turn has written nothing."""
        self._check_open()
        await self._write_slots.acquire()  # given back when the outcome arrives, so a cancelled caller's turn counts
        future: asyncio.Future[T] = self._loop.create_future()
        self._writes.put((op, future, durable))
        return await future

    async def read(self, op: Callable[[], Op[T]]) -> T:
        """Run `op()` in a reading transaction."""
        self._check_open()
        async with self._read_slots:
            return await self._loop.run_in_executor(self._read_threads, self._read, op)

    async def ping(self) -> None:
        """Read the file and see that the writer lives."""
        await self.read(_ping)
        if not self._write_thread.is_alive():
            raise StoreUnavailable("the database's writer has stopped")

    async def aclose(self) -> None:
        """Let everybody who called before finish, then close the file."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._queue_size):  # slots are first come, first served: ours come after all earlier callers'
            await self._write_slots.acquire()
        for _ in range(self._readers):
            await self._read_slots.acquire()
        self._writes.put(None)
        await asyncio.to_thread(self._write_thread.join)
        self._read_threads.shutdown()
        while not self._idle.empty():
            self._idle.get().close()
        self._writer.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the database is closed")

    # The writer's thread: take what waits, run it, commit once, tell everybody.

    def _write_loop(self) -> None:
        while batch := self._take():
            outcomes = self._commit(batch)
            try:
                self._loop.call_soon_threadsafe(self._settle, outcomes)
            except RuntimeError:  # the loop is closed: nobody is left to tell
                return

    def _take(self) -> list[_Write]:
        """Wait for a write, then take all that wait with it; empty at the end."""
        batch: list[_Write] = []
        while len(batch) < _MAX_BATCH and not (batch and self._writes.empty()):
            write = self._writes.get()
            if write is None:
                break
            batch.append(write)
        return batch

    def _commit(self, batch: Sequence[_Write]) -> list[_Outcome]:
        try:
            self._choose_durability(any(durable for *_, durable in batch))
            self._writer.execute("BEGIN IMMEDIATE")
            outcomes = [self._run(op, future) for op, future, _ in batch]
            self._writer.execute("COMMIT")
        except (sqlite3.Error, _TransactionLostError) as error:
            with suppress(sqlite3.Error):  # the first error is the one to tell; SQLite may have rolled back already
                self._writer.execute("ROLLBACK")
            return [(future, None, _unavailable(error)) for _, future, _ in batch]
        return outcomes

    def _choose_durability(self, durable: bool) -> None:  # noqa: FBT001 - it is what is chosen
        """Whether the next commit waits for the disk. The next one that does takes to the disk what did not."""
        if durable is not self._durable:
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _run(self, op: Callable[[], Op[Any]], future: asyncio.Future[Any]) -> _Outcome:
        """One operation in its savepoint."""
        if future.cancelled():
            return future, None, None
        self._writer.execute("SAVEPOINT op")
        try:
            value = _drive(self._writer, op)
            self._writer.execute("RELEASE op")
        except Exception as error:
            if not self._writer.in_transaction:  # SQLite itself gave up all of it (disk full, I/O error)
                raise _TransactionLostError(str(error)) from error
            self._writer.execute("ROLLBACK TO op")
            self._writer.execute("RELEASE op")
            return future, None, _mapped(error)
        return future, value, None

    def _settle(self, outcomes: Sequence[_Outcome]) -> None:
        """On the event loop: one call a commit."""
        for future, value, error in outcomes:
            self._write_slots.release()
            if future.done():  # its caller was cancelled meanwhile
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    # A reading thread.

    def _read(self, op: Callable[[], Op[T]]) -> T:
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")  # deferred: the first statement decides which moment the operation sees
            return _drive(connection, op)
        except sqlite3.Error as error:
            mapped = _mapped(error)
            if mapped is error:
                raise
            raise mapped from error
        finally:
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            finally:
                self._idle.put(connection)


class _TransactionLostError(Exception):
    """SQLite rolled back the whole group."""


def _connect(path: str, busy_seconds: float, *, read_only: bool = False) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        connection.execute("PRAGMA temp_store=MEMORY")  # what takes a statement back: small, and needs no file
        if read_only:
            connection.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        raise _unavailable(error) from error
    return connection


def _drive(connection: sqlite3.Connection, op: Callable[[], Op[T]]) -> T:
    """Run a generator to its end, statement by statement."""
    steps = op()
    try:
        statement = next(steps)
        while True:
            statement = steps.send(_execute(connection, statement))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()


def _execute(connection: sqlite3.Connection, statement: Statement | Many) -> Sequence[Row]:
    if isinstance(statement, Many):
        connection.executemany(_translate(statement.sql), statement.args)
        return ()
    return connection.execute(_translate(statement.sql), statement.args).fetchall()  # drained, as RETURNING wants


@lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    """The text in SQLite's dialect."""
    return _ROW_LOCK.sub("", _PLACEHOLDER.sub(r"?\1", sql))


def _ping() -> Op[None]:
    yield Statement("SELECT count(*) FROM sqlite_master")


def _mapped(error: Exception) -> Exception:
    """What the caller gets: an outage under its own name, everything else as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    return _unavailable(error) if code is not None and code & 0xFF in _OUTAGES else error


def _unavailable(error: Exception) -> StoreUnavailable:
    unavailable = StoreUnavailable(f"the database cannot be used now: {error}")
    unavailable.__cause__ = error  # it is raised in another thread, where `from` cannot say so
    return unavailable
