"""The built-in provider: fields from words, labels and places on the page, without a network.

A document is laid out once (`Sheet`); business fields (`total`, `issuer_name`, line items) have finders of their own,
every other field of a schema is looked for by its own words. A value that no words carry stays absent.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from docmill.domain.pages import Box, Page
from docmill.extract import Evidence, Extraction
from docmill.extract.amounts import Amounts, find_amounts, find_round_off, labelled_amounts
from docmill.extract.candidates import Found, Sheet
from docmill.extract.confidence import confidence
from docmill.extract.countries import find_country
from docmill.extract.fields import LeafField, ListField, TableField, bind
from docmill.extract.form import find_pairs
from docmill.extract.generic import find_generic
from docmill.extract.gst import find_gst, tax_of
from docmill.extract.headers import NUMERIC
from docmill.extract.labels import column_phrases, words_of
from docmill.extract.parties import Party, buyer_cells, find_issuer, find_recipient
from docmill.extract.parts import find_list
from docmill.extract.payslips import LISTS, find_entries
from docmill.extract.resumes import PARTS, Resume
from docmill.extract.shape import in_order, put
from docmill.extract.singles import (
    find_currency,
    find_date,
    find_iban,
    find_number,
    find_payment_method,
    find_time,
)
from docmill.extract.statements import find_statement_period, find_transactions
from docmill.extract.tables import Item, Table, find_table
from docmill.extract.tax_ids import TaxIds
from docmill.extract.taxes import kind_of
from docmill.extract.text import squeeze
from docmill.extract.till import till_items

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from docmill.domain.models import JsonObject

__all__ = ["LayoutExtractor"]


_BORROWED = 0.5  # how sure an order's number is the document's
_UNNAMED_DUE = 0.8  # how sure a sum is that only follows from what is not printed


class LayoutExtractor:
    """Implements `docmill.extract.Extractor`."""

    name = "layout"

    def __init__(self, confidence: Callable[[str, float], float] = confidence) -> None:
        """`confidence` turns a kind of field and a score into the confidence of the value."""
        self._confidence = confidence

    def extract(self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject) -> Extraction:
        """Data that fits `schema`, in its order; `variables` play no part here."""
        del variables
        binding = bind(schema)
        reading = _Reading(Sheet(pages), self._confidence)
        data: dict[str, Any] = {}
        evidence: list[Evidence] = []
        for leaf in binding.leaves:
            found = reading.value(leaf)
            value = _shaped(found, leaf) if found is not None else None
            if found is not None and value is not None:
                put(data, leaf.path, value)
                evidence.append(_evidence(leaf.path, found, self._confidence(leaf.meaning, found.score)))
        for table in binding.tables:
            rows, proofs = reading.rows(table)
            if rows:
                put(data, table.path, rows)
                evidence.extend(proofs)
        for field in binding.lists:
            entries = reading.entries(field)
            if entries:
                put(data, field.path, [entry.value for entry in entries])
                evidence.extend(
                    _evidence((*field.path, str(index)), entry, self._confidence("", entry.score))
                    for index, entry in enumerate(entries)
                )
        for form in binding.maps:
            for name, found in reading.pairs().items():
                put(data, (*form.path, name), found.value)
                evidence.append(_evidence((*form.path, name), found, self._confidence("", found.score)))
        return Extraction(data=in_order(data, schema), evidence=tuple(sorted(evidence, key=_document_order)))


class _Reading:
    """What was found in one document; each finder runs once, when a field first asks for it."""

    def __init__(self, sheet: Sheet, confidence: Callable[[str, float], float]) -> None:
        self._sheet = sheet
        self._confidence = confidence

    def value(self, leaf: LeafField) -> Found | None:
        """The value of a field: by its meaning, or by its own words."""
        finder = self._finders.get(leaf.meaning)
        return finder() if finder is not None else find_generic(self._sheet, leaf)

    def rows(self, field: TableField) -> tuple[list[dict[str, Any]], list[Evidence]]:
        """The items of a table, without empty ones, and where their values were read."""
        rows: list[dict[str, Any]] = []
        evidence: list[Evidence] = []
        for item in self._items(field):
            row: dict[str, Any] = {}
            for concept, leaf in field.columns.items():
                found = item.values.get(concept)
                value = _shaped(found, leaf) if found is not None else None
                if found is not None and value is not None:
                    row[leaf.path[-1]] = value
                    evidence.append(
                        _evidence(
                            (*field.path, str(len(rows)), leaf.path[-1]),
                            found,
                            self._confidence("line_items", found.score),
                        )
                    )
            if row:
                rows.append(row)
        return rows, evidence

    def entries(self, field: ListField) -> Sequence[Found]:
        """The texts of a list, under the heading that its words are."""
        return find_list(self._sheet, field.phrases)

    def pairs(self) -> Mapping[str, Found]:
        """What the document says as a form."""
        return find_pairs(self._sheet)

    @cached_property
    def _finders(self) -> Mapping[str, Callable[[], Found | None]]:
        sheet, skip = self._sheet, self._table_rows
        return {
            "invoice_number": lambda: self._document_number,
            "order_number": lambda: find_number(sheet, "order_number", skip),
            "customer_number": lambda: find_number(sheet, "customer_number", skip),
            "date": lambda: find_date(sheet, skip_rows=skip),
            "due_date": lambda: find_date(sheet, "due_date", skip),
            "time": lambda: find_time(sheet),
            "currency": lambda: find_currency(sheet),
            "payment_method": lambda: find_payment_method(sheet),
            "iban": lambda: find_iban(sheet),
            "subtotal": lambda: self._amounts.subtotal,
            "tax": lambda: tax_of(self._gst) or self._amounts.tax,
            "total": lambda: self._amounts.total,
            "amount_due": lambda: self._amount_due,
            "prepaid": lambda: _positive(self._labelled("prepaid")),
            "line_sum": lambda: self._line_sum,
            "discount": lambda: self._labelled("discount"),
            "shipping": lambda: self._labelled("shipping"),
            "issuer_name": lambda: self._issuer.name,
            "issuer_address": lambda: self._issuer.address,
            "issuer_phone": lambda: self._issuer.phone,
            "issuer_email": lambda: self._issuer.email,
            "issuer_tax_id": self._tax_ids.issuer,
            "issuer_vat_id": self._tax_ids.issuer_vat_id,
            "issuer_tax_number": self._tax_ids.issuer_tax_number,
            "recipient_vat_id": self._tax_ids.recipient_vat_id,
            "recipient_name": lambda: self._recipient.name,
            "recipient_address": lambda: self._recipient.address,
            "issuer_gstin": lambda: self._gst.get(("issuer", "gstin")),
            "recipient_gstin": lambda: self._gst.get(("recipient", "gstin")),
            "issuer_country": lambda: self._country("issuer"),
            "recipient_country": lambda: self._country("recipient"),
            "issuer_pan": lambda: self._gst.get(("issuer", "pan")),
            "recipient_pan": lambda: self._gst.get(("recipient", "pan")),
            "round_off": lambda: find_round_off(sheet, skip),
            "cgst": lambda: self._gst.get(("cgst",)),
            "sgst": lambda: self._gst.get(("sgst",)),
            "igst": lambda: self._gst.get(("igst",)),
            "vat": lambda: self._tax_called("vat"),
            "sales_tax": lambda: self._tax_called("sales_tax"),
            "period_start": lambda: self._period[0] if self._period is not None else None,
            "period_end": lambda: self._period[1] if self._period is not None else None,
            "resume_name": lambda: self._resume.name,
            "resume_phone": lambda: self._resume.phone,
            "resume_summary": lambda: self._resume.summary,
            "place_of_supply": lambda: self._gst.get(("placeOfSupply",)),
        }

    @cached_property
    def _table(self) -> Table | None:
        return find_table(self._sheet, column_phrases())

    @cached_property
    def _table_rows(self) -> frozenset[int]:
        """Rows of the line items: their words label no single values."""
        return self._table.headers | self._table.body if self._table is not None else frozenset()

    @cached_property
    def _line_items(self) -> Sequence[Item]:
        return self._table.items if self._table is not None else till_items(self._sheet)

    def _items(self, field: TableField) -> Sequence[Item]:
        """Known columns are read once for all; a table with columns of its own is looked for with its own words."""
        own = {concept: leaf for concept, leaf in field.columns.items() if concept.startswith("own ")}
        if not own:
            return self._line_items
        if {"own debit", "own credit"} <= own.keys():
            return find_transactions(self._sheet)
        if "own label" in own and field.path[-1] in LISTS:
            return find_entries(self._sheet, field.path[-1])
        if field.path[-1] in PARTS and own.keys() & {"own company", "own institution"}:
            return self._resume.items(field.path[-1])
        phrases: dict[str, frozenset[str]] = dict(column_phrases())
        for concept, leaf in own.items():
            for phrase in {*leaf.phrases, squeeze(" ".join(words_of(leaf.path[-1])))}:
                phrases[phrase] = frozenset({concept})
        table = find_table(self._sheet, phrases, (NUMERIC - own.keys()) | field.numeric)
        return table.items if table is not None else ()

    @cached_property
    def _amounts(self) -> Amounts:
        totals = [item.values["line_total"].value for item in self._line_items if "line_total" in item.values]
        numbers = [total for total in totals if isinstance(total, Decimal)]
        return find_amounts(self._sheet, self._table_rows, sum(numbers, Decimal(0)) if numbers else None)

    def _tax_called(self, kind: str) -> Found | None:
        """The tax, if it is of this kind; goods and services tax is none."""
        tax = self._amounts.tax
        return tax if tax is not None and tax_of(self._gst) is None and kind_of(self._sheet, tax) == kind else None

    def _labelled(self, concept: str) -> Found | None:
        found = labelled_amounts(self._sheet, {concept: 1.0}, self._table_rows)
        return max(found, key=lambda amount: amount.score, default=None)

    @property
    def _document_number(self) -> Found | None:
        """The invoice's own; a document without one goes by its order or booking."""
        found = find_number(self._sheet, skip_rows=self._table_rows)
        order = find_number(self._sheet, "order_number", self._table_rows) if found is None else None
        return found or (order.weighted(_BORROWED) if order is not None else None)

    @property
    def _amount_due(self) -> Found | None:
        """By its label; where nothing was paid before, the total is what is due."""
        labelled = self._labelled("amount_due")
        paid = any(self._labelled(concept) for concept in ("prepaid", "paid"))
        total = self._amounts.total
        return labelled or (total.weighted(_UNNAMED_DUE) if total is not None and not paid else None)

    @property
    def _line_sum(self) -> Found | None:
        """By its label; without discounts and charges it is the subtotal."""
        labelled = self._labelled("line_sum")
        changed = any(self._labelled(concept) for concept in ("discount", "shipping"))
        subtotal = self._amounts.subtotal
        return labelled or (subtotal.weighted(_UNNAMED_DUE) if subtotal is not None and not changed else None)

    @cached_property
    def _tax_ids(self) -> TaxIds:
        return TaxIds(self._sheet, buyer_cells(self._sheet) if self._sheet.rows else ())

    @cached_property
    def _gst(self) -> Mapping[tuple[str, ...], Found]:
        return find_gst(self._sheet)

    def _country(self, who: str) -> Found | None:
        party, ids = (
            (self._issuer, self._tax_ids.issuer_vat_id)
            if who == "issuer"
            else (self._recipient, self._tax_ids.recipient_vat_id)
        )
        return find_country(gstin=self._gst.get((who, "gstin")), vat_id=ids(), address=party.address)

    @cached_property
    def _period(self) -> tuple[Found, Found] | None:
        return find_statement_period(self._sheet)

    @cached_property
    def _resume(self) -> Resume:
        return Resume(self._sheet)

    @cached_property
    def _issuer(self) -> Party:
        return find_issuer(self._sheet) if self._sheet.rows else Party()

    @cached_property
    def _recipient(self) -> Party:
        return find_recipient(self._sheet) if self._sheet.rows else Party()


