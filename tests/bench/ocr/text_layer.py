"""Pages of office PDFs a second on one core, and whether their words are those that pdfplumber finds."""

from __future__ import annotations

import re
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
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Comparison", "compare", "generated_pdfs", "measure"]

_RATE_BAR = 150
_EQUAL_BAR = 0.95
_DENSE = 400  # words of a page
_PASSES = 3  # the quickest counts: other programs take part in the slower ones
_PAGES = 5  # of a document: pdfplumber takes a second for a dense page
_SETTINGS = {
    "x_tolerance_ratio": 0.15,  # of the letters' size; the usual three points join the words of small print
    "use_text_flow": True,  # else texts printed over each other are mixed letter by letter
}
_SUBTYPE = "Subtype"
_SAME_SIGN = dict.fromkeys(map(ord, "\u2010\u2011"), "-") | {0xAD: "-"}  # hyphens, the soft one where it is printed
_UNKNOWN = re.compile(r"\(cid:\d+\)|[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


@dataclass(slots=True)
class Comparison:
    """Ours against pdfplumber's, page by page."""

    pages: int = 0
    equal: int = 0
    """With the same bag of words."""
    lettered: int = 0
    """With the same letters, whatever words they make."""
    words: int = 0
    """Of pdfplumber."""
    shared: int = 0
    differing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A page that is read from its text layer."""

    path: Path
    number: int
    seconds: float
    """Processor time, the file's opening and closing shared among its pages."""
    words: list[str]


def measure(paths: Sequence[Path], *, verbose: bool) -> tuple[list[Figure], str]:
    """The figures; and where the words differ, page by page, if that is wanted."""
    passes = [[page for path in paths for page in _read(path)] for _ in range(_PASSES)]
    pages = passes[0]
    seconds = [min(times) for times in zip(*([page.seconds for page in read] for read in passes), strict=True)]
    dense = [time for time, page in zip(seconds, pages, strict=True) if len(page.words) >= _DENSE]
    found = compare(pages)
    share, lettered = found.equal / max(1, found.pages), found.lettered / max(1, found.pages)
    figures = [_rate(f"Text layers of {len(paths)} PDFs, {len(pages)} pages", seconds)]
    if dense:
        figures.append(_rate(f"Of these, {len(dense)} pages of {_DENSE} words and more", dense))
    figures += [
        Figure(
            what=f"Of {found.pages} pages with upright text and no filled fields, those with pdfplumber's very words",
            bar=f">= {_EQUAL_BAR:.0%}",
            measured=f"{share:.1%} ({found.shared / max(1, found.words):.2%} of pdfplumber's words)",
            met=share >= _EQUAL_BAR,
        ),
        Figure(what="Of them, those with pdfplumber's very letters", measured=f"{lettered:.1%}"),
    ]
    return figures, "".join(f"{line}\n" for line in found.differing) if verbose else ""


def _rate(what: str, seconds: Sequence[float]) -> Figure:
    rate = len(seconds) / max(1e-9, sum(seconds))
    return Figure(
        what=f"{what}, one core, files opened and closed",
        bar=f">= {_RATE_BAR} pages/s",
        measured=f"{rate:,.0f} pages/s of processor time",
        met=rate >= _RATE_BAR,
    )


def _read(path: Path) -> list[_Read]:
    """The first pages, those whose text layer is trusted."""
    began = time.process_time()
    found: list[tuple[int, float, list[str]]] = []
    with open_document(path, PDF) as document:
        pages = min(_PAGES, document.page_count)
        for number in range(1, pages + 1):
            started = time.process_time()
            layer = document.text_layer(number)
            seconds = time.process_time() - started
            began += seconds
            if layer is not None and layer.is_trustworthy:
                found.append((number, seconds, [word.text for line in layer.lines for word in line.words]))
    outside = (time.process_time() - began) / pages
    return [_Read(path, number, seconds + outside, words) for number, seconds, words in found]


def compare(pages: Iterable[_Read]) -> Comparison:
    """What pdfplumber reads on those of the `pages` that it can."""
    result = Comparison()
    for page in pages:
        their_words = _their_words(page.path, page.number)
        if their_words is None:
            continue
        mine, theirs = _bag(page.words), _bag(their_words)
        result.pages += 1
        result.words += theirs.total()
        result.shared += (mine & theirs).total()
        result.equal += mine == theirs
        result.lettered += Counter("".join(mine.elements())) == Counter("".join(theirs.elements()))
        if mine != theirs:
            ours, other = [*(mine - theirs)], [*(theirs - mine)]
            result.differing.append(f"{page.path.name} {page.number}: ours {ours[:8]}, pdfplumber's {other[:8]}")
    return result


def _their_words(path: Path, number: int) -> list[str] | None:
    """Those on the page, as pdfplumber also gives what stands beyond its edges.

    None for pages with fields to fill in, which it does not read, or text on its side, which it spells letter by letter.
    """
    with pdfplumber.open(path, pages=[number]) as document:
        (page,) = document.pages
        if any(_SUBTYPE in note["data"] and "Widget" in str(note["data"][_SUBTYPE]) for note in page.annots):
            return None
        if not all(char["upright"] for char in page.chars if char["text"].strip()):
            return None
        left, top, right, bottom = page.cropbox
        return [
            word["text"]
            for word in page.extract_words(**_SETTINGS)
            if left <= (word["x0"] + word["x1"]) / 2 <= right and top <= (word["top"] + word["bottom"]) / 2 <= bottom
        ]


def generated_pdfs(folder: Path) -> list[Path]:
    """Our own invoices, for a machine without a data folder: every layout in every language, some of several pages."""
    paths = []
    for language in LOCALES:
        for layout in LAYOUTS:
            path = folder / f"text-layer-{language}-{layout}.pdf"
            path.write_bytes(generate_invoice(1, language, layout, items=90).pdf)
            paths.append(path)
    return paths


def _bag(words: Sequence[str]) -> Counter[str]:
    """Words however they are coded, without those that have letters no code is known for."""
    return Counter(filter(None, map(_normal, words)))


def _normal(word: str) -> str:
    """Ligatures, wide letters and kinds of hyphens are one; pdfplumber gives Arabic and Hebrew from left to right."""
    if _UNKNOWN.search(word):
        return ""
    word = unicodedata.normalize("NFKC", word).translate(_SAME_SIGN)
    return min(word, word[::-1]) if _RIGHT_TO_LEFT.search(word) else word
