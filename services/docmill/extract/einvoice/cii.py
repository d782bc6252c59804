"""Cross Industry Invoice: ZUGFeRD 1 and 2, Factur-X, XRechnung in this syntax (UN/CEFACT D16B; EN 16931-3-3)."""

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

__all__ = ["ROOTS", "read_cii"]

ROOTS = {"CrossIndustryInvoice", "CrossIndustryDocument"}  # the second one is ZUGFeRD 1

_PROFILES = {"minimum": "MINIMUM", "basicwl": "BASIC WL", "basic": "BASIC", "comfort": "COMFORT", "extended": "EXTENDED",
             "en16931": "EN 16931"}  # fmt: skip
_Values = dict[str, Value | None]


def read_cii(root: Element) -> Invoice:
    """The invoice under a root of `ROOTS`."""
    first = root.name == "CrossIndustryDocument"
    header = root.first("HeaderExchangedDocument" if first else "ExchangedDocument")
    trade = root.first("SpecifiedSupplyChainTradeTransaction" if first else "SupplyChainTradeTransaction")
    supply = "ApplicableSupplyChainTrade" if first else "ApplicableHeaderTrade"
    values: _Values = {}
    if header is not None:
        values |= {
            "invoice_number": text_of(header.first("ID")),
            "document_type_code": text_of(header.first("TypeCode")),
            "date": day_of(header.first("IssueDateTime/DateTimeString")),
        }
    if trade is None:
        return Invoice(syntax=_syntax(root), values=present(values))
    if (agreement := trade.first(f"{supply}Agreement")) is not None:
        values |= _agreement(agreement)
    if (delivery := trade.first(f"{supply}Delivery")) is not None:
        values["delivery_date"] = day_of(
            delivery.first("ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString")
        )
    if (settlement := trade.first(f"{supply}Settlement")) is not None:
        values |= _settlement(settlement, first=first)
    items = [present(_line(item)) for item in trade.all("IncludedSupplyChainTradeLineItem")]
    charged = [line for line in items if line.keys() & {"description", "line_total", "quantity"}]
    return Invoice(syntax=_syntax(root), values=present(values), lines=charged)


def _syntax(root: Element) -> str:
    names = [leaf.text.lower() for leaf in root.leaves() if leaf.parent is not None
             and leaf.parent.name == "GuidelineSpecifiedDocumentContextParameter"]  # fmt: skip
    guideline = names[0] if names else ""
    if "xrechnung" in guideline:
        return "XRechnung (CII)"
    parts = guideline.replace("#", ":").split(":")
    profile = next((_PROFILES[part] for part in reversed(parts) if part in _PROFILES), "")
    family = "ZUGFeRD 1" if root.name == "CrossIndustryDocument" else "Factur-X/ZUGFeRD"
    if not profile:
        profile = "EN 16931" if "en16931" in guideline else "CII"
    return f"{family} ({profile})"


def _agreement(agreement: Element) -> _Values:
    return {
        **_party(agreement.first("SellerTradeParty"), "issuer"),
        **_party(agreement.first("BuyerTradeParty"), "recipient"),
        "buyer_reference": text_of(agreement.first("BuyerReference")),
        "customer_number": text_of(agreement.first("BuyerTradeParty/ID")),
        "order_number": text_of(
            agreement.first("BuyerOrderReferencedDocument/IssuerAssignedID") or agreement.first("BuyerOrderReferencedDocument/ID")
        ),
        "contract_number": text_of(
            agreement.first("ContractReferencedDocument/IssuerAssignedID") or agreement.first("ContractReferencedDocument/ID")
        ),
    }  # fmt: skip


def _party(party: Element | None, role: str) -> _Values:
    if party is None:
        return {}
    contact = "DefinedTradeContact"
    numbers = {
        number.attributes.get("schemeID", ""): number for number in reversed(party.all("SpecifiedTaxRegistration/ID"))
    }
    vat, local = text_of(numbers.get("VA")), text_of(numbers.get("FC"))
    return {
        f"{role}_name": text_of(party.first("Name")),
        f"{role}_address": address_of(
            party.first("PostalTradeAddress"),
            ("LineOne", "LineTwo", "LineThree"),
            "PostcodeCode",
            "CityName",
            "CountryID",
        ),
        f"{role}_vat_id": vat,
        f"{role}_tax_number": local,
        f"{role}_tax_id": vat or local,
        f"{role}_phone": text_of(party.first(f"{contact}/TelephoneUniversalCommunication/CompleteNumber")),
        f"{role}_email": text_of(
            party.first(f"{contact}/EmailURIUniversalCommunication/URIID")
            or party.first(f"{contact}/EmailURIUniversalCommunication/CompleteNumber")
        ),
    }


