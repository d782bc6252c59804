"""Labels: found whatever OCR did to case, accents, punctuation and blanks, and not inside other words."""

from __future__ import annotations

import pytest

from docmill.extract.labels import find_labels, label_phrases, words_of
from docmill.extract.relations import relation
from docmill.extract.tokens import rows_of
from tests.unit.layouts import page_of


@pytest.mark.parametrize(
    ("line", "concept", "text"),
    [
        ("Invoice Number: 7", "invoice_number", "Invoice Number:"),
        ("INVOICENO:7", "invoice_number", "INVOICENO:"),
        ("Fällig am 1.2.2024", "due_date", "Fällig am"),
        ("FAELLIG AM: 1.2.2024", "due_date", "FAELLIG AM:"),
        ("N° de facture 12", "invoice_number", "N° de facture"),
        ("Total Excl. of GST 4.00", "subtotal", "Total Excl."),
        ("Sub - Total 4.00", "subtotal", "Sub - Total"),
        ("Partita IVA: 123", "tax_id", "Partita IVA:"),
    ],
)
def test_a_label_is_found_in_any_spelling(line: str, concept: str, text: str) -> None:
    """The longest phrase wins, and its words are the label."""
    labels = find_labels(rows_of([page_of(line)]), label_phrases())
    assert (labels[0].concept, labels[0].span.text) == (concept, text)
    assert labels[0].own_cell


@pytest.mark.parametrize("line", ["Auftrag-Datum-Lief 7", "INV-2024-001", "totally different", "update"])
def test_words_inside_words_are_no_labels(line: str) -> None:
    """Neither a part of a compound nor the prefix of a number."""
    assert [label for label in find_labels(rows_of([page_of(line)]), label_phrases()) if label.own_cell] == []


def test_a_value_right_of_its_label_beats_one_below_and_another_label_claims_its_own() -> None:
    """The relations that all finders share."""
    rows = rows_of([page_of("Date: 1.2.2024\tDue Date: 3.4.2024", "5.6.2024")])
    labels = {label.concept: label for label in find_labels(rows, label_phrases())}
    row, under = rows
    own, other = row.span(6, 14), row.span(len(row.text) - 8, len(row.text))
    others = list(labels.values())
    date = labels["date"]
    assert relation(date, own, others=others) > relation(date, under.whole) > relation(date, other, others=others) > 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("invoiceNumber", ["invoice", "number"]),
        ("invoice_number", ["invoice", "number"]),
        ("VATId", ["vat", "id"]),
        ("Line total (net)", ["line", "total", "net"]),
    ],
)
def test_names_of_properties_are_words(name: str, words: list[str]) -> None:
    """camelCase, snake_case and sentences."""
    assert words_of(name) == words
