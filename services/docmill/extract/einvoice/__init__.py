"""Electronic invoices: read exactly from their XML, compared with what the pages show.

Factur-X, ZUGFeRD 1 and 2, XRechnung, UBL and CII, inside a PDF or as the document itself: `docs/einvoices.md`.
"""

from __future__ import annotations

from docmill.extract.einvoice.extractor import EInvoiceExtractor

__all__ = ["EInvoiceExtractor"]
