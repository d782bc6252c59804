"""A real `docmill up` on a temporary folder, and the calls that benches make to it through gRPC."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from docmill.v1 import documents_pb2, documents_pb2_grpc, flows_pb2, flows_pb2_grpc, runs_pb2, runs_pb2_grpc
from tests.bench import _documents
from tests.fixtures.stack import Stack, start_stack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["Api", "Finished", "connected", "cpu_seconds", "docmill_up", "resident_mb", "warm"]

TERMINAL = (runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED, runs_pb2.RUN_EVENT_KIND_RUN_FAILED,
            runs_pb2.RUN_EVENT_KIND_RUN_CANCELLED)  # fmt: skip
_RUN_SECONDS = 300.0
# The same documents are sent again and again, and each time they are to be read.
_ENVIRONMENT = {"DOCMILL_LOG_LEVEL": "warning", "DOCMILL_PAGE_CACHE": "false"}
_MAX_MESSAGE = 256 * 1024 * 1024


@contextmanager
def docmill_up(workers: int) -> Iterator[Stack]:
    """Everything runs inside the block and nothing of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="docmill-bench-") as folder:
        stack = start_stack(Path(folder) / "data", workers=workers, env=_ENVIRONMENT)
        try:
            yield stack
        finally:
            try:
                stack.stop()
            finally:
                if stack.process.poll() is None:  # its children die with it
                    os.killpg(stack.process.pid, signal.SIGKILL)
                    stack.process.wait()


@dataclass(frozen=True, slots=True)
class Finished:
    """A run from its submission to its end, as its caller saw it."""

    run: runs_pb2.Run
    accepted_ms: float
    """Until the answer of RunFlow."""
    done_ms: float
    """Until the terminal event."""
    lags_ms: tuple[float, ...]
    """From each event's own time, before its commit, to its arrival."""


class Api:
    """Plain stubs: what is measured is docmill and gRPC."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._documents = documents_pb2_grpc.DocumentServiceStub(channel)
        self._flows = flows_pb2_grpc.FlowServiceStub(channel)
        self._runs = runs_pb2_grpc.RunServiceStub(channel)
        self._key = (("authorization", f"Bearer {key}"),)

    async def upload(self, content: bytes, filename: str = "bench.pdf") -> str:
        """The id of an uploaded document."""
        step = 1 << 20

        async def requests() -> AsyncIterator[documents_pb2.UploadDocumentRequest]:
            yield documents_pb2.UploadDocumentRequest(metadata=documents_pb2.DocumentMetadata(filename=filename))
            for start in range(0, len(content), step):
                yield documents_pb2.UploadDocumentRequest(chunk=content[start : start + step])

        answer = await self._documents.UploadDocument(requests(), metadata=self._key, timeout=30)
        return str(answer.document.id)

    async def start(self, document: bytes | str, flow_id: str = "document-text") -> str:
        """The id of an accepted run over bytes sent along, or over an uploaded document."""
        if isinstance(document, str):
            given = flows_pb2.RunInput(document_id=document)
        else:
            given = flows_pb2.RunInput(document=flows_pb2.InlineDocument(base64=document, filename="bench.pdf"))
        request = flows_pb2.RunFlowRequest(flow_id=flow_id, input=given)
        answer = await self._flows.RunFlow(request, metadata=self._key, timeout=30)
        return str(answer.run.id)

    async def watch(self, run_id: str) -> AsyncIterator[runs_pb2.RunEvent]:
        """Every event until the terminal one."""
        request = runs_pb2.WatchRunRequest(run_id=run_id)
        async for item in self._runs.WatchRun(request, metadata=self._key, timeout=_RUN_SECONDS):
            if item.HasField("event"):
                yield item.event

    async def cancel(self, run_id: str) -> None:
        """Cancel a run."""
        await self._runs.CancelRun(runs_pb2.CancelRunRequest(run_id=run_id), metadata=self._key, timeout=30)

    async def get(self, run_id: str) -> runs_pb2.Run:
        """A run, with its output as one string."""
        request = runs_pb2.GetRunRequest(run_id=run_id, output_as_json=True)
        return (await self._runs.GetRun(request, metadata=self._key, timeout=30)).run

    async def finish(self, document: bytes | str, flow_id: str = "document-text") -> Finished:
        """Start a run and watch it to its end; it must succeed."""
        began = time.perf_counter()
        run_id = await self.start(document, flow_id)
        accepted = time.perf_counter()
        lags = []
        ended = accepted
        async for event in self.watch(run_id):
            lags.append((time.time() - event.at.ToNanoseconds() / 1e9) * 1000)
            ended = time.perf_counter()
        run = await self.get(run_id)
        assert run.status == runs_pb2.RUN_STATUS_SUCCEEDED, run.error
        return Finished(run, (accepted - began) * 1000, (ended - began) * 1000, tuple(lags))


@asynccontextmanager
async def connected(address: str, key: str) -> AsyncIterator[Api]:
    """A connection of its own."""
    options = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield Api(channel, key)


@asynccontextmanager
async def warm(stack: Stack) -> AsyncIterator[Api]:
    """A connection to a docmill whose reading processes have loaded their engines."""
    async with connected(stack.grpc, stack.api_key) as api:
        await api.finish(_documents.scan(8, lines=2))
        yield api


def cpu_seconds(pid: int) -> float:
    """Time a process has spent on processors, all its threads together (proc(5), `utime` and `stime`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
