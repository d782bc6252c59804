"""Pictures of pages to look at: the boxes of the words lie over their ink, whatever the page was stored as."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from docmill.domain import pictures
from docmill.domain.errors import MediaError, Reason
from docmill.domain.pages import Box
from docmill.ocr.documents import OpenDocument, open_document
from docmill.ocr.probe import probe
from docmill.ocr.reader import PageReader
from tests.fixtures import documents, ink


def drawn_on(document: OpenDocument) -> list[Box]:
    """Where the ink of `documents.draw_page` is, in the unit of the page it was saved as."""
    rendered = document.render(1)
    return [rendered.to_page(word.box) for word in documents.draw_page()[1]]


def size_of(document: OpenDocument) -> tuple[float, float]:
    """Of its first page."""
    size = document.page_size(1)
    return size.width, size.height


@pytest.mark.parametrize("max_side", [2000, 700])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_boxes_fit_on_turned_images(tmp_path: Path, suffix: str, orientation: int, max_side: int) -> None:
    """An image that its EXIF turns is shown as it is stored, as its boxes are; one that is large enough is made smaller."""
    path = documents.turned_jpeg(tmp_path / f"a{suffix}", orientation)
    with open_document(path, probe(path).media_type) as document:
        picture = document.picture(1, max_side)
        share = ink.share_inside(picture, drawn_on(document), size_of(document))
    assert max(picture.size) == min(max_side, 1000)  # never larger than it was stored
    assert share > 0.97


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("max_side", [2000, 777, 2500])
def test_boxes_fit_on_pdf_pages(tmp_path: Path, rotation: int, max_side: int) -> None:
    """A PDF page is drawn after its rotation, as its boxes are, and exactly as large as asked for."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path)
    with pypdfium2.PdfDocument(path) as pdf:
        pdf[0].set_rotation(rotation)
        pdf.save(tmp_path / "turned.pdf")
    with open_document(tmp_path / "turned.pdf", "application/pdf") as document:
        words = PageReader("paddle").read(document, 1, {"mode": "text-layer"}).page.words
        picture = document.picture(1, max_side)
        share = ink.share_inside(picture, [word.box for word in words], size_of(document))
    assert max(picture.size) == max_side
    assert (picture.width > picture.height) == (rotation in {90, 270})
    assert share > 0.97


def test_every_page_of_a_tiff_has_its_own_picture(tmp_path: Path) -> None:
    """Pages are told apart, and asked for in any order."""
    shades = [Image.new("L", (40, 30), shade) for shade in (10, 120, 240)]
    path = documents.tiff(tmp_path / "a.tiff", shades)
    with open_document(path, "image/tiff") as document:
        seen = [document.picture(number, 2000).getpixel((5, 5)) for number in (3, 1, 2)]
    assert seen == [240, 10, 120]


@pytest.mark.parametrize("max_side", [1, 2, 10])
def test_very_small_pictures(tmp_path: Path, max_side: int) -> None:
    """Whatever is asked for, there is at least a pixel, and no more than asked for."""
    documents.text_pdf(tmp_path / "a.pdf")
    documents.image_file(tmp_path / "a.png", Image.new("L", (5000, 3)))
    for name, media_type in (("a.pdf", "application/pdf"), ("a.png", "image/png")):
        with open_document(tmp_path / name, media_type) as document:
            picture = document.picture(1, max_side)
        assert max(picture.size) == max_side
        assert min(picture.size) >= 1


def test_a_damaged_page_has_no_picture(tmp_path: Path) -> None:
    """It is the document's fault, and said so."""
    path = documents.cut_off(documents.image_file(tmp_path / "a.png"))
    with (
        pytest.raises(MediaError) as refused,
        open_document(path, "image/png") as document,
    ):
        document.picture(1, 2000)
    assert refused.value.reason is Reason.MEDIA_CORRUPT


def test_a_page_has_few_pictures() -> None:
    """Sizes go down to hundreds, below that to tens, and never up; the key tells the size."""
    assert [pictures.step_down(side) for side in (1, 9, 10, 99, 100, 1234, 2000, 8000)] == [
        1, 9, 10, 90, 100, 1200, 2000, 8000,
    ]  # fmt: skip
    assert len({pictures.step_down(side) for side in range(1, 8001)}) < 120
    key = pictures.key_of("org_1", "ab" * 32, 7, 1200)
    assert key.startswith(f"pages/org_1/{'ab' * 32}/")
    assert key.endswith("/7.png")
    assert pictures.side_of(key) == 1200
