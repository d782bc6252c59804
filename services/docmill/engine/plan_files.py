"""Plan files: the one that comes with docmill, and the operator's own over it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import InvalidArgument
from docmill.domain.plans import Plans, parse_plans
from docmill.engine.yaml_files import packaged, read_documents

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["builtin_plans", "load_plans"]


def load_plans(path: Path | None) -> Plans:
    """The plans that come with docmill, with those of the file at `path` over them.

    `InvalidArgument` names the file and the field of what is wrong.
    """
    if path is None:
        return builtin_plans()
    try:
        return parse_plans(*_builtin(), *read_documents(path))
    except InvalidArgument as error:
        message = error.message if "file" in error.details else f"{path}: {error.message}"
        raise InvalidArgument(error.reason, message, {"file": str(path), **error.details}) from error


@cache
def builtin_plans() -> Plans:
    """The plans that come with docmill."""
    return parse_plans(*_builtin())


@cache
def _builtin() -> tuple[Any, ...]:
    return tuple(read_documents(packaged("plans") / "plans.yaml"))
