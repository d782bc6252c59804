"""POST /documents: a document as the body itself, under its own type; `?filename=` gives it a name."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from docmill.gateway.encode import Encoder
from docmill.gateway.exchange import Exchange
from docmill.gateway.payload import check_length, too_large
from docmill.gateway.replies import json_reply
from docmill.gateway.uploads import Upload
from docmill.gateway.upstream import Upstream
from docmill.v1 import documents_pb2

__all__ = ["UploadEndpoint"]

_NO_TYPE = {"application/octet-stream", "application/x-www-form-urlencoded"}
"""What HTTP clients say when nobody told them."""


class UploadEndpoint:
    """Takes documents."""

    def __init__(self, upstream: Upstream, encoder: Encoder) -> None:
        self._upstream = upstream
        self._encoder = encoder

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Answer a request."""
        del variables
        check_length(exchange)
        metadata = documents_pb2.DocumentMetadata(
            filename=next((value for name, value in exchange.query if name == "filename"), ""),
            mime_type="" if exchange.content_type in _NO_TYPE else exchange.content_type,
        )
        size = 0
        async with Upload(self._upstream, metadata, exchange.call) as upload:
            async for chunk in exchange.chunks():
                size += len(chunk)
                if size > exchange.max_body_bytes:
                    raise too_large(exchange)
                await upload.send(chunk)
            document = await upload.finish()
        return json_reply(self._encoder(document))
