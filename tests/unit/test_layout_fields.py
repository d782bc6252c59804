"""The layout provider: what is not there stays absent, and a user's own fields are found by their words."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.domain.pages import Page, Unit
from docmill.engine.flow_files import builtin_flows
from docmill.extract import Extraction
from docmill.extract.layout import LayoutExtractor
from tests.unit.layouts import page_of

SCHEMAS = {f"{flow.id}@{flow.version}": flow.output_schema for flow in builtin_flows()}


def extract(schema: Any, *lines: str) -> Extraction:
    """What the provider reads from one page of these lines."""
    return LayoutExtractor().extract([page_of(*lines)], schema, {})


def fields(**properties: Any) -> dict[str, Any]:
    """An object schema."""
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize("flow", ["invoice-extractor@1.2.0", "receipt-extractor@1.0.0"])
def test_a_blank_page_gives_nothing(flow: str) -> None:
    """No word, no value, no empty objects."""
    blank = Page(number=1, width=595, height=842, unit=Unit.POINT)
    assert LayoutExtractor().extract([blank], SCHEMAS[flow], {}) == Extraction()
    assert LayoutExtractor().extract([], SCHEMAS[flow], {}) == Extraction()


def test_a_letter_has_no_amounts() -> None:
    """Prose with numbers in it gives neither sums nor items."""
    data = extract(
        SCHEMAS["invoice-extractor@1.2.0"],
        "Dear Ms Doe,", "", "thank you for your visit on 4 May 2024. We met 12 colleagues and",
        "walked 3.5 km. The total was a pleasant surprise to us all.", "", "Kind regards", "Sam",
    ).data  # fmt: skip
    assert not {"lineItems", "subtotal", "tax", "total", "invoiceNumber"} & data.keys()


def test_labels_without_values_give_nothing() -> None:
    """An empty form is not filled in."""
    data = extract(
        SCHEMAS["invoice-extractor@1.2.0"], "Invoice Number:", "Invoice Date:", "Subtotal:", "Tax:", "Total:"
    ).data
    assert data.keys() <= {"vendor"}


def test_a_whole_absent_object_is_absent() -> None:
    """`recipient` is not there as an empty object."""
    data = extract(SCHEMAS["universal-extract@1.2.0"], "Invoice 2024-118", "Total: 12.50 EUR").data
    assert "recipient" not in data
    assert data["total"] == 12.5


def test_own_fields_are_found_by_name_title_and_description() -> None:
    """CamelCase and snake_case names, a title and a short description name the label on the page."""
    schema = fields(
        patientName={"type": "string"},
        birth_date={"type": "string", "format": "date", "title": "Date of birth"},
        hb={"type": "number", "description": "Hemoglobin"},
        sampleCount={"type": "integer"},
        fasting={"type": "boolean"},
        shoeSize={"type": "number"},
    )
    extraction = extract(
        schema,
        "Patient Name: Erika Beispiel\tSample Count: 3",
        "Date of birth\t04.05.1979",
        "Hemoglobin\t13.9\tg/dl",
        "Fasting: yes",
    )
    assert extraction.data == {
        "patientName": "Erika Beispiel",
        "birth_date": "1979-05-04",
        "hb": 13.9,
        "sampleCount": 3,
        "fasting": True,
    }
    assert {evidence.path for evidence in extraction.evidence} == {f"/{name}" for name in extraction.data}


@pytest.mark.parametrize("name", ["shop", "store", "restaurant", "retailerName", "merchant"])
def test_whoever_issued_it_has_many_names(name: str) -> None:
    """People call the merchant what theirs is."""
    data = extract(
        fields(**{name: {"type": "string"}}), "Corner Books", "14 Quay Street", "Tea\t\t8.00", "Total\t\t8.00"
    ).data
    assert data == {name: "Corner Books"}


def test_a_label_that_goes_on_has_no_value_in_its_own_words() -> None:
    """`Name of the organization` is another label; a colon ends any."""
    schema = fields(fullName={"type": "string", "title": "Name"})
    assert extract(schema, "Name of political organization").data == {}
    assert extract(schema, "Name of organization\t\tHarbour Friends").data == {"fullName": "Harbour Friends"}
    assert extract(schema, "Name: of Montreal Ltd").data == {"fullName": "of Montreal Ltd"}
    assert extract(schema, "Name Ada Lovelace").data == {"fullName": "Ada Lovelace"}


def test_a_pattern_or_an_enum_can_be_found_without_a_label() -> None:
    """Only when the document leaves no choice."""
    schema = fields(
        caseId={"type": "string", "pattern": r"AZ-\d{4}"},
        department={"type": "string", "enum": ["Radiology", "Surgery"]},
    )
    assert extract(schema, "our file AZ-2210 / Radiology").data == {"caseId": "AZ-2210", "department": "Radiology"}
    assert extract(schema, "AZ-2210 or AZ-2211", "Radiology and Surgery").data == {}


def test_a_table_with_columns_of_its_own() -> None:
    """Any array of objects: the names of its properties are the headers."""
    items = {"type": "object", "properties": {"analyte": {"type": "string"}, "result": {"type": "number"}}}
    schema = fields(values={"type": "array", "items": items})
    extraction = extract(schema, "Lab report", "Analyte\tResult\tUnit", "Glucose\t92.5\tmg/dl", "Sodium\t140.0\tmmol/l")
    assert extraction.data == {"values": [{"analyte": "Glucose", "result": 92.5}, {"analyte": "Sodium", "result": 140}]}


def test_hints_say_what_a_column_means_or_what_stands_over_it() -> None:
    """A name that would mean another column gives way to the hint."""
    items = {
        "what": {"type": "string", "x-docmill": {"means": "description"}},
        "paid": {"type": "number", "x-docmill": {"means": "line total"}},
        "unit": {"type": "string", "x-docmill": {"labels": ["Warehouse"]}},
    }
    schema = fields(rows={"type": "array", "items": {"type": "object", "properties": items}})
    found = extract(schema, "Description\tQty\tWarehouse\tAmount", "Glucose\t\t5\tBath\t\t5.40")
    assert found.data == {"rows": [{"what": "Glucose", "paid": 5.4, "unit": "Bath"}]}


def test_pointers_escape_what_json_pointers_must() -> None:
    """RFC 6901: `~` and `/` in names."""
    schema = fields(**{"a/b~c": {"type": "number", "title": "Weight"}})
    assert [e.path for e in extract(schema, "Weight: 7.25").evidence] == ["/a~1b~0c"]


@pytest.mark.parametrize("pattern", ["(", "x" * 1000])
def test_an_unusable_pattern_finds_nothing(pattern: str) -> None:
    """The schema is a stranger's."""
    assert extract(fields(code={"type": "string", "pattern": pattern}), "code: 12").data == {}


def test_the_buyer_is_not_the_vendor() -> None:
    """The block under `Bill To` never names the issuer, even when it is the only company."""
    data = extract(
        SCHEMAS["universal-extract@1.2.0"],
        "Jane Doe Consulting", "5 Mill Street", "Leeds LS1 4DY", "", "Bill To:", "Big Company GmbH", "Hauptstr. 1", "10115 Berlin",
    ).data  # fmt: skip
    assert data["issuer"] == {"name": "Jane Doe Consulting", "address": "5 Mill Street, Leeds LS1 4DY"}
    assert data["recipient"] == {"name": "Big Company GmbH", "address": "Hauptstr. 1, 10115 Berlin"}


def test_arithmetic_decides_between_amounts() -> None:
    """`Total` is there twice; only one of them is the sum of subtotal and tax."""
    data = extract(
        SCHEMAS["receipt-extractor@1.0.0"], "Corner Shop", "Total\t10.00", "VAT 20%\t2.00", "Total\t12.00", "Cash\t20.00", "Change\t8.00",
    ).data  # fmt: skip
    assert data["total"] == 12
