"""Answers with JSON bodies, and with bodies that come piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from docmill.gateway.exchange import Draining, Exchange

__all__ = ["Pieces", "json_reply"]

_NAMED_LENGTH = 10 * 1024 * 1024
"""Clients of one surface refuse answers that announce more, and take them when no length is said."""


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value` as the body."""
    reply = Response(orjson.dumps(value), status, dict(headers or {}), "application/json")
    if len(reply.body) > _NAMED_LENGTH:
        del reply.headers["content-length"]
    return reply


class Pieces(Response):
    """A body that comes piece by piece. It ends early, and cleanly, when the server stops or the client has left."""

    def __init__(self, exchange: Exchange, pieces: AsyncGenerator[bytes, None], media_type: str) -> None:
        super().__init__(b"", media_type=media_type)
        del self.headers["content-length"]
        self._exchange = exchange
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send head and pieces."""
        del receive  # the exchange listens
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces):
            try:
                if scope["method"] == "HEAD":
                    await anext(self._pieces, None)  # closing it frees what stands behind only once it has begun
                else:
                    await self._exchange.while_connected(self._send_pieces(send))
            except ClientDisconnect:
                return
            except Draining:
                pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_pieces(self, send: Send) -> None:
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
