"""Image files through Pillow: sizes as stored, decoding within limits, RGB arrays the right way up.

Pillow's decoders raise whatever they like on hostile bytes, so every call runs inside `decoding`, which maps all of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from docmill.domain.errors import MediaError, Reason
from docmill.ocr import sniff
from docmill.ocr.pixels import eight_bits, opaque, smaller

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from docmill.ocr.limits import MediaLimits

pillow_heif.register_heif_opener()

_PILLOW_FORMATS = {
    sniff.PNG: "PNG",
    sniff.JPEG: "JPEG",
    sniff.WEBP: "WEBP",
    sniff.TIFF: "TIFF",
    sniff.BMP: "BMP",
    sniff.GIF: "GIF",
    sniff.HEIC: "HEIF",
    sniff.HEIF: "HEIF",
}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNS_BACK = {**_TURNS, 6: _TURNS[8], 8: _TURNS[6]}  # all others undo themselves
_READ_PIXELS = 16_000_000  # engines scale down themselves; a 100-megapixel photo reads no better than 16
_READ_SIDE = 16_000
_MIN_DPI, _MAX_DPI = 20, 5000
_SCREENS = frozenset({72, 96})  # what cameras and screens give pictures without a size on paper


@dataclass(frozen=True, slots=True)
class Frame:
    """Geometry of one image of a file."""

    width: int
    height: int
    """As stored, before the orientation is applied."""
    orientation: int
    """EXIF orientation, 1 to 8: how the stored image is turned to be looked at."""


@contextmanager
def decoding(media_type: str, limits: MediaLimits) -> Iterator[None]:
    """Maps every failure of a decoder to `MediaError`; no decoder may make more than `max_pixels` pixels."""
    name = sniff.SUPPORTED_TYPES[media_type]
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (MediaError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise MediaError(
            Reason.MEDIA_TOO_LARGE,
            f"The {name} image unpacks to more than {limits.max_pixels:,} pixels; send a smaller image",
            {"limit": str(limits.max_pixels)},
        ) from error
    except Exception as error:
        what = "cannot be opened" if isinstance(error, UnidentifiedImageError) else "is damaged or cut off"
        raise MediaError(
            Reason.MEDIA_CORRUPT,
            f"The {name} image {what}; open it in an image viewer, save it again and send that file",
        ) from error
    finally:
        Image.MAX_IMAGE_PIXELS = before


def check_boxes(path: Path) -> None:
    """Raises `ValueError` when a HEIF file is shorter than its boxes say; libheif paints the missing part grey.

    A file is a sequence of boxes, each beginning with its size in bytes (ISO/IEC 14496-12, 4.2).
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            if length == 0:  # to the end of the file
                return
            if length < 8 or at + length > size:
                raise ValueError("the file ends within a box")
            at += length


def open_image(path: Path, media_type: str) -> Image.Image:
    """The file, its header read, nothing decoded. Call inside `decoding`.

    Only the decoder of the sniffed type is asked: a file cannot reach the others.
    """
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # `check_pixels` says how large the image is; Pillow would only say too large
    try:
        return Image.open(path, formats=[_PILLOW_FORMATS[media_type]])
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def frames(image: Image.Image, media_type: str, limits: MediaLimits) -> Iterator[Frame]:
    """Each page of the file in order, `image` standing on it: all of a TIFF, of everything else the one that is shown.

    That is the first frame of an animation and the primary image of a HEIC file, on which Pillow stands after opening.
    """
    number = 0
    while select(image, number, media_type):
        check_pixels(image, number + 1, media_type, limits)  # before `geometry`: Pillow decodes a PNG to find its EXIF
        yield geometry(image, media_type)
        if media_type != sniff.TIFF:
            return
        number += 1


