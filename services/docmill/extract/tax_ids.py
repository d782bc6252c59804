"""Tax numbers: what kind a printed number is, by its form and check digits.

VAT numbers begin with the country (Directive 2006/112/EC art. 215, Swiss and Norwegian ones alike), an Indian GSTIN has
15 characters that begin with the state; everything else by a word for tax numbers is a national tax number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet, find_tax_ids
from docmill.extract.gstin import fault_of
from docmill.extract.relations import relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docmill.extract.labels import Label
    from docmill.extract.tokens import Span

__all__ = ["TaxIds", "is_vat_id"]

_VAT = {
    "AT": r"U\d{8}", "BE": r"[01]?\d{9}", "BG": r"\d{9,10}", "CH": r"E?\d{9}(?:MWST|TVA|IVA)?", "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}", "DE": r"\d{9}", "DK": r"\d{8}", "EE": r"\d{9}", "EL": r"\d{9}", "ES": r"[A-Z\d]\d{7}[A-Z\d]",
    "FI": r"\d{8}", "FR": r"[A-Z\d]{2}\d{9}", "GB": r"(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})", "HR": r"\d{11}", "HU": r"\d{8}",
    "IE": r"\d[A-Z\d+*]\d{5}[A-Z]{1,2}", "IT": r"\d{11}", "LT": r"(?:\d{9}|\d{12})", "LU": r"\d{8}", "LV": r"\d{11}",
    "MT": r"\d{8}", "NL": r"\d{9}B\d{2}", "NO": r"\d{9}(?:MVA)?", "PL": r"\d{10}", "PT": r"\d{9}", "RO": r"\d{2,10}",
    "SE": r"\d{12}", "SI": r"\d{8}", "SK": r"\d{10}", "XI": r"\d{9}",
}  # fmt: skip
_VAT_WORDS = re.compile(r"vat|gst|ust|uid|tva|iva|btw|umsatz|abn|trn|sst|mwst")
_NO_VAT = re.compile(r"siret|siren|steuern|steuernr|stnr|kvk|ein$|tin$")
_MIN_RELATION = 0.5


class TaxIds:
    """The labelled tax numbers of a document, and whose they are."""

    def __init__(self, sheet: Sheet, buyers: Sequence[Sequence[Span]]) -> None:
        """`buyers`: the cells of the blocks that name the buyer."""
        self._sheet = sheet
        self._buyer_cells = [cell for cells in buyers for cell in cells]
        self._ids = list(self._labelled())

    def issuer(self) -> Found | None:
        """Any tax number of the issuer, a VAT number before others."""
        return self.issuer_vat_id() or self.issuer_tax_number()

    def issuer_vat_id(self) -> Found | None:
        """In the form of a VAT number, else by a word for VAT or GST."""
        return self._first(lambda _, text: is_vat_id(text)) or self._first(
            lambda label, _: bool(_VAT_WORDS.search(label.phrase)) and not _NO_VAT.search(label.phrase)
        )

    def issuer_tax_number(self) -> Found | None:
        """The national number: no VAT number."""
        return self._first(lambda _, text: not is_vat_id(text))

    def recipient_vat_id(self) -> Found | None:
        """By a word that names the buyer, or in the buyer's block."""
        return self._first(lambda _, text: is_vat_id(text), of_buyer=True)

    def _first(self, fits: Callable[[Label, str], bool], *, of_buyer: bool = False) -> Found | None:
        for label, found in self._ids:
            if self._is_buyers(label, found.spans[0]) == of_buyer and fits(label, _plain(str(found.value))):
                return found
        return None

    def _labelled(self) -> Iterator[tuple[Label, Found]]:
        spans = [span for row in self._sheet.rows for span in find_tax_ids(row)]
        for label in self._sheet.labelled("tax_id"):
            others = self._sheet.labels_by_row[label.span.row.index]
            near = [span for span in spans if 0 <= span.row.index - label.span.row.index <= 2]
            scored = [(relation(label, span, others=others), span) for span in near if not span.overlaps(label.span)]
            score, span = max(scored, key=lambda pair: (pair[0], -pair[1].first), default=(0.0, None))
            if span is not None and score > _MIN_RELATION:
                yield label, Found(_trimmed(span), (span,), self._sureness(span) * score * span.confidence)

    def _sureness(self, span: Span) -> float:
        text = _plain(span.text)
        return 0.97 if is_vat_id(text) else 0.85

    def _is_buyers(self, label: Label, span: Span) -> bool:
        row = label.span.row
        named = any(
            other.concept in {"buyer", "ship_to"} and other.span.end <= label.span.end
            for other in self._sheet.labels_by_row[row.index]
            if other.span.row.cells and any(c.overlaps(other.span) and c.overlaps(label.span) for c in row.cells)
        )
        return named or any(cell.overlaps(span) or cell.overlaps(label.span) for cell in self._buyer_cells)


def is_vat_id(text: str) -> bool:
    """Whether `text` (letters and digits only) has the form of a country's VAT number, or is a sound GSTIN."""
    rule = _VAT.get(text[:2])
    return bool(rule and re.fullmatch(rule, text[2:])) or not fault_of(text)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def _trimmed(span: Span) -> str:
    text = span.text.strip(" .,;:")
    return text.strip("()") if text.count("(") != text.count(")") else text
