"""Values of a definition that has no type yet: what they must be, or `InvalidArgument` with the dotted path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from docmill.domain.schemas import invalid

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["as_choice", "as_flag", "as_object", "as_string", "as_strings", "as_whole"]


def as_object(value: Any, path: str) -> JsonObject:
    """`value` if it is a JSON object."""
    if not isinstance(value, Mapping):
        raise invalid(path, "must be an object")
    return value


def as_string(value: Any, path: str) -> str:
    """`value` if it is a string."""
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def as_strings(value: Any, path: str) -> tuple[str, ...]:
    """The strings of a list."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        raise invalid(path, "must be a list of strings")
    return tuple(value)


def as_flag(value: Any, path: str) -> bool:
    """`value` if it is true or false."""
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def as_whole(value: Any, path: str, *, least: int, most: int) -> int:
    """A whole number within limits; 3.0 is one, for numbers lose their kind on the way through a message."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise invalid(path, f"must be a whole number from {least} to {most}")
    return number


def as_choice(value: Any, path: str, choices: Sequence[str]) -> str:
    """One of `choices`."""
    if value not in choices:
        quoted = [f"'{choice}'" for choice in choices]
        raise invalid(path, f"must be {', '.join(quoted[:-1])} or {quoted[-1]}")
    return str(value)
