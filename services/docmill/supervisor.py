"""`docmill up`: one machine, the real parts. Starts them in order, brings back what dies, and stops them in reverse."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from docmill import app
from docmill.bus.server import NatsServer, ServerFailed
from docmill.domain.errors import DeadlineExceeded, DocmillError, FailedPrecondition, InternalError, Reason
from docmill.domain.models import Mode, Scope
from docmill.engine.authenticate import new_key
from docmill.last_word import file_of, find_last_word
from docmill.secret_key import open_vault
from docmill.settings import Settings, load_settings, unknown_variables

log = structlog.get_logger(__name__)

_START_SECONDS = 90.0
_BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before a part that keeps dying is started again
_LLM_KEY = "DOCMILL_LLM_API_KEY"  # of the workers alone
_MAX_SOCKET_PATH = 100  # bytes; unix(7) ends at 108
_STEADY = 30.0  # seconds alive after which a part counts as healthy again


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `docmill up` was asked for."""

    data: Path
    grpc: str | None = None
    rest: str | None = None
    workers: int | None = None
    ready_file: Path | None = None


def run_up(options: UpOptions, announce: Callable[[dict[str, Any]], None] = lambda _: None) -> int:
    """Run everything until Ctrl-C or SIGTERM; 0 after an orderly end.

    `announce` gets what the ready file gets, once everything serves.
    """
    given: dict[str, Any] = {"data": options.data.absolute()}
    if options.grpc is not None:
        given["grpc"] = options.grpc
    if options.rest is not None:
        given["rest"] = options.rest
    if options.workers is not None:
        given["workers"] = options.workers
    settings = load_settings(**given)
    if sys.stderr.isatty() and "log_level" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_level": "warning"})  # a person wants to see what matters
    from docmill.telemetry import configure_logging  # noqa: PLC0415 - the console renderer is slow to import

    configure_logging(settings, "supervisor")
    for warning in unknown_variables():
        log.warning(warning, event_key="settings.unknown")
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # documents are their owner's
    with _only_one(settings.data):
        return asyncio.run(_supervise(settings, options.ready_file, announce))


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Two supervisors on one folder would fight over its files."""
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedPrecondition(
                Reason.ALREADY_RUNNING,
                f"Another `docmill up` is running on {data}; stop it first or choose another --data",
            ) from None
        yield


async def _supervise(settings: Settings, ready_file: Path | None, announce: Callable[[dict[str, Any]], None]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    run = settings.data / "run"
    run.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(stack, settings, run))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return 0
        facts, bus_url = starting.result()
        app.write_json(settings.up_file, {**facts, "bus_url": bus_url})
        if ready_file is not None:
            app.write_json(ready_file, facts)
        announce(facts)
        await stopped
        log.info("stopping", event_key="up.stopping")
        settings.up_file.unlink(missing_ok=True)
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    return 0


async def _start(stack: AsyncExitStack, settings: Settings, run: Path) -> tuple[dict[str, Any], str]:
    """Start the parts, each when the one before serves; what the ready file says, and where the bus is."""
    open_vault(settings, own=True)  # before the parts look for its key
    nats = await stack.enter_async_context(_bus(settings))
    api_key = await _development_key(settings)
    env = {**_environment(settings), "DOCMILL_BUS_URL": nats.url}
    env |= _between(settings, run)
    keyless = {name: value for name, value in env.items() if name != _LLM_KEY}
    services = Part("services", run, keyless, settings.shutdown_grace_s)
    await stack.enter_async_context(services.running())
    address = str((await services.ready())["grpc"])
    services.env["DOCMILL_GRPC"] = address  # after a crash it comes back where its clients look for it
    gateway = Part("gateway", run, services.env, settings.shutdown_grace_s)
    await stack.enter_async_context(gateway.running())
    worker = Part("worker", run, env, settings.shutdown_grace_s)
    await stack.enter_async_context(worker.running())
    rest = str((await gateway.ready())["rest"])
    gateway.env["DOCMILL_REST"] = rest
    await worker.ready()
    facts = {"grpc": address, "rest": rest, "pid": os.getpid(), "data": str(settings.data), "api_key": api_key}
    return facts, nats.url


def _environment(settings: Settings) -> dict[str, str]:
    own = {
        "DOCMILL_LOG_LEVEL": settings.log_level,
        "DOCMILL_DATA": str(settings.data),
        "DOCMILL_GRPC": settings.grpc,
        "DOCMILL_REST": settings.rest,
        "DOCMILL_WORKERS": str(settings.workers),
    }
    return {**os.environ, **own}


def _between(settings: Settings, run: Path) -> dict[str, str]:
    """How the gateway reaches the services: a socket file, whatever certificates and addresses are for others."""
    path = run / "grpc.sock"
    if settings.grpc_upstream or len(os.fsencode(path)) > _MAX_SOCKET_PATH:  # then over the address for everybody
        return {}
    return {"DOCMILL_GRPC_LOCAL": f"unix:{path}", "DOCMILL_GRPC_UPSTREAM": f"unix:{path}"}


async def _development_key(settings: Settings) -> str:
    """The test key of the default organization, the same at every start on this folder."""
    path = settings.data / "api_key"
    async with app.open_operator(settings) as operator:
        organization = await operator.default_organization()
        if not path.exists():
            fresh = path.with_name(f".{path.name}")
            fresh.touch(mode=0o600)
            fresh.write_text(new_key(organization.id, Mode.TEST))
            fresh.replace(path)
        secret = path.read_text().strip()
        await operator.register_key(secret, organization.id, Mode.TEST, "development", frozenset(Scope))
    return secret


@asynccontextmanager
async def _bus(settings: Settings) -> AsyncIterator[NatsServer]:
    """The nats-server, brought back on its port whenever it dies."""
    server = NatsServer(settings.data / "nats")
    await server.start()
    keeper = asyncio.create_task(_keep(server))
    try:
        yield server
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await server.stop()


async def _keep(server: NatsServer) -> None:
    while True:
        code = await server.wait()
        log.warning("the bus died and is started again", event_key="up.restart", part="nats", code=code)
        try:
            await server.start()
        except (OSError, ServerFailed):
            log.exception("the bus does not start", event_key="up.failed", part="nats")
            await asyncio.sleep(_BACK_OFF[-1])


class Part:
    """A role in a child process of its own: started, watched, brought back, stopped."""

    def __init__(self, role: str, run: Path, env: dict[str, str], grace: float) -> None:
        self.env = dict(env)
        self._grace = grace
        self._role = role
        self._ready_file = run / f"{role}.json"
        self._process: asyncio.subprocess.Process | None = None
        self._served = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Alive inside the block, whatever kills it once it has served."""
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await self._stop()

    async def ready(self) -> dict[str, Any]:
        """What it says once it serves for the first time. Raises its own error when it dies instead, or is late."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._process is not None and self._process.returncode is not None:
                raise self._why_not(self._process.pid)
            with suppress(OSError, ValueError):
                facts: dict[str, Any] = json.loads(self._ready_file.read_text())
                if self._process is not None and facts["pid"] == self._process.pid:  # not left by an earlier start
                    self._served = True
                    return facts
            await asyncio.sleep(0.02)
        raise DeadlineExceeded(
            Reason.DEADLINE, f"The {self._role} did not start within {_START_SECONDS:.0f} s; see the log"
        )

    def _why_not(self, pid: int) -> DocmillError:
        told = find_last_word(self._ready_file, pid, self._role)
        return told or InternalError(f"The {self._role} did not start; the last lines above say why")

    async def _keep(self) -> None:
        deaths = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                code = await self._live()
            except OSError as error:  # no process or memory to be had now
                log.warning("a part cannot be started now", event_key="up.failed", part=self._role, error=str(error))
                code = -1
            else:
                if not self._served:  # `ready` says why
                    return
            deaths = 0 if asyncio.get_running_loop().time() - began > _STEADY else deaths + 1
            pause = _BACK_OFF[min(deaths, len(_BACK_OFF) - 1)]
            log.warning("a part died and is started again", event_key="up.restart", part=self._role, code=code)
            await asyncio.sleep(pause)

    async def _live(self) -> int:
        self._ready_file.unlink(missing_ok=True)
        file_of(self._ready_file).unlink(missing_ok=True)
        env = {**self.env, "DOCMILL_READY_FILE": str(self._ready_file), "DOCMILL_PARENT": str(os.getpid())}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "docmill.role",
            self._role,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops the parts in order
        )
        return await self._process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._grace + 20):
                await process.wait()
        except TimeoutError:
            log.warning("a part did not stop and is killed", event_key="up.killed", part=self._role)
            process.kill()
            await process.wait()
