"""The two ways most bound methods are served: one message each way, and bytes that stream back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from docmill.gateway.exchange import Exchange
from docmill.gateway.payload import read_body
from docmill.gateway.problems import Problem
from docmill.gateway.replies import Pieces, json_reply
from docmill.gateway.transcode import Transcoder
from docmill.gateway.upstream import Upstream

__all__ = ["HttpBodyStream", "Unary"]

Query = Sequence[tuple[str, str]]

_LARGE = 128 * 1024
"""Bytes of a message from which on it is turned into JSON on a thread, not on the loop that serves others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """One request message, one answer, in JSON."""

    upstream: Upstream
    transcoder: Transcoder
    render: Callable[[Any, Exchange], Any]
    """From the answer (its `response_body`, where the binding names one) to the JSON value."""
    query: Callable[[Query], Query] = lambda query: query
    """From the parameters as the surface names them to those of the contract."""
    prepare: Callable[[Any, Exchange], None] = lambda _request, _exchange: None
    """What the surface asks for without being asked."""

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        binding = self.transcoder.binding
        body = await read_body(exchange) if binding.body else None
        request = self.transcoder.request(variables, self.query(exchange.query), body)
        self.prepare(request, exchange)
        answer = await self.upstream.unary(binding.method, request, exchange.call)
        message = self.transcoder.body_of(answer)
        if message.ByteSize() > _LARGE:
            return await asyncio.to_thread(lambda: json_reply(self.render(message, exchange)))
        return json_reply(self.render(message, exchange))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBodyStream:
    """A stream of `google.api.HttpBody`: its bytes as they come, under the type that the first piece names."""

    upstream: Upstream
    transcoder: Transcoder

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request; an error before the first piece is an ordinary one."""
        request = self.transcoder.request(variables, exchange.query)
        answers = self.upstream.stream(self.transcoder.binding.method, request, exchange.call)
        first = await anext(answers, None)
        if first is None:
            raise Problem("INTERNAL", "Something went wrong on our side; try again")
        head: Any = self.transcoder.body_of(first)
        return Pieces(exchange, self._pieces(head, answers), head.content_type or "application/octet-stream")

    async def _pieces(self, head: Any, answers: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
        try:
            yield head.data
            async for answer in answers:
                yield getattr(self.transcoder.body_of(answer), "data")  # noqa: B009 - only its descriptor is known
        finally:
            await answers.aclose()
