"""What may follow what in a flow, and what steps may refer to: the connection rules of stored definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from docmill.domain.schemas import invalid

if TYPE_CHECKING:
    from docmill.domain.flow_steps import Step

__all__ = ["check_item_flow_start", "check_order", "check_sources"]

_MAY_FOLLOW: Mapping[str, frozenset[str]] = {
    "parse": frozenset({"categorize", "extract", "chunk", "output"}),
    "split": frozenset({"output"}),
    "forEach": frozenset({"combine", "output"}),
    "categorize": frozenset({"parse", "categorize", "extract", "output"}),
    "conditional": frozenset({"combine", "output"}),
    "extract": frozenset({"combine", "validate", "assess", "output"}),
    "chunk": frozenset({"extract", "output"}),
    "combine": frozenset({"parse", "categorize", "extract", "chunk", "validate", "assess", "output"}),
    "validate": frozenset({"combine", "assess", "output"}),
    "assess": frozenset({"output"}),
    "output": frozenset({"output"}),
}
"""By node type, or by the type of a step with flows inside: a conditional is a `categorize` for what it may follow, but
its result is that of a branch."""
_STARTS = frozenset({"parse", "categorize", "extract", "split"})
_ITEM_STARTS = frozenset({"parse", "categorize", "extract"})
_HINTS = {
    "split": "it divides the document itself, so it comes first; a 'parse' step may stand in the item flow",
    "combine": "put it after 'extract' (of chunks) or a forEach step",
    "chunk": "put a 'parse' step right before it",
}


def check_order(steps: Sequence[Step], path: str) -> None:
    """Unique ids, one parse step at most, and only the documented connections."""
    seen: set[str] = set()
    for index, step in enumerate(steps):
        where = f"{path}.steps.{index}"
        if step.id in seen:
            raise invalid(f"{where}.id", f"'{step.id}' is the id of an earlier step")
        seen.add(step.id)
        if index and step.node_type not in _MAY_FOLLOW[_source(steps[index - 1])]:
            hint = f": {_HINTS[step.node_type]}" if step.node_type in _HINTS else ""
            raise invalid(f"{where}.nodeType", f"'{step.node_type}' cannot follow '{_source(steps[index - 1])}'{hint}")
        if step.node_type == "parse" and any(other.node_type == "parse" for other in steps[:index]):
            raise invalid(f"{where}.nodeType", "a flow reads its pages once: one 'parse' step")
    first = steps[0].node_type
    if first not in _STARTS:
        hint = f": {_HINTS[first]}" if first in _HINTS else ""
        raise invalid(f"{path}.steps.0.nodeType", f"a flow cannot start with '{first}'{hint}")


def check_item_flow_start(first: Step, path: str) -> None:
    """The flow of a forEach gets one document, not a stack."""
    if first.node_type == "split":
        raise invalid(
            f"{path}.steps.0.nodeType",
            "an item flow cannot start with 'split': it gets one document, which the forEach step around it has taken out of "
            "the stack already; name all kinds in the 'categories' of that step",
        )
    if first.node_type not in _ITEM_STARTS:
        starts = ", ".join(sorted(_ITEM_STARTS))
        raise invalid(f"{path}.steps.0.nodeType", f"an item flow cannot start with '{first.node_type}'; use {starts}")


def check_sources(steps: Sequence[Step], path: str) -> None:
    """Outputs and assessments take what earlier steps made; names of several outputs differ."""
    names: set[str] = set()
    for index, step in enumerate(steps):
        where = f"{path}.steps.{index}.config"
        earlier = {other.id for other in steps[:index]}
        for source in step.sources:
            if source not in earlier:
                raise invalid(f"{where}.source", f"'{source}' is no earlier step of the same flow")
        if step.node_type != "output":
            continue
        name = str(step.config.get("name") or step.id)
        if name in names:
            raise invalid(f"{where}.name", f"'{name}' is the name of an earlier output")
        names.add(name)


def _source(step: Step) -> str:
    return step.node_type if step.type == "step" else step.type
