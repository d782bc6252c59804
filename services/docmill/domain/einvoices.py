"""What makes a file an electronic invoice: facts that reading and extracting share."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MAY_CARRY_XML", "PAGE_SIZE", "EmbeddedFile", "is_invoice_root", "unreadable"]

MAY_CARRY_XML = frozenset({"application/pdf", "application/xml"})
"""Media types of documents in which there may be an electronic invoice."""
PAGE_SIZE = (595.0, 842.0)
"""Width and height in points (A4) of the one page that an XML invoice has."""

_NAMESPACES = {
    "CrossIndustryInvoice": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:",
    "CrossIndustryDocument": "urn:ferd:CrossIndustryDocument:invoice:",
    "Invoice": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
    "CreditNote": "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
}


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """An XML file inside a PDF, or the document itself."""

    name: str
    """As the PDF calls it; empty for the document itself, `*` for whatever a PDF holds."""
    data: bytes
    problem: str = ""
    """Why it was not taken out, for people; then `data` is empty."""


def is_invoice_root(namespace: str, name: str) -> bool:
    """Whether a root element begins an invoice in a syntax that is read (CII, UBL 2, ZUGFeRD 1)."""
    return name in _NAMESPACES and namespace.startswith(_NAMESPACES[name])


def unreadable(problem: str) -> EmbeddedFile:
    """What stands for the files of a document that could not be looked into."""
    return EmbeddedFile("*", b"", problem)
