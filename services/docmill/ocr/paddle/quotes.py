"""Quotation marks of one kind on a page: the recogniser takes every other curly one for a straight one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from docmill.domain.pages import Line

__all__ = ["of_one_kind"]

_CURLY = re.compile("[\u201c\u201d]")
_ENOUGH = 2  # on a page: one alone may be a smudge
_OPENING = re.compile(r'(?<![^\s(\[{\u2018/-])"(?=\S)')  # at the beginning of a word, or behind a bracket
_APOSTROPHE = re.compile(r"(?<=\w)'")


def of_one_kind(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of a page; where it prints curly double quotes, straight ones and apostrophes are made curly, too.

    Typesetting does not mix them; typewriters and tills, which print straight ones, are left alone.
    """
    words = chain.from_iterable(line.words for line in lines)
    if sum(len(_CURLY.findall(word.text)) for word in words) < _ENOUGH:
        return tuple(lines)
    return tuple(Line(tuple(word._replace(text=_curly(word.text)) for word in line.words)) for line in lines)


def _curly(text: str) -> str:
    return _APOSTROPHE.sub("\u2019", _OPENING.sub("\u201c", text).replace('"', "\u201d"))
