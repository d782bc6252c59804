"""Every error code of the documented surface that a server can be brought to produce, over real HTTP, from real services."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests

from tests.fixtures import documents
from tests.fixtures.processes import eventually
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

SCOPES = "flows:read,flows:execute,executions:read,executions:cancel"


@dataclass
class Caller:
    """A program with a key."""

    stack: Stack
    key: str

    def __call__(self, verb: str, path: str, **given: Any) -> requests.Response:
        """A request below the prefix."""
        headers = {"Authorization": f"Bearer {self.key}", **given.pop("headers", {})}
        return requests.request(verb, f"http://{self.stack.rest}/api/v1{path}", headers=headers, timeout=60, **given)

    def run(self, content: bytes | str, flow: str = "document-text", **given: Any) -> requests.Response:
        """A run over some bytes, or over a text in place of base64."""
        text = content if isinstance(content, str) else b64encode(content).decode()
        body = {"input": {"document": {"base64": text}, **given.pop("input", {})}, **given}
        return self("POST", f"/flows/{flow}/run", json=body)


def error_of(answer: requests.Response) -> tuple[int, str]:
    """Status and code; the envelope must be whole."""
    error = answer.json()["error"]
    assert error["message"]
    assert error["details"]["requestId"] == answer.headers["X-Request-Id"]
    return answer.status_code, error["code"]


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Caller:
    """A program of a tenant, with a test key."""
    return Caller(stack, stack.new_key(stack.new_organization_of("doclo.enterprise"), "--scopes", SCOPES)["key"])


JSON = {"Content-Type": "application/json"}


def pdf(lines: Sequence[str] = ("Invoice A-1042",), **given: Any) -> bytes:
    """A document of one page, or as given."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.pdf"
        documents.text_pdf(path, lines=lines, **given)
        return path.read_bytes()


PDF = pdf()

