"""The JSON body of a request: what is checked before it is read, and what its faults are called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from docmill.gateway.body import BodyError, BodyProblem, JsonBody, read_json
from docmill.gateway.decode import FieldError
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem

__all__ = ["check_length", "read_body", "read_document", "too_large"]

_JSON = "application/json"


async def read_body(exchange: Exchange) -> Any:
    """The JSON value of the body; None when there is no body. Problem when it cannot be used."""
    return (await read_document(exchange, (), _nowhere)).value


async def read_document(
    exchange: Exchange,
    path: Sequence[str],
    sink: Callable[[bytes], Awaitable[None]],
    begin: Callable[[Any], None] = lambda _: None,
) -> JsonBody:
    """The JSON value of the body, without the base64 text at `path`: its bytes go to `sink` while they come in.

    Before the first of them, `begin` gets what stands in front of that text.

    Problem when the body cannot be used, FieldError when that text is not base64.
    """
    if exchange.content_length == 0 or not exchange.has_body:
        return JsonBody(value=None, document_bytes=None, declared_type="")
    check_length(exchange)
    _check_type(exchange)
    try:
        limit = exchange.max_body_bytes
        return await read_json(exchange.chunks(), path=path, sink=sink, begin=begin, max_body_bytes=limit)
    except BodyError as error:
        match error.kind:
            case BodyProblem.NOT_BASE64:
                raise FieldError(".".join(path), error.message, error.reason) from None
            case BodyProblem.TOO_LARGE:
                raise Problem("BODY_TOO_LARGE", error.message, {"limit": exchange.max_body_bytes}) from None
        raise Problem("BODY_MALFORMED", error.message) from None


def check_length(exchange: Exchange) -> None:
    """Problem for a body that says by itself that it is too large."""
    if (exchange.content_length or 0) > exchange.max_body_bytes:
        raise too_large(exchange)


def too_large(exchange: Exchange) -> Problem:
    """The problem of a body that is too large."""
    limit = exchange.max_body_bytes
    return Problem("BODY_TOO_LARGE", f"The body is larger than the server takes ({limit} bytes)", {"limit": limit})


def _check_type(exchange: Exchange) -> None:
    kind = exchange.content_type
    if kind and kind != _JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        message = f"The body must be JSON: send Content-Type: {_JSON}, not {kind}"
        raise Problem("CONTENT_TYPE_UNSUPPORTED", message, {"supported": [_JSON]})


async def _nowhere(content: bytes) -> None:
    raise AssertionError(f"{len(content)} bytes of a document in a request that has none")
