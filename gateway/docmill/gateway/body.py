"""Stand-in until the streaming reader is merged: the same interface, in memory."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

__all__ = ["BodyError", "BodyProblem", "JsonBody", "read_json"]


class BodyProblem(Enum):
    """What is wrong with a body."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    NOT_BASE64 = "not base64"


class BodyError(Exception):
    """A body that cannot be used."""

    def __init__(self, kind: BodyProblem, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason


@dataclass
class JsonBody:
    """What was read."""

    value: Any
    document_bytes: int | None
    declared_type: str


async def read_json(
    chunks: AsyncIterator[bytes],
    *,
    path: Sequence[str],
    sink: Callable[[bytes], Awaitable[None]],
    max_body_bytes: int,
    max_rest_bytes: int = 4 * 1024 * 1024,
    max_depth: int = 64,
) -> JsonBody:
    """Read a body."""
    del max_rest_bytes, max_depth
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > max_body_bytes:
            raise BodyError(BodyProblem.TOO_LARGE, "The body is too large")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BodyError(BodyProblem.MALFORMED, f"The body is no JSON: {error}") from None
    at = value
    for name in path[:-1]:
        at = at.get(name) if isinstance(at, dict) else None
    text = at.get(path[-1]) if path and isinstance(at, dict) else None
    if not isinstance(text, str) or not text:
        return JsonBody(value, None, "")
    at[path[-1]] = ""
    declared = ""
    if text.startswith("data:"):
        declared = text[5:].partition(";")[0]
        text = text.partition(",")[2]
    try:
        document = b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise BodyError(BodyProblem.NOT_BASE64, "is not base64") from None
    for start in range(0, len(document), 65536):
        await sink(document[start : start + 65536])
    return JsonBody(value, len(document), declared)
