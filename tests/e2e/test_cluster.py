"""The same parts as a cluster: PostgreSQL, S3, NATS, two replicas of the services, a worker; all by settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docmill.bus.server import NatsServer
from docmill.client import Docmill, RunStatus
from tests.fixtures.blobs import S3_KEYS
from tests.fixtures.documents import mixed_pdf
from tests.fixtures.processes import eventually
from tests.fixtures.stack import DOCMILL

PAGES = 12


@dataclass(frozen=True)
class Role:
    """A process of the cluster."""

    process: subprocess.Popen[bytes]
    facts: dict[str, Any]
    """What its ready file says."""

    def stop(self) -> int:
        """Stop it in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@dataclass(frozen=True)
class Cluster:
    """Where everything is."""

    env: dict[str, str]
    folder: Path

    def docmill(self, *arguments: str) -> str:
        """What a command of the operator prints."""
        done = subprocess.run(
            [DOCMILL, *arguments], env=self.env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def role(self, role: str, name: str) -> Iterator[Role]:
        """A process that serves; killed at the end if it still runs."""
        own = self.folder / name
        own.mkdir()
        ready = own / "ready.json"
        env = {**self.env, "DOCMILL_READY_FILE": str(ready)}
        with (own / "log").open("wb") as log:
            process = subprocess.Popen([DOCMILL, "serve", "--role", role], env=env, stdout=log, stderr=log)
        try:
            assert eventually(lambda: ready.exists() or process.poll() is not None, 60)
            assert process.poll() is None, (own / "log").read_text()[-4000:]
            yield Role(process, json.loads(ready.read_text()))
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(
    empty_postgres_url: str, s3_endpoint: str, s3_bucket: str, nats_server: NatsServer, tmp_path: Path
) -> Cluster:
    """A migrated database, a bucket and a bus."""
    env = {
        **os.environ,
        "DOCMILL_DATABASE_URL": empty_postgres_url,
        "DOCMILL_BLOBS_URL": f"s3://{s3_bucket}/docmill?endpoint={s3_endpoint}&region=us-east-1",
        "DOCMILL_S3_ACCESS_KEY": S3_KEYS["access_key_id"],
        "DOCMILL_S3_SECRET_KEY": S3_KEYS["secret_access_key"],
        "DOCMILL_BUS_URL": nats_server.url,
        "DOCMILL_GRPC": "127.0.0.1:0",
        "DOCMILL_DATA": str(tmp_path / "data"),  # one for all: they may run on one machine
        "DOCMILL_WORKERS": "1",
    }
    cluster = Cluster(env, tmp_path)
    assert "up to date" in cluster.docmill("migrate")
    return cluster


def test_replicas_are_one_docmill(cluster: Cluster, tmp_path: Path) -> None:
    """A run given to one replica is watched to its end on the other, though the first is killed in the middle."""
    org = json.loads(cluster.docmill("orgs", "create", "Harbour Supplies", "--plan", "doclo.pro", "--json"))["id"]
    key = json.loads(cluster.docmill("keys", "create", "--org", org, "--mode", "live", "--json"))["key"]
    cluster.docmill("credits", "grant", "--org", org, str(2 * PAGES), "--json")
    document = mixed_pdf(tmp_path / "twelve.pdf", PAGES, scanned_every=2)
    with (
        cluster.role("services", "one") as one,
        cluster.role("services", "two") as two,
        cluster.role("worker", "worker") as worker,
        Docmill(one.facts["grpc"], key) as first,
        Docmill(two.facts["grpc"], key) as second,
    ):
        handle = first.flows.run("document-text", document)
        seen = []
        for event in second.runs.watch(handle.id):
            seen.append(event)
            if event.pages_done == 3 and one.process.poll() is None:
                one.process.kill()
                one.process.wait()
        run = second.runs.get(handle.id)
        assert run.status is RunStatus.SUCCEEDED
        assert [event.sequence for event in seen] == list(range(1, run.last_sequence + 1))
        pages = [event.page_number for event in seen if event.kind == "page.done"]
        assert sorted(page or 0 for page in pages) == list(range(1, PAGES + 1))
        assert [f"Page {n}" for n in range(1, PAGES + 1)] == [page["lines"][0]["text"] for page in run.output["pages"]]
        assert run.metrics
        assert run.metrics.credits_used == PAGES

        with cluster.role("services", "three") as three, Docmill(three.facts["grpc"], key) as third:
            assert list(third.runs.watch(handle.id)) == seen
            assert third.flows.run("document-text", document_id=run.document_id).result(timeout=60).output == run.output
            assert three.stop() == 0
        assert worker.stop() == 0
        assert two.stop() == 0


def test_workers_share_the_work(cluster: Cluster, tmp_path: Path) -> None:
    """A second worker on the same machine takes its part of a run that goes on; when the first is killed, all pages are read."""
    org = json.loads(cluster.docmill("orgs", "create", "Harbour Supplies", "--plan", "doclo.pro", "--json"))["id"]
    key = json.loads(cluster.docmill("keys", "create", "--org", org, "--json"))["key"]
    cluster.docmill("credits", "grant", "--org", org, str(2 * PAGES), "--json")
    document = mixed_pdf(tmp_path / "twelve.pdf", PAGES, scanned_every=1)
    with (
        cluster.role("services", "services") as services,
        cluster.role("worker", "first") as first,
        Docmill(services.facts["grpc"], key) as client,
    ):
        handle = client.flows.run("document-text", document)
        next(event for event in handle.watch() if event.kind == "page.done")
        with cluster.role("worker", "second") as second:
            next(event for event in handle.watch() if event.pages_done == 5)
            first.process.kill()
            run = handle.result(timeout=60)
            assert [f"Page {n}" for n in range(1, PAGES + 1)] == [
                page["lines"][0]["text"] for page in run.output["pages"]
            ]
            assert {page.attempts for page in client.runs.pages(run.id)} == {1}
            assert second.stop() == 0
        assert services.stop() == 0


def test_a_stale_ready_file_says_nothing(tmp_path: Path) -> None:
    """What an earlier start left is gone as soon as a role starts, also when it then cannot serve."""
    ready = tmp_path / "ready.json"
    ready.write_text("{}")
    env = {**os.environ, "DOCMILL_DATA": str(tmp_path / "empty"), "DOCMILL_READY_FILE": str(ready)}
    done = subprocess.run(
        [DOCMILL, "serve", "--role", "services"], env=env, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    assert not ready.exists()
