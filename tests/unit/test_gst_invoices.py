"""Generated Indian invoices through the flow of the batch surface: sound ones pass its rules, altered ones break theirs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat, nested
from tests.data.gst import GstInvoice, generate_gst_invoice

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]
SEEDS = range(6)


def read(invoice: GstInvoice, **variables: Any) -> dict[str, Any]:
    """What the flow gives."""
    outcome = run_document(FLOW.definition, [invoice.page], variables, FLOW.output_schema)
    assert not outcome.warnings
    data: dict[str, Any] = outcome.output
    return data


def broken(invoice: GstInvoice) -> list[tuple[str, str]]:
    """Codes and levels of the rules that do not hold."""
    return [(check["code"], check["level"]) for check in read(invoice)["checks"]]


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_sound_invoice(seed: int, within: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Every number is read, on the right side, and nothing is wrong with any."""
    invoice = generate_gst_invoice(seed, within=within)
    shown = flat(read(invoice), job_id="extr_0")
    assert shown["document_type"] == "invoice"
    assert (shown["vendor"]["gstin"], shown["buyer"]["gstin"]) == (invoice.seller[2], invoice.buyer[2])
    assert shown["vendor"]["tax_id"] == invoice.seller[2]
    assert shown["document_meta"]["invoice_number"] == invoice.number
    assert (shown["document_meta"]["date"], shown["document_meta"]["currency"]) == ("2025-06-11", "INR")
    taxes = {"cgst": invoice.cgst, "sgst": invoice.sgst, "igst": invoice.igst}
    expected = {name: float(amount) for name, amount in taxes.items() if amount}
    totals = shown["financial"]["totals"]
    assert {name: totals[name] for name in taxes if name in totals} == pytest.approx(expected)
    assert (totals["subtotal"], totals["grand_total"]) == (float(invoice.subtotal), float(invoice.total))
    assert totals["tax_total"] == pytest.approx(sum(expected.values()))
    assert [line["total"] for line in shown["financial"]["line_items"]] == [float(item[3]) for item in invoice.items]
    assert shown["validation"] == {"math_valid": True, "errors": [], "warnings": []}
    element = nested(read(invoice), index=0, file_key="k")
    assert element["extraction"]["financial"] == shown["financial"]


def test_altered_invoices() -> None:
    """Each alteration is found by the rule it is about."""
    sound = generate_gst_invoice(1)
    name, quantity, price, amount = sound.items[0]
    wrong_line = ((name, quantity + 1, price, amount), *sound.items[1:])
    assert broken(sound.altered(items=wrong_line)) == [("line_math", "error")]
    assert ("subtotal_sum", "error") in broken(sound.altered(subtotal=sound.subtotal + 100, total=sound.total + 100))
    assert broken(sound.altered(total=sound.total + 10)) == [("grand_total_sum", "error")]
    assert broken(sound.altered(total=sound.total + Decimal("0.40"))) == [("grand_total_sum", "warning")]
    uneven = sound.altered(cgst=sound.cgst + 1, sgst=sound.sgst - 1)
    assert broken(uneven) == [("gst_split", "warning")]
    numbers = [generate_gst_invoice(seed).buyer[2] for seed in range(20)]
    elsewhere = next(number for number in numbers if number[:2] != sound.seller[2][:2])
    assert broken(sound.altered(buyer=(*sound.buyer[:2], elsewhere))) == [("gst_split", "warning")]
    last = "0" if sound.seller[2][-1] != "0" else "1"
    forged = (*sound.seller[:2], sound.seller[2][:-1] + last)
    assert broken(sound.altered(seller=forged)) == [("gstin_format", "warning")]


def test_a_hint_decides_what_the_words_do_not() -> None:
    """Somebody says what it is; words that are clear win."""
    invoice = generate_gst_invoice(2)
    assert read(invoice, documentType="receipt")["category"] == "invoice"
    assert read(invoice, language="hi")["language"] == "hi"
