"""Open documents: pages as text layers and as pictures to read, one file at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pypdfium2
from PIL import Image

from docmill.domain.einvoices import EmbeddedFile
from docmill.domain.errors import MediaError, Reason
from docmill.domain.models import PageSize
from docmill.domain.pages import Box, Unit
from docmill.ocr import attachments, images, sniff, xml_invoice
from docmill.ocr.limits import MediaLimits
from docmill.ocr.pdf import open_pdf, scan_resolution
from docmill.ocr.text_layer import TextLayer, read_text_layer

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPage:
    """A page as a picture, upright, and the way back from its pixels to the page's own unit."""

    image: NDArray[np.uint8]
    """RGB, shape (height, width, 3)."""
    scale: float
    """Pixels of `image` per unit of the page."""
    page: PageSize
    orientation: int = 1
    """EXIF orientation that was applied to an image; 1 for PDF pages."""
    corner: tuple[float, float] = (0.0, 0.0)
    """Where the picture begins on the page, in the page's unit, if it shows a part of it."""

    resolution: float | None = None
    """Dots an inch of the scan: of the image that fills a PDF page, or as an image file says."""

    @property
    def true_share(self) -> float:
        """Pixels of the scan for each pixel of `image` along a side, at most 1: a PDF's scan may be coarser."""
        if self.page.unit is not Unit.POINT or self.resolution is None:
            return 1.0
        return min(1.0, self.resolution / 72 / self.scale)

    def to_pixels(self, box: Box) -> Box:
        """A box of a PDF page in pixels of `image`, which it may exceed."""
        left, top = self.corner
        return Box((box.x - left) * self.scale, (box.y - top) * self.scale, box.w * self.scale, box.h * self.scale)

    def to_page(self, box: Box) -> Box:
        """A box of `image` in the page's unit: points after rotation, or pixels of the image as stored."""
        x, y = self.corner
        left, top = x + box.x / self.scale, y + box.y / self.scale
        right, bottom = x + box.right / self.scale, y + box.bottom / self.scale
        x0, y0 = self._stored(left, top)
        x1, y1 = self._stored(right, bottom)
        left, right = sorted((min(max(x0, 0.0), self.page.width), min(max(x1, 0.0), self.page.width)))
        top, bottom = sorted((min(max(y0, 0.0), self.page.height), min(max(y1, 0.0), self.page.height)))
        return Box(round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2))

    def _stored(self, u: float, v: float) -> tuple[float, float]:
        """The stored point that is shown at (u, v) (Exif 2.32, 4.6.4 Orientation)."""
        width, height = self.page.width, self.page.height
        return {
            1: (u, v),
            2: (width - u, v),
            3: (width - u, height - v),
            4: (u, height - v),
            5: (v, u),
            6: (v, height - u),
            7: (width - v, height - u),
            8: (width - v, u),
        }[self.orientation]


class OpenDocument(Protocol):
    """A document that stays open while its pages are read. Pages are counted from 1.

    Every method raises `MediaError` MEDIA_CORRUPT for a page that cannot be read; the other pages stay readable.
    """

    page_count: int

    def page_size(self, number: int) -> PageSize:
        """Pixels as stored, or points after rotation."""

    def rotation(self, number: int) -> int:
        """Degrees clockwise of a PDF's /Rotate; 0 for images."""

    def text_layer(self, number: int) -> TextLayer | None:
        """The text that the page carries; None for images and for pages without any."""

    def render(self, number: int, area: Box | None = None) -> RenderedPage:
        """The page, or an `area` of a PDF's page in points, as a picture to read."""

    def picture(self, number: int, max_side: int) -> Image.Image:
        """The page to be looked at, RGB or grey, standing as the boxes of its words do: times its own size, they fit.

        Its longest side has at most `max_side` pixels; an image is not enlarged.
        """

    def xml_files(self) -> Sequence[EmbeddedFile]:
        """The XML files embedded in a PDF, or an XML document itself; none for images."""


