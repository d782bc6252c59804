"""The rules by which the values of a document must agree: sound documents pass, altered ones break the right rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from docmill.domain.errors import Reason, WorkFailed
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.extract.assess import assess
from docmill.extract.checks import check_document
from docmill.extract.gstin import fault_of, looks_like_gstin, state_of

WITHIN = {
    "category": "invoice",
    "currency": "INR",
    "issuer": {"name": "A", "gstin": "27AAPFU0939F1ZV"},
    "recipient": {"name": "B", "taxId": "27AAACR4849R1ZL"},
    "lineItems": [
        {"description": "Roller", "quantity": 12, "unitPrice": 850.0, "discount": 200, "total": 10000, "taxRate": 18},
        {"description": "Freight", "quantity": 1, "unitPrice": 1000, "total": 1000, "taxRate": 18},
    ],
    "subtotal": 11000,
    "taxes": [{"kind": "CGST", "rate": 9, "amount": 990}, {"kind": "SGST", "rate": 9, "amount": 990}],
    "total": 12980,
    "confidence": 0.93,
}
"""An invoice within one state."""

BETWEEN = {
    **{name: value for name, value in WITHIN.items() if name not in {"taxes", "recipient"}},
    "recipient": {"name": "B", "gstin": "29AAGCB7383J1Z4"},
    "igst": 1980,
}
"""The same to another state."""


def found(document: dict[str, Any], path: str = "", value: Any = None) -> list[tuple[str, str]]:
    """Codes and levels of what breaks, with the value at a dotted path changed (None takes it away)."""
    changed = copy.deepcopy(document)
    *parents, last = path.split(".") if path else [""]
    target: Any = changed
    for name in parents:
        target = target[int(name)] if name.isdigit() else target[name]
    if path and value is None:
        del target[last]
    elif path:
        target[last] = value
    return [(check.code, check.level) for check in check_document(changed)]


@pytest.mark.parametrize("document", [WITHIN, BETWEEN, {}, {"category": "resume", "confidence": 0.99}])
def test_sound_documents(document: dict[str, Any]) -> None:
    """Nothing is found in what agrees, nor where nothing can be checked."""
    assert found(document) == []


@pytest.mark.parametrize(
    ("document", "path", "value", "expected"),
    [
        (WITHIN, "lineItems.0.quantity", 13, [("line_math", "error")]),
        (WITHIN, "lineItems.0.discount", 0, [("line_math", "error")]),
        (WITHIN, "subtotal", 11100, [("subtotal_sum", "error"), ("grand_total_sum", "error")]),
        (WITHIN, "total", 12990, [("grand_total_sum", "error")]),
        (WITHIN, "total", 12980.6, [("grand_total_sum", "warning")]),
        (WITHIN, "shipping", 5, [("grand_total_sum", "error")]),
        (WITHIN, "lineItems.0.taxRate", 12, [("tax_rate_amount", "warning")]),
        (WITHIN, "confidence", 0.5, [("low_confidence", "warning")]),
        (WITHIN, "issuer.gstin", "27AAPFU0939F1ZX", [("gstin_format", "warning")]),
        (WITHIN, "recipient.taxId", "29AAGCB7383J1Z4", [("gst_split", "warning")]),
        (BETWEEN, "recipient.gstin", "27AAACR4849R1ZL", [("gst_split", "warning")]),
    ],
)
def test_altered_documents(document: dict[str, Any], path: str, value: Any, expected: list[tuple[str, str]]) -> None:
    """Each alteration breaks the rule it is about."""
    assert found(document, path, value) == expected


def test_the_halves_of_the_tax() -> None:
    """They must be the same, and not stand beside the tax between states."""
    uneven = {**WITHIN, "taxes": [{"kind": "CGST", "amount": 991}, {"kind": "SGST", "amount": 989}]}
    assert found(uneven) == [("gst_split", "warning")]
    three = {**WITHIN, "taxes": [*WITHIN["taxes"], {"kind": "IGST", "amount": 0.01}]}  # type: ignore[misc]  # of mixed values
    assert ("gst_split", "warning") in found(three)


def test_lines_with_tax_in_them() -> None:
    """Lines that make the total instead of the subtotal are no mistake."""
    lines = [{"description": "A", "total": 119}]
    document = {"lineItems": lines, "subtotal": 100, "tax": 19, "total": 119}
    assert found(document) == [("tax_inclusive_lines", "warning")]
    assert found({**document, "total": 118}) == [("subtotal_sum", "error"), ("grand_total_sum", "error")]


def test_a_total_whose_tax_was_not_read() -> None:
    """Nobody knows what is missing; a total below its subtotal is wrong all the same."""
    assert found({"subtotal": 100, "total": 119}) == []
    assert found({"subtotal": 100, "total": 90}) == [("grand_total_sum", "error")]
    assert found({"subtotal": 100, "discount": 10, "total": 90}) == []


def test_rounding_is_for_rupees_and_not_beyond_one() -> None:
    """Cents that are off elsewhere are an error; the tolerance grows with the lines."""
    parts = {"subtotal": 100, "tax": 19.4, "total": 119}
    assert found({**parts, "currency": "EUR"}) == [("grand_total_sum", "error")]
    assert found({**parts, "currency": "INR"}) == [("grand_total_sum", "warning")]
    assert found({**parts, "currency": "INR", "roundOff": -0.4}) == []
    many = [{"total": 1.0}] * 10
    assert found({"lineItems": many, "subtotal": 10.1}) == []
    assert found({"lineItems": many, "subtotal": 10.11}) == [("subtotal_sum", "error")]


def test_payslips_and_statements() -> None:
    """Gross less deductions is net; balances run from the opening to the closing one."""
    payslip = {"grossPay": 3000, "totalDeductions": 900.5, "netPay": 2099.5}
    assert found({"sections": {"payslip": payslip}}) == []
    assert found({"sections": {"payslip": {**payslip, "netPay": 2100}}}) == [("payslip_net", "error")]
    moves = [{"credit": 50, "balance": 150}, {"debit": 20.25, "balance": 129.75}]
    statement = {"openingBalance": 100, "closingBalance": 129.75, "transactions": moves}
    assert found({"sections": {"bankStatement": statement}}) == []
    wrong = {**statement, "closingBalance": 130}
    assert found({"sections": {"bankStatement": wrong}}) == [("statement_balance", "error")]
    skipped = {**statement, "transactions": [{"credit": 50, "balance": 151}, {"debit": 21.25, "balance": 129.75}]}
    assert found({"sections": {"bankStatement": skipped}}) == [("statement_balance", "error")]


@pytest.mark.parametrize("gstin", ["27AAPFU0939F1ZV", "29AAGCB7383J1Z4", "27AAACR4849R1ZL"])
def test_tax_numbers_that_are_in_use(gstin: str) -> None:
    """Their check characters come out."""
    assert (fault_of(gstin), looks_like_gstin(gstin), state_of(gstin)) == ("", True, gstin[:2])


@pytest.mark.parametrize(
    ("gstin", "fault"),
    [
        ("27AAPFU0939F1Z", "14 characters"),
        ("44AAPFU0939F1ZV", "no state"),
        ("27AAPF10939F1ZV", "no PAN"),
        ("27AAPFU0939F1AV", "last three"),
        ("27AAPFU0939F0ZV", "last three"),
        ("27AAPFU0939F1ZX", "should be V"),
    ],
)
def test_tax_numbers_with_a_fault(gstin: str, fault: str) -> None:
    """It is said which."""
    assert fault in fault_of(gstin)


def page(*words: tuple[str, float]) -> Page:
    """A page with these words, and how surely each was read."""
    line = Line(tuple(Word(text, Box(0, 0, 1, 1), confidence) for text, confidence in words))
    return Page(number=1, width=100, height=100, unit=Unit.PIXEL, lines=(line,) if words else ())


def test_how_sure_a_document_is() -> None:
    """By the letters that were read, times the share of what such a document has to have."""
    pages = [page(("ab", 0.5), ("abcdef", 0.9)), page(("ab", 1.0))]
    full = {"category": "invoice", "number": "1", "date": "2026-01-01", "issuer": {"name": "A"}, "total": 1}
    made = assess(full, pages, {"language": "hi"})
    assert (made["confidence"], made["pages"], made["words"], made["language"]) == (0.84, 2, 3, "hi")
    assert [check["code"] for check in made["checks"]] == ["low_confidence"]
    half = {name: value for name, value in full.items() if name not in {"number", "issuer"}}
    assert assess(half, pages, {})["confidence"] == 0.42
    assert assess({"category": "letter"}, pages, {})["confidence"] == 0.84


@pytest.mark.parametrize("pages", [[], [page()], [page(("abc", 0.1))]])
def test_a_document_without_readable_text(pages: list[Page]) -> None:
    """Nothing is made of guesses."""
    with pytest.raises(WorkFailed) as refused:
        assess({}, pages, {})
    assert refused.value.reason is Reason.EXTRACTION_FAILED
