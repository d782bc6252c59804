"""The picture of a page: made by a worker when somebody first wants it, kept, and given in pieces.

The job belongs to the document, not to the run: it changes nothing about the run, and works as well after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from docmill.blobs import BlobNotFound
from docmill.domain import pictures
from docmill.domain import plan as planning
from docmill.domain.errors import (
    DeadlineExceeded,
    DocmillError,
    Fault,
    InternalError,
    MediaError,
    NotFound,
    Reason,
    Unavailable,
    WorkFailed,
)
from docmill.domain.models import Caller, Document, Job, JobKind, Priority
from docmill.domain.states import JobState
from docmill.engine import ids, reads
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.store import documents
from docmill.store import pictures as record

_CHUNK = 64 * 1024  # bytes


async def page_image(ctx: Context, caller: Caller, run_id: str, number: int, max_side: int = 0) -> AsyncIterator[bytes]:
    """The PNG of page `number` (from 1), its longest side at most `max_side` pixels (0: 2000), in pieces.

    Raises NotFound for a page that the run does not have, DeadlineExceeded when no worker made the picture in time (it
    goes on: ask again), and what a worker found wrong with the page.
    """
    document = await _document(ctx, caller, run_id, number)
    side = pictures.step_down(max_side or pictures.DEFAULT_SIDE)
    key = pictures.key_of(document.org_id, document.sha256, number, side)
    if not await _is_kept(ctx, key):
        await _have_it_made(ctx, document, number, key)
    async for chunk in ctx.blobs.get_stream(key):
        for start in range(0, len(chunk), _CHUNK):
            yield chunk[start : start + _CHUNK]


async def _document(ctx: Context, caller: Caller, run_id: str, number: int) -> Document:
    """The document of the caller's run, if it has the page."""
    run = await reads.get_run(ctx, caller, run_id)
    if not 1 <= number <= (run.pages_total or 0):
        raise NotFound(Reason.PAGE_NOT_FOUND, f"Run {run_id} has no page {number}", {"field": "page_number"})
    document = await ctx.store.read(lambda: documents.get(run.document_id))
    if document is None:
        raise NotFound(Reason.DOCUMENT_NOT_FOUND, f"The document of run {run_id} is gone", {"field": "run_id"})
    return document


async def _is_kept(ctx: Context, key: str) -> bool:
    try:
        await ctx.blobs.size(key)
    except BlobNotFound:
        return False
    return True


async def _have_it_made(ctx: Context, document: Document, number: int, key: str) -> None:
    """Return once the picture is there. Pictures of one page are made one after the other, whatever their sizes."""
    deadline = asyncio.get_running_loop().time() + ctx.options.picture_wait.total_seconds()
    while True:
        job = _new_job(ctx, document, number)
        weight = planning.weight(Priority.INTERACTIVE, JobKind.RENDER)  # somebody waits
        job_id, its_key = await ctx.store.write(lambda: record.want(job, weight, key))  # noqa: B023 - awaited at once
        ctx.work.set()
        fault = await _end_of(ctx, job_id, deadline)
        if await _is_kept(ctx, key):
            return
        if its_key == key:
            raise _error_of(fault)


async def _end_of(ctx: Context, job_id: str, deadline: float) -> Fault | None:
    """Why the job failed, once it has ended; None if it did not fail, or made room for another one."""
    now, poll = asyncio.get_running_loop().time, ctx.options.poll.total_seconds()
    with ctx.notifier.listen(job_id) as news:  # before the first look, so that nothing falls between
        while True:
            found = await ctx.store.read(lambda: record.outcome(job_id))
            if found is None:
                return None
            state, fault = found
            if state.is_terminal:
                return fault if state is JobState.FAILED else None
            if now() >= deadline:
                raise DeadlineExceeded(Reason.DEADLINE, "No worker has made the picture of the page yet; ask again")
            await wait(news, min(poll, deadline - now()))


def _new_job(ctx: Context, document: Document, number: int) -> Job:
    now = ctx.now()
    return Job(
        id=ids.new("job"),
        kind=JobKind.RENDER,
        org_id=document.org_id,
        run_id="",
        document_id=document.id,
        page=number,
        state=JobState.READY,
        attempt=1,
        ready_at=now,
        created_at=now,
    )


def _error_of(fault: Fault | None) -> DocmillError:
    """What the caller meets where the job met `fault`."""
    if fault is None or fault.reason is Reason.INTERNAL:
        return InternalError()
    kind: type[DocmillError] = WorkFailed
    if fault.reason.startswith("MEDIA_"):
        kind = MediaError
    elif fault.reason.endswith("_NOT_FOUND"):
        kind = NotFound
    elif fault.reason is Reason.OVERLOADED:
        kind = Unavailable
    return kind(fault.reason, fault.message, fault.details)
