"""Batches as their owners meet them: made, looked at, listed, cancelled. How they proceed: `engine/follow.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from docmill.blobs import BlobNotFound
from docmill.domain.batches import Batch, BatchEventKind, progress
from docmill.domain.errors import FailedPrecondition, NotFound, Reason
from docmill.domain.models import Caller, Run
from docmill.domain.states import BatchState
from docmill.engine import advance, batch_events, cancel, collect, links, page_tokens
from docmill.engine.collect import Collected
from docmill.engine.context import Context
from docmill.engine.requests import BatchView, Listing
from docmill.store import Op, batches, runs
from docmill.store.batches import BatchQuery

__all__ = [
    "batch_results",
    "cancel_batch",
    "download_results",
    "get_batch",
    "list_batches",
    "owned",
    "seen",
    "view",
    "with_token",
]


async def get_batch(ctx: Context, caller: Caller, batch_id: str) -> BatchView:
    """The caller's batch with its files, and a fresh token for its results."""
    return with_token(ctx, await ctx.store.read(lambda: view(ctx, caller, batch_id)))


def with_token(ctx: Context, view: BatchView) -> BatchView:
    """The batch with a fresh token for its results, once there are any."""
    return replace(view, results_token=links.results_token(ctx, view.batch))


def view(ctx: Context, caller: Caller, batch_id: str) -> Op[BatchView]:
    """The caller's batch with its files, all of one moment."""
    return (yield from seen(ctx, owned((yield from batches.get(batch_id)), caller, batch_id)))


def seen(ctx: Context, batch: Batch) -> Op[BatchView]:
    """The batch with its files."""
    files = (yield from batches.files(batch.id))[batch.id]
    return BatchView(batch=batch, progress=progress(batch, files, ctx.now()), files=files)


def owned(batch: Batch | None, caller: Caller, batch_id: str) -> Batch:
    """`batch` if it is the caller's; another tenant's does not exist."""
    if batch is None or (batch.org_id, batch.mode) != (caller.org_id, caller.mode):
        message = f"This key has no batch {batch_id}: batches are shown to keys of their own organization and mode, test or live"
        raise NotFound(Reason.BATCH_NOT_FOUND, message, {"field": "batch_id"})
    return batch


async def list_batches(
    ctx: Context, caller: Caller, states: frozenset[BatchState], *, limit: int, page_token: str
) -> Listing[BatchView]:
    """Batches that match, newest first."""
    query = BatchQuery(
        org_id=caller.org_id,
        mode=caller.mode,
        states=states,
        before=page_tokens.decode_position(page_token) if page_token else None,
    )

    def op() -> Op[tuple[Sequence[BatchView], bool, int]]:
        found = yield from batches.find(query, limit + 1)
        shown = found[:limit]
        files = yield from batches.files(*(batch.id for batch in shown))
        now = ctx.now()
        views = [
            BatchView(batch=batch, progress=progress(batch, files[batch.id], now), files=files[batch.id])
            for batch in shown
        ]
        return views, len(found) > limit, (yield from batches.count(query))

    views, more, total = await ctx.store.read(op)
    token = page_tokens.encode_position(views[-1].batch.created_at, views[-1].batch.id) if more else ""
    return Listing(items=views, total=total, next_page_token=token)


async def cancel_batch(ctx: Context, caller: Caller, batch_id: str) -> BatchView:
    """The batch, whose open files are cancelled; it completes in a moment. FailedPrecondition when it has ended."""
    shown, cancelled, told = await ctx.store.write(lambda: _cancel(ctx, caller, batch_id))
    for run in cancelled:
        await cancel.stop_work(ctx, run)
    await collect.tell(ctx, told)
    ctx.agenda.note(batch_id)
    ctx.notifier.notify(batch_id)
    return shown


def _cancel(ctx: Context, caller: Caller, batch_id: str) -> Op[tuple[BatchView, Sequence[Run], Collected]]:
    """The batch, the runs that were cancelled, and those that are let in because of it."""
    batch = owned((yield from batches.get(batch_id, lock=True)), caller, batch_id)
    if batch.state.is_terminal:
        raise FailedPrecondition(
            Reason.BATCH_NOT_CANCELLABLE, f"Batch {batch_id} has ended; it cannot be cancelled", {"field": "batch_id"}
        )
    files = (yield from batches.files(batch_id))[batch_id]
    found = []  # all are locked before any of them moves credits: see store/ledger
    for run_id in sorted(file.run_id for file in files):
        run = yield from runs.get(run_id, lock=True)
        assert run is not None
        found.append(run)
    now = ctx.now()
    cancelled = []
    for run in found:
        if not run.state.is_terminal:
            recipe = yield from ctx.catalog.recipe(run.org_id, run.flow_id, run.flow_version)
            assert recipe is not None
            ended = yield from advance.cancel_run(run, recipe, now)
            assert ended is not None  # its row is locked
            cancelled.append(ended)
    if batch.cancelled_at is None:
        to = replace(batch, cancelled_at=now)
        event = batch_events.about(BatchEventKind.BATCH_CANCELLED, batch, files, now)
        changed = yield from batches.change(batch, to, [event], [], now)
        assert changed is not None
        batch = changed
    shown = yield from seen(ctx, batch)
    told = yield from collect.with_admitted(ctx, *cancelled)
    return shown, cancelled, replace(told, runs=told.runs[len(cancelled) :])


async def batch_results(ctx: Context, caller: Caller, batch_id: str) -> AsyncIterator[bytes]:
    """The results file of the caller's batch, in pieces. FailedPrecondition as long as the batch is not COMPLETED."""
    batch = owned(await ctx.store.read(lambda: batches.get(batch_id)), caller, batch_id)
    if not batch.state.is_terminal:
        raise FailedPrecondition(
            Reason.BATCH_NOT_COMPLETED, f"Batch {batch_id} has not ended: it has no results yet", {"field": "batch_id"}
        )
    async for chunk in _kept(ctx, batch):
        yield chunk


async def download_results(ctx: Context, token: str) -> AsyncIterator[tuple[str, bytes]]:
    """The results file that a token is for, in pieces, each with the batch's id. See `links.batch_of` for errors."""
    batch_id = links.batch_of(ctx, token)
    batch = await ctx.store.read(lambda: batches.get(batch_id))
    if batch is None:
        raise NotFound(Reason.BATCH_NOT_FOUND, f"There is no batch {batch_id}")
    async for chunk in _kept(ctx, batch):
        yield batch_id, chunk


async def _kept(ctx: Context, batch: Batch) -> AsyncIterator[bytes]:
    gone = NotFound(
        Reason.BATCH_NOT_FOUND, f"The results of batch {batch.id} are no longer kept", {"field": "batch_id"}
    )
    if not batch.results_key:
        raise gone
    try:
        async for chunk in ctx.blobs.get_stream(batch.results_key):
            yield chunk
    except BlobNotFound:
        raise gone from None
