"""From messages to JSON values: one encoder for each message type, made from its descriptor at first use.

`Style()` gives what `google.protobuf.json_format` gives (a property test compares them), at a fraction of its time. A
dialect has a style of its own: other words for enums, other forms for some messages.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

__all__ = ["Encode", "Encoder", "Style", "from_struct", "from_value"]

Encode = Callable[[Any], Any]
"""From a field's value to a JSON value."""

_EXACT = 2.0**53
"""Whole numbers up to here are what they seem to be."""


def _names(enum: EnumDescriptor) -> Mapping[int, str | None]:
    if enum.full_name == "google.protobuf.NullValue":
        return {0: None}
    return {value.number: value.name for value in enum.values}


def _no_zero(_field: FieldDescriptor) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the JSON looks like."""

    enum: Callable[[EnumDescriptor], Mapping[int, str | None]] = _names
    """The words for an enum's numbers; a number without a word stands for itself."""
    zero: Callable[[FieldDescriptor], bool] = _no_zero
    """Whether a field that cannot be absent is shown when it is zero, empty or false."""
    wide_numbers: bool = False
    """Whether 64-bit numbers are numbers; proto JSON makes strings of them."""
    forms: Mapping[str, Encode] = field(default_factory=dict)
    """The form of messages, by full name, where it is not that of proto JSON."""


class Encoder:
    """Turns messages into JSON values (`dict`, `list`, `str`, numbers, `bool`, None) in one style."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self._forms: dict[str, Encode] = {**_WELL_KNOWN, **self._style.forms}

    def __call__(self, message: Message) -> Any:
        """The JSON value of `message`. ValueError for numbers that JSON does not have inside a `Value`."""
        return self.of(cast("Descriptor", message.DESCRIPTOR))(message)  # the stubs know two classes of it

    def of(self, descriptor: Descriptor) -> Encode:
        """The encoder of a message type. TypeError for well-known types that no message of ours uses."""
        known = self._forms.get(descriptor.full_name)
        if known is None:
            if descriptor.file.package == "google.protobuf":
                message = f"{descriptor.full_name} has no JSON form here"
                raise TypeError(message)
            self._forms[descriptor.full_name] = self  # for a type that contains itself: looked up again at each use
            known = self._forms[descriptor.full_name] = self.plain(descriptor)
        return known

    def plain(self, descriptor: Descriptor) -> Encode:
        """The encoder of a message type field by field, whatever form the style has for it."""
        table = {each.number: (str(each.json_name), self._field(each)) for each in descriptor.fields}
        zeros = [
            (str(each.json_name), self._zero(each))
            for each in descriptor.fields
            if not each.has_presence and self._style.zero(each)
        ]

        def encode(message: Message) -> dict[str, Any]:
            made = {}
            for each, value in message.ListFields():
                name, convert = table[each.number]
                made[name] = convert(value)
            for name, make in zeros:
                if name not in made:
                    made[name] = make()
            return made

        return encode

    def _field(self, each: FieldDescriptor) -> Encode:
        if _is_map(each):
            entry = each.message_type
            assert entry is not None
            key, value = entry.fields_by_name["key"], self._single(entry.fields_by_name["value"])
            text = _bool_text if key.type == FieldDescriptor.TYPE_BOOL else str
            return lambda values: {text(name): value(item) for name, item in values.items()}
        single = self._single(each)
        if not each.is_repeated:
            return single
        return list if single is _same else lambda values: [single(value) for value in values]

    def _single(self, each: FieldDescriptor) -> Encode:
        match each.cpp_type:
            case FieldDescriptor.CPPTYPE_MESSAGE:
                assert each.message_type is not None
                return self.of(each.message_type)
            case FieldDescriptor.CPPTYPE_ENUM:
                assert each.enum_type is not None
                words = self._style.enum(each.enum_type)
                return lambda number: words.get(number, number)
            case FieldDescriptor.CPPTYPE_INT64 | FieldDescriptor.CPPTYPE_UINT64:
                return _same if self._style.wide_numbers else str
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return _double
            case FieldDescriptor.CPPTYPE_FLOAT:
                return _float
            case FieldDescriptor.CPPTYPE_STRING if each.type == FieldDescriptor.TYPE_BYTES:
                return lambda content: b64encode(content).decode()
        return _same

    def _zero(self, each: FieldDescriptor) -> Callable[[], Any]:
        if _is_map(each):
            return dict
        if each.is_repeated:
            return list
        zero = self._single(each)(each.default_value)
        return lambda: zero


def from_struct(struct: Struct) -> dict[str, Any]:
    """The JSON object in `struct`."""
    return {name: from_value(value) for name, value in struct.fields.items()}


def from_value(value: Value) -> Any:
    """The JSON value in `value`: a value that is not set is null, a whole number is an `int`. ValueError for NaN."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        return _number(value.number_value)
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [from_value(item) for item in value.list_value.values]
    return value.bool_value if kind == "bool_value" else None


def _number(number: float) -> int | float:
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - only NaN differs from itself
        raise ValueError("JSON has no such number")
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _double(number: float) -> float | str:
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if number in {float("inf"), float("-inf")}:
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _float(number: float) -> float | str:
    """The shortest decimal that is the same 32-bit number; nine digits always are."""
    special = _double(number)
    if isinstance(special, str):
        return special
    for digits in range(6, 9):
        short = float(f"{number:.{digits}g}")
        if _as_float32(short) == number:
            return short
    return float(f"{number:.9g}")


def _as_float32(number: float) -> float:
    from struct import error, pack, unpack  # noqa: PLC0415 - no message of ours has such a field

    try:
        return float(unpack("<f", pack("<f", number))[0])
    except (error, OverflowError):
        return float("inf")


def _bool_text(key: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if key else "false"


def _same(value: Any) -> Any:
    return value


def _is_map(each: FieldDescriptor) -> bool:
    return each.message_type is not None and each.message_type.GetOptions().map_entry


_WELL_KNOWN: dict[str, Encode] = {
    "google.protobuf.Timestamp": lambda stamp: stamp.ToJsonString(),
    "google.protobuf.Duration": lambda duration: duration.ToJsonString(),
    "google.protobuf.Struct": from_struct,
    "google.protobuf.Value": from_value,
    "google.protobuf.ListValue": lambda values: [from_value(item) for item in values.values],
}
