"""Batches: POST /v1/batch, GET /v1/batch/{batch_id}, and beside the documents of the surface a list and cancelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from starlette.responses import Response

from docmill.gateway.decode import FieldError
from docmill.gateway.dialects.documentflow.admission import Admission
from docmill.gateway.dialects.documentflow.intake import FLOW, Form, Intake
from docmill.gateway.dialects.documentflow.links import BASE_URL, CALLBACK_ID, base_url, download_url
from docmill.gateway.dialects.documentflow.webhook import FORMAT
from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem
from docmill.gateway.replies import json_reply
from docmill.gateway.upstream import Upstream
from docmill.v1 import batches_pb2

__all__ = ["STATUS", "Batches", "checked_id"]

_METHODS = batches_pb2.DESCRIPTOR.services_by_name["BatchService"].methods_by_name
_MAX_FILES = 100
_MAX_CALLBACK_ID = 255
_MAX_URL = 2048
_BATCH_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

STATUS: Mapping[int, str] = {
    batches_pb2.BATCH_STATUS_QUEUED: "queued",
    batches_pb2.BATCH_STATUS_PROCESSING: "processing",
    batches_pb2.BATCH_STATUS_COMPLETED: "complete",
}
"""The words of this surface for the states of a batch."""


class Batches:
    """The endpoints. `public_url` is where clients reach the gateway; empty: where each of them does."""

    def __init__(self, upstream: Upstream, public_url: str) -> None:
        self._upstream = upstream
        self._public_url = public_url

    async def submit(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """Take the files of a form, and answer before any of them is read."""
        del variables
        async with (
            Admission(self._upstream, exchange, scope="batch:execute", feature="batch") as admission,
            Intake(self._upstream, exchange, "files", most=_MAX_FILES) as intake,
        ):
            form = await intake.read()
            request = self._request(exchange, form)
            form.check()
            request.document_ids.extend(document.id for document in form.documents)
            admission.counts()
            answer: batches_pb2.CreateBatchResponse = await self._upstream.unary(
                _METHODS["CreateBatch"], request, exchange.call
            )
            intake.kept()
        made = answer.batch
        return json_reply(
            {
                "batch_id": made.id,
                "total_files": made.progress.files_total,
                "status": "queued",
                "estimated_seconds": made.progress.seconds_left,
            }
        )

    async def show(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """How far a batch is, and from its end on where its results are."""
        request = batches_pb2.GetBatchRequest(batch_id=checked_id(variables))
        answer = await self._upstream.unary(_METHODS["GetBatch"], request, exchange.call)
        return json_reply(self._shown(exchange, answer.batch))

    async def cancel(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """End a batch with what is done, and an error for each other file."""
        request = batches_pb2.CancelBatchRequest(batch_id=checked_id(variables))
        answer = await self._upstream.unary(_METHODS["CancelBatch"], request, exchange.call)
        return json_reply(self._shown(exchange, answer.batch))

    async def list(self, exchange: Exchange, variables: Mapping[str, str]) -> Response:
        """The batches of the account, newest first; `limit` and `cursor` as in its answers."""
        del variables
        query = dict(exchange.query)
        limit = query.get("limit", "50")
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:4]) <= 100:
            raise FieldError("limit", "must be a whole number from 1 to 100")
        request = batches_pb2.ListBatchesRequest(page_size=int(limit), page_token=query.get("cursor", ""))
        answer = await self._upstream.unary(_METHODS["ListBatches"], request, exchange.call)
        return json_reply(
            {
                "batches": [self._shown(exchange, batch) for batch in answer.batches],
                "total": answer.total,
                "next_cursor": answer.next_page_token or None,
            }
        )

    def _request(self, exchange: Exchange, form: Form) -> batches_pb2.CreateBatchRequest:
        """The batch as the form's fields say, without its documents."""
        url = form.fields.get("webhook_url", "")
        _check_url(url)
        metadata = {BASE_URL: base_url(exchange, self._public_url)}
        callback_id = form.fields.get("callback_id")
        if callback_id is not None:
            if not 1 <= len(callback_id) <= _MAX_CALLBACK_ID:
                raise FieldError("callback_id", f"must have 1 to {_MAX_CALLBACK_ID} characters")
            metadata[CALLBACK_ID] = callback_id
        return batches_pb2.CreateBatchRequest(
            flow_id=FLOW,
            metadata=ParseDict(metadata, Struct()),
            idempotency_key=exchange.headers.get("idempotency-key", ""),
            webhook_url=url,
            webhook_format=FORMAT if url else "",
        )

    def _shown(self, exchange: Exchange, batch: batches_pb2.Batch) -> dict[str, Any]:
        """`percent` counts files, and is 100 only when the results are there."""
        done, total = batch.progress.files_done, batch.progress.files_total
        complete = batch.status == batches_pb2.BATCH_STATUS_COMPLETED
        return {
            "batch_id": batch.id,
            "status": STATUS.get(batch.status, "processing"),
            "processed": done,
            "total": total,
            "percent": 100 if complete else min(99, 100 * done // max(1, total)),
            "download_url": download_url(base_url(exchange, self._public_url), batch),
        }


def checked_id(variables: Mapping[str, str]) -> str:
    """The id of a batch in a path. Problem for what cannot be one: as for any that is not there."""
    batch_id = variables["batch_id"]
    if not _BATCH_ID.fullmatch(batch_id):
        raise Problem("BATCH_NOT_FOUND", "There is no such batch")
    return batch_id


def _check_url(url: str) -> None:
    """FieldError for what is no address on the web; whether it may be called the services know."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        fine = False
    if not fine or len(url) > _MAX_URL:
        raise FieldError("webhook_url", "must be a public address that begins with https://")
