"""Between the domain's messages and the protobuf payloads of `docmill.internal.v1`."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

import orjson
from google.protobuf.message import DecodeError

from docmill.domain import quality
from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import (
    Beat,
    DocumentFacts,
    Hint,
    HintKind,
    JobMessage,
    JobResult,
    PageFacts,
    ProbeFacts,
    StepFacts,
)
from docmill.domain.models import JobKind, PageSize
from docmill.domain.pages import Unit
from docmill.internal.v1 import jobs_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docmill.domain.messages import Attempt
    from docmill.domain.models import JsonObject

_KINDS = {
    JobKind.PROBE: pb.JOB_KIND_PROBE,
    JobKind.PAGE: pb.JOB_KIND_PAGE,
    JobKind.DOCUMENT: pb.JOB_KIND_DOCUMENT,
    JobKind.RENDER: pb.JOB_KIND_RENDER,
}
_KINDS_BACK = {value: kind for kind, value in _KINDS.items()}
_HINTS = {
    HintKind.RUN_ADVANCED: pb.HINT_KIND_RUN_ADVANCED,
    HintKind.RUN_CANCELLED: pb.HINT_KIND_RUN_CANCELLED,
}
_HINTS_BACK = {value: kind for kind, value in _HINTS.items()}


class Unreadable(ValueError):
    """A payload that this release cannot understand."""


def encode_job(job: JobMessage) -> bytes:
    """The payload of a job. Raises `TypeError` for a `read`, `definition`, ... that is not JSON."""
    message = pb.Job(
        job_id=job.job_id,
        attempt=job.attempt,
        kind=_KINDS[job.kind],
        org_id=job.org_id,
        run_id=job.run_id,
        document_id=job.document_id,
        blob_key=job.blob_key,
        sha256=job.sha256,
        media_type=job.media_type,
        declared_type=job.declared_type,
        filename=job.filename,
        page=job.page,
        read=_to_json(job.read),
        page_keys=job.page_keys,
        definition=_to_json(job.definition),
        output_schema=_to_json(job.output_schema),
        variables=_to_json(job.variables),
        express=job.express,
        calls_llm=job.calls_llm,
        trace=job.trace,
    )
    if job.deadline is not None:
        message.deadline.FromDatetime(job.deadline)
    if job.wanted_at is not None:
        message.wanted_at.FromDatetime(job.wanted_at)
    return message.SerializeToString()


def decode_job(data: bytes) -> JobMessage:
    """The job of a payload. Raises `Unreadable`."""
    try:
        message = pb.Job.FromString(data)
        return JobMessage(
            job_id=message.job_id,
            attempt=message.attempt,
            kind=_KINDS_BACK[message.kind],
            org_id=message.org_id,
            run_id=message.run_id,
            document_id=message.document_id,
            blob_key=message.blob_key,
            sha256=message.sha256,
            media_type=message.media_type,
            declared_type=message.declared_type,
            filename=message.filename,
            page=message.page,
            read=_from_json(message.read),
            page_keys=tuple(message.page_keys),
            definition=_from_json(message.definition),
            output_schema=_from_json(message.output_schema),
            variables=_from_json(message.variables),
            deadline=message.deadline.ToDatetime(tzinfo=UTC) if message.HasField("deadline") else None,
            wanted_at=message.wanted_at.ToDatetime(tzinfo=UTC) if message.HasField("wanted_at") else None,
            express=message.express,
            calls_llm=message.calls_llm,
            trace=dict(message.trace),
        )
    except (DecodeError, KeyError, ValueError) as error:
        raise Unreadable("not a job of this release") from error


def encode_result(result: JobResult) -> bytes:
    """The payload of a result."""
    message = pb.JobResult(
        job_id=result.job_id,
        attempt=result.attempt,
        kind=_KINDS[result.kind],
        org_id=result.org_id,
        run_id=result.run_id,
        document_id=result.document_id,
        page=result.page,
        worker_id=result.worker_id,
        duration_ms=result.duration_ms,
        engine_ms=result.engine_ms,
        express=result.express,
    )
    if result.fault is not None:
        message.fault.CopyFrom(_fault_to(result.fault))
    elif result.probe is not None:
        message.probe.media_type = result.probe.media_type
        message.probe.pages.extend(pb.PageSize(width=p.width, height=p.height, unit=p.unit) for p in result.probe.pages)
    elif result.page_facts is not None:
        facts = result.page_facts
        message.page_facts.CopyFrom(
            pb.PageFacts(
                page_key=facts.page_key,
                engine=facts.engine,
                confidence=facts.confidence,
                words=facts.words,
                cached=facts.cached,
                quality=_to_json(quality.to_json(facts.quality) if facts.quality else {}),
            )
        )
    elif result.document is not None:
        # An explicit CopyFrom sets the field even where every value is its default.
        message.document.CopyFrom(
            pb.DocumentFacts(
                output_key=result.document.output_key,
                steps=[
                    pb.StepFacts(
                        step_id=s.step_id,
                        node_type=s.node_type,
                        duration_ms=s.duration_ms,
                        input_tokens=s.input_tokens,
                        output_tokens=s.output_tokens,
                    )
                    for s in result.document.steps
                ],
            )
        )
    return message.SerializeToString()


def decode_result(data: bytes) -> JobResult:
    """The result of a payload. Raises `Unreadable`."""
    try:
        message = pb.JobResult.FromString(data)
        outcome = message.WhichOneof("outcome")
        return JobResult(
            job_id=message.job_id,
            attempt=message.attempt,
            kind=_KINDS_BACK[message.kind],
            org_id=message.org_id,
            run_id=message.run_id,
            document_id=message.document_id,
            page=message.page,
            worker_id=message.worker_id,
            duration_ms=message.duration_ms,
            engine_ms=message.engine_ms,
            probe=_probe_of(message.probe) if outcome == "probe" else None,
            page_facts=_page_of(message.page_facts) if outcome == "page_facts" else None,
            document=_document_of(message.document) if outcome == "document" else None,
            fault=_fault_of(message.fault) if outcome == "fault" else None,
            express=message.express,
        )
    except (DecodeError, KeyError, ValueError) as error:
        raise Unreadable("not a result of this release") from error


def encode_hint(hint: Hint) -> bytes:
    """The payload of a hint."""
    return pb.Hint(kind=_HINTS[hint.kind], run_id=hint.run_id, sequence=hint.sequence).SerializeToString()


def decode_hint(data: bytes) -> Hint:
    """The hint of a payload. Raises `Unreadable`."""
    try:
        message = pb.Hint.FromString(data)
        return Hint(kind=_HINTS_BACK[message.kind], run_id=message.run_id, sequence=message.sequence)
    except (DecodeError, KeyError) as error:
        raise Unreadable("not a hint of this release") from error


def encode_beat(beat: Beat) -> bytes:
    """The payload of a beat."""
    return pb.Beat(
        worker_id=beat.worker_id, slots=beat.slots, holding=_holdings(beat.holding), llm_slots=beat.llm_slots
    ).SerializeToString()


def decode_beat(data: bytes) -> Beat:
    """The beat of a payload. Raises `Unreadable`."""
    try:
        message = pb.Beat.FromString(data)
    except DecodeError as error:
        raise Unreadable("not a beat of this release") from error
    return Beat(
        worker_id=message.worker_id,
        slots=message.slots,
        holding=_attempts(message.holding),
        llm_slots=message.llm_slots,
    )


def encode_question(attempts: Iterable[Attempt]) -> bytes:
    """The payload of a question about attempts."""
    return pb.WantedQuestion(attempts=_holdings(attempts)).SerializeToString()


def decode_question(data: bytes) -> tuple[Attempt, ...]:
    """The attempts of a question. Raises `Unreadable`."""
    try:
        return _attempts(pb.WantedQuestion.FromString(data).attempts)
    except DecodeError as error:
        raise Unreadable("not a question of this release") from error


def encode_answer(wanted: Iterable[Attempt]) -> bytes:
    """The payload of an answer."""
    return pb.WantedAnswer(wanted=_holdings(wanted)).SerializeToString()


def decode_answer(data: bytes) -> frozenset[Attempt]:
    """The attempts of an answer. Raises `Unreadable`."""
    try:
        return frozenset(_attempts(pb.WantedAnswer.FromString(data).wanted))
    except DecodeError as error:
        raise Unreadable("not an answer of this release") from error


def _holdings(attempts: Iterable[Attempt]) -> list[pb.Holding]:
    return [pb.Holding(job_id=job_id, attempt=attempt) for job_id, attempt in attempts]


def _attempts(holdings: Iterable[pb.Holding]) -> tuple[Attempt, ...]:
    return tuple((held.job_id, held.attempt) for held in holdings)


def _to_json(value: JsonObject) -> bytes:
    return orjson.dumps(value) if value else b""


def _from_json(data: bytes) -> JsonObject:
    value = orjson.loads(data) if data else {}
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a payload's value is wrong, not an argument's type
    return value


def _probe_of(message: pb.ProbeFacts) -> ProbeFacts:
    pages = tuple(PageSize(width=p.width, height=p.height, unit=Unit(p.unit)) for p in message.pages)
    return ProbeFacts(media_type=message.media_type, pages=pages)


def _page_of(message: pb.PageFacts) -> PageFacts:
    return PageFacts(
        page_key=message.page_key,
        engine=message.engine,
        confidence=message.confidence,
        words=message.words,
        cached=message.cached,
        quality=quality.from_json(_from_json(message.quality)) if message.quality else None,
    )


def _document_of(message: pb.DocumentFacts) -> DocumentFacts:
    return DocumentFacts(
        output_key=message.output_key,
        steps=tuple(
            StepFacts(
                step_id=s.step_id,
                node_type=s.node_type,
                duration_ms=s.duration_ms,
                input_tokens=s.input_tokens,
                output_tokens=s.output_tokens,
            )
            for s in message.steps
        ),
    )


def _fault_to(fault: Fault) -> pb.Fault:
    return pb.Fault(
        reason=fault.reason,
        message=fault.message,
        details=fault.details,
        retryable=fault.retryable,
        step=fault.step,
    )


def _fault_of(message: pb.Fault) -> Fault:
    return Fault(
        reason=Reason(message.reason),
        message=message.message,
        details=dict(message.details),
        retryable=message.retryable,
        step=message.step,
    )
