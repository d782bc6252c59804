"""Every error the documented surface has, through real HTTP: its status, its code, its details and its headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from docmill.domain import errors
from docmill.domain.errors import DocmillError, Reason
from docmill.gateway.dialects.doclo.errors import ERRORS
from docmill.gateway.problems import OWN_REASONS
from docmill.gateway.scopes import SCOPES
from docmill.rpc.scopes import SCOPES as SERVED_SCOPES
from docmill.v1 import accounts_pb2, flows_pb2, runs_pb2
from tests.fixtures.gateway import RATE, Rest, Script, gateway, scripted
from tests.fixtures.rest_house import order

KEY = "dc_test_" + "a" * 49
LATER = {"retryAfter": "17"}


@pytest_asyncio.fixture
async def script() -> Script:
    """Services that know every key and nothing else."""
    return Script({"CheckKey": accounts_pb2.CheckKeyResponse(organization_id="org_1")})


@pytest_asyncio.fixture
async def rest(script: Script) -> AsyncIterator[Rest]:
    """A gateway in front of scripted services."""
    async with scripted(script) as target, gateway(target, KEY, max_body_bytes=100_000) as rest:
        yield rest


def test_every_reason_has_its_error() -> None:
    """Whatever the services or the gateway refuse has a status and a code on this surface."""
    assert set(ERRORS) == {*Reason, *OWN_REASONS}


def test_scopes_are_those_of_the_services() -> None:
    """The gateway asks about the scope that the services demand."""
    served = {path[1:].replace("/", "."): scope for path, scope in SERVED_SCOPES.items()}
    by_token = {"docmill.v1.BatchService.DownloadResults": ""}
    assert {method: scope or "" for method, scope in served.items()} | by_token == SCOPES


@pytest.mark.parametrize(
    ("error", "status", "code", "details"),
    [
        (
            errors.Unauthenticated(Reason.CREDENTIAL_INVALID, "revoked", {"reason": "revoked"}),
            401,
            "UNAUTHORIZED",
            {"reason": "revoked"},
        ),
        (
            errors.Unauthenticated(Reason.CREDENTIAL_INVALID, "expired", {"reason": "expired"}),
            401,
            "UNAUTHORIZED",
            {"reason": "expired"},
        ),
        (
            errors.PermissionDenied(Reason.SCOPE_MISSING, "no", {"requiredScope": "flows:execute"}),
            403,
            "FORBIDDEN",
            {"requiredScope": "flows:execute"},
        ),
        (
            errors.PaymentRequired(Reason.CREDITS_INSUFFICIENT, "no", {"required": "6", "available": "2"}),
            402,
            "INSUFFICIENT_CREDITS",
            {"required": 6, "available": 2},
        ),
        (
            errors.PaymentRequired(Reason.PLAN_FEATURE_MISSING, "no", {"feature": "webhooks"}),
            402,
            "SUBSCRIPTION_REQUIRED",
            {"feature": "webhooks"},
        ),
        (
            errors.LimitReached(Reason.RATE_LIMITED, "wait", LATER),
            429,
            "RATE_LIMITED",
            {"retryAfter": 17},
        ),
        (
            errors.LimitReached(Reason.QUEUE_FULL, "wait", LATER),
            429,
            "RATE_LIMITED",
            {"reason": "queue_full", "retryAfter": 17},
        ),
        (errors.NotFound(Reason.FLOW_NOT_FOUND, "no"), 404, "FLOW_NOT_FOUND", {}),
        (errors.NotFound(Reason.VERSION_NOT_FOUND, "no"), 404, "VERSION_NOT_FOUND", {}),
        (errors.NotFound(Reason.DOCUMENT_NOT_FOUND, "no"), 404, "DOCUMENT_NOT_FOUND", {}),
        (
            errors.AlreadyExists(Reason.IDEMPOTENCY_CONFLICT, "no", {"runId": "run_1"}),
            409,
            "IDEMPOTENCY_CONFLICT",
            {"executionId": "run_1"},
        ),
        (
            errors.InvalidArgument(Reason.VARIABLE_MISSING, "no", {"field": "input.variables.units"}),
            422,
            "MISSING_REQUIRED_VARIABLE",
            {"field": "input.variables.units"},
        ),
        (
            errors.InvalidArgument(Reason.FIELD_MISSING, "webhook_url: needed", {"field": "webhook_url"}),
            422,
            "MISSING_REQUIRED_FIELD",
            {"field": "webhookUrl"},
        ),
        (
            errors.InvalidArgument(Reason.FIELD_INVALID, "labels: no", {"field": "labels[a]"}),
            422,
            "VALIDATION_ERROR",
            {"field": "labels[a]"},
        ),
        (
            errors.MediaError(Reason.MEDIA_UNSUPPORTED, "no", {"supported": "application/pdf, image/png"}),
            422,
            "INVALID_DOCUMENT",
            {"reason": "unsupported", "supported": ["application/pdf", "image/png"]},
        ),
        (errors.MediaError(Reason.MEDIA_ENCRYPTED, "no"), 422, "INVALID_DOCUMENT", {"reason": "encrypted"}),
        (errors.MediaError(Reason.MEDIA_CORRUPT, "no"), 422, "INVALID_DOCUMENT", {"reason": "corrupt"}),
        (errors.MediaError(Reason.MEDIA_EMPTY, "no"), 422, "INVALID_DOCUMENT", {"reason": "empty"}),
        (
            errors.MediaError(Reason.MEDIA_TOO_LARGE, "no", {"maxFileSizeMB": "5"}),
            422,
            "INVALID_DOCUMENT",
            {"reason": "too_large", "maxFileSizeMB": 5},
        ),
        (
            errors.MediaError(Reason.MEDIA_TOO_MANY_PAGES, "no", {"limit": "3"}),
            422,
            "INVALID_DOCUMENT",
            {"reason": "too_many_pages", "limit": 3},
        ),
        (errors.Unavailable(Reason.OVERLOADED, "busy"), 503, "SERVICE_UNAVAILABLE", {"retryAfter": 1}),
        (errors.DeadlineExceeded(Reason.DEADLINE, "late"), 504, "EXECUTION_TIMEOUT", {}),
        (errors.InternalError(), 500, "INTERNAL_ERROR", {}),
        (errors.WorkFailed(Reason.EXTRACTION_FAILED, "no"), 500, "EXECUTION_FAILED", {}),
    ],
)
async def test_what_services_refuse(
    rest: Rest, script: Script, error: DocmillError, status: int, code: str, details: dict[str, Any]
) -> None:
    """Each refusal of a run has the documented status and code, facts of the right kind, the ids and the budget."""
    script.answers["RunFlow"] = error
    script.answers["UploadDocument"] = errors.MediaError(Reason.MEDIA_EMPTY, "no bytes")
    answer = await rest.post("/flows/f/run", order())
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (status, code), told
    assert details.items() <= told["details"].items(), told
    assert told["details"]["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "59"
    assert answer.headers["x-ratelimit-reset"] == "1790000000"
    expected = details.get("retryAfter")
    assert answer.headers.get("retry-after") == (str(expected) if expected else None)


async def test_the_scope_ends_the_message(rest: Rest, script: Script) -> None:
    """Also where the services say it in another order."""
    script.answers["GetRun"] = errors.PermissionDenied(
        Reason.SCOPE_MISSING, "executions:read is missing", {"requiredScope": "executions:read"}
    )
    answer = await rest.get("/runs/r")
    assert answer.json()["error"]["message"].endswith(": executions:read")


async def test_ids_of_the_caller_are_kept(rest: Rest, script: Script) -> None:
    """A sane request id is that of the answer and of the calls behind it; another one is replaced."""
    script.answers["GetRun"] = runs_pb2.GetRunResponse(run=runs_pb2.Run(id="r"))
    answer = await rest.get("/runs/r", headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert script.heard[-1]["x-request-id"] == "mine-1"
    answer = await rest.get("/runs/r", headers={"x-request-id": "not sane"})
    assert answer.headers["x-request-id"] == script.heard[-1]["x-request-id"] != "not sane"


OWN: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nothing", {}, 404, "NOT_FOUND"),
    ("GET", "", {}, 404, "NOT_FOUND"),
    ("GET", "/flows/", {}, 404, "NOT_FOUND"),
    ("GET", "/flows/f/run", {}, 405, "METHOD_NOT_ALLOWED"),
    ("PUT", "/flows", {}, 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/flows/f/run", {"content": "{"}, 400, "INVALID_INPUT"),
    ("POST", "/flows/f/run", {"content": b"\xff"}, 400, "INVALID_INPUT"),
    ("POST", "/flows", {"content": "nope"}, 400, "INVALID_INPUT"),
    ("POST", "/flows/f/run", {"content": "{}", "headers": {"content-type": "text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("POST", "/flows/f/run", {"content": b"x" * 100_001}, 413, "PAYLOAD_TOO_LARGE"),
    ("POST", "/documents", {"content": b"x" * 100_001}, 413, "PAYLOAD_TOO_LARGE"),
    ("POST", "/flows/f/run", {"json": order(wait=1)}, 422, "VALIDATION_ERROR"),
    ("POST", "/keys", {"json": {"scopes": "all"}}, 422, "VALIDATION_ERROR"),
    ("GET", "/runs?limit=x", {}, 422, "VALIDATION_ERROR"),
    ("GET", "/runs/r/events?after=x", {}, 422, "VALIDATION_ERROR"),
]  # fmt: skip


async def ask(rest: Rest, verb: str, path: str, given: dict[str, Any]) -> Any:
    """A request with a JSON body unless told otherwise."""
    headers = {"content-type": "application/json", **given.get("headers", {})}
    return await rest.http.request(verb, f"{rest.url}{path}", **{**given, "headers": headers})


@pytest.mark.parametrize(("verb", "path", "given", "status", "code"), OWN)
async def test_what_the_gateway_refuses(
    rest: Rest, script: Script, verb: str, path: str, given: dict[str, Any], status: int, code: str
) -> None:
    """Whatever needs no services to be wrong has the same envelope, the ids and the budget, and nothing is started."""
    script.answers["UploadDocument"] = errors.MediaError(Reason.MEDIA_EMPTY, "no bytes")
    answer = await ask(rest, verb, path, given)
    told = answer.json()["error"]
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["details"]["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["x-ratelimit-remaining"] == "59"
    assert {name for name, _ in script.seen} <= {"CheckKey", "UploadDocument"}
    if status == 405:
        assert answer.headers["allow"] == ("POST, OPTIONS" if path.endswith("run") else "GET, POST, HEAD, OPTIONS")


@pytest.mark.parametrize(("verb", "path", "given", "status", "code"), OWN)
@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (errors.Unauthenticated(Reason.CREDENTIAL_INVALID, "unknown", {"reason": "unknown"}), 401),
        (errors.LimitReached(Reason.RATE_LIMITED, "wait", LATER), 429),
        (errors.PermissionDenied(Reason.SCOPE_MISSING, "no", {"requiredScope": "admin"}), 403),
    ],
)
async def test_the_key_comes_first(
    rest: Rest,
    script: Script,
    verb: str,
    path: str,
    given: dict[str, Any],
    status: int,
    code: str,
    first: DocmillError,
    expected: int,
) -> None:
    """Whoever has no usable key, no requests left or not the scope hears that, whatever else is wrong."""
    script.answers["CheckKey"] = first
    script.answers["UploadDocument"] = first
    answer = await ask(rest, verb, path, given)
    assert answer.status_code == expected, (status, code, answer.text)


async def test_without_a_key(rest: Rest, script: Script) -> None:
    """Nobody needs to be asked about a key that is not there; also unknown routes are not told then."""
    del rest.http.headers["authorization"]
    for path in ("/flows", "/nothing"):
        answer = await rest.get(path)
        assert (answer.status_code, answer.json()["error"]["details"]["reason"]) == (401, "missing")
    assert script.seen == []


async def test_scopes_are_asked_for_by_route(rest: Rest, script: Script) -> None:
    """The check of a key names the scope of the route that was meant; an unknown route needs none."""
    await rest.get("/runs?limit=x")
    await rest.post("/keys", {"name": 1})
    await rest.get("/nothing")
    assert [request.scope for _, request in script.seen] == ["executions:read", "admin", ""]


@pytest.mark.parametrize("body", [order(wait=1), order(labels={"a": 1}), order(metadata=3)])
async def test_an_unknown_flow_comes_before_wrong_fields(rest: Rest, script: Script, body: Any) -> None:
    """404 for a flow that is not there, whatever else is wrong with the order; the key still comes first."""
    script.answers["UploadDocument"] = errors.NotFound(Reason.FLOW_NOT_FOUND, "There is no flow f")
    answer = await rest.post("/flows/f/run", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "FLOW_NOT_FOUND")
    assert [name for name, _ in script.seen] == ["CheckKey", "UploadDocument"]
    (metadata,) = script.seen[-1][1]
    assert metadata.metadata.flow_id == "f"


async def test_errors_of_requests_over_the_limit_say_all_four_headers(rest: Rest, script: Script) -> None:
    """429 with the three headers of the budget and Retry-After, also on routes that are not there."""
    script.answers["CheckKey"] = errors.LimitReached(Reason.RATE_LIMITED, "wait", LATER)
    answer = await rest.get("/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RATE_LIMITED")
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    assert [answer.headers[name] for name in names] == [value for _, value in RATE]
    assert answer.headers["retry-after"] == "17"


async def test_services_that_are_away() -> None:
    """503 with Retry-After, on every kind of call; readiness says so, liveness does not."""
    async with gateway("127.0.0.1:1", KEY) as rest:
        for answer in (
            await rest.get("/flows"),
            await rest.post("/flows/f/run", order()),
            await rest.get("/runs/r/events"),
            await rest.http.post(f"{rest.url}/documents", content=b"%PDF"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert answer.headers["retry-after"] == "1"
        assert (await rest.get("/nothing")).status_code == 404
        assert (await rest.http.get(f"http://{rest.address}/livez")).status_code == 200
        assert (await rest.http.get(f"http://{rest.address}/readyz")).status_code == 503


async def test_faults_keep_their_text(rest: Rest, script: Script) -> None:
    """What breaks inside is 500 in the envelope, and no word of it leaves the house."""

    def broken(_request: Any) -> Any:
        raise RuntimeError("the secret of the house")

    script.answers["ListFlows"] = broken
    answer = await rest.get("/flows")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text

    infinite = flows_pb2.Flow(id="f")
    infinite.definition.fields["n"].number_value = float("nan")
    script.answers["GetFlow"] = flows_pb2.GetFlowResponse(flow=infinite)
    answer = await rest.get("/flows/f")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")


async def test_calls_that_services_do_not_know(rest: Rest) -> None:
    """501 for a route of a newer gateway in front of older services."""
    answer = await rest.get("/usage")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NOT_IMPLEMENTED")


async def test_paths_outside_of_every_surface(rest: Rest, script: Script) -> None:
    """404 in the envelope of the batch surface, without a key and without a question to the services."""
    del rest.http.headers["authorization"]
    for path in ("/", "/api", "/api/v2/flows", "/api/v1x"):
        answer = await rest.http.get(f"http://{rest.address}{path}")
        assert (answer.status_code, answer.json()["detail"]["error"]) == (404, "not_found")
    assert script.seen == []
