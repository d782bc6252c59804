"""The documented surface under `/v1`: its routes, its words and its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from docmill.gateway.bindings import Binding, bindings_under
from docmill.gateway.dialects import Endpoint, Route
from docmill.gateway.dialects.documentflow.batch import Batches
from docmill.gateway.dialects.documentflow.errors import envelope, status_of
from docmill.gateway.dialects.documentflow.events import BatchEvents
from docmill.gateway.dialects.documentflow.extract import ExtractEndpoint
from docmill.gateway.dialects.documentflow.results import Results
from docmill.gateway.dialects.documentflow.usage import UsageEndpoint
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import json_reply
from docmill.gateway.scopes import SCOPES
from docmill.gateway.template import Template
from docmill.gateway.upstream import Upstream

__all__ = ["DocumentFlow"]

PREFIX = "/v1"
_KEY = re.compile(r"af_[A-Za-z0-9]{40}")


class DocumentFlow:
    """The dialect."""

    prefix = PREFIX
    keys = "af_..."

    def __init__(self, upstream: Upstream, *, public_url: str, extract_s: int) -> None:
        batches, results = Batches(upstream, public_url), Results(upstream)
        self._endpoints: Mapping[str, Endpoint] = {
            "CreateBatch": batches.submit,
            "GetBatch": batches.show,
            "ListBatches": batches.list,
            "CancelBatch": batches.cancel,
            "WatchBatch": BatchEvents(upstream),
            "GetBatchResults": results.by_key,
            "DownloadResults": results.by_link,
        }
        self.routes: Sequence[Route] = [
            _own("POST", f"{PREFIX}/extract", "flows:execute", ExtractEndpoint(upstream, extract_s)),
            _own("GET", f"{PREFIX}/usage", "executions:read", UsageEndpoint(upstream)),
            *(self._bound(binding) for binding in bindings_under(PREFIX)),
        ]

    def own_key(self, key: str) -> bool:
        """There is one form of keys; what has another is refused as what is not known."""
        return _KEY.fullmatch(key) is not None

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        """The ids of the request."""
        return {"X-Request-Id": exchange.request_id, "X-Trace-Id": exchange.trace_id}

    def failure(self, problem: Problem, exchange: Exchange) -> Response:
        """The envelope of an error."""
        del exchange
        status, body = status_of(problem), envelope(problem)
        headers = dict(problem.headers)
        if body["detail"]["retry_after"] is not None:
            headers["Retry-After"] = str(body["detail"]["retry_after"])
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return json_reply(body, status, headers)

    def _bound(self, binding: Binding) -> Route:
        name = binding.method.full_name
        return Route(
            verb=binding.verb,
            template=binding.template,
            scope=SCOPES[name],
            endpoint=self._endpoints[binding.method.name],
            public=binding.method.name == "DownloadResults",
        )


def _own(verb: str, path: str, scope: str, endpoint: Endpoint) -> Route:
    return Route(verb=verb, template=Template.parse(path), scope=scope, endpoint=endpoint)
