"""The rules of `docmill eval`: when values are the same, how items are matched, what counts as calibrated."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.pages import Box
from docmill.evaluate import (
    DatasetError,
    Labelled,
    Outcome,
    Place,
    Produced,
    Proof,
    fields_of,
    read_dataset,
    score,
    summarize,
    unknown_part,
)
from docmill.evaluate.calibration import Judged, coverage, expected_calibration_error
from docmill.evaluate.items import score_items
from docmill.evaluate.places import LabelledWord, locate, overlap, split_lines
from docmill.evaluate.values import Kind, normal, parse_number, same

SCHEMA: dict[str, Any] = {
    "properties": {
        "invoiceNumber": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "vendor": {"type": "object", "properties": {"name": {"type": "string"}}},
        "total": {"type": "number"},
        "lineItems": {"type": "array", "items": {"type": "object", "properties": {"total": {"type": "number"}}}},
    }
}
FIELDS = fields_of(SCHEMA)
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
SAME_DAY = [
    "17/02/2024",
    "17.02.2024",
    "17-02-2024",
    "17-2-2024",
    "17.02.24",
    "02/17/2024",
    "17 February 2024",
    "Feb 17, 2024",
    "17 févr. 2024",
    "2024/02/17",
    "20240217",
    "17/02/2024 19:26",
]
SAME_MINUTE = [
    "07:26PM",
    "07:26 PM",
    "7:26 pm",
    "7:26pm",
    "7:26 p.m.",
    "7:26p",
    "19.26",
    "19h26",
    "7.26 PM",
    "19:26:59",
]


def labelled(name: str = "one", **fields: Any) -> Labelled:
    """A document with labels."""
    return Labelled(id=name, path=Path(f"{name}.pdf"), set="made", fields=fields)


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("vendor.name", None),
        ("lineItems", None),
        ("totl", "totl"),
        ("vendor.nmae", "nmae"),
        ("total.net", "net"),
        ("free.anything", None),
        ("own.dot", None),
        ("more.anything", None),
    ],
)
def test_paths_that_no_output_has(path: str, unknown: str | None) -> None:
    """The part that is wrong is named; what a schema leaves open may be there."""
    schema = {
        "properties": {
            **SCHEMA["properties"],
            "free": {"type": "object"},
            "own.dot": {"type": "string"},
            "more": {"properties": {"one": {}}, "additionalProperties": True},
        }
    }
    found = unknown_part(schema, path)
    assert (found and found[0]) == unknown
    assert unknown_part({}, path) is None


@pytest.mark.parametrize(
    ("kind", "found", "label"),
    [
        (Kind.TEXT, "Mr. D.I.Y. (Johor) Sdn Bhd", "MR DIY JOHOR SDN BHD"),
        (Kind.TEXT, "Straße 1", "STRASSE 1"),
        (Kind.NUMBER, 1234.5, "1.234,50 EUR"),
        (Kind.NUMBER, 0.1 + 0.2, "0.30"),
        (Kind.NUMBER, -5, "5.00-"),
        (Kind.NUMBER, 1200, ["7", "1,200"]),
        (Kind.DATE, "2019-01-12", "2019-01-12T00:00:00"),
        *((Kind.DATE, "2024-02-17", label) for label in SAME_DAY),
        (Kind.DATE, "2024-04-03", "03/04/2024"),
        (Kind.DATE, "2024-03-04", "03/04/2024"),
        (Kind.DATE, "03/04/2024", "03/04/2024"),
        (Kind.DATE, "2024-02-17", ["no day", "17/02/2024"]),
        (Kind.TIME, "9:05", "09:05:33"),
        *((Kind.TIME, "19:26", label) for label in SAME_MINUTE),
        (Kind.TIME, "00:10", "12:10 AM"),
        (Kind.TIME, "11:46", "11:46a"),
    ],
)
def test_what_is_the_same(kind: Kind, found: Any, label: Any) -> None:
    """After the normalisation of its kind."""
    assert same(kind, found, label)


@pytest.mark.parametrize(
    ("kind", "found", "label"),
    [
        (Kind.NUMBER, 1234.5, "1234.51"),
        (Kind.NUMBER, "n/a", "0"),
        (Kind.DATE, "2019-01-12", "2019-12-01"),
        (Kind.DATE, "2024-02-17", "17/02/2024 - 20/02/2024"),
        (Kind.DATE, "2024-02-17", "17.02.2025"),
        (Kind.DATE, "2024-04-03", "03.04.2023"),
        (Kind.DATE, "2024-03-04", "03.04.2024"),
        (Kind.DATE, "04/03/2024", "03/04/2024"),
        (Kind.TIME, "07:26", "07:26PM"),
        (Kind.TIME, "05:12", "05.12.2018 19:26"),
        (Kind.TEXT, "2024-02-17", "17-02-2024"),
        (Kind.TEXT, "INV-1", "INV-11"),
        (Kind.TEXT, "-", "+"),
    ],
)
def test_what_is_not(kind: Kind, found: Any, label: Any) -> None:
    """A digit, a day, a sign."""
    assert not same(kind, found, label)


@given(st.text("0123456789.,-+()' eE\u2212\u2019", max_size=20))
def test_whatever_a_label_says_is_a_number_or_none(text: str) -> None:
    """`1.2.3,4,5` was an error once."""
    number = parse_number(text)
    assert number is None or number.is_finite()


@given(AMOUNTS, st.sampled_from([(",", "."), (".", ","), ("", "."), ("", ","), (" ", ","), ("'", ".")]))
def test_printed_amounts_are_read_back(amount: Decimal, separators: tuple[str, str]) -> None:
    """With two decimals, in every way of writing them."""
    thousands, point = separators
    text = f"{amount:,.2f}".replace(",", "T").replace(".", point).replace("T", thousands)
    assert parse_number(text) == amount
    assert normal(Kind.NUMBER, float(amount)) == normal(Kind.NUMBER, text)


def test_a_wrong_value_is_a_miss_and_a_false_alarm() -> None:
    """And a value that the document does not have is a false alarm only; nothing where nothing is, is no score."""
    document = labelled(total=5, date="2024-02-03", invoiceNumber=None, **{"vendor.name": "Acme"})
    produced = Produced(output={"total": 6, "invoiceNumber": "7", "vendor": {"name": "ACME"}})
    (summary,) = summarize([score(document, FIELDS, produced)])
    assert (summary.all.right, summary.all.false_alarms, summary.all.misses) == (1, 2, 2)
    assert summary.all.f1 == pytest.approx(2 / 6)
    assert summary.exact == 0
    nothing = score(labelled(invoiceNumber=None), FIELDS, Produced(output={}))
    assert nothing.is_exact is None


def test_a_field_is_compared_as_what_its_schema_says() -> None:
    """One label in two fields: the date is the same day, the number another number."""
    document = labelled(date="17-02-2024", invoiceNumber="17-02-2024")
    produced = Produced(output={"date": "2024-02-17", "invoiceNumber": "2024-02-17"})
    scored = {one.name: one.outcome for one in score(document, FIELDS, produced).fields}
    assert scored == {"date": Outcome.RIGHT, "invoiceNumber": Outcome.WRONG}


def test_variants_of_a_document_share_its_weight() -> None:
    """Two files with the number and seller of one invoice count as one; sets are never averaged."""
    names = {"seller_name": "A", "invoice_number": "1"}
    twins = [Labelled(id=n, path=Path(n), set="zugferd", fields={**names, "total": 5}) for n in ("a", "b")]
    other = Labelled(id="c", path=Path("c"), set="zugferd", fields={**names, "invoice_number": "2", "total": 5})
    scores = [score(document, FIELDS, Produced(output={"total": 5})) for document in twins]
    scores += [score(other, FIELDS, Produced(output={"total": 6})), score(labelled(total=5), FIELDS, Produced())]
    zugferd, made = summarize(scores)
    assert (zugferd.invoices, zugferd.fields["total"].f1) == (2, 0.5)
    assert (made.name, made.fields["total"].f1) == ("made", 0)


def test_items_are_matched_by_description_and_amount() -> None:
    """Whatever their order and names; one that is right in all labelled numbers is right, an extra one a false alarm."""
    wanted = [
        {"description": "Desk lamp", "qty": 2, "unit_price": "9.50", "amount": "19.00"},
        {"description": "Chair", "amount": 80},
        {"description": "A note without numbers"},
    ]
    found = [
        {"description": "Chair, oak", "quantity": 1, "unitPrice": 80, "total": 80},
        {"description": "Desk lamp", "quantity": 2, "unitPrice": 9.5, "total": 18},
        {"description": "Freight", "total": 5},
    ]
    scored = score_items(found, wanted)
    assert (scored.labelled, scored.found, scored.right) == (2, 3, 1)


def test_calibration() -> None:
    """The published example of two bins; what passes at 99 % precision are the surest values before the first error."""
    judged = [Judged(0.95, right=True), Judged(0.95, right=True), Judged(0.65, right=True), Judged(0.65, right=False)]
    assert expected_calibration_error(judged) == pytest.approx((2 * 0.05 + 2 * 0.15) / 4)
    assert coverage(judged, labelled=5) == pytest.approx(2 / 5)
    assert expected_calibration_error([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_calibration_stays_within_its_bounds(values: list[tuple[float, bool]]) -> None:
    """Both are shares."""
    judged = [Judged(confidence, right) for confidence, right in values]
    error, passing = expected_calibration_error(judged), coverage(judged, labelled=len(judged))
    assert error is not None
    assert passing is not None
    assert 0 <= error <= 1
    assert 0 <= passing <= 1


def test_values_are_found_among_labelled_words() -> None:
    """Over several words, as printed; a line is divided among its words."""
    line = LabelledWord("TOTAL RM 1 234.50", Place(1, Box(0, 0, 170, 10)))
    words = split_lines([line])
    assert [word.text for word in words] == ["TOTAL", "RM", "1", "234.50"]
    (place,) = locate(words, Kind.NUMBER, ["1234.50"])
    assert (place.box.x, place.box.right) == (90, 170)
    (name,) = locate(words, Kind.TEXT, ["total rm"])
    assert (name.box.x, name.box.right) == (0, 80)
    assert overlap(place, place) == 1
    assert overlap(place, Place(2, place.box)) == 0


def test_evidence_is_compared_with_the_labelled_place() -> None:
    """The better of several places; a wrong value's evidence is not judged."""
    at = Place(1, Box(10, 10, 40, 10))
    document = Labelled(
        id="x",
        path=Path("x.png"),
        set="s",
        fields={"total": 5, "date": "2024-01-01"},
        places={"total": (at,), "date": (at,)},
    )
    proofs = {
        "/total": [Proof(Place(1, Box(10, 10, 40, 12)), 0.9)],
        "/date": [Proof(Place(1, Box(500, 0, 9, 9)), 0.2, False)],
    }
    produced = Produced(output={"total": 5, "date": "2023-01-01"}, proofs=proofs)
    (summary,) = summarize([score(document, FIELDS, produced)])
    assert (summary.located, summary.overlapping) == (1, 1)
    assert (summary.values, summary.grounded) == (2, 1)
    assert summary.overlap == pytest.approx(10 / 12)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[]", "object is needed"), ("{", "no JSON"), ('{"fields": {"a": 1}, "words": [{"text": "a"}]}', "a box")],
)
def test_labels_that_are_none(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names the file."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DatasetError, match=complaint) as told:
        read_dataset(tmp_path)
    assert "a.json" in str(told.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It is told as such, and not as a folder without documents."""
    (tmp_path / "file").touch()
    for name, complaint in (("absent", "there is no such folder"), ("file", "this is no folder")):
        with pytest.raises(DatasetError) as told:
            read_dataset(tmp_path / name)
        assert str(told.value) == f"{tmp_path / name}: {complaint}"


def test_a_manifest_may_choose(tmp_path: Path) -> None:
    """`--filter` looks at what the manifest says; documents without fields are passed over."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.pdf").write_bytes(b"%PDF")
        (tmp_path / f"{name}.json").write_text(json.dumps({"fields": {"seller": {"name": name}}}))
    lines = [{"path": f"{name}.pdf", "gt": f"{name}.json", "set": f"set-{name}"} for name in ("a", "b")]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, [*lines, {"path": "c.pdf"}])))
    (found,) = read_dataset(tmp_path, {"set": "set-b"})
    assert (found.id, found.fields) == ("b", {"seller.name": "b"})
    assert len(read_dataset(tmp_path, limit=1)) == 1
