"""Jobs from the record to the bus: the only publisher. A crash between commit and publish is a delay, never a loss.

A claim's lease is short, so that jobs which are never published are soon up again. Once the bus has them, the next
claim's transaction gives them the long lease: it follows within a second, and there is no commit more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from docmill.bus import BusUnavailable, Publication
from docmill.domain import pictures
from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import JobKind
from docmill.engine import collect, turns
from docmill.engine.catalog import Recipe
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.engine.turns import Dealt, Seat
from docmill.store import Op, StoreUnavailable, claims, jobs

log = structlog.get_logger(__name__)

_IDLE = 1.0  # seconds until the next look without a wake-up
_PAUSE = 0.5  # seconds after the bus or the store was away


async def run(ctx: Context) -> None:
    """Publish what is due, for ever."""
    while True:
        try:
            idle = await dispatch_once(ctx)
        except (BusUnavailable, StoreUnavailable) as error:
            log.warning("dispatch is waiting", event_key="dispatch.waiting", error=str(error))
            await wait(ctx.work, _PAUSE)
            continue
        if idle:
            await wait(ctx.work, idle)


async def dispatch_once(ctx: Context) -> float:
    """Claim and publish one batch; seconds until the next look, 0 if there may be more to publish now."""
    ctx.work.clear()  # before the look: a job that becomes ready from now on sets it again
    now = ctx.now()
    # A crash of the machine may undo a claim: what is published then is READY, as after every start.
    messages, dealt, due = await ctx.store.write(lambda: _claim_and_look_ahead(ctx, now), durable=False)
    ctx.afloat.clear()
    ctx.workers.in_hand = dealt.in_hand
    if messages:
        await _publish(ctx, messages, now)
        if dealt.more:
            return 0.0
    return _IDLE if due is None else max(0.001, min(_IDLE, (due - ctx.now()).total_seconds()))


async def _publish(ctx: Context, messages: Sequence[JobMessage], claimed_at: datetime) -> None:
    try:
        publications = await ctx.bus.publish_jobs(messages)
    except BusUnavailable:
        await _give_back(ctx, messages)
        raise
    by_word: defaultdict[Publication, list[JobMessage]] = defaultdict(list)
    for message, word in zip(messages, publications, strict=True):
        by_word[word].append(message)
    for message in by_word[Publication.TOO_LARGE]:
        await collect.collect(ctx, _too_large(message))
    refused = by_word[Publication.REFUSED]
    if refused:
        await _give_back(ctx, refused)
    ctx.afloat.append(claimed_at + ctx.options.publishing)  # not before: what was not given back must not be among them
    if refused:
        raise BusUnavailable(f"the bus did not take {len(refused)} jobs")
    ctx.turns.served(message.org_id for message in messages)


def _too_large(message: JobMessage) -> JobResult:
    """The result of a job that no worker will ever get: publishing it again cannot help."""
    return JobResult(
        job_id=message.job_id,
        attempt=message.attempt,
        kind=message.kind,
        org_id=message.org_id,
        run_id=message.run_id,
        document_id=message.document_id,
        page=message.page,
        fault=Fault(
            reason=Reason.MEDIA_TOO_LARGE,
            message="The flow's definition, the variables and the list of pages are more than the bus carries in one "
            "message; split the document, or let the operator raise the bus's max_payload",
        ),
    )


async def _give_back(ctx: Context, messages: Sequence[JobMessage]) -> None:
    await ctx.store.write(lambda: jobs.unclaim([(message.job_id, message.attempt) for message in messages]))


def _claim_and_look_ahead(ctx: Context, now: datetime) -> Op[tuple[list[JobMessage], Dealt, datetime | None]]:
    """What is to be published now, what is known of the claim, and when the next delayed job is due."""
    messages, dealt = yield from claim(ctx, now)
    return messages, dealt, (yield from claims.next_due(now))


def claim(ctx: Context, now: datetime) -> Op[tuple[list[JobMessage], Dealt]]:
    """Lease what is due, in fair order as far as there is room, and put together what workers need to know."""
    for short in ctx.afloat:
        yield from claims.afloat(short, now + ctx.options.lease)
    workers = ctx.workers
    llm_window = workers.llm_window if ctx.options.llm_models else None
    dealt = yield from turns.claim(ctx.turns, now, now + ctx.options.publishing, workers.window, llm_window)
    messages = []
    for seat in dealt.seats:
        job, recipe = seat.job, None
        if job.run_id:
            recipe = yield from ctx.catalog.recipe(job.org_id, job.flow_id, job.flow_version)
        page_keys = (yield from jobs.page_keys(job.run_id)) if job.kind is JobKind.DOCUMENT else ()
        messages.append(_picture(seat, now) if job.kind is JobKind.RENDER else _message(seat, recipe, page_keys, now))
    return messages, dealt


def _picture(seat: Seat, now: datetime) -> JobMessage:
    """A RENDER job: as a page that nobody reads, with where the picture goes and how large it may be."""
    key = seat.job.page_key
    return replace(_message(seat, None, (key,), now), read={"max_side": pictures.side_of(key)})


def _message(seat: Seat, recipe: Recipe | None, page_keys: Sequence[str], now: datetime) -> JobMessage:
    job = seat.job
    document_job = job.kind is JobKind.DOCUMENT and recipe is not None
    return JobMessage(
        job_id=job.job_id,
        attempt=job.attempt,
        kind=job.kind,
        org_id=job.org_id,
        run_id=job.run_id,
        document_id=job.document_id,
        blob_key=job.blob_key,
        sha256=job.sha256,
        media_type=job.media_type,
        declared_type=job.declared_type,
        filename=job.filename,
        page=job.page,
        read=recipe.read_options if recipe and job.kind is JobKind.PAGE else {},
        page_keys=page_keys,
        definition=recipe.document if recipe and document_job else {},
        output_schema=recipe.version.output_schema if recipe and document_job else {},
        variables=job.variables if document_job else {},
        deadline=job.deadline,
        wanted_at=now,
        express=seat.express,
        calls_llm=seat.calls_llm,
        trace={"traceparent": f"00-{job.trace_id}-{job.trace_id[:16]}-01"} if job.trace_id else {},
    )
