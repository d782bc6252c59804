"""Pages that show text as characters and in pictures: both are read, nothing twice, and nothing for the sake of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from docmill.domain.pages import Box, Line, Page, Word
from docmill.ocr import hybrid
from docmill.ocr.documents import open_document
from docmill.ocr.page_objects import Drawing
from docmill.ocr.reader import PageReader, Picture, ReadPage
from tests.fixtures import documents, layers

STAMP = ("Received 12 May 2024", "Paid in full")


@pytest.fixture(scope="module")
def reader() -> PageReader:
    """A reader with the default CPU engine."""
    return PageReader("paddle")


def read(reader: PageReader, path: Path) -> Page:
    """The first page as read."""
    with open_document(path, "application/pdf") as document:
        return reader.read(document, 1, {}).page


def look(reader: PageReader, path: Path, **options: str) -> ReadPage | Picture:
    """What there is before the engine is asked."""
    with open_document(path, "application/pdf") as document:
        return reader.look(document, 1, options)


def is_in(area: Box, word: Word) -> bool:
    """Whether the word's middle is in the area."""
    x, y = word.box.center
    return area.x < x < area.right and area.y < y < area.bottom


def stamped(canvas: Any) -> None:
    """A letter with the picture of a stamp on it."""
    layers.write(canvas)
    layers.paste(canvas, layers.prose_picture(STAMP), 300, 400, 240)


@pytest.mark.parametrize("rotate", [0, 90])
def test_stamp_on_a_letter_is_read_beside_its_text(tmp_path: Path, reader: PageReader, rotate: int) -> None:
    """The letter's words are its own, those of the stamp are the engine's, where they stand on the page."""
    import pypdfium2

    layers.page_pdf(tmp_path / "a.pdf", stamped)
    with pypdfium2.PdfDocument((tmp_path / "a.pdf").read_bytes()) as pdf:
        pdf[0].set_rotation(rotate)
        pdf.save(tmp_path / "b.pdf")
    page = read(reader, tmp_path / "b.pdf")
    assert page.engine == "text-layer+paddle"
    area = Box(300, 842 - 400 - 88, 240, 88) if rotate == 0 else Box(400, 300, 88, 240)
    stamp = [word for word in page.words if is_in(area, word)]
    own = [word for word in page.words if not is_in(area, word)]
    assert sorted(word.text for word in stamp) == sorted(" ".join(STAMP).split())
    assert sorted(word.text for word in own) == sorted(" ".join(layers.PROSE).split())
    assert all(word.confidence == 1.0 for word in own)
    if rotate == 0:
        assert [line.text for line in page.lines] == [*layers.PROSE, *STAMP]


def test_letters_above_a_picture_are_not_read_twice(tmp_path: Path, reader: PageReader) -> None:
    """A form that was scanned and filled in on a computer: the filling is exact, the form is read."""

    def draw(canvas: Any) -> None:
        layers.paste(canvas, documents.draw_page(("Name", "Amount"), (1240, 1754), 40)[0], 0, 0, 595)
        for y, text in ((842 - 32, "Josephine Baker"), (842 - 70, "1,250.00")):
            canvas.drawString(150, y, text)

    page = read(reader, layers.page_pdf(tmp_path / "a.pdf", draw))
    assert page.engine == "text-layer+paddle"
    assert [line.text for line in page.lines] == ["Name Josephine Baker", "Amount 1,250.00"]


def test_hidden_words_over_a_picture_give_way_to_what_it_says(tmp_path: Path, reader: PageReader) -> None:
    """A scan that was pasted into a letter with another program's reading of it."""

    def draw(canvas: Any) -> None:
        stamped(canvas)
        layers.write(canvas, ("Recieved l2 Mav",), left=320, top=460, mode=3)
        layers.write(canvas, ("Yours sincerely",), top=300)

    with open_document(layers.page_pdf(tmp_path / "a.pdf", draw), "application/pdf") as document:
        layer = document.text_layer(1)
        assert layer is not None
        assert {word.text for word in layer.unseen} == {"Recieved", "l2", "Mav"}
        page = reader.read(document, 1, {}).page
    assert "Recieved" not in page.text
    assert [line.text for line in page.lines] == [*layers.PROSE, *STAMP, "Yours sincerely"]


def test_outlined_text_under_a_heading_is_read(tmp_path: Path, reader: PageReader) -> None:
    """Only the heading has characters; the rest was exported as curves."""
    image, _ = documents.draw_page(documents.LINES, (1000, 340), 32)

    def draw(canvas: Any) -> None:
        canvas.drawString(50, 780, "Statement of account")
        layers.outline(canvas, image, 50, 500, 450)

    page = read(reader, layers.page_pdf(tmp_path / "a.pdf", draw))
    assert page.engine == "text-layer+paddle"
    assert [line.text for line in page.lines] == ["Statement of account", *documents.LINES]


