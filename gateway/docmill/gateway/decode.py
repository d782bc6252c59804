"""From JSON, query parameters and path variables to messages, led by the descriptors.

Unknown names are ignored, values of another kind are refused with the path of their field in JSON names. What the
fields must look like beyond their kind is checked by the services: their rules stand in the contract.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

__all__ = ["Decoder", "FieldError", "Words"]

Words = Callable[[EnumDescriptor], Mapping[str, int]]
"""The words by which an enum's values may be given, besides their names."""

Convert = Callable[[Any, str], Any]
"""From a JSON value, and the path it stands at, to a field's value. FieldError when it cannot be one."""

MAX_DEPTH = 32
"""Levels of objects and lists inside a `Struct`: what the services take, and less than protobuf can parse."""

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_WRITTEN_IN_TEXT = {"google.protobuf.Timestamp", "google.protobuf.Duration"}


class FieldError(ValueError):
    """A value that its field cannot have."""

    def __init__(self, field: str, what: str, reason: str = "") -> None:
        super().__init__(f"{field} {what}" if field else what)
        self.field = field
        """Path in JSON names, e.g. `input.document.base64`."""
        self.what = what
        """What is wrong with it: `must be a string`."""
        self.reason = reason or what
        """The same for programs, where there is a word for it."""


