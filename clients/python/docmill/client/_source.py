"""Documents to send: a path, bytes or an open file, cut into the pieces of an upload."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import grpc

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


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """`source` as a file to read from."""
    if isinstance(source, bytes):
        yield BytesIO(source)
    elif isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            yield file
    else:
        yield source  # the caller opened it and closes it


class UploadRequests:
    """The messages of an upload: the metadata, then the bytes of `file`.

    gRPC draws them on a thread of its own. A file that cannot be read ends the call there, and its error is kept:
    simply ending the messages would leave a document that was cut off.
    """

    def __init__(self, file: IO[bytes], metadata: documents_pb2.DocumentMetadata) -> None:
        self._file = file
        self._metadata = metadata
        self.call: Future[grpc.Future[Any]] = Future()
        """To be set to the call that sends them."""
        self.error: Exception | None = None
        """What went wrong with the file."""

    def __iter__(self) -> Iterator[documents_pb2.UploadDocumentRequest]:
        yield documents_pb2.UploadDocumentRequest(metadata=self._metadata)
        try:
            while chunk := self._file.read(CHUNK):
                yield documents_pb2.UploadDocumentRequest(chunk=chunk)
        except Exception as error:
            self.error = error
            self.call.result().cancel()
