"""Credits, idempotency keys, labels and what belongs to documents and runs, as callers of the gRPC API meet them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from google.protobuf import json_format

from docmill.domain.models import Mode, Scope
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.extract.outcome import DocumentOutcome, outcome_to_json
from docmill.ocr.codec import page_to_json
from docmill.v1 import documents_pb2, flows_pb2, runs_pb2
from tests.fixtures.rpc import PDF, Api, inline, refusal, served, to_the_end


@pytest_asyncio.fixture
async def api(sqlite_url: str) -> AsyncIterator[Api]:
    """A server with its usual options."""
    async with served(sqlite_url) as api:
        yield api


@pytest_asyncio.fixture
async def live(api: Api) -> dict[str, object]:
    """Arguments of a call with a live key of the default organization, which has 4 credits."""
    org_id = (await api.operator.default_organization()).id
    await api.operator.credits.grant(org_id, 4)
    _, key = await api.operator.create_key(org_id, Mode.LIVE, "live", frozenset(Scope))
    return api.auth(key)


def text_run(**given: object) -> flows_pb2.RunFlowRequest:
    """A run of the text flow over a document that comes along."""
    return flows_pb2.RunFlowRequest(flow_id="document-text", input=inline(PDF), **given)  # type: ignore[arg-type]  # by name


async def ended(api: Api, run_id: str, call: dict[str, object]) -> runs_pb2.Run:
    """The run, once it has ended."""
    await to_the_end(api.runs.WatchRun(runs_pb2.WatchRunRequest(run_id=run_id), **call))
    return (await api.runs.GetRun(runs_pb2.GetRunRequest(run_id=run_id), **call)).run


async def upload(api: Api, call: dict[str, object], **metadata: str) -> documents_pb2.Document:
    """An uploaded document."""
    first = documents_pb2.UploadDocumentRequest(metadata=documents_pb2.DocumentMetadata(**metadata))
    messages = [first, documents_pb2.UploadDocumentRequest(chunk=PDF)]
    return (await api.documents.UploadDocument(iter(messages), **call)).document


async def test_too_few_credits_have_both_numbers(api: Api, live: dict[str, object]) -> None:
    """The first run has its credits, the second would need one page more than are left of them."""
    run = (await api.flows.RunFlow(text_run(), **live)).run
    assert (await ended(api, run.id, live)).metrics.credits_used == 3
    code, info = await refusal(api.flows.RunFlow(text_run(), **live))
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CREDITS_INSUFFICIENT")
    assert dict(info.metadata) == {"required": "3", "available": "1"}


async def test_an_estimate_tells_what_a_run_would_cost(api: Api, live: dict[str, object]) -> None:
    """For a number of pages or a document; test keys hear that it is free, and of nobody's credits."""
    by_pages = flows_pb2.EstimateRunRequest(flow_id="document-text", version="latest", page_count=5)
    estimate = (await api.flows.EstimateRun(by_pages, **live)).estimate
    assert (estimate.flow_id, estimate.page_count, estimate.credits) == ("document-text", 5, 5)
    assert (estimate.available, estimate.sufficient) == (4, False)
    document = await upload(api, live)
    by_document = flows_pb2.EstimateRunRequest(flow_id="document-text", document_id=document.id)
    estimate = (await api.flows.EstimateRun(by_document, **live)).estimate
    assert (estimate.page_count, estimate.credits, estimate.sufficient) == (3, 3, True)
    free = (await api.flows.EstimateRun(by_pages, **api.auth())).estimate
    assert (free.credits, free.HasField("available"), free.sufficient) == (0, False, True)
    nothing = flows_pb2.EstimateRunRequest(flow_id="document-text")
    code, info = await refusal(api.flows.EstimateRun(nothing, **live))
    assert (code, info.reason, info.metadata["field"]) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "FIELD_MISSING",
        "source",
    )
    assert "one of document_id, page_count is required" in info.metadata["reason"]


