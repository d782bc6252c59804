"""Kinds of documents with values of their own, through the flow of the batch surface."""

from __future__ import annotations

from typing import Any

import pytest

from docmill.engine.flow_files import builtin_flows
from docmill.extract.pipeline import run_document
from docmill.gateway.dialects.documentflow.document import flat
from tests.data.drawing import Sheet
from tests.data.invoices import LAYOUTS, generate_invoice
from tests.data.locales import LOCALES
from tests.data.receipts import generate_receipt
from tests.unit.layouts import page_of

(FLOW,) = [flow for flow in builtin_flows() if flow.id == "universal-extract"]


def shown(sheet: Sheet) -> dict[str, Any]:
    """The answer of the surface to a sheet."""
    outcome = run_document(FLOW.definition, [sheet.page(1)], {}, FLOW.output_schema)
    assert not outcome.warnings
    return flat(outcome.output, job_id="extr_0")


def labelled(title: str, *pairs: tuple[str, str]) -> Sheet:
    """A sheet with labels and values."""
    sheet = Sheet()
    sheet.text(50, 40, title, 20, bold=True)
    for line, (label, value) in enumerate(pairs):
        sheet.text(50, 90 + 18 * line, f"{label}:")
        sheet.text(220, 90 + 18 * line, value)
    return sheet


def payslip(net: str) -> Sheet:
    """One whose gross pay and deductions are 3,000.00 and 900.50."""
    return labelled(
        "Payslip",
        ("Employee Name", "Asha Rao"),
        ("Employee ID", "E-1042"),
        ("Designation", "Fitter"),
        ("Pay Period", "March 2026"),
        ("Gross Pay", "3,000.00"),
        ("Total Deductions", "900.50"),
        ("Net Pay", net),
    )


def test_a_payslip() -> None:
    """Its numbers are read, and must agree."""
    data = shown(payslip("2,099.50"))
    assert (data["document_type"], data["document_category"]) == ("payslip", "hr")
    assert data["payslip"] == {
        "employee_name": "Asha Rao",
        "employee_id": "E-1042",
        "designation": "Fitter",
        "pay_period": "March 2026",
        "gross_pay": 3000,
        "total_deductions": 900.5,
        "net_pay": 2099.5,
    }
    assert data["validation"]["math_valid"]
    assert "financial" not in data
    wrong = shown(payslip("2,199.50"))["validation"]
    assert (wrong["math_valid"], wrong["errors"][0].partition(":")[0]) == (False, "payslip_net")


def statement(closing: str) -> Sheet:
    """A bank statement with three transactions, which make 1,250.25."""
    sheet = labelled(
        "Bank Statement",
        ("Account Holder", "Asha Rao"),
        ("Account Number", "004217790"),
        ("Period", "01/03/2026 - 31/03/2026"),
        ("Opening Balance", "1,000.00"),
    )
    sheet.text(350, 44, "Northline Bank Ltd", 12)
    rows = [
        ("Date", "Description", "Debit", "Credit", "Balance"),
        ("01/03/2026", "Salary", "", "500.00", "1,500.00"),
        ("02/03/2026", "Rent", "200.00", "", "1,300.00"),
        ("03/03/2026", "Groceries", "49.75", "", "1,250.25"),
    ]
    for line, row in enumerate(rows):
        for x, text in zip((50, 140, 360, 450, 545), row, strict=True):
            if text:
                sheet.text(x, 180 + 16 * line, text, bold=not line, align="left" if x < 200 else "right")
    sheet.text(50, 270, "Closing Balance:")
    sheet.text(220, 270, closing)
    return sheet


def test_a_bank_statement() -> None:
    """Its balances run from the opening to the closing one."""
    data = shown(statement("1,250.25"))
    assert data["document_type"] == "bank_statement"
    block = data["bank_statement"]
    assert (block["opening_balance"], block["closing_balance"]) == (1000, 1250.25)
    assert (block["account_holder"], block["account_number"]) == ("Asha Rao", "004217790")
    assert (block["bank_name"], block["period_start"], block["period_end"]) == (
        "Northline Bank Ltd",
        "2026-03-01",
        "2026-03-31",
    )
    assert [move.get("balance") for move in block["transactions"]] == [1500, 1300, 1250.25]
    assert [move.get("debit") for move in block["transactions"]] == [None, 200, 49.75]
    assert data["validation"]["math_valid"], data["validation"]
    wrong = shown(statement("1,260.25"))["validation"]
    assert (wrong["math_valid"], wrong["errors"][0].partition(":")[0]) == (False, "statement_balance")


