"""The layout provider: sums that only their neighbours explain, parties in forms, and whose tax number it is."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.extract.layout import LayoutExtractor
from tests.unit.layouts import page_of

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def data_of(properties: dict[str, Any], *lines: str) -> dict[str, Any]:
    """What the provider reads from one page of these lines."""
    return LayoutExtractor().extract([page_of(*lines)], {"type": "object", "properties": properties}, {}).data


def test_words_that_go_on_with_a_label_claim_no_amount() -> None:
    """`Total with GST @ 6%` is one label; the tax in it is not what the amount is."""
    data = data_of({"total": NUMBER}, "Corner Shop", "Tea\t\t8.00", "Total with GST @ 6%\t\t8.48")
    assert data == {"total": 8.48}


def test_a_number_of_its_own_frees_the_rest_of_the_row() -> None:
    """`Total saving 0.00` has its number; the total on the same row is another."""
    data = data_of({"total": NUMBER}, "Corner Shop", "Tea\t\t8.00", "Total saving\t0.00\tTotal\t8.00")
    assert data == {"total": 8}


def test_cash_less_change_is_the_total_where_no_word_says_so() -> None:
    """Some tills print a subtotal, the cash and the change, and no total."""
    lines = ("Corner Shop", "Tea\t\t8.00", "Subtotal\t\t8.00", "Cash\t\t10.00", "Change\t\t2.00")
    assert data_of({"total": NUMBER}, *lines) == {"total": 8}


def test_a_table_of_sums_is_read_at_its_bottom() -> None:
    """A row for each rate, then the sums: the last one is the document's."""
    lines = (
        "Net\tVAT\tTotal", "100.00\t19.00\t119.00", "200.00\t14.00\t214.00", "300.00\t33.00\t333.00",
    )  # fmt: skip
    assert data_of({"subtotal": NUMBER, "tax": NUMBER, "total": NUMBER}, *lines) == {
        "subtotal": 300, "tax": 33, "total": 333,
    }  # fmt: skip


def test_text_beside_a_table_of_sums_is_none_of_its_rows() -> None:
    """French invoices print what a late payment costs left of the sums."""
    lines = (
        "Retard\t\t\tTOTAL HT\tTOTAL TVA\tTOTAL TTC",
        "penalite 40,00",
        "par an\t\t\t100,00\t4,90\t\t104,90",
    )
    assert data_of({"subtotal": NUMBER, "tax": NUMBER, "total": NUMBER}, *lines) == {
        "subtotal": 100, "tax": 4.9, "total": 104.9,
    }  # fmt: skip


ITEMS = {
    "type": "array",
    "items": {"type": "object", "properties": {"description": TEXT, "quantity": NUMBER, "total": NUMBER}},
}


def test_a_count_before_the_word_for_a_sum_makes_it_no_item() -> None:
    """Restaurants print how many dishes a sum is of, and charge for the service between the sums."""
    lines = (
        "Three Fools Bistro", "Item\t\tAmount", "Stout 12 glasses\t\t150.00", "Lager 12 glasses\t\t145.00",
        "2 Sub total\t\t295.00", "Service charge 10%\t\t29.50", "GST 6%\t\t19.47", "Net total\t\t343.97",
    )  # fmt: skip
    data = data_of({"lineItems": ITEMS, "subtotal": NUMBER, "tax": NUMBER, "total": NUMBER}, *lines)
    assert [item["description"] for item in data["lineItems"]] == ["Stout 12 glasses", "Lager 12 glasses"]
    assert (data["subtotal"], data["tax"], data["total"]) == (295, 19.47, 343.97)


def test_a_measure_is_no_quantity() -> None:
    """`6FT` belongs to the name of the thing; a number of its own before the name is how many there are."""
    lines = ("Corner Shop", "6FT HDMI CABLE\t\t19.99", "2 TEA\t\t8.00", "TOTAL\t\t27.99")
    assert data_of({"lineItems": ITEMS}, *lines)["lineItems"] == [
        {"description": "6FT HDMI CABLE", "total": 19.99},
        {"description": "TEA", "quantity": 2, "total": 8},
    ]


def test_the_invoice_that_is_referred_to_is_another_one() -> None:
    """A credit note names the invoice that it corrects, with its date."""
    lines = (
        "N° DE FACTURE ASSOCIÉE : F-3\t\tDATE DE FACTURE ASSOCIÉE : 01/01/2026",
        "FACTURE N° : F-23\t\tDate : 31/01/2026",
    )
    assert data_of({"invoiceNumber": TEXT, "date": {"type": "string", "format": "date"}}, *lines) == {
        "invoiceNumber": "F-23", "date": "2026-01-31",
    }  # fmt: skip


def test_what_was_paid_before_and_what_is_due() -> None:
    """Prepayments are printed with a minus; the data has the amount."""
    lines = ("Gesamtbetrag\t\t119,00", "Erhaltene Anzahlungen\t\t-19,00", "Zahlbetrag\t\t100,00")
    asked = {"total": NUMBER, "prepaid": NUMBER, "amountDue": NUMBER}
    assert data_of(asked, *lines) == {"total": 119, "prepaid": 19, "amountDue": 100}


