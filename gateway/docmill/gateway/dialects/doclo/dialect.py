"""The documented surface under `/api/v1`: its routes, its words and its errors.

The routes are the bindings of the contract. Most are served as the descriptors say; this folder has the renderers for
what the documents show in another form, and the endpoints that are more than one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from docmill.gateway.bindings import Binding, bindings_under
from docmill.gateway.decode import Decoder
from docmill.gateway.dialects import Endpoint, Route
from docmill.gateway.dialects.doclo import queries, renderers
from docmill.gateway.dialects.doclo.documents import UploadEndpoint
from docmill.gateway.dialects.doclo.errors import envelope, status_of
from docmill.gateway.dialects.doclo.events import run_events
from docmill.gateway.dialects.doclo.run import RunEndpoint
from docmill.gateway.dialects.doclo.style import STYLE, enum_words
from docmill.gateway.dialects.doclo.words import SDK, Vocabulary
from docmill.gateway.encode import Encoder
from docmill.gateway.endpoints import HttpBodyStream, Unary
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import json_reply
from docmill.gateway.scopes import SCOPES
from docmill.gateway.transcode import Transcoder
from docmill.gateway.upstream import Upstream

__all__ = ["Doclo"]

PREFIX = "/api/v1"

_RATE_HEADERS = {
    "x-ratelimit-limit": "X-RateLimit-Limit",
    "x-ratelimit-remaining": "X-RateLimit-Remaining",
    "x-ratelimit-reset": "X-RateLimit-Reset",
}
_EXECUTION_ID = "X-Doclo-Execution-Id"


class Doclo:
    """The dialect."""

    prefix = PREFIX
    keys = "dc_live_... or dc_test_..."

    def __init__(self, upstream: Upstream, *, vocabulary: Vocabulary = SDK) -> None:
        self._upstream = upstream
        self._words = renderers.Words(vocabulary)
        self._decoder = Decoder(enum_words)
        self._encoder = Encoder(STYLE)
        self.routes: Sequence[Route] = [self._route(binding) for binding in bindings_under(PREFIX)]

    def own_key(self, key: str) -> bool:
        """Keys of the other surface are none of this one; the services say what is wrong with any other."""
        return not key.startswith("af_")

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        """The ids of the request, and what is left of the organization's requests."""
        rate = {_RATE_HEADERS[name]: value for name, value in exchange.call.rate.items()}
        return {"X-Request-Id": exchange.request_id, "X-Trace-Id": exchange.trace_id, **rate}

    def failure(self, problem: Problem, exchange: Exchange) -> Response:
        """The envelope of an error."""
        headers = dict(problem.headers)
        if problem.retry_after is not None:
            headers["Retry-After"] = str(problem.retry_after)
        if "executionId" in problem.details:
            headers[_EXECUTION_ID] = problem.details["executionId"]
        body = envelope(problem, exchange.request_id, queries.public_name)
        return json_reply(body, status_of(problem), headers)

    def _route(self, binding: Binding) -> Route:
        name = binding.method.full_name
        return Route(verb=binding.verb, template=binding.template, scope=SCOPES[name], endpoint=self._endpoint(binding))

    def _endpoint(self, binding: Binding) -> Endpoint:
        upstream, transcoder = self._upstream, Transcoder(binding, self._decoder, self._encoder)
        match binding.method.name:
            case "RunFlow":
                return RunEndpoint(upstream, self._decoder, self._words, SCOPES[binding.method.full_name])
            case "UploadDocument":
                return UploadEndpoint(upstream, self._encoder)
            case "WatchRun":
                return run_events(upstream, self._encoder, self._words)
            case "GetPageImage":
                return HttpBodyStream(upstream=upstream, transcoder=transcoder)
            case "GetRun":
                return Unary(
                    upstream=upstream,
                    transcoder=transcoder,
                    prepare=renderers.ask_for_output,
                    render=self._words.execution,
                )
            case "CancelRun":
                return Unary(upstream=upstream, transcoder=transcoder, render=self._words.execution)
            case "ListRuns":
                return Unary(
                    upstream=upstream, transcoder=transcoder, query=queries.runs_listing, render=self._words.runs
                )
            case listed if listed.startswith("List"):
                return Unary(
                    upstream=upstream, transcoder=transcoder, query=queries.listing, render=self._listed(transcoder)
                )
        return Unary(upstream=upstream, transcoder=transcoder, render=self._plain)

    def _plain(self, message: Any, _exchange: Exchange) -> Any:
        return self._encoder(message)

    def _listed(self, transcoder: Transcoder) -> Callable[[Any, Exchange], Any]:
        field = renderers.items_field(transcoder.binding.method.output_type)
        return lambda message, exchange: renderers.listed(self._encoder(message), field, exchange.query)
