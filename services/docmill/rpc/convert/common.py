"""Times, JSON values, enums and faults."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf import struct_pb2, timestamp_pb2

from docmill.domain.errors import Fault, InvalidArgument, Reason
from docmill.domain.models import JsonObject
from docmill.v1 import errors_pb2

__all__ = [
    "from_struct",
    "from_timestamp",
    "milliseconds",
    "to_fault",
    "to_reason",
    "to_struct",
    "to_timestamp",
    "to_value",
]

MAX_DEPTH = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_EXACT = 2**53  # beyond it a double is not one whole number


def to_timestamp(at: datetime | None) -> timestamp_pb2.Timestamp | None:
    """An aware time in UTC."""
    if at is None:
        return None
    since = at - _EPOCH  # `FromDatetime` takes four times as long, and watches send thousands a second
    return timestamp_pb2.Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def from_timestamp(stamp: timestamp_pb2.Timestamp, field: str) -> datetime:
    """An aware time in UTC, to the microsecond."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _invalid(field, "is no time between the years 1 and 9999") from error


def milliseconds(start: datetime, end: datetime) -> int:
    """Whole milliseconds from `start` to `end`, at least 0."""
    return max(0, round((end - start).total_seconds() * 1000))


def to_reason(reason: str) -> errors_pb2.ErrorReason.ValueType:
    """The enum's value of a reason by name."""
    return errors_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")


def to_fault(fault: Fault | None) -> errors_pb2.Fault | None:
    """A failure as recorded."""
    if fault is None:
        return None
    return errors_pb2.Fault(
        reason=to_reason(fault.reason), message=fault.message, step=fault.step, details=dict(fault.details)
    )


def to_struct(values: JsonObject) -> struct_pb2.Struct:
    """A JSON object."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        _fill(struct.fields[name], value)
    return struct


def to_value(value: Any) -> struct_pb2.Value:
    """A JSON value. Whole numbers beyond 2**53 lose digits: `Value` has doubles only."""
    made = struct_pb2.Value()
    _fill(made, value)
    return made


def _fill(into: struct_pb2.Value, value: Any) -> None:
    # Not json_format: it costs 3.5 times as much, and the outputs of long documents have 100,000s of values.
    if value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, Mapping):
        into.struct_value.SetInParent()
        fields = into.struct_value.fields
        for name, item in value.items():
            _fill(fields[name], item)
    elif isinstance(value, Sequence):
        into.list_value.SetInParent()
        items = into.list_value.values
        for item in value:
            _fill(items.add(), item)
    else:
        message = f"{type(value).__name__} is no JSON value"
        raise TypeError(message)


def from_struct(struct: struct_pb2.Struct, field: str, *, max_bytes: int) -> dict[str, Any]:
    """A JSON object of at most `max_bytes` (as a message) and `MAX_DEPTH` levels. Whole numbers become `int`."""
    if struct.ByteSize() > max_bytes:
        raise _invalid(field, f"is larger than {max_bytes // 1024} KiB")
    return {name: _from_value(value, field, MAX_DEPTH - 1) for name, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value, field: str, levels: int) -> Any:
    if levels == 0:
        raise _invalid(field, f"is nested more than {MAX_DEPTH} levels deep")
    match value.WhichOneof("kind"):
        case "struct_value":
            return {name: _from_value(item, field, levels - 1) for name, item in value.struct_value.fields.items()}
        case "list_value":
            return [_from_value(item, field, levels - 1) for item in value.list_value.values]
        case "number_value":
            return _from_number(value.number_value, field)
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _from_number(number: float, field: str) -> int | float:
    if not math.isfinite(number):
        raise _invalid(field, "holds a number that JSON does not have")
    return int(number) if number.is_integer() and abs(number) <= _MAX_EXACT else number


def _invalid(field: str, what: str) -> InvalidArgument:
    return InvalidArgument(Reason.FIELD_INVALID, f"{field} {what}", {"field": field, "reason": what})
