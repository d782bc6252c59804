"""The comments of the protos, by the full name of what they stand at: the text of the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

__all__ = ["comments"]

# Field numbers in descriptor.proto: how a path in `source_code_info` names what it is about.
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _ONEOFS = 2, 3, 8
_VALUES, _METHODS = 2, 2


@cache
def comments() -> Mapping[str, str]:
    """Text of every message, field, enum, value, service and method, white space folded."""
    found = FileDescriptorSet.FromString(files("docmill.v1").joinpath("descriptors.binpb").read_bytes())
    return {name: text for file in found.file for name, text in _of_file(file)}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        if location.leading_comments:
            name = _name(file, location.path)
            if name:
                yield f"{file.package}.{name}", " ".join(location.leading_comments.split())


def _name(file: FileDescriptorProto, path: Sequence[int]) -> str:
    """What a path leads to, as a dotted name; empty for what nobody documents."""
    top: Mapping[int, Any] = {_MESSAGES: file.message_type, _ENUMS: file.enum_type, _SERVICES: file.service}
    if len(path) < 2 or path[0] not in top:
        return ""
    at, names, kind = top[path[0]][path[1]], [], path[0]
    names.append(at.name)
    rest = list(path[2:])
    while len(rest) >= 2:
        number, index, *rest = rest
        at = _child(at, kind, number, index)
        if at is None:
            return ""
        names.append(at.name)
    return ".".join(names) if not rest else ""


def _child(parent: Any, kind: int, number: int, index: int) -> Any:
    if kind == _MESSAGES and number in {_FIELDS, _ONEOFS, _NESTED}:
        return {_FIELDS: parent.field, _ONEOFS: parent.oneof_decl, _NESTED: parent.nested_type}[number][index]
    if kind == _ENUMS and number == _VALUES:
        return parent.value[index]
    if kind == _SERVICES and number == _METHODS:
        return parent.method[index]
    return None
