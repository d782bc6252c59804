"""Processes that end with the one that started them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

PARENT = """
import os, signal, subprocess, sys
from docmill.lifeline import before_exec
child = subprocess.Popen(sys.argv[1:], preexec_fn=before_exec(signal.SIGTERM), stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""
IN_THE_CHILD = (
    "import sys, time; from docmill.lifeline import die_with_parent; die_with_parent(int(sys.argv[1])); print()"
)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_program_of_others_ends_with_its_parent() -> None:
    """A program that knows nothing of docmill ends when the process that started it is killed."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, "sleep", "60", stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert _alive(pid)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(5):
        while _alive(pid):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.01)


async def test_who_comes_too_late_ends_at_once() -> None:
    """A child whose parent ended before it could ask does not live on."""
    not_its_parent = 2**22 + 1  # above the largest process id
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_THE_CHILD, str(not_its_parent), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert (child.returncode, output) == (1, b"")
