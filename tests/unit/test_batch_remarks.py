"""Values to look at, under the names of the batch surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.gateway.dialects.documentflow.document import flat
from docmill.gateway.dialects.documentflow.remarks import Remarks

INVOICE: dict[str, Any] = {
    "category": "invoice",
    "number": "A-1",
    "dueDate": "2026-01-02",
    "issuer": {"taxId": "27AAPFU0939F1ZV"},
    "lineItems": [{"description": "x", "total": 3}],
    "tax": 1,
    "total": 4,
    "iban": "GB33BUKB20201555555555",
}
RECEIPT = {"category": "receipt", "number": "7"}
PAYSLIP = {"category": "payslip", "sections": {"payslip": {"netPay": 9, "earnings": [{"label": "a", "amount": 9}]}}}
LETTER = {"category": "letter", "fields": {"Ward/Bed": "B2", "Total": "4"}}


def unsure(data: dict[str, Any], pointers: Sequence[str]) -> list[str]:
    """What the warnings name."""
    said = flat(data, job_id="", remarks=Remarks(unsure=pointers))["validation"]["warnings"]
    return [warning.removeprefix("unsure_value: ") for warning in said]


@pytest.mark.parametrize(
    ("data", "pointer", "named"),
    [
        (INVOICE, "/number", ["document_meta.invoice_number"]),
        (RECEIPT, "/number", ["document_meta.document_number"]),
        (INVOICE, "/dueDate", ["document_meta.due_date"]),
        (INVOICE, "/issuer/taxId", ["vendor.tax_id"]),
        (INVOICE, "/lineItems/0/total", ["financial.line_items[0].total"]),
        (INVOICE, "/lineItems/1/total", []),
        (INVOICE, "/tax", ["financial.totals.tax_total"]),
        (INVOICE, "/iban", ["financial.payment.iban"]),
        (INVOICE, "/recipient/name", []),
        (RECEIPT, "/total", []),  # without a grand total there is no `financial`
        (PAYSLIP, "/sections/payslip/netPay", ["payslip.net_pay"]),
        (PAYSLIP, "/sections/payslip/earnings/0/amount", ["payslip.earnings[0].amount"]),
        (LETTER, "/fields/Ward~1Bed", ["extracted_fields.Ward/Bed"]),
        (LETTER, "", []),
    ],
)
def test_where_a_value_is_shown(data: dict[str, Any], pointer: str, named: list[str]) -> None:
    """By the keys that lead to it in the answer; what is not shown there is not named."""
    assert unsure(data, [pointer]) == named


@given(st.lists(st.text(alphabet="/~01azA", max_size=12), max_size=5))
def test_no_pointer_is_too_odd(pointers: list[str]) -> None:
    """Whatever the services name, the answer can be given."""
    assert unsure(INVOICE, pointers) == []
