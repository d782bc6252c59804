"""Tables of line items as they differ between firms: other columns in another order, boxes, names in two lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.data.invoice_bodies import HEADS, draw_detailed, draw_plain, draw_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docmill.domain.pages import Box
    from tests.data.drawing import Sheet
    from tests.data.invoice_facts import Invoice
    from tests.data.locales import Locale

__all__ = ["BODIES"]

_BOTTOM, _ROW, _LINE = 740.0, 18.0, 11.0
_STACKED = {
    "en": ("Unit price", "Net amount"),
    "de": ("Einzel- preis", "Gesamt- preis"),
    "fr": ("Prix unitaire", "Montant HT"),
    "es": ("Precio unitario", "Importe total"),
    "it": ("Prezzo unitario", "Prezzo totale"),
    "nl": ("Prijs per_stuk", "Totaal excl._btw"),
    "pt": ("Preço unitário", "Valor total"),
}
"""Unit price and total, a word a line."""
_DISCOUNT = {
    "en": "Discount", "de": "Rabatt", "fr": "Remise", "es": "Descuento", "it": "Sconto", "nl": "Korting", "pt": "Desconto",
}  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """Names of columns with the edges they have, in points; those of words start at the left edge, others end at the right."""

    columns: Mapping[str, tuple[float, float]]
    ruled: bool = False
    stacked: bool = False


def _draw(table: _Table, sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], top: float) -> list[Sheet]:
    """Line items over as many sheets as needed, under the same header on each, the sums under the last of them."""
    sheets, y = [sheet], _heads(table, sheet, invoice, top)
    for index in range(len(invoice.items)):
        if y > _BOTTOM:
            sheet = sheet.another()
            sheets.append(sheet)
            y = _heads(table, sheet, invoice, 50)
        for column, text in _cells(invoice, index).items():
            if column in table.columns and text:
                boxes[f"/lineItems/{index}/{column}"] = _cell(table, sheet, column, y, text)
        if table.ruled:
            _frames(table, sheet, y, _ROW)
        y += _ROW
    draw_sums(sheet, invoice, boxes, y)
    return sheets


def _cells(invoice: Invoice, index: int) -> dict[str, str]:
    name, quantity, price = invoice.items[index]
    off = invoice.discount(index)
    return {
        "position": str(index + 1),
        "description": name,
        "quantity": str(quantity),
        "unitPrice": invoice.locale.money(price),
        "discount": f"{off} %" if off else "",
        "rate": f"{invoice.rate(index)} %",
        "total": invoice.locale.money(invoice.totals[index]),
    }


def _heads(table: _Table, sheet: Sheet, invoice: Invoice, y: float) -> float:
    """The header; names of one line stand above, amid or below those of two, as the day of the invoice has it."""
    depth = 2 if table.stacked else 1
    beside = (depth - 1) * _LINE * (invoice.issued.day % 3) / 2
    for column in table.columns:
        name = _names(invoice.locale, stacked=table.stacked)[column]
        lines = name.split(" ") if table.stacked and column in {"unitPrice", "total"} else [name]
        for line, text in enumerate(lines):
            at = y + _LINE * line if len(lines) > 1 else y + beside
            _cell(table, sheet, column, at, text.replace("_", " "), bold=True)
    height = _LINE * depth + 7
    if table.ruled:
        _frames(table, sheet, y, height)
    else:
        sheet.rule(50, y + height - 5, 495)
    return y + height


def _names(locale: Locale, *, stacked: bool) -> dict[str, str]:
    language = locale.language[:2]
    position, _, _, rate = HEADS[language]
    description, quantity, price, total = locale.columns
    if stacked:
        price, total = _STACKED[language]
    return {
        "position": position,
        "description": description,
        "quantity": quantity,
        "unitPrice": price,
        "discount": _DISCOUNT[language],
        "rate": rate,
        "total": total,
    }


def _cell(table: _Table, sheet: Sheet, column: str, y: float, text: str, *, bold: bool = False) -> Box:
    left, right = table.columns[column]
    if column in {"position", "description"}:
        return sheet.text(left + 3, y, text, bold=bold)
    return sheet.text(right - 3, y, text, bold=bold, align="right")


def _frames(table: _Table, sheet: Sheet, y: float, height: float) -> None:
    for left, right in table.columns.values():
        sheet.frame(left, y - 4, right - left, height)


_USUAL = {
    "description": (50.0, 290.0),
    "quantity": (290.0, 360.0),
    "unitPrice": (360.0, 450.0),
    "total": (450.0, 548.0),
}
_TABLES = {
    "stacked": _Table(_USUAL, stacked=True),
    "ruled": _Table({"position": (47, 75), **_USUAL, "description": (75, 290)}, ruled=True),
    "discounts": _Table(
        {**_USUAL, "description": (50, 250), "quantity": (250, 310), "unitPrice": (310, 395), "discount": (395, 460), "total": (460, 548)}
    ),
    "reordered": _Table({"quantity": (47, 95), "description": (110, 340), "total": (340, 440), "unitPrice": (440, 548)}),
    "rates": _Table({**_USUAL, "description": (50, 250), "rate": (250, 290)}),
}  # fmt: skip

BODIES: Mapping[str, Callable[[Sheet, Invoice, dict[str, Box], float], list[Sheet]]] = {
    "plain": draw_plain,
    "detailed": draw_detailed,
    **{name: partial(_draw, table) for name, table in _TABLES.items()},
}
"""What the middle of an invoice may look like."""
