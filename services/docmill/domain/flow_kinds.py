"""Whether a split step and the step that sorts its documents speak of the same kinds.

A document of a stack keeps the kind that the split step found, in the first categorize or conditional step of its flow, if
that step knows the kind; else the step decides anew. Both are meant in some flows; where neither can be, it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.domain.flow_steps import DEFAULT_BRANCH, OTHER, FlowDefinition
from docmill.domain.schemas import invalid
from docmill.domain.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.flow_steps import Step

__all__ = ["check_kinds"]

_SAME_WORD = 0.85
"""Likeness of two names of which one is the other misspelt: `invoices` and `invoice`."""


def check_kinds(definition: FlowDefinition, *, branches: bool = True) -> None:
    """`InvalidArgument` for a kind of document that gets lost between a forEach step and the step that sorts its documents.

    Args:
        definition: The flow.
        branches: Also refuse branches that no document can come to. A flow that is referred to may have them: it was
            written for other uses, too.
    """
    for path, step in definition.walk():
        if not isinstance(step.item_flow, FlowDefinition):
            continue
        sorters = ((index, inner) for index, inner in enumerate(step.item_flow.steps) if inner.categories)
        for index, sorter in list(sorters)[:1]:
            where = f"{path}.itemFlow.steps.{index}"
            given, known = _names(step), _names(sorter)
            _check_known(step, given, known, where)
            if branches:
                _check_branches(step, sorter, given, where)


def _check_known(split: Step, given: Sequence[str], known: Sequence[str], path: str) -> None:
    """A step that knows some of the kinds must know all; one that knows none of them looks closer, or is misspelt."""
    missing = [name for name in given if name not in known and name != OTHER]
    alike = [name for name in missing if closest(name, known, likeness=_SAME_WORD)]
    shared = [name for name in given if name in known and name != OTHER]
    if not missing or not (shared or alike):
        return
    name = (alike or missing)[0]
    raise invalid(
        f"{path}.config.categories",
        f"'{name}' is missing, which the split step '{split.id}' gives: its documents would be taken for another category. "
        f"Use the same names in both steps{did_you_mean(name, known)}",
    )


def _check_branches(split: Step, sorter: Step, given: Sequence[str], path: str) -> None:
    possible = {*given, *((OTHER,) if split.config["includeOther"] else ())}
    if not possible <= set(_names(sorter)):  # what it does not know it tells apart by itself, as any of its categories
        return
    for name in sorter.branches:
        if name != DEFAULT_BRANCH and name not in possible:
            kinds = ", ".join(f"'{kind}'" for kind in sorted(possible))
            raise invalid(
                f"{path}.branches.{name}",
                f"no document comes here: the split step '{split.id}' gives only {kinds}. Add '{name}' to its categories "
                "or take the branch away",
            )


def _names(step: Step) -> list[str]:
    return [category.name for category in step.categories]
