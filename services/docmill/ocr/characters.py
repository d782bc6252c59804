"""The characters of a PDF page as PDFium orders them: what they are, where they stand, and which belong together."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
from pypdfium2 import raw

from docmill.ocr import bulk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Characters", "read_characters"]

HYPHENS = "\x02\ufffe"
"""What PDFium makes of a hyphen that breaks a word, the rest of it following without a blank."""
_IS_BLANK = np.array([chr(code).isspace() for code in range(0x3002)])  # the last one is no blank, as all beyond it
_APART = 0.5  # of a character's size, between two that belong to different words
# The same for two that different commands drew: cells set tightly, or a text over the end of the one before it. Where
# the commands follow each other they may be letters of a word, placed one by one and rounded coarsely.
_BESIDE, _OVER = 0.02, -0.02
_BESIDE_NEXT, _OVER_NEXT = 0.1, -0.25
_TALLEST = 2.0  # times its size is a letter from the font's descent to its ascent
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LINE_BREAK = 2  # characters of it
_SHARED = 0.4  # of the smaller height, by characters of one line, raised ones too
_KERNED = 0.15  # of its size, over a blank that PDFium made up between letters of one command: "Ver käufer"


@dataclass(frozen=True, slots=True)
class Characters:
    """All characters of a page. `text` has one Python character for each of PDFium's (a UTF-16 unit)."""

    textpage: ctypes.c_void_p
    text: str
    rects: NDArray[np.float64]
    """Left, bottom, right, top in the page's user space, as high as the font; not a number for those that are nowhere."""
    printed: NDArray[np.bool_]
    """Which of them are no blanks."""
    hyphens: NDArray[np.bool_]
    """Which of them are `HYPHENS`."""

    def words(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where words begin and end (`text[start:end]`) that blanks part, and hyphens at the end of a line."""
        follows = np.concatenate([[False], self.printed[:-1] & ~self.hyphens[:-1]])
        goes_on = np.concatenate([self.printed[1:], [False]]) & ~self.hyphens
        return np.flatnonzero(self.printed & ~follows), np.flatnonzero(self.printed & ~goes_on) + 1

    def cut(
        self, starts: NDArray[np.intp], ends: NDArray[np.intp], drawn: Sequence[int]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Words as they stand on the page, from words as blanks part them: `text[start:end]`.

        What stands apart without a blank is parted, and what stands together is joined over a blank that nobody wrote.
        `drawn` has the addresses of the page's text objects, in the order in which they are drawn.
        """
        order = dict(zip(drawn, range(len(drawn)), strict=True))
        gaps = self._gaps(slice(0, -1), slice(1, None))
        marks = np.zeros(len(self.text), dtype=np.int8)
        marks[starts] = 1
        marks[ends - 1] -= 1
        inside = np.cumsum(marks)[:-1] > 0
        wide = inside & (gaps > _APART)
        unsure = np.flatnonzero(inside & ~wide & ((gaps > _BESIDE) | (gaps < _OVER)))
        places = np.concatenate([np.flatnonzero(wide), unsure[self._drawn_apart(unsure, gaps[unsure], order)]]) + 1
        kept = ~self._joined(starts, ends, order)
        starts, ends = starts[np.concatenate([[True], kept])], ends[np.concatenate([kept, [True]])]
        if not places.size:
            return starts, ends
        return np.sort(np.concatenate([starts, places])), np.sort(np.concatenate([ends, places]))

    def around(self, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.float64]:
        """Rectangles around `text[start:end]`."""
        padded = np.vstack([self.rects, np.full((1, 4), np.nan)])  # `ends` may be one beyond the last character
        bounds = np.stack([starts, ends], axis=1).ravel()
        corner = np.fmin.reduceat(padded[:, :2], bounds, axis=0)[::2]
        return np.hstack([corner, np.fmax.reduceat(padded[:, 2:], bounds, axis=0)[::2]])

    def drawn_by(self, indices: NDArray[np.intp]) -> list[int]:
        """Addresses of the text objects that draw the characters."""
        return bulk.drawn_by(bulk.address(self.textpage), indices.tolist())

    def too_small(self, limit: float) -> set[int]:
        """Addresses of the text objects that are set smaller than `limit`, in the page's units."""
        sides = np.fmax(self.rects[:, 2] - self.rects[:, 0], self.rects[:, 3] - self.rects[:, 1])
        small = np.flatnonzero(sides < _TALLEST * limit)  # or letters of no height, as some fonts have them
        letters = dict(zip(self.drawn_by(small), small.tolist(), strict=True))  # those of one object have one size
        sizes = bulk.font_sizes(bulk.address(self.textpage), list(letters.values()))
        return set(compress(letters, (sizes < limit).tolist()))

    def _drawn_apart(
        self, before: NDArray[np.intp], gaps: NDArray[np.float64], order: Mapping[int, int]
    ) -> NDArray[np.bool_]:
        """Whether each of the characters ends what one command drew, and the next one is none of its letters."""
        steps = self._steps(before, before + 1, order)
        backwards = [_RIGHT_TO_LEFT.match(self.text[index]) is not None for index in before.tolist()]
        following = np.where(backwards, np.abs(steps), steps) == 1  # PDFium puts them in the order of reading
        far = (gaps > _BESIDE_NEXT) | (gaps < _OVER_NEXT)
        return np.asarray((steps != 0) & (far | ~following), dtype=np.bool_)

    def _joined(self, starts: NDArray[np.intp], ends: NDArray[np.intp], order: Mapping[int, int]) -> NDArray[np.bool_]:
        """For each word but the last, whether the next one is the rest of it.

        PDFium made up what stands between: a blank within one command, or a line break before the next one, whose
        letters are raised ("30th") or turned.
        """
        before, after = ends[:-1] - 1, starts[1:]
        between, gaps = after - before - 1, self._gaps(before, after)
        broken = (between == _LINE_BREAK) & (gaps < _BESIDE) & self._on_one_line(before, after)
        found = np.flatnonzero((gaps > _OVER) & (gaps < _KERNED) & ((between == 1) | broken))
        made_up = bulk.generated(bulk.address(self.textpage), (before[found] + 1).tolist())
        found = found[np.equal(made_up, 1)]
        steps = self._steps(before[found], after[found], order)
        joined = np.zeros(len(before), dtype=np.bool_)
        joined[found[(steps == 0) | ((steps == 1) & broken[found])]] = True
        return joined

    def _steps(self, one: NDArray[np.intp], other: NDArray[np.intp], order: Mapping[int, int]) -> NDArray[np.intp]:
        """How many commands after the one character the other was drawn; 0 if by the same one."""
        first, second = self.drawn_by(one), self.drawn_by(other)
        if first == second:
            return np.zeros(len(one), dtype=np.intp)
        return np.array([order.get(b, 0) - order.get(a, 0) for a, b in zip(first, second, strict=True)], dtype=np.intp)

    def _on_one_line(self, before: NDArray[np.intp], after: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether characters stand right of others and share enough of their height."""
        left, bottom, _, top = self.rects.T
        shared = np.minimum(top[before], top[after]) - np.maximum(bottom[before], bottom[after])
        smaller = np.minimum(top[before] - bottom[before], top[after] - bottom[after])
        return np.asarray((left[after] > left[before]) & (shared > _SHARED * smaller), dtype=np.bool_)

    def _gaps(self, before: NDArray[np.intp] | slice, after: NDArray[np.intp] | slice) -> NDArray[np.float64]:
        """How far characters stand from others, in their size: negative where they cover each other."""
        left, bottom, right, top = self.rects.T
        across = np.maximum(left[after] - right[before], left[before] - right[after])
        up = np.maximum(bottom[after] - top[before], bottom[before] - top[after])
        sizes = np.maximum(right - left, top - bottom)
        smaller = np.maximum(np.minimum(sizes[before], sizes[after]), 1e-6)
        return np.asarray(np.maximum(across, up) / smaller, dtype=np.float64)


def read_characters(textpage: ctypes.c_void_p) -> Characters:
    """All characters of `textpage`, which stays open as long as they are used."""
    text = _text(textpage)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    printed = ~_IS_BLANK[np.minimum(codes, len(_IS_BLANK) - 1)]
    rects = bulk.loose_rects(bulk.address(textpage), printed)
    # Fonts without an ascent, characters without a width.
    flat = ~((rects[:, 3] - rects[:, 1] > 0.5) & (rects[:, 2] > rects[:, 0]))
    rects[flat] = np.nan
    for index in np.flatnonzero(flat & printed).tolist():
        rects[index] = _tight(textpage, index)
    return Characters(textpage, text, rects, printed, hyphens=np.isin(codes, [ord(sign) for sign in HYPHENS]))


def _text(textpage: ctypes.c_void_p) -> str:
    count = raw.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = raw.FPDFText_GetText(textpage, 0, count, buffer)  # counts the terminator; leaves out what has no code
    text = bytes(buffer)[: 2 * count].decode("utf-16-le", errors="replace")
    if written != count + 1 or len(text) != count:
        text = "".join(_character(raw.FPDFText_GetUnicode(textpage, index)) for index in range(count))
    return text


def _character(code: int) -> str:
    """PDFium's characters are UTF-16 units: those beyond U+FFFF are two, put together once words are known."""
    return chr(code) if 0 < code < 0x110000 else "\ufffd"


def _tight(textpage: ctypes.c_void_p, index: int) -> tuple[float, float, float, float]:
    left, right, bottom, top = (ctypes.c_double(np.nan) for _ in range(4))
    raw.FPDFText_GetCharBox(textpage, index, *map(ctypes.byref, (left, right, bottom, top)))
    return left.value, bottom.value, right.value, top.value
