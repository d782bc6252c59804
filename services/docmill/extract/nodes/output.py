"""The output node: which results the flow gives, and in what shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docmill.extract.nodes.results import Result, first_name, listed, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["shaped"]


def shaped(sources: Sequence[Result], transform: str | None, fields: Sequence[str]) -> Result:
    """One source as it is, several as a list, unless a transform says otherwise."""
    match transform:
        case "first":
            return sources[0]
        case "last":
            return sources[-1]
        case "merge":
            return merged(sources)
        case "pick":
            whole = merged(sources)
            kept = tuple(each for each in whole.evidence if first_name(each.path) in fields)
            return Result({name: whole.value[name] for name in fields if name in whole.value}, kept)
        case _:
            return sources[0] if len(sources) == 1 else listed(sources)
