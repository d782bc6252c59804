"""Functions of PDFium, called for all characters or objects of a page in one go.

A page has thousands of both. pypdfium2 makes an object of every pointer and of every argument, which takes several times
as long as what PDFium does then; here addresses are plain numbers, and `map` calls without a line of Python in between.
Addresses hold while the page is open.
"""

from __future__ import annotations

import ctypes
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from pypdfium2 import raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = [
    "address",
    "bounds",
    "clip_paths",
    "drawn_by",
    "fill_colours",
    "font_sizes",
    "form_members",
    "generated",
    "kinds",
    "loose_rects",
    "page_members",
    "render_modes",
    "segments",
    "unmapped",
]

_RECT_BYTES = 16
_MATRIX_BYTES = 24
_WORD = 4  # bytes of an int, and of a float
_int, _address = ctypes.c_int, ctypes.c_void_p


def _plain(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """`function` of PDFium, taking and giving numbers.

    Without `arguments` it takes a `c_void_p` and indices: they go as they are, in half the time that conversion takes.
    """
    place = ctypes.cast(function, ctypes.c_void_p).value
    assert place is not None
    plain = ctypes.PYFUNCTYPE(result, *arguments)  # keeps Python's lock: giving it away takes as long as most calls
    return plain(place)


_text_object = _plain(raw.FPDFText_GetTextObject, _address)
_is_generated = _plain(raw.FPDFText_IsGenerated, _int)
_has_no_code = _plain(raw.FPDFText_HasUnicodeMapError, _int)
_page_member = _plain(raw.FPDFPage_GetObject, _address)
_form_member = _plain(raw.FPDFFormObj_GetObject, _address)
_loose_rect = _plain(raw.FPDFText_GetLooseCharBox, _int, _address, _int, _address)
_kind = _plain(raw.FPDFPageObj_GetType, _int, _address)
_count_segments = _plain(raw.FPDFPath_CountSegments, _int, _address)
_fill_colour = _plain(raw.FPDFPageObj_GetFillColor, _int, *5 * (_address,))
_bounds = _plain(raw.FPDFPageObj_GetBounds, _int, *5 * (_address,))
_clip_path = _plain(raw.FPDFPageObj_GetClipPath, _address, _address)
_count_clips = _plain(raw.FPDFClipPath_CountPaths, _int, _address)
_font_size = _plain(raw.FPDFText_GetFontSize, ctypes.c_double, _address, _int)
_letter_matrix = _plain(raw.FPDFText_GetMatrix, _int, _address, _int, _address)
_render_mode = _plain(raw.FPDFTextObj_GetTextRenderMode, _int, _address)


def address(handle: Any) -> int:
    """Where what a pointer of pypdfium2 points to is; 0 for none."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def loose_rects(textpage: int, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rows left, bottom, right, top of characters, as high as their fonts; not a number for those that are not `wanted`."""
    sides = np.full((len(wanted), 4), np.nan, dtype=np.float32)  # FS_RECTF: left, top, right, bottom
    printed = np.flatnonzero(wanted)
    places = sides.ctypes.data + _RECT_BYTES * printed
    deque(map(_loose_rect, repeat(textpage), printed.tolist(), places.tolist()), maxlen=0)
    return sides[:, [0, 3, 2, 1]].astype(np.float64)


def drawn_by(textpage: int, indices: Iterable[int]) -> list[int]:
    """The text object that draws each of the characters; 0 for those that PDFium made up."""
    return [found or 0 for found in map(_text_object, repeat(_address(textpage)), indices)]


def generated(textpage: int, indices: Iterable[int]) -> list[int]:
    """1 for each of the characters that PDFium made up."""
    return list(map(_is_generated, repeat(_address(textpage)), indices))


def unmapped(textpage: int, indices: Iterable[int]) -> list[bool]:
    """Whether no map says what each of the characters is."""
    return [found == 1 for found in map(_has_no_code, repeat(_address(textpage)), indices)]


def page_members(page: int, count: int) -> list[int]:
    """The first `count` objects of a page."""
    return list(map(_page_member, repeat(_address(page)), range(count)))


def form_members(form: int, count: int) -> list[int]:
    """The first `count` objects of a form."""
    return list(map(_form_member, repeat(_address(form)), range(count)))


def kinds(objects: Sequence[int]) -> list[int]:
    """`FPDF_PAGEOBJ_*` of each object."""
    return list(map(_kind, objects))


def segments(path: int) -> int:
    """How many moves, lines and curves one path has."""
    return int(_count_segments(path))


def render_modes(texts: Sequence[int]) -> list[int]:
    """`FPDF_TEXTRENDERMODE_*` of each text object."""
    return list(map(_render_mode, texts))


def fill_colours(objects: Sequence[int]) -> NDArray[np.uint32]:
    """Rows red, green, blue, opacity (0 to 255) of texts and paths; opaque black for those that name no colour."""
    rows = np.tile(np.array([0, 0, 0, 255], dtype=np.uint32), (len(objects), 1))
    deque(map(_fill_colour, objects, *_columns(rows)), maxlen=0)
    return rows


def bounds(objects: Sequence[int]) -> NDArray[np.float64]:
    """Rows left, bottom, right, top of objects in the space of the page or form that they stand in."""
    rows = np.zeros((len(objects), 4), dtype=np.float32)
    deque(map(_bounds, objects, *_columns(rows)), maxlen=0)
    return rows.astype(np.float64)


def clip_paths(objects: Sequence[int]) -> list[tuple[int, int]]:
    """The clip path of each object, and how many paths it has; 0 if there is none."""
    found = [clip or 0 for clip in map(_clip_path, objects)]
    return [(clip, max(0, _count_clips(clip)) if clip else 0) for clip in found]


def font_sizes(textpage: int, indices: Sequence[int]) -> NDArray[np.float64]:
    """In which size characters stand on the page, in its units: that of their font after all matrices."""
    matrices = np.zeros((len(indices), 6), dtype=np.float32)
    places = range(matrices.ctypes.data, matrices.ctypes.data + matrices.nbytes, _MATRIX_BYTES)
    deque(map(_letter_matrix, repeat(textpage), indices, places), maxlen=0)
    a, b, c, d = matrices[:, :4].T.astype(np.float64)
    named = np.fromiter(map(_font_size, repeat(textpage), indices), dtype=np.float64, count=len(indices))
    return np.asarray(named * np.sqrt(np.abs(a * d - b * c)), dtype=np.float64)


def _columns(rows: NDArray[Any]) -> Iterator[range]:
    """Where each of the four values of each of the `rows` stands in memory."""
    begin = rows.ctypes.data
    return (range(place, place + rows.nbytes, 4 * _WORD) for place in range(begin, begin + 4 * _WORD, _WORD))
