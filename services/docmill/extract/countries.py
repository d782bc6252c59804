"""Which country a party is in: its tax number begins with it, or its address ends with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docmill.extract.gstin import fault_of
from docmill.extract.tax_ids import is_vat_id
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from docmill.extract.candidates import Found

__all__ = ["find_country"]

_NAMES = {
    "AT": "austria osterreich", "AU": "australia", "BE": "belgium belgie belgique belgien", "CA": "canada kanada",
    "CH": "switzerland schweiz suisse svizzera", "DE": "germany deutschland allemagne", "ES": "spain espana spanien",
    "FR": "france frankreich", "GB": "unitedkingdom uk greatbritain england", "IE": "ireland irland", "IN": "india indien",
    "IT": "italy italia italien", "MY": "malaysia", "NL": "netherlands nederland niederlande", "PT": "portugal",
    "SG": "singapore singapur", "US": "usa unitedstates unitedstatesofamerica",
}  # fmt: skip
_CODES = {name: code for code, names in _NAMES.items() for name in names.split()}
_OTHER_PREFIX = {"EL": "GR", "XI": "GB"}
"""Beginnings of VAT numbers that are no country of ISO 3166."""


def find_country(*, gstin: Found | None, vat_id: Found | None, address: Found | None) -> Found | None:
    """ISO 3166 code, by the first of these that tells."""
    if gstin is not None and not fault_of(str(gstin.value)):
        return _of(gstin, "IN")
    if vat_id is not None:
        number = re.sub(r"[^A-Z0-9]", "", str(vat_id.value).upper())
        if is_vat_id(number):
            return _of(vat_id, _OTHER_PREFIX.get(number[:2], number[:2]) if number[:2].isalpha() else "IN")
    last = str(address.value).rpartition(",")[2] if address is not None else ""
    code = _CODES.get(squeeze(last))
    return _of(address, code) if address is not None and code is not None else None


def _of(found: Found, code: str) -> Found:
    return type(found)(code, found.spans, found.score)
