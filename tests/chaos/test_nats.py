"""What happens to the bus when nats-server is killed, with and without its data."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from docmill.bus import BusUnavailable, Publication, codec
from docmill.bus.nats import NatsBus
from docmill.domain.messages import Beat, Hint, HintKind
from tests.fixtures.bus import ACK_WAIT, all_wanted
from tests.fixtures.bus_messages import SOON, collect, eventually, job, pages, result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.bus.server import NatsServer
    from docmill.domain.messages import Attempt, JobMessage
    from tests.fixtures.bus import NatsHarness


async def publish(bus: NatsBus, jobs: Sequence[JobMessage]) -> None:
    """As dispatch does: again and again until the bus has all."""
    left = list(jobs)
    async with asyncio.timeout(SOON):
        while left:
            try:
                publications = await bus.publish_jobs(left)
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                left = [one for one, word in zip(left, publications, strict=True) if word is not Publication.TAKEN]


async def test_jobs_and_results_survive_a_crash(nats_buses: NatsHarness) -> None:
    """What was published before a kill -9 is delivered after the restart, to the sources of before."""
    bus = await nats_buses.connect()
    async with bus.jobs() as jobs, bus.results() as results:
        await bus.publish_jobs([job(n) for n in range(10)])
        await bus.publish_result(result())
        await nats_buses.crash()
        assert pages(await collect(jobs, 10)) == list(range(10))
        [delivery] = await results.fetch(1, SOON)
        assert delivery.result == result()


async def test_a_waiting_fetch_gets_what_comes_after_a_crash(nats_buses: NatsHarness) -> None:
    """A fetch that waits while the server is killed returns the first job after the restart, in well under its time."""
    bus, services = await nats_buses.connect(), await nats_buses.connect()
    async with bus.jobs() as source:
        waiting = asyncio.create_task(source.fetch(1, 30.0))
        await asyncio.sleep(0.1)
        await nats_buses.crash()
        began = time.monotonic()
        await publish(services, [job()])
        assert pages(await waiting) == [1]
        assert time.monotonic() - began < SOON


async def test_a_waiting_fetch_gets_what_comes_after_the_store_is_lost(nats_buses: NatsHarness) -> None:
    """The same with the store deleted: streams and consumers are made anew, and the waiting fetch pulls from them."""
    bus, services = await nats_buses.connect(), await nats_buses.connect()
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    services.on_reset(tell)
    async with bus.jobs() as source:
        await services.publish_jobs([job(9)])
        await collect(source, 1)
        waiting = asyncio.create_task(source.fetch(1, 30.0))
        await asyncio.sleep(0.1)
        await nats_buses.lose_everything()
        async with asyncio.timeout(SOON):
            await told.wait()
            await publish(services, [job()])
            assert pages(await waiting) == [1]


async def test_a_reset_is_noticed_whoever_mended_it(nats_buses: NatsHarness) -> None:
    """A stream deleted and made anew behind the client's back, without a disconnect, is noticed."""
    bus, other = await nats_buses.connect(), await nats_buses.connect()
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    bus.on_reset(tell)
    async with bus.jobs() as source:
        await bus.publish_jobs([job(1)])
        js = other._connection.js
        for stream in ("docmill_jobs", "docmill_results"):
            await js.delete_stream(stream)
        await other._connection.restore()
        async with asyncio.timeout(SOON):
            await told.wait()
        await publish(bus, [job(1)])
        assert pages(await collect(source, 1)) == [1]


async def test_a_crash_is_not_a_reset(nats_buses: NatsHarness) -> None:
    """A restart with the data intact tells nobody that jobs are lost."""
    bus = await nats_buses.connect()
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    bus.on_reset(tell)
    await bus.publish_jobs([job(1)])
    await nats_buses.crash()
    await publish(bus, [job(2)])
    async with bus.jobs() as source:
        await collect(source, 2)
    assert not told.is_set()


