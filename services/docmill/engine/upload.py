"""Take a document's bytes in: stream them to the blob store, record them, and have a worker look at them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from docmill.domain import plan as planning
from docmill.domain.errors import InvalidArgument, MediaError, NotFound, Reason
from docmill.domain.models import Caller, Document, Job, JobKind, Priority
from docmill.domain.states import JobState
from docmill.engine import flows, ids
from docmill.engine.context import Context
from docmill.store import Op, documents, jobs

_FILENAME_MAX = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimit:
    """The most bytes a document may have, and what to say to one that has more."""

    size: int
    what: str
    """Whose limit it is, for a sentence."""
    max_mb: str


async def limit_of(ctx: Context, caller: Caller, flow_id: str, version: str) -> SizeLimit:
    """The limit of the installation, or of a flow that has a lower one. NotFound for a flow that is not there."""
    most = ctx.options.max_document_bytes
    ours = SizeLimit(size=most, what="this installation takes", max_mb=f"{most / (1 << 20):g}")
    if not flow_id:
        return ours
    recipe = await flows.get_recipe(ctx, caller, flow_id, version)
    limits = recipe.version.limits
    theirs = SizeLimit(size=limits.max_file_size, what=f"flow {flow_id} takes", max_mb=str(limits.max_file_size_mb))
    return min(theirs, ours, key=lambda limit: limit.size)


async def upload_document(
    ctx: Context,
    caller: Caller,
    *,
    filename: str,
    declared_type: str,
    chunks: AsyncIterator[bytes],
    limit: SizeLimit,
) -> Document:
    """The recorded document; its probe follows. Raises MediaError for no bytes or too many: then nothing is kept."""
    document_id = ids.new("doc")
    blob_key = f"documents/{caller.org_id}/{document_id}"
    meter = _Meter(limit)
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
        raise absent(document_id)
    return document


def absent(document_id: str) -> NotFound:
    """The error for a document that is not there."""
    return NotFound(Reason.DOCUMENT_NOT_FOUND, f"There is no document {document_id}", {"field": "document_id"})


async def one_chunk(content: bytes) -> AsyncIterator[bytes]:
    """Bytes at hand, as a stream."""
    step = 1 << 20
    for start in range(0, len(content), step):
        yield content[start : start + step]


class _Meter:
    """Counts and hashes what flows through, and stops a flood."""

    def __init__(self, limit: SizeLimit) -> None:
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._limit.size:
                raise MediaError(
                    Reason.MEDIA_TOO_LARGE,
                    f"The document is larger than {self._limit.size:,} bytes, the most that {self._limit.what}",
                    {"maxFileSizeMB": self._limit.max_mb},
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
