"""The keys that a flow definition may have: all others are refused when it is published, for they would do nothing.

A key that docmill reads past but the documented flow format has (`reasoning`, `citations`, `promptRef` ...) is known here: flows
written for it elsewhere are taken as they are. Versions that are stored already are not looked at again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from docmill.domain.flow_nodes import CHUNK_DEFAULTS
from docmill.domain.schemas import invalid
from docmill.domain.suggestions import did_you_mean

__all__ = ["check_keys", "refuse_unknown"]

_DEFINITION = frozenset({"version", "steps", "inputValidation"})
_VALIDATION = frozenset({"acceptedFormats", "throwOnInvalid"})
_STEP = frozenset({"type", "id", "name", "nodeType", "config", "branches", "itemFlow"})
_CATEGORY = frozenset({"name", "description"})
_CONSENSUS = frozenset(
    {
        "runs",
        "strategy",
        "onTie",
        "level",
        "parallel",
        "includeMetadata",
        "retryOnFailure",
        "maxRetries",
        "threshold",
    }
)
_REASONING = frozenset({"enabled", "effort", "max_tokens", "exclude"})
_ANY_NODE = frozenset({"type"})  # the node's type once more, as stored definitions have it
_MODEL = frozenset(
    {
        "providerRef",
        "provider",
        "consensus",
        "maxTokens",
        "reasoning",
        "citations",
        "promptRef",
        "promptVariables",
        "additionalInstructions",
    }
)
"""Of every node that a provider works for."""
_CONFIG: Mapping[str, frozenset[str]] = {
    "parse": _MODEL | {"onPageFailure", "languages", "format", "chunked", "describeFigures", "includeImages"},
    "categorize": _MODEL | {"categories", "hint"},
    "split": _MODEL | {"categories", "includeOther", "schemas", "schemaRef"},
    "extract": _MODEL
    | {"schema", "byCategory", "useEmbedded", "inputMode", "preferVisual", "useOriginalSource", "includeImages"},
    "chunk": frozenset({"strategy"}.union(*CHUNK_DEFAULTS.values())),
    "combine": frozenset({"strategy"}),
    "validate": frozenset({"schema", "onInvalid"}),
    "assess": frozenset({"source"}),
    "output": frozenset({"name", "source", "transform", "fields"}),
}
_NODE_OF = {"conditional": "categorize", "forEach": "split"}
_SHOWN_FIRST = 12
"""A list of known keys that is longer helps nobody."""


def check_keys(definition: Any, path: str = "definition") -> None:
    """`InvalidArgument` with the dotted path of the first unknown key, of a definition as its author wrote it.

    What has another kind than it should is left to `parse_definition`.
    """
    if not isinstance(definition, Mapping) or "flowRef" in definition:
        return
    refuse_unknown(definition, _DEFINITION, path, "a definition")
    refuse_unknown(definition.get("inputValidation"), _VALIDATION, f"{path}.inputValidation", "'inputValidation'")
    steps = definition.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list | tuple) else ()):
        if isinstance(step, Mapping):
            _check_step(step, f"{path}.steps.{index}")


def refuse_unknown(value: Any, known: Collection[str], path: str, owner: str) -> None:
    """`InvalidArgument` for the first key of the object `value` that is not `known`. `owner` is what has them, in words."""
    if not isinstance(value, Mapping):
        return
    for key in value:
        if key not in known:
            name = str(key)
            where = f"{path}.{name}" if path else name
            raise invalid(where, f"{owner} has no such key{_instead(name, known)}")


def _instead(key: str, known: Collection[str]) -> str:
    if suggestion := did_you_mean(key, known):
        return suggestion
    return f"; it has {', '.join(sorted(known))}" if len(known) <= _SHOWN_FIRST else ""


def _check_step(step: Mapping[str, Any], path: str) -> None:
    node_type = step.get("nodeType", _NODE_OF.get(str(step.get("type"))))
    known = _CONFIG.get(node_type) if isinstance(node_type, str) else None
    config = step.get("config")
    for key in step:
        if key not in _STEP and known is not None and key in known:
            raise invalid(f"{path}.{key}", f"belongs inside the step's 'config': config: {{{key}: ...}}")
    refuse_unknown(step, _STEP, path, "a step")
    if known is not None and isinstance(config, Mapping):
        _check_config(config, str(node_type), known, f"{path}.config")
    branches = step.get("branches")
    for category, flow in branches.items() if isinstance(branches, Mapping) else ():
        check_keys(flow, f"{path}.branches.{category}")
    check_keys(step.get("itemFlow"), f"{path}.itemFlow")


def _check_config(config: Mapping[str, Any], node_type: str, known: frozenset[str], path: str) -> None:
    for key in config:
        if key in ("branches", "itemFlow"):
            raise invalid(f"{path}.{key}", "belongs beside 'config', not inside it")
    refuse_unknown(config, known | _ANY_NODE, path, f"the config of '{node_type}'")
    refuse_unknown(config.get("consensus"), _CONSENSUS, f"{path}.consensus", "'consensus'")
    refuse_unknown(config.get("reasoning"), _REASONING, f"{path}.reasoning", "'reasoning'")
    categories = config.get("categories")
    for index, category in enumerate(categories if isinstance(categories, list | tuple) else ()):
        refuse_unknown(category, _CATEGORY, f"{path}.categories.{index}", "a category")
