"""Which of the files in a document is its invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.extract.einvoice.read import NotAnInvoice, inconsistencies, read_invoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.einvoices import EmbeddedFile
    from docmill.extract.einvoice.values import Invoice

__all__ = ["choose"]

_NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
"""What the standards call the file, newest first; others are looked at after these."""
_COMPARED = ("invoice_number", "date", "total")


def choose(files: Sequence[EmbeddedFile]) -> tuple[Invoice | None, list[str]]:
    """The invoice that counts, or None, and what a person should know about the files."""
    found: list[tuple[EmbeddedFile, Invoice]] = []
    notes: list[str] = []
    for file in sorted(files, key=_rank):
        try:
            if file.problem:
                raise NotAnInvoice(file.problem)
            found.append((file, read_invoice(file.data)))
        except NotAnInvoice as error:
            if file.name == "*":
                notes.append(f"Whether the document carries an electronic invoice is not known: {error}")
            elif _rank(file) < len(_NAMES) or not file.name:
                notes.append(f"The electronic invoice{_named(file)} was not used: {error}")
    if not found:
        return None, notes
    first, invoice = found[0]
    for other, another in found[1:]:
        differing = [name for name in _COMPARED if another.values[name].value != invoice.values[name].value]
        if differing:
            words = ", ".join(name.replace("_", " ") for name in differing)
            notes.append(f"The invoice{_named(other)} is another one than{_named(first)} (by {words}); it was not used")
        else:
            notes.append(f"The document carries the invoice twice;{_named(first)} was used,{_named(other)} was not")
    notes.extend(f"The electronic invoice{_named(first)} does not add up: {each}" for each in inconsistencies(invoice))
    return invoice, notes


def _rank(file: EmbeddedFile) -> int:
    name = file.name.lower()
    return _NAMES.index(name) if name in _NAMES else len(_NAMES)


def _named(file: EmbeddedFile) -> str:
    return f" '{file.name}'" if file.name else ""
