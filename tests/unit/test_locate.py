"""Where values of a language model are found on the pages."""

from __future__ import annotations

from typing import Any

from docmill.extract import Evidence
from docmill.extract.grounding import with_grounding
from docmill.extract.locate import locate
from tests.unit.layouts import page_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total": {"type": "number"},
        "subtotal": {"type": "number"},
        "date": {"type": "string", "format": "date"},
        "dueDate": {"type": "string", "format": "date"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
            },
        },
    },
}


def found(data: dict[str, Any], *lines: str) -> dict[str, Evidence]:
    """Evidence of the data on one page of these lines, by path."""
    proofs = locate(data, SCHEMA, [page_of(*lines)])
    return {each.path: each for each in with_grounding(data, proofs)}


def test_a_value_by_its_label_is_meant() -> None:
    """The same day and the same amount stand twice."""
    proofs = found(
        {"subtotal": 100, "total": 100, "date": "2024-05-04", "dueDate": "2024-05-04"},
        "Invoice date:\t04.05.2024",
        "Due date:\t04.05.2024",
        "Subtotal\t100.00",
        "Total\t100.00",
        "Paid in full\t100.00",
    )
    heights = [proofs[path].box.y for path in ("/date", "/dueDate", "/subtotal", "/total")]
    assert heights == [30, 44, 58, 72]
    assert all(each.grounded for each in proofs.values())


def test_without_a_label_the_last_amount_and_the_first_text_count() -> None:
    """Totals stand below what they sum up, names at the head."""
    proofs = found({"fee": 7.5, "maker": "ACME Ltd"}, "ACME LTD.", "7.50", "7.50", "Acme Ltd")
    assert (proofs["/fee"].box.y, proofs["/maker"].box.y) == (58, 30)
    assert proofs["/maker"].words == ("ACME", "LTD.")


def test_the_values_of_an_item_stand_together() -> None:
    """Two items at one price, and two with one name: each keeps to its own row."""
    lines = [{"name": "Lamp", "price": 5}, {"name": "Desk", "price": 5}, {"name": "Lamp", "price": 8}]
    proofs = found({"lines": lines}, "Item\tPrice", "Lamp\t5.00", "Desk\t5.00", "Lamp\t8.00")
    heights = [[proofs[f"/lines/{index}/{name}"].box.y for name in ("name", "price")] for index in range(3)]
    assert heights == [[44, 44], [58, 58], [72, 72]]


def test_equal_amounts_of_an_item_take_two_places() -> None:
    """The price stands left of the sum."""
    line = {"name": "Lamp", "price": 5, "sum": 5}
    proofs = found({"lines": [line]}, "Item\tPrice\tSum", "Lamp\t5.00\t5.00")
    assert proofs["/lines/0/price"].box.right < proofs["/lines/0/sum"].box.x


def test_what_no_page_shows_has_no_place() -> None:
    """Nor a false one: page 0, no words, not grounded."""
    proofs = found({"total": 99, "date": "2024-02-31", "note": "invented", "paid": True, "no": None}, "Total\t98.00")
    assert set(proofs) == {"/total", "/date", "/note", "/paid"}
    assert {(each.page, each.words, each.grounded) for each in proofs.values()} == {(0, (), False)}


def test_values_are_found_in_any_way_of_writing() -> None:
    """A sign of a currency, a time in twelve hours, a percentage as a share, a name over accents."""
    data = {
        "currency": "EUR",
        "time": "18:30",
        "rate": 0.19,
        "name": "Muller",
        "ok": True,
        "when": "2024-05-04",
        "land": "DE",
    }
    proofs = found(
        data, "Müller", "6:30 pm", "VAT 19 %", "Approved: yes", "May 4, 2024", "Total 12,00 €", "Deutschland"
    )
    assert [path for path, each in proofs.items() if not each.grounded] == []


def test_a_text_may_wrap() -> None:
    """Lines below each other in one column, beside another column."""
    proofs = found({"address": "1 Mill Road Leeds"}, "1 Mill Road\tInvoice", "Leeds\t2024")
    assert proofs["/address"].words == ("1", "Mill", "Road", "Leeds")
    assert proofs["/address"].grounded
