"""Print that left no trace when a large page was looked at in small: what tells of it, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from docmill.ocr.paddle.missed import misses_print
from docmill.ocr.paddle.regions import Region
from tests.fixtures import documents

if TYPE_CHECKING:
    from numpy.typing import NDArray

A3 = 3508, 4961  # pixels at 300 dots an inch
HIGHEST = 23.0  # pixels of a line that vanishes when such a page is looked at
HEADINGS = ["Plan of the ground floor", "House number 27", "Not for construction"]
LINES = [f"Item {1000 + 37 * row} of {7 * row} pieces costs {3 * row}.50" for row in range(10)]


def page(headings: list[str]) -> NDArray[np.uint8]:
    """An A3 page with letters of 100 pixels."""
    return np.array(documents.draw_page(headings, A3, 100)[0], dtype=np.uint8)


def put(image: NDArray[np.uint8], part: NDArray[np.uint8], left: int, top: int) -> None:
    """Lays `part` on the page."""
    image[top : top + part.shape[0], left : left + part.shape[1]] = part


def print_of(lines: list[str], font_size: int, pitch: float) -> NDArray[np.uint8]:
    """Lines that follow each other by so many heights of the font."""
    height = round(font_size * pitch)
    rows = [np.asarray(documents.draw_page([line], (700, 160), font_size)[0], dtype=np.uint8) for line in lines]
    return np.concatenate([row[40 : 40 + height] for row in rows])


def region(y: float, height: float = 20.0, x: float = 300.0, width: float = 400.0) -> Region:
    """A level one."""
    return Region(x, y, width, height, 0.0, 0.0)


@pytest.mark.parametrize("ink", [0, 190])
def test_small_print_tells_of_itself(ink: int) -> None:
    """Be it pale."""
    image = page(HEADINGS)
    put(image, np.maximum(print_of(LINES, 14, 1.4), np.uint8(ink)), 2000, 3000)
    assert misses_print(image, [], HIGHEST)


def test_print_that_shines_through_from_the_back_does_not() -> None:
    """It is no darker than a shadow."""
    image = page(HEADINGS)
    put(image, np.maximum(print_of(LINES, 14, 1.4), np.uint8(235)), 2000, 3000)
    assert not misses_print(image, [], HIGHEST)


def test_dust_does_not_hide_it() -> None:
    """A pixel of a hundred."""
    image = page([])
    put(image, print_of(LINES, 14, 1.4), 2000, 3000)
    image[np.random.default_rng(1).random(image.shape[:2]) < 0.01] = 0
    assert misses_print(image, [], HIGHEST)


def test_lines_too_high_to_vanish_do_not() -> None:
    """They are found in small, or they are none."""
    image = page([])
    put(image, print_of(LINES, 30, 1.4), 2000, 3000)
    assert misses_print(image, [], HIGHEST)
    assert not misses_print(image, [], HIGHEST / 2)


def test_narrow_columns_tell_together() -> None:
    """Two lines of three numbers."""
    image = page([])
    for left in (1024, 1152, 1280):
        put(image, print_of(["1.50", "20.25"], 14, 1.4)[:, 40:100], left, 3000)
    assert misses_print(image, [], HIGHEST)


def test_a_few_lines_here_and_there_do_not() -> None:
    """Ends of dashed rules are everywhere."""
    image = page([])
    for number in range(8):
        put(image, print_of(LINES[:2], 14, 1.4)[:, 40:120], 200 + 400 * number, 300 + 500 * number)
    assert not misses_print(image, [], HIGHEST)


def test_a_known_line_is_not_missed_but_a_known_block_of_them_is() -> None:
    """In small, a block of print may look like a line."""
    image = page([])
    put(image, print_of(LINES, 14, 1.4), 0, 1000)
    lines = [Region(350.0, 1010.0 + 20 * row, 700.0, 20.0, 0.0, 0.0) for row in range(10)]
    assert not misses_print(image, lines, HIGHEST)
    assert misses_print(image, [Region(350.0, 1100.0, 700.0, 200.0, 0.0, 0.0)], HIGHEST)


def test_a_known_line_of_colons_is_no_block_of_lines() -> None:
    """Though it has two rows of dots."""
    image = page([])
    tops = range(1000, 1240, 60)
    for top in tops:
        for left in range(1024, 1152, 16):
            image[top + 8 : top + 16, left : left + 8] = image[top + 32 : top + 40, left : left + 8] = 0
    assert misses_print(image, [], HIGHEST)
    assert not misses_print(image, [region(top + 24.0, 48.0, 1088.0, 140.0) for top in tops], HIGHEST)


def test_a_column_of_numbers_that_looks_like_a_line_on_its_side_is_missed() -> None:
    """It is full of lines, which letters on their side are not."""
    image = page([])
    put(image, print_of([f"{number}.50" for number in range(101, 141)], 14, 1.4), 940, 1000)
    assert misses_print(image, [Region(1020.0, 1400.0, 100.0, 820.0, 0.0, 0.0)], HIGHEST)


def grain() -> NDArray[np.uint8]:
    """Of a photograph in poor light."""
    noise = np.random.default_rng(1).normal(128, 40, (1500, 1500, 1))
    return np.repeat(np.clip(noise, 0, 255).astype(np.uint8), 3, axis=2)


def halftone() -> NDArray[np.uint8]:
    """Dots of 6 pixels, larger where it is darker: a picture in a newspaper."""
    down, across = np.mgrid[0:1500, 0:1500] * np.pi / 6
    screen = np.cos(across + down) * np.cos(across - down)
    shade = np.sin(across / 90) * np.sin(down / 70)
    return np.repeat(((screen > shade) * 255).astype(np.uint8)[..., None], 3, axis=2)


def screen() -> NDArray[np.uint8]:
    """Square dots of 8 pixels with 3 between them."""
    down, across = np.mgrid[0:1500, 0:1500] % 11 < 8
    return np.repeat((~(down & across) * np.uint8(255))[..., None], 3, axis=2)


def hatching() -> NDArray[np.uint8]:
    """Of a wall on a plan."""
    lines = np.full((1500, 1500, 3), 255, np.uint8)
    for left in range(-1500, 1500, 12):
        cv2.line(lines, (left, 0), (left + 1500, 1500), (0, 0, 0), 2)
    return lines


def dashes() -> NDArray[np.uint8]:
    """Rules of a receipt."""
    rules = np.full((1500, 1500, 3), 255, np.uint8)
    for top in range(50, 1500, 70):
        for left in range(0, 1500, 14):
            rules[top : top + 6, left : left + 9] = 0
    return rules


def table() -> NDArray[np.uint8]:
    """Nothing but its rules."""
    rules = np.full((1500, 1500, 3), 255, np.uint8)
    rules[::24] = rules[1::24] = 0
    rules[:, ::40] = rules[:, 1::40] = 0
    return rules


def sideways() -> NDArray[np.uint8]:
    """A line that runs upwards: its letters lie on each other like lines."""
    return np.rot90(np.asarray(documents.draw_page(LINES[5:6], (1500, 150), 40)[0], dtype=np.uint8))


@pytest.mark.parametrize("texture", [grain, halftone, screen, hatching, dashes, table])
def test_what_is_no_print_is_not_looked_at_again(texture: Callable[[], NDArray[np.uint8]]) -> None:
    """Though it has as many edges."""
    image = page(HEADINGS)
    put(image, texture(), 900, 1500)
    assert not misses_print(image, [], HIGHEST)


def test_a_line_on_its_side_holds_no_lines() -> None:
    """Each of its letters looks like one."""
    image = page([])
    put(image, sideways(), 1000, 1000)
    assert not misses_print(image, [Region(1064.0, 1750.0, 70.0, 1500.0, 0.0, 0.0)], HIGHEST)


@pytest.mark.parametrize("width", [1, 2, 40, 64, 65])
def test_a_page_as_narrow_as_a_strip_has_none(width: int) -> None:
    """Nothing can be said of it."""
    assert not misses_print(np.zeros((9000, width, 3), np.uint8), [], HIGHEST)
