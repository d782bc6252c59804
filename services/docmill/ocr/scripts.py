"""Scripts that put no blanks between words: Chinese and Japanese. And Hangul, which joins its endings to foreign words."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["SIGNS", "has_wide", "wide_count"]

_BLOCKS = range(0x3000, 0x3100), range(0xFF00, 0xFFF0)  # punctuation and kana; wide and narrow forms
SIGNS = "".join(char for block in _BLOCKS for char in map(chr, block) if unicodedata.category(char)[0] in "PS")
"""Punctuation, currencies and other signs that are printed among characters of these scripts."""

_WIDE = re.compile(
    "[\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]"
)  # kana, Han, Hangul


def has_wide(text: str) -> bool:
    """Whether `text` has a letter of these scripts."""
    return not text.isascii() and _WIDE.search(text) is not None


def wide_count(text: str) -> int:
    """How many letters of these scripts `text` has."""
    return 0 if text.isascii() else len(_WIDE.findall(text))
