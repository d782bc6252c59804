"""Why a part of `docmill up` cannot serve: left beside its ready file by the part, found there by its supervisor."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from docmill.app import write_json
from docmill.domain.errors import DocmillError, FailedPrecondition, Reason, Unavailable

__all__ = ["file_of", "find_last_word", "leave_last_word"]


def file_of(ready_file: Path) -> Path:
    """Where it stands."""
    return ready_file.with_suffix(".failed")


def leave_last_word(ready_file: Path, error: DocmillError) -> None:
    """Say why this process ends."""
    facts = {"reason": error.reason, "message": error.message, "details": dict(error.details)}
    write_json(file_of(ready_file), {"pid": os.getpid(), "retryable": error.retryable, **facts})


def find_last_word(ready_file: Path, pid: int, part: str) -> DocmillError | None:
    """Why the process `pid`, which is `part`, has ended; None where it said nothing."""
    try:
        facts: dict[str, Any] = json.loads(file_of(ready_file).read_text())
    except (OSError, ValueError):
        return None
    if facts["pid"] != pid:  # of an earlier start
        return None
    kind = Unavailable if facts["retryable"] else FailedPrecondition
    return kind(Reason(facts["reason"]), f"The {part} did not start: {facts['message']}", facts["details"])