REFUSED: dict[str, tuple[int, str, Callable[[Caller], requests.Response]]] = {
    "no JSON": (400, "INVALID_INPUT", lambda call: call("POST", "/flows/document-text/run", data=b"{", headers=JSON)),
    "no document": (400, "INVALID_INPUT", lambda call: call("POST", "/flows/document-text/run", json={"input": {}})),
    "another scope": (403, "FORBIDDEN", lambda call: call("POST", "/flows", json={})),
    "no such flow": (404, "FLOW_NOT_FOUND", lambda call: call.run(PDF, "nothing")),
    "no such version": (404, "VERSION_NOT_FOUND", lambda call: call.run(PDF, version="9.9.9")),
    "no such run": (404, "EXECUTION_NOT_FOUND", lambda call: call("GET", "/runs/run_nothing")),
    "no such path": (404, "NOT_FOUND", lambda call: call("GET", "/nothing")),
    "another method": (405, "METHOD_NOT_ALLOWED", lambda call: call("PUT", "/flows")),
    "another type": (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        lambda call: call("POST", "/flows/document-text/run", data=b"x", headers={"Content-Type": "text/plain"}),
    ),
    "no base64": (422, "VALIDATION_ERROR", lambda call: call.run("*")),
    "a wrong kind": (422, "VALIDATION_ERROR", lambda call: call.run(PDF, metadata=5)),
    "a wrong target": (422, "VALIDATION_ERROR", lambda call: call.run(PDF, webhookUrl="https://10.0.0.1/")),
    "no document at all": (422, "INVALID_DOCUMENT", lambda call: call.run(b"plain text")),
    "a protected document": (422, "INVALID_DOCUMENT", lambda call: call.run(pdf(password="secret"))),
    "a limit that is none": (422, "VALIDATION_ERROR", lambda call: call("GET", "/flows?limit=0")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(caller: Caller, name: str) -> None:
    """Each of these has its documented status and code."""
    status, code, ask = REFUSED[name]
    assert error_of(ask(caller)) == (status, code)


def test_missing_variables(stack: Stack, caller: Caller, tmp_path: Any) -> None:
    """A variable that the flow requires is missed by its own code."""
    flow = tmp_path / "flow.yaml"
    flow.write_text(
        "{id: needs-units, version: 1.0.0, name: Needs units, "
        "inputSchema: {type: object, required: [units], properties: {units: {type: string}}}, "
        "definition: {version: 1.0.0, steps: [{type: step, id: read, nodeType: parse, config: {providerRef: ocr}}]}}"
    )
    assert stack.docmill("flows", "apply", flow).returncode == 0
    developer = Caller(stack, stack.api_key)
    answer = developer.run(PDF, "needs-units")
    assert error_of(answer) == (422, "MISSING_REQUIRED_VARIABLE")
    assert answer.json()["error"]["details"]["field"] == "input.variables.units"


@pytest.mark.parametrize("reason", ["missing", "malformed", "unknown", "revoked", "expired"])
def test_bad_keys(stack: Stack, reason: str) -> None:
    """401 UNAUTHORIZED, whatever is wrong with the key; the details say what."""
    org = stack.new_organization()
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    made = stack.new_key(org, *(["--expires", soon] if reason == "expired" else []))
    key = {"missing": "", "malformed": "dc_live_short", "unknown": f"dc_test_12345678_{'x' * 40}"}.get(
        reason, made["key"]
    )
    if reason == "revoked":
        stack.facts_of("keys", "revoke", made["id"], "--data", stack.data)
    url = f"http://{stack.rest}/api/v1/flows"

    def ask() -> requests.Response:
        return requests.get(url, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30)

    assert eventually(lambda: ask().status_code == 401, 10)
    answer = ask()
    assert error_of(answer) == (401, "UNAUTHORIZED")
    assert answer.json()["error"]["details"]["reason"] == reason


def test_credits(stack: Stack) -> None:
    """A live run without credits is 402 with what it needs; with credits it runs and says what it cost."""
    org = stack.new_organization()
    live = Caller(stack, stack.new_key(org, "--mode", "live")["key"])
    answer = live.run(PDF)
    assert error_of(answer) == (402, "INSUFFICIENT_CREDITS")
    details = answer.json()["error"]["details"]
    assert (details["required"], details["available"]) == (1, 0)
    stack.grant(org, 5)
    done = live.run(PDF, wait=True, timeout=60_000).json()
    assert (done["status"], done["metrics"]["creditsUsed"], done["metrics"]["pageCount"]) == ("success", 1, 1)
    assert live("GET", "/usage").json()["balance"]["available"] == 4


def test_idempotency(caller: Caller) -> None:
    """The same request gives the same run; another one under its key is a conflict that names it."""
    first = caller.run(PDF, idempotencyKey="order-7").json()
    assert caller.run(PDF, idempotencyKey="order-7").json()["id"] == first["id"]
    other = caller.run(pdf(["Another"]), idempotencyKey="order-7")
    assert error_of(other) == (409, "IDEMPOTENCY_CONFLICT")
    assert other.json()["error"]["details"]["executionId"] == first["id"]


def test_cancelling_what_has_ended(caller: Caller) -> None:
    """409, in the word for how it ended."""
    done = caller.run(PDF, wait=True, timeout=60_000).json()
    assert error_of(caller("POST", f"/runs/{done['id']}/cancel")) == (409, "NOT_CANCELLABLE")
    slow = caller.run(pdf(pages=400)).json()
    assert caller("POST", f"/runs/{slow['id']}/cancel").json()["status"] == "cancelled"
    assert error_of(caller("POST", f"/runs/{slow['id']}/cancel")) == (409, "ALREADY_CANCELLED")


def test_a_wait_that_is_too_short(caller: Caller) -> None:
    """504 with the id of the run, which goes on to its end."""
    answer = caller.run(PDF, wait=True, timeout=1)
    assert error_of(answer) == (504, "EXECUTION_TIMEOUT")
    run_id = answer.json()["error"]["details"]["executionId"]
    assert answer.headers["X-Doclo-Execution-Id"] == run_id
    assert eventually(lambda: caller("GET", f"/runs/{run_id}").json()["status"] == "success", 60)


def test_the_budget_of_a_plan(stack: Stack) -> None:
    """The 61st call of a minute is 429 with all headers; polls are still served."""
    poor = Caller(stack, stack.new_key(stack.new_organization_of("doclo.test"))["key"])
    first = poor("GET", "/flows")
    assert first.headers["X-RateLimit-Limit"] == "60"
    remaining = int(first.headers["X-RateLimit-Remaining"])
    answers = [poor("GET", "/flows") for _ in range(remaining + 1)]
    assert [answer.status_code for answer in answers] == [*[200] * remaining, 429]
    assert error_of(answers[-1]) == (429, "RATE_LIMITED")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert int(answers[-1].headers["X-RateLimit-Reset"]) > datetime.now(UTC).timestamp() - 1
    assert poor("GET", "/runs/run_nothing").status_code == 404