async def test_an_idempotency_key_gives_its_run(api: Api) -> None:
    """As it is now; another request under the key is ALREADY_EXISTS and names the run."""
    first = (await api.flows.RunFlow(text_run(idempotency_key="order 7"), **api.auth())).run
    await ended(api, first.id, api.auth())
    again = (await api.flows.RunFlow(text_run(idempotency_key="order 7"), **api.auth())).run
    assert (again.id, again.status) == (first.id, runs_pb2.RUN_STATUS_SUCCEEDED)
    other = text_run(idempotency_key="order 7")
    other.input.variables.update({"a": 1})
    code, info = await refusal(api.flows.RunFlow(other, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_CONFLICT")
    assert info.metadata["runId"] == first.id
    code, info = await refusal(api.flows.RunFlow(text_run(idempotency_key="ä"), **api.auth()))
    assert (info.reason, info.metadata["field"]) == ("FIELD_INVALID", "idempotency_key")


async def test_runs_are_listed_by_label(api: Api) -> None:
    """And show their labels."""
    run = (await api.flows.RunFlow(text_run(labels={"ward": "B2"}), **api.auth())).run
    await api.flows.RunFlow(text_run(), **api.auth())
    for label, found in (("ward=B2", [run.id]), ("ward", [run.id]), ("ward=B3", [])):
        request = runs_pb2.ListRunsRequest(filter=runs_pb2.RunFilter(label=label))
        listed = await api.runs.ListRuns(request, **api.auth())
        assert ([each.id for each in listed.runs], listed.total) == (found, len(found))
        assert all(dict(each.labels) == {"ward": "B2"} for each in listed.runs)


async def test_documents_are_deleted(api: Api) -> None:
    """Unless a run is over them; strangers find nothing to delete."""
    document = await upload(api, api.auth())
    request = documents_pb2.DeleteDocumentRequest(document_id=document.id)
    stranger = await api.new_key(org_id=(await api.operator.create_organization("others", "doclo.free")).id)
    code, info = await refusal(api.documents.DeleteDocument(request, **api.auth(stranger)))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND")
    await api.documents.DeleteDocument(request, **api.auth())
    code, info = await refusal(api.documents.DeleteDocument(request, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "DOCUMENT_NOT_FOUND")
    run = (await api.flows.RunFlow(text_run(), **api.auth())).run
    used = documents_pb2.DeleteDocumentRequest(document_id=run.document_id)
    code, info = await refusal(api.documents.DeleteDocument(used, **api.auth()))
    assert (code, info.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "DOCUMENT_IN_USE")


async def test_an_upload_may_name_its_flow(api: Api) -> None:
    """One that the caller can see."""
    assert (await upload(api, api.auth(), flow_id="document-text", version="latest")).size == len(PDF)
    for flow_id, version, reason in (
        ("nothing", "", "FLOW_NOT_FOUND"),
        ("document-text", "9.9.9", "VERSION_NOT_FOUND"),
    ):
        code, info = await refusal(upload(api, api.auth(), flow_id=flow_id, version=version))
        assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_artifacts_and_step_metrics_come_when_asked_for(api: Api) -> None:
    """Otherwise they are left out; the number of steps is always there."""
    run_id = await api.run()
    plain = await ended(api, run_id, api.auth())
    assert (plain.metrics.steps_run, plain.metrics.steps_total) == (1, 1)
    assert (len(plain.metrics.steps), plain.HasField("artifacts")) == (0, False)
    line = Line((Word("Total", Box(0.1, 0.2, 0.3, 0.4), 0.875),))
    page = Page(number=1, width=595.0, height=842.0, unit=Unit.POINT, engine="text-layer", lines=(line,))
    blobs = api.bench.engine.ctx.blobs
    await blobs.put("pages/1.json", page_to_json(page))
    outcome = DocumentOutcome(output={"a": 1}, artifacts={"kind": {"type": "categorize", "category": "letter"}})
    await blobs.put(f"runs/{run_id}/output.json", outcome_to_json(outcome))
    request = runs_pb2.GetRunRequest(run_id=run_id, include_artifacts=True, include_step_metrics=True)
    run = (await api.runs.GetRun(request, **api.auth())).run
    assert json_format.MessageToDict(run.artifacts) == {
        "read": {
            "type": "parse",
            "pageCount": 3,
            "pages": [{"pageNumber": 1, "text": "Total"}],
            "truncated": True,  # the peer's other pages were never kept
        },
        "kind": {"type": "categorize", "category": "letter"},
    }
    assert [(step.step, step.node_type) for step in run.metrics.steps] == [("read", "parse")]


@pytest.mark.parametrize("include", [True, False])
async def test_a_running_run_has_no_metrics(api: Api, include: bool) -> None:  # noqa: FBT001 - both ways
    """Asked for or not: they are what an ended run took."""
    api.bench.peer.answer = lambda job: None
    request = runs_pb2.GetRunRequest(run_id=await api.run(), include_step_metrics=include)
    assert not (await api.runs.GetRun(request, **api.auth())).run.HasField("metrics")
