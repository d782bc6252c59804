"""The first look at documents, good and bad."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from docmill.domain.errors import MediaError, Reason
from docmill.domain.pages import Unit
from docmill.ocr.limits import MediaLimits
from docmill.ocr.probe import probe
from tests.fixtures import documents


def refused(path: Path, limits: MediaLimits | None = None, **declared: str) -> MediaError:
    """The error that probing `path` ends with."""
    with pytest.raises(MediaError) as caught:
        probe(path, limits=limits or MediaLimits(), **declared)
    assert caught.value.message
    return caught.value


def test_pdf_pages_are_measured_in_points_after_rotation(tmp_path: Path) -> None:
    """A page with /Rotate 90 is reported as it is seen: wider than tall."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, pages=3, rotate=90)
    facts = probe(path)
    assert facts.media_type == "application/pdf"
    assert [(page.width, page.height, page.unit) for page in facts.pages] == [(842, 595, Unit.POINT)] * 3


def test_images_are_measured_in_pixels_as_stored(tmp_path: Path) -> None:
    """EXIF orientation does not change the reported size."""
    facts = probe(documents.turned_jpeg(tmp_path / "a.jpg", 6))
    assert [(page.width, page.height, page.unit) for page in facts.pages] == [(600, 1000, Unit.PIXEL)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp", ".gif", ".heic"])
def test_every_image_format_is_one_page(tmp_path: Path, suffix: str) -> None:
    """All supported image formats open."""
    (page,) = probe(documents.image_file(tmp_path / f"a{suffix}")).pages
    assert (page.width, page.height) == (1000, 600)


def test_every_page_of_a_tiff_counts(tmp_path: Path) -> None:
    """A fax of three pages is three pages, each with its own size."""
    pictures = [documents.draw_page(size=(600 + 10 * number, 600))[0] for number in range(3)]
    facts = probe(documents.tiff(tmp_path / "a.tif", pictures))
    assert [page.width for page in facts.pages] == [600, 610, 620]


def test_first_frame_of_an_animation_is_the_page(tmp_path: Path) -> None:
    """Animated images have one page."""
    first, second = documents.draw_page()[0], documents.draw_page(["Other"])[0]
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=[second])
    assert len(probe(path).pages) == 1


def test_wrong_declared_type_over_supported_bytes_is_no_error(tmp_path: Path) -> None:
    """The bytes win over what was declared."""
    path = documents.image_file(tmp_path / "a.png").rename(tmp_path / "invoice.pdf")
    facts = probe(path, declared_type="application/pdf", filename="invoice.pdf")
    assert facts.media_type == "image/png"


def test_empty_file_is_refused(tmp_path: Path) -> None:
    """No bytes, no document."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"")
    assert refused(path).reason is Reason.MEDIA_EMPTY


def test_text_named_pdf_is_refused_with_what_it_is(tmp_path: Path) -> None:
    """The error names the declared type, the detected one and what is supported."""
    path = tmp_path / "a.pdf"
    path.write_text("Dear Sir or Madam")
    error = refused(path, declared_type="application/pdf", filename="letter.pdf")
    assert error.reason is Reason.MEDIA_UNSUPPORTED
    assert "letter.pdf looks like plain text" in error.message
    assert "TIFF" in error.message
    assert error.details["declared"] == "application/pdf"
    assert error.details["detected"] == "text/plain"


def test_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    """A PDF that asks for a password cannot be read."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, password="secret")
    assert refused(path).reason is Reason.MEDIA_ENCRYPTED


def test_pdf_with_an_empty_user_password_is_fine(tmp_path: Path) -> None:
    """A PDF that every viewer opens without asking is read like any other."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, password="")
    assert len(probe(path).pages) == 1


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.98])
def test_cut_off_pdf_is_refused_wherever_it_was_cut(tmp_path: Path, share: float) -> None:
    """A PDF without its end is corrupt, although PDFium would rebuild what is left of it."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, pages=5)
    assert refused(documents.cut_off(path, share)).reason is Reason.MEDIA_CORRUPT


