"""The JSON body of a request."""

from __future__ import annotations

from typing import Any

import orjson

from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem

__all__ = ["check_head", "read_body"]


def check_head(exchange: Exchange) -> None:
    """Problem for a body that need not be read to be refused: too large by its own word, or of another type."""
    if exchange.content_length == 0:
        return
    if (exchange.content_length or 0) > exchange.max_body_bytes:
        raise too_large(exchange.max_body_bytes)
    kind = exchange.content_type
    if kind and kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        message = f"The body must be JSON: send Content-Type: application/json, not {kind}"
        raise Problem("CONTENT_TYPE_UNSUPPORTED", message, {"supported": ["application/json"]})


def too_large(limit: int) -> Problem:
    """The problem of a body with more than `limit` bytes."""
    return Problem("BODY_TOO_LARGE", f"The body is larger than {limit} bytes", {"limit": limit})


async def read_body(exchange: Exchange) -> Any:
    """The JSON value of the body; None when there is no body. Problem when it cannot be used."""
    check_head(exchange)
    content = bytearray()
    async for chunk in exchange.chunks():
        content += chunk
        if len(content) > exchange.max_body_bytes:
            raise too_large(exchange.max_body_bytes)
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Problem("BODY_MALFORMED", f"The body is no JSON: {error}") from None
