"""What the XML says beside what the pages show: a place for each value, a warning for each that differs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from docmill.extract.places import Place, Shown, around, nearest
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.pages import Page
    from docmill.extract import Evidence, Extraction
    from docmill.extract.einvoice.values import Invoice, Value
    from docmill.xml_tree import Element

__all__ = ["Comparison", "Leaf"]

_NOT_FOR_READERS = {"document_type_code", "unit", "tax_rate", "position", "payment_terms", "payment_method", "details",
                    "buyer_reference", "code"}  # fmt: skip
"""Codes, and texts that a page words as it likes: their absence from the page is no mismatch."""
_MOST_WARNINGS, _LONGEST = 100, 200  # of a document; characters of a value in one
_COUNTRY_CODE = 2  # letters; pages name the country, or leave it out


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value on its way into the data."""

    path: tuple[str, ...]
    meaning: str
    value: Value
    shaped: Any
    """As the data has it."""

    @property
    def pointer(self) -> str:
        """JSON pointer."""
        return _pointer(self.path)

    @property
    def text(self) -> str:
        """For people."""
        raw = self.value.value
        return f"{raw:f}" if isinstance(raw, Decimal) else raw.isoformat() if isinstance(raw, date) else raw


class Comparison:
    """One invoice beside its pages. `seen` is what another extractor read from them."""

    def __init__(self, pages: Sequence[Page], seen: Extraction, invoice: Invoice, *, is_document: bool) -> None:
        self._shown = Shown(pages)
        self._sheet = _Sheet(pages) if is_document else None
        self._seen = seen
        self._proofs = {evidence.path: evidence for evidence in seen.evidence}
        self._invoice = invoice
        self._line: Place | None = None
        self._lines: set[Place] = set()
        self._warnings: list[str] = []
        if self._shown.empty:
            self._warnings.append(
                "No page shows any text: the electronic invoice could not be compared with what people see"
            )

    @property
    def warnings(self) -> list[str]:
        """As many as people read, and how many more there are."""
        more = len(self._warnings) - _MOST_WARNINGS
        return self._warnings[:_MOST_WARNINGS] + (
            [f"{more} more values differ from what the pages show"] if more > 0 else []
        )

    def begin_line(self, line: Mapping[str, Value]) -> None:
        """The values that follow are of this line item: they stand near its description."""
        description = line.get("description")
        found = self._shown.find(description.value) if description is not None else []
        self._line = next((place for place in found if place not in self._lines), None)
        if self._line is not None:
            self._lines.add(self._line)

    def end_lines(self) -> None:
        """The values that follow are of the whole invoice."""
        self._line = None

    def seen_at(self, path: tuple[str, ...]) -> tuple[Any, list[Evidence]]:
        """What the other extractor read for a field, and where."""
        value: Any = self._seen.data
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        pointer = _pointer(path)
        return value, [e for e in self._seen.evidence if e.path == pointer or e.path.startswith(f"{pointer}/")]

    def place(self, leaf: Leaf) -> Place | None:
        """Where the pages show the value; a warning if they should and do not."""
        if self._sheet is not None:
            return self._sheet.place(leaf.value)
        proof, seen = self._proofs.get(leaf.pointer), self._seen_value(leaf.path)
        if proof is not None and _same(seen, leaf.shaped):
            return Place(proof.page, proof.box, proof.words)
        place = self._find(leaf)
        if place is None and not self._shown.empty and leaf.meaning not in _NOT_FOR_READERS and leaf.value.value != 0:
            instead = (
                "which no page shows" if seen is None or proof is None else f"the page shows {' '.join(proof.words)}"
            )
            self._warnings.append(
                f"{leaf.pointer}: the {self._invoice.syntax} file says {_cut(leaf.text)}, {_cut(instead)}"
            )
        return place

    def _seen_value(self, path: tuple[str, ...]) -> Any:
        if any(part.isdigit() for part in path):
            return None  # rows of the page need not be those of the XML
        return self.seen_at(path)[0]

    def _find(self, leaf: Leaf) -> Place | None:
        if leaf.meaning == "currency":
            places = self._shown.currency(leaf.text) or self._shown.words(leaf.text)
        elif len(leaf.value.elements) > 1 and isinstance(leaf.value.value, str):
            return self._parts(leaf.value.elements)
        elif leaf.meaning == "tax_rate" and isinstance(leaf.value.value, Decimal):
            places = self._shown.rate(leaf.value.value)
        else:
            places = self._shown.find(leaf.value.value)
        if not places:
            return None
        if self._line is not None:
            return self._line if leaf.meaning == "description" else nearest(places, self._line)
        return places[-1] if isinstance(leaf.value.value, Decimal) else places[0]  # totals stand below what they sum up

    def _parts(self, elements: Sequence[Element]) -> Place | None:
        """An address: all of its parts, near the first one."""
        found: list[Place] = []
        for element in elements:
            places = self._shown.words(element.text)
            if places:
                found.append(nearest(places, found[0]) if found else places[0])
            elif not (len(element.text) == _COUNTRY_CODE and element.text.isalpha()):
                return None
        return around(found) if found else None


class _Sheet:
    """The page of an XML document: one line for each element with text, whose last words are that text."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._lines = [(page.number, line) for page in pages for line in page.lines]
        self._index: dict[Element, int] = {}

    def place(self, value: Value) -> Place | None:
        if not self._index:
            root = value.elements[0]
            while root.parent is not None:
                root = root.parent
            self._index = {element: index for index, element in enumerate(root.leaves())}
        found = [place for element in value.elements if (place := self._of(element)) is not None]
        if not found or (isinstance(value.value, str) and squeeze(value.value) != squeeze("".join(_words(found)))):
            return None  # an attribute: the words are those of another value
        return around(found)

    def _of(self, element: Element) -> Place | None:
        index = self._index.get(element, len(self._lines))
        if index >= len(self._lines):
            return None
        page, line = self._lines[index]
        words = line.words[-len(element.text.split()) :]
        box = line.box.around([word.box for word in words])
        return Place(page, box, tuple(word.text for word in words))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _words(places: Sequence[Place]) -> list[str]:
    return [word for place in places for word in place.words]


def _same(seen: Any, said: Any) -> bool:
    if isinstance(seen, str) and isinstance(said, str):
        return squeeze(seen) == squeeze(said)
    return type(seen) is not str and bool(seen == said)


def _pointer(path: tuple[str, ...]) -> str:
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in path)
