"""A JSON body read as it comes, with the one long string in it (a document in base64) decoded on the way.

Nothing here understands JSON: the scanner follows strings, braces and keys only as far as it must to know where the long
string begins and ends. What is left of the body, with an empty string in its place, is parsed by orjson (ADR 8).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from docmill.gateway.base64_stream import Base64Stream, NotBase64

__all__ = ["BodyError", "BodyProblem", "JsonBody", "Sink", "read_json"]

Sink = Callable[[bytes], Awaitable[None]]

MIB = 1024 * 1024
_PIECE = 64 * 1024  # characters scanned at a time: other requests are served in between
_STRUCTURE = re.compile(rb'["{}\[\]:,]')
_IN_STRING = re.compile(rb'["\\]')
_IN_TARGET = re.compile(rb'["\\\x00-\x1f]')
_ESCAPE = re.compile(rb'\\(?:u[0-9A-Fa-f]{4}|["\\/bfnrt])')
_LONGEST_ESCAPE = 6
_LONGEST_KEY = 256


class BodyProblem(Enum):
    """What is wrong with a body."""

    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    NOT_BASE64 = "not base64"


class BodyError(Exception):
    """A body that cannot be used: `message` for people, `reason` a word for programs (NOT_BASE64)."""

    def __init__(self, kind: BodyProblem, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reason = reason


@dataclass(frozen=True, slots=True)
class JsonBody:
    """What a body holds."""

    value: Any
    """The parsed object; an empty string stands where the document was."""
    document_bytes: int | None
    """Bytes that went to the sink; None when there was no such string."""
    declared_type: str
    """Media type of a data URL."""


async def read_json(
    chunks: AsyncIterator[bytes],
    *,
    path: Sequence[str] = ("input", "document", "base64"),
    sink: Sink,
    begin: Callable[[Any], None] = lambda _: None,
    max_body_bytes: int,
    max_rest_bytes: int = 4 * MIB,
    max_depth: int = 64,
) -> JsonBody:
    """Read a body.

    The bytes of the base64 string at `path` go to `sink`, at most 64 KiB at a time, one after the other. Before the
    first of them, `begin` gets what stands in front of that string, as a JSON value.

    Raises BodyError: MALFORMED for what is no JSON object, TOO_LARGE over `max_body_bytes` in all or `max_rest_bytes`
    besides the document, NOT_BASE64.
    """
    scanner = _Scanner(path, max_rest_bytes, max_depth)
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_body_bytes:
            raise BodyError(BodyProblem.TOO_LARGE, f"The body is larger than {max_body_bytes:,} bytes")
        for start in range(0, len(chunk), _PIECE):
            for document in scanner.feed(chunk[start : start + _PIECE]):
                if scanner.front:
                    begin(_parsed(scanner.front))
                    scanner.front.clear()
                await sink(document)
    value = _parsed(scanner.rest)
    found = scanner.document_bytes
    return JsonBody(value, found, scanner.declared_type)


def _parsed(rest: bytearray) -> Any:
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError as error:
        raise BodyError(BodyProblem.MALFORMED, f"The body is not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(value, dict):
        raise BodyError(BodyProblem.MALFORMED, "The body must be a JSON object")
    return value


class _Scanner:
    """Follows a body piece by piece. `rest` is all of it but the document."""

    def __init__(self, path: Sequence[str], max_rest: int, max_depth: int) -> None:
        self.rest = bytearray()
        self.front = bytearray()
        """What stands in front of the document, completed to an object of its own."""
        self.document_bytes: int | None = None
        self._path = [name.encode() for name in path]
        self._max_rest = max_rest
        self._max_depth = max_depth
        self._keys: list[bytes | None] = []
        """The key at work in each open object; None for an open list."""
        self._at = 0
        """Scanned up to here in `rest`."""
        self._string = -1
        """Where the string begins that is not over yet; -1 outside of strings."""
        self._last_string = b""
        self._after_colon = False
        self._target: Base64Stream | None = None
        self._stream = Base64Stream()

    @property
    def declared_type(self) -> str:
        """Media type of a data URL."""
        return self._stream.declared_type

    def feed(self, piece: bytes) -> list[bytes]:
        """Scan the next piece; the document bytes it brought."""
        self.rest += piece
        documents: list[bytes] = []
        while self._target is not None or self._scan():
            if not self._take(documents):
                break
        if len(self.rest) > self._max_rest:
            raise BodyError(
                BodyProblem.TOO_LARGE, f"The body without its document is larger than {self._max_rest:,} bytes"
            )
        return [document for document in documents if document]

    def _scan(self) -> bool:
        """Go on to the document's first character; False at the end of what is there."""
        while True:
            if self._string >= 0:
                if not self._skip_string():
                    return False
                continue
            found = _STRUCTURE.search(self.rest, self._at)
            if found is None:
                self._at = len(self.rest)
                return False
            self._at = found.end()
            if self._step(found.group()):
                return True

    def _step(self, mark: bytes) -> bool:
        """Take note of a mark of structure; True if the document's string begins here."""
        match mark:
            case b'"':
                if self._after_colon and self._keys == self._path:
                    if self.document_bytes is not None:
                        raise BodyError(BodyProblem.MALFORMED, "The document is in the body twice")
                    self.document_bytes, self._target = 0, self._stream
                    self.front = self.rest[: self._at] + b'"' + b"}" * len(self._keys)
                    return True
                self._string = self._at
            case b"{" | b"[":
                self._keys.append(b"" if mark == b"{" else None)
                if len(self._keys) > self._max_depth:
                    raise BodyError(BodyProblem.MALFORMED, f"The body is nested deeper than {self._max_depth} levels")
                self._after_colon = False
            case b"}" | b"]":
                if self._keys:
                    self._keys.pop()
                self._after_colon = False
            case b":":
                if self._keys and self._keys[-1] is not None:
                    self._keys[-1] = self._last_string
                self._after_colon = True
            case _:
                self._after_colon = False
        return False

    def _skip_string(self) -> bool:
        """Go behind the string's end; False if it is not there yet."""
        while (found := _IN_STRING.search(self.rest, self._at)) is not None:
            if found.group() == b"\\":
                if found.end() == len(self.rest):
                    self._at = found.start()
                    return False
                self._at = found.end() + 1
                continue
            if not self._after_colon:
                self._last_string = _key(self.rest[self._string : found.start()])
            self._at, self._string = found.end(), -1
            return True
        self._at = len(self.rest)
        return False

    def _take(self, documents: list[bytes]) -> bool:
        """Decode the document as far as it is there; True once its string is over."""
        text = bytes(self.rest[self._at :])
        del self.rest[self._at :]
        start = 0
        while (found := _IN_TARGET.search(text, start)) is not None:
            documents.append(self._decode(text[start : found.start()]))
            start = found.start()
            if found.group() == b'"':
                documents.append(self._decode(None))
                self.rest += text[start:]
                self._at += 1
                self._target = None
                return True
            escape = _ESCAPE.match(text, start)
            if escape is None:
                if found.group() == b"\\" and len(text) - start < _LONGEST_ESCAPE:
                    break  # its rest comes with the next piece
                raise BodyError(BodyProblem.MALFORMED, "The body is not JSON: a bad character in the document's string")
            documents.append(self._decode(_unescaped(escape.group())))
            start = escape.end()
        else:
            documents.append(self._decode(text[start:]))
            return False
        self.rest += text[start:]
        return False

    def _decode(self, text: bytes | None) -> bytes:
        """The bytes that `text` completes, or the last ones (None)."""
        try:
            content = self._stream.finish() if text is None else self._stream.feed(text)
        except NotBase64 as error:
            raise BodyError(BodyProblem.NOT_BASE64, error.message, error.reason) from None
        self.document_bytes = (self.document_bytes or 0) + len(content)
        return content


def _key(raw: bytearray) -> bytes:
    """A key as it reads; one that is too long to be ours, or no JSON, reads as nothing."""
    if b"\\" not in raw:
        return bytes(raw)
    if len(raw) > _LONGEST_KEY:
        return b""
    try:
        return str(orjson.loads(b'"' + raw + b'"')).encode()
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return b""


def _unescaped(escape: bytes) -> bytes:
    """The character of a JSON escape; what is not ASCII cannot be base64 and reads as a question mark."""
    try:
        return str(orjson.loads(b'"' + escape + b'"')).encode("ascii", errors="replace")
    except orjson.JSONDecodeError:  # half of a surrogate pair
        return b"?"
