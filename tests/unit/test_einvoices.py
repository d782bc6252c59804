"""Electronic invoices: every syntax and profile read exactly, compared with the page, and nothing that harms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from docmill.domain.einvoices import EmbeddedFile, unreadable
from docmill.domain.errors import InvalidArgument, WorkFailed
from docmill.domain.flows import parse_definition
from docmill.engine.flow_files import builtin_flows
from docmill.extract.einvoice.read import NotAnInvoice, read_invoice
from docmill.extract.pipeline import DocumentOutcome, outcome_from_json, outcome_to_json, run_document
from tests.data.drawing import Sheet
from tests.data.einvoices import PROFILES, WITHOUT_LINES, cii, ubl
from tests.data.invoices import generate_invoice

INVOICE = generate_invoice(5, "en", "classic")
SCHEMA = next(
    flow for flow in builtin_flows() if (flow.id, flow.version) == ("invoice-extractor", "1.2.0")
).output_schema
TEXT = {"type": "string"}


def extract(*files: EmbeddedFile, schema: Any = None, pages: Any = INVOICE.pages, **config: Any) -> DocumentOutcome:
    """What an extract step gives for a document with these files."""
    wanted = schema or SCHEMA
    step = {"type": "step", "id": "fields", "nodeType": "extract", "config": {"schema": wanted, **config}}
    return run_document({"steps": [step]}, pages, {}, wanted, files=files)


def embedded(data: bytes, name: str = "factur-x.xml") -> EmbeddedFile:
    """A file in a PDF."""
    return EmbeddedFile(name, data)


def with_country(truth: dict[str, Any]) -> dict[str, Any]:
    """The XML says the country too."""
    vendor = {**truth["vendor"], "address": f"{truth['vendor']['address']}, DE"}
    return {**truth, "vendor": vendor}


@pytest.mark.parametrize("profile", [name for name in PROFILES if name not in WITHOUT_LINES])
def test_a_profile_with_lines_gives_all_data(profile: str) -> None:
    """Exactly what was billed, in the shape of the shipped flow, without a warning."""
    outcome = extract(embedded(cii(INVOICE, profile)))
    assert outcome.output == with_country(INVOICE.truth)
    assert outcome.warnings == ()


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (cii(INVOICE, "basic", first=True), "ZUGFeRD 1 (BASIC)"),
        (cii(INVOICE, "extended"), "Factur-X/ZUGFeRD (EXTENDED)"),
        (cii(INVOICE, "en16931"), "Factur-X/ZUGFeRD (EN 16931)"),
        (cii(INVOICE, "minimum"), "Factur-X/ZUGFeRD (MINIMUM)"),
        (cii(INVOICE, "xrechnung"), "XRechnung (CII)"),
        (ubl(INVOICE), "XRechnung (UBL)"),
        (ubl(INVOICE, customization="urn:fdc:peppol.eu:2017:poacc:billing:3.0"), "Peppol (UBL)"),
        (ubl(INVOICE, "CreditNote", customization="none"), "UBL CreditNote"),
    ],
)
def test_each_syntax_is_known_and_read(data: bytes, syntax: str) -> None:
    """Also the older ones; amounts in a second currency are not taken for those of the invoice."""
    invoice = read_invoice(data)
    assert invoice.syntax == syntax
    assert invoice.values["tax"].value == Decimal(str(INVOICE.truth["tax"])).quantize(Decimal("0.01"))
    assert invoice.values["issuer_tax_id"].value == "DE136695976"


@pytest.mark.parametrize("data", [cii(INVOICE, first=True), ubl(INVOICE), ubl(INVOICE, "CreditNote")])
def test_the_same_data_come_from_every_syntax(data: bytes) -> None:
    """ZUGFeRD 1 and UBL say the same invoice."""
    assert extract(embedded(data)).output == with_country(INVOICE.truth)


@pytest.mark.parametrize("profile", sorted(WITHOUT_LINES))
def test_what_a_small_profile_leaves_out_is_read_from_the_page(profile: str) -> None:
    """Header from the XML, line items from the page, and the evidence says which is which."""
    outcome = extract(embedded(cii(INVOICE, profile)))
    assert outcome.output["lineItems"] == INVOICE.truth["lineItems"]
    sources = {evidence.path: evidence.source for evidence in outcome.evidence}
    assert sources["/total"] == "einvoice"
    assert sources["/lineItems/0/description"] == "page"
    # MINIMUM has the country only, which is no address.
    assert sources["/vendor/address"] == ("page" if profile == "minimum" else "einvoice")


def test_evidence_names_the_place_in_the_xml_and_on_the_page() -> None:
    """The words say the value, and stand where the page has them; it survives being kept."""
    outcome = outcome_from_json(outcome_to_json(extract(embedded(cii(INVOICE)))))
    found = {evidence.path: evidence for evidence in outcome.evidence}
    total, number = found["/total"], found["/invoiceNumber"]
    assert total.xpath.endswith("/ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:GrandTotalAmount")
    assert found["/lineItems/1/total"].xpath.count("IncludedSupplyChainTradeLineItem[2]") == 1
    assert {(e.source, e.grounded, e.confidence) for e in found.values()} == {("einvoice", True, 1.0)}
    assert INVOICE.truth["invoiceNumber"] in " ".join(number.words)
    assert number.box.center == pytest.approx(INVOICE.boxes["/invoiceNumber"].center, abs=3)
    assert total.box.center == pytest.approx(INVOICE.boxes["/total"].center, abs=3)


@pytest.mark.parametrize(
    ("changed", "path", "says"),
    [
        ({"invoiceNumber": "FORGED-1"}, "/invoiceNumber", "FORGED-1"),
        ({"date": "1999-12-31"}, "/date", "1999-12-31"),
        ({"total": 99999.99}, "/total", "99999.99"),
        ({"tax": 77777.77}, "/tax", "77777.77"),
        ({"vendor": {"name": "Somebody Else", "address": "Elsewhere 1, Nowhere"}}, "/vendor/name", "Somebody Else"),
    ],
)
def test_a_value_that_the_page_does_not_show_is_a_warning(changed: dict[str, Any], path: str, says: str) -> None:
    """The XML counts, and a person is told; the evidence is not grounded."""
    outcome = extract(embedded(cii(INVOICE, **changed)))
    (warning,) = [warning for warning in outcome.warnings if warning.startswith(f"{path}:")]
    assert says in warning
    evidence = next(evidence for evidence in outcome.evidence if evidence.path == path)
    assert (evidence.grounded, evidence.page, evidence.words) == (False, 0, ())


def test_a_percentage_does_not_show_an_amount() -> None:
    """`19 %` on the page is no tax of 19.00, whatever else the page shows."""
    sheet = Sheet()
    for y, text in enumerate(("Rechnung R-1", "zzgl. 19 % MwSt. 47,50", "Summe 297,50")):
        sheet.text(50, 100 + 20 * y, text)
    schema = {"type": "object", "properties": {"tax": {"type": "number"}}}
    outcome = extract(embedded(cii(INVOICE, tax=19.0)), schema=schema, pages=[sheet.page(1)])
    assert outcome.output == {"tax": 19}
    assert any(warning.startswith("/tax: ") for warning in outcome.warnings)


def test_a_changed_line_is_a_warning() -> None:
    """Of a line item, with its place in the data."""
    items = [dict(INVOICE.truth["lineItems"][0], total=4321.09), *INVOICE.truth["lineItems"][1:]]
    outcome = extract(embedded(cii(INVOICE, lineItems=items)))
    assert any(warning.startswith("/lineItems/0/total:") and "4321.09" in warning for warning in outcome.warnings)
    assert any("do not" in warning or "does not add up" in warning for warning in outcome.warnings)


def test_an_invoice_of_another_document_does_not_flood_its_run() -> None:
    """Many differences are counted, long values cut."""
    items = [dict(INVOICE.truth["lineItems"][0], description=f"Thing {n} " + "x" * 5000) for n in range(300)]
    outcome = extract(embedded(cii(INVOICE, lineItems=items)))
    assert len(outcome.output["lineItems"]) == 300
    assert "200 more values differ" in outcome.warnings[-1]
    assert max(map(len, outcome.warnings)) < 600


def test_sums_that_do_not_add_up_cost_confidence() -> None:
    """An XML that contradicts itself is not certain, where its amounts are concerned."""
    outcome = extract(embedded(cii(INVOICE, total=INVOICE.truth["total"] + 1)))
    confidence = {evidence.path: evidence.confidence for evidence in outcome.evidence}
    assert confidence["/total"] < 1 == confidence["/invoiceNumber"]
    assert any("does not add up" in warning for warning in outcome.warnings)


def test_use_embedded_false_reads_the_page() -> None:
    """The step decides, and says nothing of the file."""
    outcome = extract(embedded(cii(INVOICE, total=1.0)), useEmbedded=False)
    assert outcome.output["total"] == INVOICE.truth["total"]
    assert {evidence.source for evidence in outcome.evidence} == {"page"}


def test_use_embedded_is_a_switch() -> None:
    """A wrong value is refused when the flow is made."""
    step = {"id": "f", "nodeType": "extract", "config": {"schema": {"type": "object"}, "useEmbedded": "no"}}
    with pytest.raises(InvalidArgument) as refused:
        parse_definition({"steps": [step]})
    assert refused.value.details["field"] == "definition.steps.0.config.useEmbedded"


def test_a_step_may_want_the_electronic_invoice_only() -> None:
    """Then a document without one is a failure, and the page adds nothing."""
    outcome = extract(embedded(cii(INVOICE, "minimum")), providerRef="einvoice")
    assert "lineItems" not in outcome.output
    with pytest.raises(WorkFailed, match="no electronic invoice"):
        extract(providerRef="einvoice")


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>'
)
EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
GOOD = cii(INVOICE)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (BOMB, "DTD"),
        (EXTERNAL, "DTD"),
        (b'<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><x/>', "DTD"),
        (GOOD[: len(GOOD) // 2], "not well-formed"),
        (b"", "not well-formed"),
        (b"\x00\xff" * 50, "not well-formed"),
        (b"%PDF-1.7", "not well-formed"),
        (GOOD.replace(b"UTF-8", b"UTF-8-W/O-BOM"), "not well-formed"),
        (GOOD.replace(b"UTF-8", b"no-such-code"), "encoding"),
        (GOOD.decode().encode("latin-1"), "not well-formed"),
        (b"<a>" * 100 + b"</a>" * 100, "nested"),
        (b"<a>" + b"<b/>" * 200_001 + b"</a>", "elements"),
        (b"<a>" + b" " * (20 * 1024 * 1024) + b"</a>", "bytes"),
        (b"<a/>", "neither CII nor UBL"),
        (b"<Invoice/>", "neither CII nor UBL"),
        (GOOD.replace(b"GrandTotalAmount", b"GrandTotal"), "without a readable total"),
        (cii(INVOICE, date="2024-13-45"), "without a readable date"),
    ],
)  # fmt: skip
def test_hostile_and_broken_xml_falls_back_to_the_page(data: bytes, says: str) -> None:
    """The page is read as if there were no file, and a warning says why; nothing is expanded or fetched."""
    outcome = extract(embedded(data))
    assert outcome.output == INVOICE.truth
    (warning,) = outcome.warnings
    assert warning.startswith("The electronic invoice 'factur-x.xml' was not used: ")
    assert says in warning


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_declared_encodings_are_understood(encoding: str) -> None:
    """As XML allows them."""
    declared = encoding.removesuffix("-sig")
    data = GOOD.decode().replace('encoding="UTF-8"', f'encoding="{declared}"').encode(encoding)
    assert read_invoice(data).values["recipient_name"].value == "Buyer & Söhne"


def test_numbers_are_exact_or_absent() -> None:
    """No float, no NaN, no exponent of a million."""
    for wrong in (b"NaN", b"1e999999", b"12,50", b"9" * 5000):
        data = GOOD.replace(f">{INVOICE.truth['total']:.2f}<".encode(), b">" + wrong + b"<")
        with pytest.raises(NotAnInvoice, match="total"):
            read_invoice(data)


def test_a_file_of_the_standards_name_counts_before_others() -> None:
    """Other XML files are not the invoice, and are not worth a word; two invoices that differ are."""
    other = generate_invoice(6, "de", "window")
    notes = embedded(b"<notes/>", "a.xml")
    outcome = extract(notes, embedded(cii(other), "b.xml"), embedded(GOOD))
    assert outcome.output["invoiceNumber"] == INVOICE.truth["invoiceNumber"]
    (warning,) = outcome.warnings
    assert "'b.xml' is another one than 'factur-x.xml'" in warning
    twice = extract(embedded(cii(INVOICE, first=True), "ZUGFeRD-invoice.xml"), embedded(GOOD))
    assert any("twice" in warning for warning in twice.warnings)
    spoiled = extract(embedded(BOMB), embedded(GOOD, "zugferd-invoice.xml"))
    assert spoiled.output == with_country(INVOICE.truth)


def test_files_that_could_not_be_looked_into_are_mentioned() -> None:
    """The page is read, and nobody believes that there was no invoice in it."""
    outcome = extract(unreadable("it takes too much memory"))
    assert outcome.output == INVOICE.truth
    assert outcome.warnings == (
        "Whether the document carries an electronic invoice is not known: it takes too much memory",
    )


def test_pages_without_text_are_said_not_to_be_compared() -> None:
    """One warning, not one for each value."""
    outcome = extract(embedded(GOOD), pages=[])
    assert outcome.output == with_country(INVOICE.truth)
    assert len(outcome.warnings) == 1
    assert "could not be compared" in outcome.warnings[0]


def test_a_schema_of_ones_own_is_filled_by_names_and_types() -> None:
    """Parties by any usual name, amounts as text where that is asked for, codes only if the schema knows them."""
    properties = {
        "seller_name": TEXT,
        "seller_tax_number": TEXT,
        "sellerVatId": TEXT,
        "customer": {"type": "object", "properties": {"name": TEXT}},
        "amountDue": TEXT,
        "currency": {"type": "string", "enum": ["CHF", "USD"]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": TEXT, "qty": {"type": "integer"}, "unit": TEXT}},
        },
    }
    data = extract(embedded(GOOD), schema={"type": "object", "properties": properties}).output
    assert data["seller_name"] == INVOICE.truth["vendor"]["name"]
    assert (data["seller_tax_number"], data["sellerVatId"]) == ("12/345/67890", "DE136695976")
    assert data["customer"] == {"name": "Buyer & Söhne"}
    assert data["amountDue"] == f"{INVOICE.truth['total']:.2f}"
    assert "currency" not in data or data["currency"] in {"CHF", "USD"}
    first = INVOICE.truth["lineItems"][0]
    assert data["items"][0] == {"name": first["description"], "qty": first["quantity"], "unit": "C62"}
