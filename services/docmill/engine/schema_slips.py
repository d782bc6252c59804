"""Slips of the pen in the schemas of a flow file: valid JSON Schema, and surely not what was meant.

JSON Schema lets anybody add keywords, so a mistyped one does nothing and says nothing (JSON Schema 2020-12 Core, 6.5), and
every run comes back empty. A program that sends a schema over an API is taken at its word; a person who writes a file is
asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from docmill.domain.suggestions import closest, did_you_mean
from docmill.extract.fields import HINTS, meanings

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["slips"]

_SCHEMAS = frozenset({"inputSchema", "outputSchema", "schema"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE = frozenset(
    {"items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "additionalItems"}
    | {"unevaluatedItems", "unevaluatedProperties", "contentSchema"}
)
_VALUES = frozenset({"default", "const", "enum", "example", "examples"})  # keywords under which null is a value
_KEYWORDS = frozenset(
    _NAMED
    | _LISTED
    | _SINGLE
    | _VALUES
    | {"type", "format", "title", "description", "required", "pattern", "minLength", "maxLength", "minimum", "maximum"}
    | {"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains"}
    | {"maxContains", "minProperties", "maxProperties", "dependentRequired", "dependencies", "deprecated", "readOnly"}
    | {"writeOnly", "contentEncoding", "contentMediaType", "nullable", "id"}
)
_FORMATS = frozenset(
    {"date", "time", "date-time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uuid"}
    | {"uri", "uri-reference", "iri", "iri-reference", "uri-template", "regex"}
    | {"json-pointer", "relative-json-pointer"}
)
_SHORT = frozenset({"not", "if", "then", "else", "id"})  # words of their own resemble them
_HINTS = ("means", "labels")
_LIKENESS = 0.8  # of a keyword to what was written: `note` is a remark, `propertis` is none
_OPENS = _LISTED | {"$ref", "$dynamicRef", "if", "patternProperties"}  # with these, properties may come from elsewhere

Slip = tuple[str, str]
"""The path of a field, and what is wrong with it."""


def slips(node: Any, path: str = "") -> Iterator[Slip]:
    """Those in all schemas of a flow definition, in its order."""
    named = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in named:
        inner = _under(path, name)
        yield from _schema(child, inner) if name in _SCHEMAS else slips(child, inner)


def _schema(node: Any, path: str) -> Iterator[Slip]:
    if not isinstance(node, Mapping):
        return
    yield from _required(node, path)
    for key, value in node.items():
        inner = _under(path, key)
        if value is None and key not in _VALUES:
            yield path, _no_value(key)
        elif key == HINTS:
            yield from _hints(value, inner)
        elif key in _NAMED and isinstance(value, Mapping):
            yield from _named(value, inner)
        elif key in _LISTED and isinstance(value, list):
            for number, child in enumerate(value):
                yield from _schema(child, _under(inner, number))
        elif key in _SINGLE:
            yield from _schema(value, inner)
        else:
            yield from _keyword(str(key), value, path)


def _named(schemas: Mapping[str, Any], path: str) -> Iterator[Slip]:
    for name, child in schemas.items():
        if child is None:
            yield path, _no_value(name)
        yield from _schema(child, _under(path, name))


def _keyword(key: str, value: Any, path: str) -> Iterator[Slip]:
    if key == "format" and isinstance(value, str):
        meant = closest(value, _FORMATS, likeness=_LIKENESS)
        if meant not in {None, value}:
            yield _under(path, key), f"there is no format {value!r}; did you mean '{meant}'?"
    if key in _KEYWORDS or key.startswith(("x-", "$")):
        return
    if meant := closest(key, _KEYWORDS - _SHORT, likeness=_LIKENESS):
        yield path, f"a schema has no keyword {key!r}; did you mean '{meant}'?"


def _required(node: JsonObject, path: str) -> Iterator[Slip]:
    """Names that no property has: every run would miss them. What is no name is for the schema's own check to refuse."""
    properties, required = node.get("properties"), node.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list) or _OPENS & node.keys():
        return
    if node.get("additionalProperties"):
        return
    for name in (name for name in required if isinstance(name, str) and name not in properties):
        wrong = f"{name!r} is none of the properties"
        yield _under(path, "required"), wrong + did_you_mean(name, map(str, properties))


def _hints(hints: Any, path: str) -> Iterator[Slip]:
    if not isinstance(hints, Mapping):
        yield path, "must be an object with 'means' or 'labels'"
        return
    for key, value in hints.items():
        if key not in _HINTS:
            yield path, f"there is no hint {key!r}{did_you_mean(str(key), _HINTS)}"
        elif key == "labels" and not (isinstance(value, list) and all(isinstance(label, str) for label in value)):
            yield _under(path, key), "must be a list of texts"
        elif key == "means" and not meanings(str(value)):
            yield _under(path, key), f"no name like {str(value)!r} is known{did_you_mean(str(value), meanings())}"


def _no_value(key: object) -> str:
    return f"{str(key)!r} has no value; a text with a comma needs quotes between braces"


def _under(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)
