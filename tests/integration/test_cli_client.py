"""What the commands that talk to docmill say to people, against a whole docmill."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.documents import scanned_pdf, text_pdf
from tests.fixtures.stack import DOCMILL, Stack

FLOW = """
id: {id}
version: {version}
inputSchema: {{type: object, properties: {{limit: {{type: integer, minimum: {minimum}}}}}}}
definition: {{version: 1.0.0, steps: [{{type: step, id: read, nodeType: parse, config: {{providerRef: ocr}}}}]}}
"""


@pytest.fixture
def flow_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file with versions of flows, each given by what is special about it."""

    def write(*versions: dict[str, object]) -> Path:
        usual = {"id": "applied", "version": "1.0.0", "minimum": 3}
        path = tmp_path / "flow.yaml"
        path.write_text("---".join(FLOW.format(**usual | version) for version in versions))
        return path

    return write


def test_applying_again_changes_nothing(stack: Stack, flow_file: Callable[..., Path]) -> None:
    """Versions that are there as they should be are told as unchanged; new ones beside them are created."""
    first = stack.docmill("flows", "apply", flow_file({}))
    assert (first.returncode, first.stdout) == (0, "created applied 1.0.0\n")
    both = flow_file({}, {"version": "1.1.0"})
    second = stack.docmill("flows", "apply", both)
    assert (second.returncode, second.stdout) == (0, "unchanged applied 1.0.0\ncreated applied 1.1.0\n")
    third = stack.docmill("flows", "apply", both, "--json")
    assert (third.returncode, third.stderr) == (0, "")
    assert [json.loads(line) for line in third.stdout.splitlines()] == [
        {"id": "applied", "version": version, "result": "unchanged", "versions": ["1.0.0", "1.1.0"]}
        for version in ("1.0.0", "1.1.0")
    ]


def test_a_version_with_other_content_is_refused(stack: Stack, flow_file: Callable[..., Path]) -> None:
    """What differs is named, the exit code is 5, and the other versions of the file are created all the same."""
    assert stack.docmill("flows", "apply", flow_file({"id": "kept"})).returncode == 0
    changed = flow_file({"id": "kept", "minimum": 4}, {"id": "kept", "version": "1.1.0"})
    done = stack.docmill("flows", "apply", changed)
    assert (done.returncode, done.stdout) == (5, "created kept 1.1.0\n")
    assert done.stderr.startswith("docmill: kept 1.0.0 is there with another inputSchema, and versions never change")
    assert done.stderr.endswith("(VERSION_EXISTS)\n")
    programs = stack.docmill("flows", "apply", changed, "--json")
    assert (programs.returncode, json.loads(programs.stdout)["result"]) == (5, "unchanged")
    details = json.loads(programs.stderr)["error"]["details"]
    assert (details["flow"], details["version"]) == ("kept", "1.0.0")


def test_a_version_that_cannot_be_is_refused_by_name(stack: Stack, flow_file: Callable[..., Path]) -> None:
    """The refusal says which version of the file it is about."""
    done = stack.docmill("flows", "apply", flow_file({"id": "wrong", "minimum": "many"}, {"id": "right"}))
    assert (done.returncode, done.stdout) == (5, "created right 1.0.0\n")
    assert done.stderr.startswith("docmill: wrong 1.0.0: ")


def test_flows_that_come_with_docmill_are_unchanged(stack: Stack) -> None:
    """The files that docmill was installed from say what is there."""
    done = stack.docmill("flows", "apply", Path(__file__).parents[2] / "flows")
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"unchanged"}


@pytest.mark.parametrize("command", [["runs", "list"], ["watch", "run_1"], ["run", "document-text", __file__]])
def test_tls_to_a_server_without_it(stack: Stack, command: list[str]) -> None:
    """One line that says so, and none of gRPC's own."""
    done = stack.docmill(*command, "--tls", *(["--quiet"] if command[0] == "run" else []))
    assert done.returncode == 3
    assert done.stderr == f"docmill: cannot reach docmill at {stack.grpc}: the server does not speak TLS\n"


