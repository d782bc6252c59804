"""`docmill batch` and `docmill batches`: documents submitted together, and batches that were submitted before."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from docmill.cli.arguments import check_files, json_object
from docmill.cli.failures import DONE, NOT_DONE
from docmill.cli.options import DOCUMENTS, LOCAL, AsJson, Limit, Server, first
from docmill.cli.output import RUN_STYLES, Styled, fault_json, json_line, local, notice, table, utc

if TYPE_CHECKING:
    from docmill.client import AsyncDocmill, Batch, BatchResult

app = App(name="batches", group=DOCUMENTS, help="Show and follow batches.")

_NAMED = 3
"""Values to look at that are named in a line."""

_STYLES = {"queued": "dim", "processing": "cyan", "complete": "green"}


async def batch(
    *files: Annotated[Path, Parameter(required=True)],
    flow: str = "universal-extract",
    watch: bool = False,
    metadata: str = "",
    webhook: str = "",
    quiet: bool = False,
    json: AsJson = False,
    server: Server = LOCAL,
) -> int:
    """Submit documents together, as one batch.

    Prints the id of the batch and leaves; with `--watch` it stays, shows how far it is on stderr, and prints a line for
    each document at the end, counted from 1. With `--json` that is the document's whole result, with its `index` from 0.
    Ctrl-C leaves the batch going.

    Args:
        files: The documents: PDF, PNG, JPEG, WEBP, TIFF, BMP, HEIC or GIF.
        flow: Id of the flow that each of them goes through.
        watch: Stay until the batch is complete.
        metadata: A JSON object to be given back with the batch.
        webhook: URL to which word is sent once it is complete.
        quiet: No progress.
    """
    check_files(files)
    extra = json_object(metadata, "--metadata") if metadata else None
    from docmill.cli.batch_progress import BatchProgress  # noqa: PLC0415 - Rich loads in the commands that need it

    async with server.connect() as docmill:
        with BatchProgress(len(files), quiet=quiet or not watch) as progress:
            made = await docmill.batches.submit(
                files, flow_id=flow, metadata=extra, webhook_url=webhook, on_upload=progress.uploaded
            )
            if not watch:
                _print_submitted(made, as_json=json)
                return DONE
            await _follow(docmill, made.id, progress)
        return await _print_results(docmill, made.id, as_json=json)


@app.command(name="watch")
async def watch_batch(batch: str, /, *, quiet: bool = False, json: AsJson = False, server: Server = LOCAL) -> int:
    """Follow a batch until it is complete, and print what became of each document.

    Args:
        batch: Id of the batch.
        quiet: No progress.
    """
    from docmill.cli.batch_progress import BatchProgress  # noqa: PLC0415 - as above

    async with server.connect() as docmill:
        with BatchProgress(0, quiet=quiet) as progress:
            await _follow(docmill, batch, progress)
        return await _print_results(docmill, batch, as_json=json)


@app.command(name="results")
async def results(batch: str, /, *, json: AsJson = False, server: Server = LOCAL) -> int:
    """Print what became of each document of a complete batch.

    Args:
        batch: Id of the batch.
    """
    async with server.connect() as docmill:
        return await _print_results(docmill, batch, as_json=json)


@app.command(name="cancel")
async def cancel_batch(batch: str, /, *, json: AsJson = False, server: Server = LOCAL) -> None:
    """Cancel the documents of a batch that are not done; it is complete then.

    Args:
        batch: Id of the batch.
    """
    async with server.connect() as docmill:
        cancelled = await docmill.batches.cancel(batch)
    if json:
        json_line(_batch_json(cancelled))
    else:
        print(f"cancelled {cancelled.id}")


@app.command(name="list")
async def list_batches(
    *,
    limit: Limit = 20,
    json: AsJson = False,
    server: Server = LOCAL,
) -> None:
    """List batches, newest first."""
    async with server.connect() as docmill:
        found = await first(docmill.batches.list(), limit)
    if json:
        for each in found:
            json_line(_batch_json(each))
        return
    rows = [
        (
            each.id,
            f"{each.flow_id} {each.version}",
            Styled(each.status.value, _STYLES[each.status.value]),
            f"{each.progress.files_done}/{each.progress.files_total}",
            str(each.progress.files_failed or ""),
            local(each.created_at),
        )
        for each in found
    ]
    table(["BATCH", "FLOW", "STATUS", "FILES", "FAILED", "CREATED"], rows, nothing="There are no batches.")


async def _follow(docmill: "AsyncDocmill", batch_id: str, progress: Any) -> None:
    try:
        async with aclosing(docmill.batches.watch(batch_id, files=True, on_batch=progress.stands)) as events:
            async for event in events:
                progress.event(event)
    except BaseException:
        progress.leave(batch_id)
        raise


def _print_submitted(made: "Batch", *, as_json: bool) -> None:
    if as_json:
        json_line(_batch_json(made))
    else:
        print(made.id)


async def _print_results(docmill: "AsyncDocmill", batch_id: str, *, as_json: bool) -> int:
    """A line for each document, what is to be said of them, and the exit code."""
    rows, remarks, code = [], list[str](), DONE
    async for result in docmill.batches.results(batch_id):
        if result.error is not None:
            code = NOT_DONE
        if as_json:
            json_line(_result_json(result))
        else:
            rows.append(_row(result))
            remarks.extend(_remarks(result))
    if not as_json:
        table(["FILE", "NAME", "STATUS", "PAGES", "WHAT"], rows, nothing="The batch has no documents.")
        for remark in remarks:
            notice(remark)
    return code


def _row(result: "BatchResult") -> Sequence[object]:
    status = Styled(result.status.value, RUN_STYLES[result.status.value])
    what = f"{result.error.message} ({result.error.reason})" if result.error is not None else _summary(result)
    return str(result.index + 1), result.filename, status, str(result.pages), what


def _summary(result: "BatchResult") -> str:
    """What it is, its total, and what to look at. No figure: the document's confidence is not that of the total."""
    found = result.output if isinstance(result.output, dict) else {}
    total = f"{found['total']} {found.get('currency', '')}".strip() if "total" in found else ""
    codes = dict.fromkeys(check["code"].replace("_", " ") for check in _checks(result))
    unsure = list(result.low_confidence[:_NAMED])
    more = len(result.low_confidence) - len(unsure)
    parts = (
        ", ".join(part for part in (str(found.get("category", "")), total) if part),
        ", ".join(codes),
        f"look at {', '.join(unsure)}{f' and {more} more' if more else ''}" if unsure else "",
    )
    return "; ".join(part for part in parts if part)