def test_an_account_number_with_a_wrong_digit_is_given_with_doubt() -> None:
    """What follows it on its line is none of it; a sound one anywhere else comes first."""
    asked: dict[str, Any] = {"type": "object", "properties": {"iban": TEXT}}
    wrong, sound = "IBAN: DE89 3704 0044 0532 0130 01 - BIC: COBADEFFXXX", "DE89 3704 0044 0532 0130 00"
    doubted = LayoutExtractor().extract([page_of(wrong)], asked, {})
    assert doubted.data == {"iban": "DE89370400440532013001"}
    assert doubted.evidence[0].confidence < 0.5
    assert data_of({"iban": TEXT}, wrong, sound) == {"iban": "DE89370400440532013000"}
    vendor = {"type": "object", "properties": {"iban": TEXT}}
    assert data_of({"vendor": vendor}, wrong) == {"vendor": {"iban": "DE89370400440532013001"}}


def test_a_vat_number_is_no_tax_number() -> None:
    """Both stand on German invoices, in any order."""
    lines = ("Muster GmbH", "Steuernummer: 201/113/40209", "USt-IdNr: DE136695976")
    asked = {"seller": {"type": "object", "properties": {"vatId": TEXT, "taxNumber": TEXT}}}
    assert data_of(asked, *lines)["seller"] == {"vatId": "DE136695976", "taxNumber": "201/113/40209"}


def test_parties_in_a_form_have_the_name_by_its_word() -> None:
    """`Name: Muster GmbH` under `Verkäufer`: the value is the name, not the word."""
    party = {"type": "object", "properties": {"name": TEXT}}
    lines = ("Verkäufer", "Name: Muster GmbH", "", "Käufer", "Name: Beispiel AG")
    assert data_of({"seller": party, "buyer": party}, *lines) == {
        "seller": {"name": "Muster GmbH"}, "buyer": {"name": "Beispiel AG"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("NORTH STAR HARDWARE", "ENTERPRISE (EAST", "SIDE) SDN BHD", "NO 5, JALAN TEH"), "NORTH STAR HARDWARE ENTERPRISE (EAST SIDE) SDN BHD"),
        (("MAPLE TRADING SDN BHD COMPANY NO 12345-X", "NO 5, JALAN TEH"), "MAPLE TRADING SDN BHD"),
        (("MAPLE TRADING", "COMPANY REG. NO. : 12345-X", "NO 5, JALAN TEH"), "MAPLE TRADING"),
        (("Forniture Verdi S.r.I.", "Corso Italia 88", "50123 Firenze"), "Forniture Verdi S.r.l."),
        (("Forniture Verdi S.r.1.", "Corso Italia 88", "50123 Firenze"), "Forniture Verdi S.r.l."),
        (("Officina S.r.I. Rossi", "Corso Italia 88", "50123 Firenze"), "Officina S.r.I. Rossi"),
    ],
)  # fmt: skip
def test_a_shops_name_ends_where_the_company_does(lines: tuple[str, ...], name: str) -> None:
    """Names go on over lines; registration numbers are no part of them; a legal form at their end is read as it is spelt."""
    asked = {"merchant": {"type": "object", "properties": {"name": TEXT}}}
    assert data_of(asked, *lines)["merchant"]["name"] == name


def test_a_surer_reading_has_no_less_confidence() -> None:
    """The total by `Grand total` is surer than one that only cash and change explain."""
    asked = {"type": "object", "properties": {"total": NUMBER}}
    named = page_of("Corner Shop", "Tea\t\t8.00", "Grand total\t\t8.00")
    unnamed = page_of("Corner Shop", "Tea\t\t8.00", "Cash\t\t10.00", "Change\t\t2.00")
    sure, unsure = (LayoutExtractor().extract([page], asked, {}).evidence[0].confidence for page in (named, unnamed))
    assert 0 < unsure < sure < 1


def test_a_hint_says_what_a_property_means_or_is_labelled_with() -> None:
    """`x-docmill` helps where names do not: `means` is a name that is known, `labels` are words on the page."""
    asked = {
        "betrag1": {"type": "number", "x-docmill": {"means": "grand total"}},
        "ref": {"type": "string", "x-docmill": {"labels": ["Our sign"]}},
        "odd": {"type": "string", "x-docmill": "nonsense"},
    }
    assert data_of(asked, "Corner Shop", "Our sign: AB-77", "Grand total\t\t8.00") == {"betrag1": 8, "ref": "AB-77"}


def test_a_house_number_is_no_amount() -> None:
    """`Porto` is a city and also postage; a whole number counts only where no words of its own stand before it."""
    asked = {"shipping": NUMBER, "total": NUMBER}
    lines = ("1000-001 Porto\tRua das Flores 9", "Total\t\t12.00")
    assert data_of(asked, *lines) == {"total": 12}
    assert data_of(asked, "Porto\t\t9", "Total\t\t12.00") == {"shipping": 9, "total": 12}


def test_a_field_of_a_form_is_no_name() -> None:
    """Neither the word with its colon, nor what it says, nor both together."""
    asked = {"vendor": {"type": "object", "properties": {"name": TEXT}}}
    assert data_of(asked, "Blood group: A+", "Patient:\t\tAsha Rao") == {}
    assert data_of(asked, "Seller unit:\t\tMill Ltd") == {"vendor": {"name": "Mill Ltd"}}
