"""Categorizing without a network: how much the words of a document speak for the name and description of a category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING, Any

from docmill.extract import Usage
from docmill.extract.labels import Phrases, category_words, find_labels, words_of
from docmill.extract.text import squeeze
from docmill.extract.tokens import Row, Span, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from docmill.domain.flows import Category
    from docmill.domain.pages import Page

__all__ = ["FALLBACKS", "Classification", "Hit", "Place", "classify", "hits", "with_hint"]

_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "have",
        "in",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "with",
        "without",
        "any",
        "all",
        "other",
        "document",
        "documents",
        "der",
        "die",
        "das",
        "und",
        "oder",
        "mit",
        "von",
        "le",
        "la",
        "les",
        "de",
        "du",
        "des",
        "et",
        "ou",
        "avec",
        "el",
        "los",
        "las",
        "y",
        "o",
        "con",
        "il",
        "lo",
        "e",
        "een",
        "het",
        "en",
    ]
)
FALLBACKS = ("other", "unknown", "misc", "miscellaneous", "else")
_TITLE_WEIGHT, _NAME_WEIGHT, _WORD_WEIGHT = 6.0, 2.0, 0.5
_MOST = 3  # times one phrase counts
_TITLE_ROWS = 8
_DOUBT = 1.0
_SURE = 0.6  # what is clearer than this needs no hint


@dataclass(frozen=True, slots=True)
class Classification:
    """The category with the most words for it; empty when no word speaks for any."""

    category: str
    confidence: float
    """Its share of all scores, 0 to 1: low when two categories are close or hardly a word was found."""
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    agreement: Mapping[str, Any] = field(default_factory=dict)
    """As `docmill.extract.Extraction` has them."""


class Place(Enum):
    """Where a word that speaks for a category stands, or what it is a word of."""

    TITLE = "title"
    TEXT = "text"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Hit:
    """A word or phrase that speaks for a category."""

    phrase: str
    """Squeezed."""
    kind: Place
    count: int
    """How often the phrase was there so far, this place included."""
    span: Span


def classify(pages: Sequence[Page], categories: Sequence[Category], known: str = "") -> Classification:
    """The best of `categories` for the document; the one that is `known` already, if it is among them."""
    rows = rows_of(pages)
    scores = {category.name: _score(rows, category) for category in categories}
    best = known if known in scores else max(scores, key=lambda name: scores[name])
    if scores[best] == 0 and best != known:
        fallback = next((name for name in scores if name.lower() in FALLBACKS), "")
        return Classification(fallback, 0.0)
    return Classification(best, round(scores[best] / (sum(scores.values()) + _DOUBT), 4))


def with_hint(found: Classification, hint: str, categories: Sequence[Category]) -> Classification:
    """The category that somebody who knows the document names, unless its words clearly speak for another one."""
    named = _named(hint, categories)
    if not named or named == found.category or found.confidence >= _SURE:
        return found
    return replace(found, category=named)


def warning_of_hint(hint: str, categories: Sequence[Category]) -> str:
    """What to tell whoever names a category that there is not; empty when there is nothing to tell."""
    if not hint or hint.lower() in FALLBACKS or _named(hint, categories):
        return ""
    known = ", ".join(category.name for category in categories)
    return f"'{hint}' is none of the types that are told apart here, so only the document's words were asked; they are: {known}"


def _named(hint: str, categories: Sequence[Category]) -> str:
    meant = squeeze(hint)
    return next((category.name for category in categories if meant and squeeze(category.name) == meant), "")


def _score(rows: Sequence[Row], category: Category) -> float:
    """Names of the category in titles count most, then its names anywhere, then words of its description."""
    score = 0.0
    for hit in hits(rows, category):
        if hit.kind is Place.DESCRIPTION:
            score += _WORD_WEIGHT if hit.count == 1 else 0.0
        elif hit.kind is Place.TITLE:
            score += _TITLE_WEIGHT if hit.count == 1 else _NAME_WEIGHT
        elif hit.count <= _MOST:
            score += _NAME_WEIGHT
    return score


def hits(rows: Sequence[Row], category: Category) -> Iterator[Hit]:
    """Every place where the rows of a document speak for the category, from the top."""
    names = {squeeze(category.name), *map(squeeze, category_words(category.name))}
    hints = {squeeze(word) for word in words_of(category.description) if word not in _STOP_WORDS and len(word) > 2}
    usual = median(row.height for row in rows) if rows else 1.0
    seen: dict[str, int] = {}
    for label in find_labels(rows, _phrases(names, hints)):
        count = seen[label.phrase] = seen.get(label.phrase, 0) + 1
        row = label.span.row
        titled = row.page == rows[0].page and (row.height > 1.3 * usual or row.index < _TITLE_ROWS)
        if label.phrase not in names:
            kind = Place.DESCRIPTION
        elif titled and label.own_cell and len(row.cells[0].tokens) <= 6:
            kind = Place.TITLE
        else:
            kind = Place.TEXT
        yield Hit(label.phrase, kind, count, label.span)


def _phrases(names: Iterable[str], hints: Iterable[str]) -> Phrases:
    return {phrase: frozenset({"category"}) for phrase in {*names, *hints} if phrase}
