"""Payloads that are not what they should be, and the URL of a bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docmill.bus import codec
from docmill.bus.factory import open_bus
from docmill.bus.memory import MemoryBus
from docmill.bus.streams import Streams
from docmill.internal.v1 import jobs_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "decode", [codec.decode_job, codec.decode_result, codec.decode_hint], ids=["job", "result", "hint"]
)
@pytest.mark.parametrize("data", [b"", b"\xff\xff", b"not protobuf"], ids=["empty", "bytes", "text"])
def test_rubbish_is_unreadable(decode: Callable[[bytes], object], data: bytes) -> None:
    """No other exception comes out for what somebody else put on the bus."""
    with pytest.raises(codec.Unreadable):
        decode(data)


def test_a_beat_of_rubbish_is_unreadable() -> None:
    """An empty payload is a beat with nothing in it; other rubbish is none."""
    with pytest.raises(codec.Unreadable):
        codec.decode_beat(b"\xff\xff")


@pytest.mark.parametrize(
    "message",
    [
        pb.Job(job_id="job_1", kind=99),
        pb.Job(job_id="job_1", kind=pb.JOB_KIND_PAGE, read=b"{"),
        pb.Job(job_id="job_1", kind=pb.JOB_KIND_PAGE, read=b"[1]"),
    ],
    ids=["kind", "json", "array"],
)
def test_a_job_of_another_release_is_unreadable(message: pb.Job) -> None:
    """A kind that this release does not know, or options that are no JSON object."""
    with pytest.raises(codec.Unreadable):
        codec.decode_job(message.SerializeToString())


def test_a_result_with_an_unknown_reason_is_unreadable() -> None:
    """The reason must be one that this release can record."""
    message = pb.JobResult(job_id="job_1", kind=pb.JOB_KIND_PAGE, fault=pb.Fault(reason="NEVER_HEARD"))
    with pytest.raises(codec.Unreadable):
        codec.decode_result(message.SerializeToString())


@pytest.mark.parametrize("name", ["", "a.b", "a b", "*", ">", "x" * 65])
def test_names_that_would_change_a_subject_are_refused(name: str) -> None:
    """A run, pool or prefix can never address the messages of another one."""
    streams = Streams(prefix="docmill", replicas=1, ack_wait=1.0, max_deliver=5)
    with pytest.raises(ValueError, match="cannot be used on the bus"):
        Streams(prefix=name, replicas=1, ack_wait=1.0, max_deliver=5)
    with pytest.raises(ValueError, match="cannot be used on the bus"):
        streams.job_subject(name, "run_1")
    with pytest.raises(ValueError, match="cannot be used on the bus"):
        streams.jobs_of_run(name)


async def test_urls() -> None:
    """`memory://` is the bus for tests; other schemes are refused with what is allowed."""
    bus = await open_bus("memory://")
    assert isinstance(bus, MemoryBus)
    await bus.aclose()
    with pytest.raises(ValueError, match="nats://"):
        await open_bus("amqp://localhost")
