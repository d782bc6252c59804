"""What a person is asked to look at."""

from __future__ import annotations

from docmill.domain.pages import Box
from docmill.extract import Evidence
from docmill.extract.doubt import doubtful


def evidence(path: str, confidence: float, *, grounded: bool = True, source: str = "page") -> Evidence:
    """A value somewhere."""
    return Evidence(
        path=path,
        page=1,
        box=Box(0, 0, 1, 1),
        words=("x",),
        confidence=confidence,
        grounded=grounded,
        source=source,
    )


def test_unsure_values_and_those_that_no_words_say_are_listed_least_sure_first() -> None:
    """Sure ones with their words are not."""
    found = [
        evidence("/date", 0.99),
        evidence("/total", 0.7),
        evidence("/vendor/name", 0.95, grounded=False),
        evidence("/number", 0.2),
    ]
    assert doubtful(found) == ["/number", "/total", "/vendor/name"]


def test_what_an_electronic_invoice_says_needs_no_words_on_a_page() -> None:
    """But it may contradict the page, and then it is as unsure as its confidence says."""
    exact = evidence("/currency", 1.0, grounded=False, source="einvoice")
    contradicted = evidence("/total", 0.5, source="einvoice")
    assert doubtful([exact, contradicted]) == ["/total"]
