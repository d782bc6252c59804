"""The documented surface over HTTP, in front of a real engine: what its callers meet."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from docmill.domain.errors import Fault, Reason
from docmill.domain.messages import JobMessage, JobResult
from docmill.domain.models import JobKind, Scope
from tests.fixtures.engine import done, failed, lab_report
from tests.fixtures.rest_house import BASE64, OUTPUT, House, order
from tests.fixtures.rpc import until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_flows_are_listed_in_both_envelopes(house: House) -> None:
    """`flows` and `total` for readers of the REST pages, `data` and `hasMore` for the client; offset and cursor page."""
    everything = (await house.rest.get("/flows")).json()
    ids = [flow["id"] for flow in everything["flows"]]
    assert "document-text" in ids
    assert everything["data"] == everything["flows"]
    assert (everything["total"], everything["limit"], everything["offset"]) == (len(ids), 50, 0)
    assert (everything["hasMore"], "nextCursor" in everything) == (False, False)
    assert TIME.fullmatch(everything["flows"][0]["createdAt"])

    first = (await house.rest.get("/flows", params={"limit": 1})).json()
    assert (first["limit"], first["hasMore"], len(first["data"])) == (1, True, 1)
    second = (await house.rest.get("/flows", params={"limit": 1, "cursor": first["nextCursor"], "offset": 7})).json()
    assert [flow["id"] for flow in second["flows"]] == ids[1:2]
    skipped = (await house.rest.get("/flows", params={"limit": 1, "offset": 1})).json()
    assert ([flow["id"] for flow in skipped["flows"]], skipped["offset"]) == (ids[1:2], 1)
    assert (await house.rest.get("/flows", params={"limit": 1000})).json()["limit"] == 100


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=", "offset=-1", "offset=x", "cursor=x"]
)
async def test_bad_paging(house: House, query: str) -> None:
    """What cannot be a page is refused, and the parameter is named."""
    answer = await house.rest.get(f"/flows?{query}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["details"]["field"] == query.partition("=")[0]


async def test_a_flow_is_shown(house: House) -> None:
    """All places where readers look for its schemas, its versions and its limits; `latest` is the newest version."""
    await house.api.bench.engine.create_flow(await _caller(house), lab_report("lab-report"))
    flow = (await house.rest.get("/flows/lab-report")).json()
    assert (flow["id"], flow["version"], flow["versions"]) == ("lab-report", "1.0.0", ["1.0.0"])
    assert flow["schema"]["input"]["properties"]["document"]["required"] == ["base64"]
    assert flow["schema"]["output"]["properties"] == {"hemoglobin": {"type": "number"}}
    assert flow["inputSchema"]["required"] == ["units"]
    assert flow["config"]["supportedFormats"] == ["application/pdf"]
    assert {"maxFileSizeMB", "maxPages", "estimatedCreditsPerPage"} <= set(flow["config"])
    assert (await house.rest.get("/flows/lab-report?version=latest")).json() == flow
    for path, code in {
        "/flows/lab-report?version=9.9.9": "VERSION_NOT_FOUND",
        "/flows/nobody%2Fs": "FLOW_NOT_FOUND",
    }.items():
        answer = await house.rest.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


async def test_a_run_is_started_and_polled(house: House) -> None:
    """As the pages document it: queued at once, and in the end the output in its own order, with all metrics."""
    started = await house.run(metadata={"ward": "B2", "n": 1}, labels={"team": "lab"})
    assert (started["status"], started["flowId"], started["metadata"]) == (
        "queued",
        "document-text",
        {"ward": "B2", "n": 1},
    )
    ended = await _ended(house, started["id"])
    assert (ended["status"], ended["output"]) == ("success", OUTPUT)
    raw = (await house.rest.get(f"/runs/{started['id']}")).text
    assert '"output":{"zebra":1,"apple":[1.5,null,"ä"],"total":25.5}' in raw
    assert {"durationMs", "pageCount", "creditsUsed", "tokensUsed", "cost", "stepsRun", "stepsTotal"} <= set(
        ended["metrics"]
    )
    assert (ended["metrics"]["pageCount"], ended["labels"]) == (3, {"team": "lab"})
    assert ended["duration"] == ended["metrics"]["durationMs"]
    assert all(TIME.fullmatch(ended[name]) for name in ("createdAt", "startedAt", "completedAt"))
    assert not {"error", "progress", "cancelledAt", "evidence"} & set(ended)
    shown = (await house.rest.get(f"/runs/{started['id']}?include=evidence,nonsense")).json()
    assert [(found["path"], found["words"]) for found in shown["evidence"]] == [("/total", ["25,50"])]
    sure = [found["path"] for found in shown["evidence"] if found["confidence"] >= 0.85]
    assert [*shown["lowConfidence"], *sure] == ["/total"]


async def test_a_run_is_waited_for(house: House) -> None:
    """`wait` answers with the ended run and its output, whether it succeeded or failed."""
    waited = await house.run(wait=True, timeout=20_000)
    assert (waited["status"], waited["output"]) == ("success", OUTPUT)

    house.api.bench.peer.answer = _unreadable
    broken = await house.rest.post("/flows/document-text/run", order(wait=True))
    run = broken.json()
    assert (broken.status_code, run["status"], "output" in run) == (200, "failed", False)
    assert run["error"]["code"] == "EXTRACTION_FAILED"
    assert run["error"]["details"]["reason"] == "extraction_failed"
    assert isinstance(run["error"]["step"], str)


async def test_a_wait_that_runs_out(house: House) -> None:
    """504 names the run, in the body and in a header; the run goes on and can be polled."""
    house.hold(JobKind.PAGE)
    answer = await house.rest.post("/flows/document-text/run", order(wait=True, timeout=200))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (504, "EXECUTION_TIMEOUT")
    run_id = error["details"]["executionId"]
    assert answer.headers["x-doclo-execution-id"] == run_id
    assert error["details"]["timeoutMs"] == 200
    assert error["details"]["status"] in {"queued", "running"}
    assert (await house.rest.get(f"/runs/{run_id}")).json()["status"] in {"queued", "running"}


@pytest.mark.parametrize("wrong", [0, -5, "30", True, [1]])
async def test_a_timeout_that_is_none(house: House, wrong: Any) -> None:
    """A wait needs a number above zero; without a wait nobody looks at it, and a long one is cut to a minute."""
    answer = await house.rest.post("/flows/document-text/run", order(wait=True, timeout=wrong))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["field"]) == (422, "VALIDATION_ERROR", "timeout")
    assert (await house.run(timeout=wrong))["status"] == "queued"
    assert (await house.run(wait=True, timeout=10**9))["status"] == "success"


async def test_a_client_that_leaves_does_not_stop_its_run(house: House) -> None:
    """The run goes on when the client that waited for it goes away; nobody watches it for that client any more."""
    held = house.hold(JobKind.PAGE)
    request = asyncio.create_task(house.rest.post("/flows/document-text/run", order(wait=True)))
    watches = house.api.server._deadlines._watches
    await until(lambda: bool(held and watches))
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await until(lambda: not watches)
    house.work()
    for job in held:
        await house.api.bench.peer.bus.publish_result(done(job))
    assert (await _ended(house, held[0].run_id))["status"] == "success"


async def test_a_run_is_cancelled(house: House) -> None:
    """Cancelled at once, with an empty body of the type JSON as the client sends it; twice, or too late, is refused."""
    house.hold(JobKind.PAGE)
    run_id = (await house.run(metadata={"a": 1}))["id"]
    answer = await house.rest.post(f"/runs/{run_id}/cancel", headers={"content-type": "application/json"})
    run = answer.json()
    assert (answer.status_code, run["status"], run["metadata"]) == (200, "cancelled", {"a": 1})
    assert run["cancelledAt"] == run["completedAt"]
    again = await house.rest.post(f"/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_CANCELLED")
    house.work()
    ended = await house.run(wait=True)
    late = await house.rest.post(f"/runs/{ended['id']}/cancel")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "NOT_CANCELLABLE")


async def test_a_waiting_request_hears_of_a_cancel(house: House) -> None:
    """Whoever waits for a run that somebody cancels gets the cancelled run."""
    held = house.hold(JobKind.PAGE)
    waiting = asyncio.create_task(house.rest.post("/flows/document-text/run", order(wait=True)))
    await until(lambda: bool(held))
    await house.rest.post(f"/runs/{held[0].run_id}/cancel")
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_the_words_of_the_pages(house: House) -> None:
    """A header asks for `pending` and `completed`; both vocabularies are understood where runs are listed."""
    rest = {"x-doclo-status-vocabulary": "rest"}
    started = await house.rest.post("/flows/document-text/run", order(), headers=rest)
    assert started.json()["status"] == "pending"
    run_id = started.json()["id"]
    await _ended(house, run_id)
    assert (await house.rest.get(f"/runs/{run_id}", headers=rest)).json()["status"] == "completed"
    assert (await house.rest.get(f"/runs/{run_id}", headers={**rest, "x-doclo-status-vocabulary": "?"})).json()[
        "status"
    ] == "success"
    for words in ("completed", "success", "failed,completed"):
        (listed,) = (await house.rest.get("/runs", params={"status": words}, headers=rest)).json()["data"]
        assert (listed["id"], listed["status"]) == (run_id, "completed")


async def test_runs_are_listed(house: House) -> None:
    """Newest first, with every condition the pages of others leave out: state, flow, time; a wrong word is named."""
    ids = [(await house.run(wait=True))["id"] for _ in range(3)]
    page = (await house.rest.get("/runs?limit=2")).json()
    assert [run["id"] for run in page["runs"]] == ids[:0:-1]
    assert (page["data"], page["total"], page["hasMore"]) == (page["runs"], 3, True)
    rest = (await house.rest.get("/runs", params={"limit": 2, "cursor": page["nextCursor"]})).json()
    assert ([run["id"] for run in rest["runs"]], rest["hasMore"]) == (ids[:1], False)
    created = page["runs"][0]["createdAt"]
    assert (await house.rest.get("/runs", params={"createdAfter": "2999-01-01T00:00:00Z"})).json()["total"] == 0
    assert (await house.rest.get("/runs", params={"createdBefore": created})).json()["total"] == 2
    assert (await house.rest.get("/runs?flowId=other")).json()["runs"] == []
    for query, field in {"status=done": "status", "createdAfter=now": "createdAfter", "limit=x": "limit"}.items():
        answer = await house.rest.get(f"/runs?{query}")
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, field)


async def test_pages(house: House) -> None:
    """Pages are listed in order and shown with words and boxes."""
    run_id = (await house.run(wait=True))["id"]
    listed = (await house.rest.get(f"/runs/{run_id}/pages?limit=2")).json()
    assert [page["pageNumber"] for page in listed["pages"]] == [1, 2]
    assert (listed["pages"][0]["status"], listed["total"], listed["hasMore"]) == ("done", 3, True)
    page = (await house.rest.get(f"/runs/{run_id}/pages/1")).json()
    assert (page["text"]["unit"], page["text"]["width"]) == ("point", 595)
    assert page["text"]["lines"][0]["words"][0] == {
        "text": "Total",
        "bbox": {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4},
        "confidence": 0.875,
    }
    for number, status, code in ((99, 404, "PAGE_NOT_FOUND"), ("x", 422, "VALIDATION_ERROR")):
        answer = await house.rest.get(f"/runs/{run_id}/pages/{number}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_flow_is_created(house: House) -> None:
    """In the JSON of the flow files; the same version again is a conflict."""
    flow = {
        "id": "my-text",
        "version": "1.0.0",
        "name": "My text",
        "config": {"supportedFormats": ["application/pdf"], "maxFileSizeMB": 5, "maxPages": 3},
        "definition": {
            "version": "1.0.0",
            "steps": [{"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}],
        },
    }
    created = await house.rest.post("/flows", flow)
    assert (created.status_code, created.json()["config"]["maxFileSizeMB"]) == (200, 5)
    assert (await house.rest.get("/flows/my-text")).json() == created.json()
    again = await house.rest.post("/flows", flow)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "VERSION_EXISTS")
    wrong = await house.rest.post("/flows", {**flow, "version": "one"})
    assert (wrong.status_code, wrong.json()["error"]["details"]["field"]) == (422, "version")


async def test_bad_keys(house: House) -> None:
    """401 UNAUTHORIZED whatever is wrong with a key; the details say what."""
    for header, reason in {
        "": "missing",
        "Basic YTpi": "malformed",
        "Bearer hello": "malformed",
        f"Bearer {house.api.key[:-4]}AAAA": "unknown",
        "Bearer ké": "malformed",
        f"Bearer {'x' * 30_000}": "malformed",
    }.items():
        headers = {"authorization": header.encode()} if header else {}
        answer = await house.rest.http.get(f"{house.rest.url}/flows", headers={**headers})
        if not header:
            del house.rest.http.headers["authorization"]
            answer = await house.rest.get("/flows")
            house.rest.http.headers["authorization"] = f"Bearer {house.api.key}"
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["details"]["reason"]) == (401, "UNAUTHORIZED", reason)
        assert answer.headers["x-request-id"] == error["details"]["requestId"]


async def test_a_missing_scope(house: House) -> None:
    """403 FORBIDDEN; the message ends with the scope."""
    reader = {"authorization": f"Bearer {await house.api.new_key(Scope.FLOWS_READ)}"}
    answer = await house.rest.post("/flows/document-text/run", order(), headers=reader)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "FORBIDDEN")
    assert error["message"].endswith("flows:execute")
    assert error["details"]["requiredScope"] == "flows:execute"


async def test_a_key_that_may_only_start_runs_waits_for_none(house: House) -> None:
    """The answer to its `wait` is the run as it was accepted: it may not look at what comes out."""
    starter = {"authorization": f"Bearer {await house.api.new_key(Scope.FLOWS_EXECUTE)}"}
    answer = await house.rest.post("/flows/document-text/run", order(wait=True), headers=starter)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")


async def test_another_organization_sees_nothing(house: House) -> None:
    """Runs of others do not exist."""
    run_id = (await house.run())["id"]
    other = await house.api.operator.create_organization("other", "doclo.free")
    stranger = {"authorization": f"Bearer {await house.api.new_key(org_id=other.id)}"}
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/pages", f"/runs/{run_id}/events"):
        answer = await house.rest.get(path, headers=stranger)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "EXECUTION_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": None}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": {}}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": {"document": {}}}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": {"document": {"base64": ""}}}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": {"document": {"base64": None}}, "wait": "x"}, 400, "INVALID_INPUT", "input.document.base64"),
        ({"input": {"document": {"base64": 5}}}, 422, "VALIDATION_ERROR", "input.document.base64"),
        ({"input": {"document": {"base64": "*"}}}, 422, "VALIDATION_ERROR", "input.document.base64"),
        ({"input": "x"}, 422, "VALIDATION_ERROR", "input"),
        ({"input": {"document": "x"}}, 422, "VALIDATION_ERROR", "input.document"),
        (order(wait="yes"), 422, "VALIDATION_ERROR", "wait"),
        (order(metadata=[1]), 422, "VALIDATION_ERROR", "metadata"),
        (order(metadata={"a": {"b": {"c": {"d": {"e": {}}}}}}), 422, "VALIDATION_ERROR", "metadata"),
        (order(metadata={"a": "x" * 20_000}), 422, "VALIDATION_ERROR", "metadata"),
        (order(labels={"a": 1}), 422, "VALIDATION_ERROR", "labels.a"),
        (order(version=1), 422, "VALIDATION_ERROR", "version"),
        (order(priority="now"), 422, "VALIDATION_ERROR", "priority"),
        (order(idempotencyKey="ä"), 422, "VALIDATION_ERROR", "idempotencyKey"),
        (order(webhookUrl="http://x/" + "x" * 3000), 422, "VALIDATION_ERROR", "webhookUrl"),
        (order(webhookUrl="https://x", webhookSecret="short"), 422, "VALIDATION_ERROR", "webhookSecret"),
        (order(webhookUrl="https://x", webhookCancelled=1), 422, "VALIDATION_ERROR", "webhookCancelled"),
        ({"input": {"document": {"base64": "data:application/pdf;base64,"}}}, 422, "INVALID_DOCUMENT", None),
        ([1], 400, "INVALID_INPUT", None),
    ],
)
async def test_wrong_orders(house: House, body: Any, status: int, code: str, field: str | None) -> None:
    """What a run cannot be made of is refused with the field in the words of the body."""
    answer = await house.rest.post("/flows/document-text/run", body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"].get("field")) == (status, code, field), error
    if status == 400 and field:
        assert error["message"] == "Document base64 data is required"


async def test_unknown_fields_are_ignored(house: House) -> None:
    """What the surface does not know is nobody's business, also where the contract behind it has such a field."""
    run = await house.run(
        wait=True, async_=True, flowId="other", webhookFormat="mine", version="latest", priority="bulk"
    )
    assert (run["status"], run["flowId"]) == ("success", "document-text")


