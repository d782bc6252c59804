"""Between docmill's messages and the client's values, one function a type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import json_format, struct_pb2, timestamp_pb2
from google.protobuf.message import Message

from docmill.client.document import Document, DocumentStatus
from docmill.client.errors import InvalidArgumentError, UnsupportedError
from docmill.client.flow import Estimate, Flow, FlowConfig, FlowSummary
from docmill.client.page import Box, Line, Page, PageQuality, PageStatus, PageText, PageWarning, Word
from docmill.client.run import Evidence, Fault, Metrics, Priority, Progress, Run, RunEvent, RunStatus, StepMetrics
from docmill.v1 import documents_pb2, errors_pb2, flows_pb2, pages_pb2, runs_pb2

S = TypeVar("S")

_RUN_STATUS = {
    runs_pb2.RUN_STATUS_QUEUED: RunStatus.QUEUED,
    runs_pb2.RUN_STATUS_RUNNING: RunStatus.RUNNING,
    runs_pb2.RUN_STATUS_SUCCEEDED: RunStatus.SUCCEEDED,
    runs_pb2.RUN_STATUS_FAILED: RunStatus.FAILED,
    runs_pb2.RUN_STATUS_CANCELLED: RunStatus.CANCELLED,
}
_RUN_STATUS_TO = {status: number for number, status in _RUN_STATUS.items()}
_PAGE_STATUS = {
    pages_pb2.PAGE_STATUS_PENDING: PageStatus.PENDING,
    pages_pb2.PAGE_STATUS_IN_PROGRESS: PageStatus.IN_PROGRESS,
    pages_pb2.PAGE_STATUS_DONE: PageStatus.DONE,
    pages_pb2.PAGE_STATUS_FAILED: PageStatus.FAILED,
    pages_pb2.PAGE_STATUS_CANCELLED: PageStatus.CANCELLED,
}
_PAGE_WARNING = {number: name.removeprefix("PAGE_WARNING_").lower() for name, number in pages_pb2.PageWarning.items()}
_DOCUMENT_STATUS = {
    documents_pb2.DOCUMENT_STATUS_PENDING: DocumentStatus.PENDING,
    documents_pb2.DOCUMENT_STATUS_READY: DocumentStatus.READY,
    documents_pb2.DOCUMENT_STATUS_REJECTED: DocumentStatus.REJECTED,
}
_PRIORITY_TO = {
    Priority.INTERACTIVE: flows_pb2.PRIORITY_INTERACTIVE,
    Priority.STANDARD: flows_pb2.PRIORITY_STANDARD,
    Priority.BULK: flows_pb2.PRIORITY_BULK,
}
_UNIT = {pages_pb2.LENGTH_UNIT_PIXEL: "px", pages_pb2.LENGTH_UNIT_POINT: "pt"}
_KIND = {
    number: name.removeprefix("RUN_EVENT_KIND_").lower().replace("_", ".")
    for name, number in runs_pb2.RunEventKind.items()
    if number
}
_REASON = {number: name.removeprefix("ERROR_REASON_") for name, number in errors_pb2.ErrorReason.items() if number}


def run(message: runs_pb2.Run) -> Run:
    """A run as the client gives it."""
    return Run(
        id=message.id,
        flow_id=message.flow_id,
        version=message.version,
        document_id=message.document_id,
        status=known(_RUN_STATUS, message.status),
        queue_position=optional(message, "queue_position"),
        created_at=time(message, "created_at"),
        started_at=time(message, "started_at"),
        completed_at=time(message, "completed_at"),
        cancelled_at=time(message, "cancelled_at"),
        progress=_progress(message.progress),
        output=json.loads(message.output_json) if message.output_json else None,
        warnings=tuple(message.warnings),
        evidence=tuple(_evidence(item) for item in message.evidence),
        low_confidence=tuple(message.low_confidence),
        error=fault(message, "error"),
        metrics=_metrics(message.metrics) if message.HasField("metrics") else None,
        metadata=json_object(message.metadata),
        labels=dict(message.labels),
        artifacts=json_object(message.artifacts),
        trace_id=message.trace_id,
        last_sequence=message.last_sequence,
        batch_id=message.batch_id,
    )


def run_event(run_id: str, sequence: int, message: runs_pb2.RunEvent) -> RunEvent:
    """An event as the client gives it."""
    page = message.page if message.HasField("page") else None
    return RunEvent(
        run_id=run_id,
        sequence=sequence,
        kind=_KIND.get(message.kind, "unknown"),
        at=time(message, "at"),
        page_number=page.page_number if page else None,
        attempt=(page.attempt or None) if page else None,
        engine=page.engine if page else "",
        confidence=optional(page, "confidence"),
        words=optional(page, "words"),
        duration_ms=optional(page, "duration_ms"),
        pages_done=optional(message, "pages_done"),
        pages_total=optional(message, "pages_total"),
        step=message.step,
        error=fault(message, "error"),
        cached=optional(page, "cached"),
        needs_review=optional(page, "needs_review"),
    )


def page(message: pages_pb2.Page) -> Page:
    """A page as the client gives it."""
    return Page(
        number=message.page_number,
        status=known(_PAGE_STATUS, message.status),
        attempts=message.attempts,
        engine=message.engine,
        confidence=optional(message, "confidence"),
        words=optional(message, "words"),
        duration_ms=optional(message, "duration_ms"),
        error=fault(message, "error"),
        text=_page_text(message.text) if message.HasField("text") else None,
        quality=_quality(message.quality) if message.HasField("quality") else None,
        cached=message.cached,
    )


def document(message: documents_pb2.Document) -> Document:
    """A document as the client gives it."""
    return Document(
        id=message.id,
        filename=message.filename,
        mime_type=message.mime_type,
        declared_mime_type=message.declared_mime_type,
        size=message.size,
        sha256=message.sha256,
        status=known(_DOCUMENT_STATUS, message.status),
        page_count=optional(message, "page_count"),
        error=fault(message, "error"),
        created_at=time(message, "created_at"),
    )


def flow_summary(message: flows_pb2.FlowSummary) -> FlowSummary:
    """A flow of a list as the client gives it."""
    return FlowSummary(
        id=message.id,
        name=message.name,
        description=message.description,
        version=message.version,
        created_at=time(message, "created_at"),
        updated_at=time(message, "updated_at"),
        input_schema=json_object(message.input_schema),
    )


def flow(message: flows_pb2.Flow) -> Flow:
    """A flow version as the client gives it."""
    config = message.config
    return Flow(
        id=message.id,
        name=message.name,
        description=message.description,
        version=message.version,
        versions=tuple(message.versions),
        config=FlowConfig(
            supported_formats=tuple(config.supported_formats),
            max_file_size_mb=config.max_file_size_mb,
            max_pages=config.max_pages,
            estimated_credits_per_page=config.estimated_credits_per_page,
        ),
        input_schema=json_object(message.input_schema),
        output_schema=json_object(message.schema.output),
        definition=json_object(message.definition),
        hidden=message.hidden,
        created_at=time(message, "created_at"),
        updated_at=time(message, "updated_at"),
    )


def estimate(message: flows_pb2.Estimate) -> Estimate:
    """What a run would cost, as the client gives it."""
    return Estimate(
        flow_id=message.flow_id,
        version=message.version,
        page_count=message.page_count,
        credits=message.credits,
        available=optional(message, "available"),
        sufficient=message.sufficient,
    )


def config_message(config: FlowConfig) -> flows_pb2.FlowConfig:
    """What a flow accepts, as sent."""
    return flows_pb2.FlowConfig(
        supported_formats=config.supported_formats,
        max_file_size_mb=config.max_file_size_mb,
        max_pages=config.max_pages,
        estimated_credits_per_page=config.estimated_credits_per_page,
    )


def struct(value: Mapping[str, Any] | None, field: str) -> struct_pb2.Struct | None:
    """A JSON object as sent; None stays None. What JSON cannot say raises `InvalidArgumentError` naming `field`."""
    if value is None:
        return None
    try:
        return json_format.ParseDict(dict(value), struct_pb2.Struct())
    except (json_format.ParseError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"{field} must be a JSON object: {error}", reason="FIELD_INVALID", details={"field": field}
        ) from error


def value(message: struct_pb2.Value) -> Any:
    """A JSON value as `json.loads` would give it: protobuf has floating point numbers only, so 2.0 is taken for 2."""
    match message.WhichOneof("kind"):
        case "struct_value":
            return json_object(message.struct_value)
        case "list_value":
            return [value(item) for item in message.list_value.values]
        case "number_value":
            number = message.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return message.string_value
        case "bool_value":
            return message.bool_value
    return None


def run_status(number: int) -> RunStatus:
    """A run's state as the client gives it."""
    return known(_RUN_STATUS, number)


