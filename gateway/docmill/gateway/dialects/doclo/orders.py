"""The body of POST /flows/{flowId}/run, as a request of the contract and what this surface wants beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docmill.gateway.body import JsonBody
from docmill.gateway.decode import Decoder, FieldError
from docmill.gateway.problems import Problem
from docmill.v1 import flows_pb2

__all__ = ["DOCUMENT", "Order", "parse_order"]

DOCUMENT = ("input", "document", "base64")
"""Where the document stands in the body."""

_OWN = {"wait", "timeout", "webhookCancelled"}
_NOT_OURS = {"flowId", "flow_id", "webhookFormat", "webhook_format", "webhookOnCancel", "webhook_on_cancel"}
"""Names of the contract that this surface does not offer: unknown ones, so ignored."""
_WEBHOOK_FORMAT = "doclo"
_DEFAULT_WAIT_MS = 30_000
_MAX_WAIT_MS = 60_000
_METADATA_LEVELS = 5


@dataclass(frozen=True, slots=True)
class Order:
    """A run that is asked for."""

    request: flows_pb2.RunFlowRequest
    """What the services are asked, without the bytes of the document."""
    wait_ms: int | None
    """How long the caller waits for the end of the run; None when not at all."""


def parse_order(content: JsonBody, flow_id: str, decoder: Decoder) -> Order:
    """The order in a body whose document has been taken out. Problem or FieldError when it cannot be one.

    A media type that came with the document (as a data URL) counts where there is no `mimeType`.
    """
    body = content.value
    if body is None:
        raise _no_document()
    rest = {name: value for name, value in body.items() if name not in _OWN | _NOT_OURS}
    came = bool(content.document_bytes or content.declared_type)  # an empty text is as none; an empty document is not
    rest["input"] = _without_bytes(rest.get("input"), came=came)
    request = flows_pb2.RunFlowRequest()
    decoder.merge(request, rest)
    request.flow_id = flow_id
    document = request.input.document
    if request.input.HasField("document") and not document.mime_type:
        document.mime_type = content.declared_type
    _check_metadata(body.get("metadata"))
    if request.webhook_url:
        request.webhook_format = _WEBHOOK_FORMAT
        request.webhook_on_cancel = _bool(body, "webhookCancelled")
    wait_ms = _wait(body)
    if wait_ms is not None and not request.priority:
        request.priority = flows_pb2.PRIORITY_INTERACTIVE
    return Order(request, wait_ms)


def _without_bytes(given: Any, *, came: bool) -> dict[str, Any]:
    """`input` without the bytes of its document, once it is sure that there is one; `came`: bytes were read."""
    if given is None:
        raise _no_document()
    if not isinstance(given, Mapping):
        raise FieldError("input", "must be an object")
    document = given.get("document")
    if document is None:
        if not given.get("documentId") and not given.get("document_id"):
            raise _no_document()
        return dict(given)
    if not isinstance(document, Mapping):
        raise FieldError("input.document", "must be an object")
    if not came:
        if document.get("base64"):
            raise FieldError("input.document.base64", "must be a string")
        raise _no_document()
    return {**given, "document": {name: value for name, value in document.items() if name != "base64"}}


def _no_document() -> Problem:
    facts = {"field": "input.document.base64", "reason": "missing"}
    return Problem("DOCUMENT_MISSING", "Document base64 data is required", facts)


def _check_metadata(metadata: Any) -> None:
    level = [metadata]
    for _ in range(_METADATA_LEVELS):
        level = [item for value in level for item in _items(value)]
    if any(isinstance(value, Mapping | list) for value in level):
        raise FieldError("metadata", f"is nested more than {_METADATA_LEVELS} levels deep")


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []


def _wait(body: Mapping[str, Any]) -> int | None:
    if not _bool(body, "wait"):
        return None
    timeout = body.get("timeout")
    if timeout is None:
        return _DEFAULT_WAIT_MS
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise FieldError("timeout", "must be a number of milliseconds above 0")
    return max(1, int(min(timeout, _MAX_WAIT_MS)))


def _bool(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise FieldError(name, "must be true or false")
    return bool(value)