class Decoder:
    """Fills messages."""

    def __init__(self, words: Words = lambda _: {}) -> None:
        self._words = words
        self._names: dict[str, Mapping[str, FieldDescriptor]] = {}
        self._converters: dict[str, Convert] = {}

    def merge(self, message: Message, value: Any, path: str = "") -> None:
        """Set the fields of `message` that the JSON object `value` names. FieldError at the first wrong one."""
        if not isinstance(value, Mapping):
            raise FieldError(path, "must be an object" if path else "The body must be a JSON object")
        names = self.names(cast("Descriptor", message.DESCRIPTOR))  # the stubs know two classes of it
        filled: dict[str, str] = {}
        for name, item in value.items():
            field = names.get(name)
            if field is None or (item is None and not _takes_null(field)):
                continue
            here = f"{path}.{field.json_name}" if path else str(field.json_name)
            group = field.containing_oneof
            if group is not None and field.has_presence and filled.setdefault(group.name, here) != here:
                raise FieldError(here, f"cannot be given together with {filled[group.name]}")
            self._set(message, field, item, here)

    def set_text(self, message: Message, chain: Sequence[FieldDescriptor], texts: Sequence[str], path: str) -> None:
        """Set the field at the end of `chain` from a path variable or from the values of a query parameter."""
        *parents, field = chain
        for parent in parents:
            message = getattr(message, parent.name)
        if len(texts) > 1 and not field.is_repeated:
            raise FieldError(path, "is given more than once")
        values = [_from_text(field, text) for text in texts]
        self._set(message, field, values if field.is_repeated else values[0], path)

    def names(self, descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
        """The fields of a message type by the names they may have in JSON."""
        known = self._names.get(descriptor.full_name)
        if known is None:
            by_proto = {str(field.name): field for field in descriptor.fields}
            known = by_proto | {str(field.json_name): field for field in descriptor.fields}
            self._names[descriptor.full_name] = known
        return known

    def parameters(self, descriptor: Descriptor, *, depth: int = 3) -> Iterator[tuple[str, list[FieldDescriptor]]]:
        """Everything of a message that a query can fill: dotted JSON name, and the fields on the way there."""
        for field in descriptor.fields:
            inner = field.message_type
            if inner is None or inner.full_name in _WRITTEN_IN_TEXT:
                yield str(field.json_name), [field]
            elif depth > 1 and not field.is_repeated and inner.file.package != "google.protobuf":
                for name, chain in self.parameters(inner, depth=depth - 1):
                    yield f"{field.json_name}.{name}", [field, *chain]

    def _set(self, message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
        try:
            if _is_map(field):
                self._fill_map(getattr(message, field.name), field, value, path)
            elif field.is_repeated:
                self._fill_list(getattr(message, field.name), field, value, path)
            elif field.message_type is not None:
                self._fill(getattr(message, field.name), value, path)
            else:
                setattr(message, field.name, self._converter(field)(value, path))
        except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 cannot
            raise FieldError(path, "must be Unicode text") from None

    def _fill(self, message: Message, value: Any, path: str) -> None:
        message.SetInParent()
        known = _WELL_KNOWN.get(message.DESCRIPTOR.full_name)
        if known is not None:
            known(message, value, path)
        else:
            self.merge(message, value, path)

    def _fill_list(self, items: Any, field: FieldDescriptor, value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise FieldError(path, "must be a list")
        for number, item in enumerate(value):
            here = f"{path}[{number}]"
            if field.message_type is not None:
                self._fill(items.add(), item, here)
            else:
                items.append(self._converter(field)(item, here))

    def _fill_map(self, entries: Any, field: FieldDescriptor, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise FieldError(path, "must be an object")
        entry = field.message_type
        assert entry is not None
        key, item_field = (entry.fields_by_name[name] for name in ("key", "value"))
        for name, item in value.items():
            here = f"{path}.{name}"
            made = self._converter(key)(_from_text(key, name), here)
            if item_field.message_type is not None:
                self._fill(entries[made], item, here)
            else:
                entries[made] = self._converter(item_field)(item, here)

    def _converter(self, field: FieldDescriptor) -> Convert:
        known = self._converters.get(field.full_name)
        if known is None:
            known = self._converters[field.full_name] = self._make_converter(field)
        return known

    def _make_converter(self, field: FieldDescriptor) -> Convert:
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            assert field.enum_type is not None
            return _to_enum(field.enum_type, self._words(field.enum_type))
        if field.cpp_type in _RANGES:
            return _to_int(*_RANGES[field.cpp_type])
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _to_bytes
        return {
            FieldDescriptor.CPPTYPE_BOOL: _to_bool,
            FieldDescriptor.CPPTYPE_STRING: _to_string,
            FieldDescriptor.CPPTYPE_DOUBLE: _to_float,
            FieldDescriptor.CPPTYPE_FLOAT: _to_float,
        }[field.cpp_type]


def _from_text(field: FieldDescriptor, text: str) -> Any:
    """What JSON would have there: text says neither number nor bool."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    return text


def _to_bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise FieldError(path, "must be true or false")
    return value


def _to_string(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise FieldError(path, "must be a string")
    return value


def _to_int(least: int, most: int) -> Convert:
    def convert(value: Any, path: str) -> int:
        written = isinstance(value, str) and _WHOLE.fullmatch(value)
        number = int(value) if written or (isinstance(value, float) and value.is_integer()) else value
        if isinstance(number, bool) or not isinstance(number, int):
            raise FieldError(path, "must be a whole number")
        if not least <= number <= most:
            raise FieldError(path, f"must be between {least} and {most}")
        return number

    return convert


def _to_float(value: Any, path: str) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, int | float | str):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise FieldError(path, "must be a number")


def _to_bytes(value: Any, path: str) -> bytes:
    try:
        return b64decode(_to_string(value, path), validate=True)
    except (Base64Error, ValueError):
        raise FieldError(path, "must be base64") from None


def _to_enum(enum: EnumDescriptor, words: Mapping[str, int]) -> Convert:
    names = {str(value.name): int(value.number) for value in enum.values} | dict(words)
    offered = ", ".join(words or names)

    def convert(value: Any, path: str) -> int:
        number = names.get(value) if isinstance(value, str) else None
        if number is None:
            raise FieldError(path, f"must be one of {offered}")
        return number

    return convert


def _fill_timed(message: Any, value: Any, path: str) -> None:
    example = "2026-06-01T09:00:00Z" if message.DESCRIPTOR.name == "Timestamp" else "30s"
    try:
        message.FromJsonString(_to_string(value, path))
    except (ValueError, OverflowError):
        raise FieldError(path, f"must look like {example}") from None


def _fill_struct(struct: Any, value: Any, path: str, levels: int = MAX_DEPTH) -> None:
    if not isinstance(value, Mapping):
        raise FieldError(path, "must be an object")
    if levels == 0:
        raise FieldError(path, f"is nested more than {MAX_DEPTH} levels deep")
    for name, item in value.items():
        _fill_value(struct.fields[name], item, path, levels - 1)


def _fill_value(into: Any, value: Any, path: str, levels: int = MAX_DEPTH) -> None:
    if value is None:
        into.null_value = 0
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = _finite(value, path)
    elif isinstance(value, Mapping):
        into.struct_value.SetInParent()
        _fill_struct(into.struct_value, value, path, levels)
    else:
        into.list_value.SetInParent()
        _fill_values(into.list_value, value, path, levels)


def _fill_values(into: Any, value: Any, path: str, levels: int = MAX_DEPTH) -> None:
    if not isinstance(value, list):
        raise FieldError(path, "must be a list")
    if levels == 0:
        raise FieldError(path, f"is nested more than {MAX_DEPTH} levels deep")
    for item in value:
        _fill_value(into.values.add(), item, path, levels - 1)


def _finite(number: float, path: str) -> float:
    try:
        made = float(number)
    except OverflowError:
        made = math.inf
    if not math.isfinite(made):
        raise FieldError(path, "holds a number that is too large")
    return made


def _takes_null(field: FieldDescriptor) -> bool:
    inner = field.message_type
    return inner is not None and not field.is_repeated and inner.full_name == "google.protobuf.Value"


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


_WELL_KNOWN: dict[str, Callable[[Any, Any, str], None]] = {
    "google.protobuf.Timestamp": _fill_timed,
    "google.protobuf.Duration": _fill_timed,
    "google.protobuf.Struct": _fill_struct,
    "google.protobuf.Value": _fill_value,
    "google.protobuf.ListValue": _fill_values,
}
