"""Base64 decoded piece by piece: alone or as a data URL, with blanks in between, with or without padding."""

from __future__ import annotations

import re
from binascii import Error

import pybase64

__all__ = ["Base64Text", "NotBase64", "RawControl"]

_BLANKS = b" \t\r\n"
_CONTROLS = re.compile(rb"[\x00-\x1f]")
_DATA = b"data:"
_MAX_HEAD = 1024
"""Characters of a data URL before its comma."""


class NotBase64(ValueError):
    """The text is not base64; the message says what is wrong with it, as in `it ...`."""


class RawControl(ValueError):
    """The text has a control character that JSON would have escaped."""


class Base64Text:
    """Takes the characters of one text and gives the bytes they stand for."""

    def __init__(self) -> None:
        self.characters = 0
        """Characters so far."""
        self.size = 0
        """Bytes so far."""
        self.declared_type = ""
        """Media type of a data URL, once its head is read."""
        self._head: bytes | None = b""
        """The beginning, until it is known whether it is that of a data URL."""
        self._carry = b""
        """Characters that wait for their group of four to be complete."""
        self._padding = 0

    def feed(self, text: bytes, *, raw: bool = True) -> bytes:
        """The bytes that `text` completes; `raw`: as it stands in the JSON, not from an escape.

        NotBase64 or RawControl when it cannot go on like this.
        """
        self.characters += len(text)
        if raw and _CONTROLS.search(text):
            raise RawControl
        if self._head is None:
            return self._decoded(text)
        self._head += text
        if len(self._head) < len(_DATA):
            return b""
        return self._decoded(self._without_head())

    def finish(self) -> bytes:
        """The last bytes. NotBase64 when a group is left that stands for none."""
        content = b""
        if self._head is not None:
            content = self._decoded(self._without_head(last=True))
        if len(self._carry) == 1:
            raise NotBase64("ends amid a group of characters")
        if self._padding and len(self._carry) + self._padding != 4:
            raise NotBase64("has wrong padding")
        last, self._carry = self._carry, b""
        return content + self._group(last + b"=" * (-len(last) % 4))

    def _without_head(self, *, last: bool = False) -> bytes:
        """What follows the head of a data URL, if the text is one and its head is complete."""
        head = self._head or b""
        if head[: len(_DATA)].lower() != _DATA:
            self._head = None
            return head
        comma = head.find(b",")
        if comma < 0:
            if last or len(head) > _MAX_HEAD:
                raise NotBase64("is a data URL without a comma")
            return b""
        media_type, *parameters = head[len(_DATA) : comma].split(b";")
        if not parameters or parameters[-1].strip().lower() != b"base64":
            raise NotBase64("is a data URL that is not in base64")
        self.declared_type = media_type.decode("ascii", errors="replace").strip().lower()
        self._head = None
        return head[comma + 1 :]

    def _decoded(self, text: bytes) -> bytes:
        text = self._carry + text.translate(None, _BLANKS)
        padding = text.find(b"=")
        if padding >= 0:
            self._padding += len(text) - padding
            if text[padding:].strip(b"=") or self._padding > 2:
                raise NotBase64("goes on after its padding")
            text = text[:padding]
        elif self._padding and len(text) > len(self._carry):
            raise NotBase64("goes on after its padding")
        whole = len(text) - len(text) % 4
        self._carry = text[whole:]
        return self._group(text[:whole])

    def _group(self, text: bytes) -> bytes:
        try:
            content = pybase64.b64decode(text, validate=True)
        except Error:
            if b"-" in text or b"_" in text:
                raise NotBase64("is in the URL-safe alphabet; the standard one has + and /") from None
            raise NotBase64("has a character that is none of base64") from None
        self.size += len(content)
        return content
