"""The steps of the engine `paddle`, one by one: rectangles, strips, characters, ink, words, slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from docmill.domain.pages import Box, Word
from docmill.ocr.paddle.detector import Detector
from docmill.ocr.paddle.engine import arrange_sloping
from docmill.ocr.paddle.ink import columns_of, edge_from, gap_between, ink_of
from docmill.ocr.paddle.profiles import BALANCED
from docmill.ocr.paddle.recogniser import Recogniser, decode
from docmill.ocr.paddle.regions import Region
from docmill.ocr.paddle.strips import HEIGHT, Strip, cut_strips, slope
from docmill.ocr.paddle.words import text_of
from tests.fixtures.strips import characters, lying, strip_with_ink

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("", "a", "b", " ")


def dark_is_text(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A network for which what is dark is a kernel: it draws rectangles where the picture has them."""
    return np.where(pixels[..., 0] < 128, np.float32(5), np.float32(-200))[:, None]


def page_with(*rectangles: tuple[tuple[float, float], tuple[float, float], float]) -> NDArray[np.uint8]:
    """A white page of 900 x 1200 with dark (centre, size, angle)."""
    page = np.full((1200, 900, 3), 255, dtype=np.uint8)
    for rectangle in rectangles:
        cv2.fillPoly(page, [cv2.boxPoints(rectangle).astype(np.int32)], (0, 0, 0))
    return page


@pytest.mark.parametrize("angle", [0, 3, -3, 30, -30, 44, -44, 60, -60, 87, 90, -87])
def test_a_line_is_found_at_every_angle(angle: float) -> None:
    """Its centre, its length and its direction; steep lines are upright ones that lean."""
    (region,) = Detector(dark_is_text, BALANCED).find(page_with(((450, 600), (300, 30), angle))).regions
    assert (region.x, region.y) == pytest.approx((450, 600), abs=2)
    length, thickness = sorted((region.width, region.height), reverse=True)
    growth = 2 * 1.8 * 300 * 30 / (2 * 330)
    assert length == pytest.approx(300 + growth, abs=5)
    assert thickness == pytest.approx(30 + growth, abs=5)
    assert abs(region.angle) <= 45
    steep = abs(angle) > 45
    assert (region.height > region.width) == steep
    assert (region.angle - angle) % 90 == pytest.approx(0, abs=1) or (region.angle - angle) % 90 > 89


def test_grown_boxes_are_reported_tighter() -> None:
    """What is read is grown by 1.8, what is reported by 1.2: the margin is the difference."""
    (region,) = Detector(dark_is_text, BALANCED).find(page_with(((450, 600), (300, 30), 0))).regions
    reported = region.height * (1 - 2 * region.margin)
    assert reported == pytest.approx(30 + 2 * 1.2 * 300 * 30 / (2 * 330), abs=3)


def test_dirt_is_no_line() -> None:
    """Specks are not read."""
    assert Detector(dark_is_text, BALANCED).find(page_with(((450, 600), (2, 2), 0))).regions == []


@pytest.mark.parametrize("height", [9000, 12_000])
def test_a_long_page_is_looked_at_in_bands(height: int) -> None:
    """A line that a band's edge cuts is found once, as all others are, wherever it lies."""
    page = np.full((height, 1500, 3), 255, dtype=np.uint8)
    tops = range(100, height - 100, 230)
    for top in tops:
        page[top : top + 60, 200:1200] = 0
    seen: list[tuple[int, ...]] = []

    def network(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels.shape)
        return dark_is_text(pixels)

    regions = Detector(network, BALANCED).find(page).regions
    assert len(seen) > 1
    assert max(shape[1] * shape[2] for shape in seen) <= 2_500_000
    assert sorted(round(region.y) for region in regions) == pytest.approx([top + 30 for top in tops], abs=3)