@pytest.mark.parametrize(
    ("sheet", "kind", "block"),
    [
        (
            labelled(
                "Boarding Pass", ("Passenger Name", "RAO ASHA"), ("PNR", "X7K2QD"), ("From", "BOM"), ("To", "BLR"), ("Seat", "14C")
            ),
            "ticket",
            {"passenger_name": "RAO ASHA", "pnr": "X7K2QD", "origin": "BOM", "destination": "BLR", "seat": "14C"},
        ),
        (
            labelled(
                "Passport", ("Passport No", "Z1234567"), ("Nationality", "Indian"), ("Date of Birth", "1990-05-17"), ("Date of Expiry", "2031-01-02")
            ),
            "identity",
            {"id_number": "Z1234567", "nationality": "Indian", "date_of_birth": "1990-05-17", "expiry_date": "2031-01-02", "id_type": "Passport"},
        ),
    ],
)  # fmt: skip
def test_other_kinds(sheet: Sheet, kind: str, block: dict[str, str]) -> None:
    """What is labelled on them is in the block of their kind."""
    data = shown(sheet)
    assert data["document_type"] == kind
    assert {name: data[kind].get(name) for name in block} == block


def test_an_invoice_has_no_such_blocks() -> None:
    """Nothing is looked for that only other kinds have."""
    data = shown(labelled("Invoice", ("Invoice No", "A-1"), ("Net Pay", "10.00"), ("Total", "12.50 EUR")))
    assert data["document_type"] == "invoice"
    assert not data.keys() & {"payslip", "bank_statement", "ticket", "identity", "resume", "extracted_fields"}


@pytest.mark.parametrize(
    ("lines", "kind", "category"),
    [
        (("PURCHASE ORDER", "PO Number: 4711", "Date: 2026-03-01", "Supplier", "Kaveri Tooling LLP", "Total\t\t200.00"), "purchase_order", "financial"),
        (("Kaveri Tooling LLP", "Delivery Note", "Description\tQuantity", "Roller\t2"), "delivery_note", "logistics"),
        (("Service Agreement", "made between the parties A Ltd and B Ltd", "Whereas A Ltd provides services"), "contract", "legal"),
        (("Mill Ltd", "Dear Ms Rao", "thank you for your visit.", "Yours sincerely", "Tom"), "letter", "other"),
        (("Ward: B2", "Bed: 17", "Blood group: A+"), "other", "other"),
    ],
)  # fmt: skip
def test_kinds_without_a_block(lines: tuple[str, ...], kind: str, category: str) -> None:
    """They are told by their words; what none speaks for is `other`."""
    data = flat(run_document(FLOW.definition, [page_of(*lines)], {}, FLOW.output_schema).output, job_id="extr_0")
    assert (data["document_type"], data["document_category"]) == (kind, category)
    assert data["validation"] == {"math_valid": True, "errors": [], "warnings": []}


@pytest.mark.parametrize("language", sorted(LOCALES))
def test_invoices_in_all_languages(language: str) -> None:
    """None of them is taken for anything else, and nothing in them is wrong."""
    for layout in LAYOUTS:
        outcome = run_document(FLOW.definition, generate_invoice(2, language, layout).pages, {}, FLOW.output_schema)
        assert (outcome.output["category"], outcome.output["checks"]) == ("invoice", []), layout


def test_receipts() -> None:
    """The same of receipts."""
    for seed in range(8):
        outcome = run_document(FLOW.definition, [generate_receipt(seed).page], {}, FLOW.output_schema)
        assert (outcome.output["category"], outcome.output["checks"]) == ("receipt", []), seed
