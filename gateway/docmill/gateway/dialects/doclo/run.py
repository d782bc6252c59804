"""POST /flows/{flowId}/run: a run, and on request its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from docmill.gateway.decode import Decoder, FieldError
from docmill.gateway.dialects.doclo.errors import status_of
from docmill.gateway.dialects.doclo.intake import Intake
from docmill.gateway.dialects.doclo.orders import DOCUMENT, Order, parse_order
from docmill.gateway.dialects.doclo.renderers import Words
from docmill.gateway.exchange import Draining, Exchange
from docmill.gateway.keys import check_key
from docmill.gateway.payload import read_document
from docmill.gateway.problems import Problem
from docmill.gateway.replies import json_reply
from docmill.gateway.uploads import Upload
from docmill.gateway.upstream import Upstream, UpstreamError
from docmill.gateway.watch import TERMINAL, until_end
from docmill.v1 import documents_pb2, flows_pb2, runs_pb2

__all__ = ["RunEndpoint"]

_RUN_FLOW = flows_pb2.DESCRIPTOR.services_by_name["FlowService"].methods_by_name["RunFlow"]
_GET_RUN = runs_pb2.DESCRIPTOR.services_by_name["RunService"].methods_by_name["GetRun"]
_AFTER_FLOW = {413, 422}
"""Statuses of what is wrong with fields and documents: an unknown flow is told before."""
_NO_FLOW = {"FLOW_NOT_FOUND", "VERSION_NOT_FOUND"}


class RunEndpoint:
    """Starts runs."""

    def __init__(self, upstream: Upstream, decoder: Decoder, words: Words, scope: str) -> None:
        self._upstream = upstream
        self._decoder = decoder
        self._words = words
        self._scope = scope

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        flow_id = variables["flow_id"]
        try:
            run, order = await self._started(exchange, flow_id)
        except (Problem, FieldError) as error:
            if isinstance(error, FieldError) or status_of(error) in _AFTER_FLOW:
                if not isinstance(error, UpstreamError):
                    await check_key(self._upstream, exchange, self._scope)
                await self._check_flow(exchange, flow_id)
            raise
        if order.wait_ms is not None and run.status not in TERMINAL:
            run = await self._ended(exchange, run, order.wait_ms)
        elif run.status == runs_pb2.RUN_STATUS_SUCCEEDED:  # an idempotency key that was used before
            with suppress(UpstreamError):
                run = await self._shown(exchange, run)
        return json_reply(self._words.execution(run, exchange))

    async def _started(self, exchange: Exchange, flow_id: str) -> tuple[runs_pb2.Run, Order]:
        async with Intake(self._upstream, exchange, flow_id) as intake:
            body = await read_document(exchange, DOCUMENT, intake.take, intake.begin)
            order = parse_order(body, flow_id, self._decoder)
            if order.request.input.HasField("document"):
                await intake.finish(order.request.input)
            try:
                answer = await self._upstream.unary(_RUN_FLOW, order.request, exchange.call)
            except UpstreamError:
                await intake.drop_unused()
                raise
            await intake.drop_unused(answer.run.document_id)
        return answer.run, order

    async def _check_flow(self, exchange: Exchange, flow_id: str) -> None:
        """UpstreamError when there is no such flow.

        An upload names its flow, and is refused when there is none; one without bytes leaves nothing behind.
        """
        metadata = documents_pb2.DocumentMetadata(flow_id=flow_id)
        try:
            async with Upload(self._upstream, metadata, exchange.call) as upload:
                await upload.finish()
        except UpstreamError as error:
            if error.reason in _NO_FLOW:
                raise

    async def _ended(self, exchange: Exchange, run: runs_pb2.Run, wait_ms: int) -> runs_pb2.Run:
        """The run at its end. Problem when the time to wait is over, or the services cannot be asked any more."""
        try:
            with suppress(TimeoutError, Draining):
                async with asyncio.timeout(wait_ms / 1000):
                    await exchange.while_connected(until_end(self._upstream, run.id, exchange.call))
            run = await self._shown(exchange, run)
        except UpstreamError as error:
            if error.reason == "SCOPE_MISSING":  # the key may start runs and not look at them: as without `wait`
                return run
            facts = {**error.details, "executionId": run.id}
            raise Problem(error.reason, error.message, facts, retry_after=error.retry_after) from None
        if run.status in TERMINAL:
            return run
        raise Problem(
            "DEADLINE",
            f"The run has not ended within {wait_ms} ms; it goes on",
            {"executionId": run.id, "status": self._words.of(exchange).status(run.status), "timeoutMs": wait_ms},
        )

    async def _shown(self, exchange: Exchange, run: runs_pb2.Run) -> Any:
        request = runs_pb2.GetRunRequest(run_id=run.id, output_as_json=True)
        return (await self._upstream.unary(_GET_RUN, request, exchange.call)).run
