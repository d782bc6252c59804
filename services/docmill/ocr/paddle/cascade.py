"""Two recognisers, the quick one first: most lines are clear enough for it, and only the others are worth the accurate one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from docmill.ocr.paddle.recogniser import Character, sureness
from docmill.ocr.paddle.strips import Strip

__all__ = ["Cascade", "StripReader"]


class StripReader(Protocol):
    """What reads strips."""

    def read(self, strips: Sequence[Strip]) -> list[list[Character]]:
        """The characters of each strip from left to right."""


class Cascade:
    """Reads with `quick`, and again with `accurate` what `quick` is less than `sure` of (mean confidence, 0 to 1)."""

    def __init__(self, quick: StripReader, accurate: StripReader, *, sure: float) -> None:
        self._quick = quick
        self._accurate = accurate
        self._sure = sure

    def read(self, strips: Sequence[Strip]) -> list[list[Character]]:
        """See `StripReader`; a strip reads the same whatever the others are."""
        read = self._quick.read(strips)
        doubtful = [at for at, characters in enumerate(read) if sureness(characters) < self._sure]
        for at, again in zip(doubtful, self._accurate.read([strips[at] for at in doubtful]), strict=True):
            read[at] = again
        return read
