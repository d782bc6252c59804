"""What names, addresses and headings look like as text, in seven languages and on Malaysian receipts."""

from __future__ import annotations

import re

from docmill.extract.text import squeeze

__all__ = [
    "FORM",
    "GOES_ON",
    "HOUSE",
    "KEY_VALUE",
    "KIND",
    "OPEN",
    "OWNED",
    "POSTCODE",
    "RETURN_LINE",
    "TITLE",
    "TRADE",
    "clean_name",
    "is_address",
    "mostly_digits",
    "only_form",
]

FORM = re.compile(  # legal forms; those of two letters only where a name may end
    r"\b(?:gmbh(?: ?& ?co\.? ?kg)?|ohg|e\.? ?k|gbr|ltd|limited|llc|llp|corp(?:oration)?|plc|company(?! (?:reg|no|number))|pty|pvt|"
    r"sdn\.? ?(?:bhd|8hd)|bhd|enterprise|s\.?a\.?r\.?l|s\.?a\.?s(?:\.?u)?|s\.?r\.?l|s\.?p\.?a|s\.?n\.?c|v\.?o\.?f|"
    r"lda|unipessoal|eurl|(?:ag|kg|ug|co|inc|s\.?a|s\.?l(?:\.?u)?|b\.?v|n\.?v|[s5]/b)(?=\.?\s*(?:$|[(&,-])))(?:\.|\b)(?!@)",
    re.IGNORECASE,
)
KIND = re.compile(
    r"\b(?:restaurant|restoran|ristorante|store|shop|market|supermarket|supermarkt|hotel|cafe|bakery|trading|pharmacy|mart|"
    r"services?|solutions|group|hardware|stationery)\b",
    re.IGNORECASE,
)
STREET = re.compile(
    r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring\b|damm\b|ufer\b|\bstreet|\bst\.?\b|\broad\b|\brd\.?\b|\bavenue|\bave\b|"
    r"\blane\b|\bdrive\b|\bblvd|\bboulevard|\bway\b|\bsquare\b|\bsuite\b|\bfloor\b|\bunit\b|\bp\.?o\.? box|\brue\b|\bchemin\b|"
    r"\bplace\b|\bquai\b|\bcalle\b|\bavda|\bavenida|\bplaza\b|\bpaseo\b|\bcamino\b|\bvia\b|\bviale\b|\bpiazza\b|\bcorso\b|"
    r"straat\b|laan\b|plein\b|\bgracht|\brua\b|\btravessa\b|\blargo\b|\bjalan\b|\bjln\b|\bjin\b|\btaman\b|\btmn\b|\blot\b|\bno\.? ?\d|"
    r"\blorong\b|\bpersiaran\b|\blebuh\b|\blevel\b|\bblock\b|\bblok\b|\bmukim\b|\bseksyen\b|\bjl\b|\bground floor\b|\bkawasan\b|\bbandar\b|\bkampung\b|\bmall\b|\bplot\b|\bsector\b|\bnagar\b|\bbuilding\b|\bbatu\b)",
    re.IGNORECASE,
)
HOUSE = re.compile(
    r"[^\W\d]{3,}\.?,? \d{1,4} ?[A-Za-z]?,?$|^\d{1,4}[A-Za-z]?,? [^\W\d]{3,}"
)  # `Am Markt 5`, `12 Mill Hill`
POSTCODE = re.compile(
    r"(?<!\d)(?:\d{5}(?:-\d{4})?|\d{4} ?[A-Z]{2}|\d{4}-\d{3}|[A-Z]{1,2}-?\d{4,5}|\d{4}|\d{6})\b[ ,]+[^\W\d]|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"
    r"|\b[A-Z]{2} \d{5}(?:-\d{4})?\b|[^\W\d],? \d{5,6}\b"
)
PLACE = re.compile(
    r"\b(?:selangor|johor|kuala lumpur|penang|pulau pinang|malaysia|perak|melaka|sabah|sarawak|kedah|pahang|wilayah|"
    r"germany|deutschland|france|espa(?:ñ|n)a|spain|italia|italy|nederland|netherlands|portugal|united kingdom|uk|usa|"
    r"united states|india|switzerland|schweiz|suisse|österreich|austria|belgi[eë]|belgique|ireland|canada|singapore|australia)\b",
    re.IGNORECASE,
)
TITLE = frozenset(
    squeeze(title)
    for title in (
        "invoice", "tax invoice", "rechnung", "facture", "factura", "fattura", "factuur", "fatura", "receipt", "bill",
        "cash receipt", "cash bill", "simplified tax invoice", "quittung", "kassenbon", "credit note", "official receipt",
        "gutschrift", "avoir", "bon", "ticket", "scontrino", "original", "copy", "duplicate", "page", "pro forma invoice",
        "proforma invoice", "statement", "welcome", "commercial invoice", "sales invoice", "recibo", "guest check",
        "payslip", "pay slip", "salary slip", "pay stub", "earnings statement", "gehaltsabrechnung", "lohnabrechnung",
        "purchase order", "bank statement", "account statement", "boarding pass", "passport", "curriculum vitae", "resume",
        "lebenslauf",
    )
)  # fmt: skip
TRADE = re.compile(  # what a name ends with; a line that starts so goes on with the name above it
    r"(?:enterprise|stationery|trading|restaurant|restoran|hardware|services?|solutions?|holdings?|industries|marketing|"
    r"supply|supplies|suppliers|bistro|cafe|caf\u00e9|bakery|confectionery|pharmacy|store|stores|shop|house|company|group|"
    r"international|products?|food|foods|electrical|motors?|auto|books?|gift)\b|[&(+]",
    re.IGNORECASE,
)
MISREAD = re.compile(r"(?<= )5/B$|(?<=SDN )8HD$|(?<=SDN\. )8HD$|(?<= S\.r\.)[I1](?=\.?$)")
MEANT = str.maketrans("58I1", "SBll")
OWNED = re.compile(r"(?:own(?:ed|er)?|operated|managed|dimiliki) (?:by|oleh)\b\s*:?\s*", re.IGNORECASE)
OPEN = re.compile(r"\([^)]*$")
REGISTRATION = re.compile(
    r"\s*\(?(?:co\.? ?(?:reg\.? ?)?no\.? ?:? ?)?\d{4,}\s?-?\s?[A-Z]\)?$", re.IGNORECASE
)  # `(519537-X)`
GOES_ON = re.compile(r"(?:&|\+|\b(?:of|the|and|und|et|y|e|en))$|\([^)]*$", re.IGNORECASE)
KEY_VALUE = re.compile(r"^[^:]{2,30}? ?: ?\S")
RETURN_LINE = re.compile(r"\s*(?:[·•|*]|\s[-\u2013\u2014]\s|\s/\s)\s*")


def is_address(text: str) -> bool:
    """Whether it looks like a line of an address."""
    has_digit = any(character.isdigit() for character in text)
    return bool((has_digit and (STREET.search(text) or POSTCODE.search(text))) or PLACE.search(text) or
                (STREET.search(text) and "," in text))  # fmt: skip


def only_form(text: str) -> bool:
    """`CO. (M) SDN. BHD.` alone on a line ends the name above it."""
    rest = squeeze(FORM.sub("", text))
    return rest != squeeze(text) and len(re.sub(r"\d", "", rest)) <= 3


def clean_name(text: str) -> str:
    """Without who owns it, registration numbers and what was cut off; a legal form that OCR misread is put right."""
    text = OPEN.sub("", REGISTRATION.sub("", OWNED.sub("", text)))
    return MISREAD.sub(lambda form: form.group().translate(MEANT), text).strip(" ,;:-")


def mostly_digits(text: str) -> bool:
    """More digits than letters."""
    return sum(character.isdigit() for character in text) > sum(character.isalpha() for character in text)
