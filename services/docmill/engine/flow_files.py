"""Flow files: YAML (or JSON) with one or several versions of flows, and the ones that come with docmill."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.flow_specs import FlowSpec, parse_flow

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["builtin_flows", "load_flow_files"]

_MAX_BYTES = 1024 * 1024
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def load_flow_files(paths: Iterable[Path]) -> tuple[FlowSpec, ...]:
    """Every flow version in the files (and in the files of the folders) at `paths`, in order.

    A file holds one version per YAML document. `InvalidArgument` names file, document and field of what is wrong;
    so does one version that is there twice.
    """
    specs: dict[tuple[str, str], FlowSpec] = {}
    for path in _files(paths):
        for number, document in enumerate(_documents(path), start=1):
            spec = _spec(document, path, number)
            if (spec.id, spec.version) in specs:
                message = f"{path}, document {number}: {spec.id} {spec.version} was defined before"
                raise InvalidArgument(Reason.FIELD_INVALID, message, {"file": str(path), "field": "version"})
            specs[spec.id, spec.version] = spec
    return tuple(specs.values())


@cache
def builtin_flows() -> tuple[FlowSpec, ...]:
    """The flows that come with docmill."""
    return load_flow_files([_builtin_folder()])


def _builtin_folder() -> Path:
    """`docmill/flows` of the installed package, or `flows` of the checkout that an editable install points to."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "flows", package.parents[1] / "flows"):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the flows that come with docmill are missing; install docmill again")


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(child for child in path.iterdir() if child.suffix in _SUFFIXES)
        else:
            yield path


def _documents(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unreadable(path, "is larger than 1 MiB")
        return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document is not None]
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(path, f"is not YAML: {error}") from error


def _spec(document: Any, path: Path, number: int) -> FlowSpec:
    try:
        return parse_flow(document)
    except InvalidArgument as error:
        message = f"{path}, document {number}: {error.message}"
        raise InvalidArgument(error.reason, message, {**error.details, "file": str(path)}) from error


def _unreadable(path: Path, what: str) -> InvalidArgument:
    return InvalidArgument(Reason.BODY_MALFORMED, f"{path} {what}", {"file": str(path)})
