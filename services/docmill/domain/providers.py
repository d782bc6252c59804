"""What a `providerRef` means: a label of this installation (`layout`, `llm`), or `vendor:model` for a language model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docmill.domain.schemas import invalid

__all__ = ["LLM", "calls_llm", "check_model_options", "model_of", "references"]

LLM = "llm"
"""The language model of this installation."""


_EFFORTS = ("low", "medium", "high")
_MOST_TOKENS = 128_000


def check_model_options(config: Mapping[str, Any], path: str) -> None:
    """`InvalidArgument` unless `maxTokens` and `reasoning` of a step are as documented. Only language models mind them."""
    tokens = config.get("maxTokens", 1)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 1 <= tokens <= _MOST_TOKENS:
        raise invalid(f"{path}.maxTokens", f"must be a whole number from 1 to {_MOST_TOKENS}")
    reasoning = config.get("reasoning", {})
    if not isinstance(reasoning, Mapping):
        raise invalid(f"{path}.reasoning", "must be an object")
    if "effort" in reasoning and reasoning["effort"] not in _EFFORTS:
        raise invalid(f"{path}.reasoning.effort", f"must be one of {', '.join(_EFFORTS)}")


def model_of(reference: str, models: Sequence[str]) -> str | None:
    """Which of the installation's `models` a `providerRef` names; None for a provider that is none of them.

    `llm` is the first one; `vendor:model` the one called `model` or, as routers of several vendors have it, `vendor/model`.
    """
    if reference == LLM:
        return models[0] if models else None
    vendor, colon, model = reference.partition(":")
    if not colon:
        return None
    return next((name for name in (model, f"{vendor}/{model}") if name in models), None)


def calls_llm(definition: Any) -> bool:
    """Whether any step of a flow's definition, however deep, names a language model."""
    return any(reference == LLM or ":" in reference for reference in references(definition))


def references(node: Any) -> Iterator[str]:
    """Every `providerRef`, in the steps and in flows within them; schemas are not looked into."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            if name == "providerRef" and isinstance(child, str):
                yield child
            elif name != "schema":
                yield from references(child)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from references(child)
