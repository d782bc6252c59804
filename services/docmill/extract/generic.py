"""Values of a user's own fields: what stands by the field's words and has the field's type, pattern or enum."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.labels import Label, find_labels
from docmill.extract.relations import relation
from docmill.extract.text import squeeze
from docmill.extract.tokens import Row, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.fields import LeafField

__all__ = ["NO", "YES", "find_generic"]

YES = frozenset({"yes", "y", "true", "ja", "oui", "si", "sim", "x"})
NO = frozenset({"no", "n", "false", "nein", "non", "nee", "nao"})
_OF = frozenset({"of", "for", "the", "du", "des", "der", "del", "della", "do", "da"})  # `van` and `de` begin names
_ROWS_BELOW = 5  # rows from the label's on that may hold its value
_LONGEST_PATTERN = 300  # characters of a schema's `pattern` that is tried
_LONGEST_ROW = 500  # characters of a row it is tried on: patterns of strangers may be slow


def find_generic(sheet: Sheet, leaf: LeafField) -> Found | None:
    """The best value by a label made of the field's own words; without one only a pattern or enum can tell.

    A field that is given labels stands by one of them.
    """
    labels = find_labels(sheet.rows, {phrase: frozenset({"own"}) for phrase in leaf.phrases if len(phrase) > 1})
    candidates = list(_candidates(sheet, leaf, labels))
    by_row: dict[int, list[Found]] = {}
    for candidate in candidates:
        by_row.setdefault(candidate.spans[0].row.index, []).append(candidate)
    best: Found | None = None
    for label in labels:
        weight = 1.0 if label.own_cell else 0.8
        row = label.span.row.index
        rivals = [other for other in sheet.labels_by_row.get(row, ()) if not other.span.overlaps(label.span)]
        for found in (found for index in range(row, row + _ROWS_BELOW) for found in by_row.get(index, ())):
            score = weight * relation(label, found.spans[0], others=rivals) * found.score
            if score >= 0.3 and not found.spans[0].overlaps(label.span) and (best is None or score > best.score):
                best = found.weighted(score / found.score)
    if best is None and not leaf.labels and ("pattern" in leaf.schema or "enum" in leaf.schema):
        distinct = {str(found.value) for found in candidates}
        best = candidates[0].weighted(0.6) if len(distinct) == 1 else None
    return best


def _candidates(sheet: Sheet, leaf: LeafField, labels: Sequence[Label]) -> Iterator[Found]:
    schema = leaf.schema
    if "enum" in schema:
        yield from _enum(sheet, [value for value in schema["enum"] if isinstance(value, str)])
    elif leaf.type in {"number", "integer"}:
        for money in sheet.money:
            if leaf.type == "number" or money.value == money.value.to_integral_value():
                yield Found(money.value, (money.span,), 0.9 * money.span.confidence)
    elif leaf.type == "boolean":
        yield from _booleans(sheet, labels)
    elif schema.get("format") in {"date", "date-time"} or "date" in leaf.path[-1].lower():
        for day in sheet.days:
            yield Found(day.iso, (day.span,), (0.95 if day.sure else 0.85) * day.span.confidence)
    elif schema.get("format") == "time":
        for clock in sheet.times:
            yield Found(clock.iso, (clock.span,), 0.9 * clock.span.confidence)
    elif isinstance(schema.get("pattern"), str):
        yield from _pattern(sheet, schema["pattern"])
    elif leaf.type == "string":
        yield from _texts(sheet, labels)


def _enum(sheet: Sheet, values: Sequence[str]) -> Iterator[Found]:
    phrases = {squeeze(value): frozenset({value}) for value in values if squeeze(value)}
    for label in find_labels(sheet.rows, phrases):
        yield Found(label.concept, (label.span,), 0.9 * label.span.confidence)


def _booleans(sheet: Sheet, labels: Sequence[Label]) -> Iterator[Found]:
    for label in labels:
        for span in _after(sheet, label):
            word = squeeze(span.text)
            if word in YES | NO:
                yield Found(word in YES, (span,), 0.8 * span.confidence)


def _pattern(sheet: Sheet, pattern: str) -> Iterator[Found]:
    """Words, and neighbouring words joined, that the whole pattern matches."""
    try:
        compiled = re.compile(pattern) if len(pattern) <= _LONGEST_PATTERN else None
    except re.error:
        return  # JSON Schema patterns are ECMA-262; what Python cannot read finds nothing
    if compiled is None:
        return
    for row in sheet.rows:
        for match in compiled.finditer(row.text[:_LONGEST_ROW]):
            if match.group().strip():
                span = row.span(*match.span())
                yield Found(match.group().strip(), (span,), 0.9 * span.confidence)


def _texts(sheet: Sheet, labels: Sequence[Label]) -> Iterator[Found]:
    for label in labels:
        for span in _after(sheet, label):
            text = span.text.strip(" :")
            text = text if "(" in text else text.rstrip(")")
            if text:
                yield Found(text, (span,), 0.8 * span.confidence)


def _after(sheet: Sheet, label: Label) -> Iterator[Span]:
    """The rest of the label's cell, else the next cell of its row, else the cells of the next rows."""
    row = label.span.row
    cell = next(cell for cell in row.cells if cell.overlaps(label.span))
    first = label.span.end
    while first < cell.end and not any(character.isalnum() for character in row.tokens[first].text):
        first += 1
    if first < cell.end and (first > label.span.end or not _goes_on(label, row.tokens[first].text)):
        yield _until_label(sheet, Span(row, first, cell.end))
        return
    following = [other for other in row.cells if other.first >= cell.end]
    if following:
        yield _until_label(sheet, following[0])
    for under in sheet.rows[row.index + 1 : row.index + 3]:
        if under.page == row.page:
            yield from under.cells


def _goes_on(label: Label, word: str) -> bool:
    """Whether the label is longer than was known: `Name of the organization`, but not `Name: of`."""
    return word in _OF and not label.span.tokens[-1].text.endswith(":")


def _until_label(sheet: Sheet, span: Span) -> Span:
    """The span up to the next known label that a colon ends."""
    row: Row = span.row
    starts = [
        label.span.first
        for label in sheet.labels_by_row.get(row.index, ())
        if span.first < label.span.first < span.end and label.span.tokens[-1].text.endswith(":")
    ]
    return Span(row, span.first, min([span.end, *starts]))
