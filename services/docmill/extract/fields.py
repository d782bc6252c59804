"""What a JSON Schema asks for: its leaves and tables, and what they mean by their names, titles and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docmill.extract.labels import property_fields, words_of
from docmill.extract.text import squeeze

if TYPE_CHECKING:
    from docmill.domain.models import JsonObject

__all__ = [
    "HINTS",
    "Binding",
    "LeafField",
    "ListField",
    "MapField",
    "TableField",
    "bind",
    "is_map",
    "leaf_at",
    "meanings",
]

HINTS = "x-docmill"
"""Key of a property's hints: `{"means": "vendor name"}` or `{"labels": ["Our ref."]}`."""

_COLUMN = "column "  # before the names of a table's columns among those of properties
_LABEL_WORDS = 5  # longer titles and descriptions are sentences, not labels


@dataclass(frozen=True, slots=True)
class LeafField:
    """A scalar of the schema."""

    path: tuple[str, ...]
    schema: JsonObject
    meaning: str
    """The field of business documents that the name means (`total`, `issuer_name`), or empty."""

    @property
    def type(self) -> str:
        """JSON type."""
        return str(self.schema.get("type", "string"))

    @property
    def labels(self) -> Sequence[str]:
        """Words that a hint says stand by the value."""
        return [str(label) for label in _hints(self.schema).get("labels", ())]

    @property
    def phrases(self) -> tuple[str, ...]:
        """Squeezed words that may label the value on a page."""
        texts = [
            " ".join(words_of(self.path[-1])),
            str(self.schema.get("title", "")),
            str(self.schema.get("description", "")),
        ]
        short = [text for text in texts if 0 < len(text.split()) <= _LABEL_WORDS]
        return tuple(dict.fromkeys(squeeze(text) for text in (*self.labels, *short)))


@dataclass(frozen=True, slots=True)
class TableField:
    """An array of objects of the schema."""

    path: tuple[str, ...]
    columns: Mapping[str, LeafField]
    """Scalar properties of the items by column concept; a concept of its own for a name that means nothing known."""

    @property
    def numeric(self) -> frozenset[str]:
        """Columns that hold numbers."""
        return frozenset(c for c, leaf in self.columns.items() if leaf.type in {"number", "integer"})


@dataclass(frozen=True, slots=True)
class ListField:
    """An array of texts of the schema."""

    path: tuple[str, ...]
    phrases: Sequence[str]
    """Squeezed words that may head the list on a page."""


@dataclass(frozen=True, slots=True)
class MapField:
    """An object of the schema whose names the document gives: `additionalProperties` of texts."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """All that a schema asks for, in its order."""

    leaves: Sequence[LeafField]
    tables: Sequence[TableField]
    lists: Sequence[ListField]
    maps: Sequence[MapField]


def bind(schema: JsonObject) -> Binding:
    """The leaves, tables, lists and maps of an object schema. Arrays of numbers are not asked of the layout provider."""
    leaves: list[LeafField] = []
    tables: list[TableField] = []
    lists: list[ListField] = []
    maps: list[MapField] = []
    for path, node in _walk(schema, ()):
        if node.get("type") == "array":
            items: Any = node.get("items")
            kind = items.get("type") if isinstance(items, Mapping) else None
            if kind == "object":
                tables.append(TableField(path, _columns(items, path)))
            elif kind == "string":
                lists.append(ListField(path, LeafField(path, node, "").phrases))
        elif node.get("type") == "object":
            maps.append(MapField(path))
        else:
            leaves.append(LeafField(path, node, _hinted(node, path)))
    return Binding(leaves, tables, lists, maps)


def meanings(name: str | None = None) -> Sequence[str]:
    """The names that a hint's `means` knows, or those of them that are `name`: of values, and of columns."""
    known = sorted({known.removeprefix(_COLUMN) for known in property_fields()})
    return known if name is None else [one for one in known if one == " ".join(words_of(name))]


def leaf_at(schema: JsonObject, path: Sequence[str]) -> LeafField | None:
    """The scalar of the schema that a value at `path` of the data is for; items of lists have their number in the path."""
    node: Any = schema
    for name in path:
        inner = node.get("items") if node.get("type") == "array" else (node.get("properties") or {}).get(name)
        inner = node["additionalProperties"] if is_map(node) else inner
        if not isinstance(inner, Mapping):
            return None
        node = inner
    names = tuple(name for name in path if not name.isdecimal())
    return LeafField(names, node, _hinted(node, names)) if names else None


def _walk(node: JsonObject, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    properties: Any = node.get("properties") or {}
    for name, child in properties.items():
        if child.get("type") == "object" and not is_map(child):
            yield from _walk(child, (*path, name))
        else:
            yield (*path, name), child


def is_map(node: JsonObject) -> bool:
    """Whether the document gives the names of an object's texts."""
    more = node.get("additionalProperties")
    return not node.get("properties") and isinstance(more, Mapping) and more.get("type") == "string"


def _columns(items: JsonObject, path: tuple[str, ...]) -> dict[str, LeafField]:
    columns: dict[str, LeafField] = {}
    for name, child in (items.get("properties") or {}).items():
        if child.get("type") in {"object", "array"}:
            continue
        hints = _hints(child)
        named = str(hints.get("means", "" if "labels" in hints else name))
        concept = property_fields().get(f"{_COLUMN}{' '.join(words_of(named))}", "")
        if not concept or concept in columns:
            concept = f"own {name}"
        columns[concept] = LeafField((*path, name), child, concept)
    return columns


def _hints(node: JsonObject) -> Mapping[str, Any]:
    """What `x-docmill` of a property says; anything but an object says nothing."""
    hints = node.get(HINTS)
    return hints if isinstance(hints, Mapping) else {}


def _hinted(node: JsonObject, path: tuple[str, ...]) -> str:
    """The meaning that a hint gives; with labels of its own a property means what they say, else its name counts."""
    hints = _hints(node)
    named = " ".join(words_of(str(hints.get("means", ""))))
    return property_fields().get(named, "") if hints.keys() & {"means", "labels"} else _meaning(path)


def _meaning(path: tuple[str, ...]) -> str:
    """By parent and name together (`vendor` + `name`), else by the name alone unless the parent is about another thing."""
    known = property_fields()
    name = " ".join(words_of(path[-1]))
    if len(path) > 1:
        together = known.get(f"{' '.join(words_of(path[-2]))} {name}")
        if together:
            return together
        if any(known.get(" ".join(words_of(part)), "").startswith(("issuer", "recipient")) for part in path[:-1]):
            return ""
    return known.get(name, "")
