"""Pages from plain lines of text, for tests that need no more."""

from __future__ import annotations

from docmill.domain.pages import Box, Line, Page, Unit, Word

COLUMN = 60.0  # points that a tab advances to a multiple of


def page_of(*lines: str, number: int = 1, unit: Unit = Unit.POINT) -> Page:
    """One line of the page for each text; a tab goes on to the next column, an empty text leaves a gap."""
    drawn = []
    for row, text in enumerate(lines):
        x, words = 40.0, []
        for cell in text.split("\t"):
            for word in cell.split():
                words.append(Word(word, Box(x, 30 + 14.0 * row, 5.0 * len(word), 10), 1.0))
                x += 5.0 * len(word) + 3
            x = 40 + COLUMN * ((x - 40 + 15) // COLUMN + 1)
        if words:
            drawn.append(Line(tuple(words)))
    return Page(number=number, width=595, height=842, unit=unit, engine="text-layer", lines=tuple(drawn))
