"""What this surface has beyond its documents, in their style, and what it asks the services for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from docmill.v1 import accounts_pb2, documents_pb2, flows_pb2, runs_pb2, webhooks_pb2
from tests.fixtures.gateway import Rest, Script, gateway, scripted
from tests.fixtures.rest_house import OUTPUT, House, order
from tests.integration.test_client_watch import self_signed


@pytest.fixture
def script() -> Script:
    """Services that follow a script."""
    return Script()


@pytest_asyncio.fixture
async def rest(script: Script) -> AsyncIterator[Rest]:
    """A gateway in front of them."""
    async with scripted(script) as target, gateway(target, "k") as rest:
        yield rest


async def test_keys(rest: Rest, script: Script) -> None:
    """Listed in the usual envelope, made with the key shown once, revoked by id; the own one can be looked at."""
    key = accounts_pb2.Key(id="key_1", name="ci", mode=accounts_pb2.KEY_MODE_LIVE, scopes=["flows:read"], last4="abcd")
    shown = {"id": "key_1", "name": "ci", "mode": "live", "scopes": ["flows:read"], "last4": "abcd"}
    script.answers["ListKeys"] = accounts_pb2.ListKeysResponse(keys=[key], total=1)
    listed = (await rest.get("/keys?limit=500")).json()
    assert listed == {"keys": [shown], "data": [shown], "total": 1, "limit": 100, "hasMore": False}
    script.answers["CreateKey"] = accounts_pb2.CreateKeyResponse(key=key, secret="dc_live_x")
    body = {"name": "ci", "scopes": ["flows:read"], "expiresAt": "2027-01-01T00:00:00Z"}
    assert (await rest.post("/keys", body)).json() == {"key": shown, "secret": "dc_live_x"}
    assert script.seen[-1][1].expires_at.seconds == 1798761600
    script.answers["RevokeKey"] = accounts_pb2.RevokeKeyResponse(key=key)
    assert (await rest.http.delete(f"{rest.url}/keys/key%2F1")).json() == shown
    assert script.seen[-1][1].key_id == "key/1"
    script.answers["CheckKey"] = accounts_pb2.CheckKeyResponse(key=key, organization_id="org_1")
    assert (await rest.get("/keys/current")).json() == {"key": shown, "organizationId": "org_1"}


async def test_usage_and_estimates(rest: Rest, script: Script) -> None:
    """Numbers are numbers, zeros are shown, and what is not bounded is absent."""
    script.answers["GetUsage"] = accounts_pb2.GetUsageResponse(
        usage={
            "organization_id": "o",
            "plan": {"id": "doclo.pro", "requests_per_minute": 1000},
            "balance": {"available": 7},
        }
    )
    usage = (await rest.get("/usage?from=2026-01-01T00:00:00Z")).json()
    assert (usage["plan"], usage["balance"]) == (
        {"id": "doclo.pro", "requestsPerMinute": 1000, "features": []},
        {"available": 7, "reserved": 0},
    )
    assert (usage["runs"], usage["creditsUsed"]) == (0, 0)
    assert getattr(script.seen[-1][1], "from").seconds == 1767225600
    script.answers["EstimateRun"] = flows_pb2.EstimateRunResponse(
        estimate={"flow_id": "f", "version": "1.0.0", "page_count": 3, "credits": 6, "sufficient": False}
    )
    estimate = (await rest.post("/flows/f/estimate", {"pageCount": 3})).json()
    assert estimate == {"flowId": "f", "version": "1.0.0", "pageCount": 3, "credits": 6, "sufficient": False}
    assert script.seen[-1][1] == flows_pb2.EstimateRunRequest(flow_id="f", page_count=3)


async def test_deliveries(rest: Rest, script: Script) -> None:
    """The deliveries of a run with their attempts, and one sent again."""
    delivery = webhooks_pb2.Delivery(
        id="d",
        run_id="r",
        event="execution.completed",
        url="https://x",
        status=webhooks_pb2.DELIVERY_STATUS_FAILED,
        attempts=[{"number": 1, "http_status": 500, "duration_ms": 3, "error": "500"}],
    )
    script.answers["ListDeliveries"] = webhooks_pb2.ListDeliveriesResponse(deliveries=[delivery])
    listed = (await rest.get("/runs/r/deliveries")).json()
    assert (listed["total"], listed["hasMore"], listed["data"]) == (1, False, listed["deliveries"])
    assert listed["data"][0]["status"] == "failed"
    assert listed["data"][0]["attempts"] == [{"number": 1, "httpStatus": 500, "durationMs": 3, "error": "500"}]
    script.answers["Redeliver"] = webhooks_pb2.RedeliverResponse(delivery=delivery)
    assert (await rest.post("/runs/r/deliveries/d/redeliver")).json()["id"] == "d"


async def test_webhooks_have_the_form_of_this_surface(rest: Rest, script: Script) -> None:
    """A run with a webhook asks for this surface's form, whatever the body says; a cancelled run tells on request."""
    script.answers["RunFlow"] = flows_pb2.RunFlowResponse(run=runs_pb2.Run(id="r", status=1))
    given = {"webhookUrl": "https://x", "webhookSecret": "12345678", "webhookCancelled": True, "webhookFormat": "other"}
    await rest.post("/flows/f/run", order(**given))
    asked = script.seen[-1][1]
    assert (asked.webhook_url, asked.webhook_secret, asked.webhook_format, asked.webhook_on_cancel) == (
        "https://x",
        "12345678",
        "doclo",
        True,
    )
    await rest.post("/flows/f/run", order(webhookCancelled=True))
    asked = script.seen[-1][1]
    assert (asked.webhook_format, asked.webhook_on_cancel) == ("", False)


