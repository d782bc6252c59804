"""Extracting: from pages and a JSON Schema to data, each value with the words it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Box, Page

__all__ = ["Evidence", "Extraction", "Extractor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where a leaf value was read."""

    path: str
    """JSON pointer (RFC 6901) into the data, e.g. `/lineItems/0/total`."""
    page: int
    """1-based; 0 for a value that no page shows."""
    box: Box
    """Around the words, in the page's unit."""
    words: tuple[str, ...]
    """As read."""
    confidence: float
    """0 to 1."""
    source: str = "page"
    """Where the value itself is from: `page`, or `einvoice` for the XML of an electronic invoice."""
    xpath: str = ""
    """Where it stands in that XML."""
    grounded: bool = True
    """Whether the words say the value; False for a value of the XML that no page shows: page 0, an empty box, no words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """Schema-shaped data: values not found are absent, never invented."""

    data: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    """One for each leaf value of `data`, in document order."""
    warnings: tuple[str, ...] = ()
    """What a person should know about the values, in words."""


class Extractor(Protocol):
    """A provider of the `extract` node (`providerRef`)."""

    name: str

    def extract(self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject) -> Extraction:
        """Data that fits `schema` (an object schema), read from `pages`. Blocks; no network unless it says so."""
