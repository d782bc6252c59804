"""Pictures of pages: how large they are, and where all that was made of pages is kept. Pure."""

from __future__ import annotations

import re

__all__ = ["DEFAULT_SIDE", "folder_of", "key_of", "side_of", "step_down"]

DEFAULT_SIDE = 2000
"""Pixels of the longest side where nobody asks for another one."""

_VERSION = 1  # raise it when the same page would be drawn differently
_KEY = re.compile(r"pages/[^/]+/[^/]+/picture-\d+-(\d+)/\d+\.png")


def step_down(side: int) -> int:
    """The size that is made for `side` pixels: hundreds, below that tens, so that a page has few pictures."""
    step = 100 if side >= 100 else 10
    return side - side % step or side


def folder_of(org_id: str, sha256: str) -> str:
    """Above the texts and pictures of all pages of the document with this content."""
    return f"pages/{org_id}/{sha256}"


def key_of(org_id: str, sha256: str, page: int, side: int) -> str:
    """The blob of the picture of a page of the document with this content."""
    return f"{folder_of(org_id, sha256)}/picture-{_VERSION}-{side}/{page}.png"


def side_of(key: str) -> int:
    """The `side` of a `key_of`."""
    found = _KEY.fullmatch(key)
    assert found is not None, key
    return int(found[1])
