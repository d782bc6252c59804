"""Flows that take documents apart and put results together: split, forEach, conditional, chunk, combine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from docmill.domain.einvoices import EmbeddedFile
from docmill.domain.errors import Reason, WorkFailed
from docmill.extract.ir import document_ir
from docmill.extract.pipeline import DocumentOutcome, outcome_from_json, outcome_to_json, run_document
from tests.data.einvoices import cii
from tests.data.invoices import generate_invoice
from tests.data.stacks import Stack, make_part
from tests.unit.layouts import page_of

STACK = Stack((make_part("invoice", 3, pages=2), make_part("other", 4), make_part("receipt", 6)))
INVOICE, _, RECEIPT = STACK.parts
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "invoiceNumber": {"type": "string"}}}
TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}}
KINDS = ["invoice", "receipt"]


def step(node_type: str, step_id: str, **config: Any) -> dict[str, Any]:
    """A plain step."""
    return {"type": "step", "id": step_id, "nodeType": node_type, "config": config}


READ = step("parse", "read")
FIELDS = step("extract", "fields", schema=SCHEMA)


def flow(*steps: dict[str, Any]) -> dict[str, Any]:
    """A definition."""
    return {"version": "1.0.0", "steps": list(steps)}


def each(*steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    """A forEach over invoices and receipts."""
    config = {"categories": KINDS, **config}
    return {"type": "forEach", "id": "each", "nodeType": "split", "config": config, "itemFlow": flow(*steps)}


def either(branches: dict[str, Any], categories: Any = KINDS) -> dict[str, Any]:
    """A conditional."""
    config = {"categories": categories}
    return {"type": "conditional", "id": "kind", "nodeType": "categorize", "config": config, "branches": branches}


def run(*steps: dict[str, Any], pages: Any = STACK.pages, **more: Any) -> DocumentOutcome:
    """The outcome of these steps; what it is kept as reads back."""
    outcome = run_document(flow(*steps), pages, {}, {}, **more)
    assert outcome_from_json(outcome_to_json(outcome)) == outcome
    return outcome


def test_a_split_step_gives_kinds_and_pages() -> None:
    """Nothing of the documents themselves."""
    outcome = run(step("split", "documents", categories=KINDS))
    assert outcome.output == [
        {"type": "invoice", "pages": [1, 2]},
        {"type": "other", "pages": [3]},
        {"type": "receipt", "pages": [4]},
    ]
    assert outcome.artifacts["documents"] == {"type": "split", "documents": outcome.output}


def test_a_for_each_runs_its_flow_on_every_document() -> None:
    """Values in order; evidence points into them and keeps the page of the stack; artifacts by document, times by step."""
    outcome = run(each(READ, FIELDS))
    invoice, other, receipt = outcome.output
    assert invoice == {"status": "fulfilled", "value": {k: INVOICE.truth[k] for k in ("total", "invoiceNumber")}}
    assert other == {"status": "fulfilled", "value": {}}
    assert receipt["value"]["total"] == RECEIPT.truth["total"]
    places = {(evidence.path, evidence.page) for evidence in outcome.evidence}
    assert {("/0/value/invoiceNumber", 1), ("/0/value/total", 2), ("/2/value/total", 4)} <= places
    assert outcome.artifacts["each/2/fields"] == {"type": "extract", "data": receipt["value"]}
    assert [(fact.step_id, fact.node_type) for fact in outcome.steps] == [("each/fields", "extract"), ("each", "split")]


def test_data_of_each_document_is_written_once() -> None:
    """The artifacts of the inner flows refer to the output."""
    assert outcome_to_json(run(each(FIELDS))).count(INVOICE.truth["invoiceNumber"].encode()) == 2, "evidence and output"


def test_a_document_that_fails_fails_alone() -> None:
    """With a reason, and a warning that says which pages it is about."""
    check = step("validate", "check", schema={**SCHEMA, "required": ["total"]})
    outcome = run(each(FIELDS, check))
    assert [item["status"] for item in outcome.output] == ["fulfilled", "rejected", "fulfilled"]
    reason = outcome.output[1]["reason"]
    assert reason.keys() == {"code", "message"}
    assert reason["code"] == "EXTRACTION_FAILED"
    assert any(warning.startswith("Page 3 (other): The extracted data") for warning in outcome.warnings)
    assert "/2/value/total" in {evidence.path for evidence in outcome.evidence}


def test_a_conditional_runs_the_branch_of_its_category() -> None:
    """On all pages; its result is the branch's, the category is an artifact."""
    branches = {"invoice": flow(READ, FIELDS), "receipt": flow(step("extract", "sum", schema=TOTAL))}
    outcome = run(either(branches), pages=STACK.pages[:2])
    assert outcome.output == {key: INVOICE.truth[key] for key in ("total", "invoiceNumber")}
    assert {evidence.path for evidence in outcome.evidence} == {"/total", "/invoiceNumber"}
    assert outcome.artifacts["kind"]["category"] == "invoice"
    assert outcome.artifacts["kind/invoice/fields"]["data"] == outcome.output
    assert [fact.step_id for fact in outcome.steps] == ["kind/invoice/fields", "kind"]
    receipt = run(either(branches), pages=STACK.pages[3:])
    assert receipt.output == {"total": RECEIPT.truth["total"]}