def _shaped(found: Found, leaf: LeafField) -> Any:
    """The value in the JSON type that the schema asks for, or None if it cannot be."""
    value = found.value
    match leaf.type:
        case "number":
            return _number(value) if isinstance(value, Decimal) else None
        case "integer":
            whole = isinstance(value, Decimal) and value == value.to_integral_value()
            return int(value) if whole and isinstance(value, Decimal) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            text = " ".join(span.text for span in found.spans) if isinstance(value, Decimal) else value
            return text if isinstance(text, str) and text else None
        case _:
            return None


def _positive(found: Found | None) -> Found | None:
    """What is taken off is often printed with a minus."""
    return replace(found, value=abs(found.value)) if found is not None and isinstance(found.value, Decimal) else None


def _number(value: Decimal) -> int | float:
    """A JSON number: whole ones without a fraction."""
    return int(value) if value == value.to_integral_value() else float(value)


def _evidence(path: tuple[str, ...], found: Found, confidence: float) -> Evidence:
    """Words on one page: those of a value that spans two pages are shown where it starts."""
    page = found.spans[0].row.page
    spans = [span for span in found.spans if span.row.page == page]
    pointer = "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in path)
    return Evidence(
        path=pointer,
        page=page,
        box=_rounded(Box.around([span.source for span in spans])),
        words=tuple(token.text for span in spans for token in span.tokens),
        confidence=confidence,
    )


def _rounded(box: Box) -> Box:
    return Box(round(box.x, 2), round(box.y, 2), round(box.w, 2), round(box.h, 2))


def _document_order(evidence: Evidence) -> tuple[int, float, float]:
    return evidence.page, evidence.box.y, evidence.box.x
