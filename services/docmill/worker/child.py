"""`python -m docmill.worker.child`: the only process that opens untrusted bytes.

It gets requests as frames on standard input and answers each with one frame on standard output:

    start     {parent, niceness, threads, engine, limits, ...}   -> {engine, fingerprint, fingerprints, batch_size} or {unusable}
    probe     {path, declared_type, filename}          -> {media_type, pages: [[width, height, unit], ...]}
    page      {path, media_type, page, read}           -> {engine, confidence, words, engine_ms, fingerprint} + page
    pages     {pages: [what `page` takes, ...]}        -> {pages: [what `page` gives, or its failure, ...],
                                                           sizes: [bytes, ...]} + pages
    render    {path, media_type, page, max_side}       -> {} + PNG
    document  {definition, output_schema, variables, path?, media_type?, files_problem?,
               sizes: [bytes or null, ...]} + pages    -> {steps: [[id, node type, ms], ...]} + output

While it works on a document, the child of a worker that has a language model may ask for an answer of it with a frame
that is no reply: `{ask: question}`, answered with `{answers: [...]}` (see `docmill.worker.llm_desk`).

A failure is {error: {reason, message, details, retryable}}, with a `traceback` for the log where it was unexpected.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from docmill.domain.errors import InvalidArgument, Reason, WorkFailed
from docmill.lifeline import die_with_parent
from docmill.ocr import EngineUnavailable
from docmill.worker import faults, frames

__all__ = ["Task", "give_way", "main", "serve", "take_pipes"]

Task = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


def main() -> None:
    """Serve until standard input ends."""
    requests, replies = take_pipes()
    start = frames.read(requests)
    if start is None:
        return
    die_with_parent(int(start.header["parent"]))
    give_way(int(start.header["niceness"]))
    from docmill.worker.reading import Reading  # noqa: PLC0415 - nothing of it is imported without a parent

    def confer(header: dict[str, Any]) -> dict[str, Any]:
        """Ask the worker for something while a request is under way."""
        _send(replies, header, b"")
        frame = frames.read(requests)
        if frame is None:
            os._exit(0)  # the worker has gone
        return frame.header

    try:
        work = Reading(start.header, confer)
    except EngineUnavailable as error:
        _send(replies, {"unusable": str(error)}, b"")
        return
    except InvalidArgument as error:
        _send(replies, {"unusable": error.message}, b"")
        return
    _send(replies, work.hello(), b"")
    work.warm_up()
    serve(requests, replies, work.tasks)
    replies.flush()
    os._exit(0)  # without the destructors of native libraries whose threads may still load a model


def give_way(niceness: int) -> None:
    """Let processes that people wait for go first where there are more of all than cores."""
    if not niceness:
        return
    os.nice(niceness)
    with suppress(OSError):  # where the kernel groups processes by session, the group's weight counts instead: sched(7)
        Path("/proc/self/autogroup").write_text(str(niceness))


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames only: what libraries print goes to standard error instead."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device, no path to work with
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, replies


def serve(requests: BinaryIO, replies: BinaryIO, tasks: dict[str, Task]) -> None:
    """One request after the other, until there are no more."""
    while (frame := frames.read(requests)) is not None:
        _send(replies, *_answer(tasks, frame))


def _answer(tasks: dict[str, Task], frame: frames.Frame) -> tuple[dict[str, Any], bytes]:
    try:
        return tasks[str(frame.header["do"])](frame.header, frame.body)
    except Exception as error:
        return faults.reply(error), b""


def _send(replies: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    try:
        head, body = frames.encode(header, body)
    except frames.FrameError:
        error = WorkFailed(Reason.EXTRACTION_FAILED, "The result is too large to be kept")
        head, body = frames.encode({"error": faults.to_json(error)})
    replies.write(head)
    replies.write(body)
    replies.flush()


if __name__ == "__main__":
    main()
