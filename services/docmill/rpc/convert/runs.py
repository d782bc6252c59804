"""Runs, their events and what comes out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from docmill.domain.messages import StepFacts
from docmill.domain.models import EventKind, JsonObject, Run, RunEvent
from docmill.domain.states import RunState
from docmill.engine import Heartbeat, RunFilter, RunOutput
from docmill.extract import Evidence
from docmill.extract.doubt import doubtful
from docmill.rpc.convert.common import (
    from_timestamp,
    milliseconds,
    to_fault,
    to_reason,
    to_struct,
    to_timestamp,
    to_value,
)
from docmill.rpc.convert.documents import to_box
from docmill.v1 import errors_pb2, runs_pb2

__all__ = ["add_output", "from_filter", "to_event", "to_run", "to_steps", "to_watched"]

_KINDS = {kind: runs_pb2.RunEventKind.Value(f"RUN_EVENT_KIND_{kind.replace('.', '_').upper()}") for kind in EventKind}
"""`page.done` is RUN_EVENT_KIND_PAGE_DONE."""

_INT32 = 2**31 - 1


def to_run(run: Run) -> runs_pb2.Run:
    """A run without its output."""
    ended = run.ended_at
    return runs_pb2.Run(
        id=run.id,
        flow_id=run.flow_id,
        version=run.flow_version,
        document_id=run.document_id,
        status=runs_pb2.RunStatus.Value(f"RUN_STATUS_{run.state}"),
        created_at=to_timestamp(run.created_at),
        started_at=to_timestamp(run.started_at),
        completed_at=to_timestamp(ended),
        cancelled_at=to_timestamp(ended) if run.state is RunState.CANCELLED else None,
        duration=milliseconds(run.created_at, ended) if ended else None,
        progress=to_progress(run),
        error=to_fault(run.fault),
        metrics=to_metrics(run),
        metadata=to_struct(run.metadata) if run.metadata else None,
        labels=run.labels,
        trace_id=run.trace_id,
        batch_id=run.batch_id,
        last_sequence=run.last_sequence,
        queue_position=run.queue_position,
    )


def to_progress(run: Run) -> runs_pb2.RunProgress:
    """How far a run is. 100 is for runs that succeeded: there is work after the last page."""
    percentage = 100 if run.state is RunState.SUCCEEDED else 0
    if run.pages_total and not percentage:
        percentage = min(99, 100 * (run.pages_done + run.pages_failed) // run.pages_total)
    return runs_pb2.RunProgress(
        step=run.step,
        percentage=percentage,
        pages_done=run.pages_done,
        pages_failed=run.pages_failed,
        pages_total=run.pages_total,
    )


def to_metrics(run: Run) -> runs_pb2.RunMetrics | None:
    """What an ended run took."""
    if run.ended_at is None:
        return None
    return runs_pb2.RunMetrics(
        duration_ms=milliseconds(run.created_at, run.ended_at),
        page_count=run.pages_done,
        credits_used=run.credits_used,
        engine_ms=min(run.engine_ms, _INT32),
        tokens_used=run.tokens_used,
        cost=run.cost_micros / 1_000_000,
        steps_run=run.steps_run,
        steps_total=run.steps_total,
    )


def to_steps(steps: Sequence[StepFacts]) -> list[runs_pb2.StepMetrics]:
    """What each step took."""
    return [
        runs_pb2.StepMetrics(step=step.step_id, node_type=step.node_type, duration_ms=min(step.duration_ms, _INT32))
        for step in steps
    ]


def add_output(message: runs_pb2.Run, output: RunOutput, *, as_json: bool, evidence: bool) -> None:
    """Put the output into a run's message, with where its values were read if `evidence`.

    `as_json` puts it there as text: `Value` is a map inside, so it forgets the order of keys, and it is slow.
    """
    if as_json:
        message.output_json = orjson.dumps(output.output).decode()
    else:
        message.output.CopyFrom(to_value(output.output))
    message.warnings.extend(output.warnings)
    if evidence:
        message.evidence.extend(to_evidence(each) for each in output.evidence)
        message.low_confidence.extend(doubtful(output.evidence))


def to_evidence(evidence: Evidence) -> runs_pb2.Evidence:
    """Where a value was read."""
    return runs_pb2.Evidence(
        path=evidence.path,
        page_number=evidence.page,
        bbox=to_box(evidence.box),
        words=evidence.words,
        confidence=evidence.confidence,
        source=evidence.source,
        xpath=evidence.xpath,
        grounded=evidence.grounded,
    )


def from_filter(message: runs_pb2.RunFilter) -> RunFilter:
    """Which runs to list."""
    after, before = message.created_after, message.created_before
    return RunFilter(
        states=frozenset(
            RunState(runs_pb2.RunStatus.Name(status).removeprefix("RUN_STATUS_")) for status in message.statuses
        ),
        flow_id=message.flow_id,
        created_after=from_timestamp(after, "filter.created_after") if message.HasField("created_after") else None,
        created_before=from_timestamp(before, "filter.created_before") if message.HasField("created_before") else None,
        label=message.label,
    )


def to_watched(item: Run | RunEvent | Heartbeat, after: int) -> runs_pb2.WatchRunResponse:
    """One message of a watch that has shown the events up to `after`."""
    if isinstance(item, RunEvent):
        return runs_pb2.WatchRunResponse(sequence=item.sequence, event=to_event(item))
    if isinstance(item, Run):
        return runs_pb2.WatchRunResponse(sequence=after, snapshot=runs_pb2.RunSnapshot(run=to_run(item)))
    return runs_pb2.WatchRunResponse(sequence=after, heartbeat=runs_pb2.Heartbeat())


def to_event(event: RunEvent) -> runs_pb2.RunEvent:
    """An event; facts its payload does not hold are absent."""
    facts = event.payload
    about_page = "page" in facts
    return runs_pb2.RunEvent(
        kind=_KINDS[event.kind],
        at=to_timestamp(event.at),
        page=to_page_facts(facts) if about_page else None,
        pages_done=facts.get("pagesDone"),
        pages_failed=facts.get("pagesFailed"),
        pages_total=facts.get("pagesTotal"),
        step=facts.get("step", ""),
        node_type=facts.get("nodeType", ""),
        duration_ms=None if about_page else facts.get("durationMs"),
        error=_fault(facts) if "reason" in facts else None,
    )


def to_page_facts(facts: JsonObject) -> runs_pb2.PageFacts:
    """What an event says about a page."""
    return runs_pb2.PageFacts(
        page_number=facts["page"],
        attempt=facts.get("attempt", 0),
        engine=facts.get("engine", ""),
        confidence=facts.get("confidence"),
        words=facts.get("words"),
        duration_ms=facts.get("durationMs"),
        retry_in_ms=facts.get("retryInMs"),
        cached=facts.get("cached"),
        needs_review=facts.get("needsReview"),
    )


def _fault(facts: JsonObject) -> errors_pb2.Fault:
    details: dict[str, Any] = facts.get("details", {})
    return errors_pb2.Fault(
        reason=to_reason(facts["reason"]),
        message=facts.get("message", ""),
        step=facts.get("step", ""),
        details={name: str(value) for name, value in details.items()},
    )
