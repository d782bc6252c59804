"""Whatever bytes stand where an electronic invoice should: an invoice, or a reason why there is none."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from docmill.extract.einvoice.read import NotAnInvoice, inconsistencies, read_invoice
from docmill.xml_tree import XmlError, parse
from tests.data.einvoices import cii, ubl
from tests.data.invoices import generate_invoice

INVOICE = generate_invoice(5, "en", "classic")
GOOD = (cii(INVOICE), cii(INVOICE, first=True), ubl(INVOICE))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """With the one error that callers know."""
    with suppress(XmlError):
        parse(data)


@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.integers(0, 200), st.binary(max_size=20))
def test_a_spoiled_invoice_is_read_or_refused(good: bytes, at: int, length: int, put: bytes) -> None:
    """A piece of it is replaced by anything."""
    at %= len(good)
    with suppress(NotAnInvoice):
        inconsistencies(read_invoice(good[:at] + put + good[at + length :]))


@given(
    st.sampled_from(GOOD), st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)
)
def test_any_text_may_be_a_value(good: bytes, text: str) -> None:
    """Also where a number or a day should be: then it is absent, or the invoice is refused."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "").encode()
    for value in (f">{INVOICE.truth['total']:.2f}<", f">{INVOICE.truth['subtotal']:.2f}<", ">380<"):
        with suppress(NotAnInvoice):
            inconsistencies(read_invoice(good.replace(value.encode(), b">" + safe + b"<")))
