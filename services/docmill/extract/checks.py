"""Whether the values of a document agree with each other: arithmetic, taxes, tax numbers. Pure.

A rule is applied where all that it needs was read; nothing is ever corrected. Arithmetic that does not come out is an
error, anything else a warning. Amounts may differ by 0.02 of the currency, or by 0.01 a line if that is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from docmill.extract.gstin import fault_of, looks_like_gstin, state_of

__all__ = ["Check", "check_document"]

Json = Mapping[str, Any]

_TOLERANCE, _PER_LINE = Decimal("0.02"), Decimal("0.01")
_ROUND_OFF = Decimal("1.00")
"""Invoices in rupees are often rounded to whole ones without a line that says so."""
_SURE = 0.85
_NOTHING_SOLD = frozenset({"payslip", "bank statement", "resume", "ticket", "identity"})
"""Kinds of documents whose amounts are no lines and totals."""
_TAXES = ("cgst", "sgst", "igst", "vat", "salesTax")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule that does not hold."""

    code: str
    level: Literal["error", "warning"]
    detail: str
    """The numbers that do not agree, for people."""


def check_document(document: Json) -> list[Check]:
    """What does not hold in a document as the flow `universal-extract` gives it."""
    sold: list[Check] = []
    if document.get("category") not in _NOTHING_SOLD:
        sold = [*_lines(document), *_subtotal(document), *_grand_total(document), *_rates(document)]
    return [
        *sold,
        *_gst_split(document),
        *_tax_numbers(document),
        *_payslip(document.get("sections", {}).get("payslip", {})),
        *_statement(document.get("sections", {}).get("bankStatement", {})),
        *_confidence(document),
    ]


def _lines(document: Json) -> Iterator[Check]:
    for number, line in enumerate(_items(document), start=1):
        quantity, price, total = _amount(line, "quantity"), _amount(line, "unitPrice"), _amount(line, "total")
        if quantity is None or price is None or total is None:
            continue
        made = quantity * price - (_amount(line, "discount") or 0)
        if abs(made - total) > _TOLERANCE:
            yield _error("line_math", f"line {number}: {quantity} x {price} makes {_shown(made)}, not {total}")


def _subtotal(document: Json) -> Iterator[Check]:
    """Lines with tax in them add up to the total instead."""
    totals = _column(document, "total")
    subtotal, total = _amount(document, "subtotal"), _amount(document, "total")
    if not totals or subtotal is None:
        return
    made = sum(totals)
    if abs(made - subtotal) <= _tolerance(document):
        return
    if total is not None and abs(made - total) <= _tolerance(document):
        yield _warning("tax_inclusive_lines", f"the lines make {_shown(made)}, the total, so tax is in them")
    else:
        yield _error("subtotal_sum", f"the lines make {_shown(made)}, not {subtotal}")


def _grand_total(document: Json) -> Iterator[Check]:
    subtotal, total, tax = _amount(document, "subtotal"), _amount(document, "total"), _tax(document)
    if subtotal is None or total is None or (tax is None and total >= subtotal):
        return  # without a tax that was read nobody knows what is missing
    made = subtotal + (tax or 0)
    for name, sign in (("discount", -1), ("shipping", 1), ("roundOff", 1)):
        made += sign * (_amount(document, name) or 0)
    off = abs(made - total)
    if off <= _tolerance(document):
        return
    if document.get("currency") == "INR" and off <= _ROUND_OFF:
        yield _warning("grand_total_sum", f"the parts make {_shown(made)}, the total is rounded to {total}")
    else:
        yield _error("grand_total_sum", f"the parts make {_shown(made)}, not {total}")


def _rates(document: Json) -> Iterator[Check]:
    totals, rates, tax = _column(document, "total"), _column(document, "taxRate"), _tax(document)
    if not totals or not rates or tax is None:
        return
    made = sum((total * rate / 100 for total, rate in zip(totals, rates, strict=True)), Decimal(0))
    if abs(made - tax) > _tolerance(document):
        yield _warning("tax_rate_amount", f"the rates of the lines make {_shown(made)} of tax, not {tax}")


