"""Open documents: pictures of pages, and boxes back in the page's own unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docmill.domain.errors import MediaError, Reason
from docmill.domain.pages import Box
from docmill.ocr.documents import open_document
from docmill.ocr.limits import MediaLimits
from docmill.ocr.probe import probe
from tests.fixtures import documents


def spot_box(pixels: Any) -> Box:
    """The box around everything dark."""
    ys, xs = np.nonzero(pixels.mean(axis=2) < 128)
    return Box(float(xs.min()), float(ys.min()), float(xs.max() - xs.min() + 1), float(ys.max() - ys.min() + 1))


def spotted(size: tuple[int, int] = (300, 200), at: tuple[int, int, int, int] = (20, 30, 60, 50)) -> Image.Image:
    """White with one black rectangle (left, top, right, bottom)."""
    image = Image.new("RGB", size, "white")
    image.paste("black", at)
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png", ".webp"])
def test_turned_photo_is_read_upright_and_boxed_as_stored(tmp_path: Path, orientation: int, suffix: str) -> None:
    """The picture to read stands upright; a box found in it is given in pixels of the stored file."""
    path = documents.turned_jpeg(tmp_path / f"a{suffix}", orientation, spotted())
    with Image.open(path) as image:
        tags = getattr(image, "tag_v2", {})  # Pillow shows a TIFF's size as turned
        raw_size = (tags.get(256, image.width), tags.get(257, image.height))
    assert raw_size == ((300, 200) if orientation < 5 else (200, 300))
    media_type = probe(path).media_type
    with open_document(path, media_type) as document:
        picture = document.render(1)
        size = document.page_size(1)
    assert picture.image.shape == (200, 300, 3)
    found = spot_box(picture.image)
    assert (found.x, found.y, found.w, found.h) == pytest.approx((20, 30, 40, 20), abs=2)
    box = picture.to_page(found)
    expected = {
        1: (20, 30, 40, 20),
        2: (240, 30, 40, 20),
        3: (240, 150, 40, 20),
        4: (20, 150, 40, 20),
        5: (30, 20, 20, 40),
        6: (30, 240, 20, 40),
        7: (150, 240, 20, 40),
        8: (150, 20, 20, 40),
    }[orientation]
    assert (box.x, box.y, box.w, box.h) == pytest.approx(expected, abs=2)
    assert (size.width, size.height) == raw_size


@pytest.mark.parametrize(
    "note", [b"Exif\0\0garbage", b"garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\0", b"Exif\0\0II*\0\xff\xff\xff\x7f"]
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".heic"])
def test_exif_that_cannot_be_read_is_none(tmp_path: Path, suffix: str, note: bytes) -> None:
    """The pixels are sound, and stand as they are stored; pixels that are missing are still missed."""
    path = documents.image_file(tmp_path / f"a{suffix}", exif=note)
    media_type = probe(path).media_type
    with open_document(path, media_type) as document:
        picture = document.render(1)
        size = document.page_size(1)
    assert picture.image.shape == (600, 1000, 3)
    assert picture.image.min() < 50
    assert (size.width, size.height) == (1000, 600)
    with pytest.raises(MediaError, match="MEDIA_CORRUPT"):
        probe(documents.cut_off(path))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_heic_is_upright_in_every_respect(tmp_path: Path, orientation: int) -> None:
    """Its container says how it is turned, and its size is the one it is shown in: there is nothing to turn back."""
    path = documents.turned_jpeg(tmp_path / "a.heic", orientation, spotted())
    facts = probe(path)
    assert (facts.pages[0].width, facts.pages[0].height) == (300, 200)
    with open_document(path, facts.media_type) as document:
        picture = document.render(1)
    assert picture.image.shape == (200, 300, 3)
    box = picture.to_page(spot_box(picture.image))
    assert (box.x, box.y, box.w, box.h) == pytest.approx((20, 30, 40, 20), abs=2)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "RGB"])
def test_every_kind_of_pixel_becomes_the_same_picture(tmp_path: Path, mode: str) -> None:
    """Grey, 1-bit, palette, transparent, CMYK and 16-bit images give RGB with black text on white."""
    image = spotted()
    path = tmp_path / ("a.tif" if mode in {"CMYK", "I;16"} else "a.png")
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L"), dtype=np.uint16) * 257).save(path)
    elif mode in {"LA", "RGBA"}:
        clear = Image.new("RGBA", image.size, (0, 0, 0, 0))  # transparent black: nothing to see on white paper
        clear.paste("black", (20, 30, 60, 50))
        clear.convert(mode).save(path)
    else:
        image.convert(mode).save(path)
    with open_document(path, probe(path).media_type) as document:
        pixels = document.render(1).image
    assert pixels.dtype == np.uint8
    assert pixels.shape == (200, 300, 3)
    assert spot_box(pixels) == Box(20, 30, 40, 20)
    assert pixels[0, 0].min() > 250


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    """A CMYK JPEG, which stores its inks inverted, shows black on white."""
    path = documents.image_file(tmp_path / "a.jpg", spotted().convert("CMYK"), quality=95)
    with open_document(path, "image/jpeg") as document:
        found = spot_box(document.render(1).image)
    assert (found.x, found.y, found.w, found.h) == pytest.approx((20, 30, 40, 20), abs=2)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp", ".gif", ".heic"])
def test_every_format_renders(tmp_path: Path, suffix: str) -> None:
    """All supported image formats can be read and carry no text layer."""
    path = documents.image_file(tmp_path / f"a{suffix}", spotted())
    with open_document(path, probe(path).media_type) as document:
        assert document.page_count == 1
        assert document.text_layer(1) is None
        found = spot_box(document.render(1).image)
    assert (found.x, found.y, found.w, found.h) == pytest.approx((20, 30, 40, 20), abs=2)


def test_pages_of_a_tiff_are_read_in_any_order(tmp_path: Path) -> None:
    """Each number gives its own frame."""
    path = documents.tiff(tmp_path / "a.tif", [spotted(at=(10 * n, 10, 10 * n + 50, 40)) for n in range(1, 4)])
    with open_document(path, "image/tiff") as document:
        assert document.page_count == 3
        assert [spot_box(document.render(number).image).x for number in (3, 1, 2)] == [30, 10, 20]


def test_large_photo_is_read_smaller_and_boxed_in_full_size(tmp_path: Path) -> None:
    """Beyond 16 megapixels a photo is scaled down for reading; its boxes are not."""
    path = documents.image_file(tmp_path / "a.jpg", spotted((6000, 4000), (600, 800, 2600, 1800)))
    with open_document(path, "image/jpeg") as document:
        picture = document.render(1)
    assert picture.image.shape[0] * picture.image.shape[1] <= 16_100_000
    box = picture.to_page(spot_box(picture.image))
    assert (box.x, box.y, box.w, box.h) == pytest.approx((600, 800, 2000, 1000), abs=6)


def test_picture_to_look_at_leaves_the_one_to_read_alone(tmp_path: Path) -> None:
    """A JPEG that was decoded small for people is decoded again for reading, in its full size."""
    path = documents.image_file(tmp_path / "a.jpg", spotted((3000, 2000), (300, 400, 1300, 900)))
    with open_document(path, "image/jpeg") as document:
        assert document.picture(1, 300).size == (300, 200)
        picture = document.render(1)
    assert picture.image.shape == (2000, 3000, 3)
    box = picture.to_page(spot_box(picture.image))
    assert (box.x, box.y, box.w, box.h) == pytest.approx((300, 400, 1000, 500), abs=3)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_pdf_page_is_rendered_as_it_is_seen(tmp_path: Path, rotate: int) -> None:
    """A PDF page is rendered at 200 dpi after its rotation, and boxes come back in points."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, rotate=rotate)
    with open_document(path, "application/pdf") as document:
        picture = document.render(1)
        assert document.rotation(1) == rotate
    width, height = (595, 842) if rotate % 180 == 0 else (842, 595)
    assert picture.image.shape[:2] == pytest.approx((height * 200 / 72, width * 200 / 72), abs=2)
    whole = picture.to_page(Box(0, 0, picture.image.shape[1], picture.image.shape[0]))
    assert (whole.x, whole.y, whole.w, whole.h) == pytest.approx((0, 0, width, height), abs=0.5)


