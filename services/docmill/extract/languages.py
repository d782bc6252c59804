"""Which language a document is in: by the words of its labels and by small words, in the seven languages that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from docmill.extract.labels import words_by_language
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.pages import Page

__all__ = ["language_of"]

_SMALL = {
    "en": "the and for with from this your you please are our not dear",
    "de": "der die das und mit für von auf ist bitte wir sie ihre nicht zum zur bei",
    "fr": "le la les et pour avec une des est vous nous votre sur dans par",
    "es": "el los las y para con una por su del este gracias nuestro",
    "it": "il lo gli per con una della del dei non vi grazie nostro",
    "nl": "het een en van voor met uw wij niet bij naar zijn",
    "pt": "o os as e para com uma por seu da dos não nosso obrigado",
}
_ENOUGH = 1.5
"""Words that no other language has, at least, or more that some have."""
_CLEARLY = 1.25
"""Times as many as the next language."""


def language_of(pages: Sequence[Page]) -> str:
    """Its code (ISO 639-1); empty where too few words tell."""
    languages = _languages()
    scores: Counter[str] = Counter()
    for word in {squeeze(word.text) for page in pages for word in page.words}:
        spoken = languages.get(word, frozenset())
        for language in spoken:
            scores[language] += 1 / len(spoken)  # type: ignore[assignment]  # a counter of shares
    (best, most), (_, next_most) = [*scores.most_common(2), ("", 0), ("", 0)][:2]
    return best if most >= _ENOUGH and most >= _CLEARLY * next_most else ""


@cache
def _languages() -> Mapping[str, frozenset[str]]:
    """The languages that have a word."""
    found: dict[str, set[str]] = {}
    for words in (words_by_language(), {language: small.split() for language, small in _SMALL.items()}):
        for language, each in words.items():
            for word in each:
                found.setdefault(squeeze(word), set()).add(language)
    return {word: frozenset(spoken) for word, spoken in found.items() if len(word) > 1}
