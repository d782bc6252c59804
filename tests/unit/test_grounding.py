"""What `grounded` is worth: words that say a value in any way of writing say it, others do not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.pages import Box
from docmill.extract import Evidence
from docmill.extract.grounding import grounded, with_grounding

SAID: list[tuple[Any, str]] = [
    ("Müller & Söhne GmbH", "MULLER & SOHNE GMBH"),
    ("Straße 1, 12345 Ort", "Strasse 1 12345 Ort"),
    ("RE-2024-17", "Rechnungs-Nr.:RE-2024-17"),
    ("1242 chemin de l'olive, 84340 Malaucène, FR", "1242 chemin de l'olive 84340 Malaucène"),
    ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00"),
    ("—", "—"),
    (1234.56, "1.234,56 €"),
    (1234.56, "EUR 1 234,56"),
    (1234.56, "1'234.56"),
    (123456.78, "Rs. 1,23,456.78"),
    (1234, "1.234"),
    (1.234, "1.234"),
    (5, "-5,00"),
    (-5, "(5.00)"),
    (0.19, "19 %"),
    (19, "19 %"),
    (180.0, "90.00 90.00"),
    (2, "2x"),
    (10, "10kg"),
    ("2024-04-03", "03/04/2024"),
    ("2024-03-04", "03/04/2024"),
    ("2024-05-04", "4. Mai 2024"),
    ("2024-05-04", "May 4th, 2024"),
    ("2024-05-04", "20240504"),
    ("2024-05-04T00:00:00Z", "04.05.24"),
    ("2024-05-04T18:30:00", "04.05.2024 6:30 PM"),
    ("18:30", "6:30 pm"),
    ("EUR", "€12.00"),
    ("AUD", "$"),
    ("INR", "Rs. 12"),
    ("NL", "Weena 664 Rotterdam Nederland"),
    ("GB", "9 High Street, United Kingdom"),
    ("ES", "ESA12345674"),
    ("IN", "06AABCO6063D1ZQ"),
    (True, "Ja"),
    (True, "☑"),
    (False, "no"),
    (False, "☐"),
]  # fmt: skip

NOT_SAID: list[tuple[Any, str]] = [
    ("ACME", "ACMEA"),
    ("ACME Ltd", "ACME"),
    ("", "ACME"),
    ("—", "ACME"),
    (1234.56, "1234.57"),
    (-5, "5.00"),
    (1, "SB01 Sushi"),
    (12, "2024-12-01"),
    (14.4, "KAYA-PANDN 2.40 6 0 0 6"),
    (8.4, "2.40 6"),
    (0.19, "19"),
    ("2024-05-04", "5 May 2024"),
    ("2024-05-04T18:30:00", "04.05.2024"),
    ("18:30", "6:30 am"),
    ("EUR", "$12.00"),
    ("EUR", "12.00"),
    ("USD", "Rs"),
    ("NL", "Rotterdam"),
    ("FR", "ESA12345674"),
    ("", ""),
    (True, "no"),
    (True, "yesterday"),
    (False, "☑"),
    (None, "null"),
    ({"a": 1}, "a 1"),
]


@pytest.mark.parametrize(("value", "words"), SAID)
def test_words_say_a_value(value: Any, words: str) -> None:
    """Whatever case, accents, punctuation, decimal sign, order of a date or sign of a currency."""
    assert grounded(value, words.split())


@pytest.mark.parametrize(("value", "words"), NOT_SAID)
def test_words_do_not_say_a_value(value: Any, words: str) -> None:
    """Another value, a part of it, or more than is there."""
    assert not grounded(value, words.split())


@pytest.mark.parametrize("value", ["x", 0, False, "2024-05-04"])
def test_no_words_say_nothing(value: Any) -> None:
    """Neither an empty list nor empty words."""
    assert not grounded(value, [])
    assert not grounded(value, [" ", ""])


@given(st.dates(date(1970, 1, 1), date(2069, 12, 31)), st.dates(date(1970, 1, 1), date(2069, 12, 31)))
def test_a_day_is_said_by_its_own_date_only(day: date, other: date) -> None:
    """The day may stand before the month or after it; another day is another value."""
    printed = [f"{day:%d.%m.%Y}", f"{day:%Y-%m-%d}", f"{day:%m/%d/%Y}", f"{day.day} {day:%B} {day.year}"]
    assert all(grounded(day.isoformat(), text.split()) for text in printed)
    swapped = (day.year, day.month, day.day) == (other.year, other.day, other.month)
    assert grounded(other.isoformat(), [printed[2]]) == (day == other or swapped)


@given(st.decimals(0, 9_999_999, places=2), st.sampled_from([",.", ".,", " ,", "'."]))
def test_an_amount_is_said_in_any_locale(amount: Any, signs: str) -> None:
    """Thousands and decimals by any two signs; one cent more is another amount."""
    printed = f"{amount:,.2f}".translate(str.maketrans(",.", signs)).split(" ")
    assert grounded(float(amount), printed)
    assert not grounded(round(float(amount) + 0.01, 2), printed)


@given(st.text(), st.lists(st.text(max_size=12), max_size=6))
def test_any_text_can_be_asked_about(value: str, words: list[str]) -> None:
    """Pages and models give anything; a text that has letters or digits is said by itself."""
    grounded(value, words)
    if any(character.isalnum() and character.isascii() for character in value):
        assert grounded(value, [value])


def test_evidence_is_checked_against_its_value() -> None:
    """Each by its own path, whatever its extractor said of itself."""
    data = {"total": 12.5, "lines": [{"a/b": "Lamp"}]}
    proofs = [_evidence("/total", "12,50"), _evidence("/lines/0/a~1b", "Desk"), _evidence("/gone", "x")]
    assert [each.grounded for each in with_grounding(data, proofs)] == [True, False, False]


def _evidence(path: str, word: str) -> Evidence:
    return Evidence(path=path, page=1, box=Box(0, 0, 1, 1), words=(word,), confidence=1.0)
