"""Every format that can be read, from the file to the words, through the whole of docmill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docmill.client import Docmill
from docmill.domain.pages import Box
from tests.fixtures import documents
from tests.fixtures.documents import A4, Drawn

pytestmark = pytest.mark.xdist_group("stack")

SIZE = (900, 300)
LINES = ("Harbour Supplies", "Invoice 48213", "Total 147.75 EUR")


def picture(path: Path) -> list[Drawn]:
    """Large clear text in the format of the suffix, and where its words are."""
    image, drawn = documents.draw_page(LINES, SIZE, 40)
    documents.image_file(path, image)
    return drawn


def born_digital(path: Path) -> list[Drawn]:
    """A PDF with text in it."""
    return documents.text_pdf(path, lines=LINES)


def scan(path: Path) -> list[Drawn]:
    """A PDF that is a picture, the size of the picture in points."""
    documents.scanned_pdf(path, [LINES], size=A4)
    _, drawn = documents.draw_page(LINES, (1240, 1754))
    scale = A4[0] / 1240
    return [Drawn(word.text, Box(*(side * scale for side in word.box))) for word in drawn]


@pytest.mark.parametrize(
    ("name", "media_type", "size", "make"),
    [
        ("text.pdf", "application/pdf", A4, born_digital),
        ("scan.pdf", "application/pdf", A4, scan),
        ("page.png", "image/png", SIZE, picture),
        ("page.jpg", "image/jpeg", SIZE, picture),
        ("page.webp", "image/webp", SIZE, picture),
        ("page.tiff", "image/tiff", SIZE, picture),
        ("page.bmp", "image/bmp", SIZE, picture),
        ("page.heic", "image/heic", SIZE, picture),
        ("page.gif", "image/gif", SIZE, picture),
    ],
)
def test_words_are_read_where_they_are(
    client: Docmill,
    tmp_path: Path,
    name: str,
    media_type: str,
    size: tuple[float, float],
    make: Callable[[Path], list[Drawn]],
) -> None:
    """The output has the page in its own size, and every word that was drawn with the box it was drawn in."""
    drawn = make(tmp_path / name)
    run = client.flows.run("document-text", tmp_path / name).result(timeout=60)
    document = client.documents.get(run.document_id)
    assert (document.mime_type, document.page_count) == (media_type, 1)
    (page,) = run.output["pages"]
    assert (page["pageNumber"], page["width"], page["height"]) == (1, *size)
    assert [line["text"] for line in page["lines"]][: len(LINES)] == list(LINES)
    read = [word for line in page["lines"] for word in line["words"]]
    for expected, word in zip(drawn, read, strict=False):
        assert word["text"] == expected.text
        assert lies_on(word["bbox"], expected)
        assert 0.5 < word["confidence"] <= 1
    assert all(line in page["markdown"] for line in LINES)


def lies_on(found: dict[str, Any], drawn: Drawn) -> bool:
    """The middle of the box is inside the word, and the word's middle inside the box."""
    box = Box(**found)
    return has(drawn.box, *box.center) and has(box, *drawn.box.center)


def has(box: Box, x: float, y: float) -> bool:
    """Whether the point is in the box."""
    return box.x <= x <= box.right and box.y <= y <= box.bottom


def test_pages_of_a_tiff(client: Docmill, tmp_path: Path) -> None:
    """Every page of a TIFF is a page, in its order and of its own size."""
    sizes = [(400, 120), (500, 160), (450, 200)]
    pages = [documents.draw_page([f"Sheet {n}"], size, 40)[0] for n, size in enumerate(sizes, start=1)]
    documents.tiff(tmp_path / "three.tiff", pages)
    run = client.flows.run("document-text", tmp_path / "three.tiff").result(timeout=60)
    read = [(page["width"], page["height"], page["lines"][0]["text"]) for page in run.output["pages"]]
    assert read == [(*size, f"Sheet {n}") for n, size in enumerate(sizes, start=1)]
