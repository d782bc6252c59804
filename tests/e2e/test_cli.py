"""The command line against a whole docmill: what scripts and people rely on."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.documents import never_read, scanned_pdf, text_pdf
from tests.fixtures.stack import DOCMILL, Stack

INVOICE = ["ACME GmbH", "Invoice number: INV-2026-17", "Date: 2026-03-04", "Subtotal: 100.00", "Total: 119.00"]


def lines(text: str) -> list[dict[str, Any]]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def invoice(tmp_path: Path) -> Path:
    """A born-digital invoice of three pages."""
    path = tmp_path / "invoice.pdf"
    text_pdf(path, pages=3, lines=INVOICE)
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan whose reading takes longer than a few commands."""
    scanned_pdf(tmp_path / "scan.pdf", [[f"Sheet {number} of a long report"] for number in range(40)])
    return never_read(tmp_path / "scan.pdf")


def test_run_prints_one_line_per_document(stack: Stack, invoice: Path, tmp_path: Path) -> None:
    """`run --json`: stdout has one line for each document and nothing else; progress goes to stderr."""
    other = tmp_path / "other.pdf"
    text_pdf(other, lines=["Nothing much", "is on this page"])
    done = stack.docmill("run", "invoice-extractor", "--json", invoice, other, "--metadata", '{"batch": 4}')
    assert done.returncode == 0
    found = {run["file"]: run for run in lines(done.stdout)}
    assert set(found) == {str(invoice), str(other)}
    run = found[str(invoice)]
    assert (run["status"], run["error"], run["flowId"]) == ("success", None, "invoice-extractor")
    assert run["output"]["invoiceNumber"] == "INV-2026-17"
    assert run["metrics"]["pageCount"] == 3
    assert run["metadata"] == {"batch": 4}
    assert run["id"].startswith("run_")
    assert run["createdAt"].endswith("Z")
    assert f"{invoice}: 3/3 pages" in done.stderr


def test_run_prints_the_output_for_people(stack: Stack, invoice: Path) -> None:
    """Without `--json` the output itself comes out, as JSON that people and programs can read."""
    done = stack.docmill("run", "invoice-extractor", invoice, "--quiet")
    assert done.returncode == 0
    assert json.loads(done.stdout)["total"] == 119
    assert done.stdout.count("\n") > 3
    assert done.stderr == ""


def test_a_bad_document_among_good_ones(stack: Stack, invoice: Path, tmp_path: Path) -> None:
    """A document that is refused is a failed line with its reason; the others are done; the exit code is 1."""
    text = tmp_path / "notes.pdf"
    text.write_text("no document at all\n")
    done = stack.docmill("run", "document-text", text, invoice, "--json")
    assert done.returncode == 1
    found = {run["file"]: run for run in lines(done.stdout)}
    assert found[str(invoice)]["status"] == "success"
    refused = found[str(text)]
    assert (refused["status"], refused["output"]) == ("failed", None)
    assert refused["error"]["reason"] == "MEDIA_UNSUPPORTED"
    assert "notes.pdf" in done.stderr
    people = stack.docmill("run", "document-text", text, "--quiet")
    assert (people.returncode, people.stdout) == (1, "")
    assert "notes.pdf" in people.stderr


def test_leaving_and_coming_back(stack: Stack, invoice: Path) -> None:
    """A run started with `--no-wait` can be watched from any number, shown and listed later."""
    left = stack.docmill("run", "document-text", invoice, "--no-wait", "--json")
    assert left.returncode == 0
    started = lines(left.stdout)[0]
    assert started["status"] in {"queued", "running"}
    watched = stack.docmill("watch", started["id"], "--json")
    assert watched.returncode == 0
    events = lines(watched.stdout)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["kind"], events[-1]["kind"]) == ("run.accepted", "run.succeeded")
    pages = [event for event in events if event["kind"] == "page.done"]
    assert sorted(event["page"] for event in pages) == [1, 2, 3]
    assert pages[-1]["pagesDone"] == 3
    later = stack.docmill("watch", started["id"], "--json", "--after", "2")
    assert lines(later.stdout) == events[2:]
    people = stack.docmill("watch", started["id"])
    assert "run.succeeded" in people.stdout.splitlines()[-1]
    shown = lines(stack.docmill("runs", "get", started["id"], "--json", "--evidence").stdout)[0]
    assert (shown["status"], len(shown["output"]["pages"])) == ("success", 3)
    listed = stack.docmill("runs", "list", "--flow", "document-text", "--status", "success", "--json")
    assert started["id"] in {run["id"] for run in lines(listed.stdout)}
    assert started["id"] in stack.docmill("runs", "list").stdout


