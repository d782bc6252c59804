"""Names of values on this surface, and those of the canonical form that they stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["BLOCKS", "LINE", "META", "PARTY", "PAYMENT", "TOTALS", "Names", "camel", "snake"]

Names = Mapping[str, str]
"""From names here to names of the canonical form."""

PARTY: Names = {
    "name": "name",
    "address": "address",
    "phone": "phone",
    "email": "email",
    "website": "website",
    "gstin": "gstin",
    "pan": "pan",
    "tax_id": "taxId",
    "registration_number": "registrationNumber",
    "country": "country",
}
META: Names = {
    "invoice_number": "number",
    "date": "date",
    "due_date": "dueDate",
    "po_number": "orderNumber",
    "place_of_supply": "placeOfSupply",
    "currency": "currency",
    "language": "language",
    "country": "country",
    "page_count": "pages",
}
LINE: Names = {
    "description": "description",
    "quantity": "quantity",
    "unit": "unit",
    "unit_price": "unitPrice",
    "hsn_sac": "code",
    "discount": "discount",
    "tax_rate": "taxRate",
    "tax_amount": "taxAmount",
    "total": "total",
}
TOTALS: Names = {
    "subtotal": "subtotal",
    "discount": "discount",
    "shipping": "shipping",
    "cgst": "cgst",
    "sgst": "sgst",
    "igst": "igst",
    "vat": "vat",
    "sales_tax": "salesTax",
    "tax_total": "tax",
    "round_off": "roundOff",
    "grand_total": "total",
    "amount_paid": "amountPaid",
    "balance_due": "amountDue",
}
PAYMENT: Names = {
    "method": "paymentMethod",
    "terms": "paymentTerms",
    "due_date": "dueDate",
    "bank_name": "bankName",
    "account_number": "accountNumber",
    "ifsc": "ifsc",
    "iban": "iban",
    "swift": "swift",
    "upi_id": "upiId",
}
BLOCKS: Mapping[str, str] = {
    "payslip": "payslip",
    "resume": "resume",
    "ticket": "ticket",
    "identity": "identity",
    "passport": "identity",
    "bank_statement": "bank_statement",
}
"""From types to the names of their own blocks; other types have `extracted_fields`."""

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def camel(name: str) -> str:
    """`bankStatement` for `bank_statement`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def snake(name: str) -> str:
    """`net_pay` for `netPay`."""
    return _WORD.sub("_", name).lower()
