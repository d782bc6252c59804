"""Makes the sample documents beside this file: `python -m examples.make_samples` from the root.

The invoice has three pages: two with a text layer and one that is a scanned picture, so that both ways of reading
show. The stack is for `mail-room.yaml`. The same script gives the same files.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from tests.data.drawing import Sheet, to_jpeg, to_pdf
from tests.data.receipts import generate_receipt
from tests.data.stacks import Stack, make_part

FOLDER = Path(__file__).parent
ITEMS = (
    ("Oak desk 160 x 80 cm", 4, "389.00"),
    ("Desk lamp, warm white", 4, "54.50"),
    ("Office chair, mesh back", 4, "219.90"),
    ("Filing cabinet, 3 drawers", 2, "178.00"),
    ("Whiteboard 120 x 90 cm", 1, "96.25"),
    ("Board markers, set of 8", 3, "12.40"),
    ("Monitor arm, single", 4, "67.80"),
    ("Cable tray, 1 m", 8, "14.95"),
    ("Power strip, 6 sockets", 6, "18.70"),
    ("Footrest, adjustable", 2, "39.00"),
    ("Paper shredder P-4", 1, "142.60"),
    ("Copy paper A4, box of 5", 10, "23.80"),
    ("Delivery and assembly", 1, "240.00"),
    ("Acoustic panel 60 x 60 cm", 12, "31.50"),
    ("Coat stand, steel", 1, "58.00"),
    ("Wastepaper basket", 4, "9.90"),
)
"""Description, quantity, unit price."""
FIRST_PAGE = 10  # items on it
VAT = Decimal("0.20")
TERMS = """Terms and Conditions

1. Payment
Invoices are payable within 30 days of the invoice date.
Overdue amounts bear interest at 4 per cent above base rate.

2. Title
Goods remain our property until they are paid in full.

3. Complaints
Please report damage within seven days of delivery,
with the invoice number and a photograph.

4. Returns
Unused goods may be returned within 14 days.
Made-to-measure items cannot be taken back.

5. Guarantee
We guarantee our furniture for five years of normal use.

6. Governing law
These terms are governed by the law of England and Wales."""


def money(amount: Decimal) -> str:
    """`1,234.56`."""
    return f"{amount:,.2f}"


def first_page() -> Sheet:
    """Letterhead, number and date, recipient, the first items."""
    sheet = Sheet()
    sheet.text(50, 44, "Fernhill Office Supplies Ltd", 18, bold=True)
    sheet.text(50, 70, "27 Orchard Road")
    sheet.text(50, 82, "Bristol BS1 5TY")
    sheet.text(50, 94, "Tel: 0117 496 0182")
    sheet.text(50, 106, "VAT No: GB 482 1730 56")
    sheet.text(545, 44, "INVOICE", 22, bold=True, align="right")
    facts = (("Invoice Number:", "FH-2026-0417"), ("Invoice Date:", "14 March 2026"), ("Due Date:", "13 April 2026"))
    for line, (label, value) in enumerate(facts):
        sheet.text(370, 84 + 15 * line, label)
        sheet.text(545, 84 + 15 * line, value, align="right", bold=line == 0)
    sheet.text(50, 150, "Bill To:", bold=True)
    for line, text in enumerate(("Larkspur Architects", "3 Canal Street", "Manchester M1 3HE")):
        sheet.text(50, 164 + 12 * line, text)
    y = column_heads(sheet, 230)
    for item in ITEMS[:FIRST_PAGE]:
        y = item_row(sheet, item, y)
    sheet.text(297, 800, "Page 1 of 3", 8, align="center")
    return sheet


def second_page() -> Sheet:
    """The other items and the sums."""
    sheet = Sheet()
    sheet.text(50, 44, "Invoice FH-2026-0417, continued", 10)
    y = column_heads(sheet, 80)
    for item in ITEMS[FIRST_PAGE:]:
        y = item_row(sheet, item, y)
    subtotal = sum((quantity * Decimal(price) for _, quantity, price in ITEMS), Decimal(0))
    tax = (subtotal * VAT).quantize(Decimal("0.01"))
    for label, amount in (("Subtotal", subtotal), ("VAT 20%", tax), ("Total Due", subtotal + tax)):
        y += 18
        sheet.text(370, y, label, bold=label == "Total Due")
        sheet.text(545, y, f"£{money(amount)}", align="right", bold=label == "Total Due")
    sheet.text(50, y + 50, "Please pay by bank transfer and quote the invoice number.")
    sheet.text(297, 800, "Page 2 of 3", 8, align="center")
    return sheet


def third_page() -> Sheet:
    """Terms, scanned: a grey picture, a little turned, without a text layer."""
    picture = Image.new("L", (1240, 1754), 248)
    draw = ImageDraw.Draw(picture)
    y = 150
    for line in TERMS.splitlines():
        size = 44 if y == 150 else 28
        draw.text((150, y), line, font=ImageFont.load_default(size), fill=40)
        y += 50 if line else 28
    turned = picture.rotate(0.4, resample=Image.Resampling.BICUBIC, fillcolor=248)
    grain = random.Random(3).randbytes(310 * 438)
    noise = Image.frombytes("L", (310, 438), grain).resize(picture.size).point(lambda value: 235 + value // 13)
    scan = Image.blend(turned, noise, 0.12).filter(ImageFilter.GaussianBlur(0.5))
    return Sheet(picture=to_jpeg(scan))


def stack() -> Stack:
    """What the mail of a day may be: two invoices, a letter and two receipts, on seven pages."""
    invoices = make_part("invoice", 21, pages=2), make_part("invoice", 22, language="de")
    receipts = make_part("receipt", 23), make_part("receipt", 24)
    return Stack((invoices[0], make_part("other", 25, pages=2), receipts[0], receipts[1], invoices[1]))


def column_heads(sheet: Sheet, y: float) -> float:
    """The header of the table; gives the top of the first row."""
    sheet.text(50, y, "Description", bold=True)
    for x, text in ((360, "Quantity"), (450, "Unit Price"), (545, "Amount")):
        sheet.text(x, y, text, bold=True, align="right")
    sheet.rule(50, y + 14, 495)
    return y + 24


def item_row(sheet: Sheet, item: tuple[str, int, str], y: float) -> float:
    """One line item; gives the top of the next."""
    description, quantity, price = item
    sheet.text(50, y, description)
    sheet.text(360, y, str(quantity), align="right")
    sheet.text(450, y, money(Decimal(price)), align="right")
    sheet.text(545, y, money(quantity * Decimal(price)), align="right")
    return y + 20


def main() -> None:
    """Write the samples."""
    pages = [first_page(), second_page(), third_page()]
    (FOLDER / "invoice.pdf").write_bytes(to_pdf(pages, "Invoice FH-2026-0417"))
    (FOLDER / "receipt.png").write_bytes(generate_receipt(7).png)
    (FOLDER / "stack.pdf").write_bytes(stack().pdf)


if __name__ == "__main__":
    main()
