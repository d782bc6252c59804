"""Electronic invoices through the whole of docmill: as files of their own, and in PDFs."""

from __future__ import annotations

from pathlib import Path

import pytest

from docmill.client import Docmill, InvalidArgumentError
from tests.data.einvoices import cii, ubl, with_files
from tests.data.invoices import generate_invoice

pytestmark = pytest.mark.xdist_group("stack")

INVOICE = generate_invoice(5, "en", "classic")
DATA = {**INVOICE.truth, "vendor": {**INVOICE.truth["vendor"], "address": f"{INVOICE.truth['vendor']['address']}, DE"}}


def saved(path: Path, data: bytes) -> Path:
    """The bytes as a file."""
    path.write_bytes(data)
    return path


def test_an_xml_invoice_is_uploaded_and_read(client: Docmill, tmp_path: Path) -> None:
    """One page, the data exactly, each value with its place in the XML."""
    run = client.flows.run("invoice-extractor", saved(tmp_path / "invoice.xml", ubl(INVOICE))).result(timeout=60)
    assert run.output == DATA
    document = client.documents.get(run.document_id)
    assert (document.mime_type, document.page_count) == ("application/xml", 1)
    evidence = {each.path: each for each in client.runs.get(run.id, evidence=True).evidence}
    assert evidence["/total"].xpath == "/Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"
    assert (evidence["/total"].source, evidence["/total"].grounded) == ("einvoice", True)


def test_the_text_of_an_xml_invoice_can_be_read(client: Docmill, tmp_path: Path) -> None:
    """`document-text` gives what the XML says."""
    run = client.flows.run("document-text", saved(tmp_path / "invoice.xml", cii(INVOICE))).result(timeout=60)
    assert INVOICE.truth["invoiceNumber"] in run.output["pages"][0]["markdown"]


def test_a_pdf_says_by_a_warning_what_its_page_does_not_show(client: Docmill, tmp_path: Path) -> None:
    """The file inside counts."""
    pdf = with_files(INVOICE.pdf, {"factur-x.xml": cii(INVOICE, invoiceNumber="FORGED-1")})
    run = client.flows.run("invoice-extractor", saved(tmp_path / "invoice.pdf", pdf)).result(timeout=60)
    assert run.output == {**DATA, "invoiceNumber": "FORGED-1"}
    (warning,) = run.warnings
    assert warning.startswith("/invoiceNumber:")


def test_other_xml_fails_and_says_what_is_read(client: Docmill, tmp_path: Path) -> None:
    """Not with a crash, and not in silence."""
    path = saved(tmp_path / "order.xml", b"<?xml version='1.0'?><order/>")
    with pytest.raises(InvalidArgumentError, match="only invoices are read"):
        client.flows.run("invoice-extractor", path).result(timeout=60)
