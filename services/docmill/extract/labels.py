"""Label words of documents: what stands beside or above a value, in seven languages, and where it is on the page.

The words are data (`labels.json`): `labels` stand by single values, `columns` head the columns of a table, `headings` stand
over lists and parts, `properties` are names that schemas give their fields. Matching ignores case, accents, punctuation and blanks,
because OCR splits and joins words as it likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import chain
from typing import Any

from docmill.extract.text import squeeze
from docmill.extract.tokens import Row, Span

__all__ = [
    "Label",
    "Phrases",
    "category_words",
    "column_phrases",
    "find_labels",
    "form_words",
    "heading_phrases",
    "known_kind",
    "label_phrases",
    "property_fields",
    "words_by_language",
    "words_of",
]

Phrases = Mapping[str, frozenset[str]]
"""Squeezed phrase -> the concepts it may stand for."""

_SHORT = 2


@dataclass(frozen=True, slots=True)
class Label:
    """A label on a page."""

    concept: str
    span: Span
    phrase: str
    """The squeezed phrase it matched; longer ones say more."""
    own_cell: bool
    """Nothing stands before it in its cell; a count may, if nothing stands behind it: `2 SUB TOTAL`."""


def words_of(name: str) -> list[str]:
    """The words of a property name, title or description: `invoiceNumber`, `invoice_number` and `Invoice number`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word.lower() for word in re.findall(r"[^\W_]+", spaced)]


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("docmill.extract").joinpath("labels.json").read_text("utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


def _phrases(section: str) -> Phrases:
    table: dict[str, set[str]] = {}
    for concept, languages in _data()[section].items():
        for phrase in (phrase for phrases in languages.values() for phrase in phrases):
            table.setdefault(squeeze(phrase), set()).add(concept)
    return {phrase: frozenset(concepts) for phrase, concepts in table.items()}


@cache
def label_phrases() -> Phrases:
    """Labels of single values."""
    return _phrases("labels")


@cache
def column_phrases() -> Phrases:
    """Headers of table columns."""
    return _phrases("columns")


@cache
def heading_phrases() -> Phrases:
    """What stands over the lists and parts of a document."""
    return _phrases("headings")


@cache
def property_fields() -> Mapping[str, str]:
    """Names of schema properties (words joined by a blank) and the field each means; `column` starts those of tables."""
    fields = _data()["properties"]
    return {
        f"column {name}" if field.startswith("column_") else name: field.removeprefix("column_")
        for field, names in fields.items()
        for name in names
    }


def words_by_language() -> Mapping[str, Sequence[str]]:
    """The words of all labels, columns and headings, of three letters or more."""
    found: dict[str, set[str]] = {}
    for section in ("labels", "columns", "headings"):
        for languages in _data()[section].values():
            for language, phrases in languages.items():
                found.setdefault(language, set()).update(word for phrase in phrases for word in words_of(phrase))
    return {language: [word for word in words if len(word) > 2] for language, words in found.items()}


def known_kind(name: str) -> str:
    """The well-known kind of document (`invoice`) that a category's name means, in the plural too; empty for any other."""
    kind = " ".join(words_of(name))
    return next((each for each in (kind, kind.removesuffix("s")) if each in _data()["categories"]), "")


def category_words(name: str) -> Sequence[str]:
    """Names of a well-known kind of document in all languages; empty for a kind that is not known."""
    known: Sequence[str] = _data()["categories"].get(known_kind(name), ())
    return known


@cache
def form_words() -> frozenset[str]:
    """The words, squeezed, that documents of a kind have in common whoever wrote them: `date`, `total`, `rechnung`."""
    kinds = (word for phrases in _data()["categories"].values() for phrase in phrases for word in words_of(phrase))
    return frozenset(map(squeeze, chain(kinds, *words_by_language().values())))


def find_labels(rows: Iterable[Row], phrases: Phrases) -> list[Label]:
    """Every phrase on the rows, the longest where several start. A phrase of several meanings gives a label for each."""
    starts = _by_start(frozenset(phrases))
    return [label for row in rows for label in _in_row(row, phrases, starts)]


_START = 2  # characters that select the phrases worth trying


@lru_cache(maxsize=512)  # the same phrases are looked for in every document of a flow
def _by_start(phrases: frozenset[str]) -> Mapping[str, Sequence[str]]:
    table: dict[str, list[str]] = {}
    for phrase in sorted(phrases, key=len, reverse=True):
        table.setdefault(phrase[:_START], []).append(phrase)
    return table


def _in_row(row: Row, phrases: Phrases, starts: Mapping[str, Sequence[str]]) -> Iterator[Label]:
    for cell in row.cells:
        text, owners, borders = cell.squeezed
        if not text or text.isdigit():
            continue
        after = 0
        for position in sorted(borders):
            phrase = _longest(text, position, owners, borders, starts) if position >= after else None
            if phrase is None:
                continue
            last = owners[position + len(phrase) - 1]
            span = Span(row, cell.first + owners[position], cell.first + last + 1)
            if _is_own_word(text, position, owners) and (len(phrase) > _SHORT or _stands_alone(span, cell)):
                for concept in sorted(phrases[phrase]):
                    yield Label(concept, span, phrase, own_cell=_owns(text, position, position + len(phrase)))
            after = position + len(phrase)


def _owns(text: str, start: int, end: int) -> bool:
    return start == 0 or (end == len(text) and text[:start].isdecimal())


def _is_own_word(text: str, position: int, owners: Sequence[int]) -> bool:
    """`Auftrag-Datum` is a word of its own, not the label of a date."""
    starts_token = position == 0 or owners[position] != owners[position - 1]
    return starts_token or not text[position - 1].isalpha()


def _stands_alone(span: Span, cell: Span) -> bool:
    """Short phrases are everyday words (`to`, `de`): they are labels only as a cell of their own or before a colon."""
    return span.first == cell.first and (span.end == cell.end or span.tokens[-1].text.endswith(":"))


def _longest(
    text: str, position: int, owners: Sequence[int], borders: frozenset[int], starts: Mapping[str, Sequence[str]]
) -> str | None:
    """The longest phrase at `position` that ends with a word, but not inside one that goes on with digits: `INV-12`."""
    for key in (text[position : position + _START], text[position : position + 1]):
        for phrase in starts.get(key, ()):
            end = position + len(phrase)
            if text.startswith(phrase, position) and end in borders and not _goes_on(text, end, owners):
                return phrase
    return None


def _goes_on(text: str, end: int, owners: Sequence[int]) -> bool:
    """Whether digits of the same token follow."""
    rest = (text[i] for i in range(end, len(text)) if owners[i] == owners[end - 1])
    return any(character.isdigit() for character in rest)
