"""What the client gives back about the pages of a run: words with boxes and confidence, in lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docmill.client.run import Fault


class PageStatus(StrEnum):
    """The state of a page within a run."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle in the page's unit. The origin is the page's top left corner; y grows downwards."""

    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word as read."""

    text: str
    box: Box
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Words that stand on one line, left to right."""

    text: str
    box: Box
    words: Sequence[Word]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """What is written on a page, in reading order."""

    width: float
    height: float
    unit: str
    """`px`: pixels of the image as stored; `pt`: points (1/72 inch) of the PDF page after its rotation."""
    rotation: int
    """Degrees clockwise that the page was turned before its boxes were measured."""
    lines: Sequence[Line]

    @property
    def text(self) -> str:
        """The lines joined by newlines."""
        return "\n".join(line.text for line in self.lines)


class PageWarning(StrEnum):
    """What is wrong with a page as far as its signals say. The first four ask for review."""

    EMPTY = "empty"
    LOW_CONFIDENCE = "low_confidence"
    GARBLED = "garbled"
    UNREAD = "unread"
    BLURRY = "blurry"
    LOW_RESOLUTION = "low_resolution"
    SKEWED = "skewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuality:
    """How well a page could be read; None where the page gives no answer."""

    mean_confidence: float
    """Of its words, weighted by their length, 0 to 1."""
    dictionary_share: float | None = None
    """Share of its tokens that look like words, numbers or codes, 0 to 1."""
    skew_degrees: float | None = None
    """How far its lines run aslant from the nearest right angle, clockwise."""
    resolution_dpi: float | None = None
    """Dots an inch of the scan."""
    sharpness: float | None = None
    """How hard the edges of its letters are; sharp print is above 0.2."""
    unread_share: float | None = None
    """Share of the print that none of its words stand for, by length, 0 to 1."""
    needs_review: bool = False
    """A person should look at what was read."""
    warnings: Sequence[PageWarning] = ()
    """Those that this client knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a run."""

    number: int
    """From 1."""
    status: PageStatus
    attempts: int = 0
    engine: str = ""
    """Empty for a blank page."""
    confidence: float | None = None
    """Mean of its words, 0 to 1."""
    words: int | None = None
    duration_ms: int | None = None
    error: Fault | None = None
    text: PageText | None = None
    """Once DONE, and not in lists."""
    quality: PageQuality | None = None
    """Once DONE."""
    cached: bool = False
    """Its text was there already, from an earlier reading of the same bytes."""
