"""Line items: tables with a header row that says what the columns mean, over pages, with wrapped descriptions.

The header gives each column a meaning and a place (as a share of the page's width, so that a scanned page continues a
text page). Below it, numbers belong to the column they stand under; a row with a number in the deciding column is an
item; rows with words only belong to the item above, or below where the table prints the description first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from docmill.extract.candidates import Found, Sheet
from docmill.extract.labels import Label, Phrases, find_labels
from docmill.extract.tokens import GAP, Row, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.extract.money import Money

__all__ = ["Item", "Table", "find_table"]

NUMERIC = frozenset({"quantity", "unit_price", "line_total", "tax_rate", "discount"})
_DECIDING = ("line_total", "unit_price", "quantity")
_STOP = frozenset({"subtotal", "tax", "total", "grand_total", "amount_due", "rounding", "paid"})
_SKIP = frozenset({"not_total"})
_MAX_ITEMS = 2000
_FAR = 3.5  # heights without a word after which a table without sums has ended


@dataclass(slots=True)
class Item:
    """One row of a table: values by column concept."""

    values: dict[str, Found] = field(default_factory=dict)
    words: list[Span] = field(default_factory=list)
    """Parts of the description, top to bottom."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; edges are shares of the page's width."""

    concept: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Table:
    """The line items of a document."""

    items: Sequence[Item]
    headers: frozenset[int]
    """Indexes of the header rows: their words are no labels of single values."""
    body: frozenset[int]
    """Indexes of the rows between header and sums."""


def find_table(sheet: Sheet, phrases: Phrases, numeric: frozenset[str] = NUMERIC) -> Table | None:
    """The table of the document with the most meaningful header, or None.

    `phrases` are header texts and the columns they may mean; `numeric` the columns that hold numbers.
    """
    headers = [header for header in _headers(sheet, phrases, numeric) if header.columns]
    if not headers:
        return None
    best = max(headers, key=lambda header: (len(header.columns), -header.rows[0].index))
    tables = [header for header in headers if _same(header, best)]
    return _read(sheet, best, tables, numeric)


@dataclass(frozen=True, slots=True)
class _Header:
    rows: Sequence[Row]
    columns: Sequence[Column]


def _headers(sheet: Sheet, phrases: Phrases, numeric: frozenset[str]) -> list[_Header]:
    """Rows that name at least two columns, one of them of numbers, each in a cell of its own."""
    by_row: dict[int, list[Label]] = {}
    for label in find_labels(sheet.rows, phrases):
        by_row.setdefault(label.span.row.index, []).append(label)
    headers = []
    for index, labels in by_row.items():
        row = sheet.rows[index]
        columns = _columns(sheet, row, labels)
        if not _meaningful(columns, numeric) or any(money.is_amount for money in sheet.money_by_row.get(index, ())):
            continue
        rows = [row, *_second_line(sheet, row)]
        headers.append(_Header(rows, columns))
    return headers


def _meaningful(columns: Sequence[Column], numeric: frozenset[str]) -> bool:
    concepts = {column.concept for column in columns}
    return len(concepts) >= 2 and bool(concepts & numeric) and not concepts <= {"line_total", "tax_rate", "position"}


def _second_line(sheet: Sheet, row: Row) -> list[Row]:
    """The next row if the header wraps onto it (`Unit` above `price`): close below and without digits."""
    if row.index + 1 >= len(sheet.rows):
        return []
    after = sheet.rows[row.index + 1]
    close = after.page == row.page and after.box.y - row.box.bottom < 0.4 * row.height
    return (
        [after] if close and len(after.cells) <= len(row.cells) and not _digits(after) and len(after.text) < 40 else []
    )


def _digits(row: Row) -> bool:
    return any(character.isdigit() for character in row.text)


def _columns(sheet: Sheet, row: Row, labels: Sequence[Label]) -> list[Column]:
    """One column a cell, meaning what no column before it means; short words that are part of prose do not count."""
    width = sheet.page(row.page).width
    choices: list[tuple[Span, list[str]]] = []
    for label in labels:
        known = next((meanings for span, meanings in choices if span == label.span), None)
        if known is not None:
            known.append(label.concept)
        elif _fills_cell(label):
            choices.append((label.span, [label.concept]))
    columns: list[Column] = []
    taken: set[str] = set()
    order = ("description", "quantity", "unit_price", "line_total")
    for span, meanings in sorted(choices, key=lambda choice: (len(choice[1]), choice[0].first)):
        free = [meaning for meaning in meanings if meaning not in taken]
        if free:
            concept = min(free, key=lambda meaning: order.index(meaning) if meaning in order else len(order))
            taken.add(concept)
            columns.append(Column(concept, span.box.x / width, span.box.right / width))
    return sorted(columns, key=lambda column: column.left)


def _fills_cell(label: Label) -> bool:
    """At most two words of its cell are not the label's, or the whole row is made of labels set close together."""
    cell = next(cell for cell in label.span.row.cells if cell.overlaps(label.span))
    return (cell.end - cell.first) - (label.span.end - label.span.first) <= 2 or len(label.span.row.tokens) <= 9


def _same(header: _Header, best: _Header) -> bool:
    """Whether a later header repeats the best one."""
    return header.rows[0].index >= best.rows[0].index and {c.concept for c in header.columns} == {
        c.concept for c in best.columns
    }


