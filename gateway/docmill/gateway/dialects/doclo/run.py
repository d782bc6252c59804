"""POST /flows/{flowId}/run."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from docmill.gateway.decode import Decoder
from docmill.gateway.dialects.doclo.renderers import Words
from docmill.gateway.exchange import Exchange
from docmill.gateway.payload import read_body
from docmill.gateway.replies import json_reply
from docmill.gateway.upstream import Upstream
from docmill.v1 import flows_pb2

_RUN_FLOW = flows_pb2.DESCRIPTOR.services_by_name["FlowService"].methods_by_name["RunFlow"]


class RunEndpoint:
    def __init__(self, upstream: Upstream, decoder: Decoder, words: Words) -> None:
        self._upstream = upstream
        self._decoder = decoder
        self._words = words

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        body = await read_body(exchange)
        request = flows_pb2.RunFlowRequest()
        self._decoder.merge(request, body)
        request.flow_id = variables["flow_id"]
        answer = await self._upstream.unary(_RUN_FLOW, request, exchange.call)
        return json_reply(self._words.execution(answer.run, exchange))