async def test_a_fetch_while_the_server_is_away_is_empty_in_time(nats_buses: NatsHarness) -> None:
    """It neither raises nor hangs."""
    bus = await nats_buses.connect()
    async with bus.jobs() as source:
        await nats_buses.server.kill()
        began = time.monotonic()
        assert list(await source.fetch(1, 0.5)) == []
        assert 0.4 < time.monotonic() - began < SOON


async def test_a_pool_joined_while_the_server_is_away(nats_buses: NatsHarness) -> None:
    """A worker may start before the bus is back, and works once it is."""
    bus = await nats_buses.connect()
    await nats_buses.server.kill()
    async with bus.jobs("gpu") as source:
        assert list(await source.fetch(1, 0.1)) == []
        await nats_buses.server.start()
        await publish(bus, [job(pool="gpu")])
        assert pages(await collect(source, 1)) == [1]


async def test_publishing_while_the_server_is_away(nats_buses: NatsHarness) -> None:
    """Jobs and results are refused as `BusUnavailable`, hints and beats are dropped in silence, nothing else is raised."""
    bus = await nats_buses.connect()
    async with bus.jobs() as source:
        await bus.publish_jobs([job(1)])
        [held] = await source.fetch(1, SOON)
        await nats_buses.server.kill()
        await eventually(lambda: not bus._connection.client.is_connected)
        with pytest.raises(BusUnavailable):
            await bus.publish_jobs([job(2)])
        with pytest.raises(BusUnavailable):
            await bus.publish_result(result())
        await bus.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1"))
        await bus.publish_beat(Beat(worker_id="worker_1", slots=1))
        await bus.discard_jobs("run_1")
        await held.in_progress()
        await held.nak(1.0)
        await held.ack()


async def test_publishing_while_the_server_dies(nats_buses: NatsHarness) -> None:
    """Jobs whose answer was cut off count as refused, and published again they count once."""
    bus = await nats_buses.connect()
    jobs = [job(n) for n in range(2000)]
    publishing = asyncio.create_task(bus.publish_jobs(jobs))
    await asyncio.sleep(0.02)
    await nats_buses.server.kill()
    publications = await publishing
    assert len(publications) == len(jobs)
    assert Publication.REFUSED in publications
    await nats_buses.server.start()
    await publish(bus, [one for one, word in zip(jobs, publications, strict=True) if word is Publication.REFUSED])
    async with bus.jobs() as source:
        assert pages(await collect(source, len(jobs))) == list(range(2000))


async def test_hints_are_heard_again_after_a_crash(nats_buses: NatsHarness) -> None:
    """Subscriptions outlive the server."""
    sender, listener = await nats_buses.connect(), await nats_buses.connect()
    heard: list[Hint] = []
    listener.on_hint(heard.append)
    await nats_buses.crash()
    async with asyncio.timeout(SOON):
        while not heard:
            await sender.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1"))
            await asyncio.sleep(0.05)


