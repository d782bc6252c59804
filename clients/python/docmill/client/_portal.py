"""A bridge from blocking code to the async client: one event loop on one background thread.

Why not a second, blocking implementation: the watch with its resume, the upload and the error mapping would exist
twice. grpc's blocking stubs use threads of their own anyway, so the loop thread costs nothing extra.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")


class Portal:
    """Runs coroutines on its own event loop, for callers on other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="docmill-client", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end. An interrupt (Ctrl-C) of the caller cancels it."""
        if self._loop.is_closed():
            coroutine.close()
            raise RuntimeError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Draw from an async iterator, one item at a time; closing the generator closes it too."""
        try:
            while True:
                try:
                    item = self.call(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator) and not self._loop.is_closed():
                self.call(items.aclose())

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Run `last`, then stop the loop and its thread. Closing again does nothing."""
        if self._loop.is_closed():
            last.close()
            return
        try:
            self.call(self._shut(last))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _shut(self, last: Coroutine[Any, Any, None]) -> None:
        await last
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


class Blocking(Generic[A]):
    """Base of a blocking twin: an object of the async client, and the portal its methods run on."""

    def __init__(self, inner: A, portal: Portal) -> None:
        self._inner = inner
        self._portal = portal


def blocking(method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Blocking[A], P], T]:
    """The blocking twin of an async method: the same arguments and documentation."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(method(self._inner, *args, **kwargs))

    return call


def iterating(
    method: Callable[Concatenate[A, P], AsyncIterator[T]],
) -> Callable[Concatenate[Blocking[A], P], Iterator[T]]:
    """The blocking twin of an async generator method."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._portal.iterate(method(self._inner, *args, **kwargs))

    return call
