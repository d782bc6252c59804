"""Print that was not read: its columns in a strip, and its share of a page."""

from __future__ import annotations

import numpy as np
import pytest

from docmill.domain.pages import Box, Word
from docmill.ocr.paddle.ink import columns_of, letter_columns
from docmill.ocr.paddle.strips import HEIGHT, Strip
from docmill.ocr.paddle.unread import unread_share
from docmill.ocr.paddle.words import StripText, text_of
from tests.fixtures.strips import characters, strip_with_ink


def test_print_that_is_no_character_is_unread() -> None:
    """What is left beyond half a line's height around the characters; all of what is no text."""
    strip = strip_with_ink((10, 70), (80, 120), (130, 160), (190, 192))
    read = characters(("a", 20), ("b", 60), (" ", 180), ("b", 191))
    assert text_of(strip, read, (500, 500))[1:] == (66, 66)
    assert text_of(strip, characters(("a", 20), confidence=0.4), (500, 500)) == ([], 0, 132)
    assert text_of(strip_with_ink(), [], (500, 500)) == ([], 0, 0)


def test_dots_and_dashes_are_no_letters() -> None:
    """Leaders between the columns of a table say nothing that could be missed."""
    ink = np.zeros((40, 200), np.bool_)
    ink[28:32, 20:90:8] = True
    ink[18:20, 100:150] = True
    assert letter_columns(ink, columns_of(ink)) == 0
    ink[10:14, 190:195] = ink[24:30, 188:193] = True
    assert letter_columns(ink, columns_of(ink)) == 7


def at(thickness: float, length: float = 400) -> Strip:
    """A strip of a line this thick and long on the page."""
    return Strip(np.zeros((HEIGHT, 200, 3), np.uint8), (0, 0), (length, 0), (0, thickness), 0)


def test_print_is_unread_by_its_letters() -> None:
    """Wherever the line is on the page and however large; thin lines are none, and no thicker than others."""
    word = Word("ab", Box(0, 0, 1, 1), 0.9)
    read, unread = StripText([word], 100, 0), StripText([], 0, 100)
    assert unread_share([(at(20), read), (at(20), unread)]) == pytest.approx(0.5)
    assert unread_share([(at(20), read), (at(40, length=800), unread)]) == pytest.approx(0.5)
    assert unread_share([(at(20), read), (at(13), unread)]) == pytest.approx(0.5)
    assert unread_share([(at(20), read), (at(11), unread)]) == 0
    assert unread_share([(at(20), read), (at(11), StripText([word], 100, 0)), (at(20), unread)]) > 0.3
    assert unread_share([(at(20), StripText([word], 75, 25))]) == pytest.approx(0.25)
    assert unread_share([(at(20), unread)]) == 1
    assert unread_share([]) is None
