"""Rows of dots divide a strip, and its parts are read where they say more than the whole."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from docmill.ocr.paddle.leaders import between_leaders, is_filling, says
from docmill.ocr.paddle.strips import Strip
from tests.fixtures.strips import characters, strip_with_ink


def dotted(*spans: tuple[int, int], dots: Iterable[int], top: int = 33, width: int = 400) -> Strip:
    """A strip with bars and, from the given columns on, dots that begin in a row."""
    pixels = strip_with_ink(*spans, width=width).pixels.copy()
    for column in dots:
        pixels[top : top + 5, column : column + 5] = 0
    return Strip(pixels, (100.0, 50.0), (2.0 * width, 0.0), (0.0, 30.0), 0.0)


FEW_DOTS = characters((".", 150), (".", 200))
"""What the recogniser says of a leader."""


def test_a_leader_divides_a_strip() -> None:
    """Into what stands before and behind it, each where it is on the page; the decimal point of a number is none of it."""
    strip = dotted((10, 60), (330, 345), dots=[*range(70, 300, 10), 320])
    before, behind = between_leaders(strip, FEW_DOTS)
    assert (before.width, before.origin, before.along) == (70, (100.0, 50.0), (140.0, 0.0))
    assert (behind.width, behind.origin, behind.along) == (105, (690.0, 50.0), (210.0, 0.0))
    assert np.array_equal(np.hstack([before.pixels, strip.pixels[:, 70:295], behind.pixels]), strip.pixels)


def test_a_strip_has_as_many_parts_as_its_leaders_leave() -> None:
    """One between two, and one where the line goes on elsewhere."""
    strip = dotted((180, 220), dots=[*range(60, 170, 10), *range(230, 390, 10)])
    assert [part.width for part in between_leaders(strip, FEW_DOTS)] == [60, 65]
    assert len(between_leaders(dotted((10, 60), dots=range(70, 400, 10)), FEW_DOTS)) == 1


@pytest.mark.parametrize(
    "strip",
    [
        dotted((10, 60), (140, 180), dots=range(70, 110, 10)),
        dotted((10, 60), (250, 300), dots=[70, 110, 150]),
        dotted((10, 60), (250, 300), dots=[70, 80, 110, 120, 170, 180, 230]),
        dotted((10, 60), *[(column, column + 5) for column in range(70, 250, 10)], (250, 300), dots=[]),
        dotted(*[(column, column + 20) for column in range(10, 300, 30)], dots=[]),
        dotted((10, 60), (250, 300), dots=[]),
        dotted(dots=[]),
    ],
    ids=["a short row", "too few", "uneven gaps", "tall bars", "letters", "no dots", "blank"],
)
def test_a_strip_without_a_leader_has_no_parts(strip: Strip) -> None:
    """It stays as it was cut."""
    assert between_leaders(strip, FEW_DOTS) == []


@pytest.mark.parametrize(("rise", "parts"), [(1, 2), (8, 0)])
def test_the_dots_of_a_leader_are_level(rise: int, parts: int) -> None:
    """Or nearly, as on a page that was scanned askew."""
    strip = dotted((10, 60), (330, 380), dots=range(70, 300, 20), top=20)
    pixels = np.minimum(strip.pixels, dotted(dots=range(80, 310, 20), top=20 + rise).pixels)
    askew = Strip(pixels, strip.origin, strip.along, strip.down, strip.margin)
    assert len(between_leaders(askew, FEW_DOTS)) == parts


def test_what_was_read_leaves_room_for_a_leader_or_none() -> None:
    """Dots that were read, or so long a silence between characters or at an end that dots may have been passed over."""
    strip = dotted((10, 60), (330, 380), dots=range(70, 310, 10))
    dense = [("a", float(place)) for place in range(20, 400, 40)]
    assert not between_leaders(strip, characters(*dense))
    assert not between_leaders(strip, characters(*dense[:4], (".", 155), *dense[4:7], (".", 275), *dense[7:]))
    for read in ([*dense[:4], (".", 150), (" ", 155), (".", 160), *dense[4:]], [*dense[:4], ("…", 150), *dense[4:]]):
        assert len(between_leaders(strip, characters(*read))) == 2
    for silent in (dense[2:], [*dense[:4], (" ", 180), *dense[6:]], dense[:-2]):
        assert len(between_leaders(strip, characters(*silent))) == 2


def test_a_piece_of_a_letter_at_the_end_of_a_strip_is_left_out() -> None:
    """Unless the whole strip was read there; it is a letter if it is as wide as one, or stands between leaders."""
    cut = dotted((0, 8), (330, 380), dots=range(20, 310, 10))
    assert [part.width for part in between_leaders(cut, FEW_DOTS)] == [95]
    assert len(between_leaders(cut, characters(("I", 5), ("…", 150)))) == 2
    wide = dotted((0, 30), (330, 380), dots=range(40, 310, 10))
    assert len(between_leaders(wide, FEW_DOTS)) == 2
    inside = dotted((10, 60), (190, 200), (330, 380), dots=[*range(70, 180, 10), *range(210, 320, 10)])
    assert [part.width for part in between_leaders(inside, FEW_DOTS)] == [70, 35, 85]


def test_parts_are_taken_where_they_say_more() -> None:
    """Letters and digits by their confidence, and no dots."""
    assert says(characters(("a", 10), ("1", 20), (".", 30), (" ", 40), confidence=0.9)) == pytest.approx(1.6)
    assert says(characters(("a", 10), confidence=0.4)) == 0
    assert is_filling(characters((".", 10), (" ", 20), ("…", 30), ("·", 40)))
    assert is_filling([])
    assert not is_filling(characters((".", 10), ("-", 20)))
