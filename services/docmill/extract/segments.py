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
from docmill.extract.classify import FALLBACKS, Hit, Place, hits
from docmill.extract.labels import known_kind
from docmill.extract.looks import Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.flows import Category
    from docmill.domain.pages import Page
    from docmill.extract.tokens import Row

__all__ = ["Segment", "beginnings", "segments"]

_TITLE, _NAME, _IN_A_SENTENCE, _AGAIN, _WORD = 6.0, 2.0, 1.0, 0.5, 0.5  # what a word is worth
_SHORT = 6  # words of what is no sentence
_MOST = 6  # times one phrase counts
_MOST_OF_A_TITLE = 0.45  # of its letters
_FORM, _STRIP = 2.0, 4.0  # a total with a number or the time of day; the paper of a till
_KNOWN = 4.0  # of a document that is one of the kinds asked for; less is `other`
_CLEAR = 2.0  # times the score of the kind before: a page of another kind

# Weights of the evidence, in favour of one document. What is printed to tell documents apart counts most.
_NUMBERED_ON, _NUMBERED_ANEW, _NUMBERED_APART, _NUMBERED_LATER = 4.0, -5.0, -3.0, 2.0
_SAME_NUMBER, _OTHER_NUMBER, _OTHER_ORDER = 3.0, -4.0, -1.0
_SAME_HEAD, _CARRIED = 1.0, 2.0
_TITLED, _OTHER_TITLE, _OTHER_KIND = -2.0, -3.0, -2.0
_OTHER_PAPER, _TWO_SUMS, _GREETS, _TAKES_LEAVE = -2.0, -2.0, -3.0, -1.5
_SILENT = 0.5
_RECENT = 20  # pages of a document that are remembered, besides its first
_SHARED_CODE, _MOST_CODES = 0.5, 4
_OTHER_PRINT, _SAME_PRINT = -1.0, 0.12
_CLEARLY = -1.5  # no page of 53 labelled documents comes below -0.5; each of 120 stacks has one below this
_LOOKED_AT = 40  # pages
_SHARED_WORDS, _FEW_SHARED, _MOST_BY_WORDS, _ENOUGH_WORDS = 10.0, 0.14, 2.0, 25


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

    With `include_other` a document that hardly fits a category is of type `other`. Without, the best category is taken, and
    one that fits none at all is of the kind of the document before it.
    """
    groups = _groups(pages, categories)
    fallback = OTHER if include_other else _fallback(categories)
    found: list[Segment] = []
    for group in groups:
        scores = _scores(Look(*group), categories)
        best = max(scores, key=lambda name: scores[name])
        if scores[best] < (_KNOWN if include_other else _WORD):
            best = fallback or (found[-1].type if found else best)
        found.append(Segment(best, tuple(page.number for page in group)))
    return tuple(found)


def beginnings(pages: Sequence[Page], categories: Sequence[Category]) -> tuple[int, ...]:
    """Numbers of the pages with which further documents clearly begin, where one document was expected.

    `segments` cuts wherever more speaks for two documents than for one; here that has to be a good deal more. Of a long
    file only the first pages are looked at.
    """
    return tuple(group[0].number for group in _groups(pages[:_LOOKED_AT], categories, apart=_CLEARLY)[1:])


def _groups(pages: Sequence[Page], categories: Sequence[Category], apart: float = 0.0) -> list[list[Page]]:
    """The pages of each document; one begins where no more than `apart` speaks for the same one. A blank page belongs to the one before it; those in front to the first."""
    groups: list[list[Page]] = []
    looks: list[_Scored] = []  # of the last group
    blank: list[Page] = []
    for page in pages:
        look = _Scored(page, categories)
        if not look.rows:
            (groups[-1] if groups else blank).append(page)
        elif looks and _together(looks, look) > apart:
            groups[-1].append(page)
            looks = [looks[0], *looks[1:][-_RECENT:], look]
        else:
            groups.append([*blank, page])
            looks, blank = [look], []
    return [*groups, blank] if blank else groups


class _Scored(Look):
    """A page, and how much of it speaks for each category."""

    def __init__(self, page: Page, categories: Sequence[Category]) -> None:
        super().__init__(page)
        self.scores = _scores(self, categories)
        self.kind = max(self.scores, key=lambda name: self.scores[name])


def _together(before: Sequence[_Scored], look: _Scored) -> float:
    """How much speaks for `look` being a page of the document whose pages so far are `before`."""
    last = before[-1]
    number = _by_numbers(before, look)
    score = _SILENT + number + _by_numbering(last, look) + _by_title(before, look)
    if number > _OTHER_NUMBER:  # papers of the same people are alike: their numbers tell them apart
        score += _by_likeness(before, look)
    score += _OTHER_PRINT * (abs(last.print_size - look.print_size) > _SAME_PRINT * look.print_size)
    score += _CARRIED * (last.carries or look.carries)
    score += _OTHER_PAPER * (not last.fits(look))
    score += _TWO_SUMS * (last.sums_up and look.sums_up)
    score += _GREETS * look.greets + _TAKES_LEAVE * last.takes_leave
    return score


def _by_likeness(before: Sequence[Look], look: Look) -> float:
    """What is the same on the pages, and belongs to whoever wrote them."""
    codes = look.codes & frozenset().union(*(each.codes for each in before))
    head = bool(before[-1].header & look.header)
    return _by_words(before[-1], look) + _SAME_HEAD * head + _SHARED_CODE * min(len(codes), _MOST_CODES)


def _by_words(last: Look, look: Look) -> float:
    """Pages of one document speak of the same: half of the words of the shorter page are on the other one too."""
    shorter = min(len(last.vocabulary), len(look.vocabulary))
    share = len(last.vocabulary & look.vocabulary) / max(shorter, 1)
    said = max(-_MOST_BY_WORDS, min(_SHARED_WORDS * (share - _FEW_SHARED), _MOST_BY_WORDS))
    return said * min(shorter / _ENOUGH_WORDS, 1.0)


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
    """The numbers that both sides show. One that is the same outweighs one that is not; an invoice may name many orders."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    for each in before:
        for concept, number in each.numbers.items():
            known[concept].add(number)
    same = {concept: number in known[concept] for concept, number in look.numbers.items() if concept in known}
    if any(same.values()):
        return _SAME_NUMBER
    return _OTHER_NUMBER if "invoice_number" in same else _OTHER_ORDER * len(same)


