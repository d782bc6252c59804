"""The documented surface of a whole `docmill up`, as programs in any language meet it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from tests.fixtures import documents
from tests.fixtures.processes import descendants, eventually, part, peak
from tests.fixtures.stack import DOCMILL, Stack, start_stack
from tests.integration.test_client_watch import self_signed

pytestmark = pytest.mark.xdist_group("stack")

LINES = ["Invoice A-1042", "Total 25,50 EUR"]
MB = 1_000_000


class Rest:
    """What a program writes around `requests`."""

    def __init__(self, address: str, key: str) -> None:
        self.base = f"http://{address}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, **given: Any) -> requests.Response:
        """GET."""
        return self.session.get(f"{self.base}{path}", timeout=60, **given)

    def post(self, path: str, **given: Any) -> requests.Response:
        """POST."""
        return self.session.post(f"{self.base}{path}", timeout=60, **given)

    def run(self, path: Path, flow_id: str = "document-text", **given: Any) -> dict[str, Any]:
        """A run of a file."""
        document = {"base64": b64encode(path.read_bytes()).decode(), "filename": path.name}
        answer = self.post(f"/flows/{flow_id}/run", json={"input": {"document": document}, **given})
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
def rest(stack: Stack) -> Iterator[Rest]:
    """The surface of the shared docmill."""
    rest = Rest(stack.rest, stack.api_key)
    with rest.session:
        yield rest


def test_a_document_becomes_data(rest: Rest, tmp_path: Path) -> None:
    """Send it, wait, read the output; or poll; the pages of the run have words."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, lines=LINES)
    waited = rest.run(path, wait=True, timeout=60_000, metadata={"ward": "B2"})
    assert (waited["status"], waited["metadata"]) == ("success", {"ward": "B2"})
    assert [line["text"] for line in waited["output"]["pages"][0]["lines"]][: len(LINES)] == LINES
    run_id = rest.run(path)["id"]
    assert eventually(lambda: rest.get(f"/runs/{run_id}").json()["status"] == "success", 30)
    page = rest.get(f"/runs/{run_id}/pages/1").json()
    assert page["text"]["lines"][0]["words"][0]["text"] == "Invoice"
    assert [run["id"] for run in rest.get("/runs?limit=2").json()["data"]] == [run_id, waited["id"]]


