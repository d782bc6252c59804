"""What the client gives back about flows, and takes to create one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSummary:
    """A flow in a list, at its current version."""

    id: str
    name: str
    description: str
    version: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    input_schema: JsonObject = field(default_factory=dict)
    """JSON Schema of the variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """What a flow accepts."""

    supported_formats: Sequence[str]
    """Media types."""
    max_file_size_mb: int = 50
    max_pages: int = 500
    estimated_credits_per_page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One version of a flow: a recipe that turns a document into data."""

    id: str
    name: str
    description: str
    version: str
    versions: Sequence[str]
    """All of them, ascending."""
    config: FlowConfig
    input_schema: JsonObject = field(default_factory=dict)
    """JSON Schema of the variables."""
    output_schema: JsonObject = field(default_factory=dict)
    """JSON Schema of a run's output."""
    definition: JsonObject = field(default_factory=dict)
    """The recipe."""
    hidden: bool = False
    """Left out of lists; runs by its id."""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run would cost."""

    flow_id: str
    version: str
    page_count: int
    credits: int
    """0 for test keys."""
    available: int | None = None
    """Credits free to be used now; None for test keys."""
    sufficient: bool = True
    """Whether the run would be accepted as far as credits go."""
