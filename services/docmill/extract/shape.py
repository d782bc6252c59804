"""Data in the shape of its schema: put together value by value, then in the schema's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["in_order", "put"]


def put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value at `path`; the objects on the way are made."""
    for name in path[:-1]:
        data = data.setdefault(name, {})
    data[path[-1]] = value


def in_order(data: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in the order of the schema; only objects of the schema's own levels are touched."""
    properties = schema.get("properties", {})
    return {
        name: in_order(data[name], child) if isinstance(data[name], dict) and "properties" in child else data[name]
        for name, child in properties.items()
        if name in data
    }
