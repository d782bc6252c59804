"""A stack of papers through the whole of docmill: taken apart, each document by its kind, flows within flows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.data.stacks import Stack as Papers
from tests.data.stacks import make_part
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).parents[2]
PAPERS = Papers(
    (
        make_part("receipt", 8),
        make_part("invoice", 5, pages=2),
        make_part("other", 6, pages=2),
        make_part("invoice", 7, language="de"),
    )
)


def data_of(output: list[dict[str, Any]]) -> list[Any]:
    """What there is of each document, all of them done."""
    assert [item["status"] for item in output] == ["fulfilled"] * len(PAPERS.parts)
    return [item["value"] for item in output]


def test_a_stack_gives_the_data_of_each_document(stack: Stack, tmp_path: Path) -> None:
    """The example of docs/flows.md, published twice, on a stack that it has not seen; REST shows what was what."""
    example = ROOT / "examples" / "mail-room.yaml"
    first, again = (stack.docmill("flows", "apply", example) for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "unchanged mail-room 1.0.0" in again.stdout
    pdf = tmp_path / "stack.pdf"
    pdf.write_bytes(PAPERS.pdf)
    run = stack.facts_of("run", "mail-room", pdf)
    receipt, invoice, letter, german = data_of(run["output"])
    for found, part in ((receipt, PAPERS.parts[0]), (invoice, PAPERS.parts[1]), (german, PAPERS.parts[3])):
        assert (found["total"], found["date"]) == (part.truth["total"], part.truth["date"])
    assert invoice["lineItems"] == PAPERS.parts[1].truth["lineItems"]
    assert [chunk["pageNumbers"] for chunk in letter["chunks"]] == [[4], [5]]
    shown = requests.get(
        f"http://{stack.rest}/api/v1/runs/{run['id']}?include=artifacts,metrics",
        headers={"Authorization": f"Bearer {stack.api_key}"},
        timeout=30,
    ).json()
    assert shown["artifacts"]["each"]["documents"] == PAPERS.documents
    assert shown["artifacts"]["each/1/kind/invoice/fields"]["data"]["invoiceNumber"] == invoice["invoiceNumber"]
    assert {"each/kind/invoice/fields", "each/kind", "each"} <= {step["step"] for step in shown["metrics"]["steps"]}
    assert (shown["metrics"]["stepsRun"], shown["metrics"]["stepsTotal"]) == (1, 1)


def test_the_definition_in_the_manual_is_the_example() -> None:
    """Nobody edits one of them alone."""
    manual = (ROOT / "docs" / "flows.md").read_text()
    (printed,) = re.findall(r"```yaml\n(id: mail-room\n.*?)```", manual, re.DOTALL)
    example = (ROOT / "examples" / "mail-room.yaml").read_text()
    assert printed == example[example.index("id: mail-room") :]


def test_a_run_says_which_branch_is_missing(stack: Stack, tmp_path: Path) -> None:
    """It fails, and names the category and the step."""
    step = {"type": "conditional", "id": "kind", "config": {"categories": ["invoice", "receipt"]},
            "branches": {"receipt": {"flowRef": "receipt-extractor"}}}  # fmt: skip
    path = tmp_path / "receipts.json"
    path.write_text(json.dumps({"id": "receipts-only", "version": "1.0.0", "definition": {"steps": [step]}}))
    assert stack.docmill("flows", "apply", path).returncode == 0
    done = stack.docmill("run", "receipts-only", ROOT / "examples" / "invoice.pdf", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert "took the document for 'invoice', which has no branch" in error["message"]
    assert error["step"] == "kind"
