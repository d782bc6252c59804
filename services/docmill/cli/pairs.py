"""Options that are given as `name=value`, several times."""

from collections.abc import Sequence
from json import JSONDecodeError, loads
from typing import Any

from docmill.cli.failures import UsageError


def pairs(given: Sequence[str] | None, option: str, what: str) -> dict[str, str]:
    """The values by name; UsageError for a word that is no pair."""
    found: dict[str, str] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {pair!r}: {what} is given as name=value")
        found[name] = value
    return found


def variables(given: Sequence[str] | None) -> dict[str, Any] | None:
    """A flow's variables: each value is JSON, or text where it is none."""
    return {name: _value(value) for name, value in pairs(given, "--var", "a variable").items()} or None


def _value(text: str) -> Any:
    try:
        return loads(text)
    except JSONDecodeError:
        return text