def _settlement(settlement: Element, *, first: bool) -> _Values:
    sums = settlement.first(f"SpecifiedTradeSettlement{'' if first else 'Header'}MonetarySummation")
    means = "SpecifiedTradeSettlementPaymentMeans"
    currency = text_of(settlement.first("InvoiceCurrencyCode"))
    values: _Values = {
        "currency": currency or _currency_of(sums),
        "due_date": day_of(settlement.first("SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString")),
        "payment_terms": text_of(settlement.first("SpecifiedTradePaymentTerms/Description")),
        "payment_reference": text_of(settlement.first("PaymentReference")),
        "payment_method": text_of(settlement.first(f"{means}/Information")),
        "iban": text_of(
            settlement.first(f"{means}/PayeePartyCreditorFinancialAccount/IBANID")
            or settlement.first(f"{means}/PayerPartyDebtorFinancialAccount/IBANID")
        ),
        "bic": text_of(settlement.first(f"{means}/PayeeSpecifiedCreditorFinancialInstitution/BICID")),
    }
    return values | (_sums(sums, str(currency.value) if currency else "") if sums is not None else {})


def _currency_of(sums: Element | None) -> Value | None:
    """Of the total's amount, where the invoice as a whole names none."""
    total = sums.first("GrandTotalAmount") if sums is not None else None
    code = total.attributes.get("currencyID", "") if total is not None else ""
    return Value(code, (total,)) if total is not None and code else None


def _sums(sums: Element, currency: str) -> _Values:
    taxes = sums.all("TaxTotalAmount")  # a second one is in the accounting currency (BT-111)
    tax = next((each for each in taxes if each.attributes.get("currencyID", currency) == currency), None)
    taxed = amount_of(tax or (taxes[0] if taxes else None))
    net = amount_of(sums.first("TaxBasisTotalAmount"))
    lines = amount_of(sums.first("LineTotalAmount"))
    return {
        "line_total": lines,
        "net_total": net,
        "subtotal": net or lines,
        "tax": taxed,
        "vat": taxed,  # EN 16931 knows no other tax
        "total": amount_of(sums.first("GrandTotalAmount")),
        "prepaid": amount_of(sums.first("TotalPrepaidAmount")),
        "amount_due": amount_of(sums.first("DuePayableAmount")),
        "discount": amount_of(sums.first("AllowanceTotalAmount")),
        "charges": amount_of(sums.first("ChargeTotalAmount")),
        "rounding": amount_of(sums.first("RoundingAmount")),
    }


def _line(item: Element) -> _Values:
    product = item.first("SpecifiedTradeProduct")
    agreement = item.first("SpecifiedLineTradeAgreement") or item.first("SpecifiedSupplyChainTradeAgreement")
    delivery = item.first("SpecifiedLineTradeDelivery") or item.first("SpecifiedSupplyChainTradeDelivery")
    settlement = item.first("SpecifiedLineTradeSettlement") or item.first("SpecifiedSupplyChainTradeSettlement")
    values: _Values = {"position": text_of(item.first("AssociatedDocumentLineDocument/LineID"))}
    if product is not None:
        name, more = text_of(product.first("Name")), text_of(product.first("Description"))
        values |= {"description": name or more, "details": more, "code": text_of(product.first("SellerAssignedID"))}
    if agreement is not None:
        price = agreement.first("NetPriceProductTradePrice") or agreement.first("GrossPriceProductTradePrice")
        if price is not None:
            values["unit_price"] = price_of(price.first("ChargeAmount"), price.first("BasisQuantity"))
    if delivery is not None:
        quantity = delivery.first("BilledQuantity")
        values |= {"quantity": amount_of(quantity), "unit": unit_of(quantity)}
    if settlement is not None:
        total = (
            settlement.first("SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")
            or settlement.first("SpecifiedTradeSettlementMonetarySummation/LineTotalAmount")
        )  # fmt: skip
        rate = settlement.first("ApplicableTradeTax/RateApplicablePercent") or settlement.first(
            "ApplicableTradeTax/ApplicablePercent"
        )
        values |= {"line_total": amount_of(total), "tax_rate": amount_of(rate)}
    return values