def test_pdf_cut_off_within_an_update_is_refused(tmp_path: Path) -> None:
    """The end of an earlier revision does not make the file whole."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path)
    path.write_bytes(path.read_bytes() + b"\n7 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n")
    assert refused(path).reason is Reason.MEDIA_CORRUPT


@pytest.mark.parametrize("tail", [b"\r\n\r\n", b"\x00" * 3000, b"<!-- served in 0.2 s -->" * 100])
def test_junk_behind_the_end_of_a_pdf_is_fine(tmp_path: Path, tail: bytes) -> None:
    """Padding and what servers append do not make a PDF corrupt."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path)
    path.write_bytes(path.read_bytes() + tail)
    assert len(probe(path).pages) == 1


def test_pdf_without_an_end_mark_but_with_its_table_is_fine(tmp_path: Path) -> None:
    """Only the mark after the cross-reference pointer is missing: nothing is lost."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path)
    path.write_bytes(path.read_bytes().removesuffix(b"%%EOF\n").rstrip())
    assert b"%%EOF" not in path.read_bytes()
    assert len(probe(path).pages) == 1


def test_pdf_of_noise_is_refused(tmp_path: Path) -> None:
    """A PDF header over nothing is corrupt."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 20 + b"\n%%EOF\n")
    assert refused(path).reason is Reason.MEDIA_CORRUPT


def test_pdf_without_pages_is_refused(tmp_path: Path) -> None:
    """A well-formed PDF with nothing in it is empty."""
    assert refused(documents.empty_pdf(tmp_path / "a.pdf")).reason is Reason.MEDIA_EMPTY


def test_pdf_page_of_200_inches_is_refused(tmp_path: Path) -> None:
    """A page of 14,400 points square would be a picture of gigabytes."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, size=(14400, 14400))
    error = refused(path)
    assert error.reason is Reason.MEDIA_TOO_LARGE
    assert error.details["page"] == "1"


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    """The page limit holds for PDF and TIFF alike."""
    documents.text_pdf(tmp_path / "a.pdf", pages=4)
    documents.tiff(tmp_path / "a.tif", [documents.draw_page()[0]] * 4)
    for name in ("a.pdf", "a.tif"):
        assert refused(tmp_path / name, MediaLimits(max_pages=3)).reason is Reason.MEDIA_TOO_MANY_PAGES
        assert len(probe(tmp_path / name, limits=MediaLimits(max_pages=4)).pages) == 4


def test_huge_png_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A picture of 20,000 x 20,000 pixels costs its header and no more."""
    path = documents.huge_png(tmp_path / "a.png")
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    error = refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason is Reason.MEDIA_TOO_LARGE
    assert "20000 x 20000" in error.message
    assert peak < 20_000_000


def test_limit_of_pixels_is_exact(tmp_path: Path) -> None:
    """An image of exactly the limit is read, one pixel row more is not."""
    path = documents.image_file(tmp_path / "a.png")
    assert probe(path, limits=MediaLimits(max_pixels=600_000)).pages
    assert refused(path, MediaLimits(max_pixels=599_999)).reason is Reason.MEDIA_TOO_LARGE


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tiff", ".bmp", ".heic"])
def test_cut_off_image_is_refused(tmp_path: Path, suffix: str) -> None:
    """An upload that stopped half way is found before anybody reads the grey half of it."""
    path = documents.image_file(tmp_path / f"a{suffix}")
    assert refused(documents.cut_off(path)).reason is Reason.MEDIA_CORRUPT


def test_corrupt_jpeg_is_refused(tmp_path: Path) -> None:
    """A JPEG signature over noise is corrupt."""
    assert refused(documents.corrupt_jpeg(tmp_path / "a.jpg")).reason is Reason.MEDIA_CORRUPT