def test_a_category_without_a_branch_ends_the_run_and_says_what_to_do() -> None:
    """It is named, and so is what there is; a `default` branch takes what has none."""
    receipts = {"receipt": flow(FIELDS)}
    with pytest.raises(WorkFailed, match="'kind' took the document for 'invoice', which has no branch") as failed:
        run(either(receipts), pages=STACK.pages[:2])
    assert (failed.value.details["step"], failed.value.details["category"]) == ("kind", "invoice")
    with pytest.raises(WorkFailed, match="cannot tell what the document is"):
        run(either(receipts), pages=[page_of("Nothing", "to see")])
    by_default = run(either({**receipts, "default": flow(FIELDS)}), pages=STACK.pages[:2])
    assert by_default.output["invoiceNumber"] == INVOICE.truth["invoiceNumber"]
    assert "kind/default/fields" in by_default.artifacts


def test_a_failure_inside_a_branch_names_the_way_to_its_step() -> None:
    """`details.step` is the path of ids, as in artifacts."""
    check = step("validate", "check", schema={**SCHEMA, "required": ["iban"]})
    with pytest.raises(WorkFailed) as failed:
        run(either({"invoice": flow(FIELDS, check)}), pages=STACK.pages[:2])
    assert failed.value.details["step"] == "kind/invoice/check"


def test_what_the_split_step_found_holds_in_the_flow_of_the_document() -> None:
    """A conditional inside need not guess again, and fields by category are those of the kind."""
    more = {"invoice": {"type": "object", "properties": {"invoiceNumber": {"type": "string"}}}}
    fields = step("extract", "fields", schema=TOTAL, byCategory=more)
    branches = {"other": flow(READ, step("chunk", "text", strategy="page")), "default": flow(fields)}
    outcome = run(each(either(branches, [*KINDS, "other"])))
    invoice, other, receipt = (item["value"] for item in outcome.output)
    assert (invoice.keys(), receipt.keys()) == ({"total", "invoiceNumber"}, {"total"})
    assert other["chunks"][0]["pageNumbers"] == [3]
    assert outcome.artifacts["each/1/kind"]["category"] == "other"
    assert {fact.step_id for fact in outcome.steps} == {
        "each", "each/kind", "each/kind/default/fields", "each/kind/other/text",
    }  # fmt: skip


def test_a_branch_may_look_closer() -> None:
    """A categorize step in a branch decides anew, also between the category of the branch and others."""
    closer = step("categorize", "closer", categories=["receipt", "invoice"])
    outcome = run(
        either({"a bill": flow(closer)}, [{"name": "a bill", "description": "invoice"}]), pages=STACK.pages[:2]
    )
    assert outcome.output["category"] == "invoice"
    wide = [{"name": "invoice", "description": "any receipt"}]
    again = run(either({"invoice": flow(closer)}, wide), pages=STACK.pages[3:])
    assert again.output["category"] == "receipt"


