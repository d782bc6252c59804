"""How to reach who issued a document: telephone and e-mail, as the first page has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet, find_emails, find_phones
from docmill.extract.relations import relation

if TYPE_CHECKING:
    from docmill.extract.tokens import Span

__all__ = ["email_of", "phone_of"]


def phone_of(sheet: Sheet) -> Found | None:
    """The number that belongs to the first word for a telephone on the first page that has one."""
    numbers = [span for row in sheet.first_page_rows for span in find_phones(row)]
    for label in sheet.labelled("phone"):
        others = sheet.labels_by_row[label.span.row.index]
        scored = [(relation(label, span, others=others), span) for span in numbers if not span.overlaps(label.span)]
        score, span = max(scored, key=lambda pair: (pair[0], -pair[1].first), default=(0.0, None))
        if span is not None and score > 0.5:
            return Found(_trimmed(span), (span,), 0.9 * score * span.confidence)
    return None


def email_of(sheet: Sheet) -> Found | None:
    """The first address on the first page."""
    for row in sheet.first_page_rows:
        for address, span in find_emails(row):
            return Found(address, (span,), 0.8 * span.confidence)
    return None


def _trimmed(span: Span) -> str:
    return span.text.strip(" .,;:()") if span.text.count("(") != span.text.count(")") else span.text.strip(" .,;:")
