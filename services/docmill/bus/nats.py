"""The bus on NATS: jobs and results in JetStream, hints and beats as plain messages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog
from nats.errors import MaxPayloadError
from nats.js.errors import NoStreamResponseError

from docmill.bus import BusUnavailable, Publication, Side, codec, pool_of_job
from docmill.bus.connection import BUS_ERRORS, Connection
from docmill.bus.listeners import Registry, tell
from docmill.bus.publisher import Outgoing, Publisher
from docmill.bus.pull import ACK, IN_PROGRESS, TERM, PullConsumer, answer, nak
from docmill.bus.questions import Questions
from docmill.bus.streams import Streams
from docmill.domain.messages import HintKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from typing import Self

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from docmill.bus import WantedAnswer
    from docmill.bus.publisher import Outcome
    from docmill.domain.messages import Attempt, Beat, Hint, JobMessage, JobResult

__all__ = ["NatsBus"]

log = structlog.get_logger(__name__)

_PING_SECONDS = 2


class NatsBus:
    """`docmill.bus.Bus` on a NATS server or cluster with JetStream."""

    def __init__(self, connection: Connection, *, pool_of: Callable[[JobMessage], str], side: Side | None) -> None:
        """Use `connect`."""
        self._side = side
        self._connection = connection
        self._streams = connection.streams
        self._pool_of = pool_of
        self._hints: Registry[Callable[[Hint], None]] = Registry()
        self._beats: Registry[Callable[[Beat], None]] = Registry()
        self._publisher = Publisher()
        self._questions = Questions(self._streams.wanted_subject)
        self._closed = False
        connection.on_attach.append(self._attach)
        connection.on_lost += (self._publisher.connection_lost, self._questions.connection_lost)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        prefix: str = "docmill",
        replicas: int = 1,
        name: str = "docmill",
        ack_wait: float = 10.0,
        max_deliver: int = 5,
        timeout: float = 10.0,  # noqa: ASYNC109 - bounds several steps
        pool_of: Callable[[JobMessage], str] = pool_of_job,
        side: Side | None = None,
    ) -> Self:
        """Connect to `nats://[user:password@]host:port` (a cluster: several, divided by commas).

        `prefix` keeps installations on one cluster apart; `replicas` is 1 for a single server and 3 for a cluster;
        `name` is shown in the server's monitoring; `pool_of` says which pool's queue a job goes to; `side` keeps away
        what that side need not hear.
        Raises `BusUnavailable` after `timeout` seconds, `ValueError` for a prefix that cannot be.
        """
        streams = Streams(prefix=prefix, replicas=replicas, ack_wait=ack_wait, max_deliver=max_deliver)
        connection = Connection(url, name=name, streams=streams, echo=side is not Side.SERVICES)
        bus = cls(connection, pool_of=pool_of, side=side)
        await bus._connection.open(timeout)
        return bus

    async def publish_jobs(self, jobs: Sequence[JobMessage]) -> Sequence[Publication]:
        """Taken is what JetStream has acknowledged."""
        if jobs:
            self._require_connection()
        outcomes = await self._publish(
            [
                Outgoing(
                    self._streams.job_subject(self._pool_of(job), job.run_id, express=job.express),
                    codec.encode_job(job),
                    job.dedup_id,
                )
                for job in jobs
            ]
        )
        if failures := [outcome for outcome in outcomes if outcome is not None]:
            log.info(
                "jobs were not published",
                event_key="bus.jobs_not_published",
                jobs=len(failures),
                error=str(failures[0]),
            )
        return [_publication(outcome) for outcome in outcomes]

    @asynccontextmanager
    async def jobs(self, pool: str = "cpu", *, express: bool = False) -> AsyncIterator[_JobSource]:
        """Pull from the consumer of the pool's lane."""
        async with self._consumer(*self._streams.use_jobs(pool, express=express)) as consumer:
            yield _JobSource(self._connection, consumer)

    async def discard_jobs(self, run_id: str) -> None:
        """Purge the run's subjects."""
        try:
            await self._connection.js.purge_stream(self._streams.jobs, subject=self._streams.jobs_of_run(run_id))
        except BUS_ERRORS as error:
            log.info("jobs were not discarded", event_key="bus.jobs_not_discarded", run_id=run_id, error=str(error))

    async def publish_result(self, result: JobResult) -> None:
        """Returns once JetStream has it."""
        self._require_connection()
        dedup_id = f"{result.job_id}.{result.attempt}"
        subject = self._streams.result_subject(express=result.express)
        message = Outgoing(subject, codec.encode_result(result), dedup_id)
        [outcome] = await self._publish([message])
        if _publication(outcome) is Publication.TOO_LARGE:
            raise ValueError(f"the result of {dedup_id} is too large for a message") from outcome
        if outcome is not None:
            raise BusUnavailable(f"NATS did not take the result of {dedup_id}: {outcome}") from outcome

    @asynccontextmanager
    async def results(self, *, express: bool = False) -> AsyncIterator[_ResultSource]:
        """Pull from the consumer of the lane's results."""
        async with self._consumer(*self._streams.use_results(express=express)) as consumer:
            yield _ResultSource(self._connection, consumer)

    async def publish_hint(self, hint: Hint) -> None:
        """A plain message; workers hear only of what concerns them."""
        streams = self._streams
        subject = streams.hint_subject if hint.kind is HintKind.RUN_CANCELLED else streams.news_subject
        await self._tell_all(subject, codec.encode_hint(hint))

    def on_hint(self, listener: Callable[[Hint], None]) -> Callable[[], None]:
        """Subscribed since the connection was made, so that none is missed from now on."""
        return self._hints.add(listener)

    async def publish_beat(self, beat: Beat) -> None:
        """A plain message."""
        await self._tell_all(self._streams.beat_subject, codec.encode_beat(beat))

    def on_beat(self, listener: Callable[[Beat], None]) -> Callable[[], None]:
        """As `on_hint`."""
        return self._beats.add(listener)

    async def ask_wanted(self, attempts: Sequence[Attempt]) -> frozenset[Attempt]:
        """One of the services' queue group answers."""
        self._require_connection()
        try:
            return codec.decode_answer(await self._questions.ask(codec.encode_question(attempts)))
        except (codec.Unreadable, *BUS_ERRORS) as error:
            raise BusUnavailable(f"a question was not answered: {error!r}") from error

    @asynccontextmanager
    async def answering(self, answer: WantedAnswer) -> AsyncIterator[None]:
        """In the services' queue group; once a bus."""

        async def reply(question: bytes) -> bytes:
            return codec.encode_answer(await answer(codec.decode_question(question)))

        await self._questions.serve(reply)
        try:
            yield
        finally:
            await self._questions.stop()

    def on_reset(self, listener: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Called whoever made the streams anew, within about two seconds."""
        return self._connection.resets.add(listener)

    async def ping(self) -> None:
        """Ask JetStream for the jobs stream."""
        self._require_connection()
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._connection.js.stream_info(self._streams.jobs)
        except BUS_ERRORS as error:
            raise BusUnavailable(f"NATS at {self._connection.where} does not answer: {error}") from error

    async def aclose(self) -> None:
        """Within 2 seconds, whatever state the server is in."""
        self._closed = True
        await self._connection.aclose()

    def _require_connection(self) -> None:
        if self._closed or not self._connection.client.is_connected:
            raise BusUnavailable(f"NATS at {self._connection.where} cannot be reached now")

    async def _publish(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        """Publish into streams; once more what found its stream lost."""
        outcomes = await self._publisher.publish(messages)
        lost = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, NoStreamResponseError)]
        if lost:
            with suppress(*BUS_ERRORS):
                await self._connection.restore()
                again = await self._publisher.publish([messages[index] for index in lost])
                for index, outcome in zip(lost, again, strict=True):
                    outcomes[index] = outcome
        return outcomes

    @asynccontextmanager
    async def _consumer(self, stream: str, name: str) -> AsyncIterator[PullConsumer]:
        consumer = PullConsumer(stream, name, on_lost=self._connection.suspect)
        consumer.attach(self._connection.client)
        self._connection.consumers.add(consumer)
        try:
            try:
                await self._connection.restore()
            except BUS_ERRORS:
                self._connection.suspect()  # it will be made once the server is back
            yield consumer
        finally:
            self._connection.consumers.discard(consumer)
            await consumer.detach()

    async def _attach(self, client: Client) -> None:
        await self._publisher.attach(client)
        await self._questions.attach(client)
        await client.subscribe(self._streams.hint_subject, cb=self._hint_arrived)
        if self._side is not Side.WORKER:
            await client.subscribe(self._streams.news_subject, cb=self._hint_arrived)
            await client.subscribe(self._streams.beat_subject, cb=self._beat_arrived)

    async def _hint_arrived(self, message: Msg) -> None:
        if self._hints:
            with suppress(codec.Unreadable):
                tell(self._hints, codec.decode_hint(message.data))

    async def _beat_arrived(self, message: Msg) -> None:
        if self._beats:
            with suppress(codec.Unreadable):
                tell(self._beats, codec.decode_beat(message.data))

    async def _tell_all(self, subject: str, payload: bytes) -> None:
        client = self._connection.client
        if client.is_connected:
            with suppress(*BUS_ERRORS):
                await client.publish(subject, payload)


def _publication(outcome: Outcome) -> Publication:
    if outcome is None:
        return Publication.TAKEN
    return Publication.TOO_LARGE if isinstance(outcome, MaxPayloadError) else Publication.REFUSED


class _JobSource:
    """`docmill.bus.JobSource`."""

    def __init__(self, connection: Connection, consumer: PullConsumer) -> None:
        self._connection = connection
        self._consumer = consumer

    async def fetch(self, limit: int, timeout: float) -> Sequence[_JobDelivery]:  # noqa: ASYNC109 - the interface's word
        """Any number of fetches may run at the same time."""
        client = self._connection.client
        found = []
        for message in await self._consumer.fetch(limit, timeout):
            try:
                found.append(_JobDelivery(client, message))
            except codec.Unreadable:
                log.error("a job cannot be read", event_key="bus.job_unreadable", subject=message.subject)  # noqa: TRY400 - no stack needed
                await answer(client, message, TERM)
        return found


class _JobDelivery:
    """`docmill.bus.JobDelivery`."""

    def __init__(self, client: Client, message: Msg) -> None:
        self.job = codec.decode_job(message.data)
        self._client = client
        self._message = message

    async def ack(self) -> None:
        """Lost on the way, the job comes again, and its result counts once."""
        await answer(self._client, self._message, ACK)

    async def nak(self, delay: float) -> None:
        """Lost on the way, the job comes again after `ack_wait`."""
        await answer(self._client, self._message, nak(delay))

    async def in_progress(self) -> None:
        """Nothing while the server is away: a late sign of life would be a lie."""
        if self._client.is_connected:
            await answer(self._client, self._message, IN_PROGRESS)


class _ResultSource:
    """`docmill.bus.ResultSource`."""

    def __init__(self, connection: Connection, consumer: PullConsumer) -> None:
        self._connection = connection
        self._consumer = consumer

    async def fetch(self, limit: int, timeout: float) -> Sequence[_ResultDelivery]:  # noqa: ASYNC109 - the interface's word
        """Any number of fetches may run at the same time."""
        client = self._connection.client
        found = []
        for message in await self._consumer.fetch(limit, timeout):
            try:
                found.append(_ResultDelivery(client, message))
            except codec.Unreadable:
                log.error("a result cannot be read", event_key="bus.result_unreadable", subject=message.subject)  # noqa: TRY400 - no stack needed
                await answer(client, message, TERM)
        return found


class _ResultDelivery:
    """`docmill.bus.ResultDelivery`."""

    def __init__(self, client: Client, message: Msg) -> None:
        self.result = codec.decode_result(message.data)
        self._client = client
        self._message = message

    async def ack(self) -> None:
        """Lost on the way, the result comes again and finds its job done."""
        await answer(self._client, self._message, ACK)
