"""What a key may look like: the same for every store, and never a way out of it."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"[A-Za-z0-9._=-]{1,255}")
_MAX_LENGTH = 900  # S3 allows 1024 bytes with the prefix


def checked(key: str) -> str:
    """`key` itself; raises `ValueError` unless it is a relative path of `[A-Za-z0-9._=-]` segments divided by `/`."""
    segments = key.split("/")
    if len(key) > _MAX_LENGTH or not all(_SEGMENT.fullmatch(one) and one not in {".", ".."} for one in segments):
        raise ValueError(f"{key[:200]!r} is no blob key: letters, digits and . _ = - in segments divided by /")
    return key