def test_an_electronic_invoice_belongs_to_a_document_that_is_all_of_the_file() -> None:
    """In a stack nobody knows which of the documents the file is about."""
    invoice = generate_invoice(5)
    files = [EmbeddedFile("factur-x.xml", cii(invoice, invoiceNumber="FORGED-1"))]
    alone = run(each(FIELDS), pages=invoice.pages, files=files)
    assert alone.output[0]["value"]["invoiceNumber"] == "FORGED-1"
    in_a_stack = run(each(FIELDS), files=files)
    assert in_a_stack.output[0]["value"]["invoiceNumber"] == INVOICE.truth["invoiceNumber"]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("merge", {"total": 2.0, "invoiceNumber": "A-1"}),
        ("concatenate", [{"total": 1.0, "invoiceNumber": "A-1"}, {"total": 2.0}]),
        ("first", {"total": 1.0, "invoiceNumber": "A-1"}),
        ("last", {"total": 2.0}),
    ],
)
def test_chunks_are_extracted_one_by_one_and_combined(strategy: str, expected: Any) -> None:
    """Each strategy's shape, and evidence for what is left only."""
    pages = [page_of("Invoice number: A-1", "Total: 1.00"), page_of("Total: 2.00", number=2)]
    chunks = step("chunk", "parts", strategy="page", combineShortPages=False)
    outcome = run(READ, chunks, FIELDS, step("combine", "all", strategy=strategy), pages=pages)
    assert outcome.output == expected
    for evidence in outcome.evidence:
        value = outcome.output
        for key in evidence.path.split("/")[1:]:
            value = value[int(key) if isinstance(value, list) else key]
        assert str(value).rstrip("0").rstrip(".") in " ".join(evidence.words)
    assert len(outcome.evidence) == len(expected) if isinstance(expected, dict) else 3
    parts = run(READ, chunks, FIELDS, pages=pages)
    assert parts.output == [{"total": 1.0, "invoiceNumber": "A-1"}, {"total": 2.0}]


def test_the_data_of_chunks_is_validated_as_a_list() -> None:
    """The schema of the extract step is that of each element."""
    pages = [page_of("Total: 1.00"), page_of("Nothing here", number=2)]
    fields = step("extract", "fields", schema={**TOTAL, "required": ["total"]})
    chunks = step("chunk", "parts", strategy="page", combineShortPages=False)
    with pytest.raises(WorkFailed, match="/1: "):
        run(READ, chunks, fields, step("validate", "check"), pages=pages)
    whole = run(READ, chunks, fields, step("combine", "all"), step("validate", "check"), pages=pages)
    assert whole.output == {"total": 1.0}


def test_results_of_a_stack_are_combined_without_those_that_failed() -> None:
    """Lists become one list."""
    check = step("validate", "check", schema={**SCHEMA, "required": ["total"]})
    outcome = run(each(FIELDS, check), step("combine", "all", strategy="concatenate"), step("output", "o"))
    assert [item["total"] for item in outcome.output] == [INVOICE.truth["total"], RECEIPT.truth["total"]]
    assert {"/0/total", "/1/total"} <= {evidence.path for evidence in outcome.evidence}
    assert any("Page 3 (other)" in warning for warning in outcome.warnings)
    lists = run(each(READ, step("chunk", "p", strategy="page"), FIELDS), step("combine", "all"))
    assert [item.get("total") for item in lists.output] == [None, INVOICE.truth["total"], None, RECEIPT.truth["total"]]
    assert {"/1/total", "/3/total"} <= {evidence.path for evidence in lists.evidence}


def test_chunk_strategies_cut_where_they_say() -> None:
    """Sections at larger print with the titles above, pages together while they are short, sizes never exceeded."""
    letter = make_part("other", 4).sheets[0]
    letter.text(60, 580, "Annex", 30)
    letter.text(60, 640, "The plan of the house", 10)
    page = letter.page(1)

    def chunks(**config: Any) -> list[dict[str, Any]]:
        return run(READ, step("chunk", "c", **config), pages=[page, page_of("Short", number=2)]).output["chunks"]

    sections = chunks(strategy="section", maxSize=5000)
    assert [section.get("section") for section in sections] == [None, "Annex"]
    assert sections[1]["content"].startswith("Annex\n\nThe plan")
    assert [each["pageNumbers"] for each in chunks(strategy="page")] == [[1, 2]]
    assert [each["pageNumbers"] for each in chunks(strategy="page", combineShortPages=False)] == [[1], [2]]
    small = chunks(strategy="recursive", maxSize=200, overlap=40)
    assert len(small) > 3
    assert all(each["charCount"] <= 200 for each in small)
    assert all(one["endChar"] > two["startChar"] for one, two in pairwise(small))
    assert all(each["tokenCount"] <= 30 for each in chunks(strategy="fixed", unit="tokens", size=30))


def test_a_reference_that_nobody_resolved_fails_and_says_so() -> None:
    """A worker cannot look flows up."""
    step_ = {"type": "forEach", "id": "each", "config": {"categories": KINDS}, "itemFlow": {"flowRef": "lab@1.0.0"}}
    with pytest.raises(WorkFailed, match=r"lab@1.0.0 .* not there") as failed:
        run(step_)
    assert failed.value.reason is Reason.EXTRACTION_FAILED


def test_a_branch_that_only_reads_gives_the_pages() -> None:
    """Those of its document."""
    outcome = run(each(READ))
    assert outcome.output[1]["value"] == document_ir(STACK.pages[2:3])
