"""What was read from one page: words with boxes and confidence, in lines.

Units: pixels of the image as stored in the file (frame by frame), or points (1/72 inch) of a PDF page after its
rotation. The origin is the top left corner; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from docmill.domain.quality import PageQuality


class Unit(StrEnum):
    """The unit of a page's boxes."""

    PIXEL = "px"
    POINT = "pt"


class Box(NamedTuple):  # as `Word`: a page has thousands, and a data class takes three times as long to make
    """An upright rectangle: left, top, width, height in the page's unit."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """Bottom edge."""
        return self.y + self.h

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box (x, y)."""
        return self.x + self.w / 2, self.y + self.h / 2

    @classmethod
    def around(cls, boxes: Sequence[Box]) -> Box:
        """The smallest box that holds all of `boxes` (at least one)."""
        left, top = min(b.x for b in boxes), min(b.y for b in boxes)
        return cls(left, top, max(b.right for b in boxes) - left, max(b.bottom for b in boxes) - top)


class Word(NamedTuple):
    """One word as read."""

    text: str
    box: Box
    confidence: float
    """0 to 1; 1.0 for words from a text layer."""


@dataclass(frozen=True, slots=True)
class Line:
    """Words that stand on one line, left to right."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words joined by single blanks."""
        return " ".join(word.text for word in self.words)

    @property
    def box(self) -> Box:
        """The box around all words."""
        return Box.around([word.box for word in self.words])


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The text of one page, in reading order."""

    number: int
    """1-based."""
    width: float
    height: float
    unit: Unit
    rotation: int = 0
    """Degrees clockwise that the page was turned before its boxes were measured (PDF /Rotate), for information."""
    engine: str = ""
    """`text-layer`, `paddle`, `easyocr`, `tesseract`; `text-layer+paddle` where pictures beside the page's own text were
    read; empty when nothing was read (a blank page)."""
    lines: tuple[Line, ...] = ()
    quality: PageQuality | None = None
    """None for pages that were read before it was measured."""

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in reading order."""
        return tuple(word for line in self.lines for word in line.words)

    @property
    def confidence(self) -> float:
        """Mean confidence of the words weighted by length, 0 to 1; 1.0 for a page without words."""
        letters = sum(len(word.text) for word in self.words)
        return sum(word.confidence * len(word.text) for word in self.words) / letters if letters else 1.0

    @property
    def text(self) -> str:
        """The lines joined by newlines."""
        return "\n".join(line.text for line in self.lines)
