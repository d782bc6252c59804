"""Text without what OCR and typographers vary: case, accents, punctuation and blanks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

__all__ = ["Squeezed", "squeeze", "squeeze_words"]

_HASH = "#"  # `Invoice #`

Squeezed = tuple[str, Sequence[int], frozenset[int]]
"""The squeezed text of some words, the word each character is from, and where a word may start or end."""


def squeeze(text: str) -> str:
    """Letters, digits and `#` in lower case without accents: `Rechnungs-Nr.:` becomes `rechnungsnr`."""
    return "".join(_squeezed(character) for character in text)


@cache
def _squeezed(character: str) -> str:
    """What one character leaves; nothing, one or more characters."""
    if character == "ß":
        return "ss"
    base = unicodedata.normalize("NFKD", character).lower()
    return "".join(part for part in base if part.isalnum() or part == _HASH)


def squeeze_words(words: Sequence[str]) -> Squeezed:
    """The words squeezed into one text. Inside a word, borders are where letters meet digits or punctuation."""
    parts: list[str] = []
    owners: list[int] = []
    borders = {0}
    for index, word in enumerate(words):
        borders.add(len(owners))
        before = ""
        for character in word:
            squeezed = _squeezed(character)
            if not squeezed or before.isalpha() != squeezed[0].isalpha():
                borders.add(len(owners))
            parts.append(squeezed)
            owners.extend([index] * len(squeezed))
            before = squeezed[-1:] or before
    borders.add(len(owners))
    return "".join(parts), owners, frozenset(borders)
