"""A multipart body (RFC 7578), read while it comes: part after part, their bytes in pieces, none of them kept here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from docmill.gateway.exchange import Exchange
from docmill.gateway.problems import Problem

__all__ = ["End", "Event", "Part", "read_form"]

_FORM = "multipart/form-data"
_MAX_BOUNDARY = 70
"""Characters (RFC 2046, section 5.1.1)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part begins."""

    name: str
    filename: str | None
    """None for a field that is no file."""


@dataclass(frozen=True, slots=True)
class End:
    """The part has ended."""


Event: TypeAlias = Part | bytes | End
"""`Part`, then its bytes in any number of pieces, then `End`; and the next one."""


async def read_form(exchange: Exchange, max_bytes: int) -> AsyncIterator[Event]:
    """The events of the request's body, which may have `max_bytes`. Problem when it is no form, or breaks off."""
    if exchange.content_type != _FORM:
        if not exchange.has_body or exchange.content_length == 0:
            return
        message = f"The body must be a form: send Content-Type: {_FORM}, not {exchange.content_type or 'none'}"
        raise Problem("CONTENT_TYPE_UNSUPPORTED", message, {"supported": [_FORM]})
    if (exchange.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    reader = _Reader(_boundary(exchange))
    size = 0
    async for chunk in exchange.chunks():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        for event in reader.feed(chunk):
            yield event
    if not reader.ended:
        raise _malformed("it ends before its last boundary")


def _boundary(exchange: Exchange) -> bytes:
    head = Message()
    head["content-type"] = exchange.headers.get("content-type", "")
    boundary = head.get_boundary()
    if not boundary or len(boundary) > _MAX_BOUNDARY:
        raise _malformed("its Content-Type names no boundary")
    return boundary.encode("latin-1", "replace")


class _Reader:
    """Turns the parser's callbacks into events."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        """Whether the last boundary has come."""
        self._events: list[Event] = []
        self._name, self._value = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": lambda data, start, end: self._events.append(bytes(data[start:end])),
                "on_part_end": lambda: self._events.append(End()),
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> list[Event]:
        """What the next bytes of the body bring."""
        self._events = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from None
        return self._events

    def _on_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._name.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        head = Message()
        head["content-disposition"] = self._headers.get("content-disposition", "")
        name = head.get_param("name", header="content-disposition")
        if head.get_content_disposition() != "form-data" or not isinstance(name, str):
            raise _malformed("a part has no name: each needs a Content-Disposition header with one")
        filename = head.get_filename()
        self._events.append(Part(name, None if filename is None else _sane(filename)))

    def _on_end(self) -> None:
        self.ended = True


def _sane(filename: str) -> str:
    """The name without its folders, as the services take it."""
    bare = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in bare if char.isprintable())[-255:]


def _malformed(why: str) -> Problem:
    return Problem("BODY_MALFORMED", f"The body is no well-formed form: {why}")


def _too_large(limit: int) -> Problem:
    return Problem("BODY_TOO_LARGE", f"The body is larger than the server takes ({limit} bytes)", {"limit": limit})