def _read(sheet: Sheet, best: _Header, headers: Sequence[_Header], numeric: frozenset[str]) -> Table | None:
    header_rows = frozenset(row.index for header in headers for row in header.rows)
    body = _body(sheet, best, header_rows)
    columns = dict.fromkeys(body, best.columns)
    for header in headers:  # a repeated header may stand elsewhere on its page
        columns.update({row: header.columns for row in body if row > header.rows[0].index})
    concepts = [column.concept for column in best.columns]
    deciding = next((c for c in _DECIDING if c in concepts), next((c for c in concepts if c in numeric), ""))
    if not deciding:
        return None
    items = _items(sheet, body, columns, deciding, numeric)
    return Table(items, header_rows, frozenset(body)) if items else None


def _body(sheet: Sheet, header: _Header, header_rows: frozenset[int]) -> list[int]:
    """Rows from the header to the sums; on later pages from the repeated header or the first row in the columns."""
    body: list[int] = []
    last = header.rows[-1]
    repeats = {sheet.rows[index].page: index for index in sorted(header_rows)}
    for row in sheet.rows[header.rows[-1].index + 1 :]:
        if row.index in header_rows:
            last = row
            continue
        if row.page != last.page:
            if row.index < repeats.get(row.page, 0):
                continue
            if row.page not in repeats and not _looks_like_item(sheet, row, header):
                if body and row.page > sheet.rows[body[-1]].page + 1:
                    break
                continue
        elif body and row.box.y - last.box.bottom > _FAR * 2 * row.height and not _looks_like_item(sheet, row, header):
            break
        concepts = {label.concept for label in sheet.labels_by_row.get(row.index, ()) if label.own_cell}
        if concepts & _SKIP:
            last = row
            continue
        if concepts & _STOP and _is_sum(sheet, row, body):
            break
        body.append(row.index)
        last = row
    return body


def _is_sum(sheet: Sheet, row: Row, body: Sequence[int]) -> bool:
    """A row that starts with a word for sums and shows at most a rate and two amounts, or comes after items."""
    labels = [label for label in sheet.labels_by_row[row.index] if label.own_cell and label.concept in _STOP]
    first_cell = row.cells[0]
    leads = any(label.span.first == first_cell.first or label.span.row.text.count(GAP) <= 2 for label in labels)
    return leads and (bool(body) or any(money.is_amount for money in sheet.money_by_row.get(row.index, ())))


def _looks_like_item(sheet: Sheet, row: Row, header: _Header) -> bool:
    """Whether a number of the row stands in the last column of numbers."""
    width = sheet.page(row.page).width
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
    first_words_come_first = False
    for index in body:
        item = _row_item(sheet, sheet.rows[index], columns[index], numeric)
        starts = deciding in item.values
        if starts:
            if waiting and (first_words_come_first or not items):
                item.words[:0] = waiting
            items.append(item)
            waiting = []
        elif not items:
            first_words_come_first = True
            waiting.extend(item.words)
        elif first_words_come_first:
            waiting.extend(item.words)
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
    width = sheet.page(row.page).width
    item = Item()
    used: list[Span] = []
    for money in sheet.money_by_row.get(row.index, ()):
        column = _column_of(money, columns, width, numeric)
        if column is not None and column.concept not in item.values:
            item.values[column.concept] = Found(money.value, (money.span,), _number_score(money, column.concept))
            used.append(money.span)
    text_columns = [column for column in columns if column.concept not in numeric]
    for run in _runs(row, used):
        column = _text_column(run, columns, text_columns, width)
        if column is None:
            continue
        if column.concept == "description":
            item.words.append(run)
        elif column.concept not in item.values:
            item.values[column.concept] = Found(run.text, (run,), 0.7 * run.confidence)
    return item


def _number_score(money: Money, concept: str) -> float:
    plain = concept in {"quantity", "tax_rate"} or money.decimals >= 2
    return (0.9 if plain else 0.75) * money.span.confidence


def _column_of(money: Money, columns: Sequence[Column], width: float, numeric: frozenset[str]) -> Column | None:
    """The column of numbers nearest to the number, unless a column of words is nearer."""
    left, right = money.span.box.x / width, money.span.box.right / width

    def distance(column: Column) -> float:
        return min(
            abs(column.right - right), abs(column.left - left), abs(column.left + column.right - left - right) / 2
        ) + (0.0 if min(column.right, right) > max(column.left, left) else 0.04)

    nearest = min(columns, key=distance)
    if nearest.concept in numeric and distance(nearest) < 0.09:
        return None if money.percent and nearest.concept not in {"tax_rate", "discount"} else nearest
    return None


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
    """The column of words a run stands in: the last one that starts left of it, unless a column of numbers does."""
    left = run.box.x / width
    slack = 1.5 * run.row.height / width
    before = [column for column in columns if column.left <= left + slack]
    home = before[-1] if before else (columns[0] if columns else None)
    if home in text_columns:
        return home
    described = next((column for column in text_columns if column.concept == "description"), None)
    if described is not None and home is not None and run.box.center[0] / width < _next_left(described, columns):
        return described  # centred headers start right of the words under them
    return None


def _next_left(column: Column, columns: Sequence[Column]) -> float:
    """Where the column after this one starts."""
    return next((other.left for other in columns if other.left > column.left), 1.0)


def _describe(item: Item) -> None:
    words = [span for span in item.words if any(character.isalnum() for character in span.text)]
    if words:
        text = " ".join(span.text for span in words)
        item.values["description"] = Found(text, tuple(words), 0.8 * min(span.confidence for span in words))


def product_holds(item: Item) -> bool | None:
    """Whether quantity times unit price is the total; None if one of them is missing."""
    parts = [item.values.get(concept) for concept in ("quantity", "unit_price", "line_total")]
    if any(part is None for part in parts):
        return None
    quantity, price, total = (part.value for part in parts if part is not None)
    if not (isinstance(quantity, Decimal) and isinstance(price, Decimal) and isinstance(total, Decimal)):
        return None
    return abs(quantity * price - total) <= Decimal("0.02")
