"""The blocking client: the async one, run on a background thread.

    with Docmill("localhost:50051", api_key) as docmill:
        handle = docmill.flows.run("invoice-extractor", "invoice.pdf")
        for event in handle.watch():
            print(event.sequence, event.kind, event.page_number)
        print(handle.result().output)

Every method is made from the async client's method of the same name, with its arguments and types; see there for what
it does. The client may be used from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from docmill.client._connection import TLS
from docmill.client._portal import Blocking, Portal, blocking, iterating
from docmill.client.aio import (
    AsyncAccount,
    AsyncBatches,
    AsyncDocmill,
    AsyncDocuments,
    AsyncFlows,
    AsyncRunHandle,
    AsyncRuns,
)
from docmill.client.run import Run

__all__ = ["Account", "Batches", "Docmill", "Documents", "Flows", "RunHandle", "Runs"]

A = TypeVar("A")
P = ParamSpec("P")


class Documents(Blocking[AsyncDocuments]):
    """Bytes to be read by runs."""

    upload = blocking(AsyncDocuments.upload)
    get = blocking(AsyncDocuments.get)
    delete = blocking(AsyncDocuments.delete)


class RunHandle(Blocking[AsyncRunHandle]):
    """A run that was started: watch it, wait for it, cancel it."""

    watch = iterating(AsyncRunHandle.watch)
    result = blocking(AsyncRunHandle.result)
    cancel = blocking(AsyncRunHandle.cancel)

    @property
    def id(self) -> str:
        """Id of the run."""
        return self._inner.id

    @property
    def run(self) -> Run:
        """The run as it was when it was recorded."""
        return self._inner.run


def _handing(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, AsyncRunHandle]],
) -> Callable[Concatenate[Blocking[A], P], RunHandle]:
    """The blocking twin of a method that gives a handle: its handle is a blocking one."""

    @wraps(method)
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> RunHandle:
        return RunHandle(self._portal.call(method(self._inner, *args, **kwargs)), self._portal)

    return call


class Flows(Blocking[AsyncFlows]):
    """Versioned recipes that turn a document into data."""

    list = iterating(AsyncFlows.list)
    get = blocking(AsyncFlows.get)
    create = blocking(AsyncFlows.create)
    estimate = blocking(AsyncFlows.estimate)
    run = _handing(AsyncFlows.run)


class Runs(Blocking[AsyncRuns]):
    """Documents going through flows."""

    get = blocking(AsyncRuns.get)
    list = iterating(AsyncRuns.list)
    watch = iterating(AsyncRuns.watch)
    wait_for_completion = blocking(AsyncRuns.wait_for_completion)
    cancel = blocking(AsyncRuns.cancel)
    pages = iterating(AsyncRuns.pages)
    page = blocking(AsyncRuns.page)
    page_image = blocking(AsyncRuns.page_image)
    deliveries = blocking(AsyncRuns.deliveries)
    redeliver = blocking(AsyncRuns.redeliver)

    def handle(self, run: Run) -> RunHandle:
        """A handle on a run that was started elsewhere."""
        return RunHandle(self._inner.handle(run), self._portal)


class Batches(Blocking[AsyncBatches]):
    """Documents submitted together: one call, one watch, one results file."""

    submit = blocking(AsyncBatches.submit)
    get = blocking(AsyncBatches.get)
    list = iterating(AsyncBatches.list)
    watch = iterating(AsyncBatches.watch)
    wait_for_completion = blocking(AsyncBatches.wait_for_completion)
    results = iterating(AsyncBatches.results)
    cancel = blocking(AsyncBatches.cancel)
    deliveries = blocking(AsyncBatches.deliveries)
    redeliver = blocking(AsyncBatches.redeliver)


class Account(Blocking[AsyncAccount]):
    """The key's own organization: what it may do, what it used, and its keys."""

    check_key = blocking(AsyncAccount.check_key)
    usage = blocking(AsyncAccount.usage)
    list_keys = iterating(AsyncAccount.list_keys)
    create_key = blocking(AsyncAccount.create_key)
    revoke_key = blocking(AsyncAccount.revoke_key)


class Docmill:
    """A connection to docmill for blocking code. The arguments are those of `AsyncDocmill`."""

    def __init__(
        self,
        target: str,
        api_key: str = "",
        *,
        tls: TLS = False,
        timeout: float = 30.0,
        reconnect_timeout: float = 60.0,
    ) -> None:
        self._client = AsyncDocmill(target, api_key, tls=tls, timeout=timeout, reconnect_timeout=reconnect_timeout)
        self._portal = Portal()
        self.documents = Documents(self._client.documents, self._portal)
        self.runs = Runs(self._client.runs, self._portal)
        self.flows = Flows(self._client.flows, self._portal)
        self.batches = Batches(self._client.batches, self._portal)
        self.account = Account(self._client.account, self._portal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and end its thread; calls under way end."""
        self._portal.close(self._client.close())
