"""Generated Indian invoices through the flow of the batch surface: sound ones pass its rules, altered ones break theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from docmill.domain.pages import Line
from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat, nested
from tests.data.gst import GstInvoice, generate_gst_invoice
from tests.unit.layouts import page_of

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
    assert (shown["vendor"]["tax_id"], shown["vendor"]["pan"]) == (invoice.seller[2], invoice.pan(invoice.seller[2]))
    assert "pan" not in shown["buyer"]
    assert shown["document_meta"]["place_of_supply"] == invoice.place_of_supply
    assert shown["document_meta"]["invoice_number"] == invoice.number
    assert (shown["document_meta"]["date"], shown["document_meta"]["currency"]) == ("2025-06-11", "INR")
    taxes = {"cgst": invoice.cgst, "sgst": invoice.sgst, "igst": invoice.igst}
    expected = {name: float(amount) for name, amount in taxes.items() if amount}
    totals = shown["financial"]["totals"]
    assert {name: totals[name] for name in taxes if name in totals} == pytest.approx(expected)
    assert (totals["subtotal"], totals["grand_total"]) == (float(invoice.subtotal), float(invoice.total))
    assert totals["tax_total"] == pytest.approx(sum(expected.values()))
    assert shown["financial"]["line_items"] == [
        {
            "description": name,
            "quantity": quantity,
            "unit_price": float(price),
            "hsn_sac": code,
            "tax_rate": float(invoice.rate),
            "total": float(amount),
        }
        for (name, quantity, price, amount), code in zip(invoice.items, invoice.codes, strict=True)
    ]
    assert shown["validation"] == {"math_valid": True, "errors": [], "warnings": []}
    element = nested(read(invoice), index=0, file_key="k")
    assert element["extraction"]["financial"] == shown["financial"]


@pytest.mark.parametrize("within", [True, False])
def test_a_total_in_whole_rupees(within: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What rounding added or took is shown with its sign, and the sums hold with it."""
    for seed in SEEDS:
        invoice = generate_gst_invoice(seed, within=within, rounded=True)
        data = read(invoice)
        assert data["checks"] == []
        totals = flat(data, job_id="extr_0")["financial"]["totals"]
        assert totals.get("round_off", 0) == float(invoice.round_off)
        assert totals["grand_total"] == float(invoice.total)


def _one_more(invoice: GstInvoice) -> GstInvoice:
    name, quantity, price, amount = invoice.items[0]
    return invoice.altered(items=((name, quantity + 1, price, amount), *invoice.items[1:]))


def _elsewhere(invoice: GstInvoice) -> GstInvoice:
    """The same tax, and a buyer of another state."""
    numbers = (generate_gst_invoice(seed).buyer[2] for seed in range(20))
    other = next(number for number in numbers if number[:2] != invoice.seller[2][:2])
    return invoice.altered(buyer=(*invoice.buyer[:2], other))


def _forged(invoice: GstInvoice) -> GstInvoice:
    """A tax number whose check character is wrong."""
    number = invoice.seller[2]
    return invoice.altered(seller=(*invoice.seller[:2], number[:-1] + ("0" if number[-1] != "0" else "1")))


@pytest.mark.parametrize(
    ("alter", "rule", "level"),
    [
        (_one_more, "line_math", "error"),
        (lambda sound: sound.altered(subtotal=sound.subtotal + 100, total=sound.total + 100), "subtotal_sum", "error"),
        (lambda sound: sound.altered(total=sound.total + 10), "grand_total_sum", "error"),
        (lambda sound: sound.altered(total=sound.total + Decimal("0.40")), "grand_total_sum", "warning"),
        (lambda sound: sound.altered(round_off=Decimal("0.40"), total=sound.total + 5), "grand_total_sum", "error"),
        (lambda sound: sound.altered(line_rate=sound.rate + 3), "tax_rate_amount", "warning"),
        (lambda sound: sound.altered(cgst=sound.cgst + 1, sgst=sound.sgst - 1), "gst_split", "warning"),
        (_elsewhere, "gst_split", "warning"),
        (_forged, "gstin_format", "warning"),
    ],
)
@pytest.mark.parametrize("seed", [1, 4])
def test_an_altered_invoice(seed: int, alter: Callable[[GstInvoice], GstInvoice], rule: str, level: str) -> None:
    """Each alteration is found by the rule it is about, and by no other."""
    assert broken(alter(generate_gst_invoice(seed))) == [(rule, level)]


