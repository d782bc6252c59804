"""Questions to the services over plain messages: each goes to one of those who answer, and has one answer or none.

nats-py's own `request` waits with `asyncio.wait_for`, which can swallow a cancellation; this one has one inbox for all
answers, and knows at once when the connection is lost or nobody answers.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

import nats.errors
import structlog
from nats.errors import NoRespondersError

from docmill.bus import ANSWER_SECONDS
from docmill.bus.pull import answer as reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

log = structlog.get_logger(__name__)

_GROUP = "services"
_ANY_REQUEST = "$JS.API.INFO"


class Questions:
    """Asks and answers on one subject, through one client at a time."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._client: Client | None = None
        self._inbox = ""
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._answer: Callable[[bytes], Awaitable[bytes]] | None = None
        self._subscription: Subscription | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def attach(self, client: Client) -> None:
        """Ask and answer through `client` from now on; subscriptions of an earlier one died with it."""
        self._inbox = client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._answered)
        self._client = client
        self._subscription = None
        if self._answer is not None:
            await self._listen(client)

    def connection_lost(self) -> None:
        """No answer will come to what was asked."""
        for future in tuple(self._waiting.values()):
            if not future.done():
                future.set_exception(nats.errors.ConnectionClosedError())

    async def ask(self, question: bytes) -> bytes:
        """The answer. Raises `nats.errors.Error` or `TimeoutError` when there is none."""
        return await self._exchange(lambda client, inbox: client.publish(self._subject, question, reply=inbox))

    async def serve(self, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer with `answer` from now on, also through later clients."""
        self._answer = answer
        if self._client is not None:
            with suppress(nats.errors.Error, OSError, TimeoutError):  # away: subscribed anew once it is back
                await self._listen(self._client)
                # From now on means that the server knows: it has if it answers what was sent later. nats-py's `flush` does
                # not say so, its ping overtakes; and a word to oneself does not come back where echoes are turned off.
                await self._exchange(lambda client, inbox: client.publish(_ANY_REQUEST, b"", reply=inbox))

    async def stop(self) -> None:
        """Answer no more."""
        self._answer = None
        if self._subscription is not None:
            with suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()
            self._subscription = None
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _exchange(self, send: Callable[[Client, str], Awaitable[None]]) -> bytes:
        """What comes to the inbox that `send` is given, within `ANSWER_SECONDS`."""
        if self._client is None or not self._client.is_connected:  # it would be sent, stale, later
            raise nats.errors.ConnectionClosedError
        token = str(next(self._tokens))
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        try:
            await send(self._client, f"{self._inbox}.{token}")
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        finally:
            del self._waiting[token]

    async def _listen(self, client: Client) -> None:
        self._subscription = await client.subscribe(self._subject, queue=_GROUP, cb=self._asked)

    async def _answered(self, message: Msg) -> None:
        future = self._waiting.get(message.subject.rpartition(".")[2])
        if future is None or future.done():
            return  # too late
        if message.headers:  # an answer has none, but for "no responders"
            future.set_exception(NoRespondersError())
        else:
            future.set_result(message.data)

    async def _asked(self, message: Msg) -> None:
        """In a task of its own: questions do not wait for each other's answers."""
        if self._client is not None and self._answer is not None:
            task = asyncio.create_task(self._tell(self._client, self._answer, message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    @staticmethod
    async def _tell(client: Client, answer: Callable[[bytes], Awaitable[bytes]], message: Msg) -> None:
        try:
            verdict = await answer(message.data)
        except Exception as error:  # whoever asks hears nothing, and asks again
            log.info("a question has no answer now", event_key="bus.unanswered", error=repr(error)[:500])
        else:
            await reply(client, message, verdict)
