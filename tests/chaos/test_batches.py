"""`kill -9` of every part of a running docmill in the middle of a batch: one results file, one webhook, nothing lost."""

from __future__ import annotations

import http.server
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fixtures.documents import mixed_pdf
from tests.fixtures.processes import eventually, parts
from tests.fixtures.stack import start_stack

pytestmark = pytest.mark.xdist_group("chaos")

FILES = 12
STRIKES = {2: "docmill.role worker", 4: "docmill.role services", 6: "docmill.role gateway", 8: "nats-server"}
"""What is killed once so many files are done."""


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps the bodies that come."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        """Take one."""
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
        """Say nothing."""


@contextmanager
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """A receiver of webhooks: its URL, and the bodies that came."""
    bodies: list[bytes] = []
    server = http.server.HTTPServer(("127.0.0.1", 0), type("Own", (Hook,), {"bodies": bodies}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_part_is_killed_in_turn(tmp_path: Path) -> None:
    """Whoever polls sees pauses only; results and webhook are those of an undisturbed batch."""
    document = mixed_pdf(tmp_path / "a.pdf", 6, scanned_every=3)
    stack = start_stack(tmp_path / "data", env={"DOCMILL_WEBHOOK_ALLOW": "127.0.0.0/8"})
    try:
        with receiver() as (url, bodies):
            _through(stack, document, url)
            assert eventually(lambda: bodies, 20)
        assert len(set(bodies)) == 1
        assert json.loads(bodies[0])["status"] == "complete"
    finally:
        assert stack.stop() == 0


def _through(stack: Any, document: Path, url: str) -> None:
    key = stack.new_key(stack.new_organization_of("documentflow.growth"), "--mode", "af")["key"]
    files = [
        ("files", (f"{number}.pdf", document.read_bytes() + b"\n%" + bytes([65 + number]))) for number in range(FILES)
    ]
    headers = {"Authorization": f"Bearer {key}"}
    base = f"http://{stack.rest}/v1"
    answer = requests.post(f"{base}/batch", files=files, data={"webhook_url": url}, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    batch_id = answer.json()["batch_id"]
    with stack.connect(key) as client:
        strikes = dict(STRIKES)
        done, numbers = 0, []
        for event in client.batches.watch(batch_id):
            numbers.append(event.sequence)
            done += event.kind.startswith("file.")
            for words in [strikes.pop(at) for at in list(strikes) if at <= done]:
                for process in parts(stack.process.pid, words):
                    process.send(signal.SIGKILL)
        assert not strikes
        assert numbers == list(range(1, len(numbers) + 1))
        assert done == FILES

    def polled() -> dict[str, Any] | None:
        try:
            found = requests.get(f"{base}/batch/{batch_id}", headers=headers, timeout=10)
        except requests.ConnectionError:  # the gateway comes back
            return None
        return found.json() if found.status_code == 200 else None

    assert eventually(lambda: (polled() or {}).get("status") == "complete", 30)
    shown = polled()
    assert shown is not None
    results = requests.get(shown["download_url"], timeout=30).json()
    assert [entry["file_index"] for entry in results] == list(range(FILES))
    assert [entry for entry in results if "error" in entry] == []
    usage = requests.get(f"{base}/usage", headers=headers, timeout=30).json()
    assert usage["calls_used"] == FILES
