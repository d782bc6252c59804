"""Opaque page tokens: where a list goes on, as JSON in URL-safe base 64 (RFC 4648 section 5)."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime

from docmill.domain.errors import InvalidArgument, Reason


def encode(*parts: str) -> str:
    """A token of the parts."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(token: str, parts: int) -> list[str]:
    """The parts of a token that `encode` made of as many; InvalidArgument for any other text."""
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or len(found) != parts or not all(map(_is_plain, found)):
        raise refused()
    return found


def encode_position(at: datetime, id_: str) -> str:
    """A token of a list that is ordered by time, then id: behind that item."""
    return encode(at.isoformat(), id_)


def decode_position(token: str) -> tuple[datetime, str]:
    """The aware time and the id that `encode_position` made it of; InvalidArgument for any other text."""
    moment, id_ = decode(token, 2)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise refused() from None
    if at.tzinfo is None:
        raise refused()
    return at, id_


def _is_plain(part: object) -> bool:
    """Text that a database takes."""
    return isinstance(part, str) and part.isprintable()


def refused() -> InvalidArgument:
    """The error for a token that no list gave."""
    return InvalidArgument(
        Reason.FIELD_INVALID, "The page token is not one that this list gave", {"field": "page_token"}
    )