async def answered(bus: NatsBus) -> frozenset[Attempt]:
    """As a worker asks: again and again until there is an answer."""
    async with asyncio.timeout(SOON):
        while True:
            try:
                return await bus.ask_wanted([("job_1", 1)])
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def test_questions_are_answered_again_after_a_crash(nats_buses: NatsHarness) -> None:
    """Also by services whose connection nats-py closed for good; a question under way fails as soon as the server is gone."""
    worker, services = await nats_buses.connect(), await nats_buses.connect()
    begun = asyncio.Event()

    async def answer(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return attempts

    async with services.answering(answer):
        asking = asyncio.create_task(worker.ask_wanted([("job_1", 1)]))
        await begun.wait()
        await nats_buses.crash()
        with pytest.raises(BusUnavailable, match="ConnectionClosedError"):
            await asking
        assert await answered(worker) == {("job_1", 1)}
        shut_out = services._connection.client
        await shut_out._process_err("'Maximum Connections Exceeded'")
        await eventually(lambda: services._connection.client is not shut_out)
        assert await answered(worker) == {("job_1", 1)}


async def test_a_client_that_the_server_shut_out_comes_back(nats_buses: NatsHarness) -> None:
    """Even a connection that nats-py closed for good is made anew, with its pulls and subscriptions."""
    bus, services = await nats_buses.connect(), await nats_buses.connect()
    heard: list[Hint] = []
    bus.on_hint(heard.append)
    async with bus.jobs() as source:
        waiting = asyncio.create_task(source.fetch(1, SOON))
        await asyncio.sleep(0.1)
        shut_out = bus._connection.client
        await shut_out._process_err("'Maximum Connections Exceeded'")
        await eventually(lambda: bus._connection.client is not shut_out and bus._connection.client.is_connected)
        await publish(services, [job()])
        assert pages(await waiting) == [1]
        await services.publish_hint(Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1"))
        await eventually(lambda: len(heard) == 1)


async def test_a_server_that_hangs(nats_buses: NatsHarness) -> None:
    """With a server that takes messages and never answers, every call ends in time; once it goes on, so does the bus."""
    bus = await nats_buses.connect()
    assert nats_buses.server.pid is not None
    async with bus.jobs() as source:
        os.kill(nats_buses.server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(2 * SOON):
                assert list(await source.fetch(1, 0.3)) == []
                assert await bus.publish_jobs([job(1), job(2)]) == [Publication.REFUSED] * 2
                with pytest.raises(BusUnavailable):
                    await bus.publish_result(result())
                with pytest.raises(BusUnavailable):
                    await bus.ping()
                with pytest.raises(BusUnavailable):
                    await bus.ask_wanted([("job_1", 1)])
        finally:
            os.kill(nats_buses.server.pid, signal.SIGCONT)
        await publish(bus, [job(1), job(2)])
        assert sorted({delivery.job.page for delivery in await collect(source, 2)}) == [1, 2]


async def test_closing_a_bus_whose_server_hangs(nats_buses: NatsHarness) -> None:
    """It does not wait for an answer for longer than 2 seconds."""
    bus = await nats_buses.connect()
    assert nats_buses.server.pid is not None
    os.kill(nats_buses.server.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        await bus.aclose()
        assert time.monotonic() - began < 2.0
    finally:
        os.kill(nats_buses.server.pid, signal.SIGCONT)


@pytest.mark.parametrize("away_for", [0.0, 0.6])
async def test_closing_a_bus_whose_server_is_dead(nats_buses: NatsHarness, away_for: float) -> None:
    """It neither raises nor takes longer than 2 seconds, at once or in the middle of reconnecting."""
    bus = await nats_buses.connect()
    async with bus.jobs() as source:
        await bus.publish_jobs([job()])
        [held] = await source.fetch(1, SOON)
        await nats_buses.server.kill()
        await asyncio.sleep(away_for)
        await held.ack()
        began = time.monotonic()
        await bus.aclose()
        assert time.monotonic() - began < 2.0


async def test_a_job_that_kills_its_workers_is_not_delivered_forever(nats_server: NatsServer) -> None:
    """After `max_deliver` deliveries without an answer the bus keeps the job to itself; the sweep takes over."""
    bus = await NatsBus.connect(nats_server.url, ack_wait=0.2, max_deliver=3)
    async with bus.jobs() as source:
        await bus.publish_jobs([job()])
        times = 0
        while await source.fetch(1, 2 * ACK_WAIT):
            times += 1
        assert times == 3
    await bus.aclose()


async def test_installations_on_one_server_do_not_meet(nats_server: NatsServer) -> None:
    """Two prefixes are two buses."""
    one = await NatsBus.connect(nats_server.url, prefix="one")
    two = await NatsBus.connect(nats_server.url, prefix="two")
    async with one.jobs() as first, two.jobs() as second:
        await one.publish_jobs([job(1)])
        assert list(await second.fetch(1, 0.2)) == []
        assert pages(await first.fetch(1, SOON)) == [1]
    await one.aclose()
    await two.aclose()


async def test_settings_of_a_stream_may_change(nats_server: NatsServer) -> None:
    """A newer process with another `ack_wait` brings consumer and streams to its settings, jobs untouched."""
    old = await NatsBus.connect(nats_server.url, ack_wait=30.0)
    async with old.jobs():
        await old.publish_jobs([job()])
    await old.aclose()
    new = await NatsBus.connect(nats_server.url, ack_wait=0.3)
    async with new.jobs() as source:
        assert pages(await source.fetch(1, SOON)) == [1]
        assert pages(await source.fetch(1, SOON)) == [1]
    await new.aclose()


async def test_no_server_is_said_plainly(nats_server: NatsServer) -> None:
    """Without a server, or with a wrong password, connecting ends in time with what was wrong, and no secret."""
    url = nats_server.url
    password = url.rpartition("@")[0].rpartition(":")[2]
    with pytest.raises(BusUnavailable, match="Authorization Violation"):
        await NatsBus.connect(url.replace(password, "wrong-password"), timeout=0.5)
    await nats_server.kill()
    shutil.rmtree(nats_server.store)
    with pytest.raises(BusUnavailable) as raised:
        await NatsBus.connect(url, timeout=0.5)
    assert password not in str(raised.value)
    assert "Is it running?" in str(raised.value)


async def test_rubbish_on_the_bus_is_passed_over(nats_buses: NatsHarness) -> None:
    """A payload that nobody understands is dropped for good, and the jobs and results around it arrive."""
    bus = await nats_buses.connect()
    js = bus._connection.js
    async with bus.jobs() as jobs, bus.results() as results, bus.answering(all_wanted):
        for subject in ("docmill.jobs.cpu.run_1", "docmill.results"):
            await js.publish(subject, b"rubbish")
        await bus._connection.client.publish("docmill.hints", b"rubbish")
        await bus._connection.client.publish("docmill.beats", b"\xff")
        await bus._connection.client.publish("docmill.wanted", b"\xff", reply="docmill.nobody")
        await bus.publish_jobs([job(1)])
        await bus.publish_result(result())
        [delivery] = await collect(jobs, 1)
        await delivery.ack()
        assert delivery.job == job(1)
        found = [delivery for _ in range(2) for delivery in await results.fetch(5, 0.5)]
        assert [delivery.result for delivery in found] == [result()]
        assert await bus.ask_wanted([("job_1", 1)]) == {("job_1", 1)}
        assert list(await jobs.fetch(1, ACK_WAIT + 0.3)) == []


async def test_a_job_just_too_large_costs_no_connection(nats_buses: NatsHarness) -> None:
    """Also a job that only its headers make too large is found before it is sent: the server would hang up."""
    bus = await nats_buses.connect()
    limit = bus._connection.client.max_payload
    beside = len(codec.encode_job(replace(job(1), variables={"text": "x" * 7_000_000}))) - 7_000_000
    large = replace(job(1), variables={"text": "x" * (limit - beside)})
    assert len(codec.encode_job(large)) == limit
    lost = asyncio.Event()
    bus._connection.on_lost.append(lost.set)
    assert await bus.publish_jobs([large, job(2)]) == [Publication.TOO_LARGE, Publication.TAKEN]
    fits = replace(job(3), variables={"text": "x" * (limit - beside - 100)})
    assert await bus.publish_jobs([fits, job(4)]) == [Publication.TAKEN] * 2
    assert not lost.is_set()


async def test_a_full_queue_refuses(nats_buses: NatsHarness) -> None:
    """When the stream is at its bound, new jobs are refused, and nothing accepted is lost."""
    bus = await nats_buses.connect()
    js = bus._connection.js
    info = await js.stream_info("docmill_jobs")
    await js.update_stream(info.config, max_msgs=3)
    publications = await bus.publish_jobs([job(n) for n in range(5)])
    assert sorted(word.name for word in publications) == ["REFUSED"] * 2 + ["TAKEN"] * 3
    async with bus.jobs() as source:
        accepted = [n for n, word in enumerate(publications) if word is Publication.TAKEN]
        assert pages(await collect(source, 3)) == accepted
