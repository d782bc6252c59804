"""The REST surfaces the gateway speaks, one folder each, and what a surface has to bring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:  # webhooks are rendered where there is no HTTP server
    from starlette.responses import Response

    from docmill.gateway.exchange import Exchange
    from docmill.gateway.problems import Problem
    from docmill.gateway.template import Template

__all__ = ["Dialect", "Endpoint", "Route"]

Endpoint: TypeAlias = "Callable[[Exchange, Mapping[str, str]], Awaitable[Response]]"
"""Answers a request, given the variables of its path. Raises Problem to refuse, FieldError for a field to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is served at one HTTP method and path."""

    verb: str
    template: Template
    scope: str
    """What the key must be allowed to do; empty when any key will do."""
    endpoint: Endpoint
    public: bool = False
    """Whether it is served without a key."""


class Dialect(Protocol):
    """A REST surface. The prefix of a URL decides which one speaks, also when it can only complain."""

    @property
    def prefix(self) -> str:
        """`/api/v1`: all its paths begin so."""
        ...

    @property
    def routes(self) -> Sequence[Route]:
        """Everything it serves."""
        ...

    @property
    def keys(self) -> str:
        """What its keys look like, for people: `af_...`."""
        ...

    def own_key(self, key: str) -> bool:
        """Whether a key may be one of this surface, by its form; others are refused without being looked at."""
        ...

    def headers(self, exchange: Exchange) -> Mapping[str, str]:
        """What each of its answers says in headers."""
        ...

    def failure(self, problem: Problem, exchange: Exchange) -> Response:
        """The answer to a request that is not answered as asked."""
        ...
