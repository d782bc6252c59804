"""Callables that want to hear of something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

log = structlog.get_logger(__name__)

T = TypeVar("T")
ListenerT = TypeVar("ListenerT")


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
            log.exception("bus.listener_failed")


async def tell_waiting(listeners: Registry[Callable[[], Awaitable[None]]]) -> None:
    """Call all, one after the other; one that raises does not keep the others from hearing."""
    for listener in listeners:
        try:
            await listener()
        except Exception:
            log.exception("bus.listener_failed")
