"""The JSON Schemas that an `extract` step may carry: a strict, closed subset that every provider can follow.

Rules: every node has a string `type`, arrays have `items`, nothing is deeper than 50 nodes or
larger than 128 KiB, and nothing refers elsewhere. Whether the rest is a valid JSON Schema is checked where a validator is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from docmill.domain.errors import InvalidArgument, Reason

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

SCHEMA_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
MAX_SCHEMA_DEPTH = 50
MAX_SCHEMA_BYTES = 128 * 1024
"""As JSON in UTF-8 without spaces; also of the schemas of a flow's variables and output."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef", "ref")
_JSON = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def invalid(field: str, message: str, *, reason: Reason = Reason.FIELD_INVALID) -> InvalidArgument:
    """The error for one field of a definition, by its dotted path."""
    return InvalidArgument(reason, f"{field}: {message}", {"field": field})


def check_size(value: Any, field: str, *, most: int) -> None:
    """`InvalidArgument` naming `field` unless `value` is JSON of at most `most` bytes (UTF-8, no spaces).

    It stops at the limit: the aliases of a small YAML file can stand for more than any memory holds.
    """
    size = 0
    try:
        for part in _JSON.iterencode(value):
            size += len(part.encode())
            if size > most:
                raise invalid(field, f"is larger than {most // 1024} KiB as JSON")
    except (TypeError, ValueError) as error:  # a date of YAML, NaN, an object inside itself, half a surrogate pair
        raise invalid(field, "must hold JSON values only") from error
    except RecursionError as error:
        raise invalid(field, "is nested too deeply") from error


def refuse_references(schema: Any, field: str) -> None:
    """`InvalidArgument` if any node refers elsewhere, also within `schema`.

    A chain of references that each occur twice doubles the work of a validator at every link, however short the text.
    """
    nodes = [(schema, field)]
    while nodes:
        node, path = nodes.pop()
        if isinstance(node, Mapping):
            for keyword in _REFERENCES[:3]:
                if isinstance(node.get(keyword), str):
                    raise invalid(f"{path}.{keyword}", "references are not supported; write the schema out")
            nodes.extend((child, f"{path}.{name}") for name, child in node.items())
        elif isinstance(node, list | tuple):
            nodes.extend((child, f"{path}[{number}]") for number, child in enumerate(node))


def check_extract_schema(schema: Any, field: str) -> JsonObject:
    """`schema` if it follows the rules above and describes an object; else `InvalidArgument` naming the node."""
    check_size(schema, field, most=MAX_SCHEMA_BYTES)
    nodes = [(schema, field, 1)]
    while nodes:
        node, path, depth = nodes.pop()
        _check_node(node, path, depth)
        nodes.extend((child, f"{path}.{name}", depth + 1) for name, child in _children(node, path))
    if schema["type"] != "object":
        raise invalid(f"{field}.type", "the schema of an extract step must describe an object")
    checked: JsonObject = schema
    return checked


def _check_node(node: Any, path: str, depth: int) -> None:
    if depth > MAX_SCHEMA_DEPTH:
        raise invalid(path, f"the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    if not isinstance(node, Mapping):
        raise invalid(path, "must be a JSON Schema object")
    for keyword in _REFERENCES:
        if keyword in node:
            raise invalid(f"{path}.{keyword}", "references are not supported; write the schema out")
    kind = node.get("type")
    if not isinstance(kind, str):
        raise invalid(f"{path}.type", "every schema node needs one type, as a string")
    if kind not in SCHEMA_TYPES:
        raise invalid(f"{path}.type", f"'{kind}' is none of {', '.join(sorted(SCHEMA_TYPES))}")
    if kind == "array" and "items" not in node:
        raise invalid(f"{path}.items", "an array needs the schema of its items")


def _children(node: JsonObject, path: str) -> Iterator[tuple[str, Any]]:
    """The nodes right below, with their part of the path."""
    properties = node.get("properties", {})
    if not isinstance(properties, Mapping):
        raise invalid(f"{path}.properties", "must be an object")
    for name, child in properties.items():
        yield f"properties.{name}", child
    if "items" in node:
        yield "items", node["items"]
    if isinstance(node.get("additionalProperties"), Mapping):
        yield "additionalProperties", node["additionalProperties"]
