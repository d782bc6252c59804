"""Publishing many messages into streams at the same time, and hearing of each whether the stream has it.

nats-py's `publish` is a task, a timer and an inbox for every message; one inbox and one timer for a batch is twice as
fast, and knows at once when the connection is lost.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, NamedTuple

import nats.errors
import orjson
from nats.js.errors import APIError, NoStreamResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg

_AT_ONCE = 512
_BYTES_AT_ONCE = 8 * 1024 * 1024
_ANSWER_SECONDS = 2.0

Outcome = Exception | None
"""Why a message may not have arrived, or None."""


class Outgoing(NamedTuple):
    """A message for a stream."""

    subject: str
    payload: bytes
    dedup_id: str

    @property
    def size(self) -> int:
        """Bytes as the server counts them against its `max_payload`: headers included."""
        return len(f"NATS/1.0\r\nNats-Msg-Id: {self.dedup_id}\r\n\r\n") + len(self.payload)


class Publisher:
    """Publishes through one client at a time."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._inbox = ""
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    async def attach(self, client: Client) -> None:
        """Publish through `client` from now on."""
        self._inbox = client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._answered)
        self._client = client

    def connection_lost(self) -> None:
        """No answer will come to what was sent."""
        for token in tuple(self._waiting):
            self._settle(token, nats.errors.ConnectionClosedError())

    async def publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """One outcome a message. A message without an answer may have arrived nevertheless."""
        outcomes: list[Outcome] = []
        for batch in _batches(messages):
            answers = [await self._send(message) for message in batch]
            await asyncio.wait(answers, timeout=_ANSWER_SECONDS)
            for answer in answers:
                if not answer.done():
                    answer.set_result(nats.errors.TimeoutError())
                outcomes.append(answer.result())
        return outcomes

    async def _send(self, message: Outgoing) -> asyncio.Future[Outcome]:
        token = str(next(self._tokens))
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: self._waiting.pop(token, None))
        self._waiting[token] = answer
        try:
            if self._client is None or not self._client.is_connected:  # it would be sent, stale, later
                raise nats.errors.ConnectionClosedError
            if message.size > self._client.max_payload:  # the server would close the connection
                raise nats.errors.MaxPayloadError
            await self._client.publish(
                message.subject,
                message.payload,
                reply=f"{self._inbox}.{token}",
                headers={"Nats-Msg-Id": message.dedup_id},
            )
        except (nats.errors.Error, OSError) as error:
            self._settle(token, error)
        return answer

    async def _answered(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        if message.headers:  # an answer has none, but for "no responders"
            self._settle(token, NoStreamResponseError())
        elif b'"error"' in message.data:
            self._settle(token, _error_of(message.data))
        else:
            self._settle(token, None)

    def _settle(self, token: str, outcome: Outcome) -> None:
        answer = self._waiting.get(token)
        if answer is not None and not answer.done():
            answer.set_result(outcome)


def _batches(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    """As many at once as can be answered in time; a batch holds at least one."""
    batch: list[Outgoing] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == _AT_ONCE or size + message.size > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch


def _error_of(data: bytes) -> Exception:
    error = orjson.loads(data)["error"]
    return APIError(code=error.get("code"), err_code=error.get("err_code"), description=error.get("description"))
