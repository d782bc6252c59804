"""What share of a page's print was not read."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.ocr.paddle.strips import Strip
    from docmill.ocr.paddle.words import StripText

__all__ = ["unread_share"]

_THIN = 0.6  # of the usual line's thickness: dots, dashes and double rules, enlarged until they look like letters


def unread_share(texts: Sequence[tuple[Strip, StripText]]) -> float | None:
    """Of the print in these lines, by length, from 0 to 1; None if there is none.

    Each line counts by how many times as long as thick it is, so by letters, and large print no more than small.
    """
    thick = [strip.thickness for strip, text in texts if text.words]
    usual = median(thick) if thick else 0.0
    read = unread = 0.0
    for strip, text in texts:
        column = strip.length / strip.width / max(strip.thickness, usual)
        read += text.read * column
        if text.words or strip.thickness >= _THIN * usual:
            unread += text.unread * column
    return unread / (read + unread) if read + unread else None
