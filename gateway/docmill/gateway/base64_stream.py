"""Base64 (RFC 4648) that comes in pieces, decoded as it comes: the standard alphabet, as raw text or as a data URL.

White space inside and padding that is missing at the end are forgiven. The URL-safe alphabet is refused by name: it is
what programs send by mistake.
"""

from __future__ import annotations

import pybase64

__all__ = ["Base64Stream", "NotBase64"]

_SPACE = b" \t\r\n\f\v"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SCHEME = b"data:"
_LONGEST_HEADER = 1024


class NotBase64(ValueError):
    """The text is not base64; `reason` says in a word why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Base64Stream:
    """Feed text, get bytes; `finish` gives the last ones. Raises `NotBase64`."""

    def __init__(self) -> None:
        self.declared_type = ""
        """Media type of a data URL."""
        self._header: bytearray | None = bytearray()
        """What came before it was clear whether the text is a data URL."""
        self._rest = b""
        """Up to three characters of the next group."""
        self._padding = 0

    def feed(self, text: bytes) -> bytes:
        """The bytes that `text` completes."""
        if self._header is not None:
            self._header += text
            body = self._after_header(self._header)
            if body is None:
                return b""
            self._header, text = None, body
        return self._decode(text)

    def finish(self) -> bytes:
        """The bytes of the last group. The text is over."""
        begin = b""
        if self._header is not None:
            if self._header.lstrip(_SPACE).startswith(_SCHEME):
                raise NotBase64("data_url", "is a data URL without its comma")
            begin, self._header = self._decode(bytes(self._header)), None
        missing = -len(self._rest) % 4
        if missing == 3 or (self._padding and self._padding != missing):
            raise NotBase64("length", "is not base64: characters are missing at its end")
        return begin + pybase64.b64decode(self._rest + b"=" * missing)

    def _after_header(self, seen: bytearray) -> bytes | None:
        """What follows the header of a data URL, or all of it; None while that cannot be told."""
        start = seen.lstrip(_SPACE)
        if len(start) < len(_SCHEME):
            return None if _SCHEME.startswith(start) else bytes(seen)
        if not start.startswith(_SCHEME):
            return bytes(seen)
        comma = start.find(b",", 0, _LONGEST_HEADER)
        if comma < 0:
            if len(start) >= _LONGEST_HEADER:
                raise NotBase64("data_url", "begins like a data URL, but no comma follows")
            return None
        kind, *parameters = bytes(start[len(_SCHEME) : comma]).split(b";")
        if not parameters or parameters[-1].strip().lower() != b"base64":
            raise NotBase64("data_url", "is a data URL that is not in base64")
        self.declared_type = kind.decode("ascii", errors="replace").strip()
        return bytes(start[comma + 1 :])

    def _decode(self, text: bytes) -> bytes:
        text = text.translate(None, _SPACE)
        if self._padding or b"=" in text:
            text = self._up_to_padding(text)
        if wrong := text.translate(None, _ALPHABET):
            raise _not_base64(wrong)
        text = self._rest + text
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        return pybase64.b64decode(text[:whole])

    def _up_to_padding(self, text: bytes) -> bytes:
        data, _, padding = (b"", b"", text) if self._padding else text.partition(b"=")
        if not self._padding:
            padding = b"=" + padding
        if padding.strip(b"="):
            raise NotBase64("padding", "is not base64: something follows its padding")
        self._padding += len(padding)
        if self._padding > 2:
            raise NotBase64("padding", "is not base64: its padding is too long")
        return data


def _not_base64(wrong: bytes) -> NotBase64:
    if not wrong.translate(None, b"-_"):
        return NotBase64(
            "url_safe_alphabet", "is in the URL-safe alphabet; send standard base64, with + and / in place of - and _"
        )
    return NotBase64("not_base64", "is not base64")
