"""What REST costs beside gRPC: the same calls both ways on one `docmill up`, and requests per second beside a bare server."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.bench import _documents, _stack
from tests.bench._figures import Figure, spread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.fixtures.stack import Stack

_CALLS = 200
_WARM = 30
_CONNECTIONS = 16
_SECONDS = 4.0
_BAR_MS = 2.0


def measure() -> list[Figure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as folder, _stack.docmill_up(workers=1) as stack, _bare() as bare:
        return asyncio.run(_measure(stack, bare, Path(folder)))


async def _measure(stack: Stack, bare: str, folder: Path) -> list[Figure]:
    page = _documents.text(folder, 1)
    async with _stack.warm(stack) as api, _Rest(stack.rest, stack.api_key) as rest:
        document = await api.upload(page)
        run_id = (await api.finish(document)).run.id
        by_id = {"input": {"documentId": document}}
        inline = {"input": {"document": {"base64": b64encode(page).decode(), "filename": "bench.pdf"}}}
        figures = [
            *await _both("GET run", lambda: api.get(run_id), lambda: rest.ask("GET", f"/runs/{run_id}"), bar=True),
            *await _both(
                "POST run, document uploaded before",
                lambda: api.start(document),
                lambda: rest.ask("POST", "/flows/document-text/run", by_id),
                bar=True,
            ),
            *await _both(
                "POST run, 1-page text PDF sent along",
                lambda: api.start(page),
                lambda: rest.ask("POST", "/flows/document-text/run", inline),
                bar=True,
            ),
        ]
    figures.append(await _rate("bare Starlette endpoint on the same uvicorn", bare, "k", "/runs/run_1"))
    figures.append(await _rate("GET run through the gateway", stack.rest, stack.api_key, f"/runs/{run_id}"))
    figures.append(await _rate("GET flow through the gateway", stack.rest, stack.api_key, "/flows/document-text"))
    return figures


async def _both(
    what: str, grpc: Callable[[], Awaitable[object]], rest: Callable[[], Awaitable[object]], *, bar: bool
) -> list[Figure]:
    """The same call both ways in turn, so that both have the same neighbours."""
    took: dict[str, list[float]] = {"gRPC": [], "REST": []}
    for number in range(_WARM + _CALLS):
        for name, call in (("gRPC", grpc), ("REST", rest)):
            began = time.perf_counter()
            await call()
            if number >= _WARM:
                took[name].append((time.perf_counter() - began) * 1000)
    over = statistics.median(took["REST"]) - statistics.median(took["gRPC"])
    return [
        Figure(what=f"{what}, gRPC", measured=spread(took["gRPC"])),
        Figure(what=f"{what}, REST", measured=spread(took["REST"])),
        Figure(
            what=f"{what}, REST beyond gRPC",
            bar=f"median <= {_BAR_MS:.0f} ms" if bar else "",
            measured=f"{over:.2f} ms",
            met=over <= _BAR_MS,
        ),
    ]


async def _rate(what: str, address: str, key: str, path: str) -> Figure:
    """Requests per second over a few connections that ask again as soon as they are answered."""
    end = time.perf_counter() + _SECONDS

    async def keep_asking() -> int:
        count = 0
        async with _Rest(address, key) as rest:
            while time.perf_counter() < end:
                await rest.ask("GET", path)
                count += 1
        return count

    counts = await asyncio.gather(*(keep_asking() for _ in range(_CONNECTIONS)))
    return Figure(what=f"{what}, {_CONNECTIONS} connections", measured=f"{sum(counts) / _SECONDS:,.0f} requests/s")


class _Rest:
    """A connection to a REST server, with as little around it as can be: what is measured is the server."""

    def __init__(self, address: str, key: str) -> None:
        self._host, _, port = address.partition(":")
        self._port = int(port)
        self._head = f"HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, verb: str, path: str, body: object = None) -> bytes:
        """The body of the answer, which must be a good one."""
        content = b"" if body is None else json.dumps(body).encode()
        self._writer.write(
            f"{verb} /api/v1{path} {self._head}content-length: {len(content)}\r\n\r\n".encode() + content
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await self._reader.readexactly(length)


@contextmanager
def _bare() -> Iterator[str]:
    """The address of a server with one endpoint and nothing behind it."""
    process = subprocess.Popen([sys.executable, "-m", "tests.bench._bare"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
