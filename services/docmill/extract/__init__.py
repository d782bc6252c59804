"""Extracting: from pages and a JSON Schema to data, each value with the words it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from docmill.domain.flows import Category
    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Box, Page
    from docmill.extract.classify import Classification

__all__ = ["Categorizer", "Configurable", "Evidence", "Extraction", "Extractor", "Usage"]


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
    """Where the value itself is from: `page`, `einvoice` for the XML of an electronic invoice, or `llm` for the answer of a
    language model."""
    xpath: str = ""
    """Where it stands in that XML."""
    grounded: bool = True
    """Whether the words can be read as the value (`docmill.extract.grounding`); False for a value that no page shows: page 0,
    an empty box, no words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a step took of a language model."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def plus(self, input_tokens: int, output_tokens: int) -> Usage:
        """With one more call."""
        return Usage(
            model=self.model,
            input_tokens=self.input_tokens + input_tokens,
            output_tokens=self.output_tokens + output_tokens,
            calls=self.calls + 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """Schema-shaped data: values not found are absent, never invented."""

    data: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    """One for each leaf value of `data`, in document order."""
    warnings: tuple[str, ...] = ()
    """What a person should know about the values, in words."""
    usage: Usage = field(default_factory=Usage)
    agreement: Mapping[str, Any] = field(default_factory=dict)
    """How the runs of a consensus agreed, where the step wants to know it."""


class Extractor(Protocol):
    """A provider of the `extract` node (`providerRef`)."""

    name: str

    def extract(self, pages: Sequence[Page], schema: JsonObject, variables: JsonObject) -> Extraction:
        """Data that fits `schema` (an object schema), read from `pages`. Blocks; no network unless it says so."""


@runtime_checkable
class Categorizer(Protocol):
    """A provider that the `categorize` node may name as well."""

    def categorize(self, pages: Sequence[Page], categories: Sequence[Category], hint: str) -> Classification:
        """The best of `categories`; `hint` is what somebody says the document is, or empty. Blocks."""


@runtime_checkable
class Configurable(Protocol):
    """A provider that minds more of a step's `config` than its schema."""

    def configured(self, config: JsonObject) -> Extractor:
        """The provider as this step wants it."""