def test_small_print_gets_a_closer_look() -> None:
    """Lines that are thin at the usual scale are looked for again at a larger one; usual ones are not."""
    shapes: list[tuple[int, ...]] = []

    def network(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        shapes.append(pixels.shape)
        return dark_is_text(pixels)

    for thickness, looks in ((10, 2), (40, 1)):
        page = np.full((3200, 2400, 3), 255, dtype=np.uint8)
        for top in range(100, 3000, 100):
            page[top : top + thickness, 200:2200] = 0
        shapes.clear()
        assert len(Detector(network, BALANCED).find(page).regions) == 29
        assert len({shape[2] for shape in shapes}) == looks


@pytest.mark.parametrize("threads", [1, 3])
def test_strips_of_one_width_are_read_together(threads: int) -> None:
    """Networks see each width once in a row; what was read comes in the order of the strips all the same."""
    seen: list[int] = []

    def network(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels.shape[2])
        says_b = int(pixels[0, 0, 0, 0] > 200)
        return np.eye(len(CLASSES), dtype=np.float32)[[[1 + says_b]]]

    inks = (0, 255, 0, 0, 255, 0, 255)
    widths = (300, 70, 500, 310, 60, 90, 300)
    strips = [lying(np.full((HEIGHT, width, 3), ink, dtype=np.uint8)) for ink, width in zip(inks, widths, strict=True)]
    read = Recogniser(network, CLASSES, threads=threads).read(strips)
    assert ["".join(char.text for char in line) for line in read] == ["b" if ink else "a" for ink in inks]
    assert len(seen) == len(strips)
    if threads == 1:
        assert seen == sorted(seen)


def test_strips_keep_their_place() -> None:
    """Lying, slanted and upright: the corners of the whole strip are those of the region."""
    page = page_with()
    for region, turned in ((Region(450, 600, 300, 40, 0, 0), False), (Region(450, 600, 300, 40, 20, 0), False),
                           (Region(450, 600, 40, 300, 0, 0), True), (Region(450, 600, 40, 300, -10, 0), True)):  # fmt: skip
        usual = [Region(100, 100 + 50 * row, 150, 40, 0, 0) for row in range(3)]
        strip = cut_strips(page, [region, *usual], 0.9)[0]
        assert strip.turned == turned
        assert strip.width == pytest.approx(HEIGHT * 300 / 40 * 0.9, abs=2)
        expected = cv2.boxPoints(((region.x, region.y), (region.width, region.height), region.angle))
        assert by_place(strip.corners(0, strip.width)) == pytest.approx(by_place(expected), abs=1.5)
        first, last = strip.corners(0, 10), strip.on_its_head().corners(strip.width - 10, strip.width)
        assert by_place(first) == pytest.approx(by_place(last), abs=1e-6)


def by_place(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in an order that does not depend on where one begins."""
    return points[np.lexsort(points.round(1).T)]


def test_a_single_digit_is_not_turned() -> None:
    """It is higher than wide, but no higher than the lines around."""
    regions = [Region(100, 100, 20, 40, 0, 0), *(Region(300, 100 + 60 * row, 300, 40, 0, 0) for row in range(3))]
    assert not any(strip.turned for strip in cut_strips(page_with(), regions, 0.9))


def test_slivers_at_the_edge_are_left_out() -> None:
    """A region that lies beyond the page gives no strip."""
    assert cut_strips(page_with(), [Region(-30, 50, 40, 20, 0, 0), Region(450, 1215, 300, 30, 0, 0)], 0.9) == []


def steps(*rows: Sequence[float]) -> NDArray[np.float32]:
    """Probabilities of blank, a, b, space."""
    return np.array(rows, dtype=np.float32)


def test_repeats_are_one_character_and_blanks_divide() -> None:
    """CTC: `aa-a b` is `aa b`, each with the place of its steps."""
    a, b, blank, space = (0.1, 0.9, 0, 0), (0.2, 0, 0.8, 0), (0.95, 0.05, 0, 0), (0.2, 0, 0, 0.8)
    read = decode(steps(a, a, blank, a, space, b), CLASSES, columns=8, width=100)
    assert "".join(char.text for char in read) == "aa b"
    assert [(char.left, char.right) for char in read] == [(4, 12), (28, 28), (36, 36), (44, 44)]
    assert [char.confidence for char in read] == pytest.approx([0.9, 0.9, 0.8, 0.8])


@pytest.mark.parametrize(("doubt", "text"), [(0.11, "a b"), (0.09, "ab")])
def test_a_shy_space_is_a_space(doubt: float, text: str) -> None:
    """Between two characters a space needs to be thought of, no more."""
    a, b, gap = (0.1, 0.9, 0, 0), (0.1, 0, 0.9, 0), (0.9 - doubt, 0, 0.1, doubt)
    assert "".join(char.text for char in decode(steps(a, gap, b), CLASSES, 8, 24)) == text


def test_nothing_is_read_from_nothing() -> None:
    """All blank, with doubts: no characters, and no space at either end."""
    assert decode(steps((0.8, 0, 0, 0.2), (0.8, 0, 0, 0.2)), CLASSES, 8, 16) == []


def test_ink_is_found_on_light_and_dark() -> None:
    """Columns with ink; a ruled line through the strip is none."""
    strip = strip_with_ink((20, 60), (80, 120))
    pixels = strip.pixels.copy()
    pixels[40:42] = 0
    for each in (strip, lying(255 - strip.pixels), lying(pixels)):
        ink = columns_of(ink_of(each))
        assert np.flatnonzero(np.diff(ink.astype(int))).tolist() == [19, 59, 79, 119]


def test_gaps_and_edges() -> None:
    """The widest gap between two places, and the end of the ink from one."""
    ink = np.zeros(100, dtype=np.bool_)
    ink[10:20] = ink[22:30] = ink[50:60] = True
    assert gap_between(ink, 15, 55) == (30, 50)
    assert gap_between(ink, 12, 18) is None
    assert edge_from(ink, 25, -1, reach=30, bridge=4) == 10
    assert edge_from(ink, 25, -1, reach=30, bridge=1) == 22
    assert edge_from(ink, 25, 1, reach=30, bridge=4) == 30
    assert edge_from(ink, 80, 1, reach=15, bridge=4) is None


def test_words_are_drawn_to_their_ink() -> None:
    """However far apart the recogniser's steps put them."""
    strip = strip_with_ink((12, 70), (90, 160))
    read = characters(("a", 20), ("b", 60), (" ", 82), ("a", 100), ("b", 120), ("a", 150))
    first, second = text_of(strip, read, (500, 500)).words
    assert (first.text, second.text) == ("ab", "aba")
    assert (first.box.x, first.box.right) == (12, 70)
    assert (second.box.x, second.box.right) == (90, 160)


def test_a_colon_is_as_wide_as_a_letter() -> None:
    """A word of one character keeps the width that the others suggest, short of its neighbours' ink."""
    strip = strip_with_ink((10, 70), (98, 102), (130, 190))
    read = characters(
        ("a", 20), ("b", 40), ("a", 60), (" ", 80), ("b", 100), (" ", 120), ("a", 140), ("b", 160), ("a", 180)
    )
    before, colon, after = text_of(strip, read, (500, 500)).words
    assert (before.box.right, after.box.x) == (70, 130)
    assert (colon.box.x, colon.box.right) == (90, 110)


def test_a_words_confidence_is_its_own() -> None:
    """The mean of its characters; a line that is mostly guessed is no text."""
    strip = strip_with_ink((0, 200))
    read = [*characters(("a", 10), confidence=1.0), *characters((" ", 50), ("b", 100), ("b", 150), confidence=0.6)]
    assert [word.confidence for word in text_of(strip, read, (500, 500)).words] == [1.0, 0.6]
    assert text_of(strip, characters(("a", 10), ("b", 100), confidence=0.4), (500, 500)).words == []
    assert text_of(strip, characters((" ", 10)), (500, 500)).words == []


def test_boxes_end_at_the_page() -> None:
    """A strip may reach beyond it."""
    (word,) = text_of(strip_with_ink((0, 200)), characters(("a", 20), ("b", 180)), (90, 30)).words
    assert word.box == Box(0, 0, 90, 30)
    assert text_of(strip_with_ink((100, 200)), characters(("a", 120), ("b", 180)), (90, 30)).words == []


@pytest.mark.parametrize("degrees", [-8, -2, 2, 8])
def test_rows_of_a_page_askew_stay_rows(degrees: float) -> None:
    """Words far apart on one row come in one line, with the boxes that they have on the page."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    words = []
    for row in range(6):
        for column in range(4):
            x, y, w, h = 100 + 400 * column, 300 + 45 * row, 120, 24
            width, height = w * cosine + h * abs(sine), h * cosine + w * abs(sine)
            middle = (x * cosine - y * sine, x * sine + y * cosine)
            words.append(Word(f"{row}{column}", Box(middle[0] - width / 2, middle[1] - height / 2, width, height), 1.0))
    lines = arrange_sloping(words, degrees)
    assert [line.text for line in lines] == [" ".join(f"{row}{column}" for column in range(4)) for row in range(6)]
    assert all(word in words for line in lines for word in line.words)


def test_slope_is_that_of_most_text() -> None:
    """By length; what lies on its side does not count."""
    pixels = np.zeros((HEIGHT, 10, 3), dtype=np.uint8)

    def at(angle: float, length: float) -> Strip:
        along = (length * math.cos(math.radians(angle)), length * math.sin(math.radians(angle)))
        return Strip(pixels, (0, 0), along, (0, 20), 0)

    assert slope([at(3, 500), at(3.2, 300), at(0, 100), at(90, 2000)]) == pytest.approx(3)
    assert slope([]) == 0.0