@contextmanager
def open_document(path: Path, media_type: str, limits: MediaLimits | None = None) -> Iterator[OpenDocument]:
    """Opens a probed document; the file and the page in hand are closed at the end.

    Raises `MediaError` as `docmill.ocr.probe.probe` does.
    """
    limits = limits or MediaLimits()
    if media_type == sniff.PDF:
        pdf = PdfDocument(path, limits)
        try:
            yield pdf
        finally:
            pdf.close()
    elif media_type == sniff.XML:
        yield xml_invoice.XmlDocument(path)
    else:
        with images.decoding(media_type, limits):
            image = images.open_image(path, media_type)
        with image:
            yield ImageDocument(path, image, media_type, limits)


class PdfDocument:
    """A PDF. One page is kept open, as its text layer and its picture are usually asked for in a row."""

    def __init__(self, path: Path, limits: MediaLimits) -> None:
        self._limits = limits
        self._pdf = open_pdf(path)
        self.page_count = len(self._pdf)
        self._number = 0
        self._page: pypdfium2.PdfPage | None = None
        if self._pdf.get_formtype() == pypdfium2.raw.FORMTYPE_ACRO_FORM:
            self._pdf.init_forms()  # before any page is loaded: what people typed into a form belongs to the page

    def page_size(self, number: int) -> PageSize:
        """See `OpenDocument`."""
        width, height = self._open(number).get_size()
        return PageSize(width=round(width, 2), height=round(height, 2), unit=Unit.POINT)

    def rotation(self, number: int) -> int:
        """See `OpenDocument`."""
        return int(self._open(number).get_rotation())

    def text_layer(self, number: int) -> TextLayer | None:
        """See `OpenDocument`."""
        page = self._open(number)
        try:
            return read_text_layer(page)
        except pypdfium2.PdfiumError as error:
            raise _broken_page(number) from error

    def render(self, number: int, area: Box | None = None) -> RenderedPage:
        """See `OpenDocument`."""
        page, size = self._open(number), self.page_size(number)
        limits = self._limits
        scale = min(limits.render_dpi / 72, limits.max_render_side / max(size.width, size.height))
        left, top, right, bottom = _margins(area, size, scale)
        try:
            bitmap = page.render(scale=scale, rev_byteorder=True, crop=(left, bottom, right, top))
        except pypdfium2.PdfiumError as error:
            raise _broken_page(number) from error
        pixels = np.array(bitmap.to_numpy()[:, :, :3], dtype=np.uint8)  # a copy: the bitmap's memory goes with it
        bitmap.close()
        resolution = scan_resolution(page) if area is None else None
        return RenderedPage(image=pixels, scale=scale, page=size, corner=(left, top), resolution=resolution)

    def picture(self, number: int, max_side: int) -> Image.Image:
        """See `OpenDocument`."""
        page, size = self._open(number), self.page_size(number)
        scale = (max_side - 0.5) / max(size.width, size.height)  # PDFium's pixels are rounded up
        try:
            bitmap = page.render(scale=scale, rev_byteorder=True)
        except pypdfium2.PdfiumError as error:
            raise _broken_page(number) from error
        picture: Image.Image = bitmap.to_pil().convert("RGB")  # a copy: the bitmap's memory goes with it
        bitmap.close()
        return picture

    def xml_files(self) -> Sequence[EmbeddedFile]:
        """See `OpenDocument`."""
        return attachments.xml_files(self._pdf)

    def close(self) -> None:
        """Closes the page in hand and the file."""
        self._close_page()
        self._pdf.close()

    def _open(self, number: int) -> pypdfium2.PdfPage:
        if self._page is None or self._number != number:
            self._close_page()
            try:
                self._page = self._load(number)
            except pypdfium2.PdfiumError as error:
                raise _broken_page(number) from error
            self._number = number
        return self._page

    def _load(self, number: int) -> pypdfium2.PdfPage:
        page = self._pdf[number - 1]
        if not _has_notes(page):
            return page
        # Filled form fields and typed comments are annotations, outside the page's own text, until they are flattened.
        flattened = pypdfium2.raw.FPDFPage_Flatten(page.raw, pypdfium2.raw.FLAT_NORMALDISPLAY)
        if flattened != pypdfium2.raw.FLATTEN_SUCCESS:
            return page
        page.close()
        return self._pdf[number - 1]

    def _close_page(self) -> None:
        if self._page is not None:
            self._page.close()
            self._page = None


