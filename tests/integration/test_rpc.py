"""The gRPC server in front of a real engine and a real record: what a client of the public API meets."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
import structlog
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from docmill.domain.models import Mode, Scope
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.engine.context import EngineOptions
from docmill.engine.operate import Operator
from docmill.extract import Evidence
from docmill.extract.outcome import DocumentOutcome, outcome_to_json
from docmill.ocr.codec import page_to_json
from docmill.rpc import RpcServer, ServerOptions
from docmill.store import Store
from docmill.store.sql import open_store
from docmill.v1 import documents_pb2, documents_pb2_grpc, flows_pb2, flows_pb2_grpc, pages_pb2, runs_pb2, runs_pb2_grpc
from tests.fixtures.engine import Bench, serving

PDF = b"%PDF-1.7 a document"
OPTIONS = EngineOptions(sweep=timedelta(milliseconds=50), poll=timedelta(milliseconds=500))
NO_KEY = ""


@dataclass
class Api:
    """A served engine, and what a test needs to call it."""

    bench: Bench
    store: Store
    operator: Operator
    server: RpcServer
    channel: grpc.aio.Channel
    key: str

    @property
    def documents(self) -> Any:
        """Stub of DocumentService."""
        return documents_pb2_grpc.DocumentServiceStub(self.channel)

    @property
    def flows(self) -> Any:
        """Stub of FlowService."""
        return flows_pb2_grpc.FlowServiceStub(self.channel)

    @property
    def runs(self) -> Any:
        """Stub of RunService."""
        return runs_pb2_grpc.RunServiceStub(self.channel)

    def auth(self, key: str | None = None) -> dict[str, Any]:
        """Arguments of a call with a key (the usual one, another one, or none)."""
        key = self.key if key is None else key
        return {"metadata": (("authorization", f"Bearer {key}"),) if key else (), "timeout": 20}

    async def new_key(self, *scopes: Scope, org_id: str = "", **given: Any) -> str:
        """A key with `scopes` (all by default), of the default organization or another."""
        owner = org_id or (await self.operator.default_organization()).id
        _, key = await self.operator.create_key(owner, Mode.TEST, "test", frozenset(scopes or Scope), **given)
        return key

    async def run(self, key: str | None = None) -> str:
        """Id of a new run."""
        request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF))
        return (await self.flows.RunFlow(request, **self.auth(key))).run.id


@asynccontextmanager
async def served(url: str, options: ServerOptions | None = None) -> AsyncIterator[Api]:
    """An engine on the database at `url`, its server, and a channel to it."""
    store = await open_store(url)
    async with serving(store, OPTIONS) as bench:
        operator = Operator(store)
        organization = await operator.default_organization()
        _, key = await operator.create_key(organization.id, Mode.TEST, "test", frozenset(Scope))
        server = RpcServer(bench.engine, options)
        (address, *_) = await server.start()
        async with grpc.aio.insecure_channel(address) as channel:
            yield Api(bench, store, operator, server, channel, key)
        await server.stop(grace_s=0)
    await store.aclose()


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


def inline(content: bytes) -> flows_pb2.RunInput:
    """The input of a run that brings its document."""
    return flows_pb2.RunInput(document=flows_pb2.InlineDocument(base64=content, filename="a.pdf"))


async def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds; fail after 10 s."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is another program's doing, it sets no event
            await asyncio.sleep(0.01)


async def to_the_end(watch: Any) -> None:
    """Read a watch until the server ends it."""
    while await watch.read() is not grpc.aio.EOF:
        pass


async def refusal(call: Any) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo]:
    """Code and ErrorInfo of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value.code(), error_info(failed.value)


def error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of a failed call."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "docmill"
    return info


async def test_a_key_is_needed(api: Api) -> None:
    """A call without a key, or with something else than a bearer key, is told what to send."""
    code, info = await refusal(api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth(NO_KEY)))
    assert (code, info.reason, info.metadata["reason"]) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "CREDENTIAL_MISSING",
        "missing",
    )
    basic = (("authorization", "Basic YTpi"),)
    code, info = await refusal(api.flows.ListFlows(flows_pb2.ListFlowsRequest(), metadata=basic))
    assert (code, info.reason, info.metadata["reason"]) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "CREDENTIAL_INVALID",
        "malformed",
    )