@pytest.mark.program("curl")
def test_curl(stack: Stack, tmp_path: Path) -> None:
    """What the pages print for curl works with another address, also for a body that curl asks leave to send."""
    content = _large_pdf(2 * MB)
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"wait": True, "input": {"document": {"base64": b64encode(content).decode()}}}))
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "-X", "POST"]
    command += [f"http://{stack.rest}/api/v1/flows/document-text/run"]
    command += ["-H", f"Authorization: Bearer {stack.api_key}", "-H", "Content-Type: application/json"]
    done = subprocess.run([*command, "--data", f"@{body}"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)
    assert [page["lines"][0]["text"] for page in run["output"]["pages"]] == ["Large"]


def test_the_announcement_and_the_ready_file(stack: Stack) -> None:
    """Both say where REST is served."""
    facts = json.loads((stack.data / "ready.json").read_text())
    assert facts["rest"] == stack.rest
    assert f"http://{stack.rest}" in stack.log.read_text()
    assert requests.get(f"http://{stack.rest}/readyz", timeout=10).json() == {"status": "ok"}


def test_a_gateway_of_its_own(stack: Stack, tmp_path: Path) -> None:
    """`docmill serve --role gateway` in front of services somewhere else; ends in order on SIGTERM."""
    ready = tmp_path / "ready.json"
    env = {
        **stack.env,
        "DOCMILL_GRPC_UPSTREAM": stack.grpc,
        "DOCMILL_REST": "127.0.0.1:0",
        "DOCMILL_READY_FILE": str(ready),
        "DOCMILL_STATUS_VOCABULARY": "rest",
        "DOCMILL_MAX_BODY_MB": "1",
    }
    process = subprocess.Popen([DOCMILL, "serve", "--role", "gateway"], env=env, stderr=subprocess.DEVNULL)
    try:
        assert eventually(ready.exists, 30)
        facts = json.loads(ready.read_text())
        assert (facts["role"], facts["pid"]) == ("gateway", process.pid)
        rest = Rest(facts["rest"], stack.api_key)
        path = tmp_path / "a.pdf"
        documents.text_pdf(path, lines=LINES)
        with rest.session:
            assert rest.run(path, wait=True)["status"] == "completed"
            too_large = rest.post("/flows/document-text/run", json={"input": {"document": {"base64": "A" * 2 * MB}}})
            assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_a_gateway_that_cannot_listen(stack: Stack) -> None:
    """An address that is taken is told in one line, with what to do."""
    env = {**stack.env, "DOCMILL_REST": stack.rest, "DOCMILL_LOG_FORMAT": "json"}
    done = subprocess.run(
        [DOCMILL, "serve", "--role", "gateway"], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"] == (
        f"Nobody can listen on {stack.rest}: another program does, or it is no address of this machine."
        " Choose another (DOCMILL_REST, --rest)"
    )


def test_crashes_are_not_seen(tmp_path: Path) -> None:
    """A stream goes on though the services are killed under it; a killed gateway comes back on its port."""
    stack = start_stack(tmp_path / "data")
    try:
        rest = Rest(stack.rest, stack.api_key)
        sheets = tmp_path / "sheets.tiff"
        documents.tiff(sheets, [documents.draw_page([f"Sheet {n}"], (400, 120), 40)[0] for n in range(12)])
        run_id = rest.run(sheets)["id"]
        numbers: list[int] = []
        with rest.get(f"/runs/{run_id}/events", stream=True) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"id: "):
                    numbers.append(int(line[4:]))
                    if len(numbers) == 4:
                        part(stack.process.pid, "docmill.role services").send(signal.SIGKILL)
        gateway = part(stack.process.pid, "docmill.role gateway")
        gateway.send(signal.SIGKILL)
        assert eventually(lambda: not gateway.alive, 10)
        assert eventually(lambda: _answers(rest), 30)
        run = rest.get(f"/runs/{run_id}").json()
        assert (run["status"], run["metrics"]["pageCount"]) == ("success", 12)
        resumed = rest.get(f"/runs/{run_id}/events", headers={"Last-Event-ID": "3"}).text
        assert [int(line[4:]) for line in resumed.splitlines() if line.startswith("id: ")] == numbers[3:]
        assert numbers == list(range(1, len(numbers) + 1))
    finally:
        assert stack.stop() == 0


