"""How well a page could be read: signals about its picture and its text, and whether a person should look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class PageWarning(StrEnum):
    """What is wrong with a page as far as its signals say."""

    EMPTY = "empty"
    """Nothing could be read on it."""
    LOW_CONFIDENCE = "low_confidence"
    """The engine was not sure of what it read."""
    GARBLED = "garbled"
    """Too much of what was read does not look like words or numbers."""
    UNREAD = "unread"
    """Much of the print says nothing that the engine knows: mostly letters of a language that it was not told of."""
    BLURRY = "blurry"
    """The letters have soft edges."""
    LOW_RESOLUTION = "low_resolution"
    """The scan has few dots an inch, or the letters are few pixels tall."""
    SKEWED = "skewed"
    """The lines run aslant."""

    @property
    def asks_for_review(self) -> bool:
        """Whether the text is in doubt. The others say what to do better next time: the page may be read well."""
        return self in _DOUBTS


_DOUBTS = frozenset({PageWarning.EMPTY, PageWarning.LOW_CONFIDENCE, PageWarning.GARBLED, PageWarning.UNREAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuality:
    """Signals of one page; None where the page gives no answer."""

    mean_confidence: float
    """Of its words, weighted by their length, 0 to 1; 1.0 for a text layer, and for a page without words."""
    dictionary_share: float | None = None
    """Share of its tokens that look like words, numbers or codes, 0 to 1: see `docmill.ocr.wordlike`."""
    skew_degrees: float | None = None
    """How far its lines run aslant from the nearest right angle, clockwise, above -45 to 45."""
    resolution_dpi: float | None = None
    """Dots an inch of the scan, as a PDF places it or an image file says."""
    sharpness: float | None = None
    """Edges of its letters, above 0: sharp print is above 0.2, see `docmill.ocr.print_quality`."""
    unread_share: float | None = None
    """Share of the print that none of its words stand for, by length, 0 to 1: see `docmill.ocr.Transcript`."""
    warnings: tuple[PageWarning, ...] = ()

    @property
    def needs_review(self) -> bool:
        """A person should look at what was read."""
        return any(warning.asks_for_review for warning in self.warnings)


def to_json(quality: PageQuality) -> dict[str, Any]:
    """As it is kept and sent; what is None is left out."""
    values = {
        "confidence": quality.mean_confidence,
        "words": quality.dictionary_share,
        "skew": quality.skew_degrees,
        "dpi": quality.resolution_dpi,
        "sharpness": quality.sharpness,
        "unread": quality.unread_share,
        "warnings": list(quality.warnings) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def from_json(value: Mapping[str, Any]) -> PageQuality:
    """What `to_json` made. Raises `ValueError` for anything else, also for numbers that cannot be."""
    try:
        return PageQuality(
            mean_confidence=_number(value["confidence"], 0, 1),
            dictionary_share=_optional(value, "words", 0, 1),
            skew_degrees=_optional(value, "skew", -45, 45),
            resolution_dpi=_optional(value, "dpi", 0, _MAX),
            sharpness=_optional(value, "sharpness", 0, _MAX),
            unread_share=_optional(value, "unread", 0, 1),
            warnings=tuple(PageWarning(name) for name in value.get("warnings", ())[: len(PageWarning)]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not the quality of a page") from error


_MAX = 1e6


def _optional(value: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    return None if name not in value else _number(value[name], low, high)


def _number(value: object, low: float, high: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:  # NaN is in no range
        raise ValueError(f"no number from {low} to {high:g}")
    return float(value)
