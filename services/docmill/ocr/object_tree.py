"""The objects of a PDF page in the order in which they are drawn, forms opened, and where they stand."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cached_property
from itertools import compress, repeat

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw

from docmill.ocr import bulk
from docmill.ocr.placement import Rect

__all__ = ["Object", "Objects", "bounds", "is_filled", "is_inside", "objects_of", "pointer"]

_Matrix = tuple[float, float, float, float, float, float]
Object = tuple[int, int, _Matrix]
"""Address, kind (`FPDF_PAGEOBJ_*`), matrix of the form that the object stands in."""
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
_MAX_OBJECTS = 50_000  # of a page; beyond them it is judged by what was seen
_MAX_DEPTH = 4  # of forms within forms


class Objects:
    """Objects of a page. In columns, as a tuple for each of thousands keeps Python's garbage collector busy."""

    def __init__(self) -> None:
        self.addresses: list[int] = []
        self.kinds: list[int] = []
        """`FPDF_PAGEOBJ_*`."""
        self.modes: list[int] = []
        """`FPDF_TEXTRENDERMODE_*`; unknown for what is no text."""
        self.matrices: list[_Matrix] = []
        """Of the form that the object stands in."""

    def __len__(self) -> int:
        return len(self.addresses)

    def __getitem__(self, index: int) -> Object:
        return self.addresses[index], self.kinds[index], self.matrices[index]

    @cached_property
    def is_text(self) -> NDArray[np.bool_]:
        """Which of the objects are texts."""
        return np.asarray(np.equal(self.kinds, raw.FPDF_PAGEOBJ_TEXT), dtype=np.bool_)

    @cached_property
    def texts(self) -> list[int]:
        """Addresses of the texts."""
        return list(compress(self.addresses, self.is_text.tolist()))

    def add(self, addresses: list[int], kinds: list[int], modes: list[int], matrix: _Matrix) -> None:
        """Objects that stand in one form; all of them are added before anything is asked."""
        self.addresses.extend(addresses)
        self.kinds.extend(kinds)
        self.modes.extend(modes)
        self.matrices.extend(repeat(matrix, len(kinds)))

    def bounds(self, indices: NDArray[np.intp]) -> NDArray[np.float64]:
        """Rows left, bottom, right, top in the page's user space: what each of these objects covers."""
        rects = bulk.bounds([self.addresses[index] for index in indices])
        matrices = [self.matrices[index] for index in indices]
        for row in (row for row, matrix in enumerate(matrices) if matrix is not _IDENTITY):
            rects[row] = _moved(tuple(rects[row].tolist()), matrices[row])
        return rects


def objects_of(page: pypdfium2.PdfPage) -> Objects:
    """Objects of the page and of the forms in it, as drawn."""
    found = Objects()
    count = min(raw.FPDFPage_CountObjects(page.raw), _MAX_OBJECTS)
    _open(bulk.page_members(bulk.address(page.raw), count), _IDENTITY, 0, found)
    return found


def _open(members: list[int], matrix: _Matrix, depth: int, found: Objects) -> None:
    """Adds `members` to what was `found`, and those of forms among them."""
    modes = bulk.render_modes(members)
    kinds = _kinds(members, modes)
    begin = 0
    for index in [*np.flatnonzero(kinds == raw.FPDF_PAGEOBJ_FORM).tolist(), len(members)]:
        found.add(members[begin:index], kinds[begin:index].tolist(), modes[begin:index], matrix)
        if index < len(members) and depth < _MAX_DEPTH and len(found) < _MAX_OBJECTS:
            form = pointer(members[index])
            count = min(raw.FPDFFormObj_CountObjects(form), _MAX_OBJECTS - len(found))
            inner = bulk.form_members(members[index], count)
            _open(inner, _times(_matrix_of(form), matrix), depth + 1, found)
        begin = index + 1


def _kinds(members: Sequence[int], modes: Sequence[int]) -> NDArray[np.intp]:
    """What has a mode is a text; only the others are asked."""
    kinds = np.full(len(members), raw.FPDF_PAGEOBJ_TEXT, dtype=np.intp)
    others = np.flatnonzero(np.equal(modes, raw.FPDF_TEXTRENDERMODE_UNKNOWN))
    kinds[others] = bulk.kinds([members[index] for index in others.tolist()])
    return kinds


def pointer(obj: int) -> ctypes.c_void_p:
    """The object as pypdfium2 wants it."""
    found: ctypes.c_void_p = ctypes.cast(obj, raw.FPDF_PAGEOBJECT)
    return found


def is_filled(path: int) -> bool:
    """Whether a path is filled, whatever else is done with it."""
    filled, stroked = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(pointer(path), ctypes.byref(filled), ctypes.byref(stroked))
    return bool(filled.value)


def _matrix_of(form: ctypes.c_void_p) -> _Matrix:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(form, ctypes.byref(matrix)):
        return _IDENTITY
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _times(m: _Matrix, n: _Matrix) -> _Matrix:
    """First `m`, then `n` (ISO 32000-1, 8.3.4)."""
    return (
        m[0] * n[0] + m[1] * n[2],
        m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2],
        m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4],
        m[4] * n[1] + m[5] * n[3] + n[5],
    )


def bounds(obj: int, matrix: _Matrix) -> Rect:
    """What the object covers; `matrix` is that of its form."""
    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(pointer(obj), *map(ctypes.byref, sides)):
        return (0.0, 0.0, 0.0, 0.0)
    left, bottom, right, top = (side.value for side in sides)
    return (left, bottom, right, top) if matrix is _IDENTITY else _moved((left, bottom, right, top), matrix)


def _moved(rect: Rect, matrix: _Matrix) -> Rect:
    left, bottom, right, top = rect
    a, b, c, d, e, f = matrix
    xs, ys = zip(*((a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (bottom, top)), strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def is_inside(inner: Rect, outer: Rect) -> bool:
    """Whether the middle of `inner` lies in `outer`."""
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]