async def test_bad_keys_say_what_is_wrong_with_them(api: Api) -> None:
    """Malformed, unknown, revoked and expired keys are refused, each with its reason."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = await api.new_key(expires_at=yesterday)
    organization = await api.operator.default_organization()
    record, revoked = await api.operator.create_key(organization.id, Mode.TEST, "r", frozenset(Scope))
    await api.operator.revoke_key(record.id)
    keys = {"malformed": "hello", "unknown": revoked[:-4] + "AAAA", "revoked": revoked, "expired": expired}
    for reason, key in keys.items():
        code, info = await refusal(api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth(key)))
        assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIAL_INVALID")
        assert info.metadata["reason"] == reason


async def test_a_missing_scope_is_named(api: Api) -> None:
    """A key that may only read flows cannot run them, and hears which scope it lacks."""
    reader = await api.new_key(Scope.FLOWS_READ)
    listed = await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth(reader))
    assert {flow.id for flow in listed.flows} >= {"document-text", "invoice-extractor"}
    request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF))
    code, info = await refusal(api.flows.RunFlow(request, **api.auth(reader)))
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert info.metadata["requiredScope"] == "flows:execute"


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (flows_pb2.RunFlowRequest(flow_id="f"), "FIELD_MISSING", "input"),
        (flows_pb2.RunFlowRequest(flow_id="f", input=flows_pb2.RunInput()), "DOCUMENT_MISSING", "input.document"),
        (
            flows_pb2.RunFlowRequest(flow_id="f", input=flows_pb2.RunInput(document=flows_pb2.InlineDocument())),
            "DOCUMENT_MISSING",
            "input.document",
        ),
        (flows_pb2.RunFlowRequest(flow_id="a\nb", input=inline(PDF)), "FIELD_INVALID", "flow_id"),
        (flows_pb2.RunFlowRequest(flow_id="f", input=inline(PDF), priority=99), "FIELD_INVALID", "priority"),
    ],
    ids=["no input", "no document", "no bytes", "newline", "unknown enum"],
)
async def test_requests_are_checked_against_the_contract(
    api: Api, request_: flows_pb2.RunFlowRequest, reason: str, field: str
) -> None:
    """A request that breaks a rule of the protos is refused with the field to blame, before anything happens."""
    code, info = await refusal(api.flows.RunFlow(request_, **api.auth()))
    assert (code, info.reason, info.metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)


async def test_all_wrong_fields_are_told(api: Api) -> None:
    """Every violation is listed in BadRequest, not only the first."""
    request = runs_pb2.ListRunsRequest(page_size=1000, page_token="x" * 1000)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await api.runs.ListRuns(request, **api.auth())
    status = rpc_status.from_call(failed.value)
    bad = error_details_pb2.BadRequest()
    assert any(packed.Unpack(bad) for packed in status.details)
    assert {violation.field for violation in bad.field_violations} == {"page_size", "page_token"}


async def test_an_upload_starts_with_its_metadata(api: Api) -> None:
    """Bytes before metadata, metadata twice, empty messages, oversize pieces and no bytes at all are refused."""
    metadata = documents_pb2.UploadDocumentRequest(metadata=documents_pb2.DocumentMetadata(filename="a.pdf"))
    chunk = documents_pb2.UploadDocumentRequest(chunk=PDF)
    for messages, reason in (
        ([], "FIELD_MISSING"),
        ([chunk], "FIELD_MISSING"),
        ([metadata, chunk, metadata], "FIELD_INVALID"),
        ([metadata, documents_pb2.UploadDocumentRequest()], "FIELD_MISSING"),
        ([metadata, documents_pb2.UploadDocumentRequest(chunk=b"x" * (2**20 + 1))], "FIELD_INVALID"),
        ([metadata], "MEDIA_EMPTY"),
    ):
        code, info = await refusal(api.documents.UploadDocument(iter(messages), **api.auth()))
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)


async def test_upload_run_watch_and_read(api: Api) -> None:
    """A document is uploaded, run, watched to the end and found again, page by page."""
    chunks = [documents_pb2.UploadDocumentRequest(chunk=PDF[:5]), documents_pb2.UploadDocumentRequest(chunk=PDF[5:])]
    metadata = documents_pb2.DocumentMetadata(filename="a.pdf", mime_type="application/pdf")
    messages = [documents_pb2.UploadDocumentRequest(metadata=metadata), *chunks]
    document = (await api.documents.UploadDocument(iter(messages), **api.auth())).document
    assert (document.size, document.filename) == (len(PDF), "a.pdf")

    traceparent = ("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01")
    call = api.auth()
    call["metadata"] = (*call["metadata"], traceparent)
    request = flows_pb2.RunFlowRequest(
        flow_id="document-text", input=flows_pb2.RunInput(document_id=document.id), priority=flows_pb2.PRIORITY_BULK
    )
    request.metadata.update({"ward": "B2", "n": 1})
    run = (await api.flows.RunFlow(request, **call)).run
    assert run.trace_id == "ab" * 16
    assert run.metadata["ward"] == "B2"

    seen = [message async for message in api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run.id), **api.auth())]
    assert seen[0].HasField("snapshot")
    events = [message for message in seen if message.HasField("event")]
    assert [message.sequence for message in events] == list(range(1, len(events) + 1))
    assert events[-1].event.kind == runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED
    read = [message.event.page for message in events if message.event.kind == runs_pb2.RUN_EVENT_KIND_PAGE_DONE]
    assert sorted(page.page_number for page in read) == [1, 2, 3]
    assert {(page.engine, page.words) for page in read} == {("text-layer", 7)}

    pages = await api.runs.ListPages(runs_pb2.ListPagesRequest(run_id=run.id, page_size=2), **api.auth())
    assert ([page.page_number for page in pages.pages], pages.total) == ([1, 2], 3)
    token = pages.next_page_token
    rest = await api.runs.ListPages(runs_pb2.ListPagesRequest(run_id=run.id, page_token=token), **api.auth())
    assert ([page.page_number for page in rest.pages], rest.next_page_token) == ([3], "")
    assert (
        await api.documents.GetDocument(documents_pb2.GetDocumentRequest(document_id=document.id), **api.auth())
    ).document.page_count == 3


async def test_output_evidence_and_text_are_given(api: Api) -> None:
    """A run that succeeded has its output as a value or as text, its evidence if asked for, and each page its words."""
    run_id = await api.run()
    await to_the_end(api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **api.auth()))
    found = Evidence(path="/total", page=1, box=Box(1.5, 2.5, 3.0, 4.0), words=("25,50",), confidence=0.9)
    outcome = DocumentOutcome(
        output={"total": 25.5, "number": "A-1"}, evidence=(found,), warnings=("one page was skipped",)
    )
    line = Line((Word("Total", Box(0.1, 0.2, 0.3, 0.4), 0.875),))
    page = Page(number=1, width=595.0, height=842.0, unit=Unit.POINT, engine="text-layer", lines=(line,))
    blobs = api.bench.engine.ctx.blobs
    await blobs.put(f"runs/{run_id}/output.json", outcome_to_json(outcome))
    await blobs.put("pages/1.json", page_to_json(page))

    run = (await api.runs.GetRun(runs_pb2.GetRunRequest(run_id=run_id), **api.auth())).run
    assert json_format.MessageToDict(run.output) == {"total": 25.5, "number": "A-1"}
    assert (list(run.warnings), len(run.evidence), run.output_json) == (["one page was skipped"], 0, "")
    request = runs_pb2.GetRunRequest(run_id=run_id, include_evidence=True, output_as_json=True)
    run = (await api.runs.GetRun(request, **api.auth())).run
    assert run.output_json == '{"total":25.5,"number":"A-1"}'
    assert [(e.path, e.page_number, e.bbox.x, list(e.words)) for e in run.evidence] == [("/total", 1, 1.5, ["25,50"])]

    shown = (await api.runs.GetPage(runs_pb2.GetPageRequest(run_id=run_id, page_number=1), **api.auth())).page
    assert (shown.status, shown.text.unit) == (pages_pb2.PAGE_STATUS_DONE, pages_pb2.LENGTH_UNIT_POINT)
    (word,) = shown.text.lines[0].words
    assert (word.text, word.confidence, word.bbox.w) == ("Total", 0.875, 0.3)
    code, info = await refusal(api.runs.GetPage(runs_pb2.GetPageRequest(run_id=run_id, page_number=9), **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "PAGE_NOT_FOUND")


async def test_a_watch_resumes_after_any_number(api: Api) -> None:
    """A second watch gives exactly the events after its number; a number beyond the end is OUT_OF_RANGE."""
    run_id = await api.run()
    first = [m async for m in api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **api.auth())]
    last = first[-1].sequence
    for after in range(last + 1):
        request = runs_pb2.WatchRunRequest(run_id=run_id, after_sequence=after)
        again = [m async for m in api.runs.WatchRun(request, **api.auth())]
        assert [m.sequence for m in again if m.HasField("event")] == list(range(after + 1, last + 1))
        assert again[0].sequence == after
    beyond = runs_pb2.WatchRunRequest(run_id=run_id, after_sequence=last + 1)
    code, info = await refusal(api.runs.WatchRun(beyond, **api.auth()).read())
    assert (code, info.reason) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE")


async def test_cancel(api: Api) -> None:
    """A run that nobody works on is cancelled at once; a second cancel says that it was."""
    api.bench.peer.answer = lambda job: None
    run_id = await api.run()
    request = runs_pb2.CancelRunRequest(run_id=run_id)
    cancelled = (await api.runs.CancelRun(request, **api.auth())).run
    assert cancelled.status == runs_pb2.RUN_STATUS_CANCELLED
    assert cancelled.HasField("cancelled_at")
    code, info = await refusal(api.runs.CancelRun(request, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RUN_ALREADY_CANCELLED")
    listed = await api.runs.ListRuns(
        runs_pb2.ListRunsRequest(filter=runs_pb2.RunFilter(statuses=[runs_pb2.RUN_STATUS_CANCELLED])), **api.auth()
    )
    assert [run.id for run in listed.runs] == [run_id]


async def test_another_organization_sees_nothing(api: Api) -> None:
    """To another organization's key the run does not exist, whatever it asks."""
    run_id = await api.run()
    stranger = await api.operator.create_organization("others", "doclo.free")
    call = api.auth(await api.new_key(org_id=stranger.id))
    for asked in (
        api.runs.GetRun(runs_pb2.GetRunRequest(run_id=run_id), **call),
        api.runs.CancelRun(runs_pb2.CancelRunRequest(run_id=run_id), **call),
        api.runs.ListPages(runs_pb2.ListPagesRequest(run_id=run_id), **call),
        api.runs.GetPage(runs_pb2.GetPageRequest(run_id=run_id, page_number=1), **call),
        api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **call).read(),
    ):
        code, info = await refusal(asked)
        assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND")


