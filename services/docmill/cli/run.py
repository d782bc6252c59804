"""`docmill run`, `watch` and `cancel`: documents through a flow."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from docmill.cli.arguments import check_files, check_flow_id, json_object, pairs, variables
from docmill.cli.failures import DONE, NOT_DONE
from docmill.cli.options import LOCAL, AsJson, Server
from docmill.cli.output import event_json, event_line, json_line, notice, run_json

if TYPE_CHECKING:
    from docmill.cli.progress import Progress
    from docmill.client import AsyncDocmill, AsyncRunHandle, DocmillError, Run


async def run(
    flow: str,
    /,
    *files: Annotated[Path, Parameter(required=True)],
    version: str = "",
    var: list[str] | None = None,
    metadata: str = "",
    label: list[str] | None = None,
    priority: Literal["interactive", "standard", "bulk"] = "standard",
    parallel: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 4,
    no_wait: bool = False,
    quiet: bool = False,
    json: AsJson = False,
    server: Server = LOCAL,
) -> int:
    """Run a flow over documents and print what comes out.

    Outputs go to stdout, progress to stderr. With `--json` stdout gets one line for each document: the run with
    `file`, `id`, `status`, `output`, `error` and `metrics`. Ctrl-C leaves the runs going.

    Args:
        flow: Id of the flow.
        files: The documents: PDF, PNG, JPEG, WEBP, TIFF, BMP, HEIC or GIF.
        version: Version of the flow; the current one when not given.
        var: A variable of the flow as `name=value`; the value is JSON, or text where it is none.
        metadata: A JSON object to be given back with each run.
        label: A label of each run as `name=value`, to find it by; may be given several times.
        priority: Who goes first when workers are busy.
        parallel: How many documents are under way at once.
        no_wait: Start the runs and leave.
        quiet: No progress, only what went wrong.
    """
    check_flow_id(flow)
    check_files(files)
    from docmill.cli.progress import Progress  # noqa: PLC0415 - Rich and gRPC load in the commands that need them
    from docmill.client import Priority  # noqa: PLC0415

    ask = {
        "version": version,
        "variables": variables(var),
        "metadata": json_object(metadata, "--metadata") if metadata else None,
        "labels": pairs(label, "--label", "a label"),
        "priority": Priority(priority),
    }
    async with server.connect() as docmill:
        with Progress(len(files), quiet=quiet or no_wait) as progress:
            batch = _Batch(docmill, flow, ask, progress, wait=not no_wait, as_json=json, alone=len(files) == 1)
            return await batch.run(files, parallel)


class _Batch:
    """The documents of one `docmill run`."""

    def __init__(
        self,
        docmill: "AsyncDocmill",
        flow: str,
        ask: dict[str, Any],
        progress: "Progress",
        *,
        wait: bool,
        as_json: bool,
        alone: bool,
    ) -> None:
        self._docmill = docmill
        self._flow = flow
        self._ask = ask
        self._progress = progress
        self._wait = wait
        self._as_json = as_json
        self._alone = alone
        self._going: dict[str, str] = {}
        """Runs that were started and have not ended: id -> file."""
        self._unsent: list[Path] = []
        """Documents without a run."""
        self._code = DONE

    async def run(self, files: Sequence[Path], parallel: int) -> int:
        """Take all documents, `parallel` at once; the exit code."""
        self._unsent = list(files)
        waiting = iter(files)

        async def take() -> None:
            for file in waiting:
                await self._one(file)

        takers = [asyncio.create_task(take()) for _ in range(min(parallel, len(files)))]
        try:
            await asyncio.gather(*takers)
        except BaseException as error:
            for taker in takers:
                taker.cancel()
            await asyncio.gather(*takers, return_exceptions=True)
            begun = len(self._unsent) < len(files) or isinstance(error, asyncio.CancelledError)
            self._progress.leave(self._going, [str(file) for file in self._unsent] if begun else [])
            raise
        return self._code

    async def _one(self, file: Path) -> None:
        """One document, from its upload to its output."""
        from docmill.client import DocmillError  # noqa: PLC0415 - loaded by then

        bar = self._progress.document(str(file))
        try:
            handle = await self._docmill.flows.run(self._flow, file, **self._ask)
        except DocmillError as error:
            if not _concerns_document(error):
                raise
            self._unsent.remove(file)
            bar.refused(error.message)
            self._print_refused(file, error)
            return
        self._unsent.remove(file)
        if not self._wait:
            self._print_run(file, handle.run)
            return
        self._going[handle.id] = str(file)
        self._print_run(file, await self._follow(handle, bar))
        del self._going[handle.id]

    async def _follow(self, handle: "AsyncRunHandle", bar: Any) -> "Run":
        bar.started(handle.id)
        async with aclosing(handle.watch(on_run=bar.stands)) as events:
            async for event in events:
                bar.event(event)
        found = await self._docmill.runs.get(handle.id)
        bar.ended(found)
        return found

    def _print_run(self, file: Path, found: "Run") -> None:
        if self._wait and found.status != "success":
            self._code = NOT_DONE
        if self._as_json:
            self._progress.output({"file": str(file)} | run_json(found))
        elif self._wait and found.status == "success":
            value = found.output if self._alone else {"file": str(file), "output": found.output}
            self._progress.output(value, pretty=True)
        elif not self._wait:
            print(f"{found.id}  {file}", flush=True)

    def _print_refused(self, file: Path, error: "DocmillError") -> None:
        self._code = NOT_DONE
        if self._as_json:
            fault = {"reason": error.reason, "message": error.message, "step": "", "details": dict(error.details)}
            nothing = {"id": None, "status": "failed", "output": None, "error": fault, "metrics": None}
            self._progress.output({"file": str(file)} | nothing)


async def watch(
    run: str,
    /,
    *,
    after: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    json: AsJson = False,
    server: Server = LOCAL,
) -> int:
    """Follow a run until it ends.

    Prints its events from the first one on, also of a run that ended before. Warnings of the run go to stderr.

    Args:
        run: Id of the run.
        after: Only events after this number.
    """
    code, ended = DONE, False
    async with server.connect() as docmill, aclosing(docmill.runs.watch(run, after_sequence=after)) as events:
        async for event in events:
            if json:
                json_line(event_json(event))
            else:
                print(event_line(event), flush=True)
            ended = ended or event.is_terminal
            if event.is_terminal and event.kind != "run.succeeded":
                code = NOT_DONE
        if ended:
            for warning in (await docmill.runs.get(run)).warnings:
                notice(f"warning: {warning}")
    return code


async def cancel(run: str, /, *, json: AsJson = False, server: Server = LOCAL) -> None:
    """Cancel a run that has not ended.

    It is cancelled at once; no page starts afterwards.

    Args:
        run: Id of the run.
    """
    async with server.connect() as docmill:
        cancelled = await docmill.runs.cancel(run)
    if json:
        json_line(run_json(cancelled))
    else:
        print(f"cancelled {cancelled.id}")


def _concerns_document(error: "DocmillError") -> bool:
    """Whether `error` is about one document; the others would meet all of them."""
    return error.reason.startswith("MEDIA_") or error.reason == "DOCUMENT_MISSING"
