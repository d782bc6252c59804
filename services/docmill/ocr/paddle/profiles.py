"""Profiles: how much is given for speed."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from docmill.ocr import EngineUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Settings that trade accuracy for time."""

    name: str
    short_side: int
    """Pixels that the detector sees at least of a page's short side."""
    long_side: int
    """And at most of its long side, where the short one allows it."""
    squeeze: float
    """Strips are made this much narrower before they are read: the recogniser's time goes with the width."""
    sure: float | None = None
    """Mean confidence from which a line counts as the quick recogniser reads it; None if that is not used at all.

    From 0.94 to 0.97 each hundredth is worth 0.7 to 0.9 points of word F1 on receipts, and up to a tenth of the time.
    """

    def __str__(self) -> str:
        """The name and every number: other numbers read otherwise, whatever the name."""
        return "-".join(map(str, astuple(self)))


BALANCED = Profile(name="balanced", short_side=736, long_side=1280, squeeze=0.9)
FAST = Profile(name="fast", short_side=512, long_side=800, squeeze=0.8, sure=0.97)

_KNOWN = {profile.name: profile for profile in (BALANCED, FAST)}


def profile_of(name: str) -> Profile:
    """The profile called `name`; raises `EngineUnavailable` for a name that is none."""
    if name not in _KNOWN:
        raise EngineUnavailable(f"There is no OCR profile {name!r}; known are {', '.join(_KNOWN)}")
    return _KNOWN[name]
