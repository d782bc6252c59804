"""What a failed command says and the exit code it ends with. The table of codes is in `docmill.cli.main`."""

import json
import os
import sys
from collections.abc import Mapping

from docmill.cli.output import printable

DONE, NOT_DONE, USAGE, UNREACHABLE, CREDENTIALS, REFUSED, BROKEN = 0, 1, 2, 3, 4, 5, 6

_CODES = {
    "UsageError": USAGE,
    # of the client
    "ConnectionFailedError": UNREACHABLE,
    "AuthenticationError": CREDENTIALS,
    "PermissionDeniedError": CREDENTIALS,
    "ServerError": BROKEN,
    "UnavailableError": BROKEN,
    "DeadlineExceededError": BROKEN,
    "CallCancelledError": BROKEN,
    "ResourceExhaustedError": BROKEN,
    # of docmill itself, in operator commands
    "Unauthenticated": CREDENTIALS,
    "PermissionDenied": CREDENTIALS,
    "Unavailable": BROKEN,
    "DeadlineExceeded": BROKEN,
    "InternalError": BROKEN,
    "ServerFailed": BROKEN,
    "DocmillError": REFUSED,
    # of Python; the database, the bus and the blobs are away as ConnectionError
    "ConnectionError": UNREACHABLE,
    "TimeoutError": UNREACHABLE,
    "FileNotFoundError": USAGE,
    "FileExistsError": USAGE,
    "IsADirectoryError": USAGE,
    "NotADirectoryError": USAGE,
    "PermissionError": USAGE,
    "OSError": BROKEN,
}
"""By name, so that a command that never talks to docmill does not load gRPC. The nearest base that is named counts."""

_OWN_REASONS = {
    USAGE: "USAGE",
    UNREACHABLE: "UNREACHABLE",
    CREDENTIALS: "CREDENTIALS",
    REFUSED: "REFUSED",
    BROKEN: "FAILED",
}
"""The reason of an error that brings none, for programs."""


class UsageError(Exception):
    """The command line cannot be right, in a way its grammar cannot say."""


def report(error: Exception, *, as_json: bool) -> int:
    """Say what was wrong on stderr; the exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read our output left: `docmill runs list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at exit
        return NOT_DONE
    code, reason, message, details = _facts(error)
    if as_json:
        body = {"error": {"reason": reason or _OWN_REASONS[code], "message": message, "details": dict(details)}}
        print(json.dumps(body, ensure_ascii=False), file=sys.stderr)
    else:
        line = " ".join(message.split())  # a YAML parser's message has several
        print(f"docmill: {printable(line)}" + (f" ({reason})" if reason else ""), file=sys.stderr)
    return code


def _facts(error: Exception) -> tuple[int, str, str, Mapping[str, str]]:
    code = exit_code(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("docmill"):
        return code, "", f'this command needs {error.name}: pip install "docmill[server,ocr]"', {}
    if not any(kind.__name__ in _CODES for kind in type(error).__mro__):
        return code, "", f"unexpected {type(error).__name__}: {error}", {}
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return code, "", f"{where}{error.strerror}", {}
    details: Mapping[str, str] = getattr(error, "details", {})
    return code, str(getattr(error, "reason", "")), str(getattr(error, "message", error)), details


def exit_code(error: Exception) -> int:
    """The exit code of an error: of the client, of docmill itself in operator commands, or of Python."""
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("docmill"):
        return USAGE
    return next((_CODES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _CODES), BROKEN)