def test_a_missing_key_is_asked_for_in_the_words_of_the_command_line(stack: Stack) -> None:
    """Not in those of gRPC metadata."""
    env = {**os.environ, "DOCMILL_GRPC": stack.grpc}
    done = subprocess.run([DOCMILL, "runs", "list"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    said = f"docmill: {stack.grpc} wants an API key: give it as --api-key or DOCMILL_API_KEY (CREDENTIAL_MISSING)\n"
    assert done.stderr == said


def test_every_page_of_a_short_document_is_a_line(stack: Stack, tmp_path: Path) -> None:
    """Where there is no terminal, pages are told as they come, however fast."""
    document = tmp_path / "three.pdf"
    text_pdf(document, pages=3, lines=["Page after page"])
    done = stack.docmill("run", "document-text", document, "--json")
    assert [line for line in done.stderr.splitlines() if line.endswith("pages")] == [
        f"{document}: {page}/3 pages" for page in (1, 2, 3)
    ]


def test_a_document_that_waits_is_told_its_place(stack: Stack, tmp_path: Path) -> None:
    """A line says it; lists and single runs have it too. The plan of test keys has two runs at work at a time."""
    scan = scanned_pdf(tmp_path / "scan.pdf", [["A page that takes its time"] * 25] * 30)
    one = tmp_path / "one.pdf"
    text_pdf(one, lines=["Page"])
    mine = {"DOCMILL_API_KEY": str(stack.new_key(stack.new_organization())["key"])}

    def docmill(*arguments: str | Path) -> str:
        return subprocess.check_output([DOCMILL, *arguments], env=stack.env | mine, text=True, timeout=90)

    held = docmill("run", "document-text", scan, scan, scan, "--no-wait", "--parallel", "1").splitlines()
    command = [DOCMILL, "run", "document-text", one]
    with subprocess.Popen(
        command, env=stack.env | mine, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        told = [process.stderr.readline() for _ in range(2)]
        run_id = told[0].split()[-1]
        assert told[1] == f"{one}: waiting, 2nd in line\n"
        assert "waiting, 2nd in line" in docmill("runs", "list")
        assert json.loads(docmill("runs", "get", run_id, "--json"))["queuePosition"] == 2
        for line in held:
            docmill("cancel", line.split()[0])
        assert f"{one}: 1/1 pages\n" in process.stderr.read()
    assert process.returncode == 0


def test_an_interrupted_batch_names_what_was_not_sent(stack: Stack, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a batch says which runs go on and which documents have none."""
    documents = [scanned_pdf(tmp_path / f"{number}.pdf", [["Sheet"]] * 6) for number in range(3)]
    command = [DOCMILL, "run", "document-text", *documents, "--parallel", "1"]
    with subprocess.Popen(
        command, env=stack.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        run_id = process.stderr.readline().split()[-1]
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "1 run goes on" in rest
    assert f"docmill: 2 documents were not sent: {documents[1]}, {documents[2]}\n" in rest
    assert stack.docmill("cancel", run_id).returncode == 0


def test_a_run_that_ended_cannot_be_cancelled(stack: Stack, tmp_path: Path) -> None:
    """It is said without a second word for the state that lists call success."""
    document = tmp_path / "one.pdf"
    text_pdf(document, lines=["Page"])
    run_id = json.loads(stack.docmill("run", "document-text", document, "--json").stdout)["id"]
    done = stack.docmill("cancel", run_id)
    said = f"docmill: Run {run_id} has ended; it cannot be cancelled (RUN_NOT_CANCELLABLE)\n"
    assert (done.returncode, done.stderr) == (5, said)


def test_a_refused_flow_leaves_no_bar(stack: Stack, tmp_path: Path) -> None:
    """On a terminal an error that ends the command is all that stays on the screen."""
    document = tmp_path / "one.pdf"
    text_pdf(document, lines=["Page"])
    ours, theirs = pty.openpty()
    env = {**stack.env, "TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(
        [DOCMILL, "run", "no-such-flow", document], env=env, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 5
    last_frame = shown.decode().rsplit("\x1b[2K", 1)[-1]
    assert "FLOW_NOT_FOUND" in last_frame
    assert "uploading" not in last_frame


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that the other side closed
        return b""


def test_a_flow_is_listed_shown_and_guessed(stack: Stack) -> None:
    """Also the one that programs do not see in their list; a misspelt one is suggested, and a file is no id."""
    listed = stack.docmill("flows", "list")
    assert "universal-extract" in [line.split()[0] for line in listed.stdout.splitlines()]
    shown = stack.docmill("flows", "show", "document-text").stdout
    recipe = json.loads(shown.partition("recipe:")[2])
    assert recipe["steps"][0]["nodeType"] == "parse"
    wrong = stack.docmill("flows", "show", "invoice-extracter")
    assert wrong.returncode == 5
    assert "no flow invoice-extracter; did you mean 'invoice-extractor'? `docmill flows list`" in wrong.stderr
    for command in (["run", "flows/mine.yaml", __file__], ["eval", "flows/mine.yaml", "."]):
        done = stack.docmill(*command)
        assert done.returncode == 2
        assert "docmill flows apply flows/mine.yaml" in done.stderr
        assert ("--local" in done.stderr) == (command[0] == "eval")


def test_who_watches_a_run_is_told_its_warnings(stack: Stack, tmp_path: Path) -> None:
    """On stderr, as `docmill run` does it; events alone go to stdout."""
    kind = {"id": "kind", "nodeType": "categorize", "config": {"categories": ["zebra"]}}
    flow = {"id": "zebras", "version": "1.0.0", "definition": {"steps": [{"id": "read", "nodeType": "parse"}, kind]}}
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    assert stack.docmill("flows", "apply", tmp_path / "flow.json").returncode == 0
    text_pdf(tmp_path / "paper.pdf")
    started = stack.docmill("run", "zebras", tmp_path / "paper.pdf", "--no-wait", "--json")
    watched = stack.docmill("watch", json.loads(started.stdout)["id"])
    assert watched.returncode == 0
    said = "warning: Step 'kind': nothing in the document speaks for any of the categories"
    assert said in watched.stderr.splitlines()
    assert "warning" not in watched.stdout