def test_cancel(stack: Stack, scan: Path) -> None:
    """A cancelled run ends as cancelled; who watches it gets exit code 1; it cannot be cancelled twice."""
    started = lines(stack.docmill("run", "document-text", scan, "--no-wait", "--json").stdout)[0]
    assert stack.docmill("cancel", started["id"]).stdout == f"cancelled {started['id']}\n"
    watched = stack.docmill("watch", started["id"], "--json")
    assert (watched.returncode, lines(watched.stdout)[-1]["kind"]) == (1, "run.cancelled")
    again = stack.docmill("cancel", started["id"], "--json")
    assert again.returncode == 5
    assert json.loads(again.stderr)["error"]["reason"] == "RUN_ALREADY_CANCELLED"


def test_interrupting_leaves_the_run_going(stack: Stack, scan: Path) -> None:
    """Ctrl-C while waiting ends the command with 130 and says how to come back; the run goes on."""
    command = [DOCMILL, "run", "document-text", scan]
    with subprocess.Popen(
        command, env=stack.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "started run_" in first
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    run_id = first.split()[-1]
    assert f"docmill watch {run_id}" in rest
    assert "Traceback" not in rest
    assert lines(stack.docmill("runs", "get", run_id, "--json").stdout)[0]["status"] in {"queued", "running"}
    assert stack.docmill("cancel", run_id).returncode == 0


def test_bars_on_a_terminal_and_data_in_a_file(stack: Stack, invoice: Path, tmp_path: Path) -> None:
    """On a terminal there is a bar with pages for the document, and stdout in a file is still nothing but JSON."""
    ours, theirs = pty.openpty()
    out = tmp_path / "out.jsonl"
    env = {**stack.env, "TERM": "xterm-256color", "COLUMNS": "120"}
    with out.open("wb") as file:
        process = subprocess.Popen(
            [DOCMILL, "run", "invoice-extractor", invoice, "--json"], env=env, stdout=file, stderr=theirs
        )
        os.close(theirs)
        shown = _read_terminal(ours, process)
    assert process.wait(30) == 0
    assert lines(out.read_text())[0]["status"] == "success"
    assert "3/3 pages" in shown
    assert "success: 3 pages in" in shown


def _read_terminal(terminal: int, process: subprocess.Popen[bytes], seconds: float = 60) -> str:
    shown, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side closed
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return shown.decode()


def test_flows_from_files(stack: Stack, invoice: Path, tmp_path: Path) -> None:
    """A flow file becomes a flow that is listed, shown, and run with checked variables; applied again it stays."""
    file = tmp_path / "greeting.yaml"
    file.write_text(
        """
id: cli-test
version: 1.0.0
name: Of a test
description: Reads what is there
inputSchema: {type: object, required: [units], properties: {units: {type: string, enum: [SI, US]}}}
config: {supportedFormats: [application/pdf], maxFileSizeMB: 5, maxPages: 10}
definition:
  version: 1.0.0
  steps:
    - {type: step, id: read, nodeType: parse, config: {providerRef: ocr}}
"""
    )
    made = stack.docmill("flows", "apply", file)
    assert (made.returncode, made.stdout) == (0, "created cli-test 1.0.0\n")
    again = stack.docmill("flows", "apply", file)
    assert (again.returncode, again.stdout) == (0, "unchanged cli-test 1.0.0\n")
    assert "cli-test" in {flow["id"] for flow in lines(stack.docmill("flows", "list", "--json").stdout)}
    shown = json.loads(stack.docmill("flows", "show", "cli-test", "--version", "1.0.0", "--json").stdout)
    assert (shown["config"]["maxPages"], shown["inputSchema"]["required"]) == (10, ["units"])
    assert "Of a test" in stack.docmill("flows", "show", "cli-test").stdout
    wrong = stack.docmill("run", "cli-test", invoice, "--var", "units=miles")
    assert (wrong.returncode, wrong.stdout) == (5, "")
    right = stack.docmill("run", "cli-test", invoice, "--var", "units=SI", "--version", "1.0.0", "--json")
    assert (right.returncode, lines(right.stdout)[0]["version"]) == (0, "1.0.0")


def test_what_is_not_there(stack: Stack, invoice: Path) -> None:
    """Flows, versions and runs that do not exist are said in one line, with exit code 5."""
    for arguments, reason in (
        (["run", "no-such-flow", invoice], "FLOW_NOT_FOUND"),
        (["run", "document-text", invoice, "--version", "9.9.9"], "VERSION_NOT_FOUND"),
        (["watch", "run_nope"], "RUN_NOT_FOUND"),
        (["flows", "show", "no-such-flow"], "FLOW_NOT_FOUND"),
    ):
        done = stack.docmill(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1)
        assert f"({reason})" in done.stderr


def test_organizations_and_keys_of_a_running_system(stack: Stack, invoice: Path) -> None:
    """An operator makes an organization and keys while docmill runs; scopes, expiry and revocation hold at once."""
    data = ("--data", stack.data, "--json")
    org = json.loads(stack.docmill("orgs", "create", "Acme", "--plan", "doclo.pro", *data).stdout)["id"]
    assert org in {found["id"] for found in lines(stack.docmill("orgs", "list", *data).stdout)}

    def key(*more: str) -> dict[str, Any]:
        done = stack.docmill("keys", "create", "--org", org, "--mode", "live", *more, *data)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def list_runs(secret: str) -> subprocess.CompletedProcess[str]:
        return stack.docmill("runs", "list", "--json", "--api-key", secret)

    reader = key("--scopes", "executions:read")
    assert reader["key"].startswith("dc_live_")
    assert (list_runs(reader["key"]).returncode, list_runs(reader["key"]).stdout) == (0, "")
    refused = stack.docmill("run", "document-text", invoice, "--json", "--api-key", reader["key"])
    assert refused.returncode == 4
    error = json.loads(refused.stderr.splitlines()[-1])["error"]
    assert (error["reason"], error["details"]["requiredScope"]) == ("SCOPE_MISSING", "flows:execute")

    late = key("--expires", (datetime.now(UTC) - timedelta(days=1)).isoformat())
    assert list_runs(late["key"]).returncode == 4

    assert stack.docmill("keys", "revoke", reader["id"], *data).returncode == 0
    assert list_runs(reader["key"]).returncode == 4
    listed = {found["id"]: found for found in lines(stack.docmill("keys", "list", "--org", org, *data).stdout)}
    assert listed[reader["id"]]["revokedAt"] is not None
    assert all("key" not in found for found in listed.values())

    mine = lines(stack.docmill("run", "document-text", invoice, "--json").stdout)[0]["id"]
    stranger = stack.docmill("runs", "get", mine, "--api-key", key()["key"])
    assert (stranger.returncode, "RUN_NOT_FOUND" in stranger.stderr) == (5, True)
    nobody = stack.docmill("keys", "revoke", "key_nope", "--data", stack.data)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (5, 1)


def test_config_and_doctor(stack: Stack) -> None:
    """`config` prints what is in force, `doctor` what works, both for programs too."""
    config = json.loads(stack.docmill("config", "--data", stack.data, "--json").stdout)
    assert config["data"] == str(stack.data)
    people = stack.docmill("config", "--data", stack.data)
    assert f'data = "{stack.data}"' in people.stdout
    checks = lines(stack.docmill("doctor", "--data", stack.data, "--json").stdout)
    assert {check["name"]: check["ok"] for check in checks}["python"] is True
    assert "python" in stack.docmill("doctor", "--data", stack.data).stdout


def test_the_command_is_installed() -> None:
    """`docmill --version` says which one it is."""
    version = subprocess.run([DOCMILL, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert version.stdout[0].isdigit()
