"""Extracting with a language model behind any server that speaks OpenAI's chat completions.

`provider` asks and reads answers, without a network; `client` speaks with the server. They meet in `Chat`: a worker's
child puts the question, the worker itself calls the server, and the key stays there (docs/adr/0018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from docmill.domain.errors import DocmillError
from docmill.domain.models import JsonObject

__all__ = ["Answer", "Chat", "Question"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model is asked, once for each of `seeds`."""

    system: str
    text: str
    schema: JsonObject
    """What the answer must fit; see `docmill.extract.llm.schema.strict`."""
    model: str
    max_tokens: int
    """Of one answer."""
    seeds: tuple[int, ...] = (0,)
    temperature: float = 0.0
    effort: str = ""
    """`low`, `medium` or `high` for models that reason, or empty."""
    parallel: bool = True

    def to_json(self) -> dict[str, Any]:
        """For the way from a worker's child to the worker."""
        return {**asdict(self), "seeds": list(self.seeds)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said."""

    text: str
    cut: bool = False
    """It had no more tokens to go on."""
    input_tokens: int = 0
    output_tokens: int = 0


Chat = Callable[[Question], Sequence[Answer | DocmillError]]
"""Blocks until there is an answer, or why there is none, for each seed."""
