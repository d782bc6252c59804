"""Which value of an output answers which label: from the flow's output schema, the names in names.json, and `--map`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from docmill.evaluate.values import Kind

__all__ = ["COLUMNS", "Field", "Fields", "Table", "fields_of", "identity_of", "leaf", "unknown_part"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the output."""

    path: tuple[str, ...]
    """Names from the top of the output."""
    labels: tuple[str, ...]
    """Names it may have in a document's labels; the first that is there counts."""
    kind: Kind

    @property
    def name(self) -> str:
        """The path for people: `vendor.name`."""
        return ".".join(self.path)

    @property
    def pointer(self) -> str:
        """The path as evidence names it (RFC 6901): `/vendor/name`."""
        return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in self.path)


@dataclass(frozen=True, slots=True)
class Table:
    """An array of objects."""

    path: tuple[str, ...]
    labels: tuple[str, ...]
    """As of `Field`."""

    @property
    def name(self) -> str:
        """The path for people."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Fields:
    """What can be compared."""

    fields: tuple[Field, ...]
    tables: tuple[Table, ...]

    def labels(self) -> frozenset[str]:
        """Every label that somebody looks at."""
        given = [one.labels for one in self.fields] + [one.labels for one in self.tables]
        return frozenset(label for labels in given for label in labels)


@cache
def _names() -> dict[str, Any]:
    names: dict[str, Any] = json.loads(files("docmill.evaluate").joinpath("names.json").read_text("utf-8"))
    return names


COLUMNS = ("description", "quantity", "unit price", "amount")
"""What is compared of a line item."""


def column_names(column: str) -> tuple[Sequence[str], Sequence[str]]:
    """Names a column may have in outputs, and in labels."""
    outputs, labels = _names()["columns"][column]
    return outputs, labels


def identity_of(set_name: str) -> Sequence[str]:
    """Labels that are equal in the variants of one document; none where each file is a document of its own."""
    found: Sequence[str] = _names()["variants"].get(set_name, ())
    return found


def fields_of(schema: Mapping[str, Any], mapping: Mapping[str, str] | None = None) -> Fields:
    """The leaves and tables of an output schema with the labels they answer.

    `mapping` (path -> label) goes before the names that are known; a path that the schema lacks is added as text.
    """
    given = dict(mapping or {})
    fields, tables = [], []
    for path, node in _leaves(schema, ()):
        own = given.pop(".".join(path), None)
        if _is_table(node):
            tables.append(Table(path, _labels(path, own, "tables")))
        elif "array" not in _types(node):
            fields.append(Field(path, _labels(path, own, "fields"), _kind(path, node)))
    extra = [Field(tuple(path.split(".")), (label,), Kind.TEXT) for path, label in given.items()]
    return Fields((*fields, *extra), tuple(tables))


def unknown_part(schema: Mapping[str, Any], name: str) -> tuple[str, Sequence[str]] | None:
    """The first part of a path (`vendor.nmae`) that outputs of this schema cannot have, and the names that are there.

    None where the schema has the path, or leaves open what stands there.
    """
    if name in {".".join(path) for path, _ in _leaves(schema, ())}:
        return None  # also where a name has a dot of its own
    node: Mapping[str, Any] = schema
    for part in name.split("."):
        known = node.get("properties", {})
        if part not in known:
            closed = bool(known) or (bool(_types(node)) and "object" not in _types(node))
            return (part, list(known)) if closed and not node.get("additionalProperties") else None
        node = known[part]
    return None


def leaf(output: Any, path: Sequence[str]) -> Any:
    """The value at a path of an output; None where there is none."""
    for part in path:
        if not isinstance(output, Mapping):
            return None
        output = output.get(part)
    return output


def _leaves(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        here = (*path, name)
        if child.get("properties"):
            yield from _leaves(child, here)
        else:
            yield here, child


def _is_table(node: Mapping[str, Any]) -> bool:
    items = node.get("items")
    return isinstance(items, Mapping) and bool(items.get("properties"))


def _types(node: Mapping[str, Any]) -> Sequence[str]:
    types = node.get("type", ())
    return [types] if isinstance(types, str) else types


def _labels(path: tuple[str, ...], own: str | None, where: str) -> tuple[str, ...]:
    if own is not None:
        return (own,)
    name = ".".join(path)
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", "_".join(path)).lower()
    return tuple(dict.fromkeys([name, snake, *_names()[where].get(name, ())]))


def _kind(path: tuple[str, ...], node: Mapping[str, Any]) -> Kind:
    if {"number", "integer"} & set(_types(node)):
        return Kind.NUMBER
    if node.get("format") == "date":
        return Kind.DATE
    if node.get("format") == "time" or path[-1] in _names()["times"]:
        return Kind.TIME
    return Kind.TEXT
