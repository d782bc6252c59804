"""UBL 2.1 invoices and credit notes: XRechnung in this syntax, Peppol BIS Billing 3 (EN 16931-3-2)."""

from __future__ import annotations

from docmill.extract.einvoice.values import (
    Invoice,
    Value,
    address_of,
    amount_of,
    day_of,
    present,
    price_of,
    text_of,
    unit_of,
)
from docmill.xml_tree import Element

__all__ = ["ROOTS", "read_ubl"]

ROOTS = {"Invoice", "CreditNote"}

_STREET = ("StreetName", "AdditionalStreetName", "AddressLine/Line")

_Values = dict[str, Value | None]


def read_ubl(root: Element) -> Invoice:
    """The invoice under a root of `ROOTS`."""
    kind = root.name
    values: _Values = {
        "invoice_number": text_of(root.first("ID")),
        "document_type_code": text_of(root.first(f"{kind}TypeCode")),
        "date": day_of(root.first("IssueDate")),
        "due_date": day_of(root.first("DueDate") or root.first("PaymentMeans/PaymentDueDate")),
        "delivery_date": day_of(root.first("Delivery/ActualDeliveryDate")),
        "currency": text_of(root.first("DocumentCurrencyCode")),
        "buyer_reference": text_of(root.first("BuyerReference")),
        "order_number": text_of(root.first("OrderReference/ID")),
        "contract_number": text_of(root.first("ContractDocumentReference/ID")),
        "payment_terms": text_of(root.first("PaymentTerms/Note")),
        "payment_reference": text_of(root.first("PaymentMeans/PaymentID")),
        "payment_method": _payment_method(root.first("PaymentMeans/PaymentMeansCode")),
        "iban": text_of(root.first("PaymentMeans/PayeeFinancialAccount/ID")),
        "bic": text_of(root.first("PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID")),
        "customer_number": text_of(root.first("AccountingCustomerParty/Party/PartyIdentification/ID")),
        **_party(root.first("AccountingSupplierParty/Party"), "issuer"),
        **_party(root.first("AccountingCustomerParty/Party"), "recipient"),
        **_sums(root),
    }
    quantity = "InvoicedQuantity" if kind == "Invoice" else "CreditedQuantity"
    lines = [present(_line(line, quantity)) for line in root.all(f"{kind}Line")]
    return Invoice(syntax=_syntax(root), values=present(values), lines=lines)


def _syntax(root: Element) -> str:
    customization = root.first("CustomizationID")
    name = customization.text.lower() if customization is not None else ""
    if "xrechnung" in name:
        return "XRechnung (UBL)"
    return "Peppol (UBL)" if "peppol" in name else f"UBL {root.name}"


def _payment_method(code: Element | None) -> Value | None:
    """What the code is called, where the file says it: a bare code tells people nothing."""
    name = code.attributes.get("name", "").strip() if code is not None else ""
    return Value(name, (code,)) if code is not None and name else None


def _party(party: Element | None, role: str) -> _Values:
    if party is None:
        return {}
    numbers = {}
    for scheme in reversed(party.all("PartyTaxScheme")):
        kind = scheme.first("TaxScheme/ID")
        numbers[kind.text.upper() if kind is not None else ""] = scheme.first("CompanyID")
    vat = text_of(numbers.pop("VAT", None))
    local = next((text for number in numbers.values() if (text := text_of(number)) is not None), None)
    return {
        f"{role}_name": text_of(party.first("PartyLegalEntity/RegistrationName"))
        or text_of(party.first("PartyName/Name")),
        f"{role}_address": address_of(
            party.first("PostalAddress"), _STREET, "PostalZone", "CityName", "Country/IdentificationCode"
        ),
        f"{role}_vat_id": vat,
        f"{role}_tax_number": local,
        f"{role}_tax_id": vat or local,
        f"{role}_phone": text_of(party.first("Contact/Telephone")),
        f"{role}_email": text_of(party.first("Contact/ElectronicMail")),
    }


def _sums(root: Element) -> _Values:
    sums = root.first("LegalMonetaryTotal")
    scheme = root.first("TaxTotal/TaxSubtotal/TaxCategory/TaxScheme/ID")
    tax = _tax(root)
    is_vat = scheme is None or scheme.text == "VAT"  # outside of Europe UBL invoices have GST too
    values: _Values = {"tax": tax, "vat": tax if is_vat else None}
    if sums is None:
        return values
    net, lines = amount_of(sums.first("TaxExclusiveAmount")), amount_of(sums.first("LineExtensionAmount"))
    due = amount_of(sums.first("PayableAmount"))
    return values | {
        "line_total": lines,
        "net_total": net,
        "subtotal": net or lines,
        "total": amount_of(sums.first("TaxInclusiveAmount")) or due,
        "prepaid": amount_of(sums.first("PrepaidAmount")),
        "amount_due": due,
        "discount": amount_of(sums.first("AllowanceTotalAmount")),
        "charges": amount_of(sums.first("ChargeTotalAmount")),
        "rounding": amount_of(sums.first("PayableRoundingAmount")),
    }


def _tax(root: Element) -> Value | None:
    """The sum in the invoice's own currency: a second one is in that of the accounts (BT-111)."""
    currency = root.first("DocumentCurrencyCode")
    amounts = root.all("TaxTotal/TaxAmount")
    own = [
        amount
        for amount in amounts
        if currency is None or amount.attributes.get("currencyID", currency.text) == currency.text
    ]
    return amount_of(own[0] if own else None)


def _line(line: Element, quantity: str) -> _Values:
    name, more = text_of(line.first("Item/Name")), text_of(line.first("Item/Description"))
    billed = line.first(quantity)
    return {
        "position": text_of(line.first("ID")),
        "description": name or more,
        "details": more,
        "code": text_of(line.first("Item/SellersItemIdentification/ID")),
        "quantity": amount_of(billed),
        "unit": unit_of(billed),
        "unit_price": price_of(line.first("Price/PriceAmount"), line.first("Price/BaseQuantity")),
        "line_total": amount_of(line.first("LineExtensionAmount")),
        "tax_rate": amount_of(line.first("Item/ClassifiedTaxCategory/Percent")),
    }