def test_large_pdf_page_is_rendered_within_bounds(tmp_path: Path) -> None:
    """A poster is rendered at a lower resolution instead of filling the memory."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, size=(7000, 3000))
    with open_document(path, "application/pdf") as document:
        assert max(document.render(1).image.shape) <= 4001


def test_filled_form_field_belongs_to_the_page(tmp_path: Path) -> None:
    """What somebody typed into a form is read like printed text."""
    path = documents.form_pdf(tmp_path / "a.pdf", "Konstantin Wecker")
    with open_document(path, "application/pdf") as document:
        layer = document.text_layer(1)
    assert layer is not None
    assert "Konstantin Wecker" in "\n".join(line.text for line in layer.lines)


def test_documents_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    """Opening maps errors as probing does."""
    documents.text_pdf(tmp_path / "a.pdf", password="secret")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    documents.huge_png(tmp_path / "c.png")
    cases = [
        ("a.pdf", "application/pdf", Reason.MEDIA_ENCRYPTED),
        ("b.png", "image/png", Reason.MEDIA_CORRUPT),
        ("c.png", "image/png", Reason.MEDIA_TOO_LARGE),
    ]
    for name, media_type, reason in cases:
        with pytest.raises(MediaError) as caught, open_document(tmp_path / name, media_type, MediaLimits()):
            pass
        assert caught.value.reason is reason
