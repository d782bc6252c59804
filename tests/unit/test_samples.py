"""The shipped sample documents: small, made by their script, and read right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from examples.make_samples import ITEMS, first_page, second_page, stack, third_page

from docmill.domain.pages import Page, Unit
from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.ocr.documents import open_document
from tests.data.drawing import to_pdf

EXAMPLES = Path(__file__).parents[2] / "examples"


def pages_of(name: str) -> list[Page]:
    """The pages of a sample as their text layer gives them, empty where there is none."""
    pages = []
    with open_document(EXAMPLES / name, "application/pdf") as document:
        for number in range(1, document.page_count + 1):
            layer, size = document.text_layer(number), document.page_size(number)
            lines = layer.lines if layer is not None else ()
            pages.append(Page(number=number, width=size.width, height=size.height, unit=Unit.POINT, lines=lines))
    return pages


def data_of(flow_id: str, version: str, pages: list[Page]) -> Any:
    """What a shipped flow reads from the pages."""
    flow = next(f for f in builtin_flows() if (f.id, f.version) == (flow_id, version))
    return run_document(flow.definition, pages, {}, flow.output_schema).output


def test_the_sample_invoice_reads_right() -> None:
    """Number, date, vendor, all line items over two pages, and the sums; the third page is a scan."""
    pages = pages_of("invoice.pdf")
    assert [bool(page.lines) for page in pages] == [True, True, False]
    data = data_of("invoice-extractor", "1.2.0", pages)
    items = data.pop("lineItems")
    assert data == {
        "invoiceNumber": "FH-2026-0417",
        "date": "2026-03-14",
        "vendor": {"name": "Fernhill Office Supplies Ltd", "address": "27 Orchard Road, Bristol BS1 5TY"},
        "subtotal": 4820.25,
        "tax": 964.05,
        "total": 5784.3,
    }
    assert [(item["description"], item["quantity"], item["unitPrice"]) for item in items] == [
        (description, quantity, float(price)) for description, quantity, price in ITEMS
    ]


def test_the_samples_are_small_and_the_script_makes_the_same_text() -> None:
    """Nobody edits the files by hand."""
    assert all((EXAMPLES / name).stat().st_size < 300_000 for name in ("invoice.pdf", "receipt.png", "stack.pdf"))
    again = to_pdf([first_page(), second_page(), third_page()], "Invoice FH-2026-0417")
    assert abs(len(again) - (EXAMPLES / "invoice.pdf").stat().st_size) < 20_000


def test_the_sample_stack_is_the_one_the_script_makes() -> None:
    """Five documents on seven pages, with their text."""
    papers = stack()
    assert [part.kind for part in papers.parts] == ["invoice", "other", "receipt", "receipt", "invoice"]
    with open_document(EXAMPLES / "stack.pdf", "application/pdf") as document:
        assert document.page_count == len(papers.pages) == 7
        for page in papers.pages:
            layer = document.text_layer(page.number)
            assert layer is not None
            read = sorted(word.text for line in layer.lines for word in line.words)
            assert "".join(read) == "".join(sorted(word.text for word in page.words))


def test_the_receipts_of_the_sample_stack_read_right() -> None:
    """Whole: blanks of a receipt part words, not cells."""
    pages = pages_of("stack.pdf")
    truths = [part.truth for part in stack().parts if part.kind == "receipt"]
    read = [data_of("receipt-extractor", "1.0.0", [pages[number]]) for number in (4, 5)]
    assert read == truths