def test_tax_in_the_lines() -> None:
    """Lines that make the total are not wrong, but it is said."""
    sound = generate_gst_invoice(3)
    share = 1 + sound.rate / 100
    lines = tuple(
        (name, 1, (amount * share).quantize(Decimal("0.01")), (amount * share).quantize(Decimal("0.01")))
        for name, _, _, amount in sound.items
    )
    assert ("tax_inclusive_lines", "warning") in broken(sound.altered(items=lines))
    assert not [rule for rule, level in broken(sound.altered(items=lines)) if level == "error"]


def test_words_that_were_hard_to_read() -> None:
    """A document that was read with little confidence says so, and nothing else."""
    page = generate_gst_invoice(1).page
    lines = tuple(Line(tuple(word._replace(confidence=0.7) for word in line.words)) for line in page.lines)
    outcome = run_document(FLOW.definition, [replace(page, lines=lines)], {}, FLOW.output_schema)
    assert [check["code"] for check in outcome.output["checks"]] == ["low_confidence"]


def test_a_file_with_several_documents_says_so() -> None:
    """As a warning that names the pages; the arithmetic of the data is no matter of it."""
    pages = [replace(generate_gst_invoice(seed).page, number=seed) for seed in (1, 2, 3)]
    outcome = run_document(FLOW.definition, pages, {}, FLOW.output_schema)
    (check,) = [check for check in outcome.output["checks"] if check["code"] == "several_documents"]
    assert check["level"] == "warning"
    assert check["detail"].startswith("it seems that pages 2 and 3 begin other documents")
    two = run_document(FLOW.definition, pages[:2], {}, FLOW.output_schema).output
    assert "several_documents: it seems that page 2 begins another document" in str(flat(two, job_id="")["validation"])


def test_a_hint_decides_what_the_words_do_not() -> None:
    """Somebody says what it is; words that are clear win."""
    invoice = generate_gst_invoice(2)
    assert read(invoice, documentType="receipt")["category"] == "invoice"
    assert read(invoice, language="hi")["language"] == "hi"


@pytest.mark.parametrize(
    ("said", "known"), [("nonsense", False), ("bank_statement", True), ("Invoice", True), ("other", True)]
)
def test_a_hint_that_names_nothing_is_told(said: str, known: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The words decide, and a warning lists the types there are."""
    invoice = generate_gst_invoice(2)
    outcome = run_document(FLOW.definition, [invoice.page], {"documentType": said}, FLOW.output_schema)
    assert outcome.output["category"] == "invoice"
    assert [warning.startswith("'nonsense' is none of the types") for warning in outcome.warnings] == [True] * (
        not known
    )
    assert all("bank statement, payslip" in warning for warning in outcome.warnings)


def test_taxes_of_several_rates_and_union_territories() -> None:
    """Each kind is the sum over its rates, a row that is printed twice counts once; UTGST stands for SGST."""
    page = page_of(
        "Tax Invoice", "Subtotal\t\t300.00", "CGST 9%\t\t9.00", "UTGST 9%\t\t9.00", "CGST 2.5%\t\t5.00", "UTGST 2.5%\t\t5.00",
        "CGST 9%\t\t9.00", "Place of supply: Chandigarh", "Grand Total\t\tRs. 328.00",
    )  # fmt: skip
    data = run_document(FLOW.definition, [page], {}, FLOW.output_schema).output
    assert (data["cgst"], data["sgst"], data["tax"], data["placeOfSupply"]) == (14, 14, 28, "Chandigarh")
    assert not data.keys() & {"igst", "vat", "salesTax"}