async def test_data_urls(house: House) -> None:
    """A data URL is as good as the base64 alone, and its type counts where none is given beside it."""
    document = {"base64": f"data:application/pdf;base64,{BASE64}"}
    answer = await house.rest.post("/flows/document-text/run", {"input": {"document": document}, "wait": True})
    run = answer.json()
    assert (answer.status_code, run["status"]) == (200, "success")
    shown = (await house.rest.get(f"/documents/{run['documentId']}")).json()
    assert shown["declaredMimeType"] == "application/pdf"


async def test_traces(house: House) -> None:
    """A caller's trace id is that of the run and of the answer; without one there is a fresh one."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await house.rest.post("/flows/document-text/run", order(), headers=headers)
    assert (answer.json()["traceId"], answer.headers["x-trace-id"]) == (trace, trace)
    other = await house.run()
    assert re.fullmatch("[0-9a-f]{32}", other["traceId"])


async def _ended(house: House, run_id: str) -> dict[str, Any]:
    """The run, polled until it has ended."""
    async with asyncio.timeout(20):
        while True:
            run: dict[str, Any] = (await house.rest.get(f"/runs/{run_id}")).json()
            if run["status"] in {"success", "failed", "cancelled"}:
                return run
            await asyncio.sleep(0.02)


async def _caller(house: House) -> Any:
    return await house.api.bench.engine.authenticate(house.api.key)


def _unreadable(job: JobMessage) -> JobResult:
    if job.kind is JobKind.DOCUMENT:
        return failed(job, Fault(reason=Reason.EXTRACTION_FAILED, message="Nothing could be read"))
    return done(job)
