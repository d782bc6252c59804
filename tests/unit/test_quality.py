"""How well pages could be read: tokens by their shape, print by its edges and lines, and what is warned of."""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from docmill.domain import quality as domain
from docmill.domain.models import PageSize
from docmill.domain.pages import Box, Line, Page, Unit, Word
from docmill.domain.quality import PageQuality, PageWarning
from docmill.ocr import Transcript, print_quality, quality, wordlike
from docmill.ocr.documents import RenderedPage, open_document
from docmill.ocr.reader import PageReader
from tests.fixtures import documents, wide_pages

LETTER = (
    "Harbour Supplies Limited, 14 Quay Street",
    "Invoice number HS-2024/0917 of 17.09.2024",
    "Für die Lieferung berechnen wir Ihnen:",
    "12 Stück Rechtschreibprüfung à 7,50 EUR",
    "Frais d'expédition août, TVA 20% comprise",
    "3 pcs widget green SKU4711-B $19.25",
    "Total amount due 1,147.75 EUR net 30 days",
)


@pytest.mark.parametrize(
    "token",
    ["Harbour", "TOTAL", "Rechtschreibung", "Angstschweiß", "čtvrtek", "été", "d'expédition", "McDonald", "GmbH", "BHD",
     "kg", "12", "1,147.75", "17.09.2024", "09:30", "$19.25", "(4.50)", "RM12.50", "TD01167104", "2x500g", "A4", "XXX",
     "name@example.com", "www.example.com", "Müller-Lüdenscheidt", "and/or", "Итого", "合計", "ราคา", "DE89370400440532013000",
     "用紙A4", "使用Python编写，运行在Linux服务器上。", "契約番号はHS-2024/0917、締結日は2024年です", "￥1,250.00", "（13%）",  # noqa: RUF001
     "Python을", "①商品", "※ご注意"],
)  # fmt: skip
def test_what_people_write_is_wordlike(token: str) -> None:
    """Words of several languages, names, numbers, dates, amounts and codes."""
    assert wordlike.is_wordlike(token)


@pytest.mark.parametrize(
    "token",
    ["^^~", "x|y", "lllIIIlll", "qwrtzpsdfg", "aeiouae", "BcDfGh", "l0l1a2b3", "a<b", "T?tal", "\ue001\ue002", "\ufffd\ufffd",
     "bcdfgh", "T\u043etal", "iIiI", "«»%!", "合計qwrtzpsdfg", "。、"],
)  # fmt: skip
def test_garbage_is_not(token: str) -> None:
    """Signs among letters, letters that nobody can say, capitals anywhere, broken fonts, Cyrillic in a Latin word."""
    assert not wordlike.is_wordlike(token)


def test_what_says_nothing_is_not_counted() -> None:
    """Single characters and rules of one sign; a page of them has no share."""
    assert wordlike.share(["a", "|", "-----", "===", "7"]) == (1.0, 0)
    assert wordlike.share(["Total", "~^", ":"]) == (0.5, 2)


def test_a_letter_is_wordlike_and_a_broken_font_is_not() -> None:
    """All of a sound page counts; with its letters moved, as fonts without a table give them, it is garbled."""
    words = " ".join(LETTER).split()
    assert wordlike.share(words)[0] == 1.0
    broken = ["".join(chr(ord(letter) - 29) for letter in word) for word in words]
    assert quality.of_text(page_of(" ".join(broken))).warnings == (PageWarning.GARBLED,)


def drawn() -> Image.Image:
    """The letter, as large as a page of receipts."""
    return documents.draw_page(LETTER, (1000, 600), 30)[0]


def blurred(image: Image.Image) -> Image.Image:
    """Letters with soft edges."""
    return image.filter(ImageFilter.GaussianBlur(3))


