"""Documents on their way through the gateway: as they come, and never half."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from docmill.domain import errors
from docmill.domain.errors import Reason
from docmill.v1 import accounts_pb2, documents_pb2, flows_pb2, runs_pb2
from tests.fixtures.gateway import Script, gateway, scripted
from tests.fixtures.rpc import until

KEY = "dc_test_" + "a" * 49


@pytest.fixture
def script() -> Script:
    """Services that know every key."""
    return Script({"CheckKey": accounts_pb2.CheckKeyResponse(organization_id="org_1")})


async def test_a_chunked_body_that_grows_too_large(script: Script) -> None:
    """A body that does not say its size is cut off where it becomes too large."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"input": {"document": {"base64": "'
        for _ in range(30):
            yield b"A" * 4096
        yield b'"}}}'

    script.answers["UploadDocument"] = errors.MediaError(Reason.MEDIA_EMPTY, "no bytes")
    async with scripted(script) as target, gateway(target, KEY, max_body_bytes=100_000) as rest:
        headers = {"content-type": "application/json"}
        answer = await rest.http.post(f"{rest.url}/flows/f/run", content=pieces(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_large_documents_travel_apart(script: Script) -> None:
    """Above 1 MiB the bytes go up as they come; a run that is refused, or that is an old one, leaves none behind."""
    content = bytes(range(256)) * 8192  # 2 MiB
    uploaded = documents_pb2.UploadDocumentResponse(document=documents_pb2.Document(id="doc_1"))
    script.answers |= {
        "UploadDocument": uploaded,
        "RunFlow": flows_pb2.RunFlowResponse(run=runs_pb2.Run(id="r", status=1, document_id="doc_1")),
        "DeleteDocument": documents_pb2.DeleteDocumentResponse(),
    }
    body = {"input": {"document": {"base64": b64encode(content).decode()}}}
    async with scripted(script) as target, gateway(target, KEY) as rest:
        answer = await rest.post("/flows/f/run", body)
        assert (answer.status_code, [name for name, _ in script.seen]) == (200, ["UploadDocument", "RunFlow"])
        metadata, *chunks = script.seen[0][1]
        assert metadata.metadata.flow_id == "f"
        assert b"".join(chunk.chunk for chunk in chunks) == content
        assert max(len(chunk.chunk) for chunk in chunks) <= 1 << 20
        assert script.seen[1][1].input.document_id == "doc_1"

        script.seen.clear()
        script.answers["RunFlow"] = errors.PaymentRequired(Reason.CREDITS_INSUFFICIENT, "no")
        assert (await rest.post("/flows/f/run", body)).status_code == 402
        assert [name for name, _ in script.seen] == ["UploadDocument", "RunFlow", "DeleteDocument"]
        assert script.seen[-1][1].document_id == "doc_1"

        script.seen.clear()
        old = runs_pb2.Run(id="r", status=1, document_id="doc_0")
        script.answers["RunFlow"] = flows_pb2.RunFlowResponse(run=old)
        assert (await rest.post("/flows/f/run", {**body, "idempotencyKey": "k"})).json()["documentId"] == "doc_0"
        assert script.seen[-1][0] == "DeleteDocument"

        script.seen.clear()
        script.answers["UploadDocument"] = errors.MediaError(
            Reason.MEDIA_TOO_LARGE, "too large", {"maxFileSizeMB": "1"}
        )
        answer = await rest.post("/flows/f/run", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_DOCUMENT")
        assert {name for name, _ in script.seen} == {"UploadDocument"}


async def test_an_upload_that_breaks_off(script: Script) -> None:
    """A client that goes away amid its document leaves no document: the upload is cancelled, not ended."""
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(requests: Any) -> Any:
        try:
            async for _ in requests:  # ends like a complete one, when a call is cancelled;
                pass
            await asyncio.sleep(60)  # the cancellation comes a moment later, amid the work that follows
            ended.set_result("complete")
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise
        return documents_pb2.UploadDocumentResponse()

    script.answers["UploadDocument"] = take
    async with scripted(script) as target, gateway(target, KEY) as rest:
        host, _, port = rest.address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/v1/documents HTTP/1.1\r\nhost: x\r\nauthorization: Bearer "
            + KEY.encode()
            + b"\r\ncontent-length: 9000000\r\n\r\n"
            + b"x" * 3_000_000
        )
        await writer.drain()
        await until(lambda: bool(script.seen))
        writer.close()
        async with asyncio.timeout(10):
            assert await ended == "cancelled"