@pytest.mark.parametrize("tls", [True, False])
def test_between_gateway_and_services(tls: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """The gateway reaches the services whatever others need for that: certificates, or a folder with a long name."""
    env = {}
    if tls:
        key, certificate = self_signed()
        (tmp_path / "key.pem").write_bytes(key)
        (tmp_path / "certificate.pem").write_bytes(certificate)
        env = {
            "DOCMILL_GRPC_TLS_KEY": str(tmp_path / "key.pem"),
            "DOCMILL_GRPC_TLS_CERT": str(tmp_path / "certificate.pem"),
        }
    stack = start_stack(tmp_path / ("data" if tls else "long" * 30), env=env)
    try:
        assert Rest(stack.rest, stack.api_key).get("/flows").status_code == 200
    finally:
        assert stack.stop() == 0


def test_a_large_document_takes_little_memory(rest: Rest, stack: Stack) -> None:
    """50 MB in base64, a body of 67 MB, cost the gateway less than 40 MB while it passes."""
    gateway = part(stack.process.pid, "docmill.role gateway")
    content = _large_pdf(50 * MB)
    rest.post("/flows/document-text/run", data=_pieces(content[: 2 * MB]), headers=JSON)  # channels are open now
    before = peak(gateway, reset=True)
    began = time.monotonic()
    answer = rest.post("/flows/document-text/run", data=_pieces(content), headers=JSON)
    seconds = time.monotonic() - began
    grown = peak(gateway) - before
    print(f"50 MB: {seconds:.2f} s, the gateway grew by {grown / MB:.1f} MB")  # noqa: T201 - a figure for readers
    assert (answer.status_code, answer.json().get("status")) == (200, "queued"), answer.text
    assert grown < 40 * MB
    document = rest.get(f"/documents/{answer.json()['documentId']}").json()
    assert document["size"] == len(content)


JSON = {"Content-Type": "application/json"}
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def _pieces(content: bytes) -> Iterator[bytes]:
    """The body of a run request, made while it is sent."""
    yield b'{"input": {"document": {"filename": "large.pdf", "base64": "'
    step = 300_000  # divided by three, so that the pieces join
    for start in range(0, len(content), step):
        yield b64encode(content[start : start + step])
    yield b'"}}}'


def _large_pdf(size: int) -> bytes:
    """A PDF of one page that carries a stream of random bytes beside its text."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F %b>>>>>>" % _FONT,
        _stream(b"BT /F 12 Tf 20 50 Td (Large) Tj ET"),
        _stream(os.urandom(size - 1500)),
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, item in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 6\n0000000000 65535 f \n%btrailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(made) + end % (table, len(made))


def _stream(content: bytes) -> bytes:
    return b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content)


def _answers(rest: Rest) -> bool:
    try:
        return rest.get("/flows").status_code == 200
    except requests.ConnectionError:
        return False


def test_every_part_is_there(stack: Stack) -> None:
    """The gateway is a process of its own beside services and worker."""
    commands = [process.command for process in descendants(stack.process.pid)]
    for role in ("services", "gateway", "worker"):
        assert sum(f"docmill.role {role}" in command for command in commands) == 1


def test_a_page_has_a_picture(rest: Rest, tmp_path: Path) -> None:
    """PNG, no larger than asked for; a page that is not there is an ordinary error."""
    path = tmp_path / "a.pdf"
    documents.text_pdf(path, lines=LINES)
    run_id = rest.run(path, wait=True)["id"]
    answer = rest.get(f"/runs/{run_id}/pages/1/image?maxSide=300")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, max(picture.size)) == ("PNG", 300)
    missing = rest.get(f"/runs/{run_id}/pages/9/image")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "PAGE_NOT_FOUND")


def test_keys_and_budgets(rest: Rest, stack: Stack) -> None:
    """A fresh key over the API; each answer tells what is left of the minute; nothing is left in the end."""
    org = stack.new_organization()
    key = stack.new_key(org, "--scopes", "admin,flows:read")["key"]
    own = Rest(stack.rest, key)
    with own.session:
        made = own.post("/keys", json={"name": "ci", "scopes": ["flows:read"]})
        assert made.status_code == 200, made.text
        reader = Rest(stack.rest, made.json()["secret"])
        with reader.session:
            first = reader.get("/flows")
            left, limit = (int(first.headers[f"X-RateLimit-{name}"]) for name in ("Remaining", "Limit"))
            assert int(first.headers["X-RateLimit-Reset"]) <= time.time() + 61
            unknown = reader.get("/nothing")
            assert unknown.status_code == 404
            assert int(unknown.headers["X-RateLimit-Remaining"]) in {left - 1, limit - 1}
            refused = reader.post("/flows/document-text/run", data="{", headers=JSON)
            assert refused.status_code == 403  # before anybody looks at what is no JSON
        revoked = own.session.delete(f"{own.base}/keys/{made.json()['key']['id']}", timeout=30)
        assert revoked.json()["revokedAt"].endswith("Z")
        refused = reader.get("/flows")
        assert (refused.status_code, refused.json()["error"]["details"]["reason"]) == (401, "revoked")
        for _ in range(2 * limit + 2):  # a new minute may begin in between
            last = own.get("/flows")
            if last.status_code != 200:
                break
        assert (last.status_code, last.json()["error"]["code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(last.headers["Retry-After"]) <= 60
        assert last.headers["X-RateLimit-Remaining"] == "0"
