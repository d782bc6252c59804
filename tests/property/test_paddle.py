"""The engine `paddle`, whatever it gets: characters come in order, boxes lie on the page, pages do not mind company."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from docmill.ocr import OcrEngine
from docmill.ocr.paddle import PaddleFactory
from docmill.ocr.paddle.recogniser import Character, decode
from docmill.ocr.paddle.strips import HEIGHT, Strip
from docmill.ocr.paddle.words import text_of
from docmill.ocr.plugins import EngineOptions
from tests.fixtures import documents

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("", "a", "b", "c", " ")
shares = st.floats(0, 1)


@cache
def engine() -> OcrEngine:
    """Loaded once."""
    return PaddleFactory().create(EngineOptions())


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_decoded_characters_come_in_order(seed: int, length: int) -> None:
    """From left to right, inside the strip, no two spaces in a row where one was guessed, sure to some degree."""
    steps = np.random.default_rng(seed).dirichlet(np.ones(len(CLASSES)), length).astype(np.float32)
    read = decode(steps, CLASSES, 8.0, length * 8.0)
    places = [place for char in read for place in (char.left, char.right)]
    assert places == sorted(places)
    assert all(0 <= place <= length * 8 for place in places)
    assert all(0 <= char.confidence <= 1.0001 for char in read)
    # Leaving guessed spaces out gives the plain CTC text.
    best = steps.argmax(axis=1)
    plain = [CLASSES[at] for n, at in enumerate(best) if at and (n == 0 or best[n - 1] != at)]
    assert [char.text for char in read if char.text != " "] == [char for char in plain if char != " "]


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(shares, st.sampled_from("ab -:")), max_size=20),
    st.tuples(*[st.floats(-300, 900)] * 6),
    st.integers(8, 400),
)
def test_boxes_lie_on_the_page(
    seed: int, places: list[tuple[float, str]], frame: tuple[float, ...], width: int
) -> None:
    """Wherever a strip lies, in whatever direction, with whatever ink."""
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, width, 3), dtype=np.uint8)
    strip = Strip(pixels, (frame[0], frame[1]), (frame[2], frame[3]), (frame[4], frame[5]), 0.1)
    read = [Character(text, share * width, share * width, 0.9) for share, text in sorted(places)]
    text = text_of(strip, read, (500, 400))
    assert 0 <= text.read + text.unread <= width
    for word in text.words:
        assert word.box.x >= 0
        assert word.box.y >= 0
        assert word.box.w > 0
        assert word.box.h > 0
        assert word.box.right <= 500.011
        assert word.box.bottom <= 400.011
        assert word.text
        assert " " not in word.text


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.sampled_from(["Invoice 48213", "Total 147.75 EUR", "Paid in full", "a"]), min_size=1, max_size=3),
    st.integers(60, 700),
    st.integers(60, 500),
    st.integers(14, 48),
)
def test_pages_read_alike_in_any_company(lines: list[str], width: int, height: int, font_size: int) -> None:
    """Alone, twice, and beside others: the very same words, all on the page."""
    image = np.asarray(documents.draw_page(lines, (width, height), font_size)[0], dtype=np.uint8)
    other: NDArray[np.uint8] = np.asarray(documents.draw_page(["Delivery note"], (500, 200))[0], dtype=np.uint8)
    (alone,) = engine().read([image])
    assert engine().read([other, image, image])[1:] == [alone, alone]
    for line in alone.lines:
        for word in line.words:
            assert 0 <= word.box.x < word.box.right <= width + 0.011
            assert 0 <= word.box.y < word.box.bottom <= height + 0.011
