"""Pages in Chinese and Japanese, read by the engine `paddle`: text, tables, Latin words between, and odd ways to lie."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from docmill.domain.pages import Box, Line, Page
from docmill.ocr.documents import open_document
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.reader import PageReader
from docmill.ocr.turning import read_upright
from tests.fixtures import wide_pages
from tests.fixtures.documents import Drawn
from tests.fixtures.wide_pages import JAPANESE, SIMPLIFIED, TRADITIONAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docmill.ocr import OcrEngine

PAGES = {"zh": SIMPLIFIED, "zh-Hant": TRADITIONAL, "ja": JAPANESE}
FEW = 0.015  # character error rate; measured: 0.000 to 0.003


@pytest.fixture(scope="module")
def readers() -> dict[str, PageReader]:
    """As `DOCMILL_OCR_LANGUAGES=zh` and `ja,en` make them."""
    chinese = PageReader("paddle", options=EngineOptions(languages=("zh",)))
    return {
        "zh": chinese,
        "zh-Hant": chinese,
        "ja": PageReader("paddle", options=EngineOptions(languages=("ja", "en"))),
    }


@pytest.fixture(scope="module")
def engine(readers: dict[str, PageReader]) -> OcrEngine:
    """For Chinese, which reads Japanese, too."""
    return readers["zh"]._loaded()


def plain(text: str) -> str:
    """Without blanks, and signs that are wide or narrow (，) as narrow ones: the recogniser does not tell them apart."""  # noqa: RUF002
    return unicodedata.normalize("NFKC", re.sub(r"\s", "", text))


def errors(lines: Sequence[str], read: Sequence[Line]) -> float:
    """Character error rate, lines in order."""
    printed = plain("".join(lines))
    return Levenshtein.distance(printed, plain("".join(line.text for line in read))) / len(printed)


def pixels(lines: Sequence[str], face: str) -> NDArray[np.uint8]:
    """The page in print."""
    return np.asarray(wide_pages.draw_page(lines, face)[0], dtype=np.uint8)


def read_file(reader: PageReader, path: Path) -> Page:
    """The only page of an image."""
    with open_document(path, "image/png") as document:
        return reader.read(document, 1, {}).page


@pytest.mark.parametrize("language", PAGES)
def test_a_page_is_read_and_found_good(readers: dict[str, PageReader], language: str, tmp_path: Path) -> None:
    """Line by line, surely, every word where its ink is, and nothing asks for a review."""
    image, drawn = wide_pages.draw_page(PAGES[language], language)
    image.save(tmp_path / "page.png")
    page = read_file(readers[language], tmp_path / "page.png")
    assert errors(PAGES[language], page.lines) <= FEW
    assert len(page.lines) == len(drawn)
    assert page.quality is not None
    assert page.quality.warnings == ()
    assert page.quality.unread_share is not None
    assert page.quality.unread_share < 0.05
    assert page.quality.mean_confidence > 0.97
    found = [each for line, chars in zip(page.lines, drawn, strict=True) for each in _matched(line, chars)]
    assert len(found) > 0.9 * len(page.words)
    assert all(abs(box.x - ink.x) < 15 and abs(box.right - ink.right) < 15 for box, ink in found)  # half a character
    assert all(box.y < ink.center[1] < box.bottom for box, ink in found)


def _matched(line: Line, drawn: Sequence[Drawn]) -> list[tuple[Box, Box]]:
    """Boxes of the line's words, and around the ink of the very characters that they say."""
    printed, at, found = "".join(plain(char.text) for char in drawn), 0, []
    assert len(printed) == len(drawn)
    for word in line.words:
        start = printed.find(plain(word.text), at)
        if start >= 0:
            at = start + len(plain(word.text))
            found.append((word.box, Box.around([char.box for char in drawn[start:at]])))
    return found


def test_cells_of_a_table_are_words_of_their_own(engine: OcrEngine) -> None:
    """Blanks and gaps part words, nothing else does."""
    (transcript,) = engine.read([pixels(SIMPLIFIED[-5:], "zh")])
    read = [[word.text.replace("：", ":") for word in line.words] for line in transcript.lines]  # noqa: RUF001
    assert read[1:] == [line.split() for line in SIMPLIFIED[-4:]]


@pytest.mark.parametrize(("language", "turns"), [("zh", 2), ("ja", 2), ("ja", 3)])
def test_a_page_on_its_head_or_side_is_read(engine: OcrEngine, language: str, turns: int) -> None:
    """Of running text on its head hardly a word can be read: that is enough to turn it."""
    text = PAGES[language][:2] * 2
    (transcript,) = read_upright(engine, [np.ascontiguousarray(np.rot90(pixels(text, language), turns))])
    assert errors(text, transcript.lines) <= FEW


@pytest.mark.parametrize("degrees", [0, 2])
def test_columns_of_text_are_read_one_after_the_other(engine: OcrEngine, degrees: float) -> None:
    """Although a line of each is a single word; on a page askew, too."""
    text = "".join(SIMPLIFIED[:2] * 4)
    rows = [text[at : at + 18] for at in range(0, len(text) - 18, 18)]
    half = len(rows) // 2
    sides = [np.asarray(wide_pages.draw_page(rows[:half], "zh")[0])]
    sides.append(np.asarray(wide_pages.draw_page(rows[half:], "zh", left=800)[0]))
    page = np.minimum(*sides)
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    page = np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=(255, 255, 255)), dtype=np.uint8)
    (transcript,) = engine.read([page])
    assert errors(rows, transcript.lines) <= FEW


def test_vertical_lines_are_read_from_the_right(engine: OcrEngine) -> None:
    """As Japanese letters and books are printed."""
    page = np.asarray(wide_pages.draw_vertical(JAPANESE[:3], "ja"), dtype=np.uint8)
    (transcript,) = read_upright(engine, [page])
    assert errors(JAPANESE[:3], transcript.lines) <= FEW


def test_a_batch_reads_as_its_pages_do(engine: OcrEngine) -> None:
    """The very same words, boxes and confidences."""
    pages = [pixels(PAGES[language][-4:], language) for language in ("ja", "zh")]
    assert engine.read(pages) == [engine.read([page])[0] for page in pages]
