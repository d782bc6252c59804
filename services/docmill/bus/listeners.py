"""Callables that want to hear of something."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")
ListenerT = TypeVar("ListenerT")

_AGAIN_SECONDS = 0.5
_CLOSE_SECONDS = 0.5


class Registry(Generic[ListenerT]):
    """Listeners in the order they came. The same one may be added twice."""

    def __init__(self) -> None:
        self._listeners: dict[object, ListenerT] = {}

    def add(self, listener: ListenerT) -> Callable[[], None]:
        """Keep `listener`; the result removes it, and may be called again."""
        key = object()
        self._listeners[key] = listener

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def __iter__(self) -> Iterator[ListenerT]:
        return iter(tuple(self._listeners.values()))  # a listener may remove itself


def tell(listeners: Registry[Callable[[T], None]], value: T) -> None:
    """Call all; one that raises does not keep the others from hearing."""
    for listener in listeners:
        try:
            listener(value)
        except Exception:
            log.exception("a listener failed", event_key="bus.listener_failed")


class ResetListeners(Registry[Callable[[], Awaitable[None]]]):
    """Who must hear of a reset. One that raises has not heard it: it is called again until it has."""

    def __init__(self) -> None:
        super().__init__()
        self._unheard: set[object] = set()
        self._telling: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Call all, soon, one after the other; one that raises does not keep the others from hearing."""
        self._unheard = set(self._listeners)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="bus.resets")

    async def aclose(self) -> None:
        """Call nobody any more."""
        self._unheard.clear()
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait([self._telling], timeout=_CLOSE_SECONDS)

    async def _tell(self) -> None:
        first = True
        while missing := [key for key in self._listeners if key in self._unheard]:
            for key in missing:
                await self._call(key, loudly=first)
            first = False
            if self._unheard:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _call(self, key: object, *, loudly: bool) -> None:
        self._unheard.discard(key)  # before the call: a reset that happens meanwhile is another one
        if (listener := self._listeners.get(key)) is None:
            return
        try:
            await listener()
        except Exception as error:
            self._unheard.add(key)
            if loudly:  # and not twice a second for as long as a database is away
                log.warning("a reset was not heard", event_key="bus.reset_unheard", error=repr(error), exc_info=True)
