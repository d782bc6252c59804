"""Pages of office PDFs a second on one core, and whether their words are those that pdfplumber finds."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pdfplumber

from docmill.ocr.documents import open_document
from docmill.ocr.sniff import PDF
from tests.bench._figures import Figure
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Comparison", "compare", "generated_pdfs", "measure"]

_RATE_BAR = 150
_EQUAL_BAR = 0.95
_NEARLY = 0.95  # word F1 of a page
_PAGES = 5  # of a document: pdfplumber takes a second for a dense page
_SETTINGS = {
    "x_tolerance_ratio": 0.15,  # of the letters' size; the usual three points join the words of small print
    "use_text_flow": True,  # else texts printed over each other are mixed letter by letter
}
_HYPHENS = dict.fromkeys(map(ord, "\u00ad\u2010\u2011"), "-")  # one sign on paper


@dataclass(slots=True)
class Comparison:
    """Ours against pdfplumber's."""

    pages: int = 0
    seconds: float = 0.0
    """Processor time of opening the files and reading the text layers of `pages`."""
    equal: int = 0
    """Pages with the same bag of words."""
    near: int = 0
    """Pages with nearly the same: overprinted text, odd spacing and letters without a code are told apart in two ways."""
    words: int = 0
    """Of pdfplumber."""
    shared: int = 0
    differing: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    """Page, our words that pdfplumber has not, and its words that we have not."""


def measure(paths: Sequence[Path], *, verbose: bool) -> tuple[list[Figure], str]:
    """The figures; and where the words differ, page by page, if that is wanted."""
    found = compare(paths)
    rate, share, near = found.pages / found.seconds, found.equal / found.pages, found.near / found.pages
    figures = [
        Figure(
            what=f"Text layers of {len(paths)} PDFs, {found.pages} pages, one core, files opened and closed",
            bar=f">= {_RATE_BAR} pages/s",
            measured=f"{rate:,.0f} pages/s of processor time",
            met=rate >= _RATE_BAR,
        ),
        Figure(
            what="Pages whose words are exactly those of pdfplumber",
            bar=f">= {_EQUAL_BAR:.0%}",
            measured=f"{share:.1%} ({found.shared / max(1, found.words):.2%} of pdfplumber's words)",
            met=share >= _EQUAL_BAR,
        ),
        Figure(what=f"Pages whose words agree with pdfplumber's at F1 {_NEARLY} or better", measured=f"{near:.1%}"),
    ]
    lines = [f"{page}: ours {ours[:8]}, pdfplumber's {theirs[:8]}" for page, ours, theirs in found.differing]
    return figures, "\n".join(lines) if verbose else ""


def compare(paths: Sequence[Path]) -> Comparison:
    """The first pages of every document, read by both."""
    result = Comparison()
    for path in paths:
        began = time.process_time()
        ours = list(_our_words(path))
        result.seconds += time.process_time() - began
        result.pages += len(ours)
        for number, (our_page, their_page) in enumerate(zip(ours, _their_words(path), strict=True), start=1):
            mine, theirs = _bag(our_page), _bag(their_page)
            result.words += theirs.total()
            result.shared += (mine & theirs).total()
            result.equal += mine == theirs
            result.near += 2 * (mine & theirs).total() >= _NEARLY * (mine.total() + theirs.total())
            if mine != theirs:
                result.differing.append((f"{path.name} {number}", [*(mine - theirs)], [*(theirs - mine)]))
    return result


def generated_pdfs(folder: Path) -> list[Path]:
    """Our own invoices, for a machine without a data folder: every layout in every language, some of several pages."""
    paths = []
    for language in LOCALES:
        for layout in LAYOUTS:
            path = folder / f"text-layer-{language}-{layout}.pdf"
            path.write_bytes(generate_invoice(1, language, layout, items=90).pdf)
            paths.append(path)
    return paths


def _our_words(path: Path) -> Iterator[list[str]]:
    with open_document(path, PDF) as document:
        for number in range(1, min(_PAGES, document.page_count) + 1):
            layer = document.text_layer(number)
            yield [word.text for line in layer.lines for word in line.words] if layer else []


def _their_words(path: Path) -> Iterator[list[str]]:
    with pdfplumber.open(path) as document:
        for page in document.pages[:_PAGES]:
            yield [word["text"] for word in page.extract_words(**_SETTINGS)]


def _bag(words: Sequence[str]) -> Counter[str]:
    """Words however they are coded: ligatures, wide letters and kinds of hyphens are one."""
    return Counter(unicodedata.normalize("NFKC", word).translate(_HYPHENS) for word in words)
