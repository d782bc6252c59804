"""What a dialect shows in another form than the descriptors say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

__all__ = ["Operation", "Overlay", "Schema"]

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation in the dialect's own form; None leaves what the descriptors say."""

    request: Schema | None = None
    """Content of the request body, by media type."""
    response: Schema | None = None
    """Content of the answer, by media type."""
    parameters: Sequence[Schema] | None = None
    """Query and header parameters, in place of those of the descriptors."""
    empty: str = ""
    """When the answer may be 204, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A dialect's documentation, beside the descriptors."""

    title: str
    description: str
    words: Callable[[EnumDescriptor], Sequence[str]]
    """How the values of an enum are written."""
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    """Components of the dialect's own, or in place of messages (by their short name)."""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    """By the name of the method."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """Statuses any operation may answer with, and when."""
    error: Schema = field(default_factory=dict)
    """Body of those answers."""
    headers: Mapping[str, Schema] = field(default_factory=dict)
    """Headers of every answer."""
