"""The JetStream streams and consumers that docmill uses: their names, their bounds, and whether they are still the same.

Everything here may be lost with the server's disk: it is made anew, and whoever published is told.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

if TYPE_CHECKING:
    from datetime import datetime

    from nats.js import JetStreamContext

PROBE = "probe"
"""Stands in a job's subject where the job belongs to no run."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SETTINGS = ("subjects", "max_bytes", "max_msgs", "max_age", "duplicate_window", "num_replicas")

_MAX_BYTES = 256 * 1024 * 1024
_MAX_MESSAGES = 1_000_000
_MAX_AGE = 24 * 3600.0
_DUPLICATE_WINDOW = 120.0
_MAX_ACK_PENDING = 20_000
_MAX_WAITING = 8_192


def _lane(*, express: bool) -> str:
    """The part of a job's subject that keeps the lanes apart; the older lane has the name it always had."""
    return "express" if express else "jobs"


def token(name: str) -> str:
    """`name`, if it can be a part of a subject and of a consumer's name; raises `ValueError` else."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} cannot be used on the bus: letters, digits, '_' and '-' only, at most 64")
    return name


class Streams:
    """The jobs and results streams of one installation, and the consumers that this process pulls from."""

    def __init__(self, *, prefix: str, replicas: int, ack_wait: float, max_deliver: int) -> None:
        """Seconds without a sign of life until redelivery: `ack_wait`; `max_deliver` bounds deliveries of a job."""
        self._prefix = token(prefix)
        self._replicas = replicas
        self._ack_wait = ack_wait
        self._max_deliver = max_deliver
        self.jobs = f"{prefix}_jobs"
        self.results = f"{prefix}_results"
        self.hint_subject = f"{prefix}.hints"
        self.news_subject = f"{prefix}.news"
        self.beat_subject = f"{prefix}.beats"
        self.wanted_subject = f"{prefix}.wanted"
        self._consumers: dict[tuple[str, str], ConsumerConfig] = {}
        self._created: dict[str, datetime | None] = {}
        self._lock = asyncio.Lock()

    def job_subject(self, pool: str, run_id: str, *, express: bool = False) -> str:
        """Where a job of the run is published."""
        return f"{self._prefix}.{_lane(express=express)}.{token(pool)}.{token(run_id or PROBE)}"

    def jobs_of_run(self, run_id: str) -> str:
        """The run's jobs in all pools, on both lanes."""
        return f"{self._prefix}.*.*.{token(run_id)}"

    def use_jobs(self, pool: str, *, express: bool = False) -> tuple[str, str]:
        """Want the consumer of a pool's lane; its stream and name."""
        name = f"{'express' if express else 'workers'}_{token(pool)}"
        subject = f"{self._prefix}.{_lane(express=express)}.{pool}.*"
        self._consumers[self.jobs, name] = self._consumer(
            name, subject=subject, ack_wait=self._ack_wait, max_deliver=self._max_deliver
        )
        return self.jobs, name

    def result_subject(self, *, express: bool) -> str:
        """Where results of a lane are published; the older lane has the name it always had."""
        return f"{self._prefix}.results{'.express' if express else ''}"

    def use_results(self, *, express: bool) -> tuple[str, str]:
        """Want the consumer of a lane's results; its stream and name."""
        name = "services_express" if express else "services"
        # Without a bound on deliveries: while the database is away, results must wait, not drop out.
        self._consumers[self.results, name] = self._consumer(
            name,
            subject=self.result_subject(express=express),
            ack_wait=max(self._ack_wait, 1.0),
            max_deliver=-1,
        )
        return self.results, name

    async def ensure(self, js: JetStreamContext) -> bool:
        """Make what is missing. True if a stream is not the one that this process has seen before.

        Raises what nats-py raises while the server is away or not ready.
        """
        async with self._lock:
            same = [await self._ensure_stream(js, config) for config in self._stream_configs()]
            for (stream, _), consumer in self._consumers.items():
                await js.add_consumer(stream, consumer)
            return not all(same)

    async def unchanged(self, js: JetStreamContext) -> bool:
        """Whether both streams are there and the same as before: cheaper than `ensure`."""
        async with self._lock:
            for name, created in self._created.items():
                try:
                    info = await js.stream_info(name)
                except NotFoundError:
                    return False
                if info.created != created:
                    return False
            return True

    async def _ensure_stream(self, js: JetStreamContext, config: StreamConfig) -> bool:
        name = str(config.name)
        try:
            info = await js.stream_info(name)
        except NotFoundError:
            info = await js.add_stream(config)  # of two that do this at the same time, both have made it
        else:
            if any(getattr(info.config, setting) != getattr(config, setting) for setting in _SETTINGS):
                info = await js.update_stream(config)  # another release or another setting made it: bring it to ours
        before = self._created.get(name)
        self._created[name] = info.created
        return before in {None, info.created}

    def _stream_configs(self) -> tuple[StreamConfig, StreamConfig]:
        return (
            self._stream(self.jobs, *(f"{self._prefix}.{_lane(express=express)}.*.*" for express in (False, True))),
            self._stream(self.results, *(self.result_subject(express=express) for express in (False, True))),
        )

    def _stream(self, name: str, *subjects: str) -> StreamConfig:
        return StreamConfig(
            name=name,
            subjects=list(subjects),
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,  # full: the publisher is told, nothing that was accepted is dropped
            storage=StorageType.FILE,
            max_bytes=_MAX_BYTES,
            max_msgs=_MAX_MESSAGES,
            max_age=_MAX_AGE,
            duplicate_window=_DUPLICATE_WINDOW,
            num_replicas=self._replicas,
        )

    @staticmethod
    def _consumer(name: str, *, subject: str, ack_wait: float, max_deliver: int) -> ConsumerConfig:
        return ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subject=subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_deliver=max_deliver,
            max_ack_pending=_MAX_ACK_PENDING,
            max_waiting=_MAX_WAITING,
        )