def status_number(status: RunStatus) -> runs_pb2.RunStatus.ValueType:
    """A run's state as sent."""
    return _RUN_STATUS_TO[status]


def priority_number(priority: Priority) -> flows_pb2.Priority.ValueType:
    """A priority as sent."""
    return _PRIORITY_TO[priority]


def timestamp(time: datetime | None) -> timestamp_pb2.Timestamp | None:
    """A time as sent; one without a zone is taken as local time, as everywhere in Python."""
    if time is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(time.astimezone(UTC))
    return message


def _progress(message: runs_pb2.RunProgress) -> Progress:
    return Progress(
        step=message.step,
        percentage=message.percentage,
        pages_done=message.pages_done,
        pages_failed=message.pages_failed,
        pages_total=optional(message, "pages_total"),
    )


def _metrics(message: runs_pb2.RunMetrics) -> Metrics:
    return Metrics(
        duration_ms=message.duration_ms,
        page_count=message.page_count,
        credits_used=message.credits_used,
        engine_ms=message.engine_ms,
        tokens_used=message.tokens_used,
        cost=message.cost,
        steps_run=message.steps_run,
        steps_total=message.steps_total,
        steps=tuple(
            StepMetrics(
                step=step.step, node_type=step.node_type, duration_ms=step.duration_ms, tokens_used=step.tokens_used
            )
            for step in message.steps
        ),
    )


