"""The record on SQLite (one machine) or PostgreSQL (a cluster); the URL's scheme chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docmill.store import Store

__all__ = ["open_store"]


async def open_store(url: str) -> Store:
    """Open `sqlite:///absolute/path` or `postgresql://user@host/database` (also `?host=/socket/directory`).

    The database must be migrated (`docmill.store.sql.migrate`). Raises `StoreUnavailable` when it cannot be reached and
    ValueError for any other URL. Drivers are imported here, so that neither costs the other's users anything.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "sqlite" and rest.startswith("/"):
        from docmill.store.sql.sqlite import SqliteStore  # noqa: PLC0415 - only where used

        return SqliteStore(rest)
    if separator and scheme in {"postgresql", "postgres"}:
        from docmill.store.sql.postgres import PostgresStore  # noqa: PLC0415 - only where used

        return await PostgresStore.connect(url)
    raise ValueError("the database URL must be sqlite:///absolute/path or postgresql://...")
