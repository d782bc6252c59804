"""What a generated invoice says, before it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from tests.data.locales import Locale

CENT = Decimal("0.01")


@dataclass
class Invoice:
    """What is on an invoice."""

    locale: Locale
    number: str
    issued: date
    vendor: str
    street: str
    city: str
    items: list[tuple[str, int, Decimal]]
    rates: tuple[tuple[str, int], ...]
    """What taxes are called and their percent; the items have them in turn."""
    discounts: tuple[int, ...] = (0,)
    """Percent; the items have them in turn."""

    @property
    def totals(self) -> list[Decimal]:
        """Of each item, less its discount."""
        return [
            (quantity * price * (100 - self.discount(index)) / 100).quantize(CENT, ROUND_HALF_UP)
            for index, (_, quantity, price) in enumerate(self.items)
        ]

    def discount(self, index: int) -> int:
        """Percent off the item."""
        return self.discounts[index % len(self.discounts)]

    def rate(self, index: int) -> int:
        """Percent of tax on the item."""
        return self.rates[index % len(self.rates)][1]

    @property
    def subtotal(self) -> Decimal:
        """Of the items."""
        return sum(self.totals, Decimal(0))

    @property
    def taxes(self) -> list[tuple[str, Decimal]]:
        """Label and amount of each."""
        nets = [sum(self.totals[which :: len(self.rates)], Decimal(0)) for which in range(len(self.rates))]
        return [
            (f"{name} {rate}%", (net * rate / 100).quantize(CENT, ROUND_HALF_UP))
            for (name, rate), net in zip(self.rates, nets, strict=True)
        ]

    @property
    def tax(self) -> Decimal:
        """Of all rates."""
        return sum((amount for _, amount in self.taxes), Decimal(0))

    def truth(self) -> dict[str, Any]:
        """In the shape of `invoice-extractor` 1.2.0."""
        return {
            "invoiceNumber": self.number,
            "date": self.issued.isoformat(),
            "vendor": {"name": self.vendor, "address": f"{self.street}, {self.city}"},
            "lineItems": [
                {"description": name, "quantity": quantity, "unitPrice": float(price), "total": float(total)}
                for (name, quantity, price), total in zip(self.items, self.totals, strict=True)
            ],
            "subtotal": float(self.subtotal),
            "tax": float(self.tax),
            "total": float(self.subtotal + self.tax),
        }
