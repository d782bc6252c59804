"""`docmill up` is stopped and started again: nothing is lost, nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from docmill.cli import failures
from tests.fixtures import documents
from tests.fixtures.processes import descendants, eventually
from tests.fixtures.stack import DOCMILL, Stack, start_stack

PAGES = 5


def sheets(path: Path) -> Path:
    """Pages that take a good half second each."""
    pages = [documents.draw_page([f"Sheet {number}"], (400, 120), 40)[0] for number in range(1, PAGES + 1)]
    return documents.tiff(path, pages)


def test_stop_in_the_middle_and_go_on(tmp_path: Path) -> None:
    """Ctrl-C ends everything with code 0; the next start finishes the run, each page once, with the same key."""
    first = start_stack(tmp_path / "data")
    with first.connect() as client:
        handle = client.flows.run("document-text", sheets(tmp_path / "sheets.tiff"))
        seen = []
        for event in handle.watch():
            seen.append(event)
            if event.pages_done == 2:
                break
    family = descendants(first.process.pid)
    assert len(family) >= 4  # bus, services, worker, reader
    assert first.stop() == 0
    assert not [process.command for process in family if process.alive]
    assert not (tmp_path / "data" / "ready.json").exists()
    left = [path for path in (tmp_path / "data" / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []

    second = start_stack(tmp_path / "data")
    try:
        assert second.api_key == first.api_key
        with second.connect() as client:
            seen += client.runs.watch(handle.id, after_sequence=seen[-1].sequence)
            run = client.runs.get(handle.id)
    finally:
        assert second.stop() == 0
    assert run.status == "success"
    assert [event.sequence for event in seen] == list(range(1, run.last_sequence + 1))
    pages = [event for event in seen if event.kind == "page.done"]
    assert sorted(event.page_number or 0 for event in pages) == list(range(1, PAGES + 1))
    assert [page["lines"][0]["text"] for page in run.output["pages"]] == [f"Sheet {n}" for n in range(1, PAGES + 1)]
    assert not [event for event in seen if event.kind == "page.retried"]  # an orderly stop costs no attempt


def test_stop_with_a_watcher(tmp_path: Path) -> None:
    """Somebody who watches does not keep docmill from stopping; the watch goes on after the next start."""
    first = start_stack(tmp_path / "data")
    with first.connect() as client:
        handle = client.flows.run("document-text", sheets(tmp_path / "sheets.tiff"))
        seen = []
        second: Stack | None = None
        for event in handle.watch():
            seen.append(event)
            if second is None and event.kind == "page.done":
                assert first.stop() == 0
                second = start_stack(tmp_path / "data", grpc=first.grpc)
        assert second
        run = client.runs.get(handle.id)
    assert second.stop() == 0
    assert [event.sequence for event in seen] == list(range(1, run.last_sequence + 1))
    assert seen[-1].kind == "run.succeeded"


@pytest.mark.xdist_group("stack")
def test_second_start_on_a_running_folder(stack: Stack) -> None:
    """A second `docmill up` on the folder is refused in one line that says what to do, and the first goes on."""
    refused = stack.docmill("up", "--data", stack.data, "--grpc", "127.0.0.1:0")
    assert refused.returncode not in {0, 1}
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert str(stack.data) in line
    assert "stop it first or choose another --data" in line
    with stack.connect() as client:
        assert list(client.flows.list())


@pytest.mark.xdist_group("stack")
def test_ready_file(stack: Stack) -> None:
    """The ready file has what scripts need, and only its owner may read it."""
    path = stack.data / "ready.json"
    facts = json.loads(path.read_text())
    assert facts["pid"] == stack.process.pid
    assert facts["data"] == str(stack.data)
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", facts["grpc"])
    assert re.fullmatch(r"dc_test_\w{8}_\w{40}", facts["api_key"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert eventually(lambda: stack.docmill("flows", "list", "--json").returncode == 0, 10)


@pytest.mark.xdist_group("stack")
def test_address_in_use(stack: Stack, tmp_path: Path) -> None:
    """Where another program listens, `docmill up` says so, ends at once and leaves no process behind."""
    refused = stack.docmill("up", "--data", tmp_path / "data", "--grpc", stack.grpc)
    assert refused.returncode == failures.REFUSED
    last = refused.stderr.splitlines()[-1]
    assert last == (
        f"docmill: The services did not start: Nobody can listen on {stack.grpc}: another program does, "
        "or it is no address of this machine. Choose another (DOCMILL_GRPC, --grpc) (FIELD_INVALID)"
    )
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data" / "run" / "up.json").exists()
    with stack.connect() as client:
        assert list(client.flows.list())


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        (
            "--grpc",
            "57999",
            "The services did not start: 57999 is no address to listen on: write host:port or unix:/path",
        ),
        ("--rest", "nowhere", "The gateway did not start: nowhere is no address to listen on: write host:port"),
        (
            "DOCMILL_OCR_ENGINE",
            "foo",
            "The worker did not start: DOCMILL_OCR_ENGINE is foo: There is no OCR engine 'foo'",
        ),
    ],
)
def test_what_keeps_a_part_from_starting(tmp_path: Path, option: str, value: str, says: str) -> None:
    """The last line says it, in the part's own words; it is a setting that is wrong, and no traceback is needed."""
    given = {"--grpc": "127.0.0.1:0", "--rest": "127.0.0.1:0", option: value}
    options = [word for name, value in given.items() if name.startswith("--") for word in (name, value)]
    settings = {name: value for name, value in given.items() if not name.startswith("--")}
    up = subprocess.run(
        [DOCMILL, "up", "--data", tmp_path / "data", "--workers", "1", *options],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (up.returncode, up.stdout) == (failures.REFUSED, "")
    assert up.stderr.splitlines()[-1].startswith(f"docmill: {says}")
    assert up.stderr.splitlines()[-1].endswith(" (FIELD_INVALID)")
    assert "exception" not in up.stderr
    assert "is started again" not in up.stderr
