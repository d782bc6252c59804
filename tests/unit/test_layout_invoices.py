"""The layout provider on generated invoices and receipts: exact values, and evidence where they were drawn."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from docmill.domain.pages import Box, Line, Page, Word
from docmill.engine.flow_files import builtin_flows
from docmill.extract.layout import LayoutExtractor
from tests.data.drawing import FONTS
from tests.data.invoice_tables import BODIES
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.data.receipts import generate_receipt
from tests.unit.layouts import page_of

if TYPE_CHECKING:
    from docmill.extract import Evidence, Extraction

SCHEMAS = {f"{flow.id}@{flow.version}": flow.output_schema for flow in builtin_flows()}
INVOICE = SCHEMAS["invoice-extractor@1.2.0"]
RECEIPT = SCHEMAS["receipt-extractor@1.0.0"]


def leaves(value: Any, pointer: str = "") -> dict[str, Any]:
    """Every leaf by its JSON pointer."""
    if isinstance(value, dict):
        return {p: v for key, child in value.items() for p, v in leaves(child, f"{pointer}/{key}").items()}
    if isinstance(value, list):
        return {p: v for index, child in enumerate(value) for p, v in leaves(child, f"{pointer}/{index}").items()}
    return {pointer: value}


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    w = min(one.right, other.right) - max(one.x, other.x)
    h = min(one.bottom, other.bottom) - max(one.y, other.y)
    shared = max(0.0, w) * max(0.0, h)
    return shared / (one.w * one.h + other.w * other.h - shared)


def reproduces(evidence: Evidence, value: Any) -> bool:
    """Whether the words say the value: the digits of a number, the letters and digits of a text."""
    words = "".join(evidence.words)
    if isinstance(value, (int, float)):
        return re.sub(r"\D", "", words) in {f"{value:.2f}".replace(".", ""), str(value)}
    plain = re.sub(r"\W", "", words)
    return re.sub(r"\W", "", str(value)) in plain or re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) is not None


def extract_invoice(language: str, layout: str, seed: int = 5, items: int | None = None) -> tuple[Extraction, Any]:
    """What the provider reads from a generated invoice, and that invoice."""
    generated = generate_invoice(seed, language, layout, items)
    return LayoutExtractor().extract(generated.pages, INVOICE, {}), generated


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("language", sorted(LOCALES))
def test_an_invoice_reads_exactly(language: str, layout: str) -> None:
    """Number, date, vendor, every line item and the sums, in each layout and language."""
    extraction, generated = extract_invoice(language, layout)
    assert extraction.data == generated.truth


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_leaf_has_evidence_where_it_was_drawn(layout: str) -> None:
    """One piece of evidence a leaf; its words say the value and its box lies where the value stands."""
    extraction, generated = extract_invoice("de", layout)
    values = leaves(extraction.data)
    assert sorted(evidence.path for evidence in extraction.evidence) == sorted(values)
    for evidence in extraction.evidence:
        assert reproduces(evidence, values[evidence.path]), evidence
        assert 0 < evidence.confidence < 1
        assert evidence.page == 1
        if evidence.path in generated.boxes:
            assert overlap(evidence.box, generated.boxes[evidence.path]) > 0.5, evidence.path


def test_line_items_go_on_over_pages() -> None:
    """Seventy items on two pages with a repeated header; evidence names the page of each."""
    extraction, generated = extract_invoice("en", "classic", items=70)
    assert len(generated.pages) > 1
    assert extraction.data == generated.truth
    pages = {e.path: e.page for e in extraction.evidence}
    assert pages["/lineItems/0/total"] == 1
    assert pages["/lineItems/69/total"] == len(generated.pages)
    assert pages["/total"] == len(generated.pages)


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_columns_of_all_kinds_and_sums_carried_over_are_told_apart(language: str) -> None:
    """Positions, codes, units and rates; descriptions of several lines; no sum of a page is an item, whatever it is called."""
    generated = generate_invoice(7, language, "boxed", 60, body="detailed")
    assert len(generated.pages) == 3
    assert LayoutExtractor().extract(generated.pages, INVOICE, {}).data == generated.truth


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("language", sorted(LOCALES))
@pytest.mark.parametrize("body", BODIES)
def test_tables_of_any_make_read_exactly(body: str, language: str, font: str) -> None:
    """Names in two lines, boxes, discounts, the total before the price, two tax rates; on two pages, in three fonts."""
    generated = generate_invoice(8, language, "side", 45, body=body, font=font)
    assert len(generated.pages) >= 2
    assert LayoutExtractor().extract(generated.pages, INVOICE, {}).data == generated.truth


def test_an_item_may_cost_as_much_as_all_before_it() -> None:
    """Only at a new page is such an amount a sum that is carried over."""
    lines = [
        "Description\t\t\tAmount",
        "Consulting\t\t\t50.00",
        "Facilitation\t\t\t50.00",
        "Travelling\t\t\t100.00",
        "",
        "Total Due\t\t\t200.00",
    ]
    found = LayoutExtractor().extract([page_of(*lines)], INVOICE, {}).data
    assert [(item["description"], item["total"]) for item in found["lineItems"]] == [
        ("Consulting", 50),
        ("Facilitation", 50),
        ("Travelling", 100),
    ]


def test_items_go_on_under_no_header_where_they_are_described_like_those_before() -> None:
    """On a second page: two more items, or amounts by tax code that stand in the columns of the first."""
    first = page_of(
        "Code\tDescription\t\t\tQty\tPrice\tAmount",
        "A17\tConsulting\t\t\t2\t50.00\t100.00",
        "B20\tTravelling\t\t\t1\t80.00\t80.00",
    )
    more = ("C11\tCopywriting\t\t\t3\t20.00\t60.00", "C12\tBookbinding\t\t\t3\t10.00\t30.00")
    taxes = ("Taxes by code", "", "Exempt\t\t\t\t\t0\t270.00\t0.00")
    names = ["Consulting", "Travelling", "Copywriting", "Bookbinding"]
    for second, expected in ((page_of(*taxes, number=2), names[:2]), (page_of(*more, number=2), names)):
        found = LayoutExtractor().extract([first, second], INVOICE, {}).data
        assert [item["description"] for item in found["lineItems"]] == expected


def test_items_described_above_their_amounts_go_on_under_no_header() -> None:
    """Rows of amounts alone are items where those before them were."""
    header = "Description\t\t\tQty\tPrice\tAmount"
    first = page_of(header, "Consulting", "\t\t\t\t2\t50.00\t100.00", "Travelling", "\t\t\t\t1\t80.00\t80.00")
    second = page_of("Printing", "\t\t\t\t3\t20.00\t60.00", number=2)
    found = LayoutExtractor().extract([first, second], INVOICE, {}).data
    assert [item["total"] for item in found["lineItems"]] == [100, 80, 60]


@pytest.mark.parametrize("seed", range(4))
def test_a_receipt_reads_exactly(seed: int) -> None:
    """Merchant, time, items, sums and payment of a till receipt."""
    receipt = generate_receipt(seed)
    extraction = LayoutExtractor().extract([receipt.page], RECEIPT, {})
    assert extraction.data == receipt.truth
    assert sorted(evidence.path for evidence in extraction.evidence) == sorted(leaves(receipt.truth))


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_earlier_versions_give_less_of_the_same(version: str) -> None:
    """A smaller schema gives the same values for the fields it has, and no others."""
    generated = generate_invoice(5, "fr", "side")
    schema = SCHEMAS[f"invoice-extractor@{version}"]
    data = LayoutExtractor().extract(generated.pages, schema, {}).data
    truth = leaves(generated.truth)
    assert leaves(data).items() <= truth.items()
    assert {"/invoiceNumber", "/date", "/vendor/name", "/subtotal", "/tax", "/total"} <= leaves(data).keys()
    assert list(data) == [name for name in schema["properties"] if name in data]


def test_extraction_does_not_depend_on_how_an_engine_groups_words() -> None:
    """One word a line, or all words of a row in one line: the same data."""
    generated = generate_invoice(5, "nl", "boxed")
    page = generated.pages[0]
    single = type(page)(
        number=1, width=page.width, height=page.height, unit=page.unit,
        lines=tuple(type(line)((word,)) for line in page.lines for word in line.words),
    )  # fmt: skip
    assert LayoutExtractor().extract([single], INVOICE, {}).data == generated.truth


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_stored_on_its_side_reads_the_same(turns: int) -> None:
    """Boxes of the evidence stay in the image as stored, which is lying on its side or upside down."""
    receipt = generate_receipt(3)
    lying = _lying(receipt.page, turns)
    extraction = LayoutExtractor().extract([lying], RECEIPT, {})
    assert extraction.data == receipt.truth
    total = next(evidence for evidence in extraction.evidence if evidence.path == "/total")
    amount, currency = total.words[-1], total.words[0]
    printed = [
        Box.around([a.box, c.box]) for a in lying.words for c in lying.words if (c.text, a.text) == (currency, amount)
    ]
    assert total.box in printed


def _lying(page: Page, turns: int) -> Page:
    """The page as a camera that was turned stores it: each quarter turn maps (x, y) to (height - y, x)."""
    for _ in range(turns):
        height = page.height
        page = Page(
            number=1, width=height, height=page.width, unit=page.unit,
            lines=tuple(
                Line(tuple(Word(w.text, Box(height - w.box.bottom, w.box.x, w.box.h, w.box.w), w.confidence) for w in line.words))
                for line in page.lines
            ),
        )  # fmt: skip
    return page
