"""Take a document's bytes in: stream them to the blob store, record them, and have a worker look at them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from docmill.domain import plan as planning
from docmill.domain.errors import InvalidArgument, MediaError, NotFound, Reason
from docmill.domain.models import Caller, Document, Job, JobKind, Priority
from docmill.domain.states import JobState
from docmill.engine import ids
from docmill.engine.context import Context
from docmill.store import Op, documents, jobs

_FILENAME_MAX = 255


async def upload_document(
    ctx: Context, caller: Caller, *, filename: str, declared_type: str, chunks: AsyncIterator[bytes]
) -> Document:
    """The recorded document; its probe follows. Raises MediaError for no bytes or too many."""
    document_id = ids.new("doc")
    blob_key = f"documents/{caller.org_id}/{document_id}"
    meter = _Meter(ctx.options.max_document_bytes)
    await ctx.blobs.put_stream(blob_key, meter.through(chunks))
    document = Document(
        id=document_id,
        org_id=caller.org_id,
        mode=caller.mode,
        filename=filename[:_FILENAME_MAX],
        declared_type=declared_type,
        sha256=meter.digest,
        size=meter.size,
        blob_key=blob_key,
        created_at=ctx.now(),
    )
    try:
        await ctx.store.write(lambda: _record(document))
    except BaseException:
        await asyncio.shield(ctx.blobs.delete(blob_key))  # nothing names these bytes
        raise
    ctx.work.set()
    return document


def _record(document: Document) -> Op[None]:
    yield from documents.insert(document)
    probe = Job(
        id=ids.new("job"),
        kind=JobKind.PROBE,
        org_id=document.org_id,
        run_id="",
        document_id=document.id,
        page=0,
        state=JobState.READY,
        attempt=1,
        ready_at=document.created_at,
        lease_until=None,
        created_at=document.created_at,
    )
    # A probe is quick, and somebody usually waits for it.
    yield from jobs.insert([(probe, planning.weight(Priority.INTERACTIVE, JobKind.PROBE))])


async def get_document(ctx: Context, caller: Caller, document_id: str) -> Document:
    """The caller's document."""
    document = await ctx.store.read(lambda: documents.get(document_id))
    return owned(document, caller, document_id)


def owned(document: Document | None, caller: Caller, document_id: str) -> Document:
    """`document` if it is the caller's; another tenant's does not exist."""
    if document is None or (document.org_id, document.mode) != (caller.org_id, caller.mode):
        raise NotFound(Reason.DOCUMENT_NOT_FOUND, f"There is no document {document_id}", {"field": "document_id"})
    return document


async def one_chunk(content: bytes) -> AsyncIterator[bytes]:
    """Bytes at hand, as a stream."""
    step = 1 << 20
    for start in range(0, len(content), step):
        yield content[start : start + step]


class _Meter:
    """Counts and hashes what flows through, and stops a flood."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise MediaError(
                    Reason.MEDIA_TOO_LARGE,
                    f"The document is larger than {self._limit:,} bytes, the most this installation takes",
                    {"maxBytes": str(self._limit)},
                )
            self._hash.update(chunk)
            yield chunk
        if not self.size:
            raise MediaError(Reason.MEDIA_EMPTY, "The document is empty: it has no bytes", {})


def reject_missing() -> InvalidArgument:
    """The error for a run without a document."""
    return InvalidArgument(
        Reason.DOCUMENT_MISSING, "Document base64 data is required", {"field": "input.document.base64"}
    )
