"""The data of a document in the words of this surface: one canonical form, written flat or nested.

The canonical form is the output of the flow `universal-extract`. What it does not have is left out here, never null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["flat", "nested", "nothing_read", "validation"]

Json = Mapping[str, Any]
Names = Mapping[str, str]
"""From names here to names of the canonical form."""

_CATEGORIES: Mapping[str, str] = {
    "invoice": "financial",
    "receipt": "financial",
    "purchase_order": "financial",
    "bank_statement": "financial",
    "payslip": "hr",
    "resume": "hr",
    "ticket": "travel",
    "identity": "identity",
    "passport": "identity",
    "medical_report": "medical",
    "contract": "legal",
    "delivery_note": "logistics",
}
_OTHER = "other"
_NOT_FINANCIAL = frozenset({"payslip", "resume", "ticket", "identity", "passport", "bank_statement"})
"""Types whose amounts are in blocks of their own."""
_ABOUT_A_PERSON = frozenset({"resume", "identity", "passport"})
"""Types that nobody sends to anybody."""

_PARTY: Names = {
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
_META: Names = {
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
_LINE: Names = {
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
_TOTALS: Names = {
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
_TAXES: Names = {"CGST": "cgst", "SGST": "sgst", "IGST": "igst", "VAT": "vat", "SALES": "sales_tax"}
"""From kinds of the canonical form to names here."""
_PAYMENT: Names = {
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
_BLOCKS: Mapping[str, str] = {
    "payslip": "payslip",
    "resume": "resume",
    "ticket": "ticket",
    "identity": "identity",
    "passport": "identity",
    "bank_statement": "bank_statement",
}
"""From types to the names of their own blocks; other types have `extracted_fields`."""

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def flat(data: Json, *, job_id: str) -> dict[str, Any]:
    """The answer to `POST /v1/extract`."""
    return {
        "job_id": job_id,
        "status": "success",
        **_kind(data, "confidence"),
        **_blocks(data),
        "validation": validation(data),
        "tokens_used": data.get("words", 0),
    }


def nested(data: Json, *, index: int, file_key: str) -> dict[str, Any]:
    """An element of the results of a batch."""
    return {
        "file_index": index,
        "file_key": file_key,
        "extraction": {**_kind(data, "confidence_score"), **_blocks(data)},
        "validation": validation(data),
        "tokens_used": data.get("words", 0),
    }


def nothing_read(*, index: int, file_key: str, error: str, message: str) -> dict[str, Any]:
    """An element of the results for a file that failed: readers find all they ask of any other."""
    return {
        "file_index": index,
        "file_key": file_key,
        "extraction": {"document_type": "unknown", "document_category": _OTHER, "confidence_score": 0.0},
        "error": {"error": error, "message": message},
        "validation": {"math_valid": False, "errors": [error], "warnings": []},
        "tokens_used": 0,
    }


def validation(data: Json) -> dict[str, Any]:
    """What the checks of the canonical form found; each as `code: detail`."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for check in data.get("checks", ()):
        found.setdefault(check["level"], []).append(f"{check['code']}: {check['detail']}")
    return {"math_valid": not found["error"], "errors": found["error"], "warnings": found["warning"]}


def _kind(data: Json, confidence: str) -> dict[str, Any]:
    kind = _type(data)
    return {
        "document_type": kind,
        "document_category": _CATEGORIES.get(kind, _OTHER),
        confidence: float(data.get("confidence", 0.0)),
    }


def _type(data: Json) -> str:
    return str(data.get("category", "")).strip().lower().replace(" ", "_") or _OTHER


def _blocks(data: Json) -> dict[str, Any]:
    kind = _type(data)
    between = kind not in _ABOUT_A_PERSON
    made = {
        "vendor": _party(data.get("issuer", {})) if between else {},
        "buyer": _party(data.get("recipient", {})) if between else {},
        "document_meta": _meta(data, kind),
        "financial": {} if kind in _NOT_FINANCIAL else _financial(data),
        **_own(data, kind),
    }
    return {name: block for name, block in made.items() if block}


def _picked(source: Json, names: Names) -> dict[str, Any]:
    return {name: source[theirs] for name, theirs in names.items() if source.get(theirs) not in (None, "")}


def _party(source: Json) -> dict[str, Any]:
    """An Indian tax number is shown under both of its names."""
    made = _picked(source, _PARTY)
    if _GSTIN.fullmatch(made.get("tax_id", "")):
        made.setdefault("gstin", made["tax_id"])
    if "gstin" in made:
        made.setdefault("tax_id", made["gstin"])
    return made


def _meta(data: Json, kind: str) -> dict[str, Any]:
    made = _picked(data, _META)
    if "invoice_number" in made and kind != "invoice":
        made["document_number"] = made.pop("invoice_number")
    return made


def _financial(data: Json) -> dict[str, Any]:
    """Lines, totals and payment; nothing without a grand total, which readers take for granted."""
    totals = _picked(data, _TOTALS) | _taxes(data.get("taxes", ()))
    if not isinstance(totals.get("grand_total"), int | float):
        return {}
    lines = [line for line in (_picked(item, _LINE) for item in data.get("lineItems", ())) if line]
    payment = _picked(data, _PAYMENT)
    return {"line_items": lines, "totals": totals, **({"payment": payment} if payment.keys() - {"due_date"} else {})}


def _taxes(taxes: Sequence[Json]) -> dict[str, Any]:
    """Amounts of the taxes that have a name of their own; those of several rates together."""
    made: dict[str, Any] = {}
    for tax in taxes:
        name, amount = _TAXES.get(str(tax.get("kind", ""))), tax.get("amount")
        if name is not None and isinstance(amount, int | float):
            made[name] = round(made.get(name, 0) + amount, 2)
    return made


def _own(data: Json, kind: str) -> dict[str, Any]:
    """The block that only this type has."""
    sections: Json = data.get("sections", {})
    name = _BLOCKS.get(kind)
    if name is not None:
        return {name: _snake(sections.get(_camel(name), {}))}
    return {"extracted_fields": dict(data.get("fields", {}))}


def _snake(value: Any) -> Any:
    """The same JSON with names as this surface writes them, and without nulls."""
    if isinstance(value, Mapping):
        return {_WORD.sub("_", name).lower(): _snake(item) for name, item in value.items() if item is not None}
    return [_snake(item) for item in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
