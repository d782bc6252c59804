"""Batches over the public API, with their webhooks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest
import pytest_asyncio

from docmill.client.webhooks import verify
from docmill.domain.errors import Fault, Reason
from docmill.domain.models import Scope
from docmill.engine.notices import BatchNotice
from docmill.store import deliveries
from docmill.v1 import batches_pb2, documents_pb2, runs_pb2
from tests.fixtures.batching import answering, keep_outputs
from tests.fixtures.hooks import webhooks
from tests.fixtures.receiver import answering as answers
from tests.fixtures.receiver import receiving
from tests.fixtures.rpc import NO_KEY, Api, refusal, served

FAULT = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")
SECRET = "one-for-this-batch"


class Terse:
    """A form whose every attempt sends the body of the first one, as a dialect may want it."""

    same = True
    policy = None

    def body(self, notice: BatchNotice) -> bytes:
        """With the number of the attempt that wrote it."""
        return json.dumps({"batch": notice.view.batch.id, "attempt": notice.attempt}).encode()

    def headers(self, notice: BatchNotice, body: bytes) -> Mapping[str, str]:
        """A signature of its own."""
        return {"X-Signature": hmac.new(notice.secret.encode(), body, hashlib.sha256).hexdigest()}


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A served engine that sends webhooks."""
    hooks = webhooks()
    hooks = webhooks(sender=hooks.sender, batch_forms={**hooks.batch_forms, "terse": Terse()})
    async with served(sqlite_url, webhooks=hooks) as api:
        api.bench.peer.answer = answering({"b.pdf": FAULT})
        yield api
    await hooks.sender.aclose()


async def uploaded(api: Api, *names: str) -> list[str]:
    """Ids of documents."""
    found = []
    for name in names:
        metadata = documents_pb2.DocumentMetadata(filename=name)
        pieces = [
            documents_pb2.UploadDocumentRequest(metadata=metadata),
            documents_pb2.UploadDocumentRequest(chunk=b"%PDF-1.7 " + name.encode()),
        ]
        found.append((await api.documents.UploadDocument(iter(pieces), **api.auth())).document.id)
    await keep_outputs(api.bench, found)
    return found


async def created(api: Api, *names: str, **given: Any) -> batches_pb2.Batch:
    """A batch of the text flow over fresh documents."""
    request = batches_pb2.CreateBatchRequest(flow_id="document-text", document_ids=await uploaded(api, *names), **given)
    batch: batches_pb2.Batch = (await api.batches.CreateBatch(request, **api.auth())).batch
    return batch


async def watched(api: Api, batch_id: str, after: int = 0) -> list[batches_pb2.WatchBatchResponse]:
    """A watch to its end."""
    request = batches_pb2.WatchBatchRequest(batch_id=batch_id, after_sequence=after)
    return [message async for message in api.batches.WatchBatch(request, **api.auth())]


async def test_a_batch_from_its_documents_to_its_results(api: Api) -> None:
    """Created, followed, shown with its files, its results in pieces, and listed."""
    made = await created(api, "a.pdf", "b.pdf", metadata={"ward": "B2"})
    assert made.status == batches_pb2.BATCH_STATUS_QUEUED
    assert (made.progress.files_total, made.progress.percent, made.metadata["ward"]) == (2, 0, "B2")
    messages = await watched(api, made.id)
    assert messages[0].snapshot.batch.id == made.id
    events = [message for message in messages if message.HasField("event")]
    assert [message.sequence for message in events] == [1, 2, 3, 4, 5]
    assert events[-1].event.kind == batches_pb2.BATCH_EVENT_KIND_BATCH_COMPLETED
    assert events[-1].event.progress.percent == 100
    (failed,) = [message.event for message in events if message.event.kind == batches_pb2.BATCH_EVENT_KIND_FILE_FAILED]
    assert (failed.file.index, failed.file.filename, failed.file.status) == (1, "b.pdf", runs_pb2.RUN_STATUS_FAILED)
    assert failed.file.error.message == "The page cannot be read"
    assert [message.sequence for message in await watched(api, made.id, 3)] == [3, 4, 5]
    shown = (
        await api.batches.GetBatch(batches_pb2.GetBatchRequest(batch_id=made.id, include_files=True), **api.auth())
    ).batch
    assert shown.status == batches_pb2.BATCH_STATUS_COMPLETED
    assert [file.filename for file in shown.files] == ["a.pdf", "b.pdf"]
    assert (shown.progress.files_done, shown.progress.files_failed, shown.last_sequence) == (2, 1, 5)
    request = batches_pb2.GetBatchResultsRequest(batch_id=made.id)
    pieces = [message.results async for message in api.batches.GetBatchResults(request, **api.auth())]
    assert pieces[0].content_type == "application/json"
    results = json.loads(b"".join(piece.data for piece in pieces))
    assert [(entry["status"], entry.get("data")) for entry in results] == [
        ("succeeded", {"place": 0}),
        ("failed", None),
    ]
    statuses = [batches_pb2.BATCH_STATUS_COMPLETED]
    listed = await api.batches.ListBatches(batches_pb2.ListBatchesRequest(statuses=statuses), **api.auth())
    assert ([batch.id for batch in listed.batches], listed.total) == ([made.id], 1)
    none = batches_pb2.ListBatchesRequest(statuses=[batches_pb2.BATCH_STATUS_PROCESSING])
    assert (await api.batches.ListBatches(none, **api.auth())).total == 0


