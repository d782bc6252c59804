"""One HTTP request being answered, and what is known of it from the first moment on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from secrets import token_hex
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from docmill.gateway.problems import Problem
from docmill.gateway.upstream import Call

__all__ = ["Draining", "Exchange"]

T = TypeVar("T")

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SLASHES = re.compile("/+")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?")
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags."""
_MAX_CREDENTIAL = 1024
"""Characters of an `Authorization` header that are passed on; keys are far shorter, and gRPC bounds its metadata."""


class Draining(Exception):
    """The server stops, so that what was going on is left."""


class Exchange:
    """A request: its parts, its ids, and what goes with the calls that are made for it."""

    def __init__(self, scope: Scope, receive: Receive, *, max_body_bytes: int, draining: asyncio.Event) -> None:
        self.scope = scope
        self.receive = receive
        self.draining = draining
        """Set when the server stops."""
        self.max_body_bytes = max_body_bytes
        """Larger bodies are refused."""
        self.headers = Headers(scope=scope)
        self.verb = str(scope["method"])
        path = _SLASHES.sub("/", scope["raw_path"].decode("ascii"))
        self.path = path
        """Percent-encoded, without doubled slashes: a base address may end with one."""
        self.shown_path = path
        """What is written down of it: where the path itself is a secret, less."""
        self.parts = path[1:].split("/")
        """Its segments, still percent-encoded."""
        self.query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self.client = str(scope["client"][0]) if scope.get("client") else ""
        """Address of who asks, as far as the proxies in between are trusted."""
        given = self.headers.get("x-request-id", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        self.trace_id, traceparent = _trace(self.headers.get("traceparent", ""))
        self.authorization = self.headers.get("authorization", "").strip()
        self.call = Call(metadata=tuple(self._metadata(traceparent)))
        self.own_key: Callable[[str], bool] = lambda _key: True
        """Whether a key may be one of the surface that was asked."""
        self.keys = "dc_..."
        """What keys of that surface look like."""
        self.key_checked = False
        """Whether the services have looked at the key for this request and found nothing wrong."""

    def _metadata(self, traceparent: str) -> list[tuple[str, str]]:
        found = [("x-request-id", self.request_id), ("traceparent", traceparent)]
        if self.authorization:
            safe = "".join(char if " " <= char <= "~" else "?" for char in self.authorization[:_MAX_CREDENTIAL])
            found.append(("authorization", safe))
        if self.client:
            found.append(("x-forwarded-for", self.client))
        return found

    @property
    def content_type(self) -> str:
        """Media type of the body, lower case, without parameters; empty when none is given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """Bytes that the body will have, where the request says it."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def has_body(self) -> bool:
        """Whether the request comes with a body, be it an empty one."""
        return self.content_length is not None or "transfer-encoding" in self.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. ClientDisconnect when it breaks off."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return

    async def while_connected(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is left when the client leaves (ClientDisconnect) or the server stops (Draining).

        To be called when the body has been read: it waits for the client's end.
        """
        task = asyncio.create_task(work)
        left, stopped = asyncio.create_task(self._left()), asyncio.create_task(self.draining.wait())
        try:
            await asyncio.wait({task, left, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise ClientDisconnect if left.done() else Draining
        finally:
            for each in (task, left, stopped):
                each.cancel()
            await asyncio.gather(task, left, stopped, return_exceptions=True)

    async def _left(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def require_credential(self) -> None:
        """Problem when no key of this surface came with the request: nobody needs to be asked about that."""
        if not self.authorization:
            message = "The Authorization header is missing: send `Authorization: Bearer <key>`"
            raise Problem("CREDENTIAL_MISSING", message, {"reason": "missing"})
        if not self.own_key(self.authorization.partition(" ")[2].strip()):
            message = f"The API key is of another form than the keys of this surface, which are {self.keys}"
            raise Problem("CREDENTIAL_INVALID", message, {"reason": "malformed"})


def _trace(traceparent: str) -> tuple[str, str]:
    """The trace this request belongs to, and the `traceparent` of the calls made for it."""
    found = _TRACEPARENT.fullmatch(traceparent)
    trace_id, flags = (found[1], found[2]) if found else (token_hex(16), "01")
    return trace_id, f"00-{trace_id}-{token_hex(8)}-{flags}"