class ImageDocument:
    """An image file; every frame of a TIFF is a page.

    `image` is the file opened, and is closed by whoever opened it.
    """

    def __init__(self, path: Path, image: Image.Image, media_type: str, limits: MediaLimits) -> None:
        self._path = path
        self._image = image
        self._media_type = media_type
        self._limits = limits
        with images.decoding(media_type, limits):
            self._frames = tuple(images.frames(image, media_type, limits))
        self.page_count = len(self._frames)

    def page_size(self, number: int) -> PageSize:
        """See `OpenDocument`."""
        frame = self._frames[number - 1]
        return PageSize(width=frame.width, height=frame.height, unit=Unit.PIXEL)

    def rotation(self, number: int) -> int:
        """See `OpenDocument`."""
        del number
        return 0

    def text_layer(self, number: int) -> TextLayer | None:
        """See `OpenDocument`."""
        del number
        return None

    def render(self, number: int, area: Box | None = None) -> RenderedPage:
        """See `OpenDocument`."""
        del area
        with self._standing_on(number) as image:
            pixels, scale = images.to_rgb(image, self._media_type)
            resolution = images.resolution(image)
        frame = self._frames[number - 1]
        return RenderedPage(
            image=pixels,
            scale=scale,
            page=self.page_size(number),
            orientation=frame.orientation,
            resolution=resolution,
        )

    def picture(self, number: int, max_side: int) -> Image.Image:
        """See `OpenDocument`."""
        with self._standing_on(number) as image:
            return images.as_stored(image, self._media_type, max_side)

    def xml_files(self) -> Sequence[EmbeddedFile]:
        """See `OpenDocument`."""
        return ()

    @contextmanager
    def _standing_on(self, number: int) -> Iterator[Image.Image]:
        """The file, not decoded yet: once a JPEG was decoded at a fraction of its size, it stays as small as that."""
        with images.decoding(self._media_type, self._limits):
            if self._media_type == sniff.TIFF:  # stays open: it takes a walk through all pages before this one
                images.select(self._image, number - 1, self._media_type)
                yield self._image
            else:
                with images.open_image(self._path, self._media_type) as image:
                    yield image


def _has_notes(page: pypdfium2.PdfPage) -> bool:
    """Whether there are annotations other than links, which show nothing: flattening takes as long as loading does."""
    for index in range(pypdfium2.raw.FPDFPage_GetAnnotCount(page.raw)):
        note = pypdfium2.raw.FPDFPage_GetAnnot(page.raw, index)
        kind = pypdfium2.raw.FPDFAnnot_GetSubtype(note)
        pypdfium2.raw.FPDFPage_CloseAnnot(note)
        if kind != pypdfium2.raw.FPDF_ANNOT_LINK:
            return True
    return False


def _margins(area: Box | None, size: PageSize, scale: float) -> tuple[float, float, float, float]:
    """What lies left, above, right and below of `area` in points, cut at whole pixels as PDFium draws no others."""
    if area is None:
        return (0.0, 0.0, 0.0, 0.0)
    sides = (area.x, area.y, size.width - area.right, size.height - area.bottom)
    left, top, right, bottom = (max(0, math.floor(side * scale) - 1) / scale for side in sides)
    return left, top, right, bottom


def _broken_page(number: int) -> MediaError:
    return MediaError(
        Reason.MEDIA_CORRUPT,
        f"Page {number} of the PDF is damaged; export the document again and send the new file",
        {"page": str(number)},
    )
