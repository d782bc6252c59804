"""The mark of long vowels in katakana words: the recogniser takes it for the Chinese one now and then, which looks the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docmill.domain.pages import Line, Word

__all__ = ["with_long_vowels"]

_ONE, _LONG = "\u4e00", "\u30fc"
_COUNTER = "[ヵヶ]|[カケ][月所国年条件]"  # as in "one month"; メ一カ一 is a maker
_BETWEEN = re.compile(f"(?<=[\u30a1-\u30fa]){_ONE}(?!{_COUNTER})(?=[\u30a1-\u30fa])")


def with_long_vowels(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a page; a one between two letters of katakana is a mark of a long vowel, but before a counter."""
    return tuple(Line(tuple(map(_mended, line.words))) for line in lines)


def _mended(word: Word) -> Word:
    return word._replace(text=_BETWEEN.sub(_LONG, word.text)) if _ONE in word.text else word
