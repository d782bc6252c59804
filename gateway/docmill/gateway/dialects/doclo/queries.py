"""Query parameters of this surface, in the words of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from docmill.gateway.decode import FieldError
from docmill.gateway.dialects.doclo.words import STATUSES
from docmill.v1 import runs_pb2

__all__ = ["included", "listing", "public_name", "runs_listing"]

Query = Sequence[tuple[str, str]]

MAX_LIMIT = 100
_MAX_OFFSET = 2**31 - 1

_FILTERS = {
    "flowId": "filter.flowId",
    "createdAfter": "filter.createdAfter",
    "createdBefore": "filter.createdBefore",
    "label": "filter.label",
}
_PUBLIC = {inner: outer for outer, inner in _FILTERS.items()} | {
    "filter.statuses": "status",
    "metadata.filename": "filename",
    "metadata.mimeType": "Content-Type",
}


def public_name(field: str) -> str:
    """A field of the contract, in JSON names, as this surface calls it."""
    return _PUBLIC.get(field.partition("[")[0], field)


def listing(query: Query) -> Query:
    """The parameters of a list: `limit` above 100 is 100, what is no number is refused, `cursor` wins over `offset`."""
    names = {name for name, _ in query}
    made = []
    for name, value in query:
        if name == "limit":
            made.append((name, str(min(_whole(name, value, 1), MAX_LIMIT))))
        elif name == "offset":
            if "cursor" not in names:
                made.append((name, str(min(_whole(name, value, 0), _MAX_OFFSET))))
        else:
            made.append((name, value))
    return made


def runs_listing(query: Query) -> Query:
    """The parameters of a list of runs: as above, and its conditions."""
    made = []
    for name, value in listing(query):
        if name == "status":
            made += [("filter.statuses", _status(word.strip())) for word in value.split(",")]
        else:
            made.append((_FILTERS.get(name, name), value))
    return made


def included(query: Query) -> set[str]:
    """What `include` asks for, divided by commas."""
    return {word.strip() for name, value in query if name == "include" for word in value.split(",")}


def _whole(name: str, value: str, least: int) -> int:
    digits = value.isascii() and value.isdigit()
    number = int(value[:18]) if digits else -1
    if number < least:
        raise FieldError(name, f"must be a whole number from {least} on")
    return number


def _status(word: str) -> str:
    if word not in STATUSES:
        raise FieldError("status", f"must be one of {', '.join(STATUSES)}")
    return str(runs_pb2.RunStatus.DESCRIPTOR.values_by_number[STATUSES[word]].name)
