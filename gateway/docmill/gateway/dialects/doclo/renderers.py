"""What this surface shows in a form of its own: runs, and lists in both of the envelopes that its documents have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor

from docmill.gateway.dialects.doclo.execution import execution
from docmill.gateway.dialects.doclo.queries import included, listing
from docmill.gateway.dialects.doclo.words import VOCABULARIES, Vocabulary
from docmill.gateway.exchange import Exchange
from docmill.v1 import runs_pb2

__all__ = ["Words", "ask_for_output", "items_field", "listed"]

_DEFAULT_LIMIT = 50


class Words:
    """Renders runs in the words that the request asks for, or in the server's own."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def execution(self, run: Any, exchange: Exchange) -> dict[str, Any]:
        """A run."""
        return execution(run, vocabulary=self.of(exchange))

    def runs(self, answer: Any, exchange: Exchange) -> dict[str, Any]:
        """A list of runs."""
        page = {
            "runs": [self.execution(run, exchange) for run in answer.runs],
            "total": answer.total,
            **({"nextCursor": answer.next_page_token} if answer.next_page_token else {}),
        }
        return listed(page, "runs", exchange.query)

    def of(self, exchange: Exchange) -> Vocabulary:
        """The vocabulary of an answer."""
        asked = exchange.headers.get("x-doclo-status-vocabulary", "").strip().lower()
        return VOCABULARIES.get(asked, self._vocabulary)


def ask_for_output(request: runs_pb2.GetRunRequest, exchange: Exchange) -> None:
    """The output as text, which costs least and keeps its order; and what `include` names."""
    asked = included(exchange.query)
    request.output_as_json = True
    request.include_artifacts = "artifacts" in asked
    request.include_step_metrics = "metrics" in asked
    request.include_evidence = "evidence" in asked


def items_field(descriptor: Descriptor) -> str:
    """JSON name of the field with the items in the answer of a list."""
    (field,) = [field for field in descriptor.fields if field.is_repeated]
    return str(field.json_name)


def listed(page: dict[str, Any], field: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A list in both envelopes at once: `field` and `total` of the one, `data` and `hasMore` of the other."""
    asked = dict(listing(query))
    items = page[field]
    return {
        field: items,
        "data": items,
        "total": len(items),
        "limit": int(asked.get("limit", _DEFAULT_LIMIT)),
        **page,
        "hasMore": bool(page.get("nextCursor")),
    }
