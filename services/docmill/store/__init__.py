"""The record: SQL, one statement text for SQLite and PostgreSQL, transactions as generators.

An operation is a generator that yields statements and receives their rows. It knows neither driver nor thread, so the
same text runs inside SQLite's writer thread (many operations share one commit, a savepoint each) and inside an
asyncpg transaction. An operation may be run again from the start (PostgreSQL: serialization failure, deadlock), so it
must not do anything but yield statements and compute.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

__all__ = ["Many", "Op", "Row", "Statement", "Store", "StoreUnavailable"]

T = TypeVar("T")
Row = Sequence[Any]  # one result row; columns in the order of the statement


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with numbered placeholders `$1, $2, ...` (each may repeat). Values: str, int, float, bytes, None."""

    sql: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Many:
    """The same SQL for many argument tuples; gives no rows."""

    sql: str
    args: Sequence[tuple[Any, ...]]


Op = Generator[Statement | Many, Sequence[Row], T]


class StoreUnavailable(ConnectionError):
    """The database does not answer now."""


class Store(Protocol):
    """Runs operations.

    Obligations, checked by one contract suite:

    - `write` is atomic and durable before it returns: all of the operation or, when it raises, nothing. An error of
      one operation never touches another's. One that need not be `durable` is seen by everybody as any other, also
      after this process was killed, but may be lost when the machine crashes: it waits for no disk where that helps.
    - Operations that change the same rows behave as if they ran one after the other (guarded updates decide).
    - `read` sees every write that returned before it started, and one consistent moment.
    """

    async def write(self, op: Callable[[], Op[T]], *, durable: bool = True) -> T:
        """Run `op()` in a transaction and commit it."""

    async def read(self, op: Callable[[], Op[T]]) -> T:
        """Run `op()` without the right to change anything."""

    async def ping(self) -> None:
        """Raise `StoreUnavailable` if the database cannot be used now."""

    async def aclose(self) -> None:
        """Finish what is queued and let go."""
