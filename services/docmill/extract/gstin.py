"""Indian tax numbers (GSTIN): 15 characters with the state, the holder's PAN and a check character in them.

Structure and check character as the GST Network publishes them.
"""

from __future__ import annotations

import re

__all__ = ["fault_of", "looks_like_gstin", "state_of"]

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MEANT = re.compile(r"[0-9]{2}[A-Z0-9]{13}")
_PAN = re.compile(r"[A-Z]{5}[0-9]{4}[A-Z]")
_STATES = frozenset([*(f"{number:02d}" for number in range(1, 39)), "97", "99"])


def looks_like_gstin(text: str) -> bool:
    """Whether a tax number is meant as one, right or wrong."""
    return _MEANT.fullmatch(text) is not None


def state_of(gstin: str) -> str:
    """The code of the state: its first two digits."""
    return gstin[:2]


def fault_of(gstin: str) -> str:
    """What is wrong with it; empty when nothing is."""
    if len(gstin) != 15:
        return f"has {len(gstin)} characters, not 15"
    if gstin[:2] not in _STATES:
        return f"{gstin[:2]} is the code of no state"
    if not _PAN.fullmatch(gstin[2:12]):
        return f"{gstin[2:12]} is no PAN"
    if gstin[13] != "Z" or gstin[12] not in _ALPHABET[1:]:
        return "its last three characters are not of the form they have to be"
    expected = _check_character(gstin[:14])
    return "" if gstin[14] == expected else f"its check character should be {expected}"


def _check_character(body: str) -> str:
    """Digits in base 36, every second one doubled, summed up digit by digit (Luhn's way)."""
    total = 0
    for place, character in enumerate(body):
        product = _ALPHABET.index(character) * (1 + place % 2)
        total += product // 36 + product % 36
    return _ALPHABET[-total % 36]
