"""Single values of business documents: number, dates, time, currency, payment method, IBAN."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import stdnum.iban

from docmill.extract.candidates import Found, Sheet, find_ids
from docmill.extract.money import find_currencies
from docmill.extract.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docmill.extract.labels import Label
    from docmill.extract.tokens import Span

__all__ = ["find_currency", "find_date", "find_iban", "find_number", "find_payment_method", "find_time"]

_TITLES = frozenset(
    {"invoice", "rechnung", "facture", "factura", "fattura", "factuur", "fatura", "inv", "handelsrechnung"}
)
_OTHER_DATES = frozenset({"due_date", "other_date"})
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_RUN = range(15, 35)  # characters, ISO 13616
_MISREAD = 0.2  # score of an account number with wrong check digits
_METHODS = re.compile(
    r"\b(?:cash|credit ?card|debit ?card|visa(?: debit| credit)?|master ?card|amex|american express|maestro|girocard|"
    r"ec[- ]?(?:karte|cash)|paypal|apple pay|google pay|bank transfer|wire transfer|direct debit|cheque|contactless|"
    r"bar(?=\s+\S*\d)|barzahlung|kreditkarte|lastschrift|(?:ü|ue)berweisung|carte bancaire|esp(?:è|e)ces|virement|ch(?:è|e)que|"
    r"efectivo|tarjeta(?: de cr(?:é|e)dito)?|transferencia|contanti|carta di credito|bancomat|bonifico|contant|pin(?:pas)?|"
    r"ideal|overschrijving|dinheiro|multibanco|cart(?:ã|a)o(?: de cr(?:é|e)dito)?|transfer(?:ê|e)ncia|touch ?'?n ?go|e-?wallet|nets)\b",
    re.IGNORECASE,
)


def find_number(sheet: Sheet, concept: str = "invoice_number", skip_rows: frozenset[int] = frozenset()) -> Found | None:
    """The number by a label of `concept`. A title such as `Invoice` counts as a label only for what stands right by it."""
    best: Found | None = None
    days = {(day.span.row.index, day.span.first) for day in sheet.days}
    for label in sheet.labelled(concept):
        if label.span.row.index in skip_rows:
            continue
        weight = 0.6 if label.phrase in _TITLES else 0.95
        weight *= 1.0 if label.own_cell else 0.85
        for span in _ids_near(sheet, label):
            if (span.row.index, span.first) in days or span.overlaps(label.span):
                continue
            near = relation(label, span, others=sheet.labels_by_row[label.span.row.index])
            score = weight * near * _id_form(span.text) * span.confidence
            if label.phrase in _TITLES and span.row is not label.span.row:
                score *= 0.4
            if best is None or score > best.score:
                best = Found(span.text.strip(" #:.,"), (span,), score)
    return best if best is not None and best.score >= 0.3 else None


def _ids_near(sheet: Sheet, label: Label) -> Iterator[Span]:
    first = label.span.row.index
    for row in sheet.rows[first : first + 4]:
        if row.page == label.span.row.page:
            yield from find_ids(row)


def _id_form(text: str) -> float:
    digits = sum(character.isdigit() for character in text)
    if re.fullmatch(r"\d+[.,]\d{2}", text) or len(text) > 30:
        return 0.2  # an amount
    return 1.0 if digits >= 3 else 0.8 if digits == 2 else 0.6


def find_date(sheet: Sheet, concept: str = "date", skip_rows: frozenset[int] = frozenset()) -> Found | None:
    """The date by a label of `concept`; for the document's own date also the first one that no other label claims."""
    rivals = _OTHER_DATES - {concept}
    claimed: set[int] = set()
    best: Found | None = None
    for number, day in enumerate(sheet.days):
        own, other = (_best_relation(sheet, day.span, concepts, skip_rows) for concepts in ({concept}, rivals))
        if other > own:
            claimed.add(number)
            continue
        score = own * (1.0 if day.sure else 0.9) * day.span.confidence
        if own and (best is None or score > best.score + 0.02):
            best = Found(day.iso, (day.span,), 0.95 * score)
    if best is None and concept == "date":
        free = [day for number, day in enumerate(sheet.days) if number not in claimed]
        numbered = {label.span.row.index for label in sheet.labelled("invoice_number")}
        beside = [day for day in free if day.span.row.index in numbered]  # `Invoice 118 of 4 May 2024`
        best = next((Found(day.iso, (day.span,), 0.75 * day.span.confidence) for day in beside), None) or next(
            (Found(day.iso, (day.span,), 0.6 * day.span.confidence) for day in free), None
        )
    return best