async def test_flows_are_created_and_shown(api: Api) -> None:
    """A flow is created with its schemas and shown as it was sent; the same version again is refused."""
    request = flows_pb2.CreateFlowRequest(
        id="letters",
        version="1.0.0",
        name="Letters",
        config=flows_pb2.FlowConfig(
            supported_formats=["application/pdf"], max_file_size_mb=5, max_pages=3, estimated_credits_per_page=1
        ),
    )
    request.definition.update(
        {
            "version": "1.0.0",
            "steps": [{"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}],
        }
    )
    created = (await api.flows.CreateFlow(request, **api.auth())).flow
    shown = (await api.flows.GetFlow(flows_pb2.GetFlowRequest(flow_id="letters"), **api.auth())).flow
    assert created == shown
    assert (list(shown.versions), shown.config) == (["1.0.0"], request.config)
    code, info = await refusal(api.flows.CreateFlow(request, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "VERSION_EXISTS")
    for asked, reason in (
        (flows_pb2.GetFlowRequest(flow_id="nope"), "FLOW_NOT_FOUND"),
        (flows_pb2.GetFlowRequest(flow_id="letters", version="9.9.9"), "VERSION_NOT_FOUND"),
    ):
        code, info = await refusal(api.flows.GetFlow(asked, **api.auth()))
        assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_health(api: Api) -> None:
    """Health needs no key and follows `set_serving`, for the server and for each service."""
    stub = health_pb2_grpc.HealthStub(api.channel)
    for name in ("", "docmill.v1.RunService", "docmill.v1.FlowService", "docmill.v1.DocumentService"):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await api.server.set_serving(serving=False)
    answer = await stub.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def services_told(channel: grpc.aio.Channel) -> set[str]:
    """What the server's reflection lists."""
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    (answer,) = [answer async for answer in stub.ServerReflectionInfo(asked)]
    return {service.name for service in answer.list_services_response.service}


async def test_reflection_can_be_switched(api: Api, sqlite_url: str) -> None:
    """Tools can ask for the contract, unless the operator says no."""
    assert await services_told(api.channel) >= {"docmill.v1.RunService", "grpc.health.v1.Health"}
    server = RpcServer(api.bench.engine, ServerOptions(reflection=False))
    (address,) = await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await services_told(channel)
        assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(grace_s=0)


async def test_an_unknown_method_is_unimplemented(api: Api) -> None:
    """A method of a newer contract is UNIMPLEMENTED, not a crash."""
    call = api.channel.unary_unary("/docmill.v1.RunService/DeleteRun")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(b"", **api.auth())
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_garbage_is_refused(api: Api) -> None:
    """Bytes that are no message end the call, and the server goes on."""
    call = api.channel.unary_unary("/docmill.v1.RunService/GetRun")
    with pytest.raises(grpc.aio.AioRpcError):
        await call(b"\xff\xff\xff", **api.auth())
    assert await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())


async def test_calls_have_a_deadline_even_without_one(sqlite_url: str) -> None:
    """A call that names no deadline ends with DEADLINE when the server's limit passes."""
    async with served(sqlite_url, ServerOptions(call_timeout_s=0.2)) as api:
        api.bench.peer.answer = lambda job: None
        request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF))
        metadata = api.auth()["metadata"]
        code, info = await refusal(api.flows.RunFlow(request, metadata=metadata))
        assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE")


