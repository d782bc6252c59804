"""Whether words say a value: the documented normalisation that decides what evidence may call `grounded`.

`docs/extraction.md` lists the rules for readers. They ask whether the words can be read as the value, never how likely
that reading is: `03/04/2024` says two days, `1.234` two numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from docmill.extract.countries import country_of_tax_number, names_of
from docmill.extract.dates import find_times, possible_days
from docmill.extract.generic import NO, YES
from docmill.extract.money import currency_of, find_currencies, possible_numbers
from docmill.extract.text import squeeze, squeeze_words
from docmill.extract.tokens import row_of

if TYPE_CHECKING:
    from docmill.extract import Evidence

__all__ = ["grounded", "with_grounding"]

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|[T ])")
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")
_COMPACT_DAY = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")
_COUNTED = re.compile(r"\W*(?:[xX\u00d7]\W?)?(\d+(?:[.,]\d+)?)[^\W\d_]{0,3}\W*")  # `2x`, `x2`, `10kg`
_COUNTRY = re.compile(
    r"(?<=\w), [A-Z]{2}$"
)  # ends an address of an electronic invoice; pages name the country, or leave it out
_HUNDRED = Decimal(100)
_TICKED, _EMPTY = frozenset("☑☒✓✔✗✘\u00d7"), frozenset("☐")
_DOLLARS = frozenset({"USD", "AUD", "CAD", "SGD", "HKD", "NZD", "MXN"})
_CROWNS = frozenset({"SEK", "DKK", "NOK", "ISK", "CZK"})
_ONE_SIGN = {"$": _DOLLARS, "¥": frozenset({"JPY", "CNY"}), "KR": _CROWNS}
"""Signs that several currencies share; `docmill.extract.money` reads each as the one that is meant most often."""


def grounded(value: Any, words: Sequence[str]) -> bool:
    """Whether `words`, as read from a page, can be read as the JSON scalar `value`; False without words."""
    text = " ".join(words).strip()
    if not text or value is None:
        return False
    match value:
        case bool():
            return _says_bool(value, words)
        case int() | float():
            return _says_number(Decimal(str(value)), words)
        case str():
            return _says_text(value, words)
        case _:
            return False


def with_grounding(data: Any, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The evidence with `grounded` as its words and the values of `data` have it; places and words stay as they are."""
    return tuple(replace(each, grounded=grounded(_at(data, each.path), each.words)) for each in evidence)


def _says_bool(value: bool, words: Sequence[str]) -> bool:  # noqa: FBT001 - the value asked about
    text = squeeze("".join(words))
    return text in (YES if value else NO) or (not text and bool({*"".join(words)} & (_TICKED if value else _EMPTY)))


def _says_number(value: Decimal, words: Sequence[str]) -> bool:
    """In any way of writing; a printed minus may be left out, never added; a percentage may be a share of one.

    Tax that is printed in two parts is said by their sum: by amounts and nothing beside them.
    """
    printed = possible_numbers(row_of(words))
    said = {money.value for money in printed}
    shares = {money.value / _HUNDRED for money in printed if money.percent}
    if value in said | shares or (value >= 0 and -value in said):
        return True
    if len(printed) > 1 and sum(money.span.end - money.span.first for money in printed) == len(words):
        return all(money.is_amount for money in printed) and sum(money.value for money in printed) == value
    counted = [found[1].replace(",", ".") for word in words if (found := _COUNTED.fullmatch(word))]
    return not printed and value in map(Decimal, counted)


def _says_text(value: str, words: Sequence[str]) -> bool:
    wanted = squeeze(_COUNTRY.sub("", value))
    if not wanted:
        return bool(value.strip()) and value.strip() in " ".join(words)
    return _stands_in(wanted, words) or _says_day(value, words) or _says_time(value, words) or _says_code(value, words)


def _stands_in(wanted: str, words: Sequence[str]) -> bool:
    """From one border of words to another, whatever case, accents, punctuation and blanks."""
    text, _, borders = squeeze_words(words)
    at = text.find(wanted)
    while at >= 0:
        if at in borders and at + len(wanted) in borders:
            return True
        at = text.find(wanted, at + 1)
    return False


def _says_day(value: str, words: Sequence[str]) -> bool:
    """An ISO date, with or without a time of day that the words say too."""
    if not _ISO_DAY.match(value):
        return False
    row = row_of(words)
    days = {day.isoformat() for day in possible_days(row)}
    days |= {"-".join(parts) for parts in _COMPACT_DAY.findall(row.text)}
    day, clock = value[:10], value[11:]
    return day in days and (not clock or clock.startswith("00:00") or _says_time(clock[:8], words))


def _says_time(value: str, words: Sequence[str]) -> bool:
    if not _CLOCK.fullmatch(value):
        return False
    return any(value in {clock.iso, f"{clock.iso}:00"} for clock in find_times([row_of(words)]))


def _says_code(value: str, words: Sequence[str]) -> bool:
    """An ISO 4217 code, by a sign or name of that currency; an ISO 3166 code, by a name or a tax number of that country."""
    code = value.strip().upper()
    if any(_stands_in(name, words) for name in names_of(code)) or country_of_tax_number("".join(words)) == code:
        return True
    if currency_of(code) != code:
        return False
    row = row_of(words)
    if any(found == code for found, _, _ in find_currencies(row)):
        return True
    return any(code in codes and sign in row.text.upper() for sign, codes in _ONE_SIGN.items())


def _at(data: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901); None where there is none."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict):
            data = data.get(name)
        elif isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data
