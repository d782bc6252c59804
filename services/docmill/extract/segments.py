"""Splitting without a network: the documents of a stack, found by what its pages say about themselves.

Each pair of neighbouring pages is weighed. For one document speak a numbering that goes on (`page 2 of 3`), the same
document number, the same head, a sum that is carried over; for two a numbering that begins, another number, a title, other
paper, a total on both, a letter that ends or begins. A page that says nothing goes on with the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from docmill.domain.flow_steps import OTHER
from docmill.extract.classify import FALLBACKS, Place, hits
from docmill.extract.looks import Look
from docmill.extract.tokens import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.flows import Category
    from docmill.domain.pages import Page
    from docmill.extract.tokens import Row

__all__ = ["Segment", "segments"]

_TITLE, _NAME, _AGAIN, _WORD = 6.0, 2.0, 0.5, 0.5  # what a word is worth, by where it stands
_KNOWN = 4.0  # of a document that is one of the kinds asked for; less is `other`
_CLEAR = 2.0  # times the score of the kind before: a page of another kind

# Weights of the evidence, in favour of one document. What is printed to tell documents apart counts most.
_NUMBERED_ON, _NUMBERED_ANEW, _NUMBERED_APART, _NUMBERED_LATER = 4.0, -5.0, -3.0, 2.0
_SAME_NUMBER, _OTHER_NUMBER = 3.0, -3.0
_SAME_HEAD, _CARRIED = 1.0, 2.0
_TITLED, _OTHER_TITLE, _OTHER_KIND = -2.0, -3.0, -2.0
_OTHER_PAPER, _TWO_SUMS, _LETTER = -2.0, -2.0, -2.0
_SILENT = 1.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A document of the stack."""

    type: str
    """Name of a category, or `other`."""
    pages: tuple[int, ...]
    """1-based, ascending."""

    def __str__(self) -> str:
        first, last = self.pages[0], self.pages[-1]
        where = f"Page {first}" if first == last else f"Pages {first}-{last}"
        return f"{where} ({self.type})"


def segments(pages: Sequence[Page], categories: Sequence[Category], *, include_other: bool) -> tuple[Segment, ...]:
    """The documents in `pages`, in order: every page is in exactly one.

    With `include_other` a document that fits no category is of type `other`; without, it is of the kind before it.
    """
    groups = _groups(pages, categories)
    fallback = OTHER if include_other else _fallback(categories)
    found: list[Segment] = []
    for group in groups:
        scores = _scores(rows_of(group), categories)
        best = max(scores, key=lambda name: scores[name])
        if scores[best] < (_KNOWN if include_other else _WORD):
            best = fallback or (found[-1].type if found else best)
        found.append(Segment(best, tuple(page.number for page in group)))
    return tuple(found)


def _groups(pages: Sequence[Page], categories: Sequence[Category]) -> list[list[Page]]:
    """The pages of each document. A blank page belongs to the one before it; those in front to the first."""
    groups: list[list[Page]] = []
    looks: list[Look] = []  # of the last group
    blank: list[Page] = []
    for page in pages:
        look = Look(page)
        if not look.rows:
            (groups[-1] if groups else blank).append(page)
        elif looks and _together(looks, look, categories) > 0:
            groups[-1].append(page)
            looks.append(look)
        else:
            groups.append([*blank, page])
            looks, blank = [look], []
    return [*groups, blank] if blank else groups


def _together(before: Sequence[Look], look: Look, categories: Sequence[Category]) -> float:
    """How much speaks for `look` being a page of the document whose pages so far are `before`."""
    last = before[-1]
    score = _SILENT + _by_numbering(last, look) + _by_numbers(before, look) + _by_title(before, look, categories)
    score += _SAME_HEAD * bool(last.header & look.header)
    score += _CARRIED * (last.carries or look.carries)
    score += _OTHER_PAPER * (not last.fits(look))
    score += _TWO_SUMS * (last.sums_up and look.sums_up)
    score += _LETTER * (last.takes_leave or look.greets)
    return score


def _by_numbering(last: Look, look: Look) -> float:
    one, two = last.numbering, look.numbering
    if two is None:
        return _NUMBERED_APART if one is not None and one.of and one.number == one.of else 0.0
    if two.number == 1:
        return _NUMBERED_ANEW
    if one is None:
        return _NUMBERED_LATER
    goes_on = two.number == one.number + 1 and two.of == one.of
    return _NUMBERED_ON if goes_on else _NUMBERED_APART


def _by_numbers(before: Sequence[Look], look: Look) -> float:
    """The numbers of the document that both sides show. One that is the same outweighs one that is not."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    for each in before:
        for concept, number in each.numbers.items():
            known[concept].add(number)
    shared = [number in known[concept] for concept, number in look.numbers.items() if concept in known]
    return 0.0 if not shared else _SAME_NUMBER if any(shared) else _OTHER_NUMBER


def _by_title(before: Sequence[Look], look: Look, categories: Sequence[Category]) -> float:
    """A title begins a document, unless each page has it in its head; so do the words of another kind."""
    here, there = (_scores(each.rows, categories) for each in (look, before[0]))
    kind, kind_before = (max(scores, key=lambda name: scores[name]) for scores in (here, there))
    other = kind != kind_before and here[kind] >= _CLEAR * max(here[kind_before], _NAME)
    titled = here[kind] >= _TITLE
    if titled and not (look.header & before[-1].header and not other):
        return _OTHER_TITLE if other else _TITLED
    return _OTHER_KIND if other and here[kind] >= _KNOWN else 0.0


def _scores(rows: Sequence[Row], categories: Sequence[Category]) -> Mapping[str, float]:
    """How much of the text speaks for each category. A title says most; saying a thing again adds little."""
    return {category.name: _score(rows, category) for category in categories}


def _score(rows: Sequence[Row], category: Category) -> float:
    score = 0.0
    for hit in hits(rows, category):
        if hit.count > 1:
            score += _AGAIN if hit.kind is not Place.DESCRIPTION and hit.count <= 3 else 0.0
        else:
            score += {Place.TITLE: _TITLE, Place.TEXT: _NAME, Place.DESCRIPTION: _WORD}[hit.kind]
    return score


def _fallback(categories: Sequence[Category]) -> str:
    return next((category.name for category in categories if category.name.lower() in FALLBACKS), "")
