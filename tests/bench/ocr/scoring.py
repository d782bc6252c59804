"""Scores of what was read against what is written on a page.

Text counts in lower case and is otherwise left as it is. A piece (a word, or a line of several words) is divided at
blanks, its box in proportion to characters, on both sides alike: engines and labels that know lines only are compared
with those that know words.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Box", "Counts", "Piece", "Score", "in_reading_order", "iou", "score", "to_words"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom; y grows downwards."""

_SAME_BOX = 0.5  # IoU from which two boxes are the same word's
_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text and where it stands."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Counts:
    """How many were labelled, how many read, and how many of them agree."""

    agreed: int = 0
    read: int = 0
    labelled: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.agreed + other.agreed, self.read + other.read, self.labelled + other.labelled)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 1 where nothing is labelled and nothing read."""
        return 2 * self.agreed / (self.read + self.labelled) if self.read + self.labelled else 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of a page; their sum is the score of a set, so long pages weigh more (micro average)."""

    words: Counts = field(default_factory=Counts)
    """Bag of words: everything between blanks, punctuation included."""
    tokens: Counts = field(default_factory=Counts)
    """Bag of runs of letters and digits."""
    boxes: Counts = field(default_factory=Counts)
    """Equal words whose boxes overlap, one to one."""
    edits: int = 0
    """Edit distance of the texts in reading order."""
    characters: int = 0
    """Of the labelled text."""

    def __add__(self, other: Score) -> Score:
        return Score(
            words=self.words + other.words,
            tokens=self.tokens + other.tokens,
            boxes=self.boxes + other.boxes,
            edits=self.edits + other.edits,
            characters=self.characters + other.characters,
        )

    @property
    def cer(self) -> float:
        """Character error rate: edits a labelled character."""
        return self.edits / max(1, self.characters)


def score(labelled: Sequence[Piece], read: Sequence[Piece]) -> Score:
    """The score of one page; boxes of both sides in the same unit."""
    truth, found = to_words(labelled), to_words(read)
    wanted, got = _text(truth), _text(found)
    return Score(
        words=_agreement(Counter(word.text for word in truth), Counter(word.text for word in found)),
        tokens=_agreement(_tokens(truth), _tokens(found)),
        boxes=Counts(_matches(truth, found), len(found), len(truth)),
        edits=Levenshtein.distance(wanted, got),
        characters=len(wanted),
    )


def to_words(pieces: Iterable[Piece]) -> list[Piece]:
    """The words of the pieces in lower case; a blank is as wide as any character."""
    words = []
    for piece in pieces:
        text = piece.text.strip()
        left, top, right, bottom = piece.box
        step = (right - left) / max(1, len(text))
        for match in re.finditer(r"\S+", text):
            box = (left + match.start() * step, top, left + match.end() * step, bottom)
            words.append(Piece(match[0].lower(), box))
    return words


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (_area(one) + _area(other) - across * down)


def in_reading_order(words: Iterable[Piece]) -> list[Piece]:
    """Rows from top to bottom, each from left to right, by boxes alone.

    A word joins a row when its middle is within half the smaller height of the row's mean middle.
    """
    rows: list[_Row] = []
    for word in sorted(words, key=lambda word: word.box[1] + word.box[3]):
        home = next((row for row in reversed(rows[-6:]) if row.takes(word)), None)
        if home is None:
            rows.append(_Row(word))
        else:
            home.add(word)
    rows.sort(key=lambda row: row.middle)
    return [word for row in rows for word in sorted(row.words, key=lambda word: word.box[0])]


class _Row:
    """Words beside one another; middle and height are their means."""

    def __init__(self, word: Piece) -> None:
        self.words = [word]
        self.middle, self.height = _middle(word), _height(word)

    def takes(self, word: Piece) -> bool:
        return abs(_middle(word) - self.middle) < min(_height(word), self.height) / 2

    def add(self, word: Piece) -> None:
        self.words.append(word)
        self.middle += (_middle(word) - self.middle) / len(self.words)
        self.height += (_height(word) - self.height) / len(self.words)


def _middle(word: Piece) -> float:
    return (word.box[1] + word.box[3]) / 2


def _height(word: Piece) -> float:
    return max(1e-6, word.box[3] - word.box[1])


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _text(words: Sequence[Piece]) -> str:
    return " ".join(word.text for word in in_reading_order(words))


def _tokens(words: Sequence[Piece]) -> Counter[str]:
    return Counter(token for word in words for token in _TOKEN.findall(word.text))


def _agreement(labelled: Counter[str], read: Counter[str]) -> Counts:
    return Counts((labelled & read).total(), read.total(), labelled.total())


def _matches(labelled: Sequence[Piece], read: Sequence[Piece]) -> int:
    """Pairs of equal words, the closest boxes first, each word in one pair at most."""
    places = defaultdict(list)
    for index, word in enumerate(read):
        places[word.text].append(index)
    pairs = [
        (iou(word.box, read[other].box), index, other)
        for index, word in enumerate(labelled)
        for other in places[word.text]
    ]
    taken: set[int] = set()
    given: set[int] = set()
    for overlap, index, other in sorted(pairs, reverse=True):
        if overlap >= _SAME_BOX and index not in given and other not in taken:
            given.add(index)
            taken.add(other)
    return len(given)
