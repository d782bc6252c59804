"""A connection to NATS that never gives up, and puts the streams back where they were lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client

from docmill.bus import BusUnavailable
from docmill.bus.listeners import ResetListeners

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.js import JetStreamContext

    from docmill.bus.pull import PullConsumer
    from docmill.bus.streams import Streams

log = structlog.get_logger(__name__)

BUS_ERRORS = (nats.errors.Error, OSError, asyncio.TimeoutError)
"""What nats-py raises when something between us and an answer is broken."""

_RECONNECT_SECONDS = 0.25
_PING_SECONDS = 5
_API_SECONDS = 2.0
_CHECK_SECONDS = 2.0
_RETRY_SECONDS = 0.25
_FLUSH_SECONDS = 0.5
_CLOSE_SECONDS = 1.0


class Connection:
    """One client for one process, with the streams it uses."""

    def __init__(self, url: str, *, name: str, streams: Streams, echo: bool = True) -> None:
        """`url`: `nats://[user:password@]host:port`, several divided by commas; `echo`: hear one's own words too."""
        self._echo = echo
        self._servers = [part.strip() for part in url.split(",")]
        self._name = name
        self.streams = streams
        self.consumers: set[PullConsumer] = set()
        self.resets = ResetListeners()
        self.on_attach: list[Callable[[Client], Awaitable[None]]] = []
        """Called with every new client, for what must be subscribed."""
        self.on_lost: list[Callable[[], None]] = []
        """Called when the connection is lost."""
        self._client = Client()
        self._js = self._client.jetstream(timeout=_API_SECONDS)
        self._last_error = "no answer"
        self._refused = False
        self._reset = False
        self._suspicion = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def client(self) -> Client:
        """The client of now."""
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """JetStream through the client of now."""
        return self._js

    @property
    def where(self) -> str:
        """The servers without credentials, for messages."""
        return ", ".join(urlsplit(server).netloc.rpartition("@")[2] for server in self._servers)

    async def open(self, timeout: float) -> None:  # noqa: ASYNC109 - the time is part of the message
        """Connect, and have the streams; raises `BusUnavailable` if that takes more than `timeout` seconds."""
        setting_up = asyncio.create_task(self._set_up())
        try:
            await asyncio.wait([setting_up], timeout=timeout)
            if not setting_up.done():
                raise BusUnavailable(f"NATS at {self.where} is not usable: {self._last_error}. Is it running?")
            setting_up.result()
        except BaseException:
            await _end(setting_up)
            await self._close_client()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="bus.watch")

    async def restore(self) -> None:
        """Make streams and consumers that are missing; raises `BUS_ERRORS` while that cannot be."""
        if await self.streams.ensure(self._js):
            self._reset = True
            self._suspicion.set()  # the watcher tells the listeners
            self.pull_again()

    def suspect(self) -> None:
        """Something was not there that should be: look soon."""
        self._suspicion.set()

    def pull_again(self) -> None:
        """The server has lost its pulls."""
        for consumer in self.consumers:
            consumer.pull_again()

    async def aclose(self) -> None:
        """Disconnect. Never raises for a dead server and never takes more than 2 seconds."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await _end(watcher)
        await self.resets.aclose()
        await self._close_client()

    async def _connect(self) -> None:
        client = self._client = Client()
        self._js = client.jetstream(timeout=_API_SECONDS)
        await client.connect(
            self._servers,
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # a float works; annotated int
            connect_timeout=2,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=2,
            no_echo=not self._echo,
        )
        self._refused = False
        for attach in self.on_attach:
            await attach(client)
        for consumer in self.consumers:
            consumer.attach(client)

    async def _set_up(self) -> None:
        await self._connect()
        while True:
            try:
                await self.streams.ensure(self._js)
            except BUS_ERRORS as error:  # JetStream needs a moment longer than the port
                self._last_error = str(error) or type(error).__name__
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _watch(self) -> None:
        """Look after the streams, every two seconds and whenever there is a suspicion."""
        while True:
            suspected = await self._wait_for_suspicion()
            try:
                if self._client.is_closed:  # nats-py gives up for good on some errors of the server
                    await self._connect()
                if self._client.is_connected and (suspected or not await self.streams.unchanged(self._js)):
                    await self.restore()
            except BUS_ERRORS as error:
                log.debug("the streams cannot be looked after", event_key="bus.restore_failed", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                self._suspicion.set()
                continue
            except Exception:  # nobody else looks after the streams: go on
                log.exception("a look at the streams failed", event_key="bus.watch_failed")
                await asyncio.sleep(_CHECK_SECONDS)
                continue
            if self._reset:
                self._reset = False
                log.warning("the bus lost its queues; they were made anew", event_key="bus.reset", servers=self.where)
                self.resets.tell()

    async def _wait_for_suspicion(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._suspicion.wait()
        suspected = self._suspicion.is_set()
        self._suspicion.clear()
        return suspected

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text != self._last_error:  # while the server is away, the same one comes four times a second
            log.debug("the connection to the bus has an error", event_key="bus.error", error=text)
        # A server that refuses says why and hangs up: the reset that follows must not hide its word.
        spoken = isinstance(error, nats.errors.Error) and not isinstance(error, TimeoutError)
        if spoken or not self._refused:
            self._last_error = text
        self._refused = self._refused or spoken

    async def _on_disconnected(self) -> None:
        if self._watcher is not None:
            log.warning("the connection to the bus is lost", event_key="bus.disconnected", servers=self.where)
        for lost in self.on_lost:
            lost()
        self.pull_again()

    async def _on_reconnected(self) -> None:
        log.info("the connection to the bus is back", event_key="bus.reconnected", servers=self.where)
        self.pull_again()
        self._suspicion.set()

    async def _on_closed(self) -> None:
        self._suspicion.set()

    async def _close_client(self) -> None:
        client = self._client
        with suppress(Exception):
            if client.is_connected:
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await client.flush()
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await client.close()
        reconnecting: asyncio.Task[None] | None = getattr(client, "_reconnection_task", None)
        if reconnecting is not None:
            await _end(reconnecting)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel until it ends.

    Once is not enough: `asyncio.wait_for` before Python 3.12, which nats-py waits with, swallows a cancellation that
    comes together with what it waits for, and then a loop goes on forever.
    """
    for _ in range(5):
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
        if task.done():
            return
