"""The engine: from pages to lines of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from docmill.domain.pages import Box, Line, Word
from docmill.ocr import Transcript
from docmill.ocr.lines import arrange
from docmill.ocr.paddle.cascade import StripReader
from docmill.ocr.paddle.detector import Detector
from docmill.ocr.paddle.kana import with_long_vowels
from docmill.ocr.paddle.leaders import between_leaders, is_filling, says
from docmill.ocr.paddle.looks import Reading, of_two_looks
from docmill.ocr.paddle.profiles import Profile
from docmill.ocr.paddle.quotes import of_one_kind
from docmill.ocr.paddle.recogniser import Character, sureness
from docmill.ocr.paddle.regions import Region
from docmill.ocr.paddle.strips import Strip, cut_strips, slope
from docmill.ocr.paddle.unread import unread_share
from docmill.ocr.paddle.words import text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SURE = 0.9  # of a line on its side: it is read in the right direction
_LEVEL = 0.3  # degrees of slope that leave the order of words alone


class _Look(NamedTuple):
    """What was read of a page's lines."""

    readings: list[Reading]
    unread: float | None
    """See `Transcript`."""


class PaddleEngine:
    """See `docmill.ocr.OcrEngine`."""

    name = "paddle"
    batch_size = 1

    def __init__(
        self, detector: Detector, recogniser: StripReader, profile: Profile, *, fingerprint: str, device: str
    ) -> None:
        self.fingerprint = fingerprint
        self.device = device
        self._detector = detector
        self._recogniser = recogniser
        self._profile = profile

    def read(self, images: Sequence[NDArray[np.uint8]]) -> list[Transcript]:
        """Pages one after the other: a batch reads exactly as its pages do."""
        return [self._read_one(image) for image in images]

    def _read_one(self, image: NDArray[np.uint8]) -> Transcript:
        found = self._detector.find(image)
        look = self._look(image, found.regions)
        if missed := self._detector.find_missed(image, found):
            closer = self._look(image, missed)
            look = closer._replace(readings=of_two_looks(look.readings, closer.readings))
        if not look.readings:
            look = self._look(image, self._detector.find_small(image))
        strips = {id(strip): strip for _, strip in look.readings}.values()
        lines = arrange_sloping([word for word, _ in look.readings], slope(strips))
        return Transcript(with_long_vowels(of_one_kind(lines)), look.unread)

    def _look(self, image: NDArray[np.uint8], regions: Sequence[Region]) -> _Look:
        height, width = image.shape[:2]
        read = self._read_strips(cut_strips(image, regions, self._profile.squeeze))
        read = [part for strip, chars in read for part in self._read_between_leaders(strip, chars)]
        texts = [(strip, text_of(strip, chars, (width, height))) for strip, chars in read]
        readings = [Reading(word, strip) for strip, text in texts for word in text.words]
        return _Look(readings, unread_share(texts))

    def _read_strips(self, strips: Sequence[Strip]) -> list[tuple[Strip, list[Character]]]:
        """Strips and what they say. Those of lines on their side are read in the direction that is the surer one."""
        read = list(zip(strips, self._recogniser.read(strips), strict=True))
        doubtful = [at for at, (strip, chars) in enumerate(read) if strip.turned and sureness(chars) < _SURE]
        flipped = [strips[at].on_its_head() for at in doubtful]
        for at, strip, chars in zip(doubtful, flipped, self._recogniser.read(flipped), strict=True):
            if sureness(chars) > sureness(read[at][1]):
                read[at] = (strip, chars)
        return read

    def _read_between_leaders(self, strip: Strip, chars: list[Character]) -> list[tuple[Strip, list[Character]]]:
        """The strip and what it says, or its parts and what they say if that is more: dots say nothing.

        Parts without a word stay: what is printed on them is unread.
        """
        parts = between_leaders(strip, chars)
        read = list(zip(parts, self._recogniser.read(parts), strict=True))
        if sum(says(each) for _, each in read) <= says(chars):
            return [(strip, chars)]
        return [(part, [] if is_filling(each) else each) for part, each in read]


def arrange_sloping(words: Sequence[Word], degrees: float) -> tuple[Line, ...]:
    """Lines of words on a page that was scanned askew (clockwise): arranged as on the page laid straight.

    The words keep the boxes that they have on the page.
    """
    if abs(degrees) < _LEVEL:
        return arrange(words)
    straight = [word._replace(box=_straight(word.box, degrees)) for word in words]
    askew = {id(level): word for level, word in zip(straight, words, strict=True)}
    return tuple(Line(tuple(askew[id(word)] for word in line.words)) for line in arrange(straight))


def _straight(box: Box, degrees: float) -> Box:
    """The box of the same word with the page turned back about its corner.

    A slanting w x h rectangle stands in a box W = w cos + h sin, H = w sin + h cos, which is solved for w and h.
    """
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    across, down = box.center
    x, y = across * cosine + down * sine, down * cosine - across * sine
    tilt, spread = abs(sine), cosine**2 - sine**2
    width = max(1.0, (box.w * cosine - box.h * tilt) / spread)
    height = max(1.0, (box.h * cosine - box.w * tilt) / spread)
    return Box(x - width / 2, y - height / 2, width, height)
