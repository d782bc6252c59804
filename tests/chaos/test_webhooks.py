"""Webhooks of a running docmill: what its users and its operator see of them, and `kill -9` while they are being sent."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from docmill.client import ConnectionFailedError, webhooks
from docmill.v1 import flows_pb2, flows_pb2_grpc
from tests.fixtures.documents import mixed_pdf
from tests.fixtures.processes import eventually, part
from tests.fixtures.receiver import OK, Received, Receiver, receiving
from tests.fixtures.stack import Stack, start_stack

pytestmark = pytest.mark.xdist_group("chaos")

RUNS = 100


@contextmanager
def listening(gate: threading.Event) -> Iterator[Receiver]:
    """A receiver on a thread of its own, that answers once `gate` is open."""

    async def answer(_request: Received, _writer: asyncio.StreamWriter) -> bytes:
        while not gate.is_set():  # noqa: ASYNC110 - it is opened in another thread
            await asyncio.sleep(0.01)
        return OK

    ready, stop = threading.Event(), threading.Event()
    found: list[Receiver] = []

    async def live() -> None:
        async with receiving(answer) as receiver:
            found.append(receiver)
            ready.set()
            while not stop.is_set() or receiver.open_now:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        gate.set()
        stop.set()
        thread.join(10)


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A docmill of its own that may send to the loopback network."""
    running = start_stack(
        tmp_path_factory.mktemp("webhooks") / "data", env={"DOCMILL_WEBHOOK_ALLOW": "127.0.0.1/32, ::1"}
    )
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A document that is quickly read."""
    return mixed_pdf(tmp_path_factory.mktemp("documents") / "one.pdf", 1, scanned_every=1000).read_bytes()


def run(stack: Stack, page: bytes, **given: Any) -> Callable[[], str]:
    """Ask for a run; call what comes back for its id."""
    channel = grpc.insecure_channel(stack.grpc)
    request = flows_pb2.RunFlowRequest(
        flow_id="document-text",
        input=flows_pb2.RunInput(document=flows_pb2.InlineDocument(base64=page, filename="a.pdf")),
        **given,
    )
    call = flows_pb2_grpc.FlowServiceStub(channel).RunFlow.future(
        request, metadata=(("authorization", f"Bearer {stack.api_key}"),), timeout=60
    )

    def answered() -> str:
        run_id: str = call.result().run.id
        channel.close()
        return run_id

    return answered


def secret_of(stack: Stack, *options: str) -> str:
    """The secret of the default organization's webhooks, as the command line shows it."""
    listed = stack.docmill("orgs", "list", "--data", stack.data, "--json").stdout.splitlines()
    org = next(facts["id"] for facts in map(json.loads, listed) if facts["name"] == "default")
    return str(stack.facts_of("orgs", "webhook-secret", org, "--data", stack.data, *options)["webhook_secret"])


def test_a_webhook_as_users_and_operators_meet_it(sender: Stack, page: bytes) -> None:
    """Signed with the secret the command line shows; listed and sent again from there; the secrets lie nowhere in clear."""
    gate = threading.Event()
    gate.set()
    with listening(gate) as receiver, sender.connect() as client:
        run_id = run(sender, page, webhook_url=receiver.url(), webhook_format="doclo")()
        own_id = run(sender, page, webhook_url=receiver.url(), webhook_secret="never-in-clear-anywhere")()
        assert eventually(lambda: len(receiver.received) == 2, 20)
        assert eventually(lambda: client.runs.deliveries(run_id)[0].status == "delivered", 10)
        shown = sender.facts_of("deliveries", "list", run_id)
        assert (shown["runId"], shown["event"], shown["status"]) == (run_id, "execution.completed", "delivered")
        assert [attempt["httpStatus"] for attempt in shown["attempts"]] == [200]
        secret = secret_of(sender)
        assert secret == secret_of(sender)
        rotated = secret_of(sender, "--rotate")
        assert secret != rotated == secret_of(sender)
        again = sender.facts_of("deliveries", "redeliver", run_id, shown["id"])
        assert again["id"] == shown["id"]
        assert eventually(lambda: len(receiver.received) == 3, 20)
        by_run = {webhooks_run(request): request for request in receiver.received[:2]}
        told = webhooks.verify(by_run[run_id].body, by_run[run_id].headers, secret)
        assert "Page 1" in str(told["data"]["output"]["pages"][0])
        webhooks.verify(by_run[own_id].body, by_run[own_id].headers, "never-in-clear-anywhere")
        webhooks.verify(receiver.received[2].body, receiver.received[2].headers, rotated)
    kept = {path: path.read_bytes() for path in sender.data.rglob("*") if path.is_file() and path.suffix != ".sock"}
    for clear in (secret, rotated, "never-in-clear-anywhere"):
        assert [str(path) for path, content in kept.items() if clear.encode() in content] == []
    assert any(own_id.encode() in content for path, content in kept.items() if path.name.startswith("docmill.db"))


