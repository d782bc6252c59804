"""Names for new things: a type prefix and a ULID, so that they sort by time and say what they are."""

from __future__ import annotations

from ulid import ULID


def new(prefix: str) -> str:
    """E.g. `run_01K2...`: the prefix and 26 characters of Crockford's base 32 (https://github.com/ulid/spec)."""
    return f"{prefix}_{ULID()}"
