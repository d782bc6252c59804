"""Splitting a stack: which pages are one document, and of what kind it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docmill.domain.flows import Category
from docmill.domain.pages import Page
from docmill.extract.looks import Numbering, says_number
from docmill.extract.segments import beginnings, segments
from tests.data.invoices import generate_invoice
from tests.data.stacks import Part, Stack, generate_stack, make_part
from tests.unit.layouts import page_of

KINDS = (Category(name="invoice"), Category(name="receipt"))


def split(*pages: Page, kinds: tuple[Category, ...] = KINDS, include_other: bool = True) -> list[tuple[str, list[int]]]:
    """Kind and pages of each document."""
    numbered = [replace(page, number=number) for number, page in enumerate(pages, start=1)]
    return [(found.type, list(found.pages)) for found in segments(numbered, kinds, include_other=include_other)]


def cuts(*pages: Page) -> list[int]:
    """The first pages of the documents."""
    return [numbers[0] for _, numbers in split(*pages)]


@pytest.mark.parametrize("seed", range(24))
def test_a_generated_stack_is_taken_apart(seed: int) -> None:
    """Invoices in seven languages, receipts on paper of any size, letters; one page or two."""
    stack = generate_stack(seed)
    found = segments(stack.pages, KINDS, include_other=True)
    assert [{"type": each.type, "pages": list(each.pages)} for each in found] == stack.documents


@pytest.mark.parametrize("seed", range(12))
def test_a_stack_that_nobody_announced_is_noticed(seed: int) -> None:
    """Where one document is expected only clear beginnings count: some of the true ones, and never a page within one."""
    stack = generate_stack(seed)
    truly = {document["pages"][0] for document in stack.documents[1:]}
    assert set() < set(beginnings(stack.pages, KINDS)) <= truly
    for part in stack.parts:
        pages = [sheet.page(number) for number, sheet in enumerate(part.sheets, start=1)]
        assert beginnings(pages, KINDS) == ()


def test_two_bills_of_one_vendor_are_two_documents() -> None:
    """All that tells them apart is their number."""
    first, second = generate_invoice(11), generate_invoice(12)
    number, other = first.truth["invoiceNumber"], second.truth["invoiceNumber"]
    again = tuple(
        replace(line, words=tuple(word._replace(text=word.text.replace(number, other)) for word in line.words))
        for line in first.pages[0].lines
    )
    assert cuts(first.pages[0], replace(first.pages[0], lines=again)) == [1, 2]
    assert cuts(first.pages[0], first.pages[0]) == [1], "the same page again, with the same number"


def test_a_numbering_that_begins_anew_begins_a_document() -> None:
    """`Page 1 of 2` after `Page 2 of 2`, whatever else the pages share; one that goes on keeps them together."""
    text = (
        "Harbour Works Ltd",
        "Maintenance of the crane on quay four",
        "",
        "The rope was changed and the brake oiled",
    )
    pages = [page_of(*text, f"Page {number} of 2") for number in (1, 2, 1, 2)]
    assert cuts(*pages) == [1, 3]
    assert cuts(*(page_of(*text, f"Page {number} of 4") for number in (1, 2, 3, 4))) == [1]


def test_a_page_that_says_nothing_goes_on() -> None:
    """A few words of no kind, or none at all; blank pages in front belong to the first document."""
    first = generate_invoice(5).pages[0]
    assert split(page_of(), first, page_of(), page_of("(please turn over)")) == [("invoice", [1, 2, 3, 4])]
    assert split(page_of(), page_of()) == [("other", [1, 2])]
    assert split() == []


def test_pages_without_a_kind_are_other_or_like_those_before_them() -> None:
    """`includeOther` decides; a category of the author's own with such a name takes them too."""
    invoice = make_part("invoice", 3).sheets[0].page(1)
    letter = page_of("Dear Ms Whitfield,", "", "the roof is in good order.", "", "Yours sincerely")
    assert split(invoice, letter) == [("invoice", [1]), ("other", [2])]
    assert split(invoice, letter, include_other=False) == [("invoice", [1]), ("invoice", [2])]
    assert split(letter, include_other=False) == [("invoice", [1])], "the first category, for want of anything better"
    named = (*KINDS, Category(name="Misc"))
    assert split(invoice, letter, kinds=named, include_other=False) == [("invoice", [1]), ("Misc", [2])]


def test_a_kind_of_the_authors_own_is_found_by_its_name_and_description() -> None:
    """No list of words knows it."""
    logbook = Category(name="Logbook", description="departure, arrival, tide and draught of a vessel")
    sheet = page_of("Logbook", "", "Vessel: Anna", "Departure: 04:10\tTide: 3.2 m", "Arrival: 11:45\tDraught: 2.1 m")
    receipt = make_part("receipt", 2)
    found = split(sheet, *Stack((receipt,)).pages, kinds=(logbook, *KINDS))
    assert found == [("Logbook", [1]), ("receipt", [2])]


def test_categories_may_be_named_in_the_plural() -> None:
    """`Invoices` are invoices, whatever their language."""
    plural = (Category(name="Invoices"), Category(name="receipts"))
    stack = Stack((make_part("invoice", 3, language="de"), make_part("receipt", 2)))
    assert split(*stack.pages, kinds=plural) == [("Invoices", [1]), ("receipts", [2])]


def test_a_letter_that_mentions_bills_is_none() -> None:
    """Words within sentences are there by chance."""
    letter = page_of(
        "Dear Ms Whitfield,", "", "we have received your invoice and thank you for it. The change of our address",
        "is noted, and the receipt for the deposit is enclosed with this message.", "", "Yours sincerely",
    )  # fmt: skip
    assert split(letter) == [("other", [1])]


def test_parts_of_a_stack_keep_the_numbers_of_the_whole() -> None:
    """Pages that could not be read are missing, and no others move up."""
    pages = Stack((make_part("invoice", 3), make_part("other", 4), make_part("receipt", 2))).pages
    found = segments([pages[0], pages[2]], KINDS, include_other=True)
    assert [each.pages for each in found] == [(1,), (3,)]
    assert str(found[1]) == "Page 3 (receipt)"


@pytest.mark.parametrize(
    ("text", "alone", "expected"),
    [
        ("Page 2 of 3", False, Numbering(2, 3)),
        ("Seite 2 von 3", False, Numbering(2, 3)),
        ("Rechnung 4711 Seite: 1/2", False, Numbering(1, 2)),
        ("Página 10 de 12", False, Numbering(10, 12)),
        ("2 / 3", True, Numbering(2, 3)),
        ("- Page 4 -", True, Numbering(4, 0)),
        ("2 / 3", False, None),
        ("see the instructions on page 3 for more", True, None),
        ("Homepage 2 of 3", False, None),
        ("Page 4 of 3", False, None),
        ("12/2024", True, None),
    ],
)
def test_what_a_page_says_about_its_place(text: str, alone: bool, expected: Numbering | None) -> None:  # noqa: FBT001 - a parameter of the test
    """In the languages documents are read in; a bare fraction only where nothing else stands."""
    assert says_number(text, alone=alone) == expected


def test_a_part_has_its_truth() -> None:
    """What the tests of whole stacks rely on."""
    part: Part = make_part("invoice", 3)
    assert part.truth["invoiceNumber"] == generate_invoice(3, layout="side").truth["invoiceNumber"]
