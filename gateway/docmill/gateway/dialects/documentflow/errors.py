"""The error table of this surface, and its envelope: `{"detail": {"error", "message", "retry_after"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docmill.gateway.dialects.documentflow.media import said
from docmill.gateway.problems import Problem

__all__ = ["ERRORS", "code_of", "envelope", "status_of"]

ERRORS: Mapping[str, tuple[int, str]] = {
    "CREDENTIAL_MISSING": (401, "invalid_api_key"),
    "CREDENTIAL_INVALID": (401, "invalid_api_key"),
    "SCOPE_MISSING": (403, "forbidden"),
    "PLAN_FEATURE_MISSING": (403, "forbidden"),
    "LINK_INVALID": (403, "forbidden"),
    "BODY_MALFORMED": (400, "bad_request"),
    "DOCUMENT_MISSING": (422, "validation_error"),
    "FIELD_MISSING": (422, "validation_error"),
    "FIELD_INVALID": (422, "validation_error"),
    "VARIABLE_MISSING": (422, "validation_error"),
    "SEQUENCE_OUT_OF_RANGE": (422, "validation_error"),
    "MEDIA_UNSUPPORTED": (422, "invalid_file"),
    "MEDIA_CORRUPT": (422, "invalid_file"),
    "MEDIA_ENCRYPTED": (422, "invalid_file"),
    "MEDIA_EMPTY": (422, "invalid_file"),
    "MEDIA_TOO_LARGE": (422, "invalid_file"),
    "MEDIA_TOO_MANY_PAGES": (422, "invalid_file"),
    "FLOW_NOT_FOUND": (404, "not_found"),
    "VERSION_NOT_FOUND": (404, "not_found"),
    "RUN_NOT_FOUND": (404, "not_found"),
    "DOCUMENT_NOT_FOUND": (404, "not_found"),
    "PAGE_NOT_FOUND": (404, "not_found"),
    "DELIVERY_NOT_FOUND": (404, "not_found"),
    "BATCH_NOT_FOUND": (404, "not_found"),
    "KEY_NOT_FOUND": (404, "not_found"),
    "ORGANIZATION_NOT_FOUND": (404, "not_found"),
    "ROUTE_UNKNOWN": (404, "not_found"),
    "METHOD_NOT_ALLOWED": (405, "method_not_allowed"),
    "VERSION_EXISTS": (409, "conflict"),
    "DOCUMENT_IN_USE": (409, "conflict"),
    "IDEMPOTENCY_CONFLICT": (409, "conflict"),
    "RUN_ALREADY_CANCELLED": (409, "conflict"),
    "RUN_NOT_CANCELLABLE": (409, "conflict"),
    "BATCH_NOT_CANCELLABLE": (409, "conflict"),
    "BATCH_NOT_COMPLETED": (409, "conflict"),
    "BODY_TOO_LARGE": (413, "payload_too_large"),
    "CONTENT_TYPE_UNSUPPORTED": (415, "unsupported_media_type"),
    "QUOTA_EXHAUSTED": (429, "quota_exceeded"),
    "CREDITS_INSUFFICIENT": (429, "quota_exceeded"),
    "RATE_LIMITED": (429, "rate_limit_exceeded"),
    "QUEUE_FULL": (503, "service_unavailable"),
    "OVERLOADED": (503, "service_unavailable"),
    "ALREADY_RUNNING": (503, "service_unavailable"),
    "SCHEMA_OUTDATED": (503, "service_unavailable"),
    "NOT_IMPLEMENTED": (500, "internal_error"),
    "DEADLINE": (500, "extraction_failed"),
    "RUN_CANCELLED": (500, "extraction_failed"),
    "EXTRACTION_FAILED": (500, "extraction_failed"),
    "PROVIDER_FAILED": (500, "extraction_failed"),
    "WORKER_CRASHED": (500, "extraction_failed"),
    "WORKER_TIMEOUT": (500, "extraction_failed"),
    "WORKER_MEMORY": (500, "extraction_failed"),
    "INTERNAL": (500, "internal_error"),
}
"""Status and code for each reason a call, or a file, can fail with."""

_UNKNOWN = (500, "internal_error")

_NO_KEY = (
    "The API key is missing, has not the form it should have, or is not active; keys of this surface are af_..., and one "
    "that begins with dc_ is for /api/v1"
)
_SAID = {
    "CREDENTIAL_MISSING": _NO_KEY,
    "CREDENTIAL_INVALID": _NO_KEY,
    "BATCH_NOT_FOUND": "There is no such batch",
}
"""Messages that shall not tell more than this."""


_FIELDS = {"webhookUrl": "webhook_url"}
"""From fields as the services name them to those of the forms here."""


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem; reasons that are newer than this gateway are faults."""
    return ERRORS.get(problem.reason, _UNKNOWN)[0]


def code_of(reason: str) -> str:
    """The word of this surface for a reason."""
    return ERRORS.get(reason, _UNKNOWN)[1]


def envelope(problem: Problem) -> dict[str, Any]:
    """The body of an answer. Waiting helps against some problems only; `retry_after` is null for the others."""
    message = _SAID.get(problem.reason) or said(problem.reason, _named(problem))
    retry_after = None if code_of(problem.reason) == "quota_exceeded" else problem.retry_after
    return {"detail": {"error": code_of(problem.reason), "message": message, "retry_after": retry_after}}


def _named(problem: Problem) -> str:
    """The message, with the name of the form's field in front where the services blame it under theirs."""
    name = _FIELDS.get(str(problem.details.get("field", "")))
    return f"{name}: {problem.message}" if name else problem.message