async def test_a_long_watch_ends_so_that_it_can_be_resumed(sqlite_url: str) -> None:
    """A watch that outlives the server's limit ends with UNAVAILABLE, which clients take as: resume."""
    async with served(sqlite_url, ServerOptions(stream_timeout_s=0.3)) as api:
        api.bench.peer.answer = lambda job: None
        run_id = await api.run()
        watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), metadata=api.auth()["metadata"])
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await to_the_end(watch)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert error_info(failed.value).reason == "OVERLOADED"


async def test_stop_lets_calls_finish_and_sends_watches_away(sqlite_url: str) -> None:
    """On stop a unary call in flight is answered, a watch ends at once with UNAVAILABLE, new calls are refused."""
    async with served(sqlite_url) as api:
        api.bench.peer.answer = lambda job: None
        watched = await api.run()
        watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=watched), **api.auth())
        assert (await watch.read()).HasField("snapshot")
        slow = asyncio.ensure_future(api.run())
        before = len(api.bench.peer.seen)
        await until(lambda: len(api.bench.peer.seen) > before)  # in flight: its probe is on the bus
        stopping = asyncio.ensure_future(api.server.stop(grace_s=10))
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await to_the_end(watch)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not slow.done()
        assert (await slow).startswith("run_")
        await asyncio.wait_for(stopping, timeout=10)
        with pytest.raises(grpc.aio.AioRpcError):
            await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **{**api.auth(), "timeout": 2})


