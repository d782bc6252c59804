"""JSON Schemas of messages as they are written in JSON, with the rules that stand in the protos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from buf.validate import validate_pb2
from docmill.gateway.openapi.comments import comments
from docmill.gateway.openapi.overlay import Overlay

__all__ = ["Schemas"]

_REF = "#/components/schemas/"

_WELL_KNOWN: Mapping[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "description": "Seconds, e.g. `90s`."},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    "google.protobuf.Value": {},
    "google.api.HttpBody": {"type": "string", "format": "binary"},
}
_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_LENGTHS = {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"}
_NUMBERS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_ITEMS = {"min_items": "minItems", "max_items": "maxItems"}


class Schemas:
    """Collects the components that a document refers to."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._comments = comments()
        self.components: dict[str, Any] = {name: dict(schema) for name, schema in overlay.schemas.items()}

    def message(self, descriptor: Descriptor) -> dict[str, Any]:
        """A reference to the schema of a message, which becomes a component."""
        known = _WELL_KNOWN.get(descriptor.full_name)
        if known is not None:
            return dict(known)
        if descriptor.name not in self.components:
            self.components[descriptor.name] = {}  # messages may hold themselves
            self.components[descriptor.name] = self.object(descriptor)
        return {"$ref": f"{_REF}{descriptor.name}"}

    def object(self, descriptor: Descriptor, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The schema of a message itself, but for the fields `without` (by proto name)."""
        fields = [field for field in descriptor.fields if field.name not in without]
        required = [str(field.json_name) for field in fields if _rules(field).required]
        return {
            "type": "object",
            **self._described(descriptor.full_name),
            "properties": {str(field.json_name): self.field(field) for field in fields},
            **({"required": required} if required else {}),
        }

    def field(self, field: FieldDescriptor) -> dict[str, Any]:
        """The schema of a field's value."""
        return {**self._value(field), **self._described(field.full_name)}

    def _described(self, name: str) -> dict[str, Any]:
        text = self._comments.get(name)
        return {"description": text} if text else {}

    def _value(self, field: FieldDescriptor) -> dict[str, Any]:
        rules = _rules(field)
        if not field.is_repeated:
            return self._single(field, rules)
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            value = message.fields_by_name["value"]
            names = _kept(rules.map.keys.string, _LENGTHS)
            return {
                "type": "object",
                "additionalProperties": self._single(value, rules.map.values),
                **({"propertyNames": names} if names else {}),
                **_kept(rules.map, {"max_pairs": "maxProperties"}),
            }
        items = self._single(field, rules.repeated.items)
        return {"type": "array", "items": items, **_kept(rules.repeated, _ITEMS)}

    def _single(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> dict[str, Any]:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_MESSAGE:
                assert field.message_type is not None
                return self.message(field.message_type)
            case FieldDescriptor.CPPTYPE_ENUM:
                assert field.enum_type is not None
                return self.enum(field.enum_type)
            case FieldDescriptor.CPPTYPE_BOOL:
                return {"type": "boolean"}
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return {"type": "number"}
            case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
                return {"type": "string", "contentEncoding": "base64"}
            case FieldDescriptor.CPPTYPE_STRING:
                return {"type": "string", **_kept(rules.string, _LENGTHS)}
        least, most = _WHOLE[field.cpp_type]
        kind = "int64" if most > 2**32 else "int32"
        return {"type": "integer", "minimum": least, "maximum": most, **_kept(getattr(rules, kind), _NUMBERS)}

    def enum(self, enum: EnumDescriptor) -> dict[str, Any]:
        """The words of an enum."""
        return {"type": "string", "enum": list(self._overlay.words(enum))}


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    found: validate_pb2.FieldRules = field.GetOptions().Extensions[validate_pb2.field]
    return found


def _kept(rules: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """The rules that are set, as JSON Schema calls them."""
    return {keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)}
