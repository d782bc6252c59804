"""The programs of docs/batches.md, as printed, against a whole docmill; and the surface with real documents."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fixtures import documents
from tests.fixtures.processes import part, peak
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Account:
    """An organization on the plan Starter with a key of this surface."""

    org_id: str
    secret: str
    key: str


@pytest.fixture(scope="module")
def account(stack: Stack) -> Account:
    """Made with the commands of the page."""
    made = stack.facts_of("orgs", "create", "Accounting", "--plan", "documentflow.starter", "--data", stack.data)
    key = str(stack.new_key(made["id"], "--mode", "af")["key"])
    assert re.fullmatch(r"af_[A-Za-z0-9]{40}", key)
    return Account(made["id"], made["webhook_secret"], key)


def programs(heading: str, language: str = "python") -> list[str]:
    """The programs under a heading of the page."""
    page = (ROOT / "docs/batches.md").read_text()
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


def run(stack: Stack, account: Account, command: list[str], **more: str) -> str:
    """What a program prints."""
    env = {**os.environ, "DOCMILL": f"http://{stack.rest}", "DOCMILL_GRPC": stack.grpc, "AF_KEY": account.key, **more}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_file(stack: Stack, account: Account) -> None:
    """It prints what is on the sample invoice."""
    (program,) = programs("One file")
    out = run(stack, account, [sys.executable, "-c", program])
    assert out.startswith("invoice ")
    assert re.search(r" [0-9]+(\.[0-9]+)?$", out.splitlines()[1])


def test_many_files(stack: Stack, account: Account) -> None:
    """It shows a bar that fills, and each file's data in the order in which they were sent."""
    (program,) = programs("Many files")
    out = run(stack, account, [sys.executable, "-c", program])
    lines = out.splitlines()
    assert lines[0] == "2 files, about 6 s"
    assert f"[{'#' * 20}] 100 % (2/2)" in lines
    kinds = [line.split()[1] for line in lines if line.startswith(("0 ", "1 "))]
    assert kinds == ["invoice", "receipt"]
    assert len([line for line in lines if line.startswith("   total")]) == 2


def test_usage(stack: Stack, account: Account) -> None:
    """It prints the plan, what is left of the month, and the day on which files were read."""
    (program,) = programs("What is used up")
    out = run(stack, account, [sys.executable, "-c", program])
    assert re.match(r"starter: [0-9]+ of 2000 documents, anew on 20[0-9-]{8}\n", out)


def test_the_webhook_check(stack: Stack, account: Account) -> None:
    """It knows what we sign."""
    (program,) = programs("Word of the end")
    body = '{"batch_id":"b"}'
    signature = f"sha256={hmac.new(account.secret.encode(), body.encode(), hashlib.sha256).hexdigest()}"
    for header, verdict in ((signature, "genuine"), (signature[:-1] + "x", "forged")):
        given = {"BODY": body, "SECRET": account.secret, "X_WEBHOOK_SIGNATURE": header}
        assert run(stack, account, [sys.executable, "-c", program], **given).strip() == verdict


def test_the_client_and_the_command_line(stack: Stack, account: Account) -> None:
    """The same batch over gRPC; the command prints a line a file, or all of it as JSON."""
    (program,) = programs("From Python and the command line")
    out = run(stack, account, [sys.executable, "-c", program])
    assert "batch.completed 100" in out
    assert re.search(r"^invoice.pdf success invoice$", out, re.MULTILINE)
    env = {"DOCMILL_API_KEY": account.key}
    docmill = str(Path(sys.executable).parent / "docmill")
    command = [docmill, "batch", "examples/invoice.pdf", "examples/receipt.png", "--watch"]
    table = run(stack, account, command, **env)
    assert re.search(r"^1 +invoice\.pdf +success +3 +invoice, ", table, re.MULTILINE)
    results = [json.loads(line) for line in run(stack, account, [*command, "--json"], **env).splitlines()]
    assert [result["file"] for result in results] == ["invoice.pdf", "receipt.png"]
    batch_id = run(stack, account, [docmill, "batch", "examples/invoice.pdf"], **env).strip()
    assert "invoice.pdf" in run(stack, account, [docmill, "batches", "watch", batch_id, "--quiet"], **env)
    assert batch_id in run(stack, account, [docmill, "batches", "list"], **env)


@pytest.fixture
def api(stack: Stack, account: Account) -> Iterator[requests.Session]:
    """The surface as a program has it."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {account.key}"
        yield session


def follow(api: requests.Session, stack: Stack, batch_id: str) -> list[dict[str, Any]]:
    """The results of a batch, after its events to the end."""
    with api.get(f"http://{stack.rest}/v1/batch/{batch_id}/events", stream=True, timeout=100) as events:
        kinds = [line for line in events.iter_lines(decode_unicode=True) if line.startswith("event: ")]
    assert kinds[-1] == "event: batch.completed"
    shown = api.get(f"http://{stack.rest}/v1/batch/{batch_id}", timeout=30).json()
    found: list[dict[str, Any]] = requests.get(shown["download_url"], timeout=30).json()
    return found


def test_real_documents_of_all_kinds(stack: Stack, api: requests.Session, tmp_path: Path) -> None:
    """A PDF, a photo, a scan of several pages, an empty page and a damaged file, together; twice the same."""
    text, photo = tmp_path / "a.pdf", ROOT / "examples/receipt.png"
    documents.text_pdf(text, lines=["Invoice A-1042", "Total 25,50 EUR"])
    damaged = text.read_bytes()[:200]
    files = [
        ("files", ("a.pdf", text.read_bytes())),
        ("files", ("receipt.png", photo.read_bytes())),
        ("files", ("broken.pdf", damaged)),
    ]
    found = []
    for _ in range(2):
        answer = api.post(f"http://{stack.rest}/v1/batch", files=files, timeout=60)
        assert answer.status_code == 200, answer.text
        results = follow(api, stack, answer.json()["batch_id"])
        for entry in results:
            assert entry.pop("file_key").startswith(f"batch/{answer.json()['batch_id']}/input/")
        found.append(results)
    assert found[0] == found[1]
    first, second, third = found[0]
    assert first["tokens_used"] > 0
    assert second["extraction"]["document_type"] == "receipt"
    assert third["error"]["error"] == "invalid_file"


def test_a_heavy_batch_takes_little_memory(stack: Stack, api: requests.Session) -> None:
    """A hundred megabytes in one request cost gateway and services less than 60 MB each, while they pass and are read."""
    roles = [part(stack.process.pid, f"docmill.role {role}") for role in ("gateway", "services")]
    small = (ROOT / "examples/invoice.pdf").read_bytes()
    heavy = [("files", (f"{number}.pdf", small + b"\n%" + os.urandom(9_000_000))) for number in range(12)]
    before = [peak(process, reset=True) for process in roles]
    answer = api.post(f"http://{stack.rest}/v1/batch", files=heavy, timeout=100)
    assert answer.status_code == 200, answer.text
    results = follow(api, stack, answer.json()["batch_id"])
    assert [entry["file_index"] for entry in results] == list(range(12))
    assert all("error" not in entry for entry in results)
    grown = [peak(process) - was for process, was in zip(roles, before, strict=True)]
    assert max(grown) < 60 * 1024 * 1024, grown
