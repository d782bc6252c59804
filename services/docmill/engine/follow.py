"""Carrying batches forward: what their runs did becomes their events, and when the last run ends, they complete.

Runs end in transactions of their own that know nothing of batches; here the batch's row is locked and its runs are
read. Nothing is counted twice because each file is marked with its event, and nothing is lost because every second
batches that are behind are looked for. The results file is written before the transaction that completes the batch: a
crash in between leaves a file that the next attempt writes again, under the same key and with the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import structlog

from docmill.domain.batches import (
    CANCELLED,
    FILE_EVENT_OF,
    Batch,
    BatchEventKind,
    BatchFile,
)
from docmill.domain.messages import Hint, HintKind
from docmill.domain.states import BatchState, RunState
from docmill.engine import batch_events, ids, reads
from docmill.engine.context import Context
from docmill.engine.notify import wait
from docmill.extract.doubt import doubtful
from docmill.store import Op, batches, deliveries

log = structlog.get_logger(__name__)

_AT_ONCE = 200
_PAUSE = 0.2
"""Seconds between looks: what ends meanwhile is recorded together."""
_FEW = 4
"""Files that are left when nothing waits for company any more: somebody waits for the batch."""
_READS = 8
"""Outputs read at the same time for a results file."""


async def run(ctx: Context) -> None:
    """Follow the open batches, for ever."""
    clock = asyncio.get_running_loop().time
    every = ctx.options.sweep.total_seconds()
    looked = clock() - every
    while True:
        await wait(ctx.agenda.news, max(0.0, looked + every - clock()))
        try:
            noted = ctx.agenda.take()
            if clock() - looked >= every:
                looked = clock()
                noted += await ctx.store.read(lambda: batches.behind(_AT_ONCE))
            nearly_done = [await _follow_safely(ctx, batch_id) for batch_id in dict.fromkeys(noted)]
            pause = 0.0 if all(nearly_done) else _PAUSE
        except OSError as error:  # the record or the blobs are away
            log.warning("batches are waiting", event_key="follow.waiting", error=str(error))
            pause = _PAUSE
        await asyncio.sleep(pause)


async def _follow_safely(ctx: Context, batch_id: str) -> bool:
    """As `follow`; a batch that cannot be carried forward must not keep the others, or the other loops, from working."""
    try:
        return await follow(ctx, batch_id)
    except OSError:
        raise
    except Exception:
        log.exception("a batch could not be carried forward", event_key="follow.failed", batch=batch_id)
        return False


async def follow(ctx: Context, batch_id: str) -> bool:
    """Record what the runs of a batch did, and complete it if that was all. Whether it moved and is nearly done."""
    if not await ctx.store.read(lambda: batches.is_behind(batch_id)):
        return False
    batch = await ctx.store.write(lambda: _record(ctx, batch_id))
    if batch is None:
        return False
    await _tell(ctx, batch)
    if batch.state is BatchState.PROCESSING and batch.files_done == batch.files_total:
        await complete(ctx, batch)
    return batch.files_total - batch.files_done <= _FEW


def _record(ctx: Context, batch_id: str) -> Op[Batch | None]:
    """The batch with what its runs did; None if it is not there, or has completed."""
    batch = yield from batches.get(batch_id, lock=True)
    if batch is None or batch.state.is_terminal:
        return None
    files = (yield from batches.files(batch_id))[batch_id]
    now, to = ctx.now(), batch
    events = []
    if _has_begun(batch, files):
        began = min((file.started_at for file in files if file.started_at), default=now)
        to = replace(to, state=BatchState.PROCESSING, started_at=began)
        events.append(batch_events.about(BatchEventKind.BATCH_STARTED, batch, files, now))
    ended = _ended(files)
    counted = list(files)
    for file in ended:
        failed = to.files_failed + (file.state is not RunState.SUCCEEDED)
        to = replace(to, files_done=to.files_done + 1, files_failed=failed)
        counted[file.index] = replace(file, counted=True)
        events.append(batch_events.about(FILE_EVENT_OF[file.state], to, counted, now, file))
    if not events:
        return batch
    return (yield from batches.change(batch, to, events, [file.index for file in ended], now))


def _has_begun(batch: Batch, files: Sequence[BatchFile]) -> bool:
    return batch.state is BatchState.QUEUED and any(file.state is not RunState.QUEUED for file in files)


def _ended(files: Sequence[BatchFile]) -> list[BatchFile]:
    """Files whose end is yet to be recorded."""
    return [file for file in files if file.state.is_terminal and not file.counted]


async def complete(ctx: Context, batch: Batch) -> None:
    """Write the results of a batch whose files have all ended; then, in one step, say that they are there."""
    key = await write_results(ctx, batch)
    completed = await ctx.store.write(lambda: _complete(ctx, batch.id, key))
    if completed is not None:
        log.info("a batch completed", event_key="batch.completed", batch=batch.id, files=batch.files_total)
        ctx.mail.set()
        await _tell(ctx, completed)
        ctx.notifier.notify(end_of(batch.id))


async def write_results(ctx: Context, batch: Batch) -> str:
    """The key of the results file, which is there now. Whoever writes it again writes the same bytes."""
    key = f"batches/{batch.org_id}/{batch.id}/results.json"
    files = (await ctx.store.read(lambda: batches.files(batch.id)))[batch.id]
    await ctx.blobs.put_stream(key, _results(ctx, files))
    return key


async def _results(ctx: Context, files: Sequence[BatchFile]) -> AsyncIterator[bytes]:
    """The results file, a few files of the batch at a time: all of their data together may be large."""
    opening = b"["
    for start in range(0, len(files), _READS):
        for entry in await asyncio.gather(*(_result(ctx, file) for file in files[start : start + _READS])):
            yield opening + entry
            opening = b",\n"
    yield b"]\n"


async def _result(ctx: Context, file: BatchFile) -> bytes:
    entry: dict[str, Any] = {
        "index": file.index,
        "fileName": file.filename,
        "mediaType": file.media_type,
        "documentId": file.document_id,
        "runId": file.run_id,
        "status": file.state.value.lower(),
        "pages": file.pages_done,
        "tokensUsed": file.tokens_used,
    }
    if file.state is RunState.SUCCEEDED:
        output = await reads.output_at(ctx, file.output_key)
        entry |= {"data": output.output, "warnings": list(output.warnings), "lowConfidence": doubtful(output.evidence)}
    else:
        fault = file.fault or CANCELLED
        entry["error"] = {"code": fault.reason.value, "message": fault.message, "details": dict(fault.details)}
    return await asyncio.to_thread(orjson.dumps, entry)


def _complete(ctx: Context, batch_id: str, key: str) -> Op[Batch | None]:
    """PROCESSING -> COMPLETED with the results, the last event and word to be sent; None if somebody was first."""
    batch = yield from batches.get(batch_id, lock=True)
    if batch is None or batch.state is not BatchState.PROCESSING or batch.files_done < batch.files_total:
        return None
    files = (yield from batches.files(batch_id))[batch_id]
    now = ctx.now()
    to = replace(batch, state=BatchState.COMPLETED, completed_at=now, results_key=key)
    last = batch_events.about(BatchEventKind.BATCH_COMPLETED, to, files, now)
    completed = yield from batches.change(batch, to, [last], [], now)
    assert completed is not None  # its row is locked
    yield from deliveries.announce_batch(ids.new("dlv"), completed, now)
    return completed


def end_of(batch_id: str) -> str:
    """The topic of a batch's completion: who watches paces the rest of its news."""
    return f"{batch_id}/end"


async def _tell(ctx: Context, batch: Batch) -> None:
    ctx.notifier.notify(batch.id)
    await ctx.bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id=batch.id, sequence=batch.last_sequence))