async def test_a_client_that_leaves_ends_its_watch(api: Api) -> None:
    """When a client cancels its watch, the server lets go of it and goes on serving."""
    api.bench.peer.answer = lambda job: None
    run_id = await api.run()
    watch = api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **api.auth())
    await watch.read()
    with structlog.testing.capture_logs() as lines:
        watch.cancel()
        await until(lambda: any(line.get("event_key") == "rpc.finished" for line in lines))
    assert [line["code"] for line in lines if line.get("event_key") == "rpc.finished"] == ["CANCELLED"]
    assert await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())


async def test_a_part_that_is_away_is_unavailable(api: Api) -> None:
    """When the database does not answer, the client hears that trying again helps, and nothing of the inside."""
    await api.store.aclose()  # the record goes away under the server's feet
    code, info = await refusal(api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")


async def test_our_fault_is_not_told(api: Api, sqlite_url: str) -> None:
    """A fault inside is INTERNAL without a word about the inside; the log has the traceback and the request's id."""
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite://"))) as database:
        database.execute("DROP TABLE flow_versions")
    call = api.auth()
    call["metadata"] = (*call["metadata"], ("x-request-id", "req-7"))
    with (
        structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines,
        pytest.raises(grpc.aio.AioRpcError) as failed,
    ):
        await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **call)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    told = f"{failed.value.details()} {error_info(failed.value)}"
    assert "flow_versions" not in told
    assert dict(failed.value.trailing_metadata() or ())["x-request-id"] == "req-7"
    (crash,) = [line for line in lines if line["event_key"] == "rpc.crashed"]
    assert crash["exc_info"]
    assert crash["request_id"] == "req-7"


