"""Whole pages that are not as they should be, read by the engine `paddle`: askew, on their side, long, small, dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from docmill.ocr import OcrEngine
from docmill.ocr.faint import read_faint
from docmill.ocr.lighting import is_faint
from docmill.ocr.paddle import PaddleFactory
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.turning import read_upright
from tests.contract.ocr_suite import overlap, words_in
from tests.fixtures import documents, wide_pages

if TYPE_CHECKING:
    from numpy.typing import NDArray

LINES = [f"Item {1000 + 37 * row} of {7 * row} pieces costs {3 * row}.50 and is delivered" for row in range(12)]


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    """Loaded once for all tests."""
    return PaddleFactory().create(EngineOptions())


def page(size: tuple[int, int] = (1300, 900), font_size: int = 32) -> NDArray[np.uint8]:
    """`LINES` in print."""
    return np.asarray(documents.draw_page(LINES, size, font_size)[0], dtype=np.uint8)


def texts(engine: OcrEngine, image: NDArray[np.uint8]) -> list[str]:
    """The lines as read."""
    return [line.text for line in engine.read([image])[0].lines]


@pytest.mark.parametrize("degrees", [-4, 3, 4])
def test_a_page_askew_reads_line_by_line(engine: OcrEngine, degrees: float) -> None:
    """Slanted lines are read, and each stays one line."""
    image = page()
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    askew = np.asarray(cv2.warpAffine(image, turn, (width, height), borderValue=(255, 255, 255)), dtype=np.uint8)
    assert texts(engine, askew) == LINES


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_on_its_side_or_head_is_read(engine: OcrEngine, turns: int) -> None:
    """Whichever way it was laid on the scanner; boxes are those of the page as it lies."""
    image = np.ascontiguousarray(np.rot90(page(), turns))
    (read,) = read_upright(engine, [image])
    assert [line.text for line in read.lines] == LINES
    assert read.unread is not None
    assert read.unread < 0.05
    long = [word.box for word in words_in(read) if len(word.text) > 3]
    assert all((box.h > box.w) == (turns != 2) for box in long)


def test_numbers_that_are_numbers_either_way_up_stay_as_they_lie(engine: OcrEngine) -> None:
    """A little more confidence says nothing: one of the two is surer."""
    lines = [" ".join(2 * ["88 66 99 80 60 90 86 98 96 68 80 96"])] * 20
    upright = np.asarray(documents.draw_page(lines, (900, 1300), 24)[0], dtype=np.uint8)
    for image in (upright, np.ascontiguousarray(np.rot90(upright, 2))):
        assert read_upright(engine, [image]) == engine.read([image])


@pytest.mark.parametrize("turns", [1, 3])
def test_a_note_in_the_margin_is_read_in_either_direction(engine: OcrEngine, turns: int) -> None:
    """A line that runs up or down beside upright text."""
    image = page((1500, 1000))
    note = np.rot90(np.asarray(documents.draw_page(["Archive copy 7731"], (420, 110))[0]), turns)
    image = image.copy()
    image[300 : 300 + note.shape[0], 1350 : 1350 + note.shape[1]] = note
    (read,) = engine.read([image])
    assert sorted(word.text for word in words_in(read)) == sorted(documents.words_of([*LINES, "Archive copy 7731"]))


def test_small_print_on_a_large_page_is_read(engine: OcrEngine) -> None:
    """Print of 16 pixels on a page of 8 megapixels, which the detector's usual scale would make 6 pixels."""
    read = texts(engine, page((2480, 3300), 16))
    assert read == LINES


def test_print_too_small_to_be_noticed_is_read(engine: OcrEngine) -> None:
    """Nothing of it is left at the detector's usual scale: an A3 page at 300 dpi with print of 12 pixels."""
    read = texts(engine, page((3508, 4960), 12))
    assert len(read) == len(LINES)
    assert sum(line in LINES for line in read) >= len(LINES) - 1


@pytest.mark.parametrize(("font_size", "pitch"), [(14, 2.2), (12, 1.3)])
def test_small_print_beside_large_is_read(engine: OcrEngine, font_size: int, pitch: float) -> None:
    """An A3 page at 300 dpi, in which only its headings are large enough to be found at the detector's usual scale.

    There the narrower lines look like a single one, which is none; the line of common size above them stays whole.
    """
    body = "The rooms of the ground floor were measured by the office of the architect in the autumn of last year"
    headings = ["Plan of the ground floor", "House number 27", "Not for construction"]
    image = np.array(documents.draw_page(headings, (3508, 4960), 100)[0], dtype=np.uint8)
    image[3900:4000] = np.asarray(documents.draw_page([body], (3508, 140), 40)[0], dtype=np.uint8)[40:]
    height = round(font_size * pitch)
    for number, line in enumerate(LINES[:8]):
        row = np.asarray(documents.draw_page([line], (700, 160), font_size)[0], dtype=np.uint8)
        image[4000 + number * height :][:height, 1400:2100] = row[40 : 40 + height]
    assert texts(engine, image) == [*headings, body, *LINES[:8]]


