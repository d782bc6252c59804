"""The schema that a model's answer is bound to, made from the schema of a step, and answers fitted back to that.

Servers that hold a model to a schema want every property named and required, and no more; what a document does not say
is `null` in the answer and absent in the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docmill.extract.dates import possible_days
from docmill.extract.fields import is_map
from docmill.extract.money import possible_numbers
from docmill.extract.tokens import row_of

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = ["bounded", "fitted", "strict", "without_required"]

_LONGEST_TEXT, _MOST_ITEMS = 400, 200
_LONGEST_DESCRIPTION = 500
_LONGEST_NUMBER = 40
_FORMATS = frozenset({"date", "time", "date-time"})
_PAIR = {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}
"""How an object whose names the document gives is asked for: no strict schema can leave names open."""


def strict(schema: JsonObject) -> dict[str, Any]:
    """For `response_format: json_schema` with `strict`: types, enums, dates and descriptions only; every value may be null."""
    kind = schema.get("type")
    named = {"description": str(schema["description"])[:_LONGEST_DESCRIPTION]} if schema.get("description") else {}
    if is_map(schema):
        return {"type": ["array", "null"], **named, "items": strict(_PAIR)}
    if kind == "object":
        properties = {name: strict(child) for name, child in (schema.get("properties") or {}).items()}
        return {
            "type": "object",
            **named,
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    if kind == "array":
        return {"type": ["array", "null"], **named, "items": strict(schema.get("items") or {"type": "string"})}
    if kind == "null":
        return {"type": "null", **named}
    if "enum" in schema:
        return {"type": [kind, "null"], **named, "enum": [*(v for v in schema["enum"] if v is not None), None]}
    if schema.get("format") in _FORMATS:
        named["format"] = schema["format"]
    return {"type": [kind, "null"], **named}


def bounded(schema: JsonObject) -> dict[str, Any]:
    """A strict schema with bounds on texts and lists, for servers that make a grammar of it: small models never end."""
    kinds = schema.get("type")
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {name: bounded(child) for name, child in schema["properties"].items()}
    if "items" in schema:
        made |= {"items": bounded(schema["items"]), "maxItems": _MOST_ITEMS}
    if isinstance(kinds, list) and "string" in kinds and "enum" not in schema:
        made["maxLength"] = _LONGEST_TEXT
    return made


def without_required(schema: JsonObject) -> dict[str, Any]:
    """The schema, but nothing must be there: what a document does not say is absent."""
    made = {name: child for name, child in schema.items() if name not in {"required", "minProperties", "minItems"}}
    if isinstance(schema.get("properties"), Mapping):
        made["properties"] = {name: without_required(child) for name, child in schema["properties"].items()}
    if isinstance(schema.get("items"), Mapping):
        made["items"] = without_required(schema["items"])
    return made


def fitted(value: Any, schema: JsonObject) -> Any:
    """`value` without nulls, empty texts and what the schema does not know; None for nothing.

    Numbers and dates that a model wrote as a page prints them become what the schema asks for, where they can be read in
    one way only.
    """
    kind = schema.get("type")
    if is_map(schema):
        return _named(value, schema["additionalProperties"])
    if kind == "object" and isinstance(value, Mapping):
        properties = schema.get("properties") or {}
        made = {name: fitted(value[name], child) for name, child in properties.items() if name in value}
        return {name: child for name, child in made.items() if child not in (None, {}, [])}
    if kind == "array" and isinstance(value, list):
        items = [fitted(item, schema.get("items") or {}) for item in value]
        return [item for item in items if item not in (None, {}, [])]
    if kind in {"number", "integer"}:
        return _number(value, whole=kind == "integer")
    if kind == "string":
        return _text(value, schema)
    return value


def _named(value: Any, schema: JsonObject) -> Any:
    """An object from pairs of name and value, or from one."""
    if isinstance(value, list):
        pairs = [(each.get("name"), each.get("value")) for each in value if isinstance(each, Mapping)]
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        return value
    made = {name.strip(): fitted(said, schema) for name, said in pairs if isinstance(name, str) and name.strip()}
    return {name: said for name, said in made.items() if said is not None}


def _number(value: Any, *, whole: bool) -> Any:
    if isinstance(value, str):
        if not value.strip() or len(value) > _LONGEST_NUMBER:
            return value or None
        read = {money.value for money in possible_numbers(row_of(value.split()))}
        number = next(iter(read)) if len(read) == 1 else None
        if number is None:
            return value
        return int(number) if number == number.to_integral_value() else float(number)
    if whole and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text(value: Any, schema: JsonObject) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if schema.get("format") == "date" and text:
        days = possible_days(row_of(text.split()))
        if len(days) == 1:
            return next(iter(days)).isoformat()
    return text or None