def _checks(result: "BatchResult") -> Iterator[dict[str, str]]:
    """What a step `assess` found; another flow's `checks` may be anything."""
    found = result.output.get("checks") if isinstance(result.output, dict) else None
    for check in found if isinstance(found, list) else ():
        if isinstance(check, dict) and all(isinstance(check.get(key), str) for key in ("code", "level", "detail")):
            yield check


def _remarks(result: "BatchResult") -> Iterator[str]:
    """What the checks and the run say of it, in whole sentences."""
    for check in _checks(result):
        yield f"{result.filename}: {check['level']}: {check['code']}: {check['detail']}"
    for warning in result.warnings:
        yield f"{result.filename}: warning: {warning}"


def _batch_json(found: "Batch") -> dict[str, Any]:
    return {
        "id": found.id,
        "flowId": found.flow_id,
        "version": found.version,
        "status": found.status.value,
        "progress": {
            "filesTotal": found.progress.files_total,
            "filesDone": found.progress.files_done,
            "filesFailed": found.progress.files_failed,
            "percent": found.progress.percent,
            "secondsLeft": found.progress.seconds_left,
        },
        "createdAt": utc(found.created_at),
        "completedAt": utc(found.completed_at),
        "metadata": dict(found.metadata),
    }


def _result_json(result: "BatchResult") -> dict[str, Any]:
    return {
        "index": result.index,
        "file": result.filename,
        "documentId": result.document_id,
        "runId": result.run_id,
        "status": result.status.value,
        "pages": result.pages,
        "output": result.output,
        "warnings": list(result.warnings),
        "lowConfidence": list(result.low_confidence),
        "error": fault_json(result.error),
    }
