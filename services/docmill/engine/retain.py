"""Batches are kept for a time: then their files, what was read on their pages, their data and their results go.

What stays is the record that there was a batch, of how many files, and how each of them ended. Bytes that somebody else
has a use for, a run of its own or a younger batch, stay too. Stopped halfway, it begins again: the results' key goes last.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from docmill.domain.batches import Batch
from docmill.engine.context import Context
from docmill.store import Op, jobs, retention

log = structlog.get_logger(__name__)

_AT_ONCE = 20


async def forget_old(ctx: Context) -> bool:
    """Forget some batches that are too old; whether there may be more of them."""
    before = ctx.now() - ctx.options.batch_kept
    old = await ctx.store.read(lambda: retention.outdated(before, _AT_ONCE))
    for batch in old:
        await _forget(ctx, batch)
    return len(old) == _AT_ONCE


async def _forget(ctx: Context, batch: Batch) -> None:
    before = ctx.now() - ctx.options.batch_kept
    for key in await ctx.store.read(lambda: _keys(batch, before)):
        await ctx.blobs.delete(key)
    await ctx.blobs.delete(batch.results_key)
    await ctx.store.write(lambda: retention.forget(batch.id))
    log.info("a batch was forgotten", event_key="batch.forgotten", batch=batch.id, files=batch.files_total)


def _keys(batch: Batch, before: datetime) -> Op[list[str]]:
    """What only this batch, and others as old, have a use for."""
    found = []
    for file in (yield from retention.kept_of(batch.id, before)):
        found += [file.output_key] if file.output_key else []
        if not file.bytes_in_use:
            found += [key for key in (yield from jobs.page_keys(file.run_id)) if key]
        if not file.document_in_use:
            found.append(file.blob_key)
    return found
