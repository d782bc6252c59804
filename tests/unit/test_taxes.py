"""Taxes by kind, from generated invoices through the flow of the batch surface, in both of its forms."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.einvoices import EmbeddedFile
from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat, nested
from tests.data.einvoices import cii, ubl
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.unit.layouts import page_of

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]
KINDS = ("vat", "sales_tax", "cgst", "sgst", "igst")


def totals_of(*pages: Any) -> dict[str, Any]:
    """The sums that both forms show; they are the same."""
    outcome = run_document(FLOW.definition, list(pages), {}, FLOW.output_schema)
    assert not outcome.warnings
    one = flat(outcome.output, job_id="extr_0")
    other = nested(outcome.output, index=0, file_key="k")
    assert one["financial"] == other["extraction"]["financial"]
    assert one["validation"]["math_valid"], one["validation"]
    totals: dict[str, Any] = one["financial"]["totals"]
    return totals


def kinds_of(totals: dict[str, Any]) -> dict[str, float]:
    """Only the taxes that have a name."""
    return {name: totals[name] for name in KINDS if name in totals}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("language", "kind", "rates"),
    [
        ("de", "vat", ()),
        ("de", "vat", (("USt.", 19),)),
        ("de", "vat", (("MwSt.", 19), ("MwSt.", 7))),
        ("de", "vat", (("Umsatzsteuer", 19), ("Umsatzsteuer", 7))),
        ("en-GB", "vat", ()),
        ("en-GB", "vat", (("VAT @", 20), ("VAT @", 5))),
        ("fr", "vat", ()),
        ("es", "vat", (("IVA", 21), ("IVA", 10), ("IVA", 4))),
        ("nl", "vat", (("BTW", 21), ("BTW", 9))),
        ("en", "sales_tax", ()),
        ("en", "sales_tax", (("State Tax", 4), ("County Tax", 4))),
    ],
)
def test_the_tax_of_an_invoice(language: str, layout: str, kind: str, rates: tuple[tuple[str, int], ...]) -> None:
    """Under its own name and in the sum of all; several rates of one kind together."""
    invoice = generate_invoice(3, language, layout, 6, rates)
    totals = totals_of(*invoice.pages)
    assert kinds_of(totals) == {kind: invoice.truth["tax"]}
    assert totals["tax_total"] == invoice.truth["tax"]
    assert (totals["subtotal"], totals["grand_total"]) == (invoice.truth["subtotal"], invoice.truth["total"])


@pytest.mark.parametrize("word", ["Tax", "GST", "HST 13%"])
def test_words_that_name_neither(word: str) -> None:
    """Such a tax is in the sum of all and nowhere else."""
    totals = totals_of(page_of("Invoice", "Subtotal\t\t100.00", f"{word}\t\t13.00", "Total\t\t113.00"))
    assert (kinds_of(totals), totals["tax_total"]) == ({}, 13)


def test_a_tax_that_is_named_elsewhere() -> None:
    """A head of a column says what the amount under it is; a tax number says what tax there is, too."""
    table = page_of(
        "Invoice", "Description\tQuantity\tUnit price\tAmount", "Lamp\t1\t100.00\t100.00", "Desk\t1\t200.00\t200.00", "",
        "Net\tMwSt\tTotal", "100.00\t19.00\t119.00", "200.00\t14.00\t214.00", "300.00\t33.00\t333.00",
    )  # fmt: skip
    assert kinds_of(totals_of(table)) == {"vat": 33}


def test_electronic_invoices_have_vat() -> None:
    """It is the one tax of EN 16931; UBL from elsewhere says which other one it has."""
    invoice = generate_invoice(3, "de")
    other = b"<cac:TaxSubtotal><cac:TaxCategory><cac:TaxScheme><cbc:ID>GST</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
    gst = ubl(invoice).replace(b"</cac:TaxTotal>", other)
    for xml, kinds in ((cii(invoice), {"vat"}), (ubl(invoice), {"vat"}), (gst, set())):
        data = run_document(
            FLOW.definition, [page_of("Rechnung")], {}, FLOW.output_schema, files=[EmbeddedFile("factur-x.xml", xml)]
        ).output
        assert data["tax"] == invoice.truth["tax"]
        assert dict.fromkeys(kinds, data["tax"]) == {name: data[name] for name in ("vat", "salesTax") if name in data}
