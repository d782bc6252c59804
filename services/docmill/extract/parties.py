"""Who issued a document and who received it: names and addresses from letterheads, labelled blocks and receipt heads."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from docmill.extract.blocks import Block, blocks_of
from docmill.extract.candidates import Found, Sheet
from docmill.extract.contacts import email_of, phone_of
from docmill.extract.party_words import (
    FORM,
    GOES_ON,
    HOUSE,
    KEY_VALUE,
    KIND,
    OPEN,
    OWNED,
    POSTCODE,
    RETURN_LINE,
    TITLE,
    TRADE,
    clean_name,
    is_address,
    mostly_digits,
    only_form,
)
from docmill.extract.text import squeeze
from docmill.extract.tokens import Row, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.labels import Label

__all__ = ["Party", "buyer_cells", "find_issuer", "find_recipient"]

_STOPPING = frozenset({"phone", "fax", "email", "tax_id", "registration", "iban", "invoice_number", "date", "buyer", "ship_to",
                       "order_number", "customer_number", "due_date", "time", "total", "payment_method"})  # fmt: skip
_INLINE = frozenset({"phone", "fax", "email", "tax_id", "registration", "iban"})
_OWNER = 0.9  # an owner's name stands for the shop's only where there is no other
_HEAD = 0.42  # share of the first page that may be letterhead
_MAX_HEAD_ROWS = 14
_BANNER_ROWS = 4
_MAX_ADDRESS = 6


@dataclass(frozen=True, slots=True)
class Party:
    """A person or company of a document; what was not found is None."""

    name: Found | None = None
    address: Found | None = None
    phone: Found | None = None
    email: Found | None = None


def find_issuer(sheet: Sheet) -> Party:
    """The seller: a block labelled so, or the letterhead, or the head of a receipt; never the buyer's block."""
    blocks = blocks_of(sheet.first_page_rows, lambda row: _banner(sheet, row))
    buyers = [*_labelled(sheet, blocks, "buyer"), *_labelled(sheet, blocks, "ship_to")]
    sellers = _labelled(sheet, blocks, "seller")
    lines = _best_lines(sheet, blocks, sellers, buyers)
    recipient = {id(cell) for lines_ in buyers for cell in lines_}
    head = [cell for cell in lines if id(cell) not in recipient]
    name, address = _name_and_address(sheet, head, blocks)
    return Party(
        name=name,
        address=address,
        phone=phone_of(sheet),
        email=email_of(sheet),
    )


def _banner(sheet: Sheet, row: Row) -> Sequence[Span]:
    """The cells of a row, or the whole of one at the top whose few words are set apart: `THREE   OAKS`."""
    cells = row.cells
    if len(cells) == 1 or row.index - sheet.rows[0].index >= _BANNER_ROWS or row.index in sheet.labels_by_row:
        return cells
    gaps = [after.box.x - before.box.right for before, after in pairwise(cells)]
    words = all(token.text.replace("&", "a").isalpha() for token in row.tokens)
    apart = max(gaps) < 3 * row.height and max(gaps) < 2.5 * min(gaps)
    titled = any(squeeze(cell.text) in TITLE for cell in cells)
    return (row.whole,) if words and apart and not titled else cells


def find_recipient(sheet: Sheet) -> Party:
    """The buyer: the block labelled so, else the one in the window of the envelope."""
    blocks = blocks_of(sheet.first_page_rows)
    for lines in [*_labelled(sheet, blocks, "buyer"), *_in_window(sheet, blocks)]:
        name, address = _name_and_address(sheet, lines, blocks)
        if name is not None and any(character.isalpha() for character in str(name.value)):
            return Party(name=name, address=address)
    return Party()


def buyer_cells(sheet: Sheet) -> list[list[Span]]:
    """The cells of the blocks that a word for the buyer heads."""
    return _labelled(sheet, blocks_of(sheet.first_page_rows), "buyer")


def _in_window(sheet: Sheet, blocks: Sequence[Block]) -> Iterator[list[Span]]:
    """Blocks under the sender's line (`Name · Street 1 · 12345 City`), as DIN 5008 and its like have it."""
    for block in blocks:
        for position, cell in enumerate(block.cells):
            pieces = _pieces(cell)
            if len(pieces) < 2 or not is_address(" ".join(piece.text for piece in pieces[1:])):
                continue
            after = list(block.cells[position + 1 :]) or next(
                (list(b.cells) for b in blocks if b.page == block.page and _right_under(cell, b)), []
            )
            if after and _name_score(sheet, after[0], 0) > 0 and any(POSTCODE.search(c.text) for c in after[1:]):
                yield after


