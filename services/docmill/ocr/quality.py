"""Signals of how well a page could be read, and what they warn of.

The limits come from 98 real pages (receipts, forms) and 176 that were blurred, shrunk, faded, turned or made noisy, read
by `paddle`: see docs/quality.md. They are chosen so that good pages are not flagged.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from docmill.domain.quality import PageQuality, PageWarning
from docmill.ocr import print_quality, wordlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docmill.domain.pages import Page
    from docmill.ocr import Transcript
    from docmill.ocr.documents import RenderedPage

__all__ = ["VERSION", "of_picture", "of_text"]

VERSION = "5"
"""Raise it when the same page could get other signals: kept pages are read again then."""

_SURE = {"paddle": 0.94}
"""Mean confidence below which an engine's text is in doubt: sound pages are above 0.96, most unreadable ones below 0.93."""
_SURE_OTHERWISE = 0.8
_WORDLIKE = 0.75  # share below which text is garbled; of sound pages, in several languages, none is below 0.95
_ENOUGH_TOKENS = 8  # of fewer, a few codes would make it garbled
_UNREAD = 0.15  # share of the print: sound pages are below 0.04, tables in letters that the engine lacks above 0.2
_SHARP = 0.1  # forms at 90 dots an inch are above 0.13, print blurred by a tenth of its height is below 0.06
_DOTS = 100.0  # an inch
_TALL = 10.0  # pixels of a word's box: engines lose letters below
_LEVEL = 3.0  # degrees: over a full line, a row of text drifts into the next one
_FEW_DIGITS = 3


def of_text(page: Page) -> PageQuality:
    """Signals of a page whose own text was taken, or that has none; it may have pictures that were read beside it."""
    return _judged(page, PageQuality(mean_confidence=_rounded(page.confidence)), letters=None)


def of_picture(page: Page, picture: RenderedPage, transcript: Transcript) -> PageQuality:
    """Signals of a page that was read from its picture; the `transcript` is in the picture's pixels."""
    boxes = [word.box for line in transcript.lines for word in line.words]
    slant = print_quality.slant(transcript.lines)
    measured = PageQuality(
        mean_confidence=_rounded(page.confidence),
        skew_degrees=_maybe_rounded(print_quality.skew(picture.image) if slant is None else slant),
        resolution_dpi=_maybe_rounded(picture.resolution),
        sharpness=_maybe_rounded(print_quality.sharpness(picture.image, boxes)),
        unread_share=_maybe_rounded(transcript.unread),
    )
    letters = median(min(box.w, box.h) for box in boxes) * picture.true_share if boxes else None
    return _judged(page, measured, letters=letters)


def _judged(page: Page, measured: PageQuality, *, letters: float | None) -> PageQuality:
    """With the words' shapes, and warnings. `letters`: how many pixels of the scan they are tall."""
    wordlike_share, tokens = wordlike.share(word.text for word in page.words)
    quality = replace(measured, dictionary_share=_rounded(wordlike_share) if tokens else None)
    return replace(quality, warnings=tuple(_warnings(page, quality, tokens, letters)))


def _warnings(page: Page, quality: PageQuality, tokens: int, letters: float | None) -> Iterator[PageWarning]:
    if not page.lines:
        yield PageWarning.EMPTY
    if quality.mean_confidence < _SURE.get(page.engine.rpartition("+")[2], _SURE_OTHERWISE):
        yield PageWarning.LOW_CONFIDENCE
    if tokens >= _ENOUGH_TOKENS and quality.dictionary_share is not None and quality.dictionary_share < _WORDLIKE:
        yield PageWarning.GARBLED
    if page.lines and (quality.unread_share or 0.0) > _UNREAD:
        yield PageWarning.UNREAD
    if quality.sharpness is not None and quality.sharpness < _SHARP:
        yield PageWarning.BLURRY
    if (quality.resolution_dpi or _DOTS) < _DOTS or (letters is not None and letters < _TALL):
        yield PageWarning.LOW_RESOLUTION
    if abs(quality.skew_degrees or 0.0) > _LEVEL:
        yield PageWarning.SKEWED


def _maybe_rounded(value: float | None) -> float | None:
    return None if value is None else _rounded(value)


def _rounded(value: float) -> float:
    return round(value, _FEW_DIGITS)
