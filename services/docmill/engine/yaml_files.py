"""YAML (or JSON) files that operators write, and the ones that come with docmill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from docmill.domain.errors import InvalidArgument, Reason

__all__ = ["packaged", "read_documents"]

_MAX_BYTES = 1024 * 1024


def read_documents(path: Path) -> list[Any]:
    """The documents of a YAML file, without empty ones. `InvalidArgument` says what is wrong with it."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _unreadable(path, "is larger than 1 MiB")
        return [document for document in yaml.safe_load_all(path.read_text("utf-8")) if document is not None]
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(path, f"is not YAML: {error}") from error


def packaged(name: str) -> Path:
    """The folder `docmill/NAME` of the installed package, or `NAME` of the checkout an editable install points to."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the {name} that come with docmill are missing; install docmill again")


def _unreadable(path: Path, what: str) -> InvalidArgument:
    return InvalidArgument(Reason.BODY_MALFORMED, f"{path} {what}", {"file": str(path)})
