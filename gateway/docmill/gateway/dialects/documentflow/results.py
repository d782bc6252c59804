"""The results of a batch, by their link or with a key: the services' file, an element at a time, in this surface's form."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from starlette.responses import Response

from docmill.gateway.dialects.documentflow.batch import checked_id
from docmill.gateway.dialects.documentflow.document import nested, nothing_read
from docmill.gateway.dialects.documentflow.errors import code_of
from docmill.gateway.dialects.documentflow.media import said
from docmill.gateway.dialects.documentflow.remarks import Remarks
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import Pieces
from docmill.gateway.upstream import Upstream
from docmill.v1 import batches_pb2

__all__ = ["Results", "element"]

_METHODS = batches_pb2.DESCRIPTOR.services_by_name["BatchService"].methods_by_name

_EXTENSIONS = {
    "application/pdf": "pdf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/tiff": "tiff",
    "image/bmp": "bmp",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/gif": "gif",
    "application/xml": "xml",
}


class Results:
    """The endpoints."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def by_link(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """For whoever has the link."""
        request = batches_pb2.DownloadResultsRequest(results_token=variables["results_token"])
        return await self._answer(exchange, _METHODS["DownloadResults"], request, "")

    async def by_key(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """For a key of the batch's account."""
        batch_id = checked_id(variables)
        request = batches_pb2.GetBatchResultsRequest(batch_id=batch_id)
        return await self._answer(exchange, _METHODS["GetBatchResults"], request, batch_id)

    async def _answer(self, exchange: Exchange, method: Any, request: Any, batch_id: str) -> Response:
        answers = self._upstream.stream(method, request, exchange.call)
        first = await anext(answers, None)
        if first is None:
            raise Problem("INTERNAL", "Something went wrong on our side; try again")
        reply = Pieces(exchange, _elements(first, answers, batch_id or first.batch_id), "application/json")
        reply.headers["cache-control"] = "private, no-store"
        return reply


async def _elements(first: Any, answers: AsyncGenerator[Any, None], batch_id: str) -> AsyncGenerator[bytes, None]:
    """The array as it is sent. What comes has one object on each line, with a bracket or a comma at its ends."""
    opening = b"["
    async with aclosing(_lines(first, answers)) as lines:
        async for line in lines:
            entry = line.strip(b"[], \r")
            if entry:
                yield opening + orjson.dumps(element(orjson.loads(entry), batch_id))
                opening = b",\n"
    yield b"[]\n" if opening == b"[" else b"]\n"


async def _lines(first: Any, answers: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    """Lines of the file; what is kept of it at any time is one of them."""
    rest = bytearray(first.results.data)
    async with aclosing(answers):
        async for answer in answers:
            *whole, last = (bytes(rest) + answer.results.data).split(b"\n")
            for line in whole:
                yield line
            rest = bytearray(last)
    for line in bytes(rest).split(b"\n"):
        yield line


def element(entry: Mapping[str, Any], batch_id: str) -> dict[str, Any]:
    """One file of the services' results as this surface shows it."""
    index = entry["index"]
    file_key = f"batch/{batch_id}/input/{index:04d}.{_extension(entry)}"
    if "error" not in entry:
        remarks = Remarks(notices=entry.get("warnings", ()), unsure=entry.get("lowConfidence", ()))
        return nested(entry["data"], index=index, file_key=file_key, remarks=remarks)
    error = entry["error"]
    code, message = error["code"], error["message"]
    return nothing_read(index=index, file_key=file_key, error=code_of(code), message=said(code, message))


def _extension(entry: Mapping[str, Any]) -> str:
    """That of the name it came under, or of what it is."""
    stem, dot, extension = str(entry.get("fileName", "")).rpartition(".")
    if stem and dot and extension.isascii() and extension.isalnum():
        return extension.lower()
    return _EXTENSIONS.get(entry.get("mediaType", ""), "bin")
