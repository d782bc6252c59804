"""The last look at a document: how sure its data is, how much was read, and which of its values do not agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import Reason, WorkFailed
from docmill.extract.checks import Check, check_document
from docmill.extract.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.models import JsonObject
    from docmill.domain.pages import Page

__all__ = ["assess"]

FLOOR = 0.2
"""Words that were read with less confidence are guesses."""

_EXPECTED: Mapping[str, Sequence[str]] = {
    "invoice": ("number", "date", "issuer.name", "total"),
    "receipt": ("date", "issuer.name", "total"),
    "purchase order": ("number", "date", "issuer.name"),
}
"""What a document of a kind has to have; the confidence in one that lacks some of it is less."""


def assess(
    document: JsonObject, pages: Sequence[Page], variables: JsonObject, others: Sequence[int] = ()
) -> dict[str, Any]:
    """`confidence` (0 to 1), `pages`, `words`, `language`, `country` and `checks` (`[{code, level, detail}]`) for the data of a document.

    The confidence is that of the reading, by the letters, times the share of the expected fields that were found.
    With the pages at which `others` begin there is a check for that. `WorkFailed` when nothing could be read.
    """
    letters = sum(len(word.text) for page in pages for word in page.words)
    weighted = sum(word.confidence * len(word.text) for page in pages for word in page.words)
    if not letters or weighted / letters < FLOOR:
        raise WorkFailed(Reason.EXTRACTION_FAILED, "No readable text was found in the document")
    made: dict[str, Any] = {
        "confidence": round(weighted / letters * _share(document), 2),
        "pages": len(pages),
        "words": sum(len(page.words) for page in pages),
    }
    made |= _where_and_how(document, pages, variables)
    checks = [*_several(others), *check_document({**document, **made})]
    return made | {"checks": [{"code": each.code, "level": each.level, "detail": each.detail} for each in checks]}


def _several(others: Sequence[int]) -> list[Check]:
    """One check for a file with several documents: its data is that of one, or a mixture."""
    if not others:
        return []
    *most, last = map(str, others)
    begin = (
        f"pages {', '.join(most)} and {last} begin other documents" if most else f"page {last} begins another document"
    )
    detail = f"it seems that {begin}, and the data may be of any of them: send each document in a file of its own"
    return [Check(code="several_documents", level="warning", detail=detail)]


def _where_and_how(document: JsonObject, pages: Sequence[Page], variables: JsonObject) -> dict[str, Any]:
    """`language`, as somebody says or as its words tell, and `country`, that of the issuer."""
    issuer = document.get("issuer")
    country = issuer.get("country") if isinstance(issuer, Mapping) else None
    found = {"language": variables.get("language") or language_of(pages), "country": country}
    return {name: value for name, value in found.items() if value}


def _share(document: JsonObject) -> float:
    expected = _EXPECTED.get(str(document.get("category", "")), ())
    return sum(_has(document, path) for path in expected) / len(expected) if expected else 1.0


def _has(document: JsonObject, path: str) -> bool:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value not in (None, "")
