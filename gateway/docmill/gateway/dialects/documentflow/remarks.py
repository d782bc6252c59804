"""What a run says of its data beside it: warnings, and the values that a person should look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.gateway.dialects.documentflow.names import LINE, META, PARTY, PAYMENT, TOTALS, Names, snake

__all__ = ["Remarks"]

_SIDES = {"issuer": "vendor", "recipient": "buyer"}
_DOCUMENT_NUMBER = {"document_number": "number"}
"""What `invoice_number` is called where the document is no invoice."""

Place = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """Beside the data of one document."""

    notices: Sequence[str] = ()
    """Warnings of the run."""
    unsure: Sequence[str] = ()
    """JSON pointers of values in the canonical form, the least sure first."""

    def lines(self, shown: Mapping[str, Any]) -> list[str]:
        """Each as `code: detail`, for the blocks that are `shown`; values that stand in none of them are left out."""
        places = [place for pointer in self.unsure if (place := _shown_at(pointer, shown))]
        return [
            *(f"notice: {notice}" for notice in self.notices),
            *(f"unsure_value: {_written(place)}" for place in dict.fromkeys(places)),
        ]


def _shown_at(pointer: str, shown: Mapping[str, Any]) -> Place | None:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return next((place for place in _places(parts) if _is_there(shown, place)), None)


def _places(parts: Sequence[str]) -> Iterator[Place]:
    """Where a value of the canonical form may stand on this surface."""
    match parts:
        case [("issuer" | "recipient") as side, name]:
            yield from ((_SIDES[side], key) for key in _keys(PARTY, name))
        case ["lineItems", index, name] if index.isdecimal():
            yield from (("financial", "line_items", int(index), key) for key in _keys(LINE, name))
        case ["sections", *rest]:
            yield tuple(int(part) if part.isdecimal() else snake(part) for part in rest)
        case ["fields", name]:
            yield ("extracted_fields", name)
        case [name]:
            yield from (("document_meta", key) for names in (META, _DOCUMENT_NUMBER) for key in _keys(names, name))
            yield from (("financial", "totals", key) for key in _keys(TOTALS, name))
            yield from (("financial", "payment", key) for key in _keys(PAYMENT, name))


def _keys(names: Names, theirs: str) -> Iterator[str]:
    return (name for name, canonical in names.items() if canonical == theirs)


def _is_there(value: Any, place: Place) -> bool:
    for key in place:
        if isinstance(key, int):
            found = isinstance(value, list) and key < len(value)
        else:
            found = isinstance(value, Mapping) and key in value
        if not found:
            return False
        value = value[key]
    return True


def _written(place: Place) -> str:
    """`financial.line_items[2].total`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
