"""Path templates as `google.api.http` writes them, and the table that finds the one for a path.

Templates have literals, `*` (one segment), `**` (the rest of the path, last only) and variables: `{name}` is
`{name=*}`, `{name=files/*}` spans segments. Custom verbs (`:cancel`) are refused; no binding of ours has one.

Two templates of one HTTP method must not match one path: the table refuses the second. So no order of routes decides
anything, and a new binding cannot take paths from an old one unseen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

__all__ = ["Conflict", "RouteTable", "Template"]

T = TypeVar("T")

_ONE, _REST = "*", "**"
_SEGMENT = re.compile(r"\{(?P<name>[A-Za-z_][A-Za-z0-9_.]*)(?:=(?P<pattern>[^{}]+))?\}|(?P<plain>[^{}/]+)")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_KEPT = re.compile(r"(%2[Ff])")
"""An encoded slash inside a variable of several segments stays as it is: it divides nothing."""


class Conflict(ValueError):
    """Two templates of one HTTP method can match one path, so that it would not be known which one is meant."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A part of a path that fills a field."""

    field: str
    """Path of the field in the request message, e.g. `flow_id`."""
    start: int
    """Its first segment."""
    end: int | None
    """The segment after its last one; None when it takes the rest."""
    single: bool
    """Whether it is exactly one segment."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    text: str
    segments: tuple[str, ...]
    """Literals, `*` and `**`."""
    variables: tuple[Variable, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """The template in `text`. ValueError when it is none, or has what is not supported."""
        segments: list[str] = []
        variables: list[Variable] = []
        if not text.startswith("/"):
            raise ValueError(f"{text!r} does not begin with /")
        position = 1
        while position <= len(text):
            found = _SEGMENT.match(text, position)
            if found is None or text[found.end() : found.end() + 1] not in {"", "/"}:
                raise ValueError(f"{text!r} is no path template")
            start = len(segments)
            segments += (found["pattern"] or found["plain"] or _ONE).split("/")
            if found["name"]:
                single = len(segments) - start == 1 and segments[start] != _REST
                end = None if segments[-1] == _REST else len(segments)
                variables.append(Variable(found["name"], start, end, single))
            position = found.end() + 1
        _check(text, segments)
        return cls(text, tuple(segments), tuple(variables))

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The variables of a path, given by its segments still percent-encoded; None when it is another path.

        Segments are divided before they are decoded: `a%2Fb` is one segment, `a/b`. Decoding is strict UTF-8.
        """
        count = len(self.segments)
        if self.segments[-1] == _REST:
            if len(parts) < count - 1:
                return None
        elif len(parts) != count:
            return None
        for wanted, part in zip(self.segments, parts, strict=False):
            if wanted == _REST:
                break
            if not part or wanted not in {_ONE, part, unquote(part)}:
                return None
        try:
            return {each.field: _decoded(parts[each.start : each.end], each) for each in self.variables}
        except UnicodeDecodeError:
            return None

    def overlaps(self, other: Template) -> bool:
        """Whether some path matches both."""
        return _overlap(self.segments, other.segments)


def _check(text: str, segments: Sequence[str]) -> None:
    for number, segment in enumerate(segments):
        if segment == _REST and number < len(segments) - 1:
            raise ValueError(f"{text!r}: ** must be the last segment")
        if segment not in {_ONE, _REST} and not _LITERAL.fullmatch(segment):
            raise ValueError(f"{text!r}: {segment!r} is no segment of a path template")


def _decoded(parts: Sequence[str], variable: Variable) -> str:
    if variable.single:
        return unquote(parts[0], errors="strict")
    pieces = _KEPT.split("/".join(parts))
    return "".join(piece if number % 2 else unquote(piece, errors="strict") for number, piece in enumerate(pieces))


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    for mine, theirs in zip(one, other, strict=False):
        if _REST in {mine, theirs}:
            return True
        if mine != theirs and _ONE not in {mine, theirs}:
            return False
    longer = max(one, other, key=len)[min(len(one), len(other)) :]
    return not longer or longer[0] == _REST


class RouteTable(Generic[T]):
    """What to do for each HTTP method and path."""

    def __init__(self) -> None:
        self._entries: dict[str, list[tuple[Template, T]]] = {}
        self._by_length: dict[tuple[str, int], list[tuple[Template, T]]] = {}
        """Most paths are found among the few templates of as many segments."""

    def add(self, verb: str, template: Template, target: T) -> None:
        """Serve `target` at `verb` and `template`. Conflict when a template added before matches one of its paths."""
        for known, _ in self._entries.get(verb, ()):
            if known.overlaps(template):
                raise Conflict(f"{verb} {known.text} and {verb} {template.text} can match the same path")
        self._entries.setdefault(verb, []).append((template, target))
        if template.segments[-1] != _REST:
            self._by_length.setdefault((verb, len(template.segments)), []).append((template, target))

    def find(self, verb: str, parts: Sequence[str]) -> tuple[T, Mapping[str, str]] | None:
        """The target and the path's variables; None when nothing is served there."""
        for template, target in self._by_length.get((verb, len(parts)), ()):
            variables = template.match(parts)
            if variables is not None:
                return target, variables
        for template, target in self._entries.get(verb, ()):
            if template.segments[-1] == _REST and (variables := template.match(parts)) is not None:
                return target, variables
        return None

    def verbs(self, parts: Sequence[str]) -> list[str]:
        """The HTTP methods that are served at a path, sorted."""
        return sorted(verb for verb in self._entries if self.find(verb, parts) is not None)
