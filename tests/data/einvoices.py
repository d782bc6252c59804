"""Electronic invoices in every syntax and profile, alone and inside PDFs that show the same invoice."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import pypdfium2

from tests.data.invoices import Generated

PROFILES = {
    "minimum": "urn:factur-x.eu:1p0:minimum",
    "basicwl": "urn:factur-x.eu:1p0:basicwl",
    "basic": "urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic",
    "en16931": "urn:cen.eu:en16931:2017",
    "extended": "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended",
    "xrechnung": "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
}
"""CII guideline ids by the name of the profile."""
WITHOUT_LINES = frozenset({"minimum", "basicwl"})
_CII = "urn:un:unece:uncefact:data:standard"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd"


def cii(invoice: Generated, profile: str = "en16931", *, first: bool = False, **changed: Any) -> bytes:
    """`invoice` as CII, `first` in the syntax of ZUGFeRD 1; `changed` replaces values of its truth."""
    truth = {**invoice.truth, **changed}
    root = "CrossIndustryDocument" if first else "CrossIndustryInvoice"
    namespace = "urn:ferd:CrossIndustryDocument:invoice:1p0" if first else f"{_CII}:CrossIndustryInvoice:100"
    version = ("12", "15") if first else ("100", "100")
    supply, head = ("ApplicableSupplyChainTrade", "") if first else ("ApplicableHeaderTrade", "Header")
    lines = (
        ""
        if profile in WITHOUT_LINES
        else "".join(_cii_line(n, item, first) for n, item in enumerate(truth["lineItems"], 1))
    )
    street, place = truth["vendor"]["address"].split(", ", 1)
    address = (
        ""
        if profile == "minimum"
        else f"<ram:LineOne>{escape(street)}</ram:LineOne><ram:CityName>{escape(place)}</ram:CityName>"
    )
    trade = f"{'Specified' if first else ''}SupplyChainTradeTransaction"
    settlement = f"""<ram:{supply}Settlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:SpecifiedTradeSettlement{head}MonetarySummation>
{"" if profile == "minimum" else f"<ram:LineTotalAmount>{truth['subtotal']:.2f}</ram:LineTotalAmount>"}
<ram:TaxBasisTotalAmount>{truth["subtotal"]:.2f}</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="USD">9999.00</ram:TaxTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">{truth["tax"]:.2f}</ram:TaxTotalAmount>
<ram:GrandTotalAmount>{truth["total"]:.2f}</ram:GrandTotalAmount>
<ram:DuePayableAmount>{truth["total"]:.2f}</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlement{head}MonetarySummation></ram:{supply}Settlement>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:{root} xmlns:rsm="{namespace}" xmlns:ram="{_CII}:ReusableAggregateBusinessInformationEntity:{version[0]}"
 xmlns:udt="{_CII}:UnqualifiedDataType:{version[1]}">
<rsm:{"SpecifiedExchangedDocumentContext" if first else "ExchangedDocumentContext"}>
<ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>{PROFILES[profile]}</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
</rsm:{"SpecifiedExchangedDocumentContext" if first else "ExchangedDocumentContext"}>
<rsm:{"HeaderExchangedDocument" if first else "ExchangedDocument"}><ram:ID>{escape(truth["invoiceNumber"])}</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">{truth["date"].replace("-", "")}</udt:DateTimeString></ram:IssueDateTime>
</rsm:{"HeaderExchangedDocument" if first else "ExchangedDocument"}>
<rsm:{trade}>{"" if first else lines}
<ram:{supply}Agreement><ram:SellerTradeParty><ram:Name>{escape(truth["vendor"]["name"])}</ram:Name>
<ram:PostalTradeAddress>{address}<ram:CountryID>DE</ram:CountryID></ram:PostalTradeAddress>
<ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">12/345/67890</ram:ID></ram:SpecifiedTaxRegistration>
<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE136695976</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:Name>Buyer &amp; Söhne</ram:Name></ram:BuyerTradeParty></ram:{supply}Agreement>
<ram:{supply}Delivery/>{settlement}{lines if first else ""}
</rsm:{trade}></rsm:{root}>""".encode()


def _cii_line(number: int, item: Mapping[str, Any], first: bool) -> str:  # noqa: FBT001 - of this file only
    kind = "SupplyChain" if first else "Line"
    total = "SpecifiedTradeSettlementMonetarySummation" if first else "SpecifiedTradeSettlementLineMonetarySummation"
    return f"""<ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument><ram:LineID>{number}</ram:LineID></ram:AssociatedDocumentLineDocument>
<ram:SpecifiedTradeProduct><ram:Name>{escape(item["description"])}</ram:Name></ram:SpecifiedTradeProduct>
<ram:Specified{kind}TradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>{item["unitPrice"] * 100:.2f}</ram:ChargeAmount>
<ram:BasisQuantity unitCode="C62">100</ram:BasisQuantity></ram:NetPriceProductTradePrice></ram:Specified{kind}TradeAgreement>
<ram:Specified{kind}TradeDelivery><ram:BilledQuantity unitCode="C62">{item["quantity"]}.000</ram:BilledQuantity></ram:Specified{kind}TradeDelivery>
<ram:Specified{kind}TradeSettlement><ram:{total}><ram:LineTotalAmount>{item["total"]:.2f}</ram:LineTotalAmount></ram:{total}></ram:Specified{kind}TradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>"""


def ubl(
    invoice: Generated, root: str = "Invoice", *, customization: str = PROFILES["xrechnung"], **changed: Any
) -> bytes:
    """`invoice` as UBL; `root` is Invoice or CreditNote."""
    truth = {**invoice.truth, **changed}
    quantity = "InvoicedQuantity" if root == "Invoice" else "CreditedQuantity"
    street, place = truth["vendor"]["address"].split(", ", 1)
    lines = "".join(
        f"""<cac:{root}Line><cbc:ID>{number}</cbc:ID><cbc:{quantity} unitCode="C62">{item["quantity"]}</cbc:{quantity}>
<cbc:LineExtensionAmount currencyID="EUR">{item["total"]:.2f}</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>{escape(item["description"])}</cbc:Name></cac:Item>
<cac:Price><cbc:PriceAmount currencyID="EUR">{item["unitPrice"]:.2f}</cbc:PriceAmount></cac:Price></cac:{root}Line>"""
        for number, item in enumerate(truth["lineItems"], 1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="{_UBL}:{root}-2" xmlns:cac="{_UBL}:CommonAggregateComponents-2" xmlns:cbc="{_UBL}:CommonBasicComponents-2">
<cbc:CustomizationID>{customization}</cbc:CustomizationID><cbc:ID>{escape(truth["invoiceNumber"])}</cbc:ID>
<cbc:IssueDate>{truth["date"]}</cbc:IssueDate><cbc:{root}TypeCode>380</cbc:{root}TypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PostalAddress><cbc:StreetName>{escape(street)}</cbc:StreetName>
<cbc:CityName>{escape(place)}</cbc:CityName><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>DE136695976</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>{escape(truth["vendor"]["name"])}</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{truth["tax"]:.2f}</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">{truth["subtotal"]:.2f}</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">{truth["subtotal"]:.2f}</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">{truth["total"]:.2f}</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">{truth["total"]:.2f}</cbc:PayableAmount></cac:LegalMonetaryTotal>{lines}</{root}>""".encode()


def with_files(pdf: bytes, files: Mapping[str, bytes]) -> bytes:
    """The PDF with these files embedded."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for name, data in files.items():
            document.new_attachment(name).set_data(data)
        buffer = io.BytesIO()
        document.save(buffer)
        return buffer.getvalue()
    finally:
        document.close()
