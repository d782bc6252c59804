"""nats-servers run on the configuration of the manifests: only addresses and folders are replaced."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from docmill.bus.server import find_nats_server
from docmill.lifeline import before_exec
from tests.k8s.manifests import Manifests

_SECONDS = 20.0


@dataclass(frozen=True)
class Server:
    """One pod of the StatefulSet."""

    process: subprocess.Popen[bytes]
    ports: dict[int, int]
    """Here, by the port in the pod."""
    log: Path
    passwords: dict[str, str]

    @property
    def name(self) -> str:
        """The pod's."""
        return self.log.parent.name

    def url(self, user: str) -> str:
        """Where this user connects."""
        return f"nats://{user}:{self.passwords[user]}@127.0.0.1:{self.ports[4222]}"

    async def says(self, path: str) -> httpx2.Response:
        """What its monitoring port answers."""
        async with httpx2.AsyncClient() as http:
            return await http.get(f"http://127.0.0.1:{self.ports[8222]}{path}")

    async def healthy(self, path: str = "/healthz") -> None:
        """Wait until this probe says yes."""
        async with asyncio.timeout(_SECONDS):
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if (await self.says(path)).status_code == 200:
                        return
                except httpx2.ConnectError:
                    pass
                await asyncio.sleep(0.05)


@asynccontextmanager
async def bus(manifests: Manifests, folder: Path) -> AsyncIterator[list[Server]]:
    """As many servers as the overlay has replicas, healthy; killed at the end."""
    workload = manifests.workload("nats")
    ports = [
        {number: free_port() for number in (4222, 6222, 8222)} for _ in range(workload.document["spec"]["replicas"])
    ]
    with ExitStack() as stack:
        servers = [stack.enter_context(_server(manifests, folder, number, ports)) for number in range(len(ports))]
        await asyncio.gather(*(server.healthy() for server in servers))
        yield servers


@contextmanager
def _server(manifests: Manifests, folder: Path, number: int, ports: list[dict[int, int]]) -> Iterator[Server]:
    """The pod of this number; `ports` are those of all."""
    workload = manifests.workload("nats")
    place = folder / f"{workload.name}-{number}"
    place.mkdir()
    for name, text in nats_config(manifests).items():
        (place / name).write_text(_here(text, ports[number], place))
    env = manifests.environment(workload) | {"POD_NAME": place.name}
    for other, theirs in enumerate(ports):
        address = f"{workload.name}-{other}.{workload.document['spec']['serviceName']}:6222"
        env = {key: value.replace(address, f"127.0.0.1:{theirs[6222]}") for key, value in env.items()}
    log = place / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [find_nats_server(), "--config", place / "nats.conf"],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=before_exec(),  # noqa: PLW1509 - one system call, no lock is taken between fork and exec
        )
    try:
        passwords = {"services": env["SERVICES_PASSWORD"], "worker": env["WORKER_PASSWORD"]}
        yield Server(process, ports[number], log, passwords)
    finally:
        process.kill()
        process.wait()


def nats_config(manifests: Manifests) -> dict[str, str]:
    """The files of the bus's ConfigMap."""
    volumes = manifests.workload("nats").pod["volumes"]
    (name,) = [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]
    return manifests.config(name)


def _here(text: str, ports: dict[int, int], folder: Path) -> str:
    """The pod's addresses and folders, on this machine."""
    for number, own in ports.items():
        text = text.replace(f"0.0.0.0:{number}", f"127.0.0.1:{own}")
    return text.replace("/data/", f"{folder}/").replace("/run/nats/", f"{folder}/")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
