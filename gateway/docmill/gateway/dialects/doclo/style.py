"""How this surface writes messages that it has no documents about: times, states and failures as everywhere on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from docmill.gateway.dialects.doclo.execution import execution, fault
from docmill.gateway.dialects.doclo.words import time_text
from docmill.gateway.encode import Style

__all__ = ["STYLE", "enum_words"]


@cache
def words_of(enum: EnumDescriptor) -> Mapping[int, str | None]:
    """`in_progress` for PAGE_STATUS_IN_PROGRESS; a run's events are written `page.done`."""
    prefix = "".join(f"_{char}" if char.isupper() else char.upper() for char in enum.name).lstrip("_") + "_"
    words = {value.number: value.name.removeprefix(prefix).lower() for value in enum.values}
    if enum.name == "RunEventKind":
        words = {number: word.replace("_", ".", 1) for number, word in words.items()}
    return {number: word for number, word in words.items() if number}


def enum_words(enum: EnumDescriptor) -> Mapping[str, int]:
    """The same words, for what comes in."""
    return {str(word): number for number, word in words_of(enum).items()}


def _shown(field: FieldDescriptor) -> bool:
    """Numbers and lists say something when they are zero or empty; texts and states then are absent."""
    if field.is_repeated:
        return field.message_type is None or not field.message_type.GetOptions().map_entry
    return field.cpp_type not in {FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM}


STYLE = Style(
    enum=words_of,
    zero=_shown,
    wide_numbers=True,
    forms={
        "google.protobuf.Timestamp": time_text,
        "docmill.v1.Fault": fault,
        "docmill.v1.Run": execution,
    },
)
"""Counts of credits and bytes stay far below what a double holds, so they are numbers."""