def _by_title(before: Sequence[_Scored], look: _Scored) -> float:
    """A title begins a document, unless each page has it in its head; so do the words of another kind."""
    first, last, score = before[0], before[-1], look.scores[look.kind]
    other = look.kind != first.kind and score >= _CLEAR * max(look.scores[first.kind], _NAME)
    if other and score >= _KNOWN:
        return _OTHER_TITLE if score >= _TITLE else _OTHER_KIND
    in_the_head = bool(look.header & last.header)
    return _TITLED if score >= _TITLE and not in_the_head else 0.0


def _scores(look: Look, categories: Sequence[Category]) -> Mapping[str, float]:
    """How much speaks for each category: its words, and the form of bills and receipts."""
    return {category.name: _score(look.rows, category) + _by_form(look, category) for category in categories}


def _by_form(look: Look, category: Category) -> float:
    match known_kind(category.name):
        case "invoice":
            return _FORM * look.is_bill
        case "receipt":
            return _FORM * look.is_of_a_till + _STRIP * look.is_strip
        case _:
            return 0.0


def _score(rows: Sequence[Row], category: Category) -> float:
    best: dict[str, float] = {}
    again = 0.0
    for hit in hits(rows, category):
        best[hit.phrase] = max(best.get(hit.phrase, 0.0), _worth(hit))
        again += _AGAIN * (hit.kind is not Place.DESCRIPTION and 1 < hit.count <= _MOST)
    return sum(best.values()) + again


def _worth(hit: Hit) -> float:
    """A title is hardly more than the name of a kind and a number. A word within a sentence may be there by chance."""
    if hit.kind is Place.DESCRIPTION:
        return _WORD
    cell = next(cell for cell in hit.span.row.cells if cell.overlaps(hit.span))
    if len(cell.tokens) > _SHORT or cell.text[:1].islower() or cell.text.endswith((".", ";")):
        return _IN_A_SENTENCE
    share = _letters(hit.phrase) / max(_letters(cell.text), 1)
    return _TITLE if hit.kind is Place.TITLE and share >= _MOST_OF_A_TITLE else _NAME


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _fallback(categories: Sequence[Category]) -> str:
    return next((category.name for category in categories if category.name.lower() in FALLBACKS), "")
