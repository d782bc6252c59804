"""Pages that lie on their side or stand on their head: noticed by what was read, read again the right way up.

Measured on receipts and forms: the wrong way up, engines are less than 0.8 sure of what they read, the right way up
more than 0.9; on its side, three words in four are taller than wide. So an upright page costs nothing. Of Chinese and
Japanese on its head, hardly a word is read or none at all: a page that shows lines is looked at again then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from docmill.domain.pages import Box, Line, Word
from docmill.ocr import OcrEngine, Transcript
from docmill.ocr.print_quality import skew

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SURE = 0.85  # mean confidence below which a page may stand on its head
_ENOUGH_WORDS = 3  # fewer say little about how a page lies
_SIDEWAYS = 0.5  # share of words that are taller than wide


def read_upright(engine: OcrEngine, images: Sequence[NDArray[np.uint8]]) -> list[Transcript]:
    """Each image, read in the direction in which most of it can be read; boxes are in the image's pixels."""
    read = engine.read(images)
    return [_turned(engine, image, upright) for image, upright in zip(images, read, strict=True)]


def _turned(engine: OcrEngine, image: NDArray[np.uint8], upright: Transcript) -> Transcript:
    """What was read of `image` as it stands, or what is better if it stands the wrong way up."""
    best, best_score = upright, score(upright.lines)
    is_little = len(_telling(upright.lines)) < _ENOUGH_WORDS
    for turns in _suspects(upright.lines) or ((2,) if is_little and _shows_lines(image) else ()):
        (turned,) = engine.read([np.ascontiguousarray(np.rot90(image, turns))])
        is_good = len(_telling(turned.lines)) >= _ENOUGH_WORDS and not _suspects(turned.lines)
        if score(turned.lines) > best_score and (is_good or not is_little):
            height, width = image.shape[:2]
            best = replace(turned, lines=_turn_back(turned.lines, turns, width, height))
            best_score = score(turned.lines)
        if is_good:
            break
    return best


def _suspects(lines: Sequence[Line]) -> tuple[int, ...]:
    """Quarter turns to the left that could make the page readable; none if it is."""
    words = _telling(lines)
    if len(words) < _ENOUGH_WORDS:
        return ()
    if _is_sideways(words):
        return (1, 3)
    return (2,) if _mean_confidence(words) < _SURE else ()


def _telling(lines: Sequence[Line]) -> list[Word]:
    """Words that are long enough to say how a page lies."""
    return [word for line in lines for word in line.words if len(word.text) >= 3]


def _shows_lines(image: NDArray[np.uint8]) -> bool:
    """Whether there are rows of ink: reading again costs as much as reading, and empty backs of sheets have specks."""
    return skew(image) is not None


def _is_sideways(words: Sequence[Word]) -> bool:
    return sum(word.box.h > 1.5 * word.box.w for word in words) > _SIDEWAYS * len(words)


def confidence(lines: Sequence[Line]) -> float:
    """Mean confidence of the words weighted by their length; 0 where there are none."""
    return _mean_confidence([word for line in lines for word in line.words])


def _mean_confidence(words: Sequence[Word]) -> float:
    letters = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / max(1, letters)


def score(lines: Sequence[Line]) -> float:
    """How many letters were read, by how surely. Lines of a page on its side stand in no good order: half."""
    words = [word for line in lines for word in line.words]
    long = [word for word in words if len(word.text) >= 3]
    score = sum(word.confidence * len(word.text) for word in words)
    return score / 2 if long and _is_sideways(long) else score


def _turn_back(lines: Sequence[Line], turns: int, width: int, height: int) -> tuple[Line, ...]:
    """Lines read from the picture of `width` x `height` after `turns` quarter turns to the left, in its own pixels."""

    def box(turned: Box) -> Box:
        match turns:
            case 1:
                return Box(round(width - turned.bottom, 2), turned.x, turned.h, turned.w)
            case 2:
                return Box(round(width - turned.right, 2), round(height - turned.bottom, 2), turned.w, turned.h)
            case _:
                return Box(turned.y, round(height - turned.right, 2), turned.h, turned.w)

    return tuple(Line(tuple(Word(word.text, box(word.box), word.confidence) for word in line.words)) for line in lines)
