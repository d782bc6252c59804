"""What goes into a row comes out of it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docmill.domain.errors import Fault, Reason
from docmill.store._codec import dump, dump_fault, load, load_fault, micros, moment

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
FAULTS = st.builds(
    Fault,
    reason=st.sampled_from(Reason),
    message=TEXT,
    details=st.dictionaries(TEXT, TEXT, max_size=3),
    retryable=st.booleans(),
    step=TEXT,
)


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES))  # noqa: DTZ001 - bounds are naive by contract
def test_times_are_exact(at: datetime) -> None:
    """Any aware time comes back as the same moment, to the microsecond, in UTC."""
    again = moment(micros(at))
    assert again == at
    assert again.tzinfo is UTC


def test_no_time_stays_no_time() -> None:
    """None is SQL NULL, and a naive time is refused."""
    assert micros(None) is None
    assert moment(None) is None
    with pytest.raises(TypeError):
        micros(datetime(2026, 11, 21))  # noqa: DTZ001 - the point


@given(JSON)
def test_json_comes_back(value: object) -> None:
    """Any JSON value comes back equal, and its text has no byte that PostgreSQL refuses."""
    text = dump(value)
    assert load(text) == value
    assert "\x00" not in text


def test_json_takes_mappings_and_sets() -> None:
    """Read-only mappings become objects, sets sorted lists; what has no JSON form is a TypeError."""
    assert load(dump(MappingProxyType({"b": frozenset({"y", "x"})}))) == {"b": ["x", "y"]}
    with pytest.raises(TypeError):
        dump(object())


@given(st.none() | FAULTS)
def test_faults_come_back(fault: Fault | None) -> None:
    """A fault comes back equal, None as None."""
    assert load_fault(dump_fault(fault)) == fault
