"""A run as the documented surface shows it: the Execution object, in answers and in webhooks alike."""

from __future__ import annotations

from typing import Any

import orjson

from docmill.gateway.dialects.doclo.words import SDK, Vocabulary, time_text
from docmill.gateway.encode import Encoder, Style, from_struct, from_value
from docmill.gateway.reasons import reason_of
from docmill.v1 import errors_pb2, runs_pb2

__all__ = ["execution", "fault"]

_INVALID_DOCUMENT = {
    "MEDIA_UNSUPPORTED",
    "MEDIA_CORRUPT",
    "MEDIA_ENCRYPTED",
    "MEDIA_EMPTY",
    "MEDIA_TOO_LARGE",
    "MEDIA_TOO_MANY_PAGES",
}
_FAULT_CODES = {
    **dict.fromkeys(_INVALID_DOCUMENT, "INVALID_DOCUMENT"),
    "EXTRACTION_FAILED": "EXTRACTION_FAILED",
    "PROVIDER_FAILED": "PROVIDER_ERROR",
    "DEADLINE": "EXECUTION_TIMEOUT",
    "WORKER_TIMEOUT": "EXECUTION_TIMEOUT",
    "CREDITS_INSUFFICIENT": "INSUFFICIENT_CREDITS",
}
"""Codes inside a failed run; any other reason is EXECUTION_FAILED."""

_TERMINAL = {runs_pb2.RUN_STATUS_SUCCEEDED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELLED}

_TIMES = {"started_at": "startedAt", "completed_at": "completedAt", "cancelled_at": "cancelledAt"}

# A value that no page shows is said to be such, not left out.
_evidence = Encoder(Style(zero=lambda field: field.name in {"page_number", "grounded"})).of(
    runs_pb2.Evidence.DESCRIPTOR
)


def execution(run: runs_pb2.Run, *, vocabulary: Vocabulary = SDK) -> dict[str, Any]:
    """`run` as a JSON object for orjson; what is not known of it is left out.

    Where the run carries its output as text (`output_json`), that text goes out as it is: an `orjson.Fragment`.
    """
    made: dict[str, Any] = {
        "id": run.id,
        "flowId": run.flow_id,
        "version": run.version,
        "status": vocabulary.status(run.status),
        "createdAt": time_text(run.created_at),
    }
    present = {field.name: value for field, value in run.ListFields()}
    made |= {name: time_text(present[field]) for field, name in _TIMES.items() if field in present}
    if run.HasField("duration"):
        made["duration"] = run.duration
    if run.status == runs_pb2.RUN_STATUS_RUNNING:
        made["progress"] = _progress(run.progress)
    if run.HasField("queue_position"):
        made["queuePosition"] = run.queue_position
    _add_result(made, run)
    _add_what_came_with_it(made, run)
    return made


def _add_result(made: dict[str, Any], run: runs_pb2.Run) -> None:
    if run.output_json:
        made["output"] = orjson.Fragment(run.output_json)
    elif run.HasField("output"):
        made["output"] = from_value(run.output)
    if run.warnings:
        made["warnings"] = list(run.warnings)
    if run.evidence:
        made["evidence"] = [_evidence(each) for each in run.evidence]
        made["lowConfidence"] = list(run.low_confidence)
    if run.HasField("error"):
        made["error"] = fault(run.error, step=run.progress.step)
    if run.status in _TERMINAL:
        made["metrics"] = _metrics(run)
    if run.HasField("artifacts"):
        made["artifacts"] = from_struct(run.artifacts)


def _add_what_came_with_it(made: dict[str, Any], run: runs_pb2.Run) -> None:
    if run.trace_id:
        made["traceId"] = run.trace_id
    if run.document_id:
        made["documentId"] = run.document_id
    if run.labels:
        made["labels"] = dict(run.labels)
    if run.HasField("metadata"):
        made["metadata"] = from_struct(run.metadata)


def fault(error: errors_pb2.Fault, *, step: str = "") -> dict[str, Any]:
    """Why a run, a page or a document failed; `step` stands in where the fault names none."""
    reason = reason_of(error.reason)
    details: dict[str, Any] = {"reason": reason.removeprefix("MEDIA_").lower(), **error.details}
    return {
        "code": _FAULT_CODES.get(reason, "EXECUTION_FAILED"),
        "message": error.message,
        "step": error.step or step,
        "details": details,
    }


def _progress(progress: runs_pb2.RunProgress) -> dict[str, Any]:
    made: dict[str, Any] = {
        "step": progress.step,
        "percentage": progress.percentage,
        "pagesDone": progress.pages_done,
        "pagesFailed": progress.pages_failed,
    }
    if progress.HasField("pages_total"):
        made["pagesTotal"] = progress.pages_total
    return made


def _metrics(run: runs_pb2.Run) -> dict[str, Any]:
    metrics = run.metrics
    made: dict[str, Any] = {
        "durationMs": metrics.duration_ms,
        "pageCount": metrics.page_count,
        "creditsUsed": metrics.credits_used,
        "tokensUsed": metrics.tokens_used,
        "cost": metrics.cost,
        "stepsRun": metrics.steps_run,
        "stepsTotal": metrics.steps_total,
        "engineMs": metrics.engine_ms,
        "pagesFailed": run.progress.pages_failed,
    }
    if metrics.steps:
        made["steps"] = [
            {"step": each.step, "nodeType": each.node_type, "durationMs": each.duration_ms} for each in metrics.steps
        ]
    return made