async def test_each_call_is_logged_once_with_its_ids(api: Api) -> None:
    """A call leaves one line: method, code, duration, who called; and the id it was given comes back."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        call = api.runs.GetRun(runs_pb2.GetRunRequest(run_id="run_nope"), **api.auth())
        code, _ = await refusal(call)
    assert code is grpc.StatusCode.NOT_FOUND
    (line,) = [line for line in lines if line.get("event_key") == "rpc.finished"]
    assert (line["method"], line["code"], line["reason"]) == (
        "/docmill.v1.RunService/GetRun",
        "NOT_FOUND",
        "RUN_NOT_FOUND",
    )
    assert line["org_id"].startswith("org_")
    assert line["duration_ms"] >= 0
    assert dict(await call.trailing_metadata())["x-request-id"] == line["request_id"]
    assert api.key not in json.dumps(lines, default=str)


async def test_unix_socket_and_two_listeners(api: Api, tmp_path: Path) -> None:
    """One server listens on several addresses, a Unix socket among them, and tells the real ports."""
    socket = f"unix:{tmp_path / 's.sock'}"
    server = RpcServer(api.bench.engine, ServerOptions(listen=("127.0.0.1:0", socket)))
    addresses = await server.start()
    assert addresses == server.addresses
    assert not addresses[0].endswith(":0")
    for address in addresses:
        async with grpc.aio.insecure_channel(address) as channel:
            stub = flows_pb2_grpc.FlowServiceStub(channel)
            assert (await stub.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth())).total
    await server.stop(grace_s=0)


async def test_a_taken_port_is_an_error(api: Api) -> None:
    """A second server on the same port does not start in silence."""
    second = RpcServer(api.bench.engine, ServerOptions(listen=api.server.addresses))
    with pytest.raises(RuntimeError):
        await second.start()


async def test_large_documents_fit_into_a_message(api: Api) -> None:
    """A document of 50 MiB goes through RunFlow in one message."""
    request = flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF + bytes(50 * 2**20 - len(PDF))))
    async with grpc.aio.insecure_channel(
        api.server.addresses[0], options=[("grpc.max_send_message_length", -1)]
    ) as channel:
        answer = await flows_pb2_grpc.FlowServiceStub(channel).RunFlow(request, **api.auth())
    assert answer.run.id
