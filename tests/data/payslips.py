"""Payslips in several layouts with made-up people and sums that agree, and what is on them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.data.drawing import Sheet, to_pdf

if TYPE_CHECKING:
    from docmill.domain.pages import Page

LAYOUTS = ("beside", "stacked", "periods", "german")
_PEOPLE = ("Asha Rao", "Tom Fielding", "Maria Okafor", "Jonas Keller", "Lin Zhao")
_FIRMS = ("Kaveri Tooling LLP", "Northline Foods Ltd", "Brightfield Supplies Inc.", "Papierhaus Lindner GmbH")
_JOBS = ("Fitter", "Accountant", "Warehouse Clerk", "Quality Inspector")
_EARNINGS = ("Basic Salary", "House Rent Allowance", "Conveyance", "Special Allowance", "Overtime", "Bonus")
_DEDUCTIONS = ("Provident Fund", "Professional Tax", "Income Tax", "Health Insurance", "401(k) plan")
_GERMAN = (("Grundgehalt", "Weihnachtsgeld", "Fahrgeld"), ("Lohnsteuer", "Krankenversicherung", "Rentenversicherung"))
_MONTHS = ("January", "February", "March", "April", "May", "June")

Entries = list[tuple[str, Decimal]]


@dataclass(frozen=True)
class Payslip:
    """One as bytes, as a perfect reader gives its page, and as the data on it."""

    pdf: bytes
    page: Page
    truth: dict[str, Any]
    """The block `payslip` of the batch surface."""


@dataclass(frozen=True)
class _Facts:
    employee: str
    number: str
    job: str
    employer: str
    period: str
    earnings: Entries
    deductions: Entries

    @property
    def sums(self) -> tuple[Decimal, Decimal, Decimal]:
        """Gross, deductions, net."""
        gross = sum((amount for _, amount in self.earnings), Decimal(0))
        deductions = sum((amount for _, amount in self.deductions), Decimal(0))
        return gross, deductions, gross - deductions


def generate_payslip(seed: int, layout: str = "beside", *, net_off: int = 0) -> Payslip:
    """The same arguments give the same payslip; `net_off` is added to the net pay that is printed."""
    rng = random.Random(f"{seed} {layout}")
    names = _GERMAN if layout == "german" else (_EARNINGS, _DEDUCTIONS)
    facts = _Facts(
        employee=rng.choice(_PEOPLE),
        number=f"E-{rng.randint(100, 9999)}",
        job=rng.choice(_JOBS),
        employer=rng.choice(_FIRMS),
        period=f"{rng.choice(_MONTHS)} {rng.randint(2022, 2026)}",
        earnings=_entries(rng, names[0], 50_000, 400_000),
        deductions=_entries(rng, names[1], 1_000, 20_000),
    )
    sheet = Sheet()
    _DRAWN[layout](sheet, facts, facts.sums[2] + net_off)
    return Payslip(to_pdf([sheet], f"Payslip {facts.number}"), sheet.page(1), _truth(facts, net_off))


def _entries(rng: random.Random, names: tuple[str, ...], low: int, high: int) -> Entries:
    chosen = sorted(rng.sample(range(len(names)), rng.randint(2, len(names))))
    return [(names[which], Decimal(rng.randint(low, high)) / 100) for which in chosen]


def _truth(facts: _Facts, net_off: int) -> dict[str, Any]:
    gross, deductions, net = facts.sums
    return {
        "employee_name": facts.employee,
        "employee_id": facts.number,
        "employer_name": facts.employer,
        "designation": facts.job,
        "pay_period": facts.period,
        "earnings": [{"label": label, "amount": float(amount)} for label, amount in facts.earnings],
        "deductions": [{"label": label, "amount": float(amount)} for label, amount in facts.deductions],
        "gross_pay": float(gross),
        "total_deductions": float(deductions),
        "net_pay": float(net + net_off),
    }


def _head(sheet: Sheet, facts: _Facts, title: str, labels: tuple[str, str, str, str]) -> None:
    """Employer on top, the employee's labels in two columns."""
    sheet.text(50, 36, facts.employer, 15, bold=True)
    sheet.text(50, 58, title, 13, bold=True)
    for place, (label, value) in enumerate(
        zip(labels, (facts.employee, facts.number, facts.job, facts.period), strict=True)
    ):
        x, y = 50 + 270 * (place % 2), 90 + 16 * (place // 2)
        sheet.text(x, y, f"{label}:")
        sheet.text(x + 100, y, value)


_ENGLISH = ("Employee Name", "Employee ID", "Designation", "Pay Period")


def _beside(sheet: Sheet, facts: _Facts, net: Decimal) -> None:
    """Two lists side by side, their sums on one row."""
    _head(sheet, facts, "Payslip", _ENGLISH)
    gross, deductions, _ = facts.sums
    for x, head in ((50, "Earnings"), (310, "Deductions")):
        sheet.text(x, 150, head, bold=True)
        sheet.text(x + 230, 150, "Amount", bold=True, align="right")
    for x, entries in ((50, facts.earnings), (310, facts.deductions)):
        for line, (label, amount) in enumerate(entries):
            sheet.text(x, 168 + 15 * line, label)
            sheet.text(x + 230, 168 + 15 * line, f"{amount:,.2f}", align="right")
    bottom = 176 + 15 * max(len(facts.earnings), len(facts.deductions))
    for x, label, amount in ((50, "Gross Earnings", gross), (310, "Total Deductions", deductions)):
        sheet.text(x, bottom, label, bold=True)
        sheet.text(x + 230, bottom, f"{amount:,.2f}", align="right")
    sheet.text(310, bottom + 24, "Net Pay", bold=True)
    sheet.text(540, bottom + 24, f"{net:,.2f}", bold=True, align="right")


def _stacked(sheet: Sheet, facts: _Facts, net: Decimal) -> None:
    """One list after the other, names and amounts far apart."""
    _head(sheet, facts, "Salary Slip", _ENGLISH)
    y = 150.0
    gross, deductions, _ = facts.sums
    parts = (
        ("Earnings", facts.earnings, "Gross Pay", gross),
        ("Deductions", facts.deductions, "Total Deductions", deductions),
    )
    for head, entries, total, amount in parts:
        sheet.text(50, y, head, 11, bold=True)
        for label, each in [*entries, (total, amount)]:
            y += 16
            sheet.text(50, y, label, bold=label == total)
            sheet.text(400, y, f"{each:,.2f}", align="right")
        y += 30
    sheet.text(50, y, "Net Salary", bold=True)
    sheet.text(400, y, f"{net:,.2f}", bold=True, align="right")


def _periods(sheet: Sheet, facts: _Facts, net: Decimal) -> None:
    """With rates and hours before, and the sums of the year after, the amount that counts."""
    _head(sheet, facts, "Earnings Statement", _ENGLISH)
    y = 150.0
    gross, deductions, _ = facts.sums
    for head, entries, more in (("Earnings", facts.earnings, True), ("Deductions", facts.deductions, False)):
        heads = ((300, "Hours"), (420, "This Period"), (540, "YTD")) if more else ((420, "This Period"), (540, "YTD"))
        sheet.text(50, y, head, bold=True)
        for x, text in heads:
            sheet.text(x, y, text, bold=True, align="right")
        for label, amount in entries:
            y += 16
            sheet.text(50, y, label)
            if more:
                sheet.text(300, y, "80.00", align="right")
            sheet.text(420, y, f"{amount:,.2f}", align="right")
            sheet.text(540, y, f"{amount * 3:,.2f}", align="right")
        y += 30
    for label, amount in (("Gross Pay", gross), ("Total Deductions", deductions), ("Net Pay", net)):
        sheet.text(50, y, label, bold=True)
        sheet.text(420, y, f"{amount:,.2f}", align="right")
        y += 16


def _german(sheet: Sheet, facts: _Facts, net: Decimal) -> None:
    """Lists with their heads in the middle, in German."""
    _head(sheet, facts, "Gehaltsabrechnung", ("Mitarbeiter", "Personalnummer", "Funktion", "Abrechnungsmonat"))
    gross, deductions, _ = facts.sums
    for x, head, entries in ((50, "Bezüge", facts.earnings), (310, "Abzüge", facts.deductions)):
        sheet.text(x + 115, 150, head, bold=True, align="center")
        for line, (label, amount) in enumerate(entries):
            sheet.text(x, 168 + 15 * line, label)
            sheet.text(x + 230, 168 + 15 * line, _comma(amount), align="right")
    bottom = 180 + 15 * max(len(facts.earnings), len(facts.deductions))
    for line, (label, amount) in enumerate(
        (("Gesamtbrutto", gross), ("Summe Abzüge", deductions), ("Auszahlungsbetrag", net))
    ):
        sheet.text(310, bottom + 16 * line, label, bold=True)
        sheet.text(540, bottom + 16 * line, _comma(amount), align="right")


def _comma(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


_DRAWN = {"beside": _beside, "stacked": _stacked, "periods": _periods, "german": _german}
