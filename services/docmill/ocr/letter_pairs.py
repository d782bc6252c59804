"""Whether letters follow each other as they do in languages that are written in Latin letters.

A text whose letters stand for others has as many of them, in words as long, and often enough vowels; its pairs of
letters are those of no language. No dictionary is asked, so names count, and so do languages that nobody listed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

__all__ = ["usual_pairs"]

# How usual it is that the row's letter is followed by that of the column: 0 to 9, evenly by the logarithm of the share
# among all pairs, from 1 in 20,000 to 1 in 50; the mean of 31 languages. Counted from the profiles of langdetect 1.0.9
# (Apache 2.0), which were made from Wikipedia; letters without their accents.
_USUAL = (
    "76675566656879462888664465",  # a
    "72006000610501600520500040",  # b
    "70206007725303700424400033",  # c
    "71058004722324600543522034",  # d
    "55676464656879451988554345",  # e
    "50005300500300600513400020",  # f
    "70017033622423500633502040",  # g
    "70017000612213601404512030",  # h
    "75768464557769752687452145",  # i
    "70007000501002500031500000",  # j
    "80106003603432700555612040",  # k
    "83248232844743720055631040",  # l
    "85018020722242650232603020",  # m
    "82678384844315700277522053",  # n
    "45564564555778650876565025",  # o
    "70006004600500730734500010",  # p
    "20002000100000100000500000",  # q
    "84458353825455730466642044",  # r
    "72518126727543650258642044",  # s
    "82008016823423700755632051",  # t
    "55456243545667450776432224",  # u
    "70007000600203500320300031",  # v
    "70005001500103400220100040",  # w
    "30002000200000000001100000",  # x
    "62444221313345420443222001",  # y
    "61025011601224400022321031",  # z
)
_RUN = re.compile(r"[^\W\d_]{2,}")
_LONG = 5  # letters; shorter words may be the names of stations, shares and airports
_ENOUGH = 15  # pairs; of fewer, three such names would make a third
_NO_LETTER = 26
_BASE = str.maketrans({"\u00f8": "o", "\u0111": "d", "\u0142": "l", "\u0131": "i", "\u00df": "ss", "\u00e6": "ae",
                       "\u0153": "oe", "\u00f0": "d", "\u00fe": "th", "\u0127": "h"})  # fmt: skip  # NFKD keeps them


def _place_of_letters() -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    places = np.full(128, _NO_LETTER, dtype=np.intp)
    places[ord("a") : ord("z") + 1] = np.arange(26)
    return places


_PLACES = _place_of_letters()
_LEVELS = np.full((27, 27), -1, dtype=np.int8)
_LEVELS[:26, :26] = [[int(level) for level in row] for row in _USUAL]


def usual_pairs(text: str) -> tuple[float, int]:
    """How usual the pairs of letters in the words of `text` are (0 to 9), and how many were counted; 0 if too few.

    Every word counts once, as tables repeat theirs; those of mixed case do not, as keys and identifiers are. If there
    are enough long words, these only are asked.
    """
    words = {run.lower() for run in set(_RUN.findall(text)) if run.islower() or run.isupper() or run.istitle()}
    levels = _levels(word for word in words if len(word) >= _LONG)
    if len(levels) < _ENOUGH:
        levels = _levels(words)
    return (float(levels.mean()), len(levels)) if len(levels) >= _ENOUGH else (0.0, 0)


def _levels(words: Iterable[str]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """Of each pair of Latin letters."""
    joined = " ".join(words)
    if not joined.isascii():
        joined = "".join(filter(_is_no_accent, unicodedata.normalize("NFKD", joined.translate(_BASE))))
    places = _PLACES[np.frombuffer(joined.encode("ascii", "replace"), dtype=np.uint8)]
    levels = _LEVELS[places[:-1], places[1:]]
    return levels[levels >= 0]


def _is_no_accent(letter: str) -> bool:
    return not unicodedata.combining(letter)
