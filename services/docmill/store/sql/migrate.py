"""Bring a database to the tables of this release. Alembic is imported only when there is something to do.

Revisions are numbered 0001, 0002, ... Every migration also fits the previous release, so that a database ahead of this
program (a rolling update) is left as it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.store import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

__all__ = ["HEAD", "absent_file", "migrate", "pending"]

HEAD = "0005"  # a test keeps it at the newest revision

_VERSION = "SELECT version_num FROM alembic_version"
_CONNECT_SECONDS = 10


def pending(url: str) -> bool:
    """Whether `migrate` would change the database. Raises `StoreUnavailable` when it cannot be asked."""
    version = _sqlite_version(_path(url)) if url.startswith("sqlite:") else _postgres_version(url)
    return version is None or version < HEAD


def absent_file(url: str) -> Path | None:
    """The SQLite file that `migrate` would make; None where there is one, and for a server, on which it makes none."""
    if not url.startswith("sqlite:"):
        return None
    path = Path("/" + _path(url).lstrip("/"))  # of `sqlite:////srv/docmill.db` two slashes are left
    return None if path.exists() else path


def migrate(url: str) -> None:
    """Create or update the tables; blocking. Many processes may call it at once: one works, the others wait.

    `url` as for `open_store`; a SQLite file and its directory are made when missing. Raises `StoreUnavailable`.
    """
    if url.startswith("sqlite:"):
        Path(_path(url)).parent.mkdir(parents=True, exist_ok=True)
    if pending(url):
        _upgrade(url)


def _upgrade(url: str) -> None:
    from alembic import command  # noqa: PLC0415 - a second of imports, seldom needed
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - as above

    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            command.upgrade(make_config(connection), "head")
    except OperationalError as error:
        raise StoreUnavailable(f"the database cannot be migrated now: {error.orig}") from error
    finally:
        engine.dispose()


def make_config(connection: Any = None) -> Config:
    """Alembic's configuration, without a file. Migrations run on `connection`."""
    from alembic.config import Config  # noqa: PLC0415 - as in _upgrade

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def make_engine(url: str) -> Engine:
    """A synchronous engine that keeps no connections, for migrations."""
    from sqlalchemy import URL, NullPool, create_engine, event, make_url  # noqa: PLC0415 - as in _upgrade

    if url.startswith("sqlite:"):
        # The driver's own transactions leave out DDL; ours do not, and take turns with other processes from the start.
        engine = create_engine(
            URL.create("sqlite", database=_path(url)),
            poolclass=NullPool,
            connect_args={"isolation_level": None, "timeout": 60},
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


def _path(url: str) -> str:
    return url.removeprefix("sqlite://")


def _sqlite_version(path: str) -> str | None:
    if not Path(path).exists():
        return None
    try:
        connection = sqlite3.connect(path)
        try:
            row = connection.execute(_VERSION).fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such table
            return None
        raise StoreUnavailable(f"the database cannot be used now: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"the database cannot be used now: {error}") from error
    return None if row is None else str(row[0])


def _postgres_version(url: str) -> str | None:
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is used

    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_SECONDS) as connection:
            row = connection.execute(_VERSION).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"the database cannot be used now: {error}") from error
    return None if row is None else str(row[0])