def _evidence(message: runs_pb2.Evidence) -> Evidence:
    return Evidence(
        path=message.path,
        page_number=message.page_number,
        box=_box(message.bbox),
        words=tuple(message.words),
        confidence=message.confidence,
        source=message.source,
        xpath=message.xpath,
        grounded=message.grounded,
    )


def _page_text(message: pages_pb2.PageText) -> PageText:
    return PageText(
        width=message.width,
        height=message.height,
        unit=_UNIT.get(message.unit, ""),
        rotation=message.rotation,
        lines=tuple(_line(line) for line in message.lines),
    )


def _quality(message: pages_pb2.PageQuality) -> PageQuality:
    known = frozenset(PageWarning)
    return PageQuality(
        mean_confidence=message.mean_confidence,
        dictionary_share=optional(message, "dictionary_share"),
        skew_degrees=optional(message, "skew_degrees"),
        resolution_dpi=optional(message, "resolution_dpi"),
        sharpness=optional(message, "sharpness"),
        unread_share=optional(message, "unread_share"),
        needs_review=message.needs_review,
        warnings=tuple(PageWarning(name) for name in map(_PAGE_WARNING.get, message.warnings) if name in known),
    )


def _line(message: pages_pb2.Line) -> Line:
    words = tuple(Word(text=w.text, box=_box(w.bbox), confidence=w.confidence) for w in message.words)
    return Line(text=message.text, box=_box(message.bbox), words=words)


def _box(message: pages_pb2.BoundingBox) -> Box:
    return Box(x=message.x, y=message.y, w=message.w, h=message.h)


def fault(owner: Message, field: str) -> Fault | None:
    """The failure in a field, if there is one."""
    if not owner.HasField(field):
        return None
    message: errors_pb2.Fault = getattr(owner, field)
    return Fault(
        reason=_REASON.get(message.reason, ""),
        message=message.message,
        step=message.step,
        details=dict(message.details),
    )


def known(table: Mapping[Any, S], number: Any) -> S:
    """What a table has for a state; `UnsupportedError` for one that is newer than this client."""
    if number not in table:
        raise UnsupportedError("docmill answered with a state this client does not know: upgrade the client")
    return table[number]


def json_object(message: struct_pb2.Struct) -> dict[str, Any]:
    """A JSON object as `json.loads` would give it."""
    # Protobuf keeps no order of names; sorted, the same object always reads the same.
    return {name: value(field) for name, field in sorted(message.fields.items())}


def time(owner: Message, field: str) -> datetime | None:
    """The time in a field, if it is set."""
    if not owner.HasField(field):
        return None
    message: timestamp_pb2.Timestamp = getattr(owner, field)
    return message.ToDatetime(UTC)


def optional(owner: Message | None, field: str) -> Any:
    """The value of a field, or None where it is not set."""
    return getattr(owner, field) if owner is not None and owner.HasField(field) else None