async def test_what_a_run_is_asked_for(rest: Rest, script: Script) -> None:
    """Everything of the body reaches the services; who waits goes first unless the body says otherwise."""
    script.answers["RunFlow"] = flows_pb2.RunFlowResponse(run=runs_pb2.Run(id="r", status=4))
    await rest.post(
        "/flows/a%2Fb/run",
        order(idempotencyKey="k", version="1.0.0", timeLimit="90s", labels={"a": "b"}, metadata={"n": 1}, wait=True),
    )
    asked = script.seen[-1][1]
    assert (asked.flow_id, asked.idempotency_key, asked.version, asked.time_limit.seconds) == ("a/b", "k", "1.0.0", 90)
    assert (dict(asked.labels), asked.metadata["n"]) == ({"a": "b"}, 1)
    assert asked.priority == flows_pb2.PRIORITY_INTERACTIVE
    assert (asked.input.document.filename, asked.input.document.base64[:4]) == ("a.pdf", b"%PDF")
    await rest.post("/flows/f/run", order(wait=True, priority="bulk"))
    assert script.seen[-1][1].priority == flows_pb2.PRIORITY_BULK


async def test_a_key_used_before_gives_the_run_as_it_is_now(rest: Rest, script: Script) -> None:
    """A repeated request whose run has succeeded gets the output, waiting or not."""
    old = runs_pb2.Run(id="r", status=runs_pb2.RUN_STATUS_SUCCEEDED)
    script.answers["RunFlow"] = flows_pb2.RunFlowResponse(run=old)
    full = runs_pb2.Run(id="r", status=runs_pb2.RUN_STATUS_SUCCEEDED, output_json='{"a":1}')
    script.answers["GetRun"] = runs_pb2.GetRunResponse(run=full)
    for wait in (False, True):
        answer = await rest.post("/flows/f/run", order(idempotencyKey="k", wait=wait))
        assert (answer.status_code, answer.json()["output"]) == (200, {"a": 1})


async def test_what_stands_before_a_large_document_goes_up_with_it(rest: Rest, script: Script) -> None:
    """Name, type and version in front of the bytes are told to the services with them."""
    script.answers |= {
        "UploadDocument": documents_pb2.UploadDocumentResponse(document=documents_pb2.Document(id="d")),
        "RunFlow": flows_pb2.RunFlowResponse(run=runs_pb2.Run(id="r", status=1, document_id="d")),
    }
    text = b64encode(bytes(2 << 20)).decode()
    document = {"filename": "ä.pdf", "mimeType": "application/pdf", "base64": text}
    await rest.post("/flows/f/run", {"version": "2.0.0", "input": {"document": document}})
    metadata = script.seen[0][1][0].metadata
    assert metadata == documents_pb2.DocumentMetadata(
        flow_id="f", version="2.0.0", filename="ä.pdf", mime_type="application/pdf"
    )
    await rest.post(
        "/flows/f/run", {"input": {"document": {**document, "filename": "a\n", "mimeType": 3}}, "version": 1}
    )
    odd = [request for name, request in script.seen if name == "UploadDocument"][1][0].metadata
    assert odd == documents_pb2.DocumentMetadata(flow_id="f")


async def test_documents(house: House) -> None:
    """A document as the body itself, under its own name and type; then a run of it by its id."""
    content = b"%PDF-1.7 " + bytes(3 << 20)
    headers = {"content-type": "application/pdf"}
    url = f"{house.rest.url}/documents"
    answer = await house.rest.http.post(url, params={"filename": "b.pdf"}, content=content, headers=headers)
    document = answer.json()
    assert (answer.status_code, document["filename"], document["size"]) == (200, "b.pdf", len(content))
    assert document["declaredMimeType"] == "application/pdf"
    run = (
        await house.rest.post("/flows/document-text/run", {"input": {"documentId": document["id"]}, "wait": True})
    ).json()
    assert (run["status"], run["documentId"], run["output"]) == ("success", document["id"], OUTPUT)
    shown = (await house.rest.get(f"/documents/{document['id']}")).json()
    assert (shown["status"], shown["pageCount"]) == ("ready", 3)
    empty = await house.rest.http.post(url, content=b"")
    assert (empty.status_code, empty.json()["error"]["details"]["reason"]) == (422, "empty")
    named = await house.rest.http.post(url, params={"filename": "x" * 300}, content=b"%PDF")
    assert (named.status_code, named.json()["error"]["details"]["field"]) == (422, "filename")


async def test_tls_to_the_services(script: Script) -> None:
    """A gateway that knows the authorities reaches services that speak TLS only; another one does not."""
    key, certificate = self_signed()
    script.answers["ListFlows"] = flows_pb2.ListFlowsResponse(total=3)
    script.answers["UploadDocument"] = documents_pb2.UploadDocumentResponse(document=documents_pb2.Document(id="d"))
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    async with scripted(script, credentials) as target:
        async with gateway(target, "k", root_certificates=certificate) as rest:
            assert (await rest.get("/flows")).json()["total"] == 3
            assert (await rest.http.post(f"{rest.url}/documents", content=b"%PDF")).json()["id"] == "d"
        async with gateway(target, "k") as stranger:
            assert (await stranger.get("/flows")).status_code == 503
