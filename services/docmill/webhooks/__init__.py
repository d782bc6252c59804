"""The way out: posting to an address that a stranger chose. One interface; HTTP behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Answer", "Sender", "Target", "TargetRefused"]


class TargetRefused(ValueError):
    """Nothing is ever sent to this URL; the message says why, to whoever named it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that may be tried."""

    url: str
    """As it is called: host in lower case and in ASCII, no default port."""
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one attempt."""

    status: int | None = None
    """Of the receiver's answer; None when there was none."""
    error: str = ""
    """Why there was none, for the owner of the webhook: nothing about our network."""
    duration_ms: int = 0


class Sender(Protocol):
    """Sends to addresses that strangers name.

    Obligations:

    - A connection goes to an address that was checked, never to what a name means at some other moment.
    - A redirect is an answer like any other: it is not followed.
    - `post` ends within seconds, whatever the receiver does, and keeps little of what it says.
    """

    def check(self, url: str) -> Target:
        """`url` as it will be called. Raises `TargetRefused` for one that no attempt may reach; names are not resolved."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send `body` once. Never raises for what the URL, the network or the receiver does."""

    async def aclose(self) -> None:
        """Let go of threads and connections."""
