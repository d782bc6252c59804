"""The bus of the manifests, run: its configuration, its users, its cluster, and what KEDA sees of it."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from docmill.bus import BusUnavailable, Publication, Side
from docmill.bus.nats import NatsBus
from docmill.bus.server import find_nats_server
from docmill.domain.messages import Beat, Hint, HintKind, JobMessage, JobResult
from docmill.domain.models import JobKind
from docmill.lifeline import before_exec
from tests.fixtures.bus_messages import SOON, collect, eventually, job, pages
from tests.k8s.bus import Server, bus, nats_config
from tests.k8s.manifests import Manifests, megabytes, rendered

pytestmark = pytest.mark.k8s

_ELECTIONS = 40.0
"""Seconds for the servers that are left to choose who leads the stream, and then who leads the queue.

Each waits for 4 to 9 seconds of silence before it stands, and stands again where the votes were split.
"""


@pytest_asyncio.fixture
async def one(tmp_path: Path) -> AsyncIterator[Server]:
    """The development overlay's server."""
    async with bus(rendered("dev"), tmp_path) as (server,):
        yield server


@pytest_asyncio.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Server]]:
    """The production overlay's cluster."""
    async with bus(rendered("prod"), tmp_path) as servers:
        yield servers


async def connect(stack: AsyncExitStack, manifests: Manifests, server: Server, user: str) -> NatsBus:
    """A role's bus, with the settings of its pod."""
    env = manifests.environment(manifests.workload(user))
    connected = await NatsBus.connect(
        server.url(user),
        prefix=env["DOCMILL_BUS_PREFIX"],
        replicas=int(env["DOCMILL_BUS_REPLICAS"]),
        side=Side[user.upper()],
    )
    stack.push_async_callback(connected.aclose)
    return connected


def done(message: JobMessage) -> JobResult:
    """What a worker answers to the job of a page."""
    return JobResult(
        job_id=message.job_id, attempt=message.attempt, kind=JobKind.PAGE, org_id=message.org_id,
        run_id=message.run_id, document_id=message.document_id, page=message.page, worker_id="w",
        express=message.express,
    )  # fmt: skip


async def round_trip(services: NatsBus, worker: NatsBus) -> None:
    """A job of each lane to the worker, its result and a beat back, a cancellation to the worker."""
    cancelled, beaten = asyncio.Event(), asyncio.Event()
    worker.on_hint(lambda _: cancelled.set())
    services.on_beat(lambda _: beaten.set())
    for express in (False, True):
        async with worker.jobs(express=express) as jobs, services.results(express=express) as results:
            message = replace(job(1 + express), express=express)
            assert len(await services.publish_jobs([message])) == 1
            (delivery,) = await collect(jobs, 1)
            await delivery.in_progress()
            await worker.publish_result(done(message))
            await delivery.ack()
            async with asyncio.timeout(SOON):
                while not (answers := await results.fetch(1, 1.0)):
                    pass
            assert answers[0].result == done(message)
            await answers[0].ack()
    await worker.publish_beat(Beat(worker_id="w", slots=1))
    await asyncio.wait_for(beaten.wait(), SOON)
    await services.publish_hint(Hint(kind=HintKind.RUN_CANCELLED, run_id="run_1"))
    await asyncio.wait_for(cancelled.wait(), SOON)


@pytest.mark.parametrize("first", ["services", "worker"])
async def test_both_users_can_do_their_work(one: Server, first: str) -> None:
    """Whoever comes first makes the streams; jobs, results and hints go their ways."""
    async with AsyncExitStack() as stack:
        order = ["services", "worker"] if first == "services" else ["worker", "services"]
        buses = {user: await connect(stack, rendered("dev"), one, user) for user in order}
        await round_trip(buses["services"], buses["worker"])
    assert "Permissions Violation" not in one.log.read_text()


@pytest.mark.parametrize("subject", ["docmill.jobs.cpu.run_1", "docmill.hints"])
async def test_a_worker_cannot_give_orders(one: Server, subject: str) -> None:
    """Neither a job nor a cancellation comes from a worker's user."""
    assert await _refusal(one, lambda client: client.publish(subject, b"x")) == "publish"


async def test_a_worker_reads_no_results(one: Server) -> None:
    """Nor takes what others work on out of the stream of results."""
    assert await _refusal(one, lambda client: client.subscribe("docmill.results")) == "subscription"
    subject = "$JS.API.CONSUMER.MSG.NEXT.docmill_results.services"
    assert await _refusal(one, lambda client: client.publish(subject, b"")) == "publish"


async def _refusal(server: Server, act: Any) -> str:
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def keep(error: Exception) -> None:
        if (found := re.search(r"permissions violation for (\w+)", str(error), re.IGNORECASE)) and not refused.done():
            refused.set_result(found[1].lower())

    client = Client()
    await client.connect(server.url("worker"), error_cb=keep)
    try:
        await act(client)
        return await asyncio.wait_for(refused, SOON)
    finally:
        await client.close()


async def test_nobody_comes_in_without_a_password(one: Server) -> None:
    """Neither anonymously nor with a wrong one."""
    for user in ("", "worker:wrong@", f"worker:{one.passwords['services']}x@"):
        with pytest.raises(BusUnavailable, match="Authorization"):
            await NatsBus.connect(f"nats://{user}127.0.0.1:{one.ports[4222]}", timeout=0.5)


async def test_a_large_job_fits(one: Server) -> None:
    """Messages may have 8 MB, as under `docmill up`."""
    client = await nats.connect(one.url("services"))
    assert client.max_payload == 8 * 1024 * 1024
    await client.close()


