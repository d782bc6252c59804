"""Delete a document that no run is over: first it is withdrawn, so that no run can have it, then its bytes go, then its row.

Whatever stops halfway is withdrawn still, and finished by `expire`.
"""

from __future__ import annotations

import asyncio

import structlog

from docmill.domain.errors import FailedPrecondition, Reason
from docmill.domain.models import Caller, Document
from docmill.engine import upload
from docmill.engine.context import Context
from docmill.store import Op, documents

log = structlog.get_logger(__name__)


async def delete_document(ctx: Context, caller: Caller, document_id: str) -> None:
    """Delete the caller's document. FailedPrecondition when a run is over it, also one that has ended."""
    document = await ctx.store.write(lambda: _withdraw(caller, document_id))
    await erase(ctx, document.id, document.blob_key)


def _withdraw(caller: Caller, document_id: str) -> Op[Document]:
    document = upload.owned((yield from documents.get(document_id)), caller, document_id)
    if (yield from documents.withdraw(document_id)):
        return document
    if (yield from documents.get(document_id)) is None:  # somebody was first
        raise upload.absent(document_id)
    message = f"A run uses document {document_id}, so it cannot be deleted"
    raise FailedPrecondition(Reason.DOCUMENT_IN_USE, message, {"field": "document_id"})


async def erase(ctx: Context, document_id: str, blob_key: str) -> None:
    """Take away the bytes and the row of a withdrawn document; doing it twice does no harm."""
    await ctx.blobs.delete(blob_key)
    await ctx.store.write(lambda: documents.remove(document_id))


async def discard(ctx: Context, document: Document) -> None:
    """Delete a document that came with a request and got no run. Best effort, also for a caller that has gone."""
    await asyncio.shield(_discard(ctx, document))


async def _discard(ctx: Context, document: Document) -> None:
    try:
        if await ctx.store.write(lambda: documents.withdraw(document.id)):
            await erase(ctx, document.id, document.blob_key)
    except OSError as error:  # the record or the blobs are away: a day later it is deleted as unused
        log.warning("a document stays for now", event_key="delete.later", document=document.id, error=str(error))
