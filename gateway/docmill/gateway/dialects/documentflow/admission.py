"""One request, one call of the key's budget, however many calls of the services it takes, and however it ends.

The key, its budget and its plan are looked at before the body is read; what counts is the call that does the work. A
request that ends before that call is counted by itself.
"""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect

from docmill.gateway.exchange import Exchange
from docmill.gateway.keys import DECIDED_FIRST
from docmill.gateway.upstream import Upstream, UpstreamError
from docmill.v1 import accounts_pb2

__all__ = ["Admission"]

_CHECK_KEY = accounts_pb2.DESCRIPTOR.services_by_name["AccountService"].methods_by_name["CheckKey"]


class Admission:
    """Around the answering of a request. Entering it raises UpstreamError for a key that may not ask for this now."""

    def __init__(self, upstream: Upstream, exchange: Exchange, *, scope: str, feature: str = "") -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._scope = scope
        self._feature = feature
        self._counted = False

    async def __aenter__(self) -> Self:
        request = accounts_pb2.CheckKeyRequest(scope=self._scope, feature=self._feature, uncounted=True)
        try:
            await self._upstream.unary(_CHECK_KEY, request, self._exchange.call)
        except UpstreamError as error:
            if error.reason not in DECIDED_FIRST:
                await self._count()
            raise
        self._exchange.key_checked = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, ClientDisconnect) and not self._counted:
            await self._count()

    def counts(self) -> None:
        """The next call is the one that counts."""
        self._counted = True

    async def _count(self) -> None:
        with suppress(UpstreamError):
            await self._upstream.unary(_CHECK_KEY, accounts_pb2.CheckKeyRequest(), self._exchange.call)