def _right_under(cell: Span, block: Block) -> bool:
    gap = block.box.y - cell.box.bottom
    return 0 <= gap < 4 * cell.row.height and abs(block.box.x - cell.box.x) < 3 * cell.row.height


def _labelled(sheet: Sheet, blocks: Sequence[Block], concept: str) -> list[list[Span]]:
    """Cells of the blocks that a label of this concept heads: below it, or right of it and below that."""
    found = []
    for label in sheet.labelled(concept):
        if not label.own_cell or label.span.row.page != sheet.rows[0].page:
            continue
        cell = next(cell for cell in label.span.row.cells if cell.overlaps(label.span))
        rest = Span(cell.row, label.span.end, cell.end) if cell.end > label.span.end else None
        if rest is not None and not (label.span.tokens[-1].text.endswith(":") or rest.text.startswith(":")):
            continue  # `customer service`: a word of a sentence
        lines = [rest] if rest is not None else []
        lines.extend(_under(label, rest or cell, blocks))
        if lines:
            found.append(_from_name(sheet, lines, blocks))
    return found


def _from_name(sheet: Sheet, lines: list[Span], blocks: Sequence[Block]) -> list[Span]:
    """From the name on: what stands by a word for it (`Name: Mill Ltd.`), else after numbers with words of their own."""
    for position, line in enumerate(lines[:_MAX_ADDRESS]):
        labels = sheet.labels_by_row.get(line.row.index, ())
        named = next((label for label in labels if label.concept == "name" and label.span.first == line.first), None)
        if named is not None and named.span.end < line.end and line.row.tokens[named.span.end - 1].text.endswith(":"):
            return [Span(line.row, named.span.end, line.end), *lines[position + 1 :]]
        beside = next((cell for cell in line.row.cells if cell.first == line.end), None)
        if named is not None and named.span.end == line.end and beside is not None:
            column = next((b.cells for b in blocks if any(cell.overlaps(beside) for cell in b.cells)), (beside,))
            return [cell for cell in column if cell.row.index >= line.row.index]
        if (
            not KEY_VALUE.match(line.text)
            and not mostly_digits(line.text)
            and not (beside is not None and beside.text.startswith(":"))
        ):
            return lines[position:]
    return lines


def _under(label: Label, head: Span, blocks: Sequence[Block]) -> Iterator[Span]:
    """The cells that follow `head` in its block; if it ends there, those of the block that starts right under it."""
    own = next((b for b in blocks if any(cell.overlaps(label.span) or cell.overlaps(head) for cell in b.cells)), None)
    if own is not None:
        after = [cell for cell in own.cells if cell.row.index > label.span.row.index]
        if after:
            yield from after
            return
    close = [
        b
        for b in blocks
        if b.page == label.span.row.page
        and 0 <= b.box.y - label.span.box.bottom < 2.5 * label.span.row.height
        and b.box.x < label.span.box.right + 3 * label.span.row.height
        and b.box.right > label.span.box.x
    ]
    if close:
        yield from min(close, key=lambda b: (b.box.y, abs(b.box.x - label.span.box.x))).cells


def _best_lines(
    sheet: Sheet, blocks: Sequence[Block], sellers: Sequence[list[Span]], buyers: Sequence[list[Span]]
) -> list[Span]:
    """The lines, from the name on, of the block that most looks like the issuer's."""
    for lines in sellers:
        for position, line in enumerate(lines[:_MAX_ADDRESS]):
            if _name_score(sheet, line, position) > 0 and not re.match(r".*\S ?: ?\S", line.text):
                return lines[position:]
    taken = {(cell.row.index, cell.first) for lines in buyers for cell in lines}
    best: tuple[float, list[Span]] = (0.0, [])
    for block in blocks:
        for position, cell in enumerate(block.cells):
            if (cell.row.index, cell.first) in taken or not _in_head(sheet, cell):
                continue
            score = _name_score(sheet, cell, _order(sheet, cell))
            if score > best[0]:
                start = position
                while start > 0 and _wraps(sheet, block.cells[start - 1], block.cells[start]):
                    start -= 1
                best = (score, list(block.cells[start:]))
    return best[1]