def _gst_split(document: Json) -> Iterator[Check]:
    """Within a state the tax is halved between it and the union, between states it is one."""
    kinds = _by_kind(document)
    central, state, integrated = kinds.get("cgst"), kinds.get("sgst"), kinds.get("igst")
    halved = bool(central or state)
    if halved and central != state:
        yield _warning("gst_split", f"CGST is {central or 0} and SGST {state or 0}: they should be the same")
    if halved and integrated:
        yield _warning("gst_split", "IGST stands beside CGST and SGST")
    seller, buyer = (state_of(_gstin(document, party)) for party in ("issuer", "recipient"))
    if not seller or not buyer or halved == bool(integrated):
        return
    if halved and seller != buyer:
        yield _warning("gst_split", f"seller ({seller}) and buyer ({buyer}) are in two states: IGST is due")
    if integrated and seller == buyer:
        yield _warning("gst_split", f"seller and buyer are in one state ({seller}): CGST and SGST are due")


def _tax_numbers(document: Json) -> Iterator[Check]:
    for party in ("issuer", "recipient"):
        gstin = _gstin(document, party)
        fault = fault_of(gstin) if gstin else ""
        if fault:
            yield _warning("gstin_format", f"{gstin}: {fault}")


def _payslip(payslip: Json) -> Iterator[Check]:
    gross, deductions, net = (_amount(payslip, name) for name in ("grossPay", "totalDeductions", "netPay"))
    if gross is None or deductions is None or net is None:
        return
    if abs(gross - deductions - net) > _TOLERANCE:
        yield _error("payslip_net", f"{gross} less {deductions} makes {_shown(gross - deductions)}, not {net}")


def _statement(statement: Json) -> Iterator[Check]:
    balance, closing = _amount(statement, "openingBalance"), _amount(statement, "closingBalance")
    moves: Sequence[Json] = statement.get("transactions", ())
    if balance is None or closing is None or not moves:
        return
    for number, move in enumerate(moves, start=1):
        balance += (_amount(move, "credit") or 0) - (_amount(move, "debit") or 0)
        said = _amount(move, "balance")
        if said is not None and abs(said - balance) > _TOLERANCE:
            yield _error("statement_balance", f"transaction {number} makes {_shown(balance)}, not {said}")
            balance = said
    if abs(balance - closing) > _TOLERANCE:
        yield _error("statement_balance", f"the transactions make {_shown(balance)}, not {closing}")


def _confidence(document: Json) -> Iterator[Check]:
    confidence = document.get("confidence")
    if isinstance(confidence, int | float) and confidence < _SURE:
        yield _warning("low_confidence", f"{confidence:.2f} is below {_SURE}")


def _items(document: Json) -> Sequence[Json]:
    return document.get("lineItems") or ()


def _column(document: Json, name: str) -> list[Decimal]:
    """A value of every line; none at all where a line lacks it."""
    values = [_amount(line, name) for line in _items(document)]
    found = [value for value in values if value is not None]
    return found if len(found) == len(values) else []


def _by_kind(document: Json) -> dict[str, Decimal]:
    """Taxes by kind: from a list of them, or from fields of their own."""
    kinds: dict[str, Decimal] = {}
    for tax in document.get("taxes") or ():
        amount, kind = _amount(tax, "amount"), str(tax.get("kind", "")).lower()
        if amount is not None:
            kinds[kind] = kinds.get(kind, Decimal(0)) + amount
    if kinds:
        return kinds
    own = {name: _amount(document, name) for name in _TAXES}
    return {name: amount for name, amount in own.items() if amount is not None}


def _tax(document: Json) -> Decimal | None:
    kinds = _by_kind(document)
    return sum(kinds.values(), Decimal(0)) if kinds else _amount(document, "tax")


def _gstin(document: Json, party: str) -> str:
    """The Indian tax number of a party, right or wrong; empty where it has none."""
    who: Json = document.get(party) or {}
    given = str(who.get("gstin") or "")
    other = str(who.get("taxId") or "")
    return given or (other if looks_like_gstin(other) else "")


def _tolerance(document: Json) -> Decimal:
    return max(_TOLERANCE, _PER_LINE * len(_items(document)))


def _amount(source: Json, name: str) -> Decimal | None:
    value = source.get(name)
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _shown(amount: Decimal | int) -> str:
    return str(round(Decimal(amount), 2))


def _error(code: str, detail: str) -> Check:
    return Check(code=code, level="error", detail=detail)


def _warning(code: str, detail: str) -> Check:
    return Check(code=code, level="warning", detail=detail)
