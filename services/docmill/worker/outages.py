"""The blob store may be away for a while: no job's fault, and over sooner or later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import structlog

from docmill.blobs import BlobStore
from docmill.domain.errors import Reason, Unavailable

__all__ = ["asking_for", "chunks_of"]

log = structlog.stdlib.get_logger("docmill.worker")


@contextmanager
def asking_for(key: str) -> Iterator[None]:
    """Around a call to the blob store: an `OSError` becomes `Unavailable`, a fault that is tried again for longer."""
    try:
        yield
    except OSError as error:
        log.warning("the blob store does not answer", event_key="blobs.unavailable", key=key, error=str(error)[:500])
        raise Unavailable(
            Reason.OVERLOADED, "The store of documents does not answer now; the work is tried again"
        ) from error


async def chunks_of(blobs: BlobStore, key: str) -> AsyncIterator[bytes]:
    """`BlobStore.get_stream`, its outages told apart from those of the disk that the chunks are written to."""
    with asking_for(key):
        async for chunk in blobs.get_stream(key):
            yield chunk
