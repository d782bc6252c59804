"""What is kept for a time only: documents that no run is over, batches, and idempotency keys."""

from __future__ import annotations

import asyncio

import structlog

from docmill.engine import delete, idempotency, retain
from docmill.engine.context import Context
from docmill.store import documents
from docmill.store import idempotency as keys

log = structlog.get_logger(__name__)

_BATCH = 200


async def run(ctx: Context) -> None:
    """Look now and then, for ever."""
    while True:
        try:
            while await expire_once(ctx):
                pass
        except OSError as error:  # the record or the blobs are away
            log.warning("old things stay for now", event_key="expire.waiting", error=str(error))
        await asyncio.sleep(ctx.options.expire.total_seconds())


async def expire_once(ctx: Context) -> bool:
    """Delete one batch of what is too old; whether there may be more to delete now."""
    before = ctx.now() - ctx.options.unused_document_kept
    old = await ctx.store.read(lambda: documents.unused(before, _BATCH))
    erased = [await _erased(ctx, document_id, blob_key) for document_id, blob_key in old]
    forgotten = await ctx.store.write(lambda: keys.forget(ctx.now() - idempotency.WINDOW, _BATCH))
    more = await retain.forget_old(ctx)
    return (len(old) == _BATCH and all(erased)) or forgotten == _BATCH or more


async def _erased(ctx: Context, document_id: str, blob_key: str) -> bool:
    """Whether the document needs no further look: one whose bytes cannot be deleted does not keep the others here."""
    if await ctx.store.write(lambda: documents.withdraw(document_id)):
        try:
            await delete.erase(ctx, document_id, blob_key)
        except OSError as error:
            log.warning("a document stays for now", event_key="expire.later", document=document_id, error=str(error))
            return False
    return True
