"""A schema filled from an electronic invoice; what its XML does not say comes from the pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import Reason, WorkFailed
from docmill.domain.pages import Box
from docmill.extract import Evidence, Extraction, Extractor
from docmill.extract.einvoice.choose import choose
from docmill.extract.einvoice.compare import Comparison, Leaf
from docmill.extract.einvoice.names import meaning_of
from docmill.extract.einvoice.read import inconsistencies
from docmill.extract.fields import LeafField, TableField, bind
from docmill.extract.shape import in_order, put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page
    from docmill.extract.einvoice.values import Invoice, Value

__all__ = ["EInvoiceExtractor"]

_DOUBTFUL = 0.8  # confidence of amounts that do not add up
_OF_LINE_ITEMS = {"description", "quantity", "unit_price", "code"}  # a table with none of these is about something else


@dataclass(slots=True)
class EInvoiceExtractor:
    """Implements `docmill.extract.Extractor` over the XML `files` of one document."""

    files: Sequence[EmbeddedFile]
    fallback: Extractor | None
    """Reads the pages when no file is an invoice that can be read; None makes that an error."""
    gaps: Extractor | None
    """Reads from the pages what the XML does not say."""
    name: str = "einvoice"

    def extract(self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject) -> Extraction:
        """Data that fits `schema`, with a warning for each value that the pages do not show as the XML has it.

        Raises `WorkFailed` without an invoice and without a `fallback`.
        """
        invoice, notes = choose(self.files)
        if invoice is None:
            return self._from_pages(pages, schema, variables, notes)
        seen = self.gaps.extract(pages, schema, variables) if self.gaps is not None else Extraction()
        is_document = any(not file.name for file in self.files)
        filling = _Filling(invoice, Comparison(pages, seen, invoice, is_document=is_document))
        binding = bind(schema)
        for leaf in binding.leaves:
            filling.leaf(leaf)
        for table in binding.tables:
            filling.table(table)
        for path in [field.path for field in binding.lists] + [field.path for field in binding.maps]:
            filling.take_over(path)
        warnings = (*notes, *seen.warnings, *filling.comparison.warnings)
        return Extraction(data=in_order(filling.data, schema), evidence=tuple(filling.evidence), warnings=warnings)

    def _from_pages(
        self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject, notes: Sequence[str]
    ) -> Extraction:
        if self.fallback is None:
            why = "; ".join(notes) or "The document carries no electronic invoice (CII or UBL)"
            raise WorkFailed(Reason.EXTRACTION_FAILED, why)
        extraction = self.fallback.extract(pages, schema, variables)
        return replace(extraction, warnings=(*notes, *extraction.warnings))


class _Filling:
    """The data so far."""

    def __init__(self, invoice: Invoice, comparison: Comparison) -> None:
        self._invoice = invoice
        self._adds_up = not inconsistencies(invoice)
        self.comparison = comparison
        self.data: dict[str, Any] = {}
        self.evidence: list[Evidence] = []

    def leaf(self, leaf: LeafField) -> None:
        meaning = meaning_of(leaf)
        value = self._invoice.values.get(meaning)
        shaped = _shaped(value, leaf.schema) if value is not None else None
        if value is None or shaped is None:
            self.take_over(leaf.path)
            return
        put(self.data, leaf.path, shaped)
        self._prove(Leaf(leaf.path, meaning, value, shaped))

    def table(self, table: TableField) -> None:
        if not self._invoice.lines or not table.columns.keys() & _OF_LINE_ITEMS:
            self.take_over(table.path)
            return
        rows: list[dict[str, Any]] = []
        for line in self._invoice.lines:
            row, leaves = self._row(table, line, len(rows))
            if row:
                rows.append(row)
                self.comparison.begin_line(line)
                for leaf in leaves:
                    self._prove(leaf)
        self.comparison.end_lines()
        if rows:
            put(self.data, table.path, rows)

    @staticmethod
    def _row(table: TableField, line: Mapping[str, Value], index: int) -> tuple[dict[str, Any], list[Leaf]]:
        row: dict[str, Any] = {}
        leaves: list[Leaf] = []
        for concept, column in table.columns.items():
            value = line.get(concept)
            shaped = _shaped(value, column.schema) if value is not None else None
            if value is not None and shaped is not None:
                name = column.path[-1]
                row[name] = shaped
                leaves.append(Leaf((*table.path, str(index), name), concept, value, shaped))
        return row, leaves

    def _prove(self, leaf: Leaf) -> None:
        place = self.comparison.place(leaf)
        sure = self._adds_up or not isinstance(leaf.value.value, Decimal)
        self.evidence.append(
            Evidence(
                path=leaf.pointer,
                page=place.page if place else 0,
                box=place.box if place else Box(0.0, 0.0, 0.0, 0.0),
                words=place.words if place else (),
                confidence=1.0 if sure else _DOUBTFUL,
                source="einvoice",
                xpath=leaf.value.xpath,
                grounded=place is not None,
            )
        )

    def take_over(self, path: tuple[str, ...]) -> None:
        """What the pages say where the XML says nothing."""
        value, evidence = self.comparison.seen_at(path)
        if value is not None:
            put(self.data, path, value)
            self.evidence.extend(evidence)


def _shaped(value: Value, schema: JsonObject) -> Any:
    """The value in the JSON type that the schema asks for, or None if it cannot be."""
    raw = value.value
    shaped: Any = None
    match schema.get("type", "string"):
        case "number" if isinstance(raw, Decimal):
            shaped = int(raw) if raw == raw.to_integral_value() else float(raw)
        case "integer" if isinstance(raw, Decimal) and raw == raw.to_integral_value():
            shaped = int(raw)
        case "string":
            shaped = f"{raw:f}" if isinstance(raw, Decimal) else raw.isoformat() if isinstance(raw, date) else raw
        case _:
            return None
    return shaped if shaped in schema.get("enum", [shaped]) else None
