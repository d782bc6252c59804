"""Where a language model's server is, and what a call of it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["LlmOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmOptions:
    """A server and its models."""

    base_url: str
    """With the version: `https://api.openai.com/v1`."""
    models: Sequence[str]
    """The first is what `llm` means."""
    api_key: str = field(default="", repr=False)
    timeout: float = 120.0
    """Seconds of one attempt to get an answer."""
    max_answer: int = 2 * 1024 * 1024
    """Bytes of an answer."""
    parallel: int = 8
    """Calls at the same time."""
