"""What a resume says: whose it is, where they worked and learned, read from the parts under its headings.

An entry of a part begins some lines above its period, as many as in the part's first entry: resumes print the period
beside the first line of an entry, or beside the second. Which words of its head are a position, a company, a degree or a
school is told by the words; what no word tells is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet, find_phones
from docmill.extract.parts import BULLET, Part, parts_of
from docmill.extract.party_words import FORM, KIND, TITLE
from docmill.extract.periods import Period, find_period
from docmill.extract.tables import Item
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.parts import Line
    from docmill.extract.tokens import Span

__all__ = ["PARTS", "Resume"]

PARTS = frozenset({"experience", "education"})
"""Parts that are lists of entries."""

_POSITION = re.compile(
    r"\b(?:engineer|developer|programmer|manager|analyst|assistant|director|consultant|teacher|nurse|intern|lead|head of|officer|"
    r"specialist|designer|accountant|clerk|technician|administrator|representative|coordinator|architect|scientist|executive|"
    r"supervisor|chef|trainee|apprentice|buyer|inspector|fitter|editor|researcher|lecturer|operator|driver|mechanic|secretary|"
    r"\w*ingenieur(?:in)?|\w*entwickler(?:in)?|\w*leiter(?:in)?|\w*berater(?:in)?|\w*kauf(?:mann|frau)|\w*assisten[tz](?:in)?|"
    r"\w*buchhalter(?:in)?|werkstudent(?:in)?|praktikant(?:in)?|\w*mechaniker(?:in)?|ing[ée]nieure?|d[ée]veloppeu(?:r|se)|comptable)\b",
    re.IGNORECASE,
)
_DEGREE = re.compile(
    r"\b(?:bachelor|master|b\.?sc|m\.?sc|b\.?a|m\.?a|b\.?eng|m\.?eng|b\.?tech|m\.?tech|b\.?com|m\.?com|mba|ph\.?d|doctor|diplom\w*|"
    r"diploma|associate|a.levels?|gcses?|abitur|high school diploma|licence|baccalaur[ée]at|staatsexamen|ausbildung zu[mr])\b",
    re.IGNORECASE,
)
_SCHOOL = re.compile(
    r"universit|\b(?:college|school|institute?|academy|polytechnic|iit|mit)\b|\w*hochschule|\w*schule\b|gymnasium|berufskolleg|[ée]cole|lyc[ée]e",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*[|\u2022\u00b7\t]\s*|\s+[-\u2013\u2014]\s+|,\s+|\s+(?:at|bei|chez|@)\s+")
_MOST_WORDS = 9
"""Of a line in an entry's head; a longer one describes."""
_LEAD = 2
"""Lines that may stand above the period of an entry."""
_NAME = re.compile(r"[^\W\d_][\w.'\u2019-]*(?: [^\W\d_][\w.'\u2019-]*){1,3}")


@dataclass(frozen=True, slots=True)
class _Entry:
    period: Period | None
    words: Sequence[Found]
    """Texts of its head, without the period, in order."""


class Resume:
    """One document as a resume."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    @property
    def name(self) -> Found | None:
        """Whose it is: the highest print over the first heading that may be a name."""
        rows = self._sheet.first_page_rows
        usual = median(row.height for row in rows) if rows else 1.0
        cells = [cell for row in rows[:6] for cell in row.cells if self._may_be_name(cell)]
        best = max(cells, key=lambda cell: (round(cell.box.h / usual, 1), -cell.row.index), default=None)
        return Found(best.text, (best,), 0.8 * best.confidence) if best is not None else None

    @property
    def phone(self) -> Found | None:
        """The first number with a country's code, or with nine digits or more."""
        for row in self._sheet.rows:
            for span in find_phones(row):
                long = sum(character.isdigit() for character in span.text) >= 9 and find_period(span) is None
                if long or row.text[: row.start_of(span.first) + 1].endswith("+"):
                    return Found(span.text, (span,), 0.8 * span.confidence)
        return None

    @property
    def summary(self) -> Found | None:
        """The words under the heading for it."""
        spans = [cell for part in self._parts if part.concept == "summary" for line in part.lines for cell in line]
        text = " ".join(span.text for span in spans)
        return Found(text, tuple(spans), 0.8 * min(span.confidence for span in spans)) if spans else None

    def items(self, part: str) -> Sequence[Item]:
        """The entries of one of `PARTS` in order; columns are named as the flow names them."""
        entries = [entry for each in self._parts if each.concept == part for entry in _entries(each)]
        made = [_job(entry) if part == "experience" else _study(entry) for entry in entries]
        return [item for item in made if item is not None]

    @cached_property
    def _parts(self) -> list[Part]:
        return parts_of(self._sheet)

    def _may_be_name(self, cell: Span) -> bool:
        words = cell.text
        is_name = _NAME.fullmatch(words) is not None and all(
            word[0].isupper() for word in words.split() if len(word) > 3
        )
        return is_name and squeeze(words) not in TITLE and not _POSITION.search(words) and not FORM.search(words)


