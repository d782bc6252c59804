"""The gateway as an ASGI application: finds the surface and the route of a request, and answers whatever happens.

A URL's prefix decides which dialect speaks. Where the gateway refuses something by itself (no such route, a body that
is no JSON, a field of the wrong kind), the services are asked about the key first: whoever has no usable key, no
requests left or not the scope is told that, and learns nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from docmill.gateway.decode import FieldError
from docmill.gateway.dialects import Dialect, Route
from docmill.gateway.exchange import Draining, Exchange
from docmill.gateway.guard import Guard
from docmill.gateway.keys import DECIDED_FIRST, check_key
from docmill.gateway.problems import Problem
from docmill.gateway.replies import json_reply
from docmill.gateway.template import RouteTable
from docmill.gateway.upstream import Upstream, UpstreamError

__all__ = ["Gateway"]

log = structlog.stdlib.get_logger(__name__)

_LEFT = 499
"""Status in the log of a request whose client did not wait for the answer."""


class Gateway:
    """The application. `pages` are answers that never change, by path."""

    def __init__(
        self,
        dialects: Sequence[Dialect],
        upstream: Upstream,
        *,
        max_body_bytes: int,
        pages: dict[str, Response] | None = None,
    ) -> None:
        self._dialects = dialects
        self._upstream = upstream
        self._max_body_bytes = max_body_bytes
        self._pages = pages or {}
        self._guard = Guard()
        self._table: RouteTable[Route] = RouteTable()
        for dialect in dialects:
            for route in dialect.routes:
                if not route.template.text.startswith(f"{dialect.prefix}/"):
                    raise ValueError(f"{route.template.text} is outside of {dialect.prefix}")
                self._table.add(route.verb, route.template, route)
        self.draining = asyncio.Event()
        """To be set when the server stops: streams end then, and their clients resume elsewhere."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        exchange = Exchange(scope, receive, max_body_bytes=self._max_body_bytes, draining=self.draining)
        status = _LEFT
        with suppress(ClientDisconnect):
            response = await self._answer(exchange)
            status = response.status_code
            try:
                await response(scope, receive, send)
            except Problem as problem:  # too late for an answer: the client sees a body that was cut off
                log.warning("an answer broke off", event_key="rest.broken", reason=problem.reason)
        write = log.debug if self._is_own(exchange.path) else log.info  # probes ask every few seconds
        write(
            "a request ended",
            event_key="rest.finished",
            request_id=exchange.request_id,
            method=exchange.verb,
            path=exchange.shown_path,
            status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
            client=exchange.client,
        )

    async def _answer(self, exchange: Exchange) -> Response:
        verb = "GET" if exchange.verb == "HEAD" else exchange.verb
        if self._is_own(exchange.path):
            return await self._own_page(exchange.path, verb)
        spoken = self._dialect_of(exchange.path)
        dialect = spoken or self._dialects[-1]
        exchange.own_key, exchange.keys = dialect.own_key, dialect.keys
        found = self._table.find(verb, exchange.parts)
        try:
            if spoken is None:
                raise _no_route(exchange)
            response = await self._served(exchange, verb, found)
        except ClientDisconnect:
            raise
        except Exception as error:
            response = dialect.failure(await self._problem(error, exchange, found[0] if found else None), exchange)
        response.headers.update(dialect.headers(exchange))
        return response

    async def _served(self, exchange: Exchange, verb: str, found: Any) -> Response:
        if found is None:
            verbs = self._table.verbs(exchange.parts)
            if not verbs:
                raise _no_route(exchange)
            allow = ", ".join([*verbs, *(["HEAD"] if "GET" in verbs else []), "OPTIONS"])
            if verb == "OPTIONS":
                return Response(status_code=204, headers={"allow": allow})
            message = f"{exchange.verb} is not served here, only {allow}"
            raise Problem("METHOD_NOT_ALLOWED", message, {"allow": allow.split(", ")}, headers={"allow": allow})
        route, variables = found
        if route.public:
            exchange.shown_path = route.template.text  # whoever has the path may do what is done there
        else:
            exchange.require_credential()
            await self._guard.check(exchange)
        response: Response = await route.endpoint(exchange, variables)
        return response

    async def _problem(self, error: Exception, exchange: Exchange, route: Route | None) -> Problem:
        """What to tell of `error`: what the services say of the key, where that comes first."""
        match error:
            case UpstreamError():
                problem: Problem = error
            case Problem():
                problem = await self._after_key(error, exchange, route)
            case FieldError():
                facts = {"field": error.field, "reason": error.reason} if error.field else {}
                own = Problem("FIELD_INVALID", str(error), facts)
                problem = await self._after_key(own, exchange, route)
            case Draining():
                problem = Problem("OVERLOADED", "The server is about to stop; try again", retry_after=1)
            case _:
                log.error("a request failed, and it is our fault", event_key="rest.crashed", exc_info=error)
                problem = Problem("INTERNAL", "Something went wrong on our side; try again")
        if problem.reason == "CREDENTIAL_INVALID":
            await self._guard.failed(exchange.client)
        return problem

    async def _after_key(self, problem: Problem, exchange: Exchange, route: Route | None) -> Problem:
        """`problem`, unless the services have something against the key itself."""
        if problem.reason in DECIDED_FIRST or self._dialect_of(exchange.path) is None:
            return problem  # it is about the key, or there are no keys here
        if route is not None and route.public:
            return problem
        try:
            await self._guard.check(exchange)
            await check_key(self._upstream, exchange, route.scope if route else "")
        except Problem as first:
            return first
        return problem

    def _dialect_of(self, path: str) -> Dialect | None:
        for dialect in self._dialects:
            if path == dialect.prefix or path.startswith(f"{dialect.prefix}/"):
                return dialect
        return None

    def _is_own(self, path: str) -> bool:
        return path in {"/livez", "/readyz"} or path in self._pages

    async def _own_page(self, path: str, verb: str) -> Response:
        if verb not in {"GET", "OPTIONS"}:
            return PlainTextResponse("only GET is served here\n", 405, {"allow": "GET, HEAD"})
        if path == "/livez":
            return json_reply({"status": "ok"})
        if path == "/readyz":
            ready = not self.draining.is_set() and await self._upstream.serving()
            return json_reply({"status": "ok" if ready else "unavailable"}, 200 if ready else 503)
        return self._pages[path]


def _no_route(exchange: Exchange) -> Problem:
    return Problem("ROUTE_UNKNOWN", f"There is nothing at {exchange.path[:200]}")
