"""From the bytes of an XML file to the invoice that it is."""

from __future__ import annotations

from decimal import Decimal

from docmill.domain.einvoices import is_invoice_root
from docmill.extract.einvoice import cii, ubl
from docmill.extract.einvoice.values import Invoice, Value
from docmill.xml_tree import XmlError, parse

__all__ = ["NotAnInvoice", "inconsistencies", "read_invoice"]

_CENT = Decimal("0.01")
_NEEDED = {"invoice_number": "number", "date": "date", "issuer_name": "seller's name", "total": "total"}
"""In every profile (EN 16931: BT-1, BT-2, BT-27, BT-112)."""


class NotAnInvoice(ValueError):
    """The bytes are no electronic invoice that can be read; the message says why, for people."""


def read_invoice(data: bytes) -> Invoice:
    """The invoice in `data`. Raises `NotAnInvoice`, also for one that lacks what every invoice has."""
    try:
        root = parse(data)
    except XmlError as error:
        raise NotAnInvoice(str(error)) from error
    if not is_invoice_root(root.namespace, root.name):
        raise NotAnInvoice(f"its root '{root.name}' is neither CII nor UBL")
    invoice = cii.read_cii(root) if root.name in cii.ROOTS else ubl.read_ubl(root)
    missing = [words for name, words in _NEEDED.items() if name not in invoice.values]
    if missing:
        raise NotAnInvoice(f"it is {invoice.syntax} without a readable {' and '.join(missing)}")
    return invoice


def inconsistencies(invoice: Invoice) -> list[str]:
    """Where the invoice's own sums do not add up (EN 16931: BR-CO-10, BR-CO-13, BR-CO-15, BR-CO-16)."""
    said = {name: value.value for name, value in invoice.values.items() if isinstance(value.value, Decimal)}
    found = []
    amounts = [line["line_total"] for line in invoice.lines if "line_total" in line]
    if amounts and len(amounts) == len(invoice.lines) and "line_total" in said:
        found.append(_differs("the lines", _sum(amounts), "the sum of the lines", said["line_total"]))
    if "net_total" in said and "line_total" in said:
        net = said["line_total"] - said.get("discount", Decimal(0)) + said.get("charges", Decimal(0))
        found.append(_differs("lines, allowances and charges", net, "the total before tax", said["net_total"]))
    if "net_total" in said and "total" in said:
        gross = said["net_total"] + said.get("tax", Decimal(0))
        found.append(_differs("the total before tax and the tax", gross, "the total", said["total"]))
    if "amount_due" in said and "total" in said:
        due = said["total"] - said.get("prepaid", Decimal(0)) + said.get("rounding", Decimal(0))
        found.append(_differs("total, prepaid amount and rounding", due, "the amount due", said["amount_due"]))
    return [each for each in found if each]


def _sum(amounts: list[Value]) -> Decimal:
    return sum((amount.value for amount in amounts if isinstance(amount.value, Decimal)), Decimal(0))


def _differs(parts: str, made: Decimal, whole: str, said: Decimal) -> str:
    return f"{parts} make {made:f}, but {whole} is {said:f}" if abs(made - said) >= _CENT else ""
