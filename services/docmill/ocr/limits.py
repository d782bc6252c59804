"""What a document may cost before anybody reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Bounds on documents; beyond them a document is refused, never shrunk in silence."""

    max_pixels: int = 100_000_000
    """Of one image or frame, by its header, before anything is decoded."""
    max_page_points: float = 7200.0
    """Longest side of a PDF page in points (7,200 pt = 100 inches)."""
    max_pages: int = 2000
    render_dpi: float = 200.0
    """Resolution at which PDF pages are rendered for reading."""
    max_render_side: int = 4000
    """Longest side of a rendered page in pixels; larger pages are rendered at a lower resolution."""