def _in_head(sheet: Sheet, cell: Span) -> bool:
    return cell.box.bottom < _HEAD * sheet.sizes[cell.row.page][1] or _order(sheet, cell) < 6


def _order(sheet: Sheet, cell: Span) -> int:
    """How many rows stand above."""
    return cell.row.index - sheet.rows[0].index


def _name_score(sheet: Sheet, cell: Span, order: int) -> float:
    """How much a cell looks like the name of a company; 0 when it cannot be one."""
    text = cell.text
    letters = sum(character.isalpha() for character in text)
    if letters < 3 or order >= _MAX_HEAD_ROWS * 2 or squeeze(text) in TITLE or letters < 0.5 * len(squeeze(text)):
        return 0.0
    labels = [label for label in sheet.labels_by_row.get(cell.row.index, ()) if label.span.overlaps(cell)]
    if any(label.span.first == cell.first and _is_label(label, cell) for label in labels):
        return 0.0
    if any(day.span.overlaps(cell) for day in sheet.days) or "@" in text or "www" in text.lower():
        return 0.0
    edges = (*cell.row.tokens[max(cell.first - 1, 0) : cell.first], cell.tokens[-1])
    if not FORM.search(text) and (KEY_VALUE.match(text) or any(token.text.endswith(":") for token in edges)):
        return 0.0  # a field of a form, such as an employee's name
    if only_form(text):
        return 0.0  # the end of the name above it
    score = 1.0 - 0.06 * min(order, _MAX_HEAD_ROWS)
    above = sheet.rows[cell.row.index - 1].text if cell.row.index else ""
    score -= _OWNER if OWNED.match(text) or OWNED.fullmatch(above.strip()) else 0.0
    score += 0.9 if FORM.search(text) else 0.3 if KIND.search(text) else 0.0
    usual = median(row.height for row in sheet.first_page_rows)
    score += 0.35 * min(max(token.box.h for token in cell.tokens) / usual - 1.0, 2.0)
    pieces = _pieces(cell)
    if len(pieces) > 2 and is_address(" ".join(piece.text for piece in pieces[1:])):
        score += 0.6  # the sender's line above the window of an envelope
    elif len(cell.tokens) > 8:
        score -= 0.4
    if is_address(text) and not FORM.search(text):
        score -= 0.8
    return max(score, 0.0)


def _is_label(label: Label, cell: Span) -> bool:
    """Whether the cell starts with a label, and not with a name that has the same word: `Lieferant GmbH`."""
    return label.concept != "total" and (
        label.span.end == cell.end or label.span.tokens[-1].text.endswith(":") or not FORM.search(cell.text)
    )


def _name_and_address(
    sheet: Sheet, lines: Sequence[Span], blocks: Sequence[Block]
) -> tuple[Found | None, Found | None]:
    """The first line is the name (a return-address line carries both); the address is what follows it."""
    if not lines:
        return None, None
    first = lines[0]
    pieces = _pieces(first)
    if len(pieces) > 1 and is_address(" ".join(piece.text for piece in pieces[1:])):
        return _found([pieces[0]], 0.8), _found(pieces[1:], 0.75)
    confidence = 0.85 if FORM.search(first.text) else 0.7
    first = _before_labels(sheet, first)
    name_lines = [first]
    rest = list(lines[1:])
    beside = next((cell for cell in first.row.cells if cell.first == first.end), None)
    if beside is not None and only_form(beside.text):
        name_lines.append(beside)
    else:
        while rest and (only_form(rest[0].text) or _wraps(sheet, name_lines[-1], rest[0])):
            name_lines.append(_before_labels(sheet, rest.pop(0)))
    address = _address_lines(sheet, rest)
    if not address:
        address = _address_elsewhere(sheet, first, blocks)
    name = _found(name_lines, confidence, separator=" ")
    name = replace(name, value=clean_name(str(name.value)))
    return name, _found(address, 0.8 if _complete(address) else 0.6) if address else None


