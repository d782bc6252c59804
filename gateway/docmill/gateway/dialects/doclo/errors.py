"""The error table of this surface, and its envelope: `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from docmill.gateway.problems import Problem

__all__ = ["ERRORS", "envelope", "status_of"]

ERRORS: Mapping[str, tuple[int, str]] = {
    "CREDENTIAL_MISSING": (401, "UNAUTHORIZED"),
    "CREDENTIAL_INVALID": (401, "UNAUTHORIZED"),
    "SCOPE_MISSING": (403, "FORBIDDEN"),
    "LINK_INVALID": (403, "FORBIDDEN"),
    "BODY_MALFORMED": (400, "INVALID_INPUT"),
    "DOCUMENT_MISSING": (400, "INVALID_INPUT"),
    "FIELD_MISSING": (422, "MISSING_REQUIRED_FIELD"),
    "FIELD_INVALID": (422, "VALIDATION_ERROR"),
    "VARIABLE_MISSING": (422, "MISSING_REQUIRED_VARIABLE"),
    "SEQUENCE_OUT_OF_RANGE": (422, "VALIDATION_ERROR"),
    "MEDIA_UNSUPPORTED": (422, "INVALID_DOCUMENT"),
    "MEDIA_CORRUPT": (422, "INVALID_DOCUMENT"),
    "MEDIA_ENCRYPTED": (422, "INVALID_DOCUMENT"),
    "MEDIA_EMPTY": (422, "INVALID_DOCUMENT"),
    "MEDIA_TOO_LARGE": (422, "INVALID_DOCUMENT"),
    "MEDIA_TOO_MANY_PAGES": (422, "INVALID_DOCUMENT"),
    "FLOW_NOT_FOUND": (404, "FLOW_NOT_FOUND"),
    "VERSION_NOT_FOUND": (404, "VERSION_NOT_FOUND"),
    "RUN_NOT_FOUND": (404, "EXECUTION_NOT_FOUND"),
    "DOCUMENT_NOT_FOUND": (404, "DOCUMENT_NOT_FOUND"),
    "PAGE_NOT_FOUND": (404, "PAGE_NOT_FOUND"),
    "DELIVERY_NOT_FOUND": (404, "DELIVERY_NOT_FOUND"),
    "BATCH_NOT_FOUND": (404, "BATCH_NOT_FOUND"),
    "KEY_NOT_FOUND": (404, "KEY_NOT_FOUND"),
    "ORGANIZATION_NOT_FOUND": (404, "ORGANIZATION_NOT_FOUND"),
    "ROUTE_UNKNOWN": (404, "NOT_FOUND"),
    "METHOD_NOT_ALLOWED": (405, "METHOD_NOT_ALLOWED"),
    "VERSION_EXISTS": (409, "VERSION_EXISTS"),
    "DOCUMENT_IN_USE": (409, "DOCUMENT_IN_USE"),
    "IDEMPOTENCY_CONFLICT": (409, "IDEMPOTENCY_CONFLICT"),
    "RUN_ALREADY_CANCELLED": (409, "ALREADY_CANCELLED"),
    "RUN_NOT_CANCELLABLE": (409, "NOT_CANCELLABLE"),
    "RUN_CANCELLED": (409, "ALREADY_CANCELLED"),
    "BATCH_NOT_CANCELLABLE": (409, "NOT_CANCELLABLE"),
    "BATCH_NOT_COMPLETED": (409, "NOT_COMPLETED"),
    "BODY_TOO_LARGE": (413, "PAYLOAD_TOO_LARGE"),
    "CONTENT_TYPE_UNSUPPORTED": (415, "UNSUPPORTED_MEDIA_TYPE"),
    "CREDITS_INSUFFICIENT": (402, "INSUFFICIENT_CREDITS"),
    "QUOTA_EXHAUSTED": (402, "INSUFFICIENT_CREDITS"),
    "PLAN_FEATURE_MISSING": (402, "SUBSCRIPTION_REQUIRED"),
    "RATE_LIMITED": (429, "RATE_LIMITED"),
    "QUEUE_FULL": (429, "RATE_LIMITED"),
    "DEADLINE": (504, "EXECUTION_TIMEOUT"),
    "OVERLOADED": (503, "SERVICE_UNAVAILABLE"),
    "ALREADY_RUNNING": (503, "SERVICE_UNAVAILABLE"),
    "SCHEMA_OUTDATED": (503, "SERVICE_UNAVAILABLE"),
    "NOT_IMPLEMENTED": (501, "NOT_IMPLEMENTED"),
    "EXTRACTION_FAILED": (500, "EXECUTION_FAILED"),
    "PROVIDER_FAILED": (500, "EXECUTION_FAILED"),
    "WORKER_CRASHED": (500, "EXECUTION_FAILED"),
    "WORKER_TIMEOUT": (500, "EXECUTION_FAILED"),
    "WORKER_MEMORY": (500, "EXECUTION_FAILED"),
    "INTERNAL": (500, "INTERNAL_ERROR"),
}
"""Status and code for each reason a call can fail with."""

_UNKNOWN = (500, "INTERNAL_ERROR")

_WORDS = {"QUEUE_FULL": "queue_full", "SEQUENCE_OUT_OF_RANGE": "beyond the last event"}
"""`details.reason` where the services give none, besides those of documents: `encrypted` for MEDIA_ENCRYPTED."""

_RENAMED = {"runId": "executionId"}
_NUMBERS = {
    "required",
    "available",
    "retryAfter",
    "limit",
    "maxFileSizeMB",
    "maxPages",
    "pages",
    "size",
    "lastSequence",
}
_SEPARATORS = re.compile(r"[,\s]+")


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem; reasons that are newer than this gateway are faults."""
    return ERRORS.get(problem.reason, _UNKNOWN)[0]


def envelope(problem: Problem, request_id: str, fields: Callable[[str], str]) -> dict[str, Any]:
    """The body of an answer. `fields` gives the name by which this surface knows a field of the contract."""
    details = {_RENAMED.get(name, name): _typed(name, value) for name, value in problem.details.items()}
    reason = _reason(problem)
    if reason:
        details.setdefault("reason", reason)
    if details.get("field"):
        details["field"] = fields(details["field"])
    if len(problem.fields) > 1:
        details["fields"] = [{"field": fields(field), "reason": what} for field, what in problem.fields]
    if problem.retry_after is not None:
        details.setdefault("retryAfter", problem.retry_after)
    code = ERRORS.get(problem.reason, _UNKNOWN)[1]
    return {"error": {"code": code, "message": _message(problem), "details": {**details, "requestId": request_id}}}


def _message(problem: Problem) -> str:
    scope = problem.details.get("requiredScope")
    if problem.reason == "SCOPE_MISSING" and scope and not problem.message.endswith(scope):
        return f"The API key lacks a scope: {scope}"
    return problem.message


def _reason(problem: Problem) -> str:
    if problem.reason.startswith("MEDIA_"):
        return problem.reason.removeprefix("MEDIA_").lower()
    return _WORDS.get(problem.reason, "")


def _typed(name: str, value: Any) -> Any:
    """The services' details are texts; programs want numbers and lists."""
    if name == "supported" and isinstance(value, str):
        return [item for item in _SEPARATORS.split(value) if item]
    if name in _NUMBERS and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value
