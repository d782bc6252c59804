"""Scripts that put no blanks between words: Chinese and Japanese. And Hangul, which joins its endings to foreign words."""

from __future__ import annotations

import re

__all__ = ["SIGNS", "has_wide", "wide_count"]

_SIGNS = (  # first and last of each range
    (0x3001, 0x3003), (0x3008, 0x3020), (0x30FB, 0x30FB), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40),
    (0xFF5B, 0xFF65), (0xFFE0, 0xFFE6),
)  # fmt: skip
SIGNS = "".join(chr(code) for first, last in _SIGNS for code in range(first, last + 1))
"""Punctuation and currencies as wide as a character of these scripts."""

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