@pytest.mark.parametrize("overlay", ["dev", "prod"])
def test_the_store_fits_the_volume(overlay: str) -> None:
    """JetStream stops taking messages before the disk is full."""
    manifests = rendered(overlay)
    claims = manifests.find("StatefulSet", "docmill-nats")["spec"]["volumeClaimTemplates"]
    (size,) = [claim["spec"]["resources"]["requests"]["storage"] for claim in claims]
    gigabytes = int(re.findall(r"max_file_store: (\d+)GB", nats_config(manifests)["server.conf"])[0])
    assert gigabytes * 1024 < megabytes(size)


async def test_a_drained_server_leaves_in_order(one: Server) -> None:
    """The hook before the end puts it into lame duck mode, which the signal that follows does not cut short."""
    command = rendered("dev").workload("nats").container["lifecycle"]["preStop"]["exec"]["command"]
    pid_file = one.log.parent / "nats.pid"
    own = [part.replace("/run/nats/nats.pid", str(pid_file)) for part in command]
    client = await nats.connect(one.url("services"))
    await asyncio.to_thread(subprocess.run, [find_nats_server(), *own[1:]], check=True, timeout=SOON)
    await eventually(lambda: "lame duck" in one.log.read_text().lower())
    one.process.terminate()
    await eventually(lambda: "lame duck mode" in one.log.read_text().lower())
    assert one.process.poll() is None, "its clients get their time"
    await client.close()


async def test_three_servers_are_one_bus(three: list[Server]) -> None:
    """They find each other by the routes of the manifests; streams have three copies; the one in charge may die."""
    manifests = rendered("prod")
    async with AsyncExitStack() as stack:
        services = await connect(stack, manifests, three[0], "services")
        worker = await connect(stack, manifests, three[1], "worker")
        await round_trip(services, worker)
        for path in ("/healthz?js-server-only=true", "/healthz?js-enabled-only=true"):
            await three[2].healthy(path)
        info = await services._connection.js.stream_info("docmill_jobs")
        assert info.config.num_replicas == 3
        assert info.cluster is not None
        names = {info.cluster.leader, *(peer.name for peer in info.cluster.replicas or [])}
        assert names == {"docmill-nats-0", "docmill-nats-1", "docmill-nats-2"}
        queue = await services._connection.js.consumer_info("docmill_jobs", "workers_cpu")
        assert queue.cluster is not None

    (dies,) = [server for server in three if server.name == queue.cluster.leader]
    left, right = [server for server in three if server is not dies]
    async with AsyncExitStack() as stack:
        services = await connect(stack, manifests, left, "services")
        worker = await connect(stack, manifests, right, "worker")
        dies.process.kill()
        await asyncio.to_thread(dies.process.wait)
        async with worker.jobs() as jobs, asyncio.timeout(_ELECTIONS):
            await eventually_published(services, 3)
            while not (found := await jobs.fetch(1, 1.0)):
                pass
            assert pages(found) == [3]


async def eventually_published(services: NatsBus, number: int) -> None:
    """Once the others have chosen a leader."""
    while True:
        try:
            if await services.publish_jobs([job(number)]) == [Publication.TAKEN]:
                return
        except BusUnavailable:
            pass
        await asyncio.sleep(0.1)


async def test_routes_need_their_password(three: list[Server], tmp_path: Path) -> None:
    """Whoever reaches the port of the routes is not yet a part of the cluster."""
    before = (await three[0].says("/routez")).json()["num_routes"]
    stranger = tmp_path / "stranger.conf"
    stranger.write_text(
        'listen: "127.0.0.1:-1"\n'
        f'cluster {{ name: docmill, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:{three[0].ports[6222]}"] }}\n'
    )
    process = await asyncio.create_subprocess_exec(
        find_nats_server(), "--config", stranger, stderr=asyncio.subprocess.DEVNULL, preexec_fn=before_exec()
    )
    try:
        await eventually(lambda: "authentication error" in three[0].log.read_text().lower())
        assert (await three[0].says("/routez")).json()["num_routes"] == before
    finally:
        process.kill()
        await process.wait()


async def test_keda_finds_the_workers_queue(three: list[Server]) -> None:
    """Stream and consumer of the ScaledObject are those that a real bus has, on the address that KEDA asks."""
    manifests = rendered("prod")
    (scaled,) = manifests.of("ScaledObject")
    wanted = scaled["spec"]["triggers"][0]["metadata"]
    name, port = wanted["natsServerMonitoringEndpoint"].split(":")
    service = manifests.find("Service", name.partition(".")[0])
    assert name == f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    assert int(port) in {entry["port"] for entry in service["spec"]["ports"]}
    async with AsyncExitStack() as stack:
        services = await connect(stack, manifests, three[0], "services")
        worker = await connect(stack, manifests, three[1], "worker")
        async with worker.jobs() as jobs:
            await services.publish_jobs([job(number) for number in range(1, 6)])
            held = await collect(jobs, 2)
            lags = [lag for server in three for lag in await _lags(server, wanted)]
            assert max(lags) == 5, "jobs that wait and jobs in hand"
            for delivery in held:
                await delivery.ack()


async def _lags(server: Server, wanted: dict[str, str]) -> list[int]:
    """What KEDA counts of an answer: messages pending and not acknowledged, of the consumer's leader."""
    answer = (await server.says(f"/jsz?acc={wanted['account']}&consumers=true&config=true")).json()
    assert answer["meta_cluster"]["cluster_size"] == 3
    return [
        consumer["num_pending"] + consumer["num_ack_pending"]
        for account in answer["account_details"]
        if account["name"] == wanted["account"]
        for stream in account["stream_detail"]
        if stream["name"] == wanted["stream"]
        for consumer in stream.get("consumer_detail", [])
        if consumer["name"] == wanted["consumer"] and consumer["cluster"]["leader"] == server.name
    ]
