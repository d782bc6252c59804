"""The combine node: one result from the results of chunks or of the documents of a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from docmill.extract.nodes.results import Result, listed, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.extract import Evidence

__all__ = ["combine"]


def combine(before: Result, strategy: str) -> Result:
    """`merge`, `concatenate`, `first` or `last` of what `before` is a list of; a result alone is a list of one.

    merge: lists become one list, objects one object in which the later value of a name wins, a mixture stays a list.
    first and last: of the results that are not null; null without any.
    """
    items = [replace(item, warnings=()) for item in _items(before)]
    match strategy:
        case "concatenate":
            return listed(items)
        case "merge":
            return _merge(items)
        case _:
            there = [item for item in items if item.value is not None]
            return there[0 if strategy == "first" else -1] if there else Result(None)


def _items(before: Result) -> Sequence[Result]:
    if before.items is not None:
        return before.items
    if not isinstance(before.value, list):
        return [before]
    return [Result(value, _evidence_of(before, index)) for index, value in enumerate(before.value)]


def _evidence_of(result: Result, index: int) -> tuple[Evidence, ...]:
    """What belongs to one value of a list, with its paths one level higher."""
    prefix = f"/{index}"
    return tuple(
        replace(each, path=each.path[len(prefix) :])
        for each in result.evidence
        if each.path == prefix or each.path.startswith(f"{prefix}/")
    )


def _merge(items: Sequence[Result]) -> Result:
    if items and all(isinstance(item.value, dict) for item in items):
        same = all(item.schema == items[0].schema for item in items)
        return replace(merged(items), schema=items[0].schema if same else {})
    if items and all(isinstance(item.value, list) for item in items):
        return _flat(items)
    return listed(items)


def _flat(items: Sequence[Result]) -> Result:
    """Lists one after the other."""
    values: list[Any] = []
    evidence: list[Evidence] = []
    for item in items:
        for index, value in enumerate(item.value):
            evidence.extend(replace(each, path=f"/{len(values)}{each.path}") for each in _evidence_of(item, index))
            values.append(value)
    return Result(values, tuple(evidence))
