"""What tables are made of: the metadata that has them all, and kinds of columns that both databases have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Integer, MetaData, Text, TextClause, text

__all__ = ["big", "count", "metadata", "only", "time", "words"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def words(name: str, *args: Any, default: str | None = None, null: bool = False, key: bool = False) -> Column[str]:
    """Text: also an id, a state, or JSON."""
    given = None if default is None else text(f"'{default}'")
    return Column(name, Text, *args, primary_key=key, nullable=null, server_default=given)


def count(name: str, *, default: int | None = None, null: bool = False) -> Column[int]:
    """A number that fits 32 bits: a page, an attempt, a flag, milliseconds of one page."""
    given = None if default is None else text(str(default))
    return Column(name, Integer, nullable=null, server_default=given)


def big(name: str, *, default: int | None = None, null: bool = False) -> Column[int]:
    """A number that may not: bytes, credits, sums."""
    given = None if default is None else text(str(default))
    return Column(name, BigInteger, nullable=null, server_default=given)


def time(name: str, *, null: bool = False) -> Column[int]:
    """Microseconds since the epoch in UTC."""
    return Column(name, BigInteger, nullable=null)


def only(condition: ColumnElement[bool] | TextClause) -> dict[str, Any]:
    """Options of an index over the rows that fulfil the condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}
