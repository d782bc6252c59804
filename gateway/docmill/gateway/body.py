"""A JSON body with a document in it, read as it comes: the base64 text is decoded on the way, only the rest is kept.

The scanner follows strings, brackets and names just well enough to know where it is. Whether the text is JSON at all is
decided by a real parser, which gets everything but the document, with an empty string in its place.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from docmill.gateway.base64_text import Base64Text, NotBase64, RawControl

__all__ = ["BodyError", "BodyProblem", "JsonBody", "read_json"]

Sink = Callable[[bytes], Awaitable[None]]

MIB = 1024 * 1024

_MARKS = re.compile(rb'["{}\[\],]')
_STRING_MARKS = re.compile(rb'["\\]')
_ESCAPES = {ord("/"): b"/", ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t", ord("b"): b"\b", ord("f"): b"\f",
            ord('"'): b'"', ord("\\"): b"\\"}  # fmt: skip


class BodyProblem(Enum):
    """What is wrong with a body."""

    MALFORMED = "malformed"
    """It is no JSON."""
    TOO_LARGE = "too large"
    """It has more bytes than are taken."""
    NOT_BASE64 = "not base64"
    """The text of the document is not base64."""


class BodyError(ValueError):
    """A body that cannot be used."""

    def __init__(self, kind: BodyProblem, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonBody:
    """What was read."""

    value: Any
    """The JSON value, with an empty string in place of the document; None for an empty body."""
    document_bytes: int | None
    """Bytes of the document; None when there is no text for it, or an empty one."""
    declared_type: str
    """Media type of a data URL; empty for base64 alone."""


async def read_json(
    chunks: AsyncIterator[bytes],
    *,
    path: Sequence[str],
    sink: Sink,
    begin: Callable[[Any], None] = lambda _: None,
    max_body_bytes: int,
    max_rest_bytes: int = 4 * MIB,
    max_depth: int = 64,
) -> JsonBody:
    """Read a body whose document stands as base64, or as a data URL, at `path`; its bytes go to `sink` meanwhile.

    Before the first of them, `begin` gets what stands in front of the document, as a JSON value.
    BodyError when the body cannot be used; what `sink` raises comes through. Both may be after bytes were given away.
    """
    scanner = _Scanner(tuple(path), max_depth)
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_body_bytes:
            raise BodyError(BodyProblem.TOO_LARGE, f"The body is larger than {max_body_bytes} bytes")
        for content in _checked(scanner.feed(chunk)):
            if scanner.front:
                begin(_parsed(scanner.front))
                scanner.front = b""
            await sink(content)
        if len(scanner.rest) > max_rest_bytes:
            message = f"The body is larger than {max_rest_bytes} bytes beside its document"
            raise BodyError(BodyProblem.TOO_LARGE, message)
    document = scanner.document
    value = _parsed(scanner.rest) if scanner.rest.strip() else None
    empty = document is None or not document.characters
    return JsonBody(
        value=value,
        document_bytes=None if document is None or empty else document.size,
        declared_type=document.declared_type if document else "",
    )


def _parsed(text: bytes | bytearray) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BodyError(BodyProblem.MALFORMED, f"The body is no JSON: {error}") from None


def _checked(contents: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from contents
    except NotBase64 as error:
        raise BodyError(BodyProblem.NOT_BASE64, str(error)) from None
    except RawControl:
        message = "The body is no JSON: there is a control character in the text of its document"
        raise BodyError(BodyProblem.MALFORMED, message) from None


class _Level:
    """An object or a list that the scanner is inside of."""

    __slots__ = ("is_object", "key", "wants_key")

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.wants_key = is_object
        self.key: str | None = None


class _Scanner:
    """Divides a body into the document and the rest, chunk by chunk."""

    def __init__(self, path: tuple[str, ...], max_depth: int) -> None:
        self.rest = bytearray()
        self.front = b""
        """What stands in front of the document, made complete, from the document's first byte on."""
        self.document: Base64Text | None = None
        self._path = path
        self._max_depth = max_depth
        self._levels: list[_Level] = []
        self._read = self._outside
        self._string_start = 0
        """Where in `rest` the string that is being read begins, behind its quote."""
        self._escape = b""
        """An escape in the document's text that is not complete yet."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes of the document that `chunk` brings."""
        position = 0
        while position < len(chunk):
            position, content = self._read(chunk, position)
            if content:
                yield content

    def _outside(self, chunk: bytes, position: int) -> tuple[int, bytes]:
        """Up to the next mark outside of strings."""
        found = _MARKS.search(chunk, position)
        end = found.end() if found else len(chunk)
        self.rest += chunk[position:end]
        if found:
            self._meet(found[0])
        return end, b""

    def _meet(self, mark: bytes) -> None:
        level = self._levels[-1] if self._levels else None
        match mark:
            case b'"':
                self._string_start = len(self.rest)
                self._read = self._in_document if self._is_document() else self._in_string
            case b"{" | b"[":
                if len(self._levels) == self._max_depth:
                    raise BodyError(
                        BodyProblem.MALFORMED, f"The body is nested more than {self._max_depth} levels deep"
                    )
                self._levels.append(_Level(is_object=mark == b"{"))
            case b"}" | b"]" if level:
                self._levels.pop()
            case b"," if level:
                level.wants_key = level.is_object

    def _is_document(self) -> bool:
        """Whether a string that begins now stands at the path; noted, since it must not come twice."""
        if len(self._levels) != len(self._path) or not self._path or self._levels[-1].wants_key:
            return False
        if any(level.key != name for level, name in zip(self._levels, self._path, strict=True)):
            return False
        if self.document is not None:
            raise BodyError(BodyProblem.MALFORMED, f"The body has {'.'.join(self._path)} twice")
        self.document = Base64Text()
        self.front = bytes(self.rest) + b'"' + b"}" * len(self._levels)
        return True

    def _in_string(self, chunk: bytes, position: int) -> tuple[int, bytes]:
        """Up to the end of a string, or to an escape inside of it."""
        found = _STRING_MARKS.search(chunk, position)
        end = found.end() if found else len(chunk)
        self.rest += chunk[position:end]
        if found and found[0] == b"\\":
            self._read = self._escaped
        elif found:
            self._end_string()
        return end, b""

    def _escaped(self, chunk: bytes, position: int) -> tuple[int, bytes]:
        """The byte behind a backslash; it ends no string, whatever it is."""
        self.rest += chunk[position : position + 1]
        self._read = self._in_string
        return position + 1, b""

    def _end_string(self) -> None:
        self._read = self._outside
        level = self._levels[-1] if self._levels else None
        if level is not None and level.wants_key:
            level.wants_key = False
            try:
                level.key = orjson.loads(b'"' + self.rest[self._string_start :])
            except orjson.JSONDecodeError:
                level.key = None  # the parser will say so

    def _in_document(self, chunk: bytes, position: int) -> tuple[int, bytes]:
        """Up to the end of the document's text, or to an escape inside of it."""
        assert self.document is not None
        quote, escape = chunk.find(b'"', position), chunk.find(b"\\", position)
        end = min(mark for mark in (quote, escape, len(chunk)) if mark >= 0)
        text = chunk[position:end]
        content = self.document.feed(text) if text else b""
        if end == len(chunk):
            return end, content
        if end == quote:
            self.rest += b'"'
            self._read = self._outside
            return end + 1, content + self.document.finish()
        self._read = self._escaped_in_document
        return end + 1, content

    def _escaped_in_document(self, chunk: bytes, position: int) -> tuple[int, bytes]:
        """An escape inside of the document's text, which encoders of JSON may write for any character."""
        assert self.document is not None
        self._escape += chunk[position : position + 1]
        if self._escape[0] == ord("u") and len(self._escape) < 5:
            return position + 1, b""
        escape, self._escape = self._escape, b""
        self._read = self._in_document
        return position + 1, self.document.feed(_unescaped(escape), raw=False)


def _unescaped(escape: bytes) -> bytes:
    if escape[0] == ord("u"):
        try:
            return chr(int(escape[1:], 16)).encode()
        except ValueError:  # no hexadecimal digits, or half of a surrogate pair, which base64 has no use for
            pass
    elif escape[0] in _ESCAPES:
        return _ESCAPES[escape[0]]
    raise BodyError(BodyProblem.MALFORMED, "The body is no JSON: there is a wrong escape in the text of its document")
