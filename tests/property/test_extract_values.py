"""Amounts and dates read back as they were printed, over all locales."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.extract.dates import find_days
from docmill.extract.money import decimal_sign, find_money, parse_number
from docmill.extract.tokens import rows_of
from tests.data.locales import LOCALES
from tests.unit.layouts import page_of

AMOUNTS = st.decimals(min_value=Decimal("-99999999.99"), max_value=Decimal("99999999.99"), places=2)
DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2049, 12, 31))
LANGUAGES = st.sampled_from(sorted(LOCALES))


@given(AMOUNTS, LANGUAGES, st.booleans())
def test_an_amount_reads_back(amount: Decimal, language: str, symbol: bool) -> None:  # noqa: FBT001 - drawn
    """The value, the currency, and words that are the printed text."""
    printed = LOCALES[language].money(amount, symbol=symbol and amount >= 0)
    found = find_money(rows_of([page_of(f"Label\t{printed}")]))
    assert [money.value for money in found] == [amount]
    assert found[0].is_amount
    assert "".join(token.text for token in found[0].span.tokens) == printed.replace(" ", "")


@given(DAYS, LANGUAGES)
def test_a_date_reads_back(day: date, language: str) -> None:
    """Whatever the language; a day after the twelfth leaves no doubt about the order, others are read day first."""
    locale = LOCALES[language]
    printed = locale.day(day)
    found = find_days(rows_of([page_of(f"Label: {printed}")]))
    assert [found_day.value for found_day in found] == [day]


@given(DAYS)
def test_month_first_dates_need_a_sign_of_it(day: date) -> None:
    """One date beyond the twelfth decides the order of all dates of a document."""
    lines = ["Printed 12/31/2023", f"Date {day:%m/%d/%Y}"]
    assert [found.value for found in find_days(rows_of([page_of(*lines)]))] == [date(2023, 12, 31), day]


@pytest.mark.parametrize(
    ("lines", "day"),
    [
        (("CHICAGO, IL", "TOTAL $18.10", "12/07/2019"), date(2019, 12, 7)),
        (("Mumbai, IN", "TOTAL Rs. 18.10", "12/07/2019"), date(2019, 7, 12)),
        (("Kuala Lumpur", "TOTAL $18.10", "12/07/2019"), date(2019, 7, 12)),
        (("Toronto, CA", "TOTAL C$18.10", "12/07/2019"), date(2019, 7, 12)),
    ],
)
def test_a_state_and_dollars_are_a_sign_of_it(lines: tuple[str, ...], day: date) -> None:
    """Neither alone: abbreviations of states are those of countries, too, and many countries have dollars."""
    assert [found.value for found in find_days(rows_of([page_of(*lines)]))] == [day]


@given(st.integers(0, 10**12))
def test_a_number_without_separators_is_itself(number: int) -> None:
    """Digits alone are never cut."""
    assert parse_number(str(number)) == number


@pytest.mark.parametrize(
    ("text", "usual", "value"),
    [
        ("1.234", "", "1234"),
        ("1.234", ",", "1234"),
        ("1.234", ".", "1.234"),
        ("1,234", ",", "1.234"),
        ("0,500", "", "0.500"),
        ("1'234.50", "", "1234.50"),
        ("1,23,456.00", "", "123456.00"),
        ("1.234.567", "", "1234567"),
        ("12..5", "", None),
        ("abc", "", None),
    ],
)
def test_separators_are_read_as_the_document_uses_them(text: str, usual: str, value: str | None) -> None:
    """Three digits after a single sign are thousands unless the document writes decimals so."""
    assert parse_number(text, usual) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("TOTAL:RM12.50", ["12.50"]),
        ("Total\t12. 50", ["12.50"]),
        ("(12.50)\t12.50-", ["-12.50", "-12.50"]),
        ("8.20 SR\t4.50S", ["8.20", "4.50"]),
        ("INV-123.45 on 12.05.2018 at 12:30", []),
        ("19 % of 100,00", ["19", "100.00"]),
        ("$1,234.50", ["1234.50"]),
    ],
)
def test_amounts_on_tills_and_in_sentences(line: str, values: list[str]) -> None:
    """Tax codes, slips and signs do not hide an amount; numbers of documents and clocks are none."""
    found = find_money(rows_of([page_of(line)]))
    plain = [money for money in found if money.is_amount or money.percent]
    assert [str(money.value) for money in plain] == values


def test_the_decimal_sign_is_what_most_amounts_use() -> None:
    """One odd number does not change a document's habit."""
    assert decimal_sign(rows_of([page_of("1.234,56 7,50 3.00")])) == ","
    assert decimal_sign(rows_of([page_of("no numbers here")])) == ""
