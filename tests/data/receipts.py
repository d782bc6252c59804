"""Till receipts as pictures, with the words on them and what they say."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from docmill.domain.pages import Box, Line, Page, Unit, Word

_WIDTH, _MARGIN, _LEADING = 620, 40, 34
_GOODS = (
    "Espresso",
    "Oat Milk Latte",
    "Butter Croissant",
    "Apple Pie Slice",
    "Sparkling Water",
    "Tomato Soup",
    "Grilled Sandwich",
    "Green Tea",
)
_SHOPS = (
    ("The Corner Bakery Ltd", "18 High Street", "Leeds LS1 4DY", "0113 496 0123", "GB 123 4567 82"),
    ("Riverside Cafe", "5 Quay Road", "Bristol BS1 5TY", "0117 496 0456", "GB 987 6543 21"),
    ("Green Market", "77 Park Lane", "London W1K 7TN", "020 7946 0789", "GB 555 4321 09"),
)  # fmt: skip
_TAX_RATE = 20


@dataclass(frozen=True)
class GeneratedReceipt:
    """A receipt: PNG bytes, the page a perfect reader gives, and the data in the shape of `receipt-extractor`."""

    png: bytes
    page: Page
    truth: dict[str, Any]


def generate_receipt(seed: int, *, photo: bool = True) -> GeneratedReceipt:
    """The same seed gives the same receipt. `photo` adds a little shade, blur and grain, and keeps every word in place."""
    rng = random.Random(f"receipt {seed}")
    name, street, city, phone, tax_id = rng.choice(_SHOPS)
    when = datetime(2024, 1, 1, 8, 0) + timedelta(minutes=rng.randrange(700 * 24 * 60))  # noqa: DTZ001 - printed time
    items = [
        (good, rng.randint(1, 3), Decimal(rng.randint(120, 990)) / 100)
        for good in rng.sample(_GOODS, rng.randint(2, 5))
    ]
    subtotal = sum((quantity * price for _, quantity, price in items), Decimal(0))
    tax = (subtotal * _TAX_RATE / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    method = rng.choice(["VISA", "CASH", "MASTERCARD"])

    paper = _Paper(height=820 + _LEADING * len(items))
    paper.center(name, 30)
    paper.center(street)
    paper.center(city)
    paper.center(f"Tel: {phone}")
    paper.center(f"VAT No: {tax_id}")
    paper.skip()
    paper.row(f"Date: {when:%d/%m/%Y}", f"{when:%H:%M}")
    paper.row(f"Receipt No: {rng.randint(10000, 99999)}", "")
    paper.skip()
    for good, quantity, price in items:
        paper.row(f"{quantity} x {good} @ {price:.2f}", f"{quantity * price:.2f}")
    paper.skip()
    paper.row("Subtotal", f"GBP {subtotal:.2f}")
    paper.row(f"VAT {_TAX_RATE}%", f"GBP {tax:.2f}")
    paper.row("TOTAL", f"GBP {subtotal + tax:.2f}", 30)
    paper.skip()
    paper.row(method, f"GBP {subtotal + tax:.2f}")
    paper.skip()
    paper.center("Thank you for your visit")
    truth = {
        "merchant": {"name": name, "address": f"{street}, {city}", "phone": phone, "taxId": tax_id},
        "date": f"{when:%Y-%m-%d}",
        "time": f"{when:%H:%M}",
        "currency": "GBP",
        "lineItems": [
            {"description": good, "quantity": quantity, "unitPrice": float(price), "total": float(quantity * price)}
            for good, quantity, price in items
        ],
        "subtotal": float(subtotal),
        "tax": float(tax),
        "total": float(subtotal + tax),
        "paymentMethod": method,
    }
    return GeneratedReceipt(png=paper.png(rng if photo else None), page=paper.page(), truth=truth)


class _Paper:
    """A strip of paper that is printed line by line."""

    def __init__(self, height: int) -> None:
        self._image = Image.new("L", (_WIDTH, height), 250)
        self._draw = ImageDraw.Draw(self._image)
        self._lines: list[Line] = []
        self._y = 40

    def center(self, text: str, size: int = 22) -> None:
        width = self._draw.textlength(text, font=_font(size))
        self._print((_WIDTH - width) / 2, text, size)
        self._y += _LEADING + max(0, size - 22)

    def row(self, left: str, right: str, size: int = 22) -> None:
        self._print(_MARGIN, left, size)
        if right:
            self._print(_WIDTH - _MARGIN - self._draw.textlength(right, font=_font(size)), right, size)
        self._y += _LEADING + max(0, size - 22)

    def skip(self) -> None:
        self._y += _LEADING

    def _print(self, x: float, text: str, size: int) -> None:
        font = _font(size)
        self._draw.text((x, self._y), text, font=font, fill=25)
        words = []
        for part in text.split():
            offset = self._draw.textlength(text[: text.index(part)], font=font)
            left, top, right, bottom = self._draw.textbbox((x + offset, self._y), part, font=font)
            words.append(Word(part, Box(left, top, right - left, bottom - top), 0.98))
        self._lines.append(Line(tuple(words)))

    def page(self) -> Page:
        width, height = self._image.size
        return Page(number=1, width=width, height=height, unit=Unit.PIXEL, engine="paddle", lines=tuple(self._lines))

    def png(self, rng: random.Random | None) -> bytes:
        image = self._image
        if rng is not None:
            shade = Image.linear_gradient("L").resize(image.size).point(lambda value: 255 - value // 10)
            noise = Image.frombytes("L", (155, image.height // 4), rng.randbytes(155 * (image.height // 4)))
            grain = noise.resize(image.size).point(lambda value: 255 - value // 24)
            image = Image.composite(image, image.point(lambda value: value * 9 // 10), shade)
            image = Image.blend(image, Image.composite(image, grain, grain), 0.08).filter(ImageFilter.GaussianBlur(0.6))
        buffer = io.BytesIO()
        image.quantize(64).save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the font inside Pillow
