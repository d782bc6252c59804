"""Words and number formats of the languages that generated documents are written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal


@dataclass(frozen=True)
class Locale:
    """How documents of one language look."""

    language: str
    title: str
    number: str
    date: str
    due: str
    customer: str
    bill_to: str
    seller: str
    columns: tuple[str, str, str, str]
    """Description, quantity, unit price, total."""
    subtotal: str
    tax: str
    total: str
    carried: str
    currency: str
    thousands: str
    decimal: str
    date_format: str
    """`strftime`, or `long` for the month's name."""
    months: tuple[str, ...]
    tax_rate: int
    names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    goods: tuple[str, ...]
    tax_id: str

    def money(self, amount: Decimal, *, symbol: bool = False) -> str:
        """`1.234,56`, with the currency where `symbol` asks for it."""
        whole, cents = f"{abs(amount):.2f}".split(".")
        groups = []
        while len(whole) > 3:
            groups.insert(0, whole[-3:])
            whole = whole[:-3]
        text = self.thousands.join([whole, *groups]) + self.decimal + cents
        text = f"-{text}" if amount < 0 else text
        if not symbol:
            return text
        return f"{self.currency}{text}" if self.currency in "$£" else f"{text} {self.currency}"

    def day(self, value: date) -> str:
        """The date as this language prints it."""
        if self.date_format == "long":
            return f"{value.day}. {self.months[value.month - 1]} {value.year}"
        if self.date_format == "long en":
            return f"{self.months[value.month - 1]} {value.day}, {value.year}"
        return value.strftime(self.date_format)