@pytest.mark.parametrize("ink", [0, 176], ids=["soft", "pale"])
def test_a_scan_under_a_line_of_text_is_read_however_it_looks(tmp_path: Path, reader: PageReader, ink: int) -> None:
    """Courts and archives print a number on every scan. Soft and pale print has no sharp edges, as photographs have none."""
    image = documents.draw_page(documents.LINES, (1240, 1700), 40)[0].convert("L")
    pixels = cv2.GaussianBlur(np.asarray(image.point(lambda grey: ink + grey * (255 - ink) // 255)), (0, 0), 2)

    def draw(canvas: Any) -> None:
        layers.paste(canvas, Image.fromarray(pixels), 0, 27, 595)
        canvas.drawString(200, 8, "Exhibit 12 ACME v. Smith page 0007")

    page = read(reader, layers.page_pdf(tmp_path / "a.pdf", draw))
    assert page.engine == "text-layer+paddle"
    assert [line.text for line in page.lines] == [*documents.LINES, "Exhibit 12 ACME v. Smith page 0007"]


def test_pale_and_many_pictures_are_read_beside_the_text(tmp_path: Path, reader: PageReader) -> None:
    """Grey print in ten pictures: contrast counts for what it is, and the ninth picture like the first."""

    def draw(canvas: Any) -> None:
        layers.write(canvas)
        for number in range(10):
            image = documents.draw_page([f"Receipt number {number}"], (800, 200), 48)[0].convert("L")
            pale = image.point(lambda grey: 176 + grey * 79 // 255).convert("RGB")
            layers.paste(canvas, pale, 50 + number % 2 * 270, 560 - number // 2 * 110, 240)

    read_too = {line.text for line in read(reader, layers.page_pdf(tmp_path / "a.pdf", draw)).lines}
    words = {word for text in read_too for word in text.split()}
    assert words >= {str(number) for number in range(10)}


def gradient() -> Image.Image:
    """Something like a photograph: soft shapes and noise."""
    dice = np.random.default_rng(7)
    x, y = np.meshgrid(np.linspace(0, 9, 600), np.linspace(0, 7, 400))
    soft = 128 + 90 * np.sin(x) * np.cos(y) + dice.normal(0, 12, x.shape)
    return Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8)).convert("RGB")


def logo(canvas: Any) -> None:
    """A small picture with a name in it."""
    layers.paste(canvas, documents.draw_page(["ACME"], (300, 200), 48)[0], 450, 750, 90)


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(logo, id="a logo"),
        pytest.param(lambda canvas: layers.paste(canvas, gradient(), 100, 300, 300), id="a photograph"),
        pytest.param(
            lambda canvas: layers.paste(canvas, Image.new("RGB", (60, 80), "beige"), 0, 0, 595), id="a background"
        ),
        pytest.param(lambda canvas: canvas.grid(range(50, 500, 30), range(300, 600, 15)), id="a grid"),
    ],
)
def test_what_carries_no_text_costs_no_reading(tmp_path: Path, reader: PageReader, draw: Any) -> None:
    """Small pictures, photographs, flat backgrounds and rules never reach the engine."""

    def both(canvas: Any) -> None:
        draw(canvas)
        layers.write(canvas)

    seen = look(reader, layers.page_pdf(tmp_path / "a.pdf", both))
    assert isinstance(seen, ReadPage)
    assert seen.page.engine == "text-layer"
    assert [line.text for line in seen.page.lines] == list(layers.PROSE)


def test_mode_text_layer_never_reads_a_picture(tmp_path: Path, reader: PageReader) -> None:
    """Whoever asks for the page's own text gets that."""
    seen = look(reader, layers.page_pdf(tmp_path / "a.pdf", stamped), mode="text-layer")
    assert isinstance(seen, ReadPage)
    assert [line.text for line in seen.page.lines] == list(layers.PROSE)


def test_strips_of_one_scan_are_one_area() -> None:
    """Touching pictures belong together, distant ones do not, and there is an end to it."""
    strips = [Drawing(Box(50, 100 + 20 * index, 400, 20), 1000) for index in range(10)]
    far = Drawing(Box(50, 600, 200, 100), 1000)
    assert hybrid.areas([*strips, far], 595, 842) == (Box(50, 100, 400, 200), Box(50, 600, 200, 100))
    many = [Drawing(Box(300 * column, 150 * row, 200, 100), 1000) for column in range(9) for row in range(9)]
    assert len(hybrid.areas(many, 3000, 2000)) == 24
    assert hybrid.areas([], 595, 842) == ()


def test_words_that_are_there_already_are_not_added() -> None:
    """What lies under a word of the page, what the engine doubts, and a lone letter are left out."""
    own = (Line((Word("Total", Box(10, 10, 40, 12), 1.0),)),)
    again = Line((Word("Tota1", Box(12, 11, 36, 10), 0.9), Word("12.50", Box(60, 10, 30, 12), 0.9)))
    noise = Line((Word("~~", Box(10, 40, 30, 12), 0.3),))
    icon = Line((Word("Q", Box(10, 60, 12, 12), 0.95),))
    merged = hybrid.merge(own, frozenset(), [(Box(0, 0, 100, 80), (again, noise, icon))])
    assert [line.text for line in merged] == ["Total 12.50"]
