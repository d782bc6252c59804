"""Configurations of the nodes that take documents apart and put results together: split, chunk, combine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docmill.domain.flow_values import as_choice, as_flag, as_strings, as_whole
from docmill.domain.schemas import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docmill.domain.models import JsonObject

__all__ = ["CHUNK_DEFAULTS", "COMBINE_STRATEGIES", "check_chunk", "check_combine", "check_split"]

COMBINE_STRATEGIES = ("merge", "concatenate", "first", "last")
MIN_CHUNK, MAX_CHUNK = 10, 1_000_000  # characters; chunks say more of themselves than fewer would hold
MAX_PAGES = 10_000
CHUNK_DEFAULTS: Mapping[str, JsonObject] = {
    "recursive": {"maxSize": 1000, "minSize": 100, "overlap": 0, "separators": ["\n\n", "\n", ". ", " "]},
    "section": {"maxSize": 2000},
    "page": {"pagesPerChunk": 1, "combineShortPages": True, "minPageContent": 100},
    "fixed": {"size": 512, "unit": "characters", "overlap": 0},
}
"""What a strategy of the chunk node knows, with its default."""
_UNITS = ("characters", "tokens")


def check_split(config: dict[str, Any], path: str) -> None:
    """`includeOther`; the categories are checked like those of a categorize step."""
    for other in ("schemas", "schemaRef"):
        if other in config:
            raise invalid(
                f"{path}.{other}",
                "is not supported: name the kinds in 'categories', and give each its schema in a branch of the item flow",
            )
    config["includeOther"] = as_flag(config.get("includeOther", True), f"{path}.includeOther")


def check_combine(config: dict[str, Any], path: str) -> None:
    """`strategy`."""
    config["strategy"] = as_choice(config.get("strategy", "merge"), f"{path}.strategy", COMBINE_STRATEGIES)


def check_chunk(config: dict[str, Any], path: str) -> None:
    """`strategy` and what it knows; a setting of another strategy is refused, for it would do nothing."""
    if "strategy" not in config:
        raise invalid(f"{path}.strategy", f"is missing; use one of {', '.join(CHUNK_DEFAULTS)}")
    strategy = as_choice(config["strategy"], f"{path}.strategy", tuple(CHUNK_DEFAULTS))
    known = CHUNK_DEFAULTS[strategy]
    elsewhere = {name for settings in CHUNK_DEFAULTS.values() for name in settings} - set(known)
    for name in sorted(elsewhere & set(config)):
        raise invalid(f"{path}.{name}", f"does nothing with strategy '{strategy}', which knows {', '.join(known)}")
    half = MAX_CHUNK
    for name, default in known.items():  # the size comes first
        if name in ("overlap", "minSize"):
            config[name] = as_whole(config.get(name, min(default, half)), f"{path}.{name}", least=0, most=half)
            continue
        config[name] = _setting(name, config.get(name, default), f"{path}.{name}")
        if name in ("maxSize", "size"):
            half = config[name] // 2


def _setting(name: str, value: Any, path: str) -> Any:
    match name:
        case "separators":
            separators = as_strings(value, path)
            if "" in separators:
                raise invalid(path, "a separator must not be empty")
            return list(separators)
        case "unit":
            return as_choice(value, path, _UNITS)
        case "combineShortPages":
            return as_flag(value, path)
        case "minPageContent":
            return as_whole(value, path, least=0, most=MAX_CHUNK)
        case "pagesPerChunk":
            return as_whole(value, path, least=1, most=MAX_PAGES)
        case _:
            return as_whole(value, path, least=MIN_CHUNK, most=MAX_CHUNK)
