"""The middle of generated invoices: tables of items over as many pages as they need, and the sums below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportlab.pdfbase.pdfmetrics import stringWidth

from tests.data.drawing import REGULAR, Sheet

if TYPE_CHECKING:
    import random
    from decimal import Decimal

    from docmill.domain.pages import Box
    from tests.data.invoice_facts import Invoice
    from tests.data.locales import Locale

__all__ = ["HEADS", "detailed", "draw_detailed", "draw_plain", "draw_sums"]

_BOTTOM = 760.0
_WIDE = 145.0  # points that a description may take before it goes on below


def draw_plain(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], top: float) -> list[Sheet]:
    """Line items over as many sheets as needed, the sums under the last of them."""
    sheets, y = [sheet], _column_heads(sheet, invoice.locale, top)
    for index, (name, quantity, price) in enumerate(invoice.items):
        if y > 760:
            sheet = sheet.another()
            sheets.append(sheet)
            y = _column_heads(sheet, invoice.locale, 50)
        boxes[f"/lineItems/{index}/description"] = sheet.text(50, y, name)
        sheet.text(360, y, str(quantity), align="right")
        sheet.text(450, y, invoice.locale.money(price), align="right")
        boxes[f"/lineItems/{index}/total"] = sheet.text(545, y, invoice.locale.money(quantity * price), align="right")
        y += 16
    draw_sums(sheet, invoice, boxes, y)
    return sheets


def _column_heads(sheet: Sheet, locale: Locale, y: float) -> float:
    description, quantity, price, total = locale.columns
    sheet.text(50, y, description, bold=True)
    sheet.text(360, y, quantity, bold=True, align="right")
    sheet.text(450, y, price, bold=True, align="right")
    sheet.text(545, y, total, bold=True, align="right")
    sheet.rule(50, y + 13, 495)
    return y + 20


def detailed(rng: random.Random, name: str, locale: Locale) -> str:
    """A description that needs more than one line."""
    return f"{name}, {rng.choice(locale.goods).lower()} {rng.randint(10, 90)} x {rng.randint(10, 90)} cm"


HEADS = {
    "en": ("Pos.", "Item No.", "Unit", "Tax %"),
    "de": ("Pos.", "Art.-Nr.", "Einheit", "MwSt."),
    "fr": ("Pos.", "Réf.", "Unité", "TVA"),
    "es": ("Pos.", "Código", "Unidad", "IVA"),
    "it": ("Pos.", "Codice", "U.M.", "IVA"),
    "nl": ("Pos.", "Art.nr.", "Eenheid", "BTW"),
    "pt": ("Pos.", "Código", "Unid.", "IVA"),
}
"""Position, article, unit, tax rate."""
_UNITS = {"en": "pcs", "de": "Stk.", "fr": "pce", "es": "ud.", "it": "pz", "nl": "st.", "pt": "un."}


def draw_detailed(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], top: float) -> list[Sheet]:
    """Nine columns, descriptions of several lines, sums carried over from page to page."""
    locale, money = invoice.locale, invoice.locale.money
    language = locale.language[:2]
    sheets, y = [sheet], _detailed_heads(sheet, locale, top)
    so_far = invoice.subtotal * 0
    for index, (name, quantity, price) in enumerate(invoice.items):
        if y > _BOTTOM - 24:
            _carry(sheet, locale, so_far, y)
            sheet = sheet.another()
            sheets.append(sheet)
            y = _detailed_heads(sheet, locale, 50)
            _carry(sheet, locale, so_far, y)
            y += 16
        sheet.text(50, y, str(index + 1))
        sheet.text(74, y, f"{4711 + 13 * index}")
        lines = _wrapped(name)
        for line, text in enumerate(lines):
            sheet.text(125, y + 11 * line, text)
        sheet.text(310, y, str(quantity), align="right")
        sheet.text(318, y, _UNITS[language])
        sheet.text(410, y, money(price), align="right")
        sheet.text(460, y, f"{invoice.rate(index)} %", align="right")
        boxes[f"/lineItems/{index}/total"] = sheet.text(545, y, money(quantity * price), align="right")
        so_far += quantity * price
        y += 5 + 11 * len(lines)
    draw_sums(sheet, invoice, boxes, y)
    return sheets


def _detailed_heads(sheet: Sheet, locale: Locale, y: float) -> float:
    position, code, unit, rate = HEADS[locale.language[:2]]
    description, quantity, price, total = locale.columns
    for x, text in ((50, position), (74, code), (125, description), (318, unit)):
        sheet.text(x, y, text, bold=True)
    for x, text in ((310, quantity), (410, price), (460, rate), (545, total)):
        sheet.text(x, y, text, bold=True, align="right")
    sheet.rule(50, y + 13, 495)
    return y + 18


def _carry(sheet: Sheet, locale: Locale, so_far: Decimal, y: float) -> None:
    sheet.text(125, y, locale.carried)
    sheet.text(545, y, locale.money(so_far), align="right")


def _wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if stringWidth(longer, REGULAR, 9) > _WIDE and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def draw_sums(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], y: float) -> None:
    """Net, taxes and total, from `y` on, and the foot of the page."""
    sheet.rule(50, y, 495)
    sums = [
        (invoice.locale.subtotal, invoice.subtotal, "/subtotal"),
        *((label, amount, "/tax") for label, amount in invoice.taxes),
        (invoice.locale.total, invoice.subtotal + invoice.tax, "/total"),
    ]
    for line, (label, amount, pointer) in enumerate(sums):
        sheet.text(360, y + 12 + 15 * line, label, bold=pointer == "/total")
        boxes[pointer] = sheet.text(545, y + 12 + 15 * line, invoice.locale.money(amount, symbol=True), align="right")
    sheet.text(50, 810, f"{invoice.vendor} - {invoice.locale.tax_id}", 7)
