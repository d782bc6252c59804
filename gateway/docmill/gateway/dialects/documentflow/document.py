"""The data of a document in the words of this surface: one canonical form, written flat or nested.

The canonical form is the output of the flow `universal-extract`. What it does not have is left out here, never null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from docmill.gateway.dialects.documentflow.names import BLOCKS, LINE, META, PARTY, PAYMENT, TOTALS, Names, camel, snake
from docmill.gateway.dialects.documentflow.remarks import Remarks

__all__ = ["flat", "nested", "nothing_read", "validation"]

Json = Mapping[str, Any]

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

_TAXES: Names = {"CGST": "cgst", "SGST": "sgst", "IGST": "igst", "VAT": "vat", "SALES": "sales_tax"}
"""From kinds of the canonical form to names here."""
_NO_REMARKS = Remarks()

_GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]")


def flat(data: Json, *, job_id: str, remarks: Remarks = _NO_REMARKS) -> dict[str, Any]:
    """The answer to `POST /v1/extract`."""
    blocks = _blocks(data)
    return {
        "job_id": job_id,
        "status": "success",
        **_kind(data, "confidence"),
        **blocks,
        "validation": validation(data, remarks.lines(blocks)),
        "tokens_used": data.get("words", 0),
    }


def nested(data: Json, *, index: int, file_key: str, remarks: Remarks = _NO_REMARKS) -> dict[str, Any]:
    """An element of the results of a batch."""
    blocks = _blocks(data)
    return {
        "file_index": index,
        "file_key": file_key,
        "extraction": {**_kind(data, "confidence_score"), **blocks},
        "validation": validation(data, remarks.lines(blocks)),
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


def validation(data: Json, remarks: Sequence[str] = ()) -> dict[str, Any]:
    """What the checks of the canonical form found, each as `code: detail`, and the remarks after them."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for check in data.get("checks", ()):
        found.setdefault(check["level"], []).append(f"{check['code']}: {check['detail']}")
    return {"math_valid": not found["error"], "errors": found["error"], "warnings": [*found["warning"], *remarks]}


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
    made = _picked(source, PARTY)
    if _GSTIN.fullmatch(made.get("tax_id", "")):
        made.setdefault("gstin", made["tax_id"])
    if "gstin" in made:
        made.setdefault("tax_id", made["gstin"])
    return made


def _meta(data: Json, kind: str) -> dict[str, Any]:
    made = _picked(data, META)
    if "invoice_number" in made and kind != "invoice":
        made["document_number"] = made.pop("invoice_number")
    return made


def _financial(data: Json) -> dict[str, Any]:
    """Lines, totals and payment; nothing without a grand total, which readers take for granted."""
    totals = _picked(data, TOTALS) | _taxes(data.get("taxes", ()))
    if not isinstance(totals.get("grand_total"), int | float):
        return {}
    lines = [line for line in (_picked(item, LINE) for item in data.get("lineItems", ())) if line]
    payment = _picked(data, PAYMENT)
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
    name = BLOCKS.get(kind)
    if name is not None:
        return {name: _snake(sections.get(camel(name), {}))}
    return {"extracted_fields": dict(data.get("fields", {}))}


def _snake(value: Any) -> Any:
    """The same JSON with names as this surface writes them, and without nulls."""
    if isinstance(value, Mapping):
        return {snake(name): _snake(item) for name, item in value.items() if item is not None}
    return [_snake(item) for item in value] if isinstance(value, list) else value
