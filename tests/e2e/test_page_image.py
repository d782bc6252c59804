"""Pictures of pages through the whole of docmill: what was read lies over its ink."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from docmill.client import Docmill, InvalidArgumentError, NotFoundError, Page
from docmill.domain.pages import Box
from tests.fixtures import documents, ink
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def picture_of(client: Docmill, run_id: str, number: int, **options: int) -> Image.Image:
    """What the client gives, decoded."""
    picture = Image.open(BytesIO(client.runs.page_image(run_id, number, **options)), formats=["PNG"])
    picture.load()
    return picture


def words_on(page: Page) -> tuple[list[Box], tuple[float, float]]:
    """Where the words are, and the size of the page."""
    assert page.text is not None
    words = [word for line in page.text.lines for word in line.words]
    assert len(words) > 5
    return [Box(word.box.x, word.box.y, word.box.w, word.box.h) for word in words], (page.text.width, page.text.height)


@pytest.mark.parametrize("kind", ["text.pdf", "scan.pdf", "photo.jpg"])
def test_boxes_fit_on_the_picture(client: Docmill, tmp_path: Path, kind: str) -> None:
    """The boxes of the words that were read, times the picture's scale, hold nearly all of its ink, however it is stored."""
    path = tmp_path / kind
    if kind == "text.pdf":
        documents.text_pdf(path, pages=3)
    elif kind == "scan.pdf":
        documents.scanned_pdf(path, [("A first sheet",), documents.LINES])
    else:
        documents.turned_jpeg(path, 6)
    run = client.flows.run("document-text", path).result(timeout=60)
    number = {"text.pdf": 3, "scan.pdf": 2, "photo.jpg": 1}[kind]
    boxes, size = words_on(client.runs.page(run.id, number))
    for max_side in (2000, 800):
        picture = picture_of(client, run.id, number, max_side=max_side)
        assert max(picture.size) == (min(max_side, 1000) if kind == "photo.jpg" else max_side)
        assert ink.share_inside(picture, boxes, size, slack=3.0) > 0.97
    assert picture_of(client, run.id, number).size == picture_of(client, run.id, number, max_side=2000).size
    assert client.runs.get(run.id) == run  # nothing about it has changed


def test_a_run_that_was_cancelled_has_pictures(client: Docmill, stack: Stack, tmp_path: Path) -> None:
    """Also pages that nobody has read can be looked at; what does not exist cannot, and nobody else's."""
    documents.scanned_pdf(tmp_path / "a.pdf", [[f"Sheet {number}"] for number in range(12)])
    documents.never_read(tmp_path / "a.pdf")
    handle = client.flows.run("document-text", tmp_path / "a.pdf")
    next(event for event in handle.watch() if event.kind == "run.planned")
    handle.cancel()
    assert max(picture_of(client, handle.id, 12).size) == 2000
    with pytest.raises(NotFoundError) as missing:
        client.runs.page_image(handle.id, 13)
    assert missing.value.reason == "PAGE_NOT_FOUND"
    with pytest.raises(InvalidArgumentError):
        client.runs.page_image(handle.id, 1, max_side=100_000)
    stranger = stack.new_key(stack.new_organization(), "--mode", "test")
    with stack.connect(str(stranger["key"])) as other, pytest.raises(NotFoundError) as foreign:
        other.runs.page_image(handle.id, 1)
    assert foreign.value.reason == "RUN_NOT_FOUND"
