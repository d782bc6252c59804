"""The durable path without work: services, record, bus and worker as they are, around handlers that do nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from docmill import app
from docmill.bus.server import NatsServer
from docmill.domain.models import Mode, Scope
from docmill.settings import load_settings
from tests.bench import _stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["DurablePath", "durable_path"]

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DurablePath:
    """What runs, each in a process of its own, and a connection to it."""

    api: _stack.Api
    services_pid: int
    worker_pid: int


@asynccontextmanager
async def durable_path(*, pages: int, slots: int = 2) -> AsyncIterator[DurablePath]:
    """The parts of `docmill up`, with a worker for which every document has `pages` pages."""
    async with AsyncExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docmill-bench-")))
        settings = load_settings(data=data, grpc="127.0.0.1:0")
        async with app.open_operator(settings) as operator:
            organization = await operator.default_organization()
            _, key = await operator.create_key(organization.id, Mode.TEST, "bench", frozenset(Scope))
        nats = NatsServer(data / "nats")
        await nats.start()
        stack.push_async_callback(nats.stop)
        ready = data / "services.json"
        own = {"DATA": data, "GRPC": settings.grpc, "BUS_URL": nats.url, "READY_FILE": ready, "LOG_LEVEL": "warning",
               "PARENT": os.getpid()}  # fmt: skip
        env = {f"DOCMILL_{name}": str(value) for name, value in own.items()}
        services_pid = await stack.enter_async_context(_process("docmill.role", "services", env=env))
        facts = await _facts(ready)
        arguments = (nats.url, str(slots), str(pages), str(os.getpid()))
        worker_pid = await stack.enter_async_context(_process("tests.bench._noop_worker", *arguments))
        api = await stack.enter_async_context(_stack.connected(facts["grpc"], key))
        yield DurablePath(api, services_pid, worker_pid)


@asynccontextmanager
async def _process(module: str, *arguments: str, env: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[int]:
    """A Python process that runs `module` and is stopped at the end; its id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env={**os.environ, **env}, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _facts(ready: Path) -> dict[str, Any]:
    """What the services say once they serve."""
    async with asyncio.timeout(_START_SECONDS):
        while not ready.exists():  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(0.02)
    facts: dict[str, Any] = json.loads(ready.read_text())
    return facts
