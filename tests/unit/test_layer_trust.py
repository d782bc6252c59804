"""Text layers that look like text and are none: each kind is recognised on a page that has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docmill.ocr.documents import open_document
from docmill.ocr.text_layer import TextLayer
from tests.fixtures import documents, layers


def layer_of(path: Path) -> TextLayer:
    """The text layer of a first page that has one."""
    with open_document(path, "application/pdf") as document:
        layer = document.text_layer(1)
    assert layer is not None
    return layer


def shifted(by: int) -> Callable[[str], str]:
    """Letters `by` places on in the alphabet."""

    def shift(letter: str) -> str:
        first = ord("a" if letter.islower() else "A")
        return chr((ord(letter) - first + by) % 26 + first) if letter.isalpha() else letter

    return shift


def by_first_use(letter: str) -> str:
    """Numbers that a program gives to glyphs as it comes upon them, as capital letters."""
    used = list(dict.fromkeys(filter(str.isalpha, "".join(layers.PROSE))))
    return chr(ord("A") + used.index(letter)) if letter in used else letter


def test_font_that_says_what_it_shows_is_trusted(tmp_path: Path) -> None:
    """Glyph numbers as codes are no fault as long as a map says what they are."""
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", lambda letter: letter))
    assert [line.text for line in layer.lines] == list(layers.PROSE)
    assert layer.is_trustworthy


@pytest.mark.parametrize(
    ("says", "fact"),
    [
        pytest.param(None, "unmapped", id="no ToUnicode map"),
        pytest.param(lambda letter: chr(ord(letter) - 29), "bad", id="glyph numbers as text"),
        pytest.param(lambda letter: chr(0xF000 + ord(letter)), "bad", id="symbol font, private use"),
        pytest.param(lambda letter: chr(0xF0000 + ord(letter)), "bad", id="private use beyond U+FFFF"),
        pytest.param(lambda letter: "\ufffd" if letter in "aeo" else letter, "bad", id="replacement characters"),
    ],
)
def test_text_that_cannot_be_decoded_is_not_trusted(
    tmp_path: Path, says: Callable[[str], str] | None, fact: str
) -> None:
    """The page looks as it should, its characters are not those that are seen."""
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", says))
    assert getattr(layer.facts, fact) > 0.05
    assert not layer.is_trustworthy


def lost(sign: str) -> Callable[[str], str]:
    """Every digit is `sign`; none at all leaves PDFium the numbers of the glyphs."""
    return lambda letter: sign if letter.isdigit() else letter


@pytest.mark.parametrize("sign", ["\ufffd", "", "\0", "\uf643", "\x13"])
def test_page_that_lost_its_digits_is_not_trusted(tmp_path: Path, sign: str) -> None:
    """A few characters of hundreds, and the ones that matter."""
    lines = [*layers.PROSE, *layers.PROSE, "Total to pay 1284.50 EUR, order B2024X"]
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", lost(sign), lines))
    assert layer.facts.bad < 0.05
    assert layer.facts.broken > 0.01
    assert not layer.is_trustworthy


@pytest.mark.parametrize("sign", ["\ufffd", "\uf0b7", ""])
def test_bullets_and_icons_without_a_code_are_no_broken_words(tmp_path: Path, sign: str) -> None:
    """Lists are set in symbol fonts."""
    lines = [f"* {line}" for line in layers.PROSE] + ["*Cash", "Print *", "Rates *"]
    says = lambda letter: sign if letter == "*" else letter  # noqa: E731
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", says, lines))
    assert layer.facts.broken == 0.0
    assert layer.is_trustworthy


@pytest.mark.parametrize("says", [*map(shifted, range(1, 26)), by_first_use])
def test_other_letters_than_those_shown_are_not_trusted(tmp_path: Path, says: Callable[[str], str]) -> None:
    """Well-formed letters that make no language, though some shifts give them vowels enough."""
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", says))
    assert (layer.facts.bad, layer.facts.unmapped) == (0.0, 0.0)
    assert layer.facts.usual < 4.5
    assert not layer.is_trustworthy


def test_three_lines_of_glyph_numbers_are_not_trusted(tmp_path: Path) -> None:
    """Few letters are enough, as short pages are where invoices end."""

    def says(letter: str) -> str:
        return chr(ord(letter) - 29) if ord(letter) > 61 else letter

    lines = ["Invoice 2024-117", "Total due 99.50 EUR", "Please pay in ten days"]
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", says, lines))
    assert layer.lines[0].text == ",QYRLFH 2024-117"
    assert not layer.is_trustworthy


def test_character_beyond_the_basic_plane_is_one_character(tmp_path: Path) -> None:
    """PDFium's two halves of it are put together."""
    layer = layer_of(layers.encoded_pdf(tmp_path / "a.pdf", lambda letter: "\U0001f600" if letter == "T" else letter))
    assert layer.lines[0].words[0].text == "\U0001f600he"


@pytest.mark.parametrize("mode", [3, 7])
def test_text_that_is_not_painted_is_not_trusted(tmp_path: Path, mode: int) -> None:
    """Nobody sees it, whether there is a picture on the page or not."""
    path = layers.page_pdf(tmp_path / "a.pdf", lambda canvas: layers.write(canvas, mode=mode))
    assert not layer_of(path).is_trustworthy


def test_text_under_a_picture_of_the_page_is_not_trusted(tmp_path: Path) -> None:
    """Some programs paint what they read and then the scan above it."""

    def draw(canvas: Any) -> None:
        layers.write(canvas)
        layers.paste(canvas, documents.draw_page(size=(1240, 1754))[0], 0, 0, 595)

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert layer.facts.unseen == 1.0
    assert not layer.is_trustworthy


def test_text_above_a_picture_of_the_page_is_trusted(tmp_path: Path) -> None:
    """A letterhead as the background of a letter."""

    def draw(canvas: Any) -> None:
        layers.paste(canvas, documents.draw_page((), size=(1240, 1754))[0], 0, 0, 595)
        layers.write(canvas)

    layer = layer_of(layers.page_pdf(tmp_path / "a.pdf", draw))
    assert layer.facts.pictures == pytest.approx(1.0, abs=0.01)
    assert layer.is_trustworthy