def worn(image: Image.Image) -> Image.Image:
    """The ink has flaked off in specks of four pixels, near half of it."""
    pixels = np.asarray(image.convert("RGB"))
    specks = np.random.default_rng(1).random((image.height // 4 + 1, image.width // 4 + 1)) < 0.45
    bare = np.kron(specks, np.ones((4, 4), bool))[: image.height, : image.width]
    return Image.fromarray(np.where(bare[..., None], 255, pixels).astype(np.uint8))


def aslant(image: Image.Image) -> Image.Image:
    """Seven degrees clockwise."""
    return image.rotate(-7, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)


def tiny(image: Image.Image) -> Image.Image:
    """Letters of a few pixels."""
    return image.resize((image.width // 4, image.height // 4), Image.Resampling.BOX)


def blank(image: Image.Image) -> Image.Image:
    """Nothing on it."""
    return Image.new("RGB", image.size, "white")


@pytest.fixture(scope="module")
def reader() -> PageReader:
    """The engine of every installation."""
    return PageReader("paddle")


@pytest.mark.parametrize(
    ("change", "expected", "review"),
    [
        (lambda image: image, set(), False),
        (blurred, {PageWarning.BLURRY}, None),
        (worn, {PageWarning.LOW_CONFIDENCE}, True),
        (aslant, {PageWarning.SKEWED}, False),
        (tiny, {PageWarning.LOW_RESOLUTION}, None),
        (blank, {PageWarning.EMPTY}, True),
    ],
    ids=["sound", "blurred", "worn", "aslant", "tiny", "blank"],
)
def test_pages_say_what_is_wrong_with_them(
    reader: PageReader,
    tmp_path: Path,
    change: Callable[[Image.Image], Image.Image],
    expected: set[PageWarning],
    review: bool | None,  # noqa: FBT001 - pytest gives it by name
) -> None:
    """A sound page nothing, each of the others its own; how well a soft or small page can be read differs."""
    path = documents.image_file(tmp_path / "page.png", change(drawn()))
    with open_document(path, "image/png") as document:
        measured = reader.read(document, 1, {}).page.quality
    assert measured is not None
    assert expected <= set(measured.warnings)
    assert expected or not measured.warnings
    assert review is None or measured.needs_review is review


@pytest.mark.parametrize("lines", [wide_pages.RUSSIAN, wide_pages.SIMPLIFIED[-5:]], ids=["russian", "chinese table"])
def test_letters_that_the_engine_does_not_know_are_missed(
    reader: PageReader, tmp_path: Path, lines: Sequence[str]
) -> None:
    """What it reads of such a page, numbers above all, it is sure of: only the print that is left over tells."""
    path = documents.image_file(tmp_path / "page.png", wide_pages.draw_page(lines, "zh")[0])
    with open_document(path, "image/png") as document:
        measured = reader.read(document, 1, {}).page.quality
    assert measured is not None
    assert measured.unread_share is not None
    assert measured.unread_share > 0.25
    assert measured.mean_confidence > 0.94
    assert measured.warnings == (PageWarning.UNREAD,)
    assert measured.needs_review


def page_of(*lines: str, engine: str = "text-layer", confidence: float = 1.0) -> Page:
    """A page of these lines."""
    box = documents.Box(0, 0, 10, 10)
    read = tuple(Line(tuple(Word(word, box, confidence) for word in line.split())) for line in lines)
    return Page(number=1, width=100, height=100, unit=Unit.POINT, engine=engine, lines=read)


def test_text_layers_are_sure_and_reviewed_only_if_garbled_or_empty() -> None:
    """They have no picture to speak of."""
    sound = quality.of_text(page_of(*LETTER))
    assert sound == PageQuality(mean_confidence=1.0, dictionary_share=1.0)
    assert not sound.needs_review
    garbled = quality.of_text(page_of(*(["~^x| #q<r \ue001\ue002"] * 5)))
    assert (garbled.warnings, garbled.needs_review) == ((PageWarning.GARBLED,), True)
    assert quality.of_text(page_of("~^x|")).warnings == ()  # too little to say so
    assert quality.of_text(page_of()).warnings == (PageWarning.EMPTY,)


def test_an_unsure_engine_is_reviewed_by_its_own_measure() -> None:
    """What is doubtful for one engine is usual for another."""
    assert quality.of_text(page_of(*LETTER, engine="paddle", confidence=0.9)).needs_review
    assert not quality.of_text(page_of(*LETTER, engine="easyocr", confidence=0.9)).needs_review
    assert quality.of_text(page_of(*LETTER, engine="easyocr", confidence=0.7)).needs_review


@pytest.mark.parametrize(
    ("unread", "expected"),
    [(None, ()), (0.14, ()), (0.16, (PageWarning.UNREAD,)), (1.0, (PageWarning.UNREAD,))],
)
def test_more_than_a_little_unread_print_is_warned_of(unread: float | None, expected: tuple[PageWarning, ...]) -> None:
    """A page of which nothing at all was read is empty, and that says it."""
    page = page_of(*LETTER, engine="paddle")
    size = PageSize(width=1000, height=600, unit=Unit.PIXEL)
    picture = RenderedPage(image=np.asarray(drawn(), dtype=np.uint8), scale=1.0, page=size)
    measured = quality.of_picture(page, picture, Transcript(page.lines, unread))
    assert measured.unread_share == unread
    assert [warning for warning in measured.warnings if warning is PageWarning.UNREAD] == [*expected]
    nothing = quality.of_picture(page_of(), picture, Transcript((), 1.0))
    assert nothing.warnings == (PageWarning.EMPTY,)


@pytest.mark.parametrize("degrees", [-20, -8, -3, 0, 3, 8, 20])
@pytest.mark.parametrize("turns", [0, 1])
def test_skew_is_measured_clockwise(degrees: int, turns: int) -> None:
    """Whichever way up the page lies."""
    image = drawn().rotate(-degrees + 90 * turns, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    measured = print_quality.skew(np.asarray(image.convert("RGB")))
    assert measured is not None
    assert measured == pytest.approx(degrees, abs=0.7)


@pytest.mark.parametrize("degrees", [-20, -3, 0, 8, 20])
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_lines_that_were_read_tell_how_far_they_slant(degrees: int, turns: int) -> None:
    """A sheet with three lines is enough, on its side and on its head as well; short lines say nothing."""
    angle = math.radians(degrees + 90 * turns)
    across, down = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))

    def word(place: int, row: int) -> Word:
        x, y = (500 + 90 * place * a + 60 * row * d for a, d in zip(across, down, strict=True))
        return Word("word", Box(x - 10, y - 10, 20, 20), 1.0)

    lines = [Line(tuple(word(place, row) for place in range(6))) for row in range(3)]
    stubs = [Line((word(0, row), Word("x", word(0, row).box, 1.0))) for row in range(3, 20)]
    assert print_quality.slant([*lines, *stubs]) == pytest.approx(degrees, abs=0.01)
    assert print_quality.slant([*lines[:2], *stubs]) is None


def test_a_page_with_few_lines_is_skewed_all_the_same(tmp_path: Path) -> None:
    """Three lines of a receipt, photographed askew: its picture alone says too little."""
    image = documents.draw_page(LETTER[:3], (900, 1200), 30)[0].rotate(-6, expand=True, fillcolor="white")
    image.save(tmp_path / "a.png")
    with open_document(tmp_path / "a.png", "image/png") as document:
        found = PageReader("paddle").read(document, 1, {}).page.quality
    assert found is not None
    assert found.skew_degrees == pytest.approx(6, abs=0.5)
    assert PageWarning.SKEWED in found.warnings


def test_sharpness_falls_with_blur_and_not_with_size_or_contrast() -> None:
    """It is about the letters' edges: softer is less, larger or fainter is the same."""

    def measured(image: Image.Image, scale: float = 1.0) -> float:
        words = documents.draw_page(LETTER, (1000, 600), 30)[1]
        boxes = [documents.Box(*(scale * side for side in (w.box.x, w.box.y, w.box.w, w.box.h))) for w in words]
        value = print_quality.sharpness(np.asarray(image.convert("RGB")), boxes)
        assert value is not None
        return value

    page = drawn()
    soft = [measured(page.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    assert soft == sorted(soft, reverse=True)
    assert soft[0] > 4 * soft[2]
    faint = Image.fromarray((np.asarray(page) // 3 + 120).astype(np.uint8))
    assert measured(faint) == pytest.approx(soft[0], rel=0.15)
    large = page.resize((2000, 1200), Image.Resampling.LANCZOS)
    assert measured(large, 2.0) == pytest.approx(soft[0], rel=0.4)
    assert print_quality.sharpness(np.asarray(page), []) is None


@pytest.mark.parametrize(("dpi", "expected"), [(300, 300.0), (72, None), (96, None), (None, None), (6000, None)])
def test_image_files_say_their_resolution(tmp_path: Path, dpi: int | None, expected: float | None) -> None:
    """Unless they only say what every screen has."""
    options = {} if dpi is None else {"dpi": (dpi, dpi)}
    path = documents.image_file(tmp_path / "page.jpg", drawn(), **options)
    with open_document(path, "image/jpeg") as document:
        assert document.render(1).resolution == expected


def test_a_scanned_pdf_has_the_resolution_of_its_scan(tmp_path: Path) -> None:
    """Pixels by inches on paper; a page that is no scan has none."""
    documents.scanned_pdf(tmp_path / "scan.pdf", [LETTER])
    with open_document(tmp_path / "scan.pdf", "application/pdf") as document:
        rendered = document.render(1)
    assert rendered.resolution is not None
    width, _ = documents.A4
    assert rendered.resolution == pytest.approx(_pixels_of(tmp_path / "scan.pdf") / (width / 72), rel=0.02)
    documents.text_pdf(tmp_path / "text.pdf", pages=1)
    with open_document(tmp_path / "text.pdf", "application/pdf") as document:
        assert document.render(1).resolution is None


def _pixels_of(path: Path) -> int:
    """Width of the first image in the file, as the file says."""
    found = re.search(rb"/Width (\d+)", path.read_bytes())
    assert found is not None
    return int(found[1])


def test_signals_cost_little_beside_reading() -> None:
    """A dense page: less than a twentieth of the second or so that reading takes."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnop", k=7)) for _ in range(600)]
    image, where = documents.draw_page(LETTER * 3, (1654, 2339), 30)
    pixels, boxes = np.asarray(image), [word.box for word in where]
    print_quality.skew(pixels)  # loads what it needs
    began = time.process_time()
    print_quality.skew(pixels)
    print_quality.sharpness(pixels, boxes)
    wordlike.share(words)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "value",
    [{}, {"confidence": 2}, {"confidence": float("nan")}, {"confidence": "1"}, {"confidence": True}, None, [], 7,
     {"confidence": 1, "words": -1}, {"confidence": 1, "skew": 90}, {"confidence": 1, "dpi": 1e9},
     {"confidence": 1, "sharpness": None}, {"confidence": 1, "warnings": ["odd"]}, {"confidence": 1, "warnings": 7}],
)  # fmt: skip
def test_what_cannot_be_is_no_quality(value: dict[str, object]) -> None:
    """Numbers out of their bounds, other kinds, unknown warnings: a child may say anything."""
    with pytest.raises(ValueError, match=r"quality|number|PageWarning"):
        domain.from_json(value)
