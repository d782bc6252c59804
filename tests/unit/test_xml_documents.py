"""XML as the document itself, and XML files in PDFs: what is taken for an invoice, and what is refused and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from docmill.domain.errors import MediaError, Reason
from docmill.extract.ir import document_ir
from docmill.extract.pipeline import run_document
from docmill.ocr.documents import open_document
from docmill.ocr.probe import probe
from docmill.ocr.reader import PageReader
from docmill.xml_tree import MAX_BYTES
from tests.data.einvoices import cii, ubl, with_files
from tests.data.invoices import generate_invoice

XML = "application/xml"
INVOICE = generate_invoice(5, "en", "classic")
SCHEMA = {
    "type": "object",
    "properties": {
        "invoiceNumber": {"type": "string"},
        "total": {"type": "number"},
        "vendor": {"type": "object", "properties": {"name": {"type": "string"}, "address": {"type": "string"}}},
    },
}
FLOW = {"steps": [{"id": "fields", "nodeType": "extract", "config": {"schema": SCHEMA}}]}


def saved(tmp_path: Path, data: bytes) -> Path:
    """The bytes as a file whose name says nothing."""
    path = tmp_path / "document"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [
        cii(INVOICE),
        cii(INVOICE, first=True),
        ubl(INVOICE),
        ubl(INVOICE, "CreditNote"),
        b"\xef\xbb\xbf\r\n" + ubl(INVOICE).split(b"?>", 1)[1].lstrip(),
        cii(INVOICE).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
)
def test_an_xml_invoice_is_a_document_of_one_page(tmp_path: Path, data: bytes) -> None:
    """By its content, with or without an XML declaration."""
    found = probe(saved(tmp_path, data))
    assert (found.media_type, len(found.pages)) == (XML, 1)


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (b"<?xml version='1.0'?><order/>", Reason.MEDIA_UNSUPPORTED, "only invoices are read"),
        (b"<?xml version='1.0'?><Invoice/>", Reason.MEDIA_UNSUPPORTED, "only invoices are read"),
        (cii(INVOICE)[:900], Reason.MEDIA_CORRUPT, "not well-formed"),
        (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", Reason.MEDIA_CORRUPT, "DTD"),
        (b"<?xml version='1.0'?>" + b" " * MAX_BYTES, Reason.MEDIA_TOO_LARGE, "more than"),
    ],
)
def test_other_xml_is_refused_and_says_why(tmp_path: Path, data: bytes, reason: Reason, says: str) -> None:
    """When the document is looked at first."""
    with pytest.raises(MediaError, match=says) as refused:
        probe(saved(tmp_path, data))
    assert refused.value.reason is reason


@pytest.mark.parametrize("data", [cii(INVOICE), ubl(INVOICE)])
def test_its_page_is_its_text(tmp_path: Path, data: bytes) -> None:
    """What `document-text` gives: every value with the words of its element before it, all on the page."""
    with open_document(saved(tmp_path, data), XML) as document:
        page = PageReader().read(document, 1, {}).page
    assert f"ID: {INVOICE.truth['invoiceNumber']}" in page.text
    assert "(EUR):" in page.text
    assert page.engine == "text-layer"
    assert all(0 <= w.box.x <= w.box.right <= page.width and w.box.bottom <= page.height for w in page.words)
    assert document_ir([page])["pages"][0]["markdown"]


def test_its_data_are_found_where_the_page_says_them(tmp_path: Path) -> None:
    """Each value on the line of its element, also one of several elements; no warning and nothing made up."""
    with open_document(saved(tmp_path, cii(INVOICE)), XML) as document:
        page = PageReader().read(document, 1, {}).page
        outcome = run_document(FLOW, [page], {}, SCHEMA, files=document.xml_files())
    assert outcome.output["total"] == INVOICE.truth["total"]
    assert outcome.warnings == ()
    words = {evidence.path: " ".join(evidence.words) for evidence in outcome.evidence}
    assert words["/total"] == f"{INVOICE.truth['total']:.2f}"
    assert words["/vendor/name"] == INVOICE.truth["vendor"]["name"]
    assert words["/vendor/address"].endswith("DE")
    assert all(evidence.grounded and evidence.page == 1 for evidence in outcome.evidence)


def test_a_long_invoice_stays_on_its_page(tmp_path: Path) -> None:
    """A thousand lines stand closer, and each value is still on its own."""
    items = INVOICE.truth["lineItems"] * 400
    with open_document(saved(tmp_path, ubl(INVOICE, lineItems=items)), XML) as document:
        page = PageReader().read(document, 1, {}).page
    assert len(page.lines) > 4000
    assert max(word.box.bottom for word in page.words) <= page.height


def test_it_has_no_picture(tmp_path: Path) -> None:
    """Neither to look at nor to read: said plainly."""
    with open_document(saved(tmp_path, ubl(INVOICE)), XML) as document:
        with pytest.raises(MediaError, match="no picture"):
            document.picture(1, 800)
        with pytest.raises(MediaError, match="no picture"):
            PageReader().read(document, 1, {"mode": "ocr"})


def test_xml_files_are_found_in_a_pdf(tmp_path: Path) -> None:
    """By their names, in any case; other files stay where they are."""
    files = {"terms.pdf": b"%PDF-", "Factur-X.XML": cii(INVOICE)}
    path = saved(tmp_path, with_files(INVOICE.pdf, files))
    with open_document(path, "application/pdf") as document:
        found = {file.name: file for file in document.xml_files()}
    assert found.keys() == {"Factur-X.XML"}
    assert found["Factur-X.XML"].data == cii(INVOICE)


def test_a_file_too_large_is_not_taken_out(tmp_path: Path) -> None:
    """A small PDF may hold a large file: it is left there, with the reason."""
    path = saved(tmp_path, with_files(INVOICE.pdf, {"factur-x.xml": b"<a>" + b" " * MAX_BYTES}))
    with open_document(path, "application/pdf") as document:
        (file,) = document.xml_files()
    assert file.data == b""
    assert "at most" in file.problem


def test_a_pdf_without_files_has_none(tmp_path: Path) -> None:
    """Most have none."""
    with open_document(saved(tmp_path, INVOICE.pdf), "application/pdf") as document:
        assert document.xml_files() == []
