"""Between rows and values: times as microseconds, JSON as text, faults as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, overload

import orjson

from docmill.domain.errors import Fault, Reason

__all__ = ["dump", "dump_fault", "load", "load_fault", "micros", "moment"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def micros(at: datetime) -> int: ...
@overload
def micros(at: None) -> None: ...
def micros(at: datetime | None) -> int | None:
    """Microseconds since the epoch, exactly. A naive datetime is a TypeError."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


@overload
def moment(value: int) -> datetime: ...
@overload
def moment(value: None) -> None: ...
def moment(value: int | None) -> datetime | None:
    """The aware UTC time that `micros` wrote."""
    return None if value is None else _EPOCH + value * _MICROSECOND


def dump(value: object) -> str:
    """JSON text without spaces. Mappings, sequences, dataclasses and enums are welcome; NaN becomes null."""
    return orjson.dumps(value, default=_plain).decode()


def load(text: str) -> Any:
    """What `dump` wrote."""
    return orjson.loads(text)


def dump_fault(fault: Fault | None) -> str | None:
    """A fault as JSON, None as None (SQL NULL)."""
    return None if fault is None else dump(fault)


def load_fault(text: str | None) -> Fault | None:
    """What `dump_fault` wrote."""
    if text is None:
        return None
    data = load(text)
    return Fault(
        reason=Reason(data["reason"]),
        message=data["message"],
        details=data["details"],
        retryable=data["retryable"],
        step=data["step"],
    )


def _plain(value: object) -> object:
    """What orjson does not know by itself."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
