"""The record in PostgreSQL, over asyncpg: one transaction an operation, run again when others were in its way."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import stamina

from docmill.store import Many, Op, Row, Statement, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

__all__ = ["PostgresStore"]

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_COMMAND_SECONDS = 30.0
_SESSION = {
    "application_name": "docmill",
    "jit": "off",  # compiling costs more than our short statements take
    "statement_timeout": "25s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, statement timeout
    asyncpg.InsufficientResourcesError,  # disk full, too many connections
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,  # no such database
)


class PostgresStore:
    """`Store` on a pool of connections. Writes are READ COMMITTED (guarded updates decide), reads see one snapshot."""

    def __init__(self, pool: asyncpg.Pool, pool_size: int) -> None:
        self._pool = pool
        self._slots = asyncio.Semaphore(pool_size)  # the line before the pool: first come, first served
        self._pool_size = pool_size
        self._closed = False

    @classmethod
    async def connect(cls, url: str, *, pool_size: int = 10) -> PostgresStore:
        """Open the pool, or raise `StoreUnavailable`. `url` as libpq takes it, also `?host=/socket/directory`."""
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                timeout=_CONNECT_SECONDS,
                command_timeout=_COMMAND_SECONDS,
                server_settings=_SESSION,
                reset=_keep,
            )
        except _OUTAGES as error:
            raise _unavailable(error) from error
        return cls(pool, pool_size)

    async def write(self, op: Callable[[], Op[T]], *, durable: bool = True) -> T:  # noqa: ARG002 - the tables say it
        """Run `op()` in a transaction; again, a few times, if PostgreSQL gave way to another transaction.

        What need not be `durable` is in tables that are UNLOGGED: their commits wait for no disk.
        """
        try:
            return await self._write(op)
        except _CONFLICTS:  # rare, so that the usual write does not pay for the machinery of retrying
            pass
        try:
            async for attempt in stamina.retry_context(
                on=_CONFLICTS, attempts=8, timeout=20, wait_initial=0.01, wait_max=0.5, wait_jitter=0.05
            ):
                with attempt:
                    return await self._write(op)
        except _CONFLICTS as error:
            raise _unavailable(error) from error
        raise AssertionError("stamina gives a result or an error")

    async def _write(self, op: Callable[[], Op[T]]) -> T:
        async with self._connection() as connection, connection.transaction():
            return await _drive(connection, op)

    async def read(self, op: Callable[[], Op[T]]) -> T:
        """Run `op()` on one snapshot."""
        async with self._connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            return await _drive(connection, op)

    async def ping(self) -> None:
        """One round trip."""
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    async def aclose(self) -> None:
        """Let everybody who called before finish, then close the pool."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._pool_size):  # after all earlier callers'
            await self._slots.acquire()
        await self._pool.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """A connection of the pool; what shows that the database is away becomes `StoreUnavailable`."""
        if self._closed:
            raise StoreUnavailable("the database is closed")
        try:
            async with self._slots, self._pool.acquire() as connection:
                try:
                    yield connection
                except Exception as error:
                    if not _is_lost(connection, error):
                        raise
                    await self._pool.expire_connections()  # its neighbours are most likely lost too
                    raise _unavailable(error) from error
        except StoreUnavailable:
            raise
        except _OUTAGES as error:
            raise _unavailable(error) from error


async def _keep(_connection: Any) -> None:
    """Nothing to reset: operations hold transactions, which have ended, and no session state. Saves a round trip."""


def _is_lost(connection: Any, error: Exception) -> bool:
    if isinstance(error, asyncpg.InternalClientError):  # the server said goodbye while the connection lay idle
        return True
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it away already
        return True


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the database cannot be used now: {error}")


async def _drive(connection: Any, op: Callable[[], Op[T]]) -> T:
    """Run a generator to its end, statement by statement."""
    steps = op()
    try:
        statement = next(steps)
        while True:
            statement = steps.send(await _execute(connection, statement))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        steps.close()


async def _execute(connection: Any, statement: Statement | Many) -> Sequence[Row]:
    if isinstance(statement, Many):
        await connection.executemany(statement.sql, statement.args)
        return ()
    rows: Sequence[Row] = await connection.fetch(statement.sql, *statement.args)
    return rows
