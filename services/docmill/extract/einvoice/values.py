"""What an electronic invoice says: values by the meaning they have for a schema, each with where it stands in the XML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from docmill.xml_tree import Element

__all__ = [
    "Found",
    "Invoice",
    "Value",
    "address_of",
    "amount_of",
    "day_of",
    "joined",
    "present",
    "price_of",
    "text_of",
    "unit_of",
]

Found = Mapping[str, "Value | None"]
"""Values by meaning, None for those that are missing."""

_AMOUNT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_LONGEST_NUMBER = 40
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")  # UNTDID 2379, format 102
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T+Z-].*)?")


@dataclass(frozen=True, slots=True)
class Value:
    """A value and the elements it was read from."""

    value: str | Decimal | date
    elements: tuple[Element, ...]

    @property
    def xpath(self) -> str:
        """Where it stands; several places are joined as XPath's union."""
        return " | ".join(element.xpath for element in self.elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice, exactly as its XML has it."""

    syntax: str
    """For people: `Factur-X (EN 16931)`, `XRechnung (UBL)`."""
    values: Mapping[str, Value]
    """By meaning (`total`, `issuer_name`), as `docmill.extract.fields` has them, and some of this format only."""
    lines: Sequence[Mapping[str, Value]] = field(default_factory=tuple)
    """By column (`description`, `unit_price`)."""


def text_of(element: Element | None) -> Value | None:
    """Its text with single blanks."""
    text = " ".join(element.text.split()) if element is not None else ""
    return Value(text, (element,)) if element is not None and text else None


def amount_of(element: Element | None) -> Value | None:
    """An XML Schema decimal; nothing for what is none."""
    if element is None or len(element.text) > _LONGEST_NUMBER or not _AMOUNT.fullmatch(element.text):
        return None
    try:
        return Value(Decimal(element.text), (element,))
    except InvalidOperation:
        return None


def day_of(element: Element | None) -> Value | None:
    """A day as `20240131` or ISO 8601; nothing for months and for days that no calendar has."""
    if element is None:
        return None
    match = _COMPACT.match(element.text) or _ISO.fullmatch(element.text)
    try:
        return Value(date(*map(int, match.groups())), (element,)) if match else None
    except ValueError:
        return None


def joined(parts: Sequence[Value | None], separator: str) -> Value | None:
    """Texts put together, without those that are missing."""
    present = [part for part in parts if part is not None]
    if not present:
        return None
    text = separator.join(str(part.value) for part in present)
    return Value(text, tuple(element for part in present for element in part.elements))


def address_of(address: Element | None, lines: Sequence[str], code: str, city: str, country: str) -> Value | None:
    """`Street 1, 12345 City, DE` from the elements at these paths; a country alone (MINIMUM) is no address."""
    if address is None:
        return None
    street = [text_of(address.first(path)) for path in lines]
    place = joined([text_of(address.first(code)), text_of(address.first(city))], " ")
    local = joined([*street, place], ", ")
    return joined([local, text_of(address.first(country))], ", ") if local is not None else None


def price_of(price: Element | None, basis: Element | None) -> Value | None:
    """For one unit: the price may be for a hundred (BT-149)."""
    amount, units = amount_of(price), amount_of(basis)
    if amount is None or units is None or units.value in {Decimal(0), Decimal(1)}:
        return amount
    assert isinstance(amount.value, Decimal)
    assert isinstance(units.value, Decimal)
    return Value(amount.value / units.value, (*amount.elements, *units.elements))


def unit_of(quantity: Element | None) -> Value | None:
    """The code of its unit (UN/ECE recommendation 20), an attribute."""
    code = quantity.attributes.get("unitCode", "") if quantity is not None else ""
    return Value(code, (quantity,)) if quantity is not None and code else None


def present(values: Found) -> dict[str, Value]:
    """Without what is missing."""
    return {name: value for name, value in values.items() if value is not None}