def test_small_print_in_unknown_letters_is_missed(engine: OcrEngine) -> None:
    """Most of it is seen by a second look only, and the large print beside it is read whole."""
    image = np.array(documents.draw_page(["Plan of the ground floor"], (3508, 4960), 100)[0], dtype=np.uint8)
    small = wide_pages.draw_page(wide_pages.RUSSIAN * 4, "zh", (1000, 1000), 14)[0]
    image[3900:4900, 1400:2400] = np.asarray(small, dtype=np.uint8)
    (read,) = engine.read([image])
    assert read.lines[0].text == "Plan of the ground floor"
    assert read.unread is not None
    assert read.unread > 0.4


@pytest.mark.parametrize("filling", [".", " ."])
def test_names_and_numbers_are_read_on_both_sides_of_dots(engine: OcrEngine, filling: str) -> None:
    """As in a table of contents or a menu: no letter of them is lost, and each line stays one."""
    rows = [("Terms of payment and guarantees", "17"), ("Espresso", "2.50"), ("Force majeure", "128"), ("Index", "204")]
    lines = [f"{name} {filling * (24 // len(filling) + 30 - len(name))} {number}" for name, number in rows]
    read = texts(engine, np.asarray(documents.draw_page(lines, (1300, 500), 24)[0], dtype=np.uint8))
    assert [[word for word in line.split() if word.strip(".…")] for line in read] == [
        [*name.split(), number] for name, number in rows
    ]


def test_names_in_unknown_letters_are_missed_beside_dots(engine: OcrEngine) -> None:
    """Only the numbers of such a menu are read: the strip is divided, and what is left of it still counts."""
    names = ["Борщ украинский", "Пельмени домашние", "Чай с лимоном", "Салат овощной"]  # noqa: RUF001 - Russian
    lines = [f"{name} {'.' * 12} {number}.50" for number, name in enumerate(names, start=124)]
    image = np.asarray(wide_pages.draw_page(lines, "zh", (1400, 700))[0], dtype=np.uint8)
    (read,) = engine.read([image])
    assert {"124.50", "125.50"} <= {word.text for word in words_in(read)}
    assert read.unread is not None
    assert read.unread > 0.3


def test_a_long_receipt_is_read(engine: OcrEngine) -> None:
    """Ten times as long as wide: not shrunk to a thread."""
    lines = [f"Item {row} in stock" for row in range(1, 90)]
    image = np.asarray(documents.draw_page(lines, (600, 4400), 24)[0], dtype=np.uint8)
    assert texts(engine, image) == lines


def test_white_on_black_is_read(engine: OcrEngine) -> None:
    """And its words are drawn to their ink, too."""
    picture, drawn = documents.draw_page()
    (transcript,) = engine.read([255 - np.asarray(picture, dtype=np.uint8)])
    read = words_in(transcript)
    assert [word.text for word in read] == [word.text for word in drawn]
    overlaps = [overlap(word.box, ink.box) for word, ink in zip(read, drawn, strict=True)]
    assert sum(overlaps) / len(overlaps) > 0.6


@pytest.mark.parametrize("contrast", [0.04, 0.025])
def test_print_that_has_nearly_gone_is_looked_at_again(engine: OcrEngine, contrast: float) -> None:
    """Bleached thermal paper: 6 to 9 grey levels set the ink off."""
    image = (230 - (255.0 - page(font_size=24)) * contrast).astype(np.uint8)
    read = read_upright(engine, [page(), image])
    assert len(words_in(read[1])) < 0.8 * len(words_in(read[0]))
    again = read_faint(engine, [page(), image], read)
    assert again[0] == read[0]
    assert [line.text for line in again[1].lines] == LINES


def test_print_that_shines_through_from_the_back_is_not_read(engine: OcrEngine) -> None:
    """As faint as bleached print, but mirrored: no word of it is taken."""
    image = np.ascontiguousarray((230 - (255.0 - page()) * 0.025).astype(np.uint8)[:, ::-1])
    assert is_faint(image)
    read = read_upright(engine, [image])
    assert read_faint(engine, [image], read) == read
    assert read[0].lines == ()


def test_threads_and_profiles_read_the_same_print(engine: OcrEngine) -> None:
    """Two threads give the very same words; `fast` the same text of clean print."""
    image = page()
    two = PaddleFactory().create(EngineOptions(threads=2))
    assert two.read([image, image]) == engine.read([image, image])
    assert texts(PaddleFactory().create(EngineOptions(profile="fast")), image) == LINES


def test_fast_takes_the_accurate_recogniser_for_lines_that_are_hard_to_read() -> None:
    """Blurred lines among clean ones: the quick recogniser alone takes the nought of the first for a letter."""
    image = page(font_size=24).copy()
    blurred = image[: image.shape[0] // 3]
    blurred[:] = cv2.GaussianBlur(blurred, (0, 0), 2.5)
    fast = PaddleFactory().create(EngineOptions(profile="fast"))
    assert texts(fast, image)[0] == LINES[0]
