"""The gRPC API in front of a real engine and a real record: what its callers meet."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from docmill.domain import pictures
from docmill.domain.models import Mode, Scope
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.extract import Evidence
from docmill.extract.outcome import DocumentOutcome, outcome_to_json
from docmill.ocr.codec import page_to_json
from docmill.v1 import documents_pb2, flows_pb2, pages_pb2, runs_pb2
from tests.fixtures.rpc import NO_KEY, PDF, Api, error_info, inline, refusal, served, to_the_end


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


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


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("dc_test_wrong", "behind dc_test_ come 8 letters or digits, an underscore and 40 letters or digits, 57 "),
        ("dc_test_wrong", "but this one has 13"),
        ("dc_live_12345678_" + "-" * 40, "57 characters in all; take"),
        ("af_short", "behind af_ come 40 letters or digits, 43 characters in all, but this one has 8"),
        ("hello", "those are dc_live_ or dc_test_ and then 8 letters or digits, an underscore and 40"),
    ],
)
async def test_a_malformed_key_is_told_what_keys_are(api: Api, key: str, says: str) -> None:
    """In words: whoever pasted half a key that begins right does not hear that it should begin so."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await api.flows.ListFlows(flows_pb2.ListFlowsRequest(), **api.auth(key))
    assert error_info(failed.value).metadata["reason"] == "malformed"
    assert says in str(failed.value.details())


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
        (flows_pb2.RunFlowRequest(flow_id="f"), "DOCUMENT_MISSING", "input.document.base64"),
        (
            flows_pb2.RunFlowRequest(flow_id="f", input=flows_pb2.RunInput()),
            "DOCUMENT_MISSING",
            "input.document.base64",
        ),
        (
            flows_pb2.RunFlowRequest(flow_id="f", input=flows_pb2.RunInput(document=flows_pb2.InlineDocument())),
            "DOCUMENT_MISSING",
            "input.document.base64",
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
    found = Evidence(path="/total", page=1, box=Box(1.5, 2.5, 3.0, 4.0), words=("25,50",), confidence=0.75)
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
    assert run.low_confidence == ["/total"]

    shown = (await api.runs.GetPage(runs_pb2.GetPageRequest(run_id=run_id, page_number=1), **api.auth())).page
    assert (shown.status, shown.text.unit) == (pages_pb2.PAGE_STATUS_DONE, pages_pb2.LENGTH_UNIT_POINT)
    (word,) = shown.text.lines[0].words
    assert (word.text, word.confidence, word.bbox.w) == ("Total", 0.875, 0.3)
    code, info = await refusal(api.runs.GetPage(runs_pb2.GetPageRequest(run_id=run_id, page_number=9), **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "PAGE_NOT_FOUND")


async def test_a_page_image_comes_in_pieces(api: Api) -> None:
    """The first piece names the type, none is larger than 64 KiB, together they are the picture; what is not there is said."""
    run_id = await api.run()
    picture = bytes(range(256)) * 1000
    organization = await api.operator.default_organization()
    key = pictures.key_of(organization.id, hashlib.sha256(PDF).hexdigest(), 2, 2000)
    await api.bench.engine.ctx.blobs.put(key, picture)
    request = runs_pb2.GetPageImageRequest(run_id=run_id, page_number=2)
    pieces = [piece.image async for piece in api.runs.GetPageImage(request, **api.auth())]
    assert b"".join(piece.data for piece in pieces) == picture
    assert [piece.content_type for piece in pieces] == ["image/png", *[""] * (len(pieces) - 1)]
    assert max(len(piece.data) for piece in pieces) <= 64 * 1024
    for page, side, code, reason in (
        (9, 0, grpc.StatusCode.NOT_FOUND, "PAGE_NOT_FOUND"),
        (0, 0, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"),
        (1, 8001, grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"),
    ):
        wrong = runs_pb2.GetPageImageRequest(run_id=run_id, page_number=page, max_side=side)
        told, info = await refusal(api.runs.GetPageImage(wrong, **api.auth()).read())
        assert (told, info.reason) == (code, reason)


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
        api.runs.GetPageImage(runs_pb2.GetPageImageRequest(run_id=run_id, page_number=1), **call).read(),
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
