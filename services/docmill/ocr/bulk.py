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
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "address",
    "drawn_by",
    "form_members",
    "generated",
    "kinds",
    "loose_rects",
    "page_members",
    "render_modes",
    "segments",
]

_RECT_BYTES = 16
_int, _address = ctypes.c_int, ctypes.c_void_p


def _plain(function: Any, result: Any, *arguments: Any) -> Callable[..., Any]:
    """`function` of PDFium, taking and giving numbers."""
    place = ctypes.cast(function, ctypes.c_void_p).value
    assert place is not None
    plain = ctypes.PYFUNCTYPE(result, *arguments)  # keeps Python's lock: giving it away takes as long as most calls
    return plain(place)


_loose_rect = _plain(raw.FPDFText_GetLooseCharBox, _int, _address, _int, _address)
_text_object = _plain(raw.FPDFText_GetTextObject, _address, _address, _int)
_is_generated = _plain(raw.FPDFText_IsGenerated, _int, _address, _int)
_page_member = _plain(raw.FPDFPage_GetObject, _address, _address, _int)
_form_member = _plain(raw.FPDFFormObj_GetObject, _address, _address, _int)
_kind = _plain(raw.FPDFPageObj_GetType, _int, _address)
_count_segments = _plain(raw.FPDFPath_CountSegments, _int, _address)
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
    return [found or 0 for found in map(_text_object, repeat(textpage), indices)]


def generated(textpage: int, indices: Iterable[int]) -> list[int]:
    """1 for each of the characters that PDFium made up."""
    return list(map(_is_generated, repeat(textpage), indices))


def page_members(page: int, count: int) -> list[int]:
    """The first `count` objects of a page."""
    return list(map(_page_member, repeat(page), range(count)))


def form_members(form: int, count: int) -> list[int]:
    """The first `count` objects of a form."""
    return list(map(_form_member, repeat(form), range(count)))


def kinds(objects: Sequence[int]) -> list[int]:
    """`FPDF_PAGEOBJ_*` of each object."""
    return list(map(_kind, objects))


def segments(path: int) -> int:
    """How many moves, lines and curves one path has."""
    return int(_count_segments(path))


def render_modes(texts: Sequence[int]) -> list[int]:
    """`FPDF_TEXTRENDERMODE_*` of each text object."""
    return list(map(_render_mode, texts))
