"""The containers' commands, run with the environment that the development overlay gives them and nothing else.

Only what names another pod or a folder of the pod is replaced. The probes are asked as a kubelet asks them.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import grpc
import httpx2
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from docmill.client import AsyncDocmill, RunStatus
from tests.fixtures.blobs import S3_KEYS
from tests.fixtures.documents import mixed_pdf
from tests.fixtures.processes import eventually
from tests.fixtures.stack import DOCMILL
from tests.k8s.bus import bus
from tests.k8s.manifests import Manifests, rendered

pytestmark = pytest.mark.k8s

BUCKET = "docmill"


@dataclass(frozen=True)
class Pods:
    """Starts what the manifests say."""

    manifests: Manifests
    folder: Path
    elsewhere: dict[str, str]
    """What stands in the environment, and what it is on this machine."""

    def environment(self, component: str) -> dict[str, str]:
        """Of the component's container; no variable of the tests' own gets in."""
        env = self.manifests.environment(self.manifests.workload(component))
        own = self.folder / component
        own.mkdir(exist_ok=True)
        for there, here in {**self.elsewhere, "/var/lib/docmill": str(own)}.items():
            env = {name: value.replace(there, here) for name, value in env.items()}
        return {"PATH": f"{DOCMILL.parent}:/usr/bin:/bin", "HOME": str(own), "TMPDIR": str(own), **env}

    def command(self, component: str) -> list[str]:
        """The entry point of the image with the container's arguments."""
        return [str(DOCMILL), *self.manifests.workload(component).container["args"]]

    def docmill(self, component: str, *arguments: str) -> str:
        """`kubectl exec` of a docmill command."""
        done = subprocess.run(
            [DOCMILL, *arguments],
            env=self.environment(component),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, component: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """The container; it must end well and in time when it is told to."""
        log = self.folder / f"{component}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(component),
                env=self.environment(component) | more,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                patience = self.manifests.workload(component).pod["terminationGracePeriodSeconds"]
                assert process.wait(patience) == 0, log.read_text()[-4000:]
        finally:
            process.kill()
            process.wait()

    def facts(self, process: subprocess.Popen[bytes], ready: Path, component: str) -> dict[str, Any]:
        """The ready file, once it is there."""
        log = self.folder / f"{component}.log"
        assert eventually(lambda: ready.exists() or process.poll() is not None, 60), log.read_text()[-4000:]
        assert process.poll() is None, log.read_text()[-4000:]
        facts: dict[str, Any] = json.loads(ready.read_text())
        return facts


@pytest_asyncio.fixture
async def pods(empty_postgres_url: str, s3_endpoint: str, tmp_path: Path) -> AsyncIterator[Pods]:
    """The development overlay, with a database, an object store and a bus on this machine."""
    boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id=S3_KEYS["access_key_id"],
        aws_secret_access_key=S3_KEYS["secret_access_key"],
    ).create_bucket(Bucket=BUCKET)
    manifests = rendered("dev")
    database = manifests.environment(manifests.workload("migrate"))["DOCMILL_DATABASE_URL"]
    (tmp_path / "bus").mkdir()
    async with bus(manifests, tmp_path / "bus") as (server,):
        yield Pods(
            manifests,
            tmp_path,
            {
                database: empty_postgres_url,
                "http://docmill-s3:8333": s3_endpoint,
                "docmill-nats:4222": f"127.0.0.1:{server.ports[4222]}",
                "0.0.0.0:50051": "127.0.0.1:0",
                "0.0.0.0:8080": "127.0.0.1:0",
            },
        )


async def test_a_document_goes_through_the_pods(pods: Pods) -> None:
    """Migration, services and a worker start, are ready as their probes see it, read a document, and end in time."""
    ready = pods.folder / "services.json"
    migrate = pods.command("migrate")[1:]
    assert "up to date" in pods.docmill("migrate", *migrate)
    with pods.running("services", DOCMILL_READY_FILE=str(ready)) as services:
        address = pods.facts(services, ready, "services")["grpc"]
        container = pods.manifests.workload("services").container
        async with grpc.aio.insecure_channel(address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                request = health_pb2.HealthCheckRequest(service=container[probe]["grpc"].get("service", ""))
                assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        with pods.running("worker") as worker:
            probe = pods.manifests.workload("worker").container["readinessProbe"]["exec"]["command"]
            place = pods.environment("worker")["DOCMILL_READY_FILE"]
            pods.facts(worker, Path(place), "worker")
            await asyncio.to_thread(subprocess.run, [*probe[:-1], place], check=True, timeout=5)
            org = json.loads(pods.docmill("services", "orgs", "create", "Kite", "--plan", "doclo.pro", "--json"))["id"]
            key = json.loads(pods.docmill("services", "keys", "create", "--org", org, "--json"))["key"]
            async with AsyncDocmill(address, key) as client:
                handle = await client.flows.run("document-text", mixed_pdf(pods.folder / "two.pdf", 2, scanned_every=2))
                run = await handle.result(timeout=60)
            assert run.status is RunStatus.SUCCEEDED
            assert [page["lines"][0]["text"] for page in run.output["pages"]] == ["Page 1", "Page 2"]


async def test_the_gateway_answers_its_probes(pods: Pods) -> None:
    """It lives without the services, is ready with them, and ends in time."""
    pods.docmill("migrate", *pods.command("migrate")[1:])
    probes = pods.manifests.workload("gateway").container
    ready = {name: pods.folder / f"{name}.json" for name in ("services", "gateway")}
    with pods.running("services", DOCMILL_READY_FILE=str(ready["services"])) as services:
        address = pods.facts(services, ready["services"], "services")["grpc"]
        upstream = {"DOCMILL_GRPC_UPSTREAM": f"dns:///{address}", "DOCMILL_READY_FILE": str(ready["gateway"])}
        with pods.running("gateway", **upstream) as gateway:
            rest = pods.facts(gateway, ready["gateway"], "gateway")["rest"]
            async with httpx2.AsyncClient(base_url=f"http://{rest}") as http:
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    assert (await http.get(probes[probe]["httpGet"]["path"])).status_code == 200
                services.kill()
                services.wait()
                async with asyncio.timeout(30):
                    readiness = probes["readinessProbe"]["httpGet"]["path"]
                    while (await http.get(readiness)).status_code == 200:  # noqa: ASYNC110 - a kubelet asks like this
                        await asyncio.sleep(0.1)
                assert (await http.get(probes["livenessProbe"]["httpGet"]["path"])).status_code == 200
