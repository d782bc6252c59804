"""Carrying a run forward: the only place where plans become jobs and runs end.

Operations over the run's locked row; each returns the run as it now stands, or None when somebody was first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from docmill.domain import plan as planning
from docmill.domain.credits import cost
from docmill.domain.errors import Fault
from docmill.domain.messages import JobResult
from docmill.domain.models import Document, EventKind, Job, JobKind, Run
from docmill.domain.states import JobState, RunState
from docmill.engine import billing, ids, quota
from docmill.engine.catalog import Recipe
from docmill.store import Op, deliveries, jobs, runs
from docmill.store.runs import NewEvent


def plan_run(run: Run, recipe: Recipe, document: Document, now: datetime, *, held_pages: int = 1) -> Op[Run | None]:
    """Turn the probed document into PAGE jobs, at once or when the run is let in; or end the run with what is wrong.

    Credits are held for `held_pages`.
    """
    decision = planning.plan(recipe.version, document)
    if isinstance(decision, Fault):
        return (yield from fail_run(run, recipe, decision, now))
    reserved = yield from billing.top_up(run, decision.pages, held_pages, now)
    if isinstance(reserved, Fault):
        return (yield from fail_run(run, recipe, reserved, now))
    if run.admitted_at is not None:
        yield from insert_pages(run, decision.pages, now)
    planned = NewEvent(kind=EventKind.RUN_PLANNED, payload={"pagesTotal": decision.pages})
    to = replace(run, pages_total=decision.pages, credits_reserved=reserved, step=recipe.read_step_id)
    return (yield from runs.change(run, to, [planned], now))


def insert_pages(run: Run, pages: int, now: datetime) -> Op[None]:
    """The PAGE jobs of a run that was let in and is planned."""
    yield from jobs.insert(
        [new_job(JobKind.PAGE, run, run.document_id, now, page=number) for number in range(1, pages + 1)]
    )


def pages_read(run: Run, recipe: Recipe, results: Sequence[JobResult], now: datetime) -> Op[Run | None]:
    """Texts of pages are there: an event for each, and one update of the run for all."""
    to, events = _started(run, now), []
    done, engine_ms = run.pages_done, run.engine_ms
    for result in results:
        facts = result.page_facts
        if facts is None or not (yield from jobs.succeed(result)):
            continue
        done, engine_ms = done + 1, engine_ms + result.engine_ms
        payload = {
            "page": result.page,
            "attempt": result.attempt,
            "engine": facts.engine,
            "confidence": round(facts.confidence, 4),
            "words": facts.words,
            "durationMs": result.duration_ms,
            "cached": facts.cached,
            "needsReview": facts.quality is not None and facts.quality.needs_review,
            **_progress(run),
            "pagesDone": done,
        }
        events.append(NewEvent(kind=EventKind.PAGE_DONE, payload=payload))
    if not events:
        return None
    return (yield from _after_page(run, replace(to, pages_done=done, engine_ms=engine_ms), recipe, events, None, now))


def page_lost(run: Run, recipe: Recipe, job: Job, fault: Fault, now: datetime) -> Op[Run | None]:
    """A page cannot be read; its last attempt failed with `fault`."""
    if not (yield from jobs.fail(job.id, job.attempt, fault)):
        return None
    counted = replace(_started(run, now), pages_failed=run.pages_failed + 1)
    event = NewEvent(
        kind=EventKind.PAGE_FAILED,
        payload={"page": job.page, "attempt": job.attempt, **_of_fault(fault), **_progress(counted)},
    )
    blame = replace(fault, step=recipe.read_step_id, details={**fault.details, "page": str(job.page)})
    return (yield from _after_page(run, counted, recipe, [event], blame, now))


def attempt_retried(run: Run, job: Job, fault: Fault, delay: float, now: datetime) -> Op[Run | None]:
    """An attempt failed; another follows in `delay` seconds."""
    if not (yield from jobs.retry(job, later(now, delay), failed=True)):
        return None
    return (yield from _tell_retried(run, job, fault, delay, now))


def attempt_lapsed(run: Run, job: Job, fault: Fault, now: datetime) -> Op[Run | None]:
    """Nobody answered an attempt; another follows at once."""
    if not (yield from jobs.retry(job, now, failed=False)):
        return None
    return (yield from _tell_retried(run, job, fault, 0.0, now))


def _tell_retried(run: Run, job: Job, fault: Fault, delay: float, now: datetime) -> Op[Run | None]:
    payload: dict[str, Any] = {"attempt": job.attempt, "retryInMs": int(delay * 1000), **_of_fault(fault)}
    if job.kind is JobKind.PAGE:
        payload["page"] = job.page
    event = NewEvent(kind=EventKind.PAGE_RETRIED, payload=payload)
    # A failed DOCUMENT attempt is retried in silence: no page is concerned.
    events = [event] if job.kind is JobKind.PAGE else []
    return (yield from runs.change(run, _started(run, now), events, now))


def document_made(run: Run, recipe: Recipe, result: JobResult, now: datetime) -> Op[Run | None]:
    """Everything after the pages is done: the run has succeeded."""
    facts = result.document
    if facts is None or not (yield from jobs.succeed(result)):
        return None
    steps = [
        NewEvent(
            kind=EventKind.STEP_DONE,
            payload={
                "step": step.step_id,
                "nodeType": step.node_type,
                "durationMs": step.duration_ms,
                **({"tokens": step.tokens} if step.tokens else {}),
            },
        )
        for step in facts.steps
        if step.step_id != recipe.read_step_id
    ]
    # Steps of the flows inside a step (`outer/inner`) are part of that one.
    done = run.steps_run + sum("/" not in event.payload["step"] for event in steps)
    tokens = run.tokens_used + sum(step.tokens for step in facts.steps)
    to = replace(
        run, state=RunState.SUCCEEDED, output_key=facts.output_key, step="", steps_run=done, tokens_used=tokens
    )
    return (yield from _end(run, to, recipe, steps, now))


def fail_run(run: Run, recipe: Recipe, fault: Fault, now: datetime, events: Sequence[NewEvent] = ()) -> Op[Run | None]:
    """End the run with `fault`."""
    return (yield from _end(run, replace(run, state=RunState.FAILED, fault=fault), recipe, events, now))


def cancel_run(run: Run, recipe: Recipe, now: datetime) -> Op[Run | None]:
    """End the run because its owner wants it."""
    return (yield from _end(run, replace(run, state=RunState.CANCELLED), recipe, [], now))


def later(now: datetime, seconds: float) -> datetime:
    """`seconds` after `now`."""
    return now + timedelta(seconds=seconds)


def new_job(
    kind: JobKind, run: Run, document_id: str, now: datetime, *, page: int = 0, calls_llm: bool = False
) -> tuple[Job, int]:
    """A READY job of the run and its dispatch weight."""
    job = Job(
        id=ids.new("job"),
        kind=kind,
        org_id=run.org_id,
        run_id=run.id,
        document_id=document_id,
        page=page,
        state=JobState.READY,
        attempt=1,
        ready_at=now,
        lease_until=None,
        created_at=now,
    )
    return job, planning.weight(run.priority, kind, calls_llm=calls_llm)


def _after_page(
    run: Run, to: Run, recipe: Recipe, events: list[NewEvent], fault: Fault | None, now: datetime
) -> Op[Run | None]:
    match planning.after_page(to, recipe.on_page_failure):
        case planning.Step.FAIL:
            return (yield from _end(run, replace(to, state=RunState.FAILED, fault=fault), recipe, events, now))
        case planning.Step.ASSEMBLE:
            document = new_job(JobKind.DOCUMENT, run, run.document_id, now, calls_llm=recipe.calls_llm)
            yield from jobs.insert([document])
            step = recipe.first_document_step_id
            events = [*events, *_next_step(recipe, step)]
            read = run.steps_run + (recipe.definition.parse_step is not None)
            return (yield from runs.change(run, replace(to, step=step, steps_run=read), events, now))
        case planning.Step.WAIT:
            return (yield from runs.change(run, to, events, now))


def _next_step(recipe: Recipe, step: str) -> list[NewEvent]:
    """The pages are read; `step` follows, unless reading was the last one."""
    read = NewEvent(kind=EventKind.STEP_DONE, payload={"step": recipe.read_step_id, "nodeType": "parse"})
    started = NewEvent(kind=EventKind.STEP_STARTED, payload={"step": step})
    return [read] if step == recipe.read_step_id else [read, started]


def _end(run: Run, to: Run, recipe: Recipe, events: Sequence[NewEvent], now: datetime) -> Op[Run | None]:
    """Write the terminal state, the last event and the bill, and take the open jobs off the list."""
    # A run that the release before accepted does not know its number of steps.
    ended = replace(to, ended_at=now, credits_used=cost(to), steps_total=recipe.steps_total)
    last = NewEvent(kind=_TERMINAL[to.state], payload={**_of_fault(to.fault), **_progress(to)})
    written = yield from runs.change(run, ended, [*events, last], now)
    if written is None:
        return None
    yield from jobs.cancel_open(run.id)
    yield from deliveries.announce(ids.new("dlv"), written, now)
    yield from quota.settle(written)
    yield from billing.settle(written, now)  # last: see store/ledger
    return written


def _started(run: Run, now: datetime) -> Run:
    return run if run.started_at else replace(run, state=RunState.RUNNING, started_at=now)


def _progress(run: Run) -> dict[str, Any]:
    if run.pages_total is None:
        return {}
    return {"pagesDone": run.pages_done, "pagesFailed": run.pages_failed, "pagesTotal": run.pages_total}


def _of_fault(fault: Fault | None) -> dict[str, Any]:
    if fault is None:
        return {}
    facts: dict[str, Any] = {"reason": fault.reason.value, "message": fault.message, "details": dict(fault.details)}
    return facts | ({"step": fault.step} if fault.step else {})


_TERMINAL = {
    RunState.SUCCEEDED: EventKind.RUN_SUCCEEDED,
    RunState.FAILED: EventKind.RUN_FAILED,
    RunState.CANCELLED: EventKind.RUN_CANCELLED,
}