def _pieces(cell: Span) -> list[Span]:
    """Parts of a return-address line (`Name · Street 1 · City`)."""
    text = cell.row.text[cell.row.start_of(cell.first) : cell.row.end_of(cell.end - 1)]
    offset = cell.row.start_of(cell.first)
    spans, start = [], 0
    for match in RETURN_LINE.finditer(text):
        if match.start() > start:
            spans.append(cell.row.span(offset + start, offset + match.start()))
        start = match.end()
    if start < len(text):
        spans.append(cell.row.span(offset + start, offset + len(text)))
    return spans


def _address_lines(sheet: Sheet, lines: Sequence[Span]) -> list[Span]:
    """Lines that look like an address, and those between them, up to the first that is something else."""
    taken: list[Span] = []
    looked = 0
    closed = False
    for line in lines:
        labels = [label for label in sheet.labels_by_row.get(line.row.index, ()) if label.span.overlaps(line)]
        heads = any(label.own_cell and label.concept in _STOPPING for label in labels)
        heads = heads or sum(character.isalpha() for character in line.text) < 3  # a number of some kind
        if heads or "@" in line.text or squeeze(line.text) in TITLE or any(d.span.overlaps(line) for d in sheet.days):
            closed = any(is_address(cell.text) for cell in taken)
            if closed:
                break
            taken = []
            looked += 1
            if looked > 3:
                break
            continue
        taken.append(_before_labels(sheet, _after_label(sheet, line)))
        if len(taken) >= _MAX_ADDRESS:
            break
    spare = int(
        closed and not any(character.isdigit() for character in taken[-1].text)
    )  # the last line before a telephone number still belongs to the address
    while len(taken) > spare and not any(is_address(cell.text) for cell in taken[-1 - spare :]):
        taken.pop()
    while taken and not is_address(taken[0].text) and not HOUSE.search(taken[0].text):
        taken.pop(0)
    return taken


def _after_label(sheet: Sheet, cell: Span) -> Span:
    """The cell without a word for `address` in front."""
    for label in sheet.labels_by_row.get(cell.row.index, ()):
        if label.concept == "address" and label.span.first == cell.first and label.span.end < cell.end:
            return Span(cell.row, label.span.end, cell.end)
    return cell


def _address_elsewhere(sheet: Sheet, name: Span, blocks: Sequence[Block]) -> list[Span]:
    """The nearest block right under or beside the name that looks like an address."""
    for block in blocks:
        gap = block.cells[0].box.y - name.box.bottom
        near = -name.row.height < gap < 4 * name.row.height and abs(block.box.x - name.box.x) < 4 * name.row.height
        if block.page == name.row.page and near and block.cells[0] is not name:
            lines = _address_lines(sheet, [cell for cell in block.cells if cell.row.index > name.row.index])
            if any(POSTCODE.search(line.text) for line in lines):
                return lines
    return []


def _complete(lines: Sequence[Span]) -> bool:
    return len(lines) > 1 and any(POSTCODE.search(line.text) for line in lines)


def _wraps(sheet: Sheet, above: Span, below: Span) -> bool:
    """Whether a name goes on in the line under it."""
    tall = [max(token.box.h for token in cell.tokens) for cell in (above, below)]
    close = below.row.index - above.row.index == 1 and max(tall) < 1.35 * min(tall)
    complete = FORM.search(above.text) and not OPEN.search(above.text)
    if not close or below.row.page != above.row.page or complete:
        return False
    names = all(_name_score(sheet, cell, _order(sheet, cell)) > 0 or only_form(cell.text) for cell in (above, below))
    return names and bool(TRADE.match(below.text) or GOES_ON.search(above.text) or only_form(below.text))


def _before_labels(sheet: Sheet, cell: Span) -> Span:
    """The cell up to the first label of something else in it: `Mill Ltd. Company No. 123`, `2 Mill Road, Tel. 555`."""
    ends = [
        label.span.first
        for label in sheet.labels_by_row.get(cell.row.index, ())
        if label.concept in _INLINE and cell.first < label.span.first < cell.end
    ]
    return Span(cell.row, cell.first, min(ends, default=cell.end))


def _found(spans: Sequence[Span], score: float, separator: str = ", ") -> Found:
    text = ""
    for span in spans:
        line = span.text.strip(" ,;|:")
        text = f"{text}{separator}{line}" if text else line
    return Found(text, tuple(spans), score * min(span.confidence for span in spans))