def _best_relation(sheet: Sheet, span: Span, concepts: frozenset[str] | set[str], skip_rows: frozenset[int]) -> float:
    """How well the best label of `concepts` fits; labels at most four rows above are tried."""
    best = 0.0
    for index in range(max(0, span.row.index - 4), span.row.index + 1):
        labels = sheet.labels_by_row.get(index, ())
        for label in labels:
            if label.concept in concepts and index not in skip_rows:
                best = max(best, relation(label, span, others=labels) * (1.0 if label.own_cell else 0.9))
    return best


def find_time(sheet: Sheet) -> Found | None:
    """The time by its label, or else on the row of a date, or else the only one."""
    scored = []
    dated = {day.span.row.index for day in sheet.days}
    for clock in sheet.times:
        labelled = _best_relation(sheet, clock.span, {"time", "date"}, frozenset())
        score = max(labelled * 0.95, 0.85 if clock.span.row.index in dated else 0.5)
        scored.append(Found(clock.iso, (clock.span,), score * clock.span.confidence))
    return max(scored, key=lambda found: found.score, default=None)


def find_currency(sheet: Sheet) -> Found | None:
    """The currency that most amounts carry, or else the one named most often. A bare `$` may be any dollar."""
    counts: Counter[str] = Counter()
    first: dict[str, tuple[Span, bool]] = {}
    for row in sheet.rows:
        has_amount = any(money.is_amount for money in sheet.money_by_row.get(row.index, ()))
        for code, span, sure in find_currencies(row):
            counts[code] += 3 if has_amount else 1
            known = first.get(code)
            if known is None or (sure and not known[1]):
                first[code] = (span, sure)
    if not counts:
        return None
    dollars = [code for code in counts if code in {"AUD", "CAD", "SGD", "HKD", "NZD"}]
    if counts.most_common(1)[0][0] == "USD" and not first["USD"][1] and len(dollars) == 1:
        counts[dollars[0]] += counts["USD"]  # `$` amounts in a document that names its dollar elsewhere
    code, count = counts.most_common(1)[0]
    span, sure = first[code]
    share = count / sum(counts.values())
    return Found(code, (span,), (0.95 if sure else 0.7) * max(share, 0.5) * span.confidence)


def find_payment_method(sheet: Sheet) -> Found | None:
    """How it was paid, as printed: by its label, or a method at the start of a row that shows an amount."""
    for label in sheet.labelled("payment_method"):
        for row in sheet.rows[label.span.row.index : label.span.row.index + 2]:
            for match in _METHODS.finditer(row.text):
                span = row.span(*match.span())
                near = relation(label, span)
                if near > 0.5:
                    return Found(match.group(), (span,), 0.9 * near * span.confidence)
    for row in sheet.rows:
        start = _METHODS.match(row.text)
        if start and any(money.is_amount for money in sheet.money_by_row.get(row.index, ())):
            span = row.span(*start.span())
            return Found(start.group(), (span,), 0.75 * span.confidence)
    return None


def find_iban(sheet: Sheet) -> Found | None:
    """The first account number with right check digits (ISO 13616: ISO 7064 MOD 97-10) and the length of its country.

    Else, and far less sure, the first one by its label: a digit of it was misread or misprinted.
    """
    doubtful: Found | None = None
    for row in sheet.rows:
        for match in _IBAN.finditer(row.text):
            iban, span = match.group().replace(" ", ""), row.span(*match.span())
            if len(iban) not in _IBAN_RUN:
                continue
            if stdnum.iban.is_valid(iban, check_country=False):
                return Found(iban, (span,), 0.97 * span.confidence)
            labelled = any(label.concept == "iban" for label in sheet.labels_by_row.get(row.index, ()))
            if labelled and doubtful is None:
                doubtful = Found(iban, (span,), _MISREAD * span.confidence)
    return doubtful
