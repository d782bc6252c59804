"""A language model through the whole of docmill: a scripted server, real processes, the real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from docmill.client import Docmill, FlowConfig, InvalidArgumentError, RunFailedError, RunStatus
from tests.data.invoices import generate_invoice
from tests.fixtures import documents
from tests.fixtures.llm_server import Body, LlmServer, Reply, llm_server, refuses, says
from tests.fixtures.processes import descendants, eventually, part
from tests.fixtures.stack import Stack, start_stack

pytestmark = pytest.mark.xdist_group("llm")

KEY = "sk-e2e-0123456789-never-to-be-seen"
INVOICE = generate_invoice(5, "en", "classic")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoiceNumber": {"type": "string"},
        "total": {"type": "number"},
        "mood": {"type": "string", "description": "What nobody prints."},
    },
}
ANSWER = {"invoiceNumber": INVOICE.truth["invoiceNumber"], "total": INVOICE.truth["total"], "mood": "cheerful"}


@dataclass
class Script:
    """What the server does next."""

    replies: list[Reply] = field(default_factory=list)

    def answer(self, body: Body) -> Reply:
        """The next reply; else what the question's schema asks for."""
        if self.replies:
            return self.replies.pop(0)
        return says({"category": "invoice"} if "category" in json.dumps(body["response_format"]) else ANSWER)


@dataclass(frozen=True)
class House:
    """A docmill with a language model."""

    stack: Stack
    server: LlmServer
    script: Script


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Of which one child waits for answers."""
    script = Script()
    with llm_server(by=script.answer) as server:
        env = {
            "DOCMILL_LLM_BASE_URL": server.url,
            "DOCMILL_LLM_API_KEY": KEY,
            "DOCMILL_LLM_MODEL": "small, vendor/large",
            "DOCMILL_LLM_CHILDREN": "1",
            "DOCMILL_SHUTDOWN_GRACE_S": "1",
        }
        stack = start_stack(tmp_path_factory.mktemp("llm"), env=env)
        try:
            yield House(stack, server, script)
        finally:
            stack.stop()


@pytest.fixture
def mill(house: House) -> Iterator[Docmill]:
    """A client, and no reply left from another test."""
    house.script.replies.clear()
    with house.stack.connect() as client:
        yield client


def flow(mill: Docmill, name: str, *steps: dict[str, Any]) -> str:
    """The id of a fresh flow that reads and does these steps."""
    read = {"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}
    made = [{"type": "step", **step} for step in steps]
    config = FlowConfig(supported_formats=["application/pdf"])
    mill.flows.create(name, "1.0.0", name=name, config=config, definition={"version": "1.0.0", "steps": [read, *made]})
    return name


def extract(provider: str = "llm", **config: Any) -> dict[str, Any]:
    """A step that asks the model."""
    return {"id": "fields", "nodeType": "extract", "config": {"providerRef": provider, "schema": SCHEMA, **config}}


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    """A PDF with a text layer."""
    path = tmp_path / "invoice.pdf"
    path.write_bytes(INVOICE.pdf)
    return path


def test_a_document_is_read_with_a_model(house: House, mill: Docmill, invoice: Path) -> None:
    """Data with places, marked where no page shows a value; tokens by step and in all; the key in no process that needs none."""
    kind = {
        "id": "kind",
        "nodeType": "categorize",
        "config": {"providerRef": "llm", "categories": ["invoice", "letter"]},
    }
    name = flow(mill, "with-model", kind, extract("vendor:large", consensus={"runs": 3}))
    run = mill.flows.run(name, invoice).result(timeout=60)
    assert run.output == ANSWER
    run = mill.runs.get(run.id, evidence=True, include=["metrics"])
    proofs = {each.path: each for each in run.evidence}
    assert {path for path, each in proofs.items() if each.grounded} == {"/invoiceNumber", "/total"}
    assert {each.source for each in proofs.values()} == {"llm"}
    assert proofs["/mood"].page_number == 0
    assert run.metrics
    assert run.metrics.tokens_used == 4 * 120
    assert {step.step: step.tokens_used for step in run.metrics.steps} == {"read": 0, "kind": 120, "fields": 360}
    assert [body["model"] for body in house.server.requests] == ["small", *["vendor/large"] * 3]
    assert {headers["Authorization"] for headers in house.server.headers} == {f"Bearer {KEY}"}

    up = house.stack.process.pid
    worker = part(up, "docmill.role worker")
    knowing = {process.pid for process in descendants(up) if KEY.encode() in _seen_of(process.pid)}
    assert knowing == {worker.pid}  # as its operator gave it; not its children, the services, the gateway, the bus
    kept = [path for path in house.stack.data.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert kept == []


def test_waiting_for_a_model_keeps_nobody_else_waiting(
    house: House, mill: Docmill, invoice: Path, tmp_path: Path
) -> None:
    """More runs than children ask a server that does not answer; pages are read and other flows end meanwhile.

    A cancelled run ends its call, and the next one gets its turn.
    """
    name = flow(mill, "slow-model", extract())
    house.script.replies += [Reply(hangs=True), says(ANSWER)]
    house.server.hung_up.clear()
    before = len(house.server.requests)
    first = mill.flows.run(name, invoice)
    assert eventually(lambda: len(house.server.requests) > before, 30)
    others = [mill.flows.run(name, invoice) for _ in range(12)]
    for number in range(3):
        text = tmp_path / f"other{number}.pdf"
        documents.text_pdf(text, pages=3)
        assert mill.flows.run("document-text", text).result(timeout=30).status is RunStatus.SUCCEEDED
    assert len(house.server.requests) == before + 1
    assert first.cancel().status is RunStatus.CANCELLED
    assert house.server.hung_up.wait(15)
    assert [other.result(timeout=60).output for other in others] == [ANSWER] * 12


def test_a_server_that_comes_back_is_asked_again(house: House, mill: Docmill, invoice: Path) -> None:
    """The attempt of the job fails, another one follows."""
    name = flow(mill, "flaky-model", extract())
    house.script.replies += [refuses(503, Retry_After="0")] * 3
    assert mill.flows.run(name, invoice).result(timeout=60).output == ANSWER


def test_a_failure_says_what_to_do(house: House, mill: Docmill, invoice: Path) -> None:
    """The step and the setting; never the key, nor what the server said."""
    name = flow(mill, "refused-model", extract())
    house.script.replies += [refuses(401, f"wrong key {KEY}")]
    with pytest.raises(RunFailedError) as failed:
        mill.flows.run(name, invoice).result(timeout=60)
    fault = failed.value.run.error
    assert fault
    assert (fault.reason, fault.step) == ("PROVIDER_FAILED", "fields")
    assert "DOCMILL_LLM_API_KEY" in fault.message
    assert KEY not in fault.message


def test_a_flow_can_name_only_models_that_are_there(mill: Docmill) -> None:
    """Said when it is published, not in every run."""
    with pytest.raises(InvalidArgumentError, match="there is no provider openai:huge"):
        flow(mill, "other-model", extract("openai:huge"))


def _seen_of(pid: int) -> bytes:
    """What others on the machine may see of a process."""
    try:
        folder = Path(f"/proc/{pid}")
        return (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
    except OSError:
        return b""
