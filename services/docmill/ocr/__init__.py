"""Reading: page images in, words with boxes and confidence out. Engines are plugins behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from docmill.domain.pages import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["EngineUnavailable", "OcrEngine", "Transcript"]


class EngineUnavailable(RuntimeError):
    """The engine cannot work here; the message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine made of an image."""

    lines: tuple[Line, ...] = ()
    unread: float | None = None
    """Share of the print it saw that none of the words stand for, by length, 0 to 1; None if it cannot tell.

    Print in letters that it does not know is like that: an engine for Latin ones reads the numbers of a Russian invoice.
    """


class OcrEngine(Protocol):
    """Reads page images.

    Obligations, checked by one contract suite on every engine that works on the machine:

    - `read` takes any number of images and returns one result each, in order; a batch of one and a batch of many
      give the same text.
    - Images are `uint8` arrays of shape (height, width, 3), RGB. Boxes are in pixels of that array, inside it, and
      words stand in lines in reading order. A page without text gives no lines.
    - `read` is deterministic, blocks, and is called from one thread only. Models are loaded once, at construction,
      from files that are already there: never a download.
    - Words carry no white space; confidence is 0 to 1.
    """

    name: str
    """`paddle`, `easyocr`, `tesseract`: what a page reports as its engine."""
    fingerprint: str
    """Changes whenever the same image could read differently (engine, models, settings): part of page keys."""
    device: str
    """`cpu`, `cuda:0`, ..."""
    batch_size: int
    """So many images of one size are read faster together than one after the other; 1 if it makes no difference."""

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[Transcript]:
        """What each image says."""
