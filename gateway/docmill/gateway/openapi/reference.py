"""The reference for people: one page made from the OpenAPI document, which needs no network to be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

__all__ = ["reference_page"]

_JSON = "application/json"
_DEPTH = 4  # levels of an example
_CODE = re.compile(r"`([^`]+)`")


def reference_page(document: Mapping[str, Any]) -> str:
    """HTML of `document`."""
    environment = Environment(
        loader=PackageLoader("docmill.gateway.openapi", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = _kind
    environment.filters["marked"] = _marked
    schemas = document["components"]["schemas"]
    operations = [
        {"path": path, "verb": verb.upper(), **operation, "curl": _curl(path, verb, operation, schemas)}
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    ]
    groups = {tag["name"]: [each for each in operations if tag["name"] in each["tags"]] for tag in document["tags"]}
    return environment.get_template("reference.html").render(document=document, groups=groups, schemas=schemas)


def _marked(text: str) -> Markup:
    """The text as HTML; what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped here


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `string`, `list of Page`, `one of queued, running`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any JSON value")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    form = schema.get("format") or schema.get("contentEncoding")
    return f"{kind} ({form})" if form else str(kind)


def _curl(path: str, verb: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """How to call the operation from a shell."""
    words = ["curl"] if verb == "get" else ["curl", "-X", verb.upper()]
    lines = [" ".join([*words, f'"$DOCMILL{path}"']), '-H "Authorization: Bearer $KEY"']
    content = operation.get("requestBody", {}).get("content", {})
    if _JSON in content:
        example = json.dumps(_example(content[_JSON]["schema"], schemas, _DEPTH))
        lines += ['-H "Content-Type: application/json"', f"-d '{example}'"]
    elif content:
        lines += ['-H "Content-Type: application/pdf"', "--data-binary @document.pdf"]
    return " \\\n  ".join(lines)


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    """A value of the schema: its required parts, or its first one where none is."""
    if "$ref" in schema:
        return _example(schemas[_kind(schema)], schemas, depth)
    match schema.get("type"):
        case "object" if depth and schema.get("properties"):
            properties = schema["properties"]
            names = schema.get("required") or list(properties)[:1]
            return {name: _example(properties[name], schemas, depth - 1) for name in names}
        case "object":
            return {}
        case "array":
            return [_example(schema["items"], schemas, depth - 1)] if depth else []
        case "integer" | "number":
            return schema.get("minimum", 1) if schema.get("minimum", 1) > 0 else 1
        case "boolean":
            return True
    return schema.get("enum", ["..."])[0]
