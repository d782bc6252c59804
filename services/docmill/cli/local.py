"""A docmill that lives as long as one command: `docmill up` in a process of its own, on a folder that goes with it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from docmill.cli.options import Server

_START_SECONDS = 90.0
_STOP_SECONDS = 60.0
_UP = "import sys; from docmill.cli.main import main; sys.exit(main())"


@asynccontextmanager
async def local_docmill() -> AsyncIterator[Server]:
    """How to reach it; it is stopped and its data deleted at the end of the block."""
    with TemporaryDirectory(prefix="docmill-eval-") as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        options = [
            "--data",
            f"{folder}/data",
            "--ready-file",
            str(ready),
            "--grpc",
            "127.0.0.1:0",
            "--rest",
            "127.0.0.1:0",
        ]
        with log.open("wb") as out:
            up = subprocess.Popen(  # noqa: ASYNC220 - it is started once
                [sys.executable, "-c", _UP, "up", *options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal is for us, who stop it in order
            )
        try:
            facts = await _serving(up, ready, log)
            yield Server(grpc=facts["grpc"], api_key=facts["api_key"])
        finally:
            up.send_signal(signal.SIGINT)
            try:
                await asyncio.to_thread(up.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                up.kill()
                up.wait()


async def _serving(up: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, str]:
    deadline = monotonic() + _START_SECONDS
    while not ready.exists():
        if up.poll() is not None or monotonic() > deadline:
            said = log.read_text(errors="replace").strip().splitlines()
            raise ConnectionError(f"docmill did not start: {said[-1] if said else 'it said nothing'}")
        await asyncio.sleep(0.05)
    facts: dict[str, str] = loads(ready.read_text())
    return facts