def select(image: Image.Image, number: int, media_type: str) -> bool:
    """Stands `image` on page `number` (from 0); False beyond the last one."""
    if media_type != sniff.TIFF:
        return number == 0
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def geometry(image: Image.Image, media_type: str) -> Frame:
    """Stored size and orientation of the current frame.

    Pillow turns TIFF frames by itself and shows the turned size, so theirs comes from the tags. The size of a
    HEIC image is the one its container declares for display: libheif applies the container's rotation.
    """
    if media_type == sniff.TIFF:
        tags = image.tag_v2  # type: ignore[attr-defined]  # TiffImageFile, opened by its format name
        width, height, orientation = tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT], tags.get(ExifTags.Base.Orientation, 1)
    else:
        (width, height), orientation = image.size, _exif_orientation(image)
    return Frame(int(width), int(height), orientation if orientation in _TURNS else 1)


def _exif_orientation(image: Image.Image) -> object:
    """1 where the EXIF cannot be read: a camera's note that is damaged does not damage the picture."""
    if image.format == "PNG":
        image.load()  # the note may stand behind the pixels; if they are cut off, that is the file's own fault
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:  # Pillow raises whatever its parser stumbles over
        return 1


def check_pixels(image: Image.Image, number: int, media_type: str, limits: MediaLimits) -> None:
    """Raises `MediaError` MEDIA_TOO_LARGE before anything is decoded."""
    width, height = image.size
    if width * height > limits.max_pixels:
        raise MediaError(
            Reason.MEDIA_TOO_LARGE,
            f"The {sniff.SUPPORTED_TYPES[media_type]} image is {width} x {height} pixels; at most"
            f" {limits.max_pixels:,} pixels can be read. Send a smaller image",
            {"page": str(number), "width": str(width), "height": str(height)},
        )


def resolution(image: Image.Image) -> float | None:
    """Dots an inch that the current frame names; None for what programs write that know of no paper."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (_MIN_DPI < across < _MAX_DPI and abs(across - down) < _MIN_DPI):
        return None
    return None if round(across) in _SCREENS else (across + down) / 2


def decode_fully(image: Image.Image) -> None:
    """Decodes the current frame to the last byte and throws it away: a file cut in the middle raises.

    A JPEG is decoded at an eighth of its size: its whole stream is read in a fraction of the time and memory.
    """
    _draft(image, (image.width // 8, image.height // 8))
    image.load()


def to_rgb(image: Image.Image, media_type: str) -> tuple[NDArray[np.uint8], float]:
    """The current frame turned upright as `uint8` RGB (h, w, 3), and its scale to the stored pixels (1 or less)."""
    frame = geometry(image, media_type)
    scale = min(1.0, (_READ_PIXELS / (frame.width * frame.height)) ** 0.5, _READ_SIDE / max(frame.width, frame.height))
    picture = _decoded(image, media_type, frame, scale)
    if media_type != sniff.TIFF and (turn := _TURNS.get(frame.orientation)) is not None:
        picture = picture.transpose(turn)
    return np.array(opaque(picture), dtype=np.uint8), scale


def as_stored(image: Image.Image, media_type: str, max_side: int) -> Image.Image:
    """The current frame as RGB or grey, as it is stored and not turned; its longest side has at most `max_side` pixels."""
    frame = geometry(image, media_type)
    picture = _decoded(image, media_type, frame, min(1.0, max_side / max(frame.width, frame.height)))
    if media_type == sniff.TIFF and (turn := _TURNS_BACK.get(frame.orientation)) is not None:
        picture = picture.transpose(turn)
    return picture if picture.mode == "L" else opaque(picture)


def _decoded(image: Image.Image, media_type: str, frame: Frame, scale: float) -> Image.Image:
    """The current frame as Pillow shows it (a TIFF is turned, all others are not), `scale` (1 or less) times its size."""
    target = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    if scale < 1.0:
        _draft(image, target)
    image.load()
    picture = eight_bits(image)
    if scale == 1.0:
        return picture
    if media_type == sniff.TIFF and frame.orientation >= 5:
        target = target[1], target[0]
    return smaller(picture, target)


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    """Have a JPEG decoded at a fraction of its size, at least `size`: fast, and `image` stays as small as that."""
    if image.format != "HEIF":  # it would take the thumbnail for the picture
        image.draft(None, size)
