"""The durable path without work: services, record, bus and worker as they are, around handlers that do nothing."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docmill import app
from docmill.bus.server import NatsServer
from docmill.domain.models import Mode, Scope
from docmill.settings import load_settings
from docmill.supervisor import Part
from tests.bench import _stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["DurablePath", "durable_path"]


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
        own = {"DATA": str(data), "GRPC": settings.grpc, "BUS_URL": nats.url, "LOG_LEVEL": "warning"}
        services = Part("services", data, {**os.environ, **{f"DOCMILL_{name}": value for name, value in own.items()}})
        await stack.enter_async_context(services.running())
        facts = await services.ready()
        worker_pid = await stack.enter_async_context(_no_op_worker(nats.url, slots, pages))
        api = await stack.enter_async_context(_stack.connected(facts["grpc"], key))
        yield DurablePath(api, int(facts["pid"]), worker_pid)


@asynccontextmanager
async def _no_op_worker(url: str, slots: int, pages: int) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench._noop_worker", url, str(slots), str(pages), str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()
