"""Messages to JSON and back, for every message of the contract: the same as protobuf's own, only faster."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docmill.gateway.decode import Decoder
from docmill.gateway.encode import Encoder, Style
from docmill.v1 import accounts_pb2, documents_pb2, errors_pb2, flows_pb2, pages_pb2, runs_pb2, webhooks_pb2

MODULES: Any = (accounts_pb2, documents_pb2, errors_pb2, flows_pb2, pages_pb2, runs_pb2, webhooks_pb2)
DESCRIPTORS = [
    descriptor
    for module in MODULES
    for descriptor in module.DESCRIPTOR.message_types_by_name.values()
    if descriptor.name.endswith(("Request", "Response"))  # all others stand inside of these
    and descriptor.name != "GetPageImageResponse"  # holds `google.protobuf.Any`, which is never written as JSON
]

NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)

ENCODERS = {zeros: Encoder(Style(zero=lambda _, zeros=zeros: zeros)) for zeros in (False, True)}  # type: ignore[misc]
"""With and without the fields that are zero."""


def value_of(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """JSON values that proto JSON takes for one value of a field."""
    if field.message_type is not None:
        return objects_of(field.message_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return st.sampled_from([value.name for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=8).map(lambda content: b64encode(content).decode())
    return NUMBERS.get(field.cpp_type, TEXT)


@cache
def objects_of(descriptor: Descriptor) -> st.SearchStrategy[Any]:
    """JSON values of a message."""
    match descriptor.full_name:
        case "google.protobuf.Timestamp":
            return st.datetimes().map(lambda at: f"{at.isoformat()}Z")
        case "google.protobuf.Duration":
            return st.integers(-(10**6), 10**6).map(lambda thousandths: f"{thousandths / 1000:.3f}s")
        case "google.protobuf.Struct":
            return st.dictionaries(TEXT, JSON, max_size=3)
        case "google.protobuf.Value":
            return JSON
    fields = {}
    for field in descriptor.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            fields[field.json_name] = st.dictionaries(TEXT, TEXT, max_size=3)
        elif field.is_repeated:
            fields[field.json_name] = st.lists(value_of(field), max_size=3)
        else:
            fields[field.json_name] = value_of(field)
    return st.fixed_dictionaries({}, optional=fields).map(lambda made: _one_of_each(descriptor, made))


def _one_of_each(descriptor: Descriptor, made: dict[str, Any]) -> dict[str, Any]:
    """Of the members of a oneof, the first one."""
    for group in descriptor.oneofs:
        for late in [field.json_name for field in group.fields if field.json_name in made][1:]:
            del made[late]
    return made


@pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=lambda descriptor: descriptor.name)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_as_protobuf_does_it(descriptor: Descriptor, data: st.DataObject) -> None:
    """Decoding gives what `json_format` parses, encoding what it prints."""
    value = data.draw(objects_of(descriptor))
    made, expected = _empty(descriptor), _empty(descriptor)
    Decoder().merge(made, value)
    json_format.ParseDict(value, expected)
    assert made.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    for zeros in (False, True):
        printed = json_format.MessageToDict(expected, always_print_fields_with_no_presence=zeros)
        assert ENCODERS[zeros](made) == printed


def _empty(descriptor: Descriptor) -> Message:
    made: Message = GetMessageClass(descriptor)()
    return made
