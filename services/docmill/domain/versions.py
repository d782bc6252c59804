"""Versions of flows: SemVer 2.0.0 without build metadata."""

from __future__ import annotations

import re

from docmill.domain.errors import InvalidArgument, Reason

VersionKey = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]

_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?")
_MAX_LENGTH = 64


def parse_version(text: str) -> VersionKey:
    """The precedence key of `MAJOR.MINOR.PATCH[-pre]`: keys compare as the versions do (SemVer 2.0.0, section 11).

    Raises `InvalidArgument` for anything else, also for build metadata (`+...`), which would make two versions equal.
    """
    match = _VERSION.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise InvalidArgument(
            Reason.FIELD_INVALID,
            f"version: '{text[:_MAX_LENGTH]}' is not MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-pre (semantic versioning)",
            {"field": "version"},
        )
    major, minor, patch, pre = match.groups()
    identifiers = tuple(_identifier_key(part) for part in pre.split(".")) if pre else ()
    return int(major), int(minor), int(patch), 0 if pre else 1, identifiers


def _identifier_key(identifier: str) -> tuple[int, int, str]:
    """Numbers come before words and compare as numbers; words compare in ASCII order."""
    return (0, int(identifier), "") if identifier.isdigit() else (1, 0, identifier)
