"""Pairs of letters: languages and codes have those of a language, or too few to tell; shifted words do not."""

from __future__ import annotations

import pytest

from docmill.ocr.layer_trust import LayerFacts, is_trustworthy
from docmill.ocr.letter_pairs import usual_pairs


def facts_of(text: str) -> LayerFacts:
    """Those of a page that has nothing against it but perhaps its letters."""
    usual, pairs = usual_pairs(text)
    return LayerFacts(
        characters=len(text),
        bad=0.0,
        broken=0.0,
        unmapped=0.0,
        readable=1.0,
        usual=usual,
        pairs=pairs,
        spaced=0.0,
        unseen=0.0,
        pictures=0.0,
        other_objects=0,
    )


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["Invoice 2024-117", "Total due 99.50 EUR", "Please pay in ten days"], id="short"),
        pytest.param(["Gwerthir y nwyddau hyn gan gwmni yng Nghymru", "Ffoniwch ni rhwng naw a phump"], id="Welsh"),
        pytest.param(["Szczegółowe warunki sprzedaży", "Należność płatna w ciągu trzydziestu dni"], id="Polish"),
        pytest.param(["Toimitusehdot löytyvät yhtiön verkkosivuilta", "Maksettava yhteensä"], id="Finnish"),
        pytest.param(["Hàng hóa được giao trong vòng mười bốn ngày", "Tổng cộng phải thanh toán"], id="Vietnamese"),
        pytest.param(
            ["WHO KVVU KGPX WXMI KHQ KREM KSPS KUID KWSU", "Spots a week and rate of each station"], id="stations"
        ),
        pytest.param(
            ["BX-104-QWZ RM12/XKQ 7RWDTK XJ-55-VWQ", "Price list of spare parts for pumps, valid from May"], id="codes"
        ),
        pytest.param(["aGVsbG8gd29ybGQKbXkgbmFtZSBpc", "MIIBIjANBgkqhkiGwBAQEFAAOCAQ"], id="keys"),
        pytest.param(["Оплата в течение тридцати дней без вычетов"], id="not Latin"),
    ],
)
def test_sound_text_of_all_kinds_is_trusted(lines: list[str]) -> None:
    """Languages, names of stations and codes do not look like other letters than those shown."""
    assert is_trustworthy(facts_of(" ".join(lines)))


def test_every_word_counts_once() -> None:
    """A table that repeats an odd name is no page full of odd words."""
    text = "WAOW Appleton broadcasts the evening news twice"
    assert usual_pairs(text + 100 * " WAOW") == usual_pairs(text)


@pytest.mark.parametrize(
    "text", ["", "12.50 1.250,00", "a b c", "Total 12 EUR", "\u041e\u043f\u043b\u0430\u0442\u0430"]
)
def test_few_letters_say_nothing(text: str) -> None:
    """Neither good nor bad."""
    assert usual_pairs(text) == (0.0, 0)
    assert is_trustworthy(facts_of(20 * "1234 " + text))


def test_shifted_letters_are_found_with_accents() -> None:
    """They are compared without them."""
    assert not is_trustworthy(facts_of("U\u0308cfs Mjfgfsvoh jo Lbjtfs\u00e9 g\u00f6s xjsl"))
