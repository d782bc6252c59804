"""Indian tax numbers (GSTIN): 15 characters with the state, the holder's PAN and a check character in them.

Structure and check character as the GST Network publishes them. The check character is computed by python-stdnum, whose
own list of states ends before Ladakh (38) and other territories (97), and which does not say what is wrong.
"""

from __future__ import annotations

import re

from stdnum import luhn

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
    expected = luhn.calc_check_digit(gstin[:14], _ALPHABET)
    return "" if gstin[14] == expected else f"its check character should be {expected}"
