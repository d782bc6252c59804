"""Pulling messages from a durable JetStream consumer, through everything that can happen to the server.

nats-py's own `fetch` hangs while the server is away, and a cancelled one swallows the next message. Here each fetch
has an inbox of its own, so that a message which comes too late is seen as such and given back at once.
Protocol: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-13.md
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import suppress
from typing import TYPE_CHECKING

import nats.errors
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

ACK = b"+ACK"
IN_PROGRESS = b"+WPI"
TERM = b"+TERM"

# A pull that the server forgot without a word (a new leader in a cluster) costs at most this many seconds.
_PULL_SECONDS = 5.0
# The server's own "nothing came" should arrive first.
_GRACE_SECONDS = 0.1
# Between pulls that the server refused.
_PAUSE_SECONDS = 0.1

_NOTHING_CAME = ("404", "408")
_NANOSECONDS = 1_000_000_000


def nak(delay: float) -> bytes:
    """Give back, to be delivered again after `delay` seconds."""
    return b"-NAK" if delay <= 0 else b"-NAK " + orjson.dumps({"delay": int(delay * _NANOSECONDS)})


async def answer(client: Client, message: Msg, verdict: bytes) -> None:
    """Send a verdict on `message`. If it is lost, the message is delivered again: so nothing is raised."""
    try:
        await client.publish(message.reply, verdict)
    except (nats.errors.Error, OSError):
        return


class _Inbox:
    """A reply subject, used by one fetch at a time."""

    def __init__(self) -> None:
        self.subject = ""
        self.subscription: Subscription | None = None
        self.messages: list[Msg] = []
        self.limit = 0
        """What the fetch wants; 0 when its caller has gone."""
        self.due = 0
        """Messages that the server may still send; 0 once the pull has ended."""
        self.status = ""
        """Why the server ended the pull before it was full, or empty."""
        self.changed = asyncio.Event()
        """The pull has ended, or it must be asked anew."""


class PullConsumer:
    """One durable consumer, for any number of fetches at the same time."""

    def __init__(self, stream: str, name: str, *, on_lost: Callable[[], None]) -> None:
        """`on_lost` is called when the server says that the stream or consumer is not there."""
        self._on_lost = on_lost
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
        self._client: Client | None = None
        self._free: list[_Inbox] = []
        self._busy: set[_Inbox] = set()

    def attach(self, client: Client) -> None:
        """Pull through `client` from now on; subscriptions of an earlier one died with it."""
        self._client = client
        self._free.clear()
        for inbox in self._busy:
            inbox.subscription = None
        self.pull_again()

    async def detach(self) -> None:
        """Receive no more: what is on its way is delivered again, to somebody else."""
        for inbox in (*self._free, *self._busy):
            if inbox.subscription is not None:
                with suppress(nats.errors.Error, OSError):
                    await inbox.subscription.unsubscribe()
        self._free.clear()
        self._client = None

    def pull_again(self) -> None:
        """Ask anew: the server has lost its pulls."""
        for inbox in tuple(self._busy):
            inbox.due = 0
            if inbox.limit:
                inbox.changed.set()
            else:
                self._release(inbox)

    async def fetch(self, limit: int, timeout: float) -> Sequence[Msg]:  # noqa: ASYNC109 - the interface's word
        """Up to `limit` messages as soon as there is one; none after `timeout` seconds."""
        if limit < 1:
            raise ValueError("limit must be at least 1")
        now = asyncio.get_running_loop().time
        deadline = now() + timeout
        inbox = self._free.pop() if self._free else _Inbox()
        inbox.limit = limit
        self._busy.add(inbox)
        try:
            while not inbox.messages and (left := deadline - now()) > 0:
                asked_at = now()
                await self._ask(inbox, min(left, _PULL_SECONDS))
                if not inbox.messages and now() - asked_at < _PAUSE_SECONDS:
                    await self._pause(inbox, deadline - now())
            messages, inbox.messages = inbox.messages, []
            return messages
        finally:
            inbox.limit = 0
            abandoned, inbox.messages = inbox.messages, []
            if not inbox.due:
                self._release(inbox)
            for message in abandoned:
                await self._give_back(message)

    async def _ask(self, inbox: _Inbox, seconds: float) -> None:
        """Send one pull and wait for its end."""
        inbox.status = ""
        inbox.changed.clear()
        client = self._client
        # What is published while the server is away would be sent, stale, once it is back.
        if client is not None and client.is_connected:
            # Both together mean: whatever there is now, or else wait for one.
            request = {"batch": inbox.limit, "no_wait": True, "expires": int(seconds * _NANOSECONDS)}
            try:
                if inbox.subscription is None:
                    inbox.subject = client.new_inbox()
                    arrived = functools.partial(self._arrived, inbox)
                    inbox.subscription = await client.subscribe(inbox.subject, cb=arrived)
                await client.publish(self._subject, orjson.dumps(request), reply=inbox.subject)
                inbox.due = inbox.limit
            except (nats.errors.Error, OSError):
                inbox.status = "not sent"
                return
        await _wait(inbox.changed, seconds + _GRACE_SECONDS)

    async def _pause(self, inbox: _Inbox, left: float) -> None:
        """After a pull that ended early and empty: do not ask again in a hurry."""
        if inbox.status and inbox.status not in _NOTHING_CAME:
            self._on_lost()
        inbox.changed.clear()
        await _wait(inbox.changed, min(_PAUSE_SECONDS, left))

    async def _arrived(self, inbox: _Inbox, message: Msg) -> None:
        if not message.reply:
            inbox.status = (message.headers or {}).get("Status", "")
            inbox.due = 0
        else:
            inbox.due = max(inbox.due - 1, 0)
            if len(inbox.messages) < inbox.limit:
                inbox.messages.append(message)
            else:
                await self._give_back(message)
        if not inbox.due:
            if inbox.limit:
                inbox.changed.set()
            else:
                self._release(inbox)

    def _release(self, inbox: _Inbox) -> None:
        self._busy.discard(inbox)
        if inbox not in self._free:
            self._free.append(inbox)

    async def _give_back(self, message: Msg) -> None:
        if self._client is not None:
            await answer(self._client, message, nak(0))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
