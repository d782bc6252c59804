"""What a document says of itself without a label for it: its language, its countries, and whatever stands in a form."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.flows import parse_definition
from docmill.engine.flow_files import builtin_flows
from docmill.extract.languages import language_of
from docmill.extract.layout import LayoutExtractor
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat
from tests.data.gst import generate_gst_invoice
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.unit.layouts import page_of

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]


def shown(*lines: str, **variables: Any) -> dict[str, Any]:
    """The answer of the batch surface to a page of these lines."""
    output = run_document(FLOW.definition, [page_of(*lines)], variables, FLOW.output_schema).output
    return flat(output, job_id="extr_0")


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_the_language_of_an_invoice(language: str) -> None:
    """By its words, whatever its layout."""
    for layout in LAYOUTS:
        assert language_of(generate_invoice(4, language, layout).pages) == language[:2]


@pytest.mark.parametrize("text", ["", "17", "Total 12.00", "lorem ipsum dolor sit amet", "Porto Roma Paris Berlin"])
def test_a_language_that_no_word_tells(text: str) -> None:
    """Nothing is guessed from names, numbers, or words that several languages have."""
    assert language_of([page_of(text)]) == ""


def test_somebody_says_which_language_it_is() -> None:
    """The hint wins; without one, and without words that tell, there is none."""
    assert shown("Invoice", "please pay the total")["document_meta"]["language"] == "en"
    assert shown("Invoice", "please pay the total", language="hi")["document_meta"]["language"] == "hi"
    assert "language" not in shown("17", "42")["document_meta"]


@pytest.mark.parametrize(
    ("lines", "country"),
    [
        (("Mill Ltd", "5 Mill Street, Leeds LS1 4DY", "VAT No: GB 823 8471 09"), "GB"),
        (("Muster GmbH", "Hauptstr. 1", "10115 Berlin", "USt-IdNr: DE136695976"), "DE"),
        (("Hellas A.E.", "VAT No: EL094259216"), "GR"),
        (("Muster GmbH", "Hauptstr. 1", "10115 Berlin", "Deutschland"), "DE"),
        (("Muster GmbH", "Hauptstr. 1", "10115 Berlin"), None),
        (("Kaveri Tooling LLP", "14 Mill Road, Pune 411001", "GSTIN: 27AAPFU0939F1ZX"), None),
    ],
)
def test_the_country_of_a_vendor(lines: tuple[str, ...], country: str | None) -> None:
    """By a tax number that is sound, or the end of the address; it is the document's, too."""
    data = shown("Invoice", "", *lines, "", "Total\t\t12.00")
    assert data["vendor"].get("country") == country
    assert data["document_meta"].get("country") == country


def test_both_sides_of_an_indian_invoice() -> None:
    """Each by its own number."""
    output = run_document(FLOW.definition, [generate_gst_invoice(1).page], {}, FLOW.output_schema).output
    assert (output["issuer"]["country"], output["recipient"]["country"], output["country"]) == ("IN", "IN", "IN")


def test_how_to_pay_and_who_asks_for_it() -> None:
    """What stands by its label; a code of a bank is one only beside a word for it."""
    lines = (
        "Tax Invoice", "Kaveri Tooling LLP", "14 Mill Road, Pune 411001", "www.kaveri.example", "CIN: U12345MH2020PTC123456",
        "Subtotal\t\t100.00", "IGST 18%\t\t18.00", "Grand Total\t\tRs. 118.00", "Payment terms: Net 30 days", "Bank name: State Bank",
        "A/C No: 00412345678", "IFSC: SBIN0001234", "SWIFT: SBININBB123 Main branch", "UPI: kaveri@okbank",
    )  # fmt: skip
    data = shown(*lines)
    assert data["financial"]["payment"] == {
        "terms": "Net 30 days",
        "bank_name": "State Bank",
        "account_number": "00412345678",
        "ifsc": "SBIN0001234",
        "swift": "SBININBB123",
        "upi_id": "kaveri@okbank",
    }
    assert data["vendor"]["website"] == "www.kaveri.example"
    assert data["vendor"]["registration_number"] == "U12345MH2020PTC123456"
    assert "payment" not in shown("Invoice", "DISCOUNT", "Total\t\t118.00")["financial"]


FORM = (
    "Ward: B2\t\tBed:\t17",
    "Allergies: none known",
    "Ward: C3",
    "Checked at 10:30 by: nobody you know here or there: x",
    "Remarks:",
)


def test_documents_without_a_block_are_forms() -> None:
    """Each label with what stands behind it or in the next cell, the first of two; what is no label or has no value is not there."""
    data = shown(*FORM)
    assert data["document_type"] == "other"
    assert data["extracted_fields"] == {"Ward": "B2", "Bed": "17", "Allergies": "none known"}
    letter = shown("Dear Ms Rao", "Our sign: K/7", "Yours sincerely")
    assert (letter["document_type"], letter["extracted_fields"]) == ("letter", {"Our sign": "K/7"})
    assert "extracted_fields" not in shown("Invoice", "Our sign: K/7", "Total\t\t12.00")


def test_a_map_of_a_users_own_schema() -> None:
    """Evidence names the label as part of the path."""
    schema = {"type": "object", "properties": {"all": {"type": "object", "additionalProperties": {"type": "string"}}}}
    made = LayoutExtractor().extract([page_of("A/B test: yes")], schema, {})
    assert made.data == {"all": {"A/B test": "yes"}}
    assert [(evidence.path, evidence.words) for evidence in made.evidence] == [("/all/A~1B test", ("yes",))]


def test_more_is_asked_of_what_has_no_category() -> None:
    """`byCategory.other` is for documents that no word speaks for."""
    more = {"type": "object", "properties": {"ward": {"type": "string"}}}
    steps = [
        {"type": "step", "id": "kind", "nodeType": "categorize", "config": {"categories": ["invoice"]}},
        {
            "type": "step",
            "id": "fields",
            "nodeType": "extract",
            "config": {"schema": {"type": "object", "properties": {}}, "byCategory": {"other": more}},
        },
    ]
    definition = parse_definition({"steps": steps})
    assert run_document(definition, [page_of("Ward: B2")], {}, {}).output == {"ward": "B2"}
    assert run_document(definition, [page_of("Invoice", "Ward: B2")], {}, {}).output == {}