def _entries(part: Part) -> Iterator[_Entry]:
    lines = part.lines
    periods = [None if BULLET.match(_text(line)) else _period(line) for line in lines]
    anchors = [index for index, period in enumerate(periods) if period is not None]
    anchors = anchors or [index for index, line in enumerate(lines) if _SCHOOL.search(_text(line))]
    lead = anchors[0] if anchors and anchors[0] <= _LEAD else 0
    starts = [max(anchor - lead, 0) for anchor in anchors]
    for anchor, (start, end) in zip(anchors, pairwise([*starts, len(lines)]), strict=True):
        under = [line for line in lines[anchor + 1 : min(anchor + 2, end)] if _is_head(line)]
        cells = [cell for line in (*lines[start : anchor + 1], *under) for cell in line]
        yield _Entry(periods[anchor], [word for cell in cells for word in _words(cell, periods[anchor])])


def _period(line: Line) -> Period | None:
    return next((period for cell in line if (period := find_period(cell)) is not None), None)


def _is_head(line: Line) -> bool:
    """Whether a line under the one with the period still names something."""
    text = _text(line)
    return not BULLET.match(text) and len(text.split()) <= _MOST_WORDS and not text.endswith(".")


def _words(cell: Span, period: Period | None) -> Iterator[Found]:
    """The texts of a cell between commas and dashes, without the period."""
    row = cell.row
    start, end = row.start_of(cell.first), row.end_of(cell.end - 1)
    cuts = [match.span() for match in _BETWEEN.finditer(row.text, start, end)]
    if period is not None and period.span.overlaps(cell):
        cuts = sorted(
            [*(cut for cut in cuts if cut[1] <= period.bounds[0] or cut[0] >= period.bounds[1]), period.bounds]
        )
    for (_, left), (right, _) in pairwise([(start, start), *cuts, (end, end)]):
        text = row.text[left:right].strip(" ()[],;:|-\u2013\u2014")
        if sum(character.isalpha() for character in text) > 1:
            at = row.text.index(text, left)
            span = row.span(at, at + len(text))
            yield Found(text, (span,), 0.8 * span.confidence)


def _job(entry: _Entry) -> Item | None:
    title = _first(entry.words, _POSITION, without=FORM)
    others = [word for word in entry.words if word is not title]
    company = _first(others, FORM) or _first(others, KIND) or (others[0] if others and title else None)
    if title is None and company is None:
        return None
    if title is None:
        title = next((word for word in others if word is not company), None)
    values = {"own company": company, "description": title}
    if entry.period is not None:
        when = entry.period.span
        values["own startDate"] = Found(entry.period.start, (when,), 0.85 * when.confidence)
        values["own endDate"] = Found(entry.period.end, (when,), 0.85 * when.confidence)
    return Item({name: value for name, value in values.items() if value is not None})


def _study(entry: _Entry) -> Item | None:
    school = _first(entry.words, _SCHOOL, without=_DEGREE) or _first(entry.words, _SCHOOL)
    degree = _first([word for word in entry.words if word is not school], _DEGREE)
    if school is None and degree is None:
        return None
    values = {"own institution": school, "own degree": degree}
    if entry.period is not None:
        year = Decimal((entry.period.end or entry.period.start)[:4])
        values["own year"] = Found(year, (entry.period.span,), 0.85 * entry.period.span.confidence)
    return Item({name: value for name, value in values.items() if value is not None})


def _first(words: Sequence[Found], pattern: re.Pattern[str], without: re.Pattern[str] | None = None) -> Found | None:
    fitting = (word for word in words if pattern.search(str(word.value)))
    return next((word for word in fitting if without is None or not without.search(str(word.value))), None)


def _text(line: Line) -> str:
    return " ".join(cell.text for cell in line)
