"""Line items: tables with a header row that says what the columns mean, over pages, with wrapped descriptions.

The header gives each column a meaning and a place (as a share of the page's width, so that a scanned page continues a
text page). Below it, numbers belong to the column they stand under; a row with a number in the deciding column is an
item; rows with words only belong to the item above, or below where the table prints the description first.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.carried import beside_breaks, is_carried_over
from docmill.extract.headers import NUMERIC, Column, Header, find_headers
from docmill.extract.tokens import GAP, Row, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.extract.labels import Phrases
    from docmill.extract.money import Money

__all__ = ["Item", "Table", "find_table"]

_DECIDING = ("line_total", "unit_price", "quantity")
_STOP = frozenset({"subtotal", "tax", "total", "grand_total", "amount_due", "rounding", "paid", "change", "line_sum"})
_SKIP = frozenset({"not_total"})
_MAX_ITEMS = 2000
_OFF_COLUMN = 0.09  # share of the page's width that a number may be off its column's header
_FAR = 5.0  # heights without a word after which a page's table has ended


@dataclass(slots=True)
class Item:
    """One row of a table: values by column concept."""

    values: dict[str, Found] = field(default_factory=dict)
    words: list[Span] = field(default_factory=list)
    """Parts of the description, top to bottom."""


@dataclass(frozen=True, slots=True)
class Table:
    """The line items of a document."""

    items: Sequence[Item]
    headers: frozenset[int]
    """Indexes of the header rows: their words are no labels of single values."""
    body: frozenset[int]
    """Indexes of the rows from the header to the last amount."""


def find_table(sheet: Sheet, phrases: Phrases, numeric: frozenset[str] = NUMERIC) -> Table | None:
    """The table of the document with the most meaningful header, or None.

    `phrases` are header texts and the columns they may mean; `numeric` the columns that hold numbers.
    """
    headers = find_headers(sheet, phrases, numeric)
    if not headers:
        return None
    best = max(headers, key=lambda header: (len(header.columns), -header.rows[0].index))
    tables = [header for header in headers if _same(header, best)]
    others = frozenset(header.rows[0].index for header in headers) - {header.rows[0].index for header in tables}
    return _read(sheet, best, tables, others, numeric)


def _same(header: Header, best: Header) -> bool:
    """Whether a later header repeats the best one."""
    return header.rows[0].index >= best.rows[0].index and {c.concept for c in header.columns} == {
        c.concept for c in best.columns
    }


def _read(
    sheet: Sheet, best: Header, headers: Sequence[Header], others: frozenset[int], numeric: frozenset[str]
) -> Table | None:
    header_rows = frozenset(row.index for header in headers for row in header.rows)
    body = _body(sheet, best, header_rows, others, numeric)
    columns = _columns_by_row(body, best, headers)
    concepts = [column.concept for column in best.columns]
    deciding = next((c for c in _DECIDING if c in concepts), next((c for c in concepts if c in numeric), ""))
    if not deciding:
        return None
    items = _items(sheet, body, columns, deciding, numeric)
    last = max((index for index in body if _has_amount(sheet, [index])), default=0)
    return Table(items, header_rows, frozenset(index for index in body if index <= last)) if items else None


def _columns_by_row(body: Sequence[int], best: Header, headers: Sequence[Header]) -> dict[int, Sequence[Column]]:
    """Each row under the header above it: a repeated header may stand elsewhere on its page."""
    starts = [header.rows[0].index for header in headers]
    above = (bisect_left(starts, row) - 1 for row in body)
    return {row: headers[index].columns if index >= 0 else best.columns for row, index in zip(body, above, strict=True)}


def _body(
    sheet: Sheet, header: Header, header_rows: frozenset[int], others: frozenset[int], numeric: frozenset[str]
) -> list[int]:
    """Rows from the header to the sums or the header of another table (`others`); on later pages from the repeated header or the first row in the columns."""
    body: list[int] = []
    last = header.rows[-1]
    ended = 0  # page whose table has ended; its rest is footer
    repeats = {sheet.rows[index].page: index for index in sorted(header_rows, reverse=True)}
    for row in sheet.rows[last.index + 1 :]:
        if row.index in header_rows:
            last = row
            continue
        if row.page == ended or row.index < repeats.get(row.page, 0):
            continue
        if row.page > last.page + 1:
            break  # a page without a row of the table lies between
        item = _looks_like_item(sheet, row, header)
        if row.index in others and _has_amount(sheet, body):
            break
        if row.page != last.page and not (item and _carries_on(sheet, row, header, body, numeric)):
            continue
        if row.page == last.page and body and row.box.y - last.box.bottom > _FAR * row.height and not item:
            ended = row.page
            continue
        concepts = {label.concept for label in sheet.labels_by_row.get(row.index, ()) if label.own_cell}
        if not concepts & _SKIP:
            if concepts & _STOP and _is_sum(sheet, row, body):
                break
            body.append(row.index)
        last = row
    return body


def _carries_on(sheet: Sheet, row: Row, header: Header, body: Sequence[int], numeric: frozenset[str]) -> bool:
    """Whether a row under no header may be the next item: it has a description, if those before have one beside their amounts."""

    def described(other: Row) -> bool:
        return bool(_row_item(sheet, other, header.columns, numeric).words)

    before = [sheet.rows[index] for index in body if _looks_like_item(sheet, sheet.rows[index], header)]
    return described(row) or not all(map(described, before))


def _is_sum(sheet: Sheet, row: Row, body: Sequence[int]) -> bool:
    """A row that starts with a word for sums and shows at most a rate and two amounts, or comes after amounts."""
    labels = [label for label in sheet.labels_by_row[row.index] if label.own_cell and label.concept in _STOP]
    first_cell = row.cells[0]
    leads = any(label.span.first == first_cell.first or label.span.row.text.count(GAP) <= 2 for label in labels)
    return leads and _has_amount(sheet, [*body, row.index])


def _has_amount(sheet: Sheet, rows: Sequence[int]) -> bool:
    return any(money.is_amount for index in rows for money in sheet.money_by_row.get(index, ()))


def _looks_like_item(sheet: Sheet, row: Row, header: Header) -> bool:
    """Whether a number of the row stands in the last column of numbers."""
    width = sheet.sizes[row.page][0]
    last = header.columns[-1]
    return any(
        money.is_amount and abs(money.span.box.right / width - last.right) < 0.05 + (last.right - last.left)
        for money in sheet.money_by_row.get(row.index, ())
    )


def _items(
    sheet: Sheet, body: Sequence[int], columns: Mapping[int, Sequence[Column]], deciding: str, numeric: frozenset[str]
) -> list[Item]:
    items: list[Item] = []
    waiting: list[Span] = []  # words above an item that starts later
    early: dict[str, Found] = {}  # values of a row whose deciding number was printed a little lower
    first_words_come_first = False
    at_breaks = beside_breaks(sheet, body)
    for index in body:
        item = _row_item(sheet, sheet.rows[index], columns[index], numeric)
        if index in at_breaks and is_carried_over(item.values, [each.values for each in items]):
            continue
        starts = deciding in item.values
        if starts:
            if waiting and (first_words_come_first or not items):
                item.words[:0] = waiting
            for concept, value in early.items():
                item.values.setdefault(concept, value)
            items.append(item)
            waiting, early = [], {}
        elif not items:
            first_words_come_first = True
            waiting.extend(item.words)
            early.update(item.values)
        elif first_words_come_first:
            waiting.extend(item.words)
            early.update(item.values)
        elif _adjoins(items[-1], item):
            items[-1].words.extend(item.words)
            for concept, value in item.values.items():
                items[-1].values.setdefault(concept, value)
        if len(items) >= _MAX_ITEMS:
            break
    for item in items:
        _describe(item)
    return items


def _adjoins(item: Item, more: Item) -> bool:
    """Whether the words of `more` stand right under those of `item`."""
    if not item.words or not more.words:
        return bool(item.values)
    above, under = item.words[-1], more.words[0]
    return above.row.page == under.row.page and under.box.y - above.box.bottom < 1.2 * above.row.height


def _row_item(sheet: Sheet, row: Row, columns: Sequence[Column], numeric: frozenset[str]) -> Item:
    """The numbers of a row by column, and its words that no other column claims."""
    width = sheet.sizes[row.page][0]
    item = Item()
    used: list[Span] = []
    numbers = sheet.money_by_row.get(row.index, ())
    for money, column in _assigned(numbers, columns, width, numeric):
        item.values[column.concept] = Found(money.value, (money.span,), _number_score(money, column.concept))
        used.append(money.span)
    last = numbers[-1] if numbers else None
    if last is not None and last.span not in used and _is_unnamed_total(last, columns, width, numeric):
        item.values["line_total"] = Found(last.value, (last.span,), 0.6 * last.span.confidence)
        used.append(last.span)
    text_columns = [column for column in columns if column.concept not in numeric]
    for run in _runs(row, used):
        home = _text_column(run, columns, text_columns, width)
        if home is None:
            continue
        if home.concept == "description":
            item.words.append(run)
        elif home.concept not in item.values:
            item.values[home.concept] = Found(run.text, (run,), 0.7 * run.confidence)
    return item


def _number_score(money: Money, concept: str) -> float:
    plain = concept in {"quantity", "tax_rate"} or money.decimals >= 2
    return (0.9 if plain else 0.75) * money.span.confidence


def _assigned(
    numbers: Sequence[Money], columns: Sequence[Column], width: float, numeric: frozenset[str]
) -> list[tuple[Money, Column]]:
    """Numbers with the columns they stand under, the best fits first: a number and a column have one partner each."""
    fits = sorted(
        (
            (_distance(money, column, width), index, number)
            for number, money in enumerate(numbers)
            for index, column in enumerate(columns)
        ),
    )
    pairs: list[tuple[Money, Column]] = []
    done_columns: set[int] = set()
    done_numbers: set[int] = set()
    for distance, index, number in fits:
        if distance > _OFF_COLUMN or index in done_columns or number in done_numbers:
            continue
        money, column = numbers[number], columns[index]
        if column.concept in numeric:
            if money.percent and column.concept not in {"tax_rate", "discount"}:
                continue
            done_columns.add(index)
            pairs.append((money, column))
        done_numbers.add(number)  # a number in a column of words stays a word
    return pairs


def _distance(money: Money, column: Column, width: float) -> float:
    """From edge to edge or middle to middle, whichever is nearest, in shares of the page's width."""
    left, right = money.span.box.x / width, money.span.box.right / width
    edges = abs(column.right - right), abs(column.left - left), abs(column.left + column.right - left - right) / 2
    return min(edges) + (0.0 if min(column.right, right) > max(column.left, left) else 0.04)


