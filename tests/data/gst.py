"""Indian tax invoices with sound numbers of our own making, and what is on them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from docmill.domain.pages import Page
from docmill.extract import gstin
from tests.data.drawing import Sheet, to_pdf

_CENT = Decimal("0.01")
_GOODS = ("Conveyor roller 60 mm", "Freight", "Steel bracket", "Bearing housing", "Cable drum", "Service visit")
_FIRMS = ("Kaveri Tooling LLP", "Northline Foods Pvt Ltd", "Sagar Traders", "Meridian Engineering Ltd")
_CODES = {"Conveyor roller 60 mm": "84313910", "Freight": "996511", "Steel bracket": "73269099", "Bearing housing": "84833000",
          "Cable drum": "44160010", "Service visit": "998719"}  # fmt: skip
_STATES = {"27": "Maharashtra", "29": "Karnataka", "33": "Tamil Nadu", "07": "Delhi", "24": "Gujarat"}
_STREETS = ("14 Mill Road, Pune 411001", "220 Ring Road, Bengaluru 560001", "8 Station Street, Chennai 600003")


@dataclass(frozen=True)
class GstInvoice:
    """What is on one. `replace` alters it; `draw` draws it as it then is."""

    number: str
    seller: tuple[str, str, str]
    """Name, address, GSTIN."""
    buyer: tuple[str, str, str]
    items: tuple[tuple[str, int, Decimal, Decimal], ...]
    """Description, quantity, unit price, total."""
    rate: Decimal
    """Percent."""
    subtotal: Decimal
    cgst: Decimal
    sgst: Decimal
    igst: Decimal
    total: Decimal
    place_of_supply: str
    round_off: Decimal = Decimal(0)
    line_rate: Decimal | None = None
    """Percent in the rows of the items; `rate` without one."""

    @property
    def codes(self) -> list[str]:
        """HSN or SAC of the items."""
        return [_CODES[item[0]] for item in self.items]

    @staticmethod
    def pan(gstin: str) -> str:
        """The holder's number in a tax number."""
        return gstin[2:12]

    @property
    def page(self) -> Page:
        """As a perfect reader gives it."""
        return self._sheet().page(1)

    def pdf(self) -> bytes:
        """The same as a PDF."""
        return to_pdf([self._sheet()], f"Tax Invoice {self.number}")

    def altered(self, **changes: object) -> GstInvoice:
        """With other values in it; nothing else follows."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the callers know the fields

    def _sheet(self) -> Sheet:
        sheet = Sheet()
        sheet.text(297, 36, "TAX INVOICE", 18, bold=True, align="center")
        seller = (self.seller[0], self.seller[1], f"GSTIN: {self.seller[2]}", f"PAN: {self.pan(self.seller[2])}")
        for line, text in enumerate(seller):
            sheet.text(50, 70 + 13 * line, text, bold=not line)
        facts = (("Invoice No", self.number), ("Invoice Date", "11/06/2025"), ("Place of Supply", self.place_of_supply))
        for line, (label, value) in enumerate(facts):
            sheet.text(360, 70 + 13 * line, f"{label}:")
            sheet.text(470, 70 + 13 * line, value)
        sheet.text(50, 130, "Bill To:", bold=True)
        for line, text in enumerate((self.buyer[0], self.buyer[1], f"GSTIN: {self.buyer[2]}")):
            sheet.text(50, 144 + 13 * line, text)
        y = 210.0
        for x, head in (
            (50, "Description"),
            (190, "HSN/SAC"),
            (330, "Qty"),
            (400, "Rate"),
            (460, "GST %"),
            (545, "Amount"),
        ):
            sheet.text(x, y, head, bold=True, align="left" if x < 200 else "right")
        for (name, quantity, price, amount), code in zip(self.items, self.codes, strict=True):
            y += 18
            sheet.text(50, y, name)
            sheet.text(190, y, code)
            rate = f"{(self.line_rate or self.rate).normalize():f}%"
            for x, value in ((330, str(quantity)), (400, _money(price)), (460, rate), (545, _money(amount))):
                sheet.text(x, y, value, align="right")
        y += 10
        for label, amount in self._sums():
            y += 16
            sheet.text(360, y, label)
            sheet.text(545, y, amount, align="right")
        return sheet

    def _sums(self) -> list[tuple[str, str]]:
        half = (self.rate / 2).normalize()
        kinds = [
            (f"CGST @ {half}%", self.cgst),
            (f"SGST @ {half}%", self.sgst),
            (f"IGST @ {self.rate.normalize()}%", self.igst),
        ]
        return [
            ("Subtotal", _money(self.subtotal)),
            *((label, _money(amount)) for label, amount in kinds if amount),
            *([("Round Off", _money(self.round_off))] if self.round_off else []),
            ("Grand Total", f"Rs. {_money(self.total)}"),
        ]


def generate_gst_invoice(seed: int, *, within: bool = True, rounded: bool = False) -> GstInvoice:
    """The same arguments give the same invoice; `within`: seller and buyer are in one state; `rounded`: to whole rupees."""
    rng = random.Random(f"{seed} {within}")
    states = rng.sample(["27", "29", "33", "07", "24"], 2)
    seller_name, buyer_name = rng.sample(_FIRMS, 2)
    items = []
    for name in rng.sample(_GOODS, rng.randint(2, 4)):
        quantity, price = rng.randint(1, 30), Decimal(rng.randint(1000, 900_000)) / 100
        items.append((name, quantity, price, quantity * price))
    rate = Decimal(rng.choice([5, 12, 18, 28]))
    subtotal = sum((item[3] for item in items), Decimal(0))
    half = (subtotal * rate / 200).quantize(_CENT, ROUND_HALF_UP)
    whole = (subtotal * rate / 100).quantize(_CENT, ROUND_HALF_UP)
    none = Decimal(0)
    cgst, sgst, igst = (half, half, none) if within else (none, none, whole)
    exact = subtotal + cgst + sgst + igst
    total = exact.quantize(Decimal(1), ROUND_HALF_UP) if rounded else exact
    state = states[0] if within else states[1]
    return GstInvoice(
        number=f"KT/25-26/{rng.randint(100, 9999):04d}",
        seller=(seller_name, rng.choice(_STREETS), _gstin(rng, states[0])),
        buyer=(buyer_name, rng.choice(_STREETS), _gstin(rng, states[0] if within else states[1])),
        items=tuple(items),
        rate=rate,
        subtotal=subtotal,
        cgst=cgst,
        sgst=sgst,
        igst=igst,
        total=total,
        place_of_supply=f"{_STATES[state]} ({state})",
        round_off=total - exact,
    )


def _gstin(rng: random.Random, state: str) -> str:
    """One whose last character makes it sound."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    pan = "".join(rng.choices(letters, k=5)) + "".join(rng.choices("0123456789", k=4)) + rng.choice(letters)
    return next(
        number
        for character in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        if not gstin.fault_of(number := f"{state}{pan}1Z{character}")
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
