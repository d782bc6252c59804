"""Amounts as they are printed: 1,234.56 and 1.234,56 and 1 234,56 and 1'234.56, with currencies, signs and OCR slips."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docmill.extract.tokens import Row, Span

__all__ = ["Money", "currency_of", "decimal_sign", "find_currencies", "find_money", "parse_number", "possible_numbers"]

_LONGEST = 18  # characters; longer ones are no amounts
_BLANKS = re.compile(r"['\u2019\u00a0\u202f\s]")

_SYMBOLS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "₺": "TRY", "₫": "VND", "฿": "THB",
    "$": "USD", "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "S$": "SGD", "HK$": "HKD", "NZ$": "NZD",
    "R$": "BRL", "RM": "MYR", "RS": "INR", "RS.": "INR", "FR.": "CHF", "SFR.": "CHF", "KR": "SEK", "ZŁ": "PLN", "KČ": "CZK",
    "EURO": "EUR", "EUROS": "EUR",
}  # fmt: skip
_CODES = frozenset(
    [
        "AED",
        "AUD",
        "BGN",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "ISK",
        "JPY",
        "KRW",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "RON",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "VND",
        "ZAR",
    ]
)  # ISO 4217, those that documents carry often
_AMBIGUOUS = frozenset({"$", "¥", "KR"})

_CURRENCY = (
    r"(?:(?:US|AU?|CA?|S|HK|NZ|R)?\$|[€£¥₹₽₩₺₫฿]|(?:RM|Rs\.?|S?Fr\.|kr|zł|Kč|Euros?|{codes})(?![^\W\d]))".format(
        codes="|".join(sorted(_CODES))
    )
)
_GROUPED = (
    r"(?:\d{1,3}(?:[.,'\u2019]\d{3})+(?:[.,]\d{1,4})?"  # 1,234.56 and 1'234.56
    r"|\d{1,3}(?:[ \u00a0\u202f]\d{3})+[.,]\d{2}"  # 1 234,56: without decimals it may as well be two numbers
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,4})?)"  # 1,23,456.78, as in India
)
_PLAIN = r"\d+(?:[.,]\d{1,4})?"
_SLIP = r"\d{1,6} ?[.,] ?\d{2}"  # a blank that OCR put beside the decimal sign
_MINUS = r"[-\u2013\u2212]"  # hyphen, dash, minus sign
_FLAG = r"(?:[ ]?(?-i:[A-Z*]{1,2})(?![^\W\d_]))?"  # tax codes of tills: `12.50 A`, `12.50SR`
_MONEY = re.compile(
    rf"(?<![\w.,/'\u2019-])(?<!\d:)(?P<open>\()?(?P<sign1>{_MINUS} ?)?(?P<before>{_CURRENCY}[ :]?)?(?P<sign2>{_MINUS} ?)?"
    rf"(?P<number>{_GROUPED}(?!\d)|{_SLIP}(?=\)?{_FLAG}(?:$|\t))|{_PLAIN})"
    rf"(?P<close>(?<=\d)\))?(?P<trail>-(?![\w-]))?(?P<after> ?{_CURRENCY})?(?P<flag>(?<=\d)(?-i:[A-Z*]{{1,2}})(?!\w))?"
    rf"(?![\w/:]|[.,'\u2019]\d|-\d)(?P<percent> ?%)?",
    re.IGNORECASE,
)
_ONLY_CURRENCY = re.compile(rf"(?<![^\W\d]){_CURRENCY}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount or plain number on a page."""

    value: Decimal
    span: Span
    currency: str
    """ISO 4217 code, or empty."""
    decimals: int
    """Digits after the decimal sign as printed."""
    percent: bool

    @property
    def is_amount(self) -> bool:
        """Whether it looks like money: two decimals or a currency, and no percent sign."""
        return not self.percent and (self.decimals == 2 or bool(self.currency))


def find_money(rows: Sequence[Row]) -> list[Money]:
    """Every number on the rows. How the document writes decimals decides what `1.234` means."""
    usual = decimal_sign(rows)
    return [money for row in rows for money in _in_row(row, usual)]


def possible_numbers(row: Row) -> list[Money]:
    """Every number that the row may mean: `1.234` is two of them."""
    read = {(money.span.first, money.value): money for usual in (",", ".") for money in _in_row(row, usual)}
    return list(read.values())


def decimal_sign(rows: Sequence[Row]) -> str:
    """`,` or `.`, as most numbers of the document that leave no doubt have it; empty if there are none."""
    text = "\n".join(row.text for row in rows)
    commas, points = (len(re.findall(rf"\d{sign}\d{{2}}(?![\d.,])", text)) for sign in (",", r"\."))
    return "," if commas > points else "." if points else ""


def parse_number(text: str, usual: str = "") -> Decimal | None:
    """The number that `text` prints; `usual` is the document's decimal sign. None if it is no number."""
    digits = _BLANKS.sub("", text)
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", digits) or len(digits) > _LONGEST:
        return None
    whole, fraction = _split(digits, usual)
    return Decimal(f"{whole}.{fraction}" if fraction else whole)


def _split(digits: str, usual: str) -> tuple[str, str]:
    """Digits before and after the decimal sign."""
    last = max(digits.rfind("."), digits.rfind(","))
    whole, fraction = (digits[:last], digits[last + 1 :]) if last >= 0 else (digits, "")
    sign = digits[last] if last >= 0 else ""
    only_sign = sign and not re.search(r"[.,]", whole)
    repeated = bool(sign) and sign in whole
    if repeated and len(fraction) == 3:
        fraction, whole = "", digits  # 1.234.567
    elif only_sign and len(fraction) == 3 and sign != usual and 0 < len(whole) <= 3 and whole != "0":
        fraction, whole = "", digits  # 1.234 where decimals are written otherwise
    return re.sub(r"[.,]", "", whole), fraction


def currency_of(text: str) -> str:
    """The ISO code of a currency sign, name or code, or empty."""
    key = text.strip(" :").upper()
    return key if key in _CODES else _SYMBOLS.get(key, "")


def find_currencies(row: Row) -> Iterator[tuple[str, Span, bool]]:
    """Currencies named on the row: code, where, and whether the sign leaves no doubt (`$` does)."""
    for match in _ONLY_CURRENCY.finditer(row.text):
        code = currency_of(match.group())
        if code:
            yield code, row.span(*match.span()), match.group().upper() not in _AMBIGUOUS


def _in_row(row: Row, usual: str) -> Iterator[Money]:
    if not any(character.isdigit() for character in row.text):
        return
    for match in _MONEY.finditer(row.text):
        number = _BLANKS.sub("", match["number"])
        value = parse_number(number, usual)
        if value is None:
            continue
        negative = match["sign1"] or match["sign2"] or match["trail"] or (match["open"] and match["close"])
        ends = [match.end(part) for part in ("number", "trail", "after", "percent") if match[part]]
        yield Money(
            value=-value if negative else value,
            span=row.span(match.start("before") if match["before"] else match.start("number"), max(ends)),
            currency=currency_of(match["before"] or match["after"] or ""),
            decimals=len(_split(number, usual)[1]),
            percent=bool(match["percent"]),
        )
