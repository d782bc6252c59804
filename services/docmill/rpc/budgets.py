"""The request budget of the caller's organization: what counts as a call, and what every answer says of the rest.

`x-ratelimit-limit`, `x-ratelimit-remaining` and `x-ratelimit-reset` (Unix seconds) are in the trailing metadata of every
authenticated call, however it ends, and a stream of answers has them in its initial metadata too: whoever passes it on
needs them before its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from typing import Any

from docmill.domain.plans import MAX_REQUESTS_PER_MINUTE
from docmill.domain.rates import Budget
from docmill.engine import Engine
from docmill.rpc._layer import Call, Layer, Proceed
from docmill.rpc.context import caller
from docmill.rpc.scopes import is_public
from docmill.v1 import accounts_pb2, documents_pb2

__all__ = ["FREE", "Budgets"]

FREE = frozenset(
    {
        "/docmill.v1.RunService/GetRun",
        "/docmill.v1.RunService/WatchRun",
        "/docmill.v1.DocumentService/GetDocument",
        "/docmill.v1.DocumentService/DeleteDocument",
    }
)
"""How clients wait for what they asked for, and tidy up what came of nothing: not counted, and not refused."""

_UPLOAD = "/docmill.v1.DocumentService/UploadDocument"


class Budgets(Layer):
    """Counts calls, refuses those that are too many, and says what is left."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    async def serve(self, call: Call, request: Any, proceed: Proceed) -> Any:
        """Raise `LimitReached` for a call beyond the budget."""
        if is_public(call.method):
            return await proceed(request)
        budget = self._engine.look_at_budget(caller())
        if call.method in FREE:
            budget = replace(budget, exceeded=False)
        elif not budget.exceeded:  # else nothing is read and nothing written
            belongs = False
            if call.method == _UPLOAD:
                request, belongs = await _peeked(request)
            elif isinstance(request, accounts_pb2.CheckKeyRequest):
                belongs = request.uncounted
            if not belongs:
                budget = await self._engine.take_budget(caller())
        await _tell(call, budget)
        if budget.exceeded:
            raise budget.refusal(self._engine.ctx.now())
        return await proceed(request)


async def _peeked(requests: AsyncIterable[Any]) -> tuple[AsyncIterator[Any], bool]:
    """The messages of an upload, and whether it belongs to the run that follows: the first one says for which flow."""
    messages = aiter(requests)
    first: documents_pb2.UploadDocumentRequest | None = await anext(messages, None)

    async def all_of_them() -> AsyncIterator[Any]:
        if first is not None:
            yield first
        async for message in messages:
            yield message

    return all_of_them(), first is not None and bool(first.metadata.flow_id)


async def _tell(call: Call, budget: Budget) -> None:
    """Put what is left into the call's metadata."""
    pairs = (
        ("x-ratelimit-limit", str(min(budget.limit, MAX_REQUESTS_PER_MINUTE))),
        ("x-ratelimit-remaining", str(budget.remaining)),
        ("x-ratelimit-reset", str(budget.reset_seconds())),
    )
    call.context.set_trailing_metadata((*call.context.trailing_metadata(), *pairs))
    if call.response_streaming:
        await call.context.send_initial_metadata(pairs)
