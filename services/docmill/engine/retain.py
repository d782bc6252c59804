"""Batches are kept for a time: then their files, texts and pictures of their pages, their data and their results go.

What stays is the record that there was a batch, of how many files, and how each of them ended. Bytes that somebody else
has a use for, a run of its own or a younger batch, stay too. Stopped halfway, it begins again: the results' key goes last.
"""

from __future__ import annotations

import structlog

from docmill.domain import pictures
from docmill.domain.batches import Batch
from docmill.engine.context import Context
from docmill.store import retention
from docmill.store.retention import Kept

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
    for file in await ctx.store.read(lambda: retention.kept_of(batch.id, before)):
        await _forget_file(ctx, file)
    await ctx.blobs.delete(batch.results_key)
    await ctx.store.write(lambda: retention.forget(batch.id))
    log.info("a batch was forgotten", event_key="batch.forgotten", batch=batch.id, files=batch.files_total)


async def _forget_file(ctx: Context, file: Kept) -> None:
    """Delete what only this batch, and others as old, have a use for."""
    if file.output_key:
        await ctx.blobs.delete(file.output_key)
    if not file.bytes_in_use:
        await ctx.blobs.delete_under(pictures.folder_of(file.org_id, file.sha256))
    if not file.document_in_use:
        await ctx.blobs.delete(file.blob_key)
