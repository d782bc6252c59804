"""Which value of an invoice a field of a schema asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.extract.labels import words_of

if TYPE_CHECKING:
    from docmill.extract.fields import LeafField

__all__ = ["meaning_of"]

_ROLES = {
    **dict.fromkeys(("vendor", "seller", "supplier", "issuer", "merchant", "biller", "company"), "issuer"),
    **dict.fromkeys(("buyer", "customer", "client", "recipient", "payer", "debtor"), "recipient"),
}
_OF_A_PARTY = {
    "tax id": "tax_id", "vat id": "vat_id", "vat number": "vat_id", "vat no": "vat_id", "tax number": "tax_number",
    "name": "name", "address": "address", "phone": "phone", "telephone": "phone", "email": "email", "e mail": "email",
}  # fmt: skip
_OWN = {
    "line_total": ("line total", "lines total", "line total amount", "sum of lines"),
    "net_total": ("net total", "tax basis total", "tax exclusive amount"),
    "total": ("tax inclusive amount", "grand total amount"),
    "prepaid": ("prepaid", "prepaid amount", "total prepaid", "amount paid", "paid amount", "paid"),
    "amount_due": ("due payable amount", "payable amount", "due payable"),
    "charges": ("charges", "total charges"),
    "rounding": ("rounding", "rounding amount"),
    "discount": ("allowances", "total allowances"),
    "delivery_date": ("delivery date", "service date", "date of supply", "supply date"),
    "payment_terms": ("payment terms", "terms of payment"),
    "payment_reference": ("payment reference", "remittance information"),
    "bic": ("bic", "swift", "swift code"),
    "order_number": ("order reference", "purchase order reference"),
    "contract_number": ("contract number", "contract reference"),
    "buyer_reference": ("buyer reference", "leitweg id"),
    "document_type_code": ("document type code", "invoice type code", "type code"),
    "recipient_vat_id": ("customer vat",),
}  # of electronic invoices only; `labels.json` has what pages show too
_MEANING = {name: meaning for meaning, names in _OWN.items() for name in names}


def meaning_of(leaf: LeafField) -> str:
    """The meaning that this format knows more exactly, else the one that pages have, or empty."""
    words = words_of(leaf.path[-1])
    name = " ".join(words)
    if words and words[0] in _ROLES and " ".join(words[1:]) in _OF_A_PARTY:
        return f"{_ROLES[words[0]]}_{_OF_A_PARTY[' '.join(words[1:])]}"
    for part in reversed(leaf.path[:-1]):
        role = _ROLES.get(words_of(part)[-1]) if words_of(part) else None
        if role is not None:
            return f"{role}_{_OF_A_PARTY[name]}" if name in _OF_A_PARTY else leaf.meaning
    return _MEANING.get(name, leaf.meaning)