def webhooks_run(request: Received) -> str:
    """Which run a request tells of."""
    return str(json.loads(request.body)["data"]["id"])


def test_a_new_organization_has_a_secret(sender: Stack) -> None:
    """It is shown once as it is made, and again for whoever works on the data."""
    made = sender.facts_of("orgs", "create", "Acme", "--plan", "doclo.pro", "--data", sender.data)
    assert made["webhook_secret"].startswith("whsec_")
    shown = sender.facts_of("orgs", "webhook-secret", made["id"], "--data", sender.data)
    assert shown == {"id": made["id"], "webhook_secret": made["webhook_secret"]}
    assert "whsec_" not in sender.docmill("orgs", "list", "--data", sender.data, "--json").stdout
    unknown = sender.docmill("orgs", "webhook-secret", "org_no", "--data", sender.data, "--json")
    assert json.loads(unknown.stderr)["error"]["reason"] == "ORGANIZATION_NOT_FOUND"


def test_services_killed_while_a_hundred_webhooks_wait(sender: Stack, page: bytes) -> None:
    """Each arrives after the restart, none is lost, and what comes twice has the same id."""
    gate = threading.Event()
    with listening(gate) as receiver, sender.connect() as client:
        runs = [answered() for answered in [run(sender, page, webhook_url=receiver.url()) for _ in range(RUNS)]]
        for run_id in runs:
            client.runs.wait_for_completion(run_id, timeout=60)
        deliveries = {run_id: client.runs.deliveries(run_id)[0] for run_id in runs}
        assert {delivery.status for delivery in deliveries.values()} == {"pending"}
        assert eventually(lambda: receiver.received, 10)
        services = part(sender.process.pid, "docmill.role services")
        services.send(signal.SIGKILL)
        assert eventually(lambda: not services.alive, 5)
        under_way = {request.headers["webhook-id"] for request in receiver.received}
        gate.set()

        waiting = list(runs)

        def all_delivered() -> bool:
            with suppress(ConnectionFailedError):  # until the services are back
                while waiting and client.runs.deliveries(waiting[-1])[0].status == "delivered":
                    waiting.pop()
            return not waiting

        assert eventually(all_delivered, 90)
        arrived: dict[str, set[str]] = {}
        for request in receiver.received:
            arrived.setdefault(webhooks_run(request), set()).add(request.headers["webhook-id"])
        assert arrived == {run_id: {delivery.id} for run_id, delivery in deliveries.items()}
        again = [request.headers["webhook-id"] for request in receiver.received]
        assert {delivery_id for delivery_id in again if again.count(delivery_id) > 1} == under_way


def test_a_start_keeps_its_key(tmp_path: Path) -> None:
    """Whoever starts docmill again on the same folder opens the secrets of before."""
    first = start_stack(tmp_path / "data")
    secret = secret_of(first)
    key = (first.data / "secret_key").read_bytes()
    assert (first.data / "secret_key").stat().st_mode & 0o777 == 0o600
    assert first.stop() == 0
    second = start_stack(tmp_path / "data")
    assert secret_of(second) == secret
    assert (second.data / "secret_key").read_bytes() == key
    assert second.stop() == 0
