"""The form of a request: files go on to the services piece by piece while they come, fields are kept.

Fields may stand behind the files, and what is wrong with a field is told before what is wrong with a file. So the first
file that cannot be taken is remembered, the rest of the files is passed over, and the form is read to its end.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from docmill.gateway.decode import FieldError
from docmill.gateway.dialects.documentflow.media import HEAD, NOT_READ, extension_of
from docmill.gateway.exchange import Exchange
from docmill.gateway.multipart import End, Part, read_form
from docmill.gateway.problems import Problem
from docmill.gateway.uploads import Upload
from docmill.gateway.upstream import Upstream, UpstreamError
from docmill.v1 import documents_pb2

__all__ = ["FLOW", "MAX_FILE", "Form", "Intake"]

FLOW = "universal-extract"
"""The flow that every document of this surface goes through."""

MAX_FILE = 10 * 1024 * 1024
"""Bytes of one file."""
_MAX_FIELDS = 256 * 1024
"""Bytes of all fields together."""
_OTHERS = 16 * 1024 * 1024
"""Bytes that a form may have beside the files that are asked for."""

_DELETE = documents_pb2.DESCRIPTOR.services_by_name["DocumentService"].methods_by_name["DeleteDocument"]


@dataclass(slots=True)
class Form:
    """What came."""

    fields: dict[str, str] = field(default_factory=dict)
    """By name; of several values the last one."""
    documents: list[documents_pb2.Document] = field(default_factory=list)
    """The files, in their order."""
    wrong_files: FieldError | None = None
    """What is wrong with the files as a field: too many, or none where there should be some."""
    refused: Problem | None = None
    """Why a file was not taken."""

    def check(self) -> None:
        """Raise what is wrong with the files; fields come first."""
        if self.wrong_files is not None:
            raise self.wrong_files
        if self.refused is not None:
            raise self.refused


class Intake:
    """Reads one form. What was uploaded is deleted again when the block ends, unless it was `kept`."""

    def __init__(self, upstream: Upstream, exchange: Exchange, name: str, most: int) -> None:
        self._upstream = upstream
        self._exchange = exchange
        self._name = name
        self._most = most
        self._form = Form()
        self._files = 0
        self._fields_size = 0
        self._kept = False
        self._part: _Ignored = _Ignored()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._part.close()
        if not self._kept:  # what stays behind all the same is deleted in its time
            await asyncio.gather(*(self._delete(document.id) for document in self._form.documents))

    async def read(self) -> Form:
        """The form. Problem when it is none; what is wrong in it stands in it."""
        limit = max(self._exchange.max_body_bytes, self._most * MAX_FILE + _OTHERS)
        async for event in read_form(self._exchange, limit):
            match event:
                case Part():
                    self._part = self._begin(event)
                case End():
                    await self._part.end()
                case _:
                    await self._part.take(event)
        if not self._files:
            self._form.wrong_files = FieldError(self._name, "is missing: send a file in a part of this name", "missing")
        return self._form

    def kept(self) -> None:
        """What was uploaded is used."""
        self._kept = True

    def _begin(self, part: Part) -> _Ignored:
        if part.filename is None:
            if part.name == self._name:
                self._files += 1
                self._form.wrong_files = FieldError(self._name, "must be a file: its part needs a filename")
                return _Ignored()
            return _Field(self, part.name)
        if part.name != self._name:
            return _Ignored()
        self._files += 1
        if self._files > self._most:
            few = "one file" if self._most == 1 else f"at most {self._most} files"
            self._form.wrong_files = FieldError(self._name, f"has more than {few}")
        if self._form.wrong_files or self._form.refused:
            return _Ignored()
        return _File(self, self._files - 1, part.filename)

    def add_field(self, name: str, content: bytes) -> None:
        """A field has come."""
        self._form.fields[name] = content.decode("utf-8", "replace")

    def grow(self, size: int) -> None:
        """So many more bytes of fields."""
        self._fields_size += size
        if self._fields_size > _MAX_FIELDS:
            raise Problem("FIELD_INVALID", f"The fields have more than {_MAX_FIELDS} bytes together")

    def add_document(self, document: documents_pb2.Document) -> None:
        """A file has been taken."""
        self._form.documents.append(document)

    def refuse(self, reason: str, index: int, filename: str, why: str) -> None:
        """A file cannot be taken. `index` is from 0; people count from 1."""
        alone = self._most == 1
        which = "The file" if alone else f"File {index + 1}"
        named = f"{which} ({filename})" if filename else which
        rest = "" if alone else ". No file was taken: send the batch again without this one"
        self._form.refused = Problem(reason, f"{named}: {why}{rest}")

    def upload(self, filename: str) -> Upload:
        """Begin to send a file on."""
        metadata = documents_pb2.DocumentMetadata(filename=filename, flow_id=FLOW)
        return Upload(self._upstream, metadata, self._exchange.call)

    async def _delete(self, document_id: str) -> None:
        request = documents_pb2.DeleteDocumentRequest(document_id=document_id)
        with suppress(UpstreamError):
            await self._upstream.unary(_DELETE, request, self._exchange.call)


class _Ignored:
    """A part that nobody asked for."""

    async def take(self, content: bytes) -> None:
        """The next bytes."""

    async def end(self) -> None:
        """It has ended."""

    async def close(self) -> None:
        """Nobody wants the rest of it."""


class _Field(_Ignored):
    """A field."""

    def __init__(self, intake: Intake, name: str) -> None:
        self._intake = intake
        self._name = name
        self._content = bytearray()

    async def take(self, content: bytes) -> None:
        """The next bytes."""
        self._intake.grow(len(content))
        self._content += content

    async def end(self) -> None:
        """It has ended."""
        self._intake.grow(len(self._name))
        self._intake.add_field(self._name, bytes(self._content))


class _File(_Ignored):
    """A file: its first bytes are looked at, then it goes on to the services."""

    def __init__(self, intake: Intake, index: int, filename: str) -> None:
        self._intake = intake
        self._index = index
        self._filename = filename
        self._head = bytearray()
        self._size = 0
        self._upload: Upload | None = None
        self._under_way = AsyncExitStack()
        self._over = False
        """Whether the rest of it is passed over."""

    async def take(self, content: bytes) -> None:
        """The next bytes."""
        if self._over:
            return
        self._size += len(content)
        if self._size > MAX_FILE:
            await self._refuse("MEDIA_TOO_LARGE", f"it is larger than {MAX_FILE // 1024 // 1024} MB")
        elif self._upload is not None:
            await self._sent(content)
        else:
            self._head += content
            if len(self._head) >= HEAD:
                await self._open()

    async def end(self) -> None:
        """It has ended."""
        if not self._over and self._upload is None:
            await self._open()
        if self._over or self._upload is None:
            return
        try:
            self._intake.add_document(await self._upload.finish())
        except UpstreamError as error:
            await self._refused(error)
        await self.close()

    async def _open(self) -> None:
        if not self._size:
            await self._refuse("MEDIA_EMPTY", "it is empty")
            return
        extension = extension_of(bytes(self._head[:HEAD]))
        if not extension:
            await self._refuse("MEDIA_UNSUPPORTED", NOT_READ)
            return
        stem, dot, _ = self._filename.rpartition(".")
        name = self._filename if stem and dot else f"{self._filename or 'file'}.{extension}"
        self._upload = await self._under_way.enter_async_context(self._intake.upload(name))
        await self._sent(self._head)
        self._head = bytearray()

    async def _sent(self, content: bytes | bytearray) -> None:
        assert self._upload is not None
        try:
            await self._upload.send(content)
        except UpstreamError as error:
            await self._refused(error)

    async def _refused(self, error: UpstreamError) -> None:
        """The services do not want it: because of what it is, or because they want nothing now."""
        if not error.reason.startswith("MEDIA_"):
            raise error
        await self._refuse(error.reason, error.message)

    async def _refuse(self, reason: str, why: str) -> None:
        self._over = True
        self._intake.refuse(reason, self._index, self._filename, why)
        await self.close()

    async def close(self) -> None:
        """End the upload; what was not finished is dropped."""
        await self._under_way.aclose()
