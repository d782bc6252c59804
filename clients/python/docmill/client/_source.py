"""Documents to send: a path, bytes or an open file, cut into the pieces of an upload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from docmill.v1 import documents_pb2

Source = str | Path | bytes | IO[bytes]
"""A path, the bytes themselves, or a file opened for reading bytes."""

CHUNK = 1024 * 1024
"""Bytes of one piece; the server takes no larger ones."""


def name_of(source: Source) -> str:
    """The file name that goes with `source`; empty for bytes."""
    if isinstance(source, bytes):
        return ""
    path = source if isinstance(source, str | Path) else getattr(source, "name", "")
    return Path(path).name if isinstance(path, str | Path) else ""


async def upload_requests(
    source: Source, filename: str, mime_type: str
) -> AsyncGenerator[documents_pb2.UploadDocumentRequest, None]:
    """The messages of an upload: the metadata, then the bytes. Files are read on a thread, one piece at a time."""
    async with _opened(source) as file:
        metadata = documents_pb2.DocumentMetadata(filename=filename, mime_type=mime_type)
        yield documents_pb2.UploadDocumentRequest(metadata=metadata)
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield documents_pb2.UploadDocumentRequest(chunk=chunk)


@asynccontextmanager
async def _opened(source: Source) -> AsyncIterator[IO[bytes]]:
    if isinstance(source, bytes):
        yield BytesIO(source)
    elif isinstance(source, str | Path):
        file = await asyncio.to_thread(Path(source).open, "rb")
        try:
            yield file
        finally:
            file.close()
    else:
        yield source  # the caller opened it and closes it