def _is_unnamed_total(money: Money, columns: Sequence[Column], width: float, numeric: frozenset[str]) -> bool:
    """An amount right of all columns, where the header's last word was not understood and none means the total."""
    concepts = {column.concept for column in columns}
    right = max(column.right for column in columns)
    return (
        "line_total" in numeric
        and "line_total" not in concepts
        and bool(concepts & {"unit_price", "quantity"})
        and money.is_amount
        and money.span.box.x / width > right - _OFF_COLUMN / 2
    )


def _runs(row: Row, used: Sequence[Span]) -> list[Span]:
    """Parts of cells between the numbers that were used."""
    runs: list[Span] = []
    for cell in row.cells:
        start = cell.first
        for index in range(cell.first, cell.end + 1):
            taken = index < cell.end and any(span.first <= index < span.end for span in used)
            if index == cell.end or taken:
                if index > start:
                    runs.append(Span(row, start, index))
                start = index + 1
    return runs


def _text_column(run: Span, columns: Sequence[Column], text_columns: Sequence[Column], width: float) -> Column | None:
    """The column whose stretch, from its header to the next one, holds most of the run; None for one of numbers.

    Headers may be centred over their words, so a short run left of all headers belongs to the first column.
    """
    left, right = run.box.x / width, run.box.right / width
    edges = [*(column.left for column in columns[1:]), 1.0]

    def held(index: int) -> float:
        start = columns[index].left if index else 0.0
        return min(right, edges[index]) - max(left, start)

    home = columns[max(range(len(columns)), key=held)]
    return home if home in text_columns else None


def _describe(item: Item) -> None:
    words = [span for span in item.words if any(character.isalnum() for character in span.text)]
    if words:
        text = " ".join(span.text for span in words)
        item.values["description"] = Found(text, tuple(words), 0.8 * min(span.confidence for span in words))
