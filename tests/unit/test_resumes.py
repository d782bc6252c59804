"""Generated resumes in several layouts, through the flow of the batch surface."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.engine.flow_files import builtin_flows
from docmill.extract.layout import LayoutExtractor
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat, nested
from tests.data.resumes import LAYOUTS, generate_resume
from tests.unit.layouts import page_of

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]


def read(*pages: Any) -> dict[str, Any]:
    """What the flow gives."""
    outcome = run_document(FLOW.definition, list(pages), {}, FLOW.output_schema)
    assert not outcome.warnings
    data: dict[str, Any] = outcome.output
    return data


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(4))
def test_all_that_is_on_it(layout: str, seed: int) -> None:
    """Who it is, and every post, school and skill in order; nothing of a bill. The same in both forms."""
    resume = generate_resume(seed, layout)
    data = read(resume.page)
    shown = flat(data, job_id="extr_0")
    assert (shown["document_type"], shown["document_category"]) == ("resume", "hr")
    assert shown["resume"] == resume.truth
    assert shown["validation"] == {"math_valid": True, "errors": [], "warnings": []}
    assert not shown.keys() & {"vendor", "buyer", "financial", "payslip", "extracted_fields"}
    assert nested(data, index=0, file_key="k")["extraction"]["resume"] == resume.truth


def test_entries_go_on_over_pages() -> None:
    """A part ends with the next heading, not with its page."""
    first = page_of("Asha Rao", "", "Experience", "Data Analyst\t\t2019 - 2021", "Northline Foods Ltd")
    second = page_of("Fitter\t\t2015 - 2019", "Mill Ltd", "", "Education", "MBA\t\t2012", "Hillside College", number=2)
    block = flat(read(first, second), job_id="extr_0")["resume"]
    assert [(job["title"], job["company"]) for job in block["experience"]] == [
        ("Data Analyst", "Northline Foods Ltd"), ("Fitter", "Mill Ltd"),
    ]  # fmt: skip
    assert block["education"] == [{"institution": "Hillside College", "degree": "MBA", "year": 2012}]


def test_what_no_word_tells_is_left_out() -> None:
    """Years of something are neither a post nor a school."""
    block = flat(read(page_of("Resume", "Asha Rao", "Experience", "A long voyage\t\t2001 - 2003")), job_id="extr_0")[
        "resume"
    ]
    assert "experience" not in block


def test_evidence_of_lists() -> None:
    """Each skill has the words it was read from."""
    outcome = run_document(FLOW.definition, [generate_resume(1).page], {}, FLOW.output_schema)
    words = {evidence.path: " ".join(evidence.words) for evidence in outcome.evidence}
    for index, skill in enumerate(outcome.output["sections"]["resume"]["skills"]):
        assert words[f"/sections/resume/skills/{index}"].strip(",") == skill


@pytest.mark.parametrize(
    "lines",
    [
        ("Tools we use: saw, drill,hammer",),
        ("Tools we use", "• saw", "• drill", "• hammer"),
        ("TOOLS WE USE:", "saw | drill; hammer"),
        ("Tools we use", "saw", "drill", "hammer", "Contact", "call us"),
    ],
)
def test_lists_of_a_users_own_schema(lines: tuple[str, ...]) -> None:
    """Any array of texts is looked for under its words."""
    schema = {"type": "object", "properties": {"toolsWeUse": {"type": "array", "items": {"type": "string"}}}}
    extraction = LayoutExtractor().extract([page_of("Workshop", *lines)], schema, {})
    assert extraction.data == {"toolsWeUse": ["saw", "drill", "hammer"]}
    numbers = {"type": "object", "properties": {"toolsWeUse": {"type": "array", "items": {"type": "number"}}}}
    assert LayoutExtractor().extract([page_of("Workshop", *lines)], numbers, {}).data == {}
