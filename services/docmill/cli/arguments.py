"""What commands are given, checked and turned into values: documents, JSON objects, and pairs `name=value`."""

from collections.abc import Sequence
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any

from docmill.cli.failures import UsageError

FLOW_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def check_files(files: Sequence[Path]) -> None:
    """UsageError for what is no file."""
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise UsageError(f"no such file: {', '.join(missing)}")
    folders = [str(file) for file in files if file.is_dir()]
    if folders:
        raise UsageError(f"this is a folder: {', '.join(folders)}; name the files in it, e.g. {folders[0]}/*.pdf")


def check_flow_id(flow: str, otherwise: str = "") -> None:
    """UsageError for a flow file where the id of a flow is wanted; `otherwise` is what else could be done with the file."""
    path = Path(flow)
    if path.suffix.lower() in FLOW_SUFFIXES or ("/" in flow and path.is_file()):
        gone = "" if path.is_file() else " (and there is no such file)"
        raise UsageError(
            f"{flow} is a flow file{gone}, not the id of a flow: publish it with `docmill flows apply {flow}`, "
            f"then name its id{otherwise}"
        )


def json_object(text: str, option: str) -> dict[str, Any]:
    """The JSON object that an option gives; UsageError for anything else."""
    try:
        value = loads(text)
    except JSONDecodeError as error:
        raise UsageError(f"{option} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{option} must be a JSON object")
    return value


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
