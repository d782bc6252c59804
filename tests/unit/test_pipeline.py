"""The steps after the pages: results by how a flow ends, warnings, failures with the step's id."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.errors import Reason, WorkFailed
from docmill.domain.flows import Category
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.engine.flow_files import builtin_flows
from docmill.extract.classify import classify
from docmill.extract.ir import document_ir, page_markdown
from docmill.extract.pipeline import DocumentOutcome, outcome_from_json, outcome_to_json, run_document
from tests.data.invoices import generate_invoice
from tests.data.receipts import generate_receipt
from tests.unit.layouts import page_of

INVOICE = generate_invoice(5, "en", "classic")
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "invoiceNumber": {"type": "string"}}}
READ = {"type": "step", "id": "read", "nodeType": "parse", "config": {}}
KIND = {"type": "step", "id": "kind", "nodeType": "categorize", "config": {"categories": ["invoice", "letter"]}}
FIELDS = {"type": "step", "id": "fields", "nodeType": "extract", "config": {"schema": SCHEMA}}


def output(step_id: str, **config: Any) -> dict[str, Any]:
    """An output step."""
    return {"type": "step", "id": step_id, "nodeType": "output", "config": config}


def run(*steps: dict[str, Any], schema: Any = None, pages: Any = INVOICE.pages) -> DocumentOutcome:
    """The outcome of these steps."""
    return run_document({"steps": list(steps)}, pages, {}, schema or {})


def test_a_flow_that_ends_with_parse_gives_the_pages() -> None:
    """The documented DocumentIR."""
    outcome = run(READ)
    assert outcome.output == document_ir(INVOICE.pages)
    assert outcome.steps == ()


def test_a_flow_that_ends_with_extract_gives_the_data() -> None:
    """With evidence that points into it, and the time of each step."""
    outcome = run(READ, FIELDS)
    assert outcome.output == {"total": INVOICE.truth["total"], "invoiceNumber": INVOICE.truth["invoiceNumber"]}
    assert {evidence.path for evidence in outcome.evidence} == {"/total", "/invoiceNumber"}
    assert [(step.step_id, step.node_type) for step in outcome.steps] == [("fields", "extract")]


def test_a_flow_that_ends_with_categorize_gives_the_category_without_the_document() -> None:
    """No bytes are echoed."""
    outcome = run(READ, KIND)
    assert outcome.output.keys() == {"category", "confidence"}
    assert outcome.output["category"] == "invoice"


@pytest.mark.parametrize(
    ("outputs", "expected", "paths"),
    [
        ([output("o")], ["total"], {"/total", "/invoiceNumber"}),
        ([output("o", source="kind")], ["category"], set()),
        ([output("o", source=["kind", "fields"], transform="first")], ["category"], set()),
        ([output("o", source=["kind", "fields"], transform="last")], ["total"], {"/total", "/invoiceNumber"}),
        ([output("o", source=["kind", "fields"], transform="merge")], ["category", "total"], {"/total", "/invoiceNumber"}),
        ([output("o", source="fields", transform="pick", fields=["total"])], ["total"], {"/total"}),
        ([output("a", source="kind"), output("b", name="data", source="fields")], ["a", "data"], {"/data/total", "/data/invoiceNumber"}),
    ],
)  # fmt: skip
def test_output_steps_shape_the_result(outputs: list[dict[str, Any]], expected: list[str], paths: set[str]) -> None:
    """One output is the result, several are an object by name; evidence follows its values."""
    outcome = run(READ, KIND, FIELDS, *outputs)
    assert set(expected) <= outcome.output.keys()
    assert {evidence.path for evidence in outcome.evidence} == paths


@pytest.mark.parametrize("steps", [(KIND, FIELDS), (KIND, FIELDS, output("o", source="kind"))], ids=["data", "kind"])
def test_what_steps_made_on_the_way_is_kept(steps: tuple[dict[str, Any], ...]) -> None:
    """Category and data by step, whichever of them is the output, which is not written twice."""
    outcome = run(READ, *steps)
    assert outcome.artifacts["kind"]["type"] == "categorize"
    assert outcome.artifacts["kind"]["category"] == "invoice"
    data = outcome.artifacts["fields"]["data"]
    assert (outcome.artifacts["fields"]["type"], data["total"]) == ("extract", INVOICE.truth["total"])
    kept = outcome_to_json(outcome)
    assert outcome_from_json(kept) == outcome
    assert kept.count(b'"invoiceNumber"') == 1


def test_several_sources_without_a_transform_are_a_list() -> None:
    """In the order of the sources."""
    outcome = run(READ, KIND, FIELDS, output("o", source=["fields", "kind"]))
    assert outcome.output[0]["total"] == INVOICE.truth["total"]
    assert outcome.output[1]["category"] == "invoice"
    assert "/0/total" in {evidence.path for evidence in outcome.evidence}


def test_an_unknown_provider_is_named_with_those_that_are_there() -> None:
    """The step fails, and the fault says which one."""
    step = {**FIELDS, "config": {"schema": SCHEMA, "providerRef": "vendor:model"}}
    with pytest.raises(WorkFailed) as failed:
        run(READ, step)
    assert failed.value.reason is Reason.PROVIDER_FAILED
    assert failed.value.details["step"] == "fields"
    assert "vendor:model" in failed.value.message
    assert "layout" in failed.value.message


def test_output_that_does_not_fit_the_flow_is_a_warning_or_an_error() -> None:
    """A warning by default, an error with a validate step, a warning again where that step says so."""
    strict = {**SCHEMA, "required": ["iban"]}
    assert any("iban" in warning for warning in run(READ, FIELDS, schema=strict).warnings)
    check = {"type": "step", "id": "check", "nodeType": "validate", "config": {"schema": strict}}
    with pytest.raises(WorkFailed) as failed:
        run(READ, FIELDS, check)
    assert (failed.value.reason, failed.value.details["step"]) == (Reason.EXTRACTION_FAILED, "check")
    lenient = {**check, "config": {"schema": strict, "onInvalid": "warn"}}
    outcome = run(READ, FIELDS, lenient)
    assert outcome.output["total"] == INVOICE.truth["total"]
    assert any("iban" in warning for warning in outcome.warnings)


def test_a_page_that_could_not_be_read_is_a_warning() -> None:
    """The other pages are used."""
    outcome = run(READ, FIELDS, pages=[None, *INVOICE.pages])
    assert outcome.output["total"] == INVOICE.truth["total"]
    assert outcome.warnings == ("Page 1 could not be read",)


@pytest.mark.parametrize("flow", builtin_flows(), ids=lambda flow: f"{flow.id}@{flow.version}")
def test_what_a_shipped_flow_gives_fits_its_schema_and_survives_storage(flow: Any) -> None:
    """No warnings on a clean invoice or receipt, and the stored JSON reads back the same."""
    for pages in (INVOICE.pages, (generate_receipt(2).page,)):
        outcome = run_document(flow.definition, pages, {}, flow.output_schema)
        assert outcome.warnings == ()
        assert outcome_from_json(outcome_to_json(outcome)) == outcome


def test_document_ir_has_the_documented_shape() -> None:
    """Numbers of a page, lines, words and boxes; nothing else."""
    word = Word("Total", Box(10.004, 20, 30.126, 9), 0.98765)
    page = Page(number=1, width=595.276, height=842, unit=Unit.POINT, lines=(Line((word,)),))
    assert document_ir([page]) == {
        "pages": [
            {
                "pageNumber": 1,
                "width": 595.28,
                "height": 842,
                "lines": [
                    {
                        "text": "Total",
                        "bbox": {"x": 10, "y": 20, "w": 30.13, "h": 9},
                        "words": [{"text": "Total", "bbox": {"x": 10, "y": 20, "w": 30.13, "h": 9}, "confidence": 0.9877}],
                    }
                ],
                "markdown": "Total",
            }
        ]
    }  # fmt: skip


def test_markdown_has_headings_by_height_paragraphs_by_gaps_and_no_made_up_structure() -> None:
    """What looks like Markdown in the text is escaped."""
    lines = [
        ("Big Title", 0, 24),
        ("first line", 40, 10),
        ("second line", 52, 10),
        ("# 5 of *all*", 90, 10),
        ("1. Scope", 120, 10),
    ]
    page = Page(
        number=1, width=600, height=800, unit=Unit.POINT,
        lines=tuple(Line(tuple(Word(w, Box(10 + 60 * i, y, 50, h), 1.0) for i, w in enumerate(text.split()))) for text, y, h in lines),
    )  # fmt: skip
    assert page_markdown(page) == "# Big Title\n\nfirst line\nsecond line\n\n\\# 5 of \\*all\\*\n\n1\\. Scope"


def test_categories_are_told_by_their_words() -> None:
    """In other languages too, with a confidence; nothing is guessed where no word speaks."""
    categories = [Category(name=name) for name in ("invoice", "receipt", "contract")]
    assert classify(generate_invoice(1, "de", "window").pages, categories).category == "invoice"
    assert classify([generate_receipt(1).page], categories).category == "receipt"
    nothing = classify([page_of("lorem ipsum dolor")], categories)
    assert (nothing.category, nothing.confidence) == ("", 0.0)
    other = classify([page_of("lorem ipsum")], [*categories, Category(name="other")])
    assert other.category == "other"


def test_own_categories_are_told_by_their_descriptions() -> None:
    """A user's names need not be known."""
    categories = [
        Category(name="blood panel", description="Laboratory values such as hemoglobin and leukocytes"),
        Category(name="x-ray", description="Radiology findings of an image"),
    ]
    found = classify([page_of("Laboratory", "Hemoglobin 13.9", "Leukocytes 6.2")], categories)
    assert found.category == "blood panel"
    assert found.confidence > 0.5


def test_an_extract_step_asks_for_more_of_some_categories() -> None:
    """What is asked of one category is not looked for in documents of another."""
    text = {"type": "object", "properties": {"number": {"type": "string"}}}
    more = {"type": "object", "properties": {"ward": {"type": "string"}}}
    steps = [
        {"id": "kind", "nodeType": "categorize", "config": {"categories": ["lab report", "invoice"]}},
        {"id": "fields", "nodeType": "extract", "config": {"schema": text, "byCategory": {"lab report": more}}},
    ]
    for title, expected in (("Lab report", {"ward": "B2"}), ("Invoice", {})):
        page = page_of(title, "Ward: B2")
        made = run_document({"version": "1.0.0", "steps": steps}, [page], {}, {})
        assert {name: value for name, value in made.output.items() if name == "ward"} == expected
