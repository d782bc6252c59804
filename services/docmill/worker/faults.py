"""Errors of a job on their way from the child process to the job's result."""

from __future__ import annotations

import traceback
from typing import Any

from docmill.domain.errors import DocmillError, Reason, WorkFailed

__all__ = ["TryAgain", "from_json", "internal", "reply", "to_json"]

_MAX_MESSAGE = 1000
_MAX_DETAILS = 16
_INTERNAL = "Something went wrong on our side while the document was being worked on"


class TryAgain(WorkFailed):
    """This attempt failed for a reason that the next one may not meet; the engine bounds the attempts."""

    retryable = True


def internal() -> TryAgain:
    """An unexpected failure; what it was stands in the log, never in the message."""
    return TryAgain(Reason.INTERNAL, _INTERNAL)


def to_json(error: DocmillError) -> dict[str, Any]:
    """`error` as the child sends it."""
    return {
        "reason": error.reason.value,
        "message": error.message,
        "details": dict(error.details),
        "retryable": error.retryable,
    }


def reply(error: Exception) -> dict[str, Any]:
    """What a child answers instead of an outcome: `error`, and a `traceback` where it was unexpected."""
    match error:
        case DocmillError():
            return {"error": to_json(error)}
        case MemoryError():
            return {"error": to_json(TryAgain(Reason.WORKER_MEMORY, "The work needed more memory than there is"))}
        case _:
            return {"error": to_json(internal()), "traceback": "".join(traceback.format_exception(error))}


def from_json(value: object) -> DocmillError:
    """The error that a child reported; bounded, and `internal()` for anything that is not one."""
    match value:
        case {
            "reason": str(name),
            "message": str(message),
            "details": dict(details),
            "retryable": bool(retryable),
        } if name in Reason.__members__:
            kind = TryAgain if retryable else WorkFailed
            kept = {_text(key)[:64]: _text(text) for key, text in list(details.items())[:_MAX_DETAILS]}
            return kind(Reason(name), _text(message), kept)
        case _:
            return internal()


def _text(value: object) -> str:
    """Bounded, and without the one character that databases refuse."""
    return str(value)[:_MAX_MESSAGE].replace("\0", "")
