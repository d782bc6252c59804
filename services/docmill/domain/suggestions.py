"""What somebody may have meant who wrote a name that nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["closest", "did_you_mean"]


def closest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The one of `known` that `name` looks like, whatever the case of its letters; None when it looks like none.

    `likeness` is how much, as `difflib` counts it: 1 for the same letters.
    """
    by_letters = {one.casefold(): one for one in known}
    found = get_close_matches(name.casefold(), by_letters, n=1, cutoff=likeness)
    return by_letters[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'categories'?`, to be put behind a message, or nothing."""
    found = closest(name, known)
    return f"; did you mean '{found}'?" if found else ""
