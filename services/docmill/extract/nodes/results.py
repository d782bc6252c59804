"""What steps make, and the algebra of it: put under a name, join, merge. Evidence follows its values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import Reason, WorkFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from docmill.domain.models import JsonObject
    from docmill.extract import Evidence

__all__ = ["Result", "listed", "merged", "named", "under"]


@dataclass(frozen=True, slots=True)
class Result:
    """What a step made; paths of the evidence point into `value`."""

    value: Any
    evidence: tuple[Evidence, ...] = ()
    warnings: tuple[str, ...] = ()
    schema: JsonObject = field(default_factory=dict)
    """What the value should fit, as far as its step knows."""
    items: tuple[Result, ...] | None = None
    """The results that a list was made of: one for each chunk, or for each document that went well."""


def under(name: str, result: Result) -> tuple[Evidence, ...]:
    """The evidence with its paths one level deeper."""
    prefix = f"/{name.replace('~', '~0').replace('/', '~1')}"
    return tuple(replace(evidence, path=f"{prefix}{evidence.path}") for evidence in result.evidence)


def named(results: Sequence[tuple[str, Result]]) -> Result:
    """An object with each result under its name."""
    value = {name: result.value for name, result in results}
    return Result(value, tuple(evidence for name, result in results for evidence in under(name, result)))


def listed(results: Iterable[Result]) -> Result:
    """A list of the results, in order."""
    items = tuple(results)
    evidence = tuple(each for index, item in enumerate(items) for each in under(str(index), item))
    warnings = tuple(dict.fromkeys(warning for item in items for warning in item.warnings))
    schemas = [item.schema for item in items]
    schema = {"type": "array", "items": schemas[0]} if schemas and all(each == schemas[0] for each in schemas) else {}
    return Result([item.value for item in items], evidence, warnings, schema if schemas and schemas[0] else {}, items)


def merged(results: Iterable[Result]) -> Result:
    """Objects merged in order: a later one wins a name."""
    value: dict[str, Any] = {}
    evidence: list[Evidence] = []
    for result in results:
        if not isinstance(result.value, dict):
            raise WorkFailed(Reason.EXTRACTION_FAILED, "Only objects can be merged or picked from")
        lost = {name for name in result.value if name in value}
        evidence = [each for each in evidence if first_name(each.path) not in lost]
        value.update(result.value)
        evidence.extend(result.evidence)
    return Result(value, tuple(evidence))


def first_name(path: str) -> str:
    """The name that a JSON pointer (RFC 6901) begins with."""
    return path.split("/")[1].replace("~1", "/").replace("~0", "~")
