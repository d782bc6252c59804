"""`docmill eval` over generated documents against a whole docmill: the floor of what the shipped flows must get right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.dataset import INVOICES, RECEIPTS, SCANS, write_dataset
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNT = 24
FLOORS = {
    INVOICES: ("invoice-extractor", 0.97),
    SCANS: ("invoice-extractor", 0.93),
    RECEIPTS: ("receipt-extractor", 0.97),
}
"""By set. Measured: 1.00 each."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated documents."""
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, count=COUNT)
    return folder


@pytest.mark.parametrize("name", FLOORS)
def test_flows_read_generated_documents_right(stack: Stack, dataset: Path, name: str) -> None:
    """F1 of all fields and of the line items is above the floor, no document fails, and evidence is where it was drawn."""
    flow, floor = FLOORS[name]
    done = stack.docmill("eval", flow, dataset, "--filter", f"set={name}", "--min-f1", str(floor), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["sets"][name]
    assert (found["documents"], found["failed"]) == (COUNT // 3, 0)
    assert found["lineItems"]["f1"] >= floor
    if name == INVOICES:
        assert found["evidence"]["values"] >= 40
        assert found["grounded"]["share"] == 1.0
        assert found["evidence"]["iou50"] >= 0.95


def test_what_is_wrong_is_shown(stack: Stack, dataset: Path, tmp_path: Path) -> None:
    """A wrong value, a broken document and a label that no field has: counted, named, drawn, and the exit code is 1."""
    entries = [json.loads(line) for line in (dataset / "manifest.jsonl").read_text().splitlines()]
    entry = next(each for each in entries if each["set"] == INVOICES)
    labels = json.loads((dataset / entry["gt"]).read_text())
    labels["fields"] |= {"total": 1.0, "favouriteColour": "blue"}
    _document(tmp_path, "altered", (dataset / entry["path"]).read_bytes(), labels)
    _document(tmp_path, "broken", b"%PDF-1.7 no more than this", {"fields": {"total": 5}})
    report = tmp_path / "reports" / "report.html"
    done = stack.docmill("eval", "invoice-extractor", tmp_path, "--html", report, "--min-f1", "0.99", "--json")
    assert done.returncode == 1, done.stderr
    facts = json.loads(done.stdout)
    (found,) = facts["sets"].values()
    assert (found["documents"], found["failed"], found["unscored"]) == (2, 1, {"favouriteColour": 1})
    altered, broken = sorted(facts["documents"], key=lambda each: str(each["id"]))
    assert [each["label"] for each in altered["fields"] if each["outcome"] != "right"] == ["total"]
    assert "MEDIA_CORRUPT" in broken["error"]
    page = report.read_text()
    assert "data:image/jpeg;base64," in page
    assert "MEDIA_CORRUPT" in page
    assert "http" not in page.replace("http-equiv", "")  # it needs nothing from anywhere


def test_the_table_for_people(stack: Stack, dataset: Path) -> None:
    """Each set has its table; nothing is averaged over sets."""
    done = stack.docmill("eval", "document-text", dataset, "--map", "pages=total", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "PRECISION" in done.stdout
    assert f"{INVOICES}: 1 documents, 0 failed" in done.stdout


def test_a_label_that_no_document_has_is_told(stack: Stack, dataset: Path) -> None:
    """Others may have it, so the rest is scored all the same."""
    done = stack.docmill("eval", "invoice-extractor", dataset, "--map", "total=totl", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "no document has the label 'totl'; did you mean 'total'?" in " ".join(done.stderr.split())


def test_a_flow_file_is_tried_on_a_docmill_of_its_own(stack: Stack, dataset: Path) -> None:
    """Nothing has to run, and nothing is published where others would see it."""
    ours = EXAMPLES / "invoice-details.yaml"
    done = stack.docmill("eval", ours, dataset, "--filter", f"set={INVOICES}", "--limit", "2", "--local", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["flow"], facts["sets"][INVOICES]["documents"]) == ("invoice-details", 2)
    assert facts["sets"][INVOICES]["all"]["f1"] == 1.0
    shown = stack.docmill("flows", "show", "invoice-details")
    assert shown.returncode != 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--filter", "set=none"], "no document with labelled fields that fits set=none"),
        (["--filter", "set"], "a condition is given as name=value"),
        (["--min-f1", "2"], "min-f1"),
        (["--map", "totl=total"], "outputs of the flow have no 'totl' there; did you mean 'total'?"),
        (["--map", "total.net=total"], "no 'net' there"),
        (["--html", "."], "this is a folder"),
    ],
)
def test_what_cannot_be_evaluated(stack: Stack, dataset: Path, options: list[str], complaint: str) -> None:
    """One line says why."""
    done = stack.docmill("eval", "invoice-extractor", dataset, *options)
    assert done.returncode == 2
    assert complaint in done.stderr


def _document(folder: Path, name: str, content: bytes, labels: dict[str, Any]) -> None:
    (folder / f"{name}.pdf").write_bytes(content)
    (folder / f"{name}.json").write_text(json.dumps(labels))