LOCALES = {
    "en": Locale(
        "en", "Invoice", "Invoice Number", "Invoice Date", "Due Date", "Customer ID", "Bill To", "From",
        ("Description", "Quantity", "Unit Price", "Amount"), "Subtotal", "Sales Tax", "Total Due", "Carried forward",
        "$", ",", ".", "long en",
        ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
        8, ("Northwind Paper Ltd", "Brightfield Supplies Inc.", "Harbor Tools LLC"),
        ("42 Mill Street", "7 Station Road", "310 Lake Avenue"), ("Portland, OR 97201", "Austin, TX 78701", "Salem, OR 97301"),
        ("Copy paper A4 white", "Ink cartridge black", "Desk lamp with clamp", "Ball pen blue", "Office chair mesh back", "Filing cabinet steel"),
        "EIN 93-1234567",
    ),
    "en-GB": Locale(
        "en-GB", "Invoice", "Invoice No", "Invoice Date", "Due Date", "Account No", "Bill To", "From",
        ("Description", "Qty", "Unit Price", "Amount"), "Net Total", "VAT", "Total Due", "Carried forward",
        "£", ",", ".", "%d/%m/%Y",
        ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
        20, ("Fenwright Stationers Ltd", "Calder Valley Tools Ltd", "Whitby Office Supplies LLP"),
        ("42 Mill Lane", "7 Station Road", "310 Harbour Street"), ("Leeds LS1 4AP", "Bristol BS1 6QH", "York YO1 7HU"),
        ("Copy paper A4 white", "Ink cartridge black", "Desk lamp with clamp", "Ball pen blue", "Office chair mesh back", "Filing cabinet steel"),
        "VAT No GB 823 8471 09",
    ),
    "de": Locale(
        "de", "Rechnung", "Rechnungsnummer", "Rechnungsdatum", "Fällig am", "Kundennummer", "Rechnung an", "Absender",
        ("Bezeichnung", "Menge", "Einzelpreis", "Gesamtpreis"), "Zwischensumme", "MwSt.", "Rechnungsbetrag", "Übertrag",
        "EUR", ".", ",", "%d.%m.%Y",
        ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"),
        19, ("Papierhaus Lindner GmbH", "Werkzeugbau Sommer KG", "Müller & Söhne OHG"),
        ("Mühlstraße 12", "Am Markt 5", "Industrieweg 88"), ("80331 München", "50667 Köln", "01067 Dresden"),
        ("Kopierpapier A4 weiß", "Druckerpatrone schwarz", "Schreibtischlampe mit Klemme", "Kugelschreiber blau", "Bürostuhl Netzrücken", "Aktenschrank Stahl"),
        "DE136695976",
    ),
    "fr": Locale(
        "fr", "Facture", "Numéro de facture", "Date de facture", "Date d'échéance", "Code client", "Facturé à", "Vendeur",
        ("Désignation", "Quantité", "Prix unitaire", "Montant HT"), "Total HT", "TVA", "Total TTC", "À reporter",
        "€", " ", ",", "%d/%m/%Y",
        ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
        20, ("Papeterie du Moulin SARL", "Atelier Rivière SAS", "Fournitures Legrand SA"),
        ("12 rue du Moulin", "5 place de la Gare", "88 avenue Victor Hugo"), ("69001 Lyon", "75011 Paris", "33000 Bordeaux"),
        ("Papier A4 blanc", "Cartouche d'encre noire", "Lampe de bureau", "Stylo bille bleu", "Chaise de bureau", "Armoire métallique"),
        "FR40303265045",
    ),
    "es": Locale(
        "es", "Factura", "Número de factura", "Fecha de factura", "Fecha de vencimiento", "Código cliente", "Facturar a", "Emisor",
        ("Descripción", "Cantidad", "Precio unitario", "Importe"), "Base imponible", "IVA", "Total a pagar", "Suma y sigue",
        "€", ".", ",", "%d/%m/%Y",
        ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
        21, ("Papelería Sol S.L.", "Talleres Vega S.A.", "Suministros Norte S.L."),
        ("Calle Mayor 12", "Avenida del Puerto 5", "Plaza Nueva 8"), ("28013 Madrid", "46023 Valencia", "41001 Sevilla"),
        ("Papel A4 blanco", "Cartucho de tinta negra", "Lámpara de escritorio", "Bolígrafo azul", "Silla de oficina", "Archivador de acero"),
        "B12345674",
    ),
    "it": Locale(
        "it", "Fattura", "Numero fattura", "Data fattura", "Scadenza", "Codice cliente", "Destinatario", "Fornitore",
        ("Descrizione", "Quantità", "Prezzo unitario", "Importo"), "Imponibile", "IVA", "Totale da pagare", "Riporto",
        "€", ".", ",", "%d/%m/%Y",
        ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
        22, ("Cartoleria Rossi S.r.l.", "Officine Bianchi S.p.A.", "Forniture Verdi S.r.l."),
        ("Via Roma 12", "Piazza Dante 5", "Corso Italia 88"), ("00184 Roma", "20121 Milano", "50123 Firenze"),
        ("Carta A4 bianca", "Cartuccia nera", "Lampada da tavolo", "Penna a sfera blu", "Sedia da ufficio", "Schedario in acciaio"),
        "IT07643520567",
    ),
    "nl": Locale(
        "nl", "Factuur", "Factuurnummer", "Factuurdatum", "Vervaldatum", "Klantnummer", "Factuuradres", "Leverancier",
        ("Omschrijving", "Aantal", "Stukprijs", "Bedrag"), "Subtotaal", "BTW", "Te betalen", "Transport",
        "€", ".", ",", "%d-%m-%Y",
        ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"),
        21, ("Papierhandel Jansen B.V.", "Gereedschap De Boer B.V.", "Kantoor Visser V.O.F."),
        ("Molenstraat 12", "Stationsplein 5", "Herengracht 88"), ("1017 BV Amsterdam", "3012 CN Rotterdam", "3511 AA Utrecht"),
        ("Kopieerpapier A4 wit", "Inktpatroon zwart", "Bureaulamp met klem", "Balpen blauw", "Bureaustoel", "Archiefkast staal"),
        "NL810433941B01",
    ),
    "pt": Locale(
        "pt", "Fatura", "Número da fatura", "Data da fatura", "Data de vencimento", "Código do cliente", "Faturar a", "Fornecedor",
        ("Descrição", "Quantidade", "Preço unitário", "Valor"), "Total sem IVA", "IVA", "Total a pagar", "A transportar",
        "€", ".", ",", "%d/%m/%Y",
        ("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
        23, ("Papelaria Lisboa Lda", "Oficinas Douro S.A.", "Material Norte Lda"),
        ("Rua do Moinho 12", "Avenida da Liberdade 5", "Largo do Rato 8"), ("1250-142 Lisboa", "4000-322 Porto", "3000-213 Coimbra"),
        ("Papel A4 branco", "Tinteiro preto", "Candeeiro de mesa", "Esferográfica azul", "Cadeira de escritório", "Armário de aço"),
        "PT501964843",
    ),
}  # fmt: skip
