"""Invoices in several layouts and languages, with what is on them: the ground truth of extraction tests."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from docmill.domain.pages import Box, Page
from tests.data.drawing import REGULAR, Sheet, to_pdf
from tests.data.invoice_bodies import detailed
from tests.data.invoice_facts import Invoice
from tests.data.invoice_tables import BODIES
from tests.data.locales import LOCALES, Locale

LAYOUTS = ("classic", "window", "boxed", "side")


@dataclass(frozen=True)
class Generated:
    """A document, as bytes, as a perfect reader would give its pages, and as the data on it."""

    pdf: bytes
    pages: tuple[Page, ...]
    truth: dict[str, Any]
    """In the shape of `invoice-extractor` 1.2.0."""
    boxes: dict[str, Box]
    """Where single values stand, by JSON pointer."""
    sheets: tuple[Sheet, ...] = ()
    """The pages before they were drawn, for files with more on them."""


def generate_invoice(
    seed: int,
    language: str = "en",
    layout: str = "classic",
    items: int | None = None,
    rates: tuple[tuple[str, int], ...] = (),
    body: str = "plain",
    font: str = REGULAR,
) -> Generated:
    """The same arguments give the same invoice. `items` beyond what fits go on to further pages; `body` is one of `BODIES`.

    `rates` are names of taxes and their percent, on which the items take turns; the language's own tax without them, and
    a lower one too in the body `rates`. `font` is one of `tests.data.drawing.FONTS`.
    """
    rng = random.Random(f"{seed} {language} {layout}")
    invoice = _invoice(rng, LOCALES[language], items or rng.randint(2, 6))
    if body == "rates":
        invoice.rates = (*invoice.rates, (invoice.locale.tax, 5))
    invoice.rates = rates or invoice.rates
    if body == "discounts":
        invoice.discounts = (10, 0, 25)
    if body == "detailed":
        invoice.items = [
            (detailed(rng, name, invoice.locale), quantity, price) for name, quantity, price in invoice.items
        ]
    sheet, boxes = Sheet(font=font), {}
    top = _HEADS[layout](sheet, invoice, boxes, rng)
    sheets = BODIES[body](sheet, invoice, boxes, top)
    return Generated(
        pdf=to_pdf(sheets, f"{invoice.locale.title} {invoice.number}"),
        pages=tuple(sheet.page(number) for number, sheet in enumerate(sheets, start=1)),
        truth=invoice.truth(),
        boxes=boxes,
        sheets=tuple(sheets),
    )


def _invoice(rng: random.Random, locale: Locale, count: int) -> Invoice:
    which = rng.randrange(len(locale.names))
    return Invoice(
        locale=locale,
        number=rng.choice([f"INV-{rng.randint(1000, 99999)}", f"{rng.randint(2019, 2026)}-{rng.randint(100, 999)}", f"RE{rng.randint(10**5, 10**6)}"]),
        issued=date(2024, 1, 1) + timedelta(days=rng.randrange(700)),
        vendor=locale.names[which],
        street=locale.streets[which],
        city=locale.cities[which],
        items=[
            (rng.choice(locale.goods), rng.randint(1, 40), Decimal(rng.randint(95, 60000)) / 100) for _ in range(count)
        ],
        rates=((locale.tax, locale.tax_rate),),
    )  # fmt: skip


def _meta(invoice: Invoice) -> list[tuple[str, str, str]]:
    """Label, value, JSON pointer."""
    locale = invoice.locale
    return [
        (locale.number, invoice.number, "/invoiceNumber"),
        (locale.date, locale.day(invoice.issued), "/date"),
        (locale.due, locale.day(invoice.issued + timedelta(days=30)), ""),
        (locale.customer, "40817", ""),
    ]


def _buyer(locale: Locale) -> tuple[str, str, str]:
    return {
        "en": ("Jane Doe", "9 Oak Lane", "Boise, ID 83702"),
        "en-GB": ("Jane Doe", "9 Oak Lane", "Bath BA1 1LZ"),
        "de": ("Erika Beispiel", "Gartenweg 9", "10115 Berlin"),
        "fr": ("Jeanne Exemple", "9 rue des Lilas", "13001 Marseille"),
        "es": ("Juana Ejemplo", "Calle Luna 9", "48001 Bilbao"),
        "it": ("Giulia Esempio", "Via Verdi 9", "10121 Torino"),
        "nl": ("Janneke Voorbeeld", "Tuinlaan 9", "2511 AB Den Haag"),
        "pt": ("Joana Exemplo", "Rua das Flores 9", "8000-139 Faro"),
    }[locale.language]


def _classic(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], rng: random.Random) -> float:
    """Letterhead on the left, labels and values on the right."""
    del rng
    boxes["/vendor/name"] = sheet.text(50, 40, invoice.vendor, 16, bold=True)
    boxes["/vendor/address"] = Box.around([sheet.text(50, 64, invoice.street), sheet.text(50, 76, invoice.city)])
    sheet.text(50, 88, "Tel: +49 89 1234567")
    sheet.text(545, 40, invoice.locale.title, 20, bold=True, align="right")
    for line, (label, value, pointer) in enumerate(_meta(invoice)):
        sheet.text(350, 120 + 14 * line, f"{label}:")
        box = sheet.text(545, 120 + 14 * line, value, align="right")
        if pointer:
            boxes[pointer] = box
    sheet.text(50, 120, f"{invoice.locale.bill_to}:", bold=True)
    for line, text in enumerate(_buyer(invoice.locale)):
        sheet.text(50, 134 + 12 * line, text)
    return 210


def _window(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], rng: random.Random) -> float:
    """A letter for a window envelope: sender in small type above the recipient, letterhead on the right."""
    del rng
    boxes["/vendor/name"] = sheet.text(545, 40, invoice.vendor, 13, bold=True, align="right")
    boxes["/vendor/address"] = Box.around(
        [sheet.text(545, 60, invoice.street, align="right"), sheet.text(545, 72, invoice.city, align="right")]
    )
    for line, text in enumerate(_buyer(invoice.locale)):
        sheet.text(50, 140 + 12 * line, text)
    sheet.text(50, 220, f"{invoice.locale.title} {invoice.number}", 14, bold=True)
    for line, (label, value, pointer) in enumerate(_meta(invoice)):
        sheet.text(360, 140 + 13 * line, label)
        box = sheet.text(470, 140 + 13 * line, value)
        if pointer:
            boxes[pointer] = box
    return 260


def _boxed(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], rng: random.Random) -> float:
    """Title first, values under their labels in a row."""
    del rng
    sheet.text(297, 36, invoice.locale.title.upper(), 18, bold=True, align="center")
    boxes["/vendor/name"] = sheet.text(50, 70, invoice.vendor, 11, bold=True)
    boxes["/vendor/address"] = Box.around([sheet.text(50, 84, invoice.street), sheet.text(50, 96, invoice.city)])
    sheet.text(330, 70, f"{invoice.locale.bill_to}", bold=True)
    for line, text in enumerate(_buyer(invoice.locale)):
        sheet.text(330, 84 + 12 * line, text)
    for column, (label, value, pointer) in enumerate(_meta(invoice)):
        sheet.text(50 + 128 * column, 150, label, bold=True)
        box = sheet.text(50 + 128 * column, 163, value)
        if pointer:
            boxes[pointer] = box
    return 200


def _side(sheet: Sheet, invoice: Invoice, boxes: dict[str, Box], rng: random.Random) -> float:
    """Seller and buyer side by side under labels."""
    del rng
    sheet.text(50, 36, invoice.locale.title, 22, bold=True)
    for line, (label, value, pointer) in enumerate(_meta(invoice)[:3]):
        sheet.text(50, 70 + 13 * line, f"{label}:", bold=True)
        box = sheet.text(170, 70 + 13 * line, value)
        if pointer:
            boxes[pointer] = box
    sheet.text(50, 130, f"{invoice.locale.seller}:", bold=True)
    boxes["/vendor/name"] = sheet.text(50, 143, invoice.vendor)
    boxes["/vendor/address"] = Box.around([sheet.text(50, 155, invoice.street), sheet.text(50, 167, invoice.city)])
    sheet.text(330, 130, f"{invoice.locale.bill_to}:", bold=True)
    for line, text in enumerate(_buyer(invoice.locale)):
        sheet.text(330, 143 + 12 * line, text)
    return 205


_HEADS = {"classic": _classic, "window": _window, "boxed": _boxed, "side": _side}