async def test_one_webhook_for_a_batch(api: Api) -> None:
    """Signed with the batch's own secret, when the results are there; whoever verifies webhooks of runs verifies it."""
    async with receiving(answers(204)) as receiver:
        made = await created(api, "a.pdf", "b.pdf", webhook_url=receiver.url(), webhook_secret=SECRET)
        await watched(api, made.id)
        async with asyncio.timeout(10):
            while not (await _settled(api, made.id)):  # noqa: ASYNC110 - the receiver is another program
                await asyncio.sleep(0.01)
    (request,) = receiver.received
    told = verify(request.body, request.headers, SECRET)
    assert told["type"] == "batch.completed"
    assert (told["data"]["id"], told["data"]["status"]) == (made.id, "BATCH_STATUS_COMPLETED")
    assert [file["status"] for file in told["data"]["files"]] == ["RUN_STATUS_SUCCEEDED", "RUN_STATUS_FAILED"]


async def test_a_form_may_keep_its_body(api: Api) -> None:
    """Every attempt sends the bytes and the signature of the first one."""
    async with receiving(answers(500, 204)) as receiver:
        made = await created(api, "a.pdf", webhook_url=receiver.url(), webhook_secret=SECRET, webhook_format="terse")
        async with asyncio.timeout(20):
            while len(receiver.received) < 1:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
            await _due_now(api, made.id)
            while len(receiver.received) < 2:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
    first, second = receiver.received
    assert json.loads(first.body) == {"batch": made.id, "attempt": 1}
    assert first.body == second.body
    assert first.headers["x-signature"] == second.headers["x-signature"]
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def _settled(api: Api, batch_id: str) -> bool:
    (found,) = await api.store.read(lambda: deliveries.of_batch(batch_id))
    return bool(found.attempts)


async def _due_now(api: Api, batch_id: str) -> None:
    """The second attempt is made at once, once the first one is recorded."""
    while not await _settled(api, batch_id):  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    (found,) = await api.store.read(lambda: deliveries.of_batch(batch_id))
    await api.store.write(lambda: deliveries.restart(found.id, api.bench.engine.ctx.now()))
    api.bench.engine.ctx.mail.set()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"flow_id": "document-text"}, "document_ids"),
        ({"document_ids": ["doc_1"]}, "flow_id"),
        ({"flow_id": "document-text", "document_ids": [""]}, "document_ids[0]"),
        ({"flow_id": "document-text", "document_ids": ["x"] * 1001}, "document_ids"),
        ({"flow_id": "f", "document_ids": ["x"], "webhook_secret": "short"}, "webhook_secret"),
    ],
)
async def test_requests_that_break_the_rules(api: Api, given: dict[str, Any], field: str) -> None:
    """The contract's rules are checked before anything else."""
    code, info = await refusal(api.batches.CreateBatch(batches_pb2.CreateBatchRequest(**given), **api.auth()))
    assert (code, info.reason, info.metadata["field"]) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_INVALID",
        field,
    )


async def test_who_may_do_what(api: Api) -> None:
    """Each call needs its scope; an unknown batch is not found, and one that has ended cannot be cancelled."""
    made = await created(api, "a.pdf")
    await watched(api, made.id)
    reader = await api.new_key(Scope.BATCH_READ)
    ask, cancel = batches_pb2.GetBatchRequest(batch_id=made.id), batches_pb2.CancelBatchRequest(batch_id=made.id)
    assert (await api.batches.GetBatch(ask, **api.auth(reader))).batch.id == made.id
    for call, scope in (
        (api.batches.CancelBatch(cancel, **api.auth(reader)), "batch:cancel"),
        (
            api.batches.CreateBatch(
                batches_pb2.CreateBatchRequest(flow_id="f", document_ids=["x"]), **api.auth(reader)
            ),
            "batch:execute",
        ),
    ):
        code, info = await refusal(call)
        assert (code, info.metadata["requiredScope"]) == (grpc.StatusCode.PERMISSION_DENIED, scope)
    assert (await refusal(api.batches.GetBatch(ask, **api.auth(NO_KEY))))[0] == grpc.StatusCode.UNAUTHENTICATED
    code, info = await refusal(api.batches.CancelBatch(cancel, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BATCH_NOT_CANCELLABLE")
    code, info = await refusal(api.batches.GetBatch(batches_pb2.GetBatchRequest(batch_id="none"), **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "BATCH_NOT_FOUND")
