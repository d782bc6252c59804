"""A run's events over HTTP: as they happen, resumed, and through whatever is started again in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from docmill.domain.errors import NotFound, Reason, Unavailable
from docmill.domain.models import JobKind
from docmill.gateway import watch
from docmill.v1 import accounts_pb2, runs_pb2
from tests.fixtures.engine import done
from tests.fixtures.gateway import Script, gateway, scripted
from tests.fixtures.rest_house import House
from tests.fixtures.rpc import until

KINDS = ["run.accepted", "run.planned", "page.done", "page.done", "page.done", "step.done"]


def parsed(text: str) -> list[dict[str, Any]]:
    """The server-sent events of a body: `id`, `event` and the JSON of `data`."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append({**lines, "data": json.loads(lines["data"])})
    return found


async def events(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """The same while they come."""
    block = ""
    async for line in response.aiter_lines():
        if line:
            block += f"{line}\n"
            continue
        for event in parsed(block):
            yield event
        block = ""


async def test_events_have_numbers_and_a_snapshot_comes_first(house: House) -> None:
    """The number is the `id`; the snapshot has none, so it does not move the place where a browser resumes."""
    run_id = (await house.run(wait=True))["id"]
    answer = await house.rest.get(f"/runs/{run_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    snapshot, *rest = parsed(answer.text)
    assert (snapshot["event"], "id" in snapshot, snapshot["data"]["run"]["id"]) == ("snapshot", False, run_id)
    assert snapshot["data"]["run"]["status"] == "success"
    assert [event["id"] for event in rest] == [str(number) for number in range(1, len(rest) + 1)]
    assert [event["event"] for event in rest][:6] == KINDS
    assert rest[-1]["event"] == "run.succeeded"
    assert rest[2]["data"]["sequence"] == 3
    assert rest[2]["data"]["page"]["engine"] == "text-layer"


async def test_watches_resume(house: House) -> None:
    """After any number, from the header of a browser or from the address; the header wins."""
    run_id = (await house.run(wait=True))["id"]
    everything = parsed((await house.rest.get(f"/runs/{run_id}/events")).text)[1:]
    for path, headers in {
        f"/runs/{run_id}/events?after=3": {},
        f"/runs/{run_id}/events": {"last-event-id": "3"},
        f"/runs/{run_id}/events?after=1": {"last-event-id": "3"},
    }.items():
        answer = await house.rest.get(path, headers=headers)
        assert parsed(answer.text)[1:] == everything[3:]
    beyond = await house.rest.get(f"/runs/{run_id}/events?after=99")
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert beyond.json()["error"]["details"]["lastSequence"] == len(everything)


async def test_a_browser_that_saw_everything_is_told_to_stop(house: House) -> None:
    """204 after the last event ends an EventSource, which would come back for ever; others get the snapshot."""
    run_id = (await house.run(wait=True))["id"]
    last = parsed((await house.rest.get(f"/runs/{run_id}/events")).text)[-1]["id"]
    assert (await house.rest.get(f"/runs/{run_id}/events", headers={"last-event-id": last})).status_code == 204
    answer = await house.rest.get(f"/runs/{run_id}/events?after={last}")
    assert [event["event"] for event in parsed(answer.text)] == ["snapshot"]


async def test_lines_on_request(house: House) -> None:
    """A JSON object a line, each with its number and its kind."""
    run_id = (await house.run(wait=True))["id"]
    answer = await house.rest.get(f"/runs/{run_id}/events", headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    items = [json.loads(line) for line in answer.text.splitlines()]
    assert [item["kind"] for item in items][:7] == ["snapshot", *KINDS]
    assert [item["sequence"] for item in items[1:]] == list(range(1, len(items)))


async def test_events_come_while_they_happen(house: House) -> None:
    """Page by page, not at the end; and the words are those that were asked for."""
    held = house.hold(JobKind.PAGE)
    run_id = (await house.run())["id"]
    headers = {"x-doclo-status-vocabulary": "rest"}
    async with house.rest.http.stream("GET", f"{house.rest.url}/runs/{run_id}/events", headers=headers) as response:
        stream = events(response)
        first = await anext(stream)
        assert first["data"]["run"]["status"] in {"pending", "running"}
        await until(lambda: len(held) == 3)
        house.work()
        for job in held:
            await house.api.bench.peer.bus.publish_result(done(job))
            while (await anext(stream))["event"] != "page.done":
                pass
        assert [event async for event in stream][-1]["event"] == "run.succeeded"


async def test_a_reader_that_leaves_is_noticed(house: House) -> None:
    """The watch behind a stream ends when its reader goes away, though nothing happens that could be sent."""
    house.hold(JobKind.PAGE)
    run_id = (await house.run())["id"]
    watches = house.api.server._deadlines._watches
    async with house.rest.http.stream("GET", f"{house.rest.url}/runs/{run_id}/events") as response:
        await anext(events(response))
        assert len(watches) == 1
    await until(lambda: not watches)


async def test_head_of_a_stream(house: House) -> None:
    """HEAD answers at once and leaves nothing open."""
    house.hold(JobKind.PAGE)
    run_id = (await house.run())["id"]
    answer = await house.rest.http.head(f"{house.rest.url}/runs/{run_id}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    await until(lambda: not house.api.server._deadlines._watches)


async def test_a_server_that_stops_ends_its_streams(house: House) -> None:
    """Streams end cleanly, so that their readers come back; a request that waits is told which run goes on."""
    house.hold(JobKind.PAGE)
    run_id = (await house.run())["id"]
    waiting = asyncio.create_task(
        house.rest.post("/flows/document-text/run", {"input": {"documentId": await _document(house)}, "wait": True})
    )
    async with house.rest.http.stream("GET", f"{house.rest.url}/runs/{run_id}/events") as response:
        stream = events(response)
        await anext(stream)
        await until(lambda: len(house.api.server._deadlines._watches) == 2)
        house.rest.stop.set()
        async for _ in stream:
            pass
    answer = await waiting
    assert (answer.status_code, "executionId" in answer.json()["error"]["details"]) == (504, True)
    async with asyncio.timeout(5):
        await asyncio.shield(house.rest.serving)


def watched(*sequences: int, last: int = 0) -> Any:
    """A watch that gives a snapshot and these events, and then breaks; `last` ends the run."""

    async def answer(request: runs_pb2.WatchRunRequest) -> AsyncIterator[Any]:
        snapshot = runs_pb2.RunSnapshot(run=runs_pb2.Run(id="r", status=runs_pb2.RUN_STATUS_RUNNING, last_sequence=9))
        yield runs_pb2.WatchRunResponse(sequence=request.after_sequence, snapshot=snapshot)
        for sequence in sequences:
            kind = runs_pb2.RUN_EVENT_KIND_RUN_SUCCEEDED if sequence == last else runs_pb2.RUN_EVENT_KIND_PAGE_DONE
            yield runs_pb2.WatchRunResponse(sequence=sequence, event=runs_pb2.RunEvent(kind=kind))
        if sequences[-1] != last:
            yield Unavailable(Reason.OVERLOADED, "the services stop")

    return answer


async def test_services_that_start_again_are_not_seen() -> None:
    """The watch behind a stream is opened again after the last number; no event is lost, none comes twice."""
    script = Script({"WatchRun": watched(1, 2)})
    async with scripted(script) as target, gateway(target, "k") as rest:

        async def stream() -> list[dict[str, Any]]:
            answer = await rest.get("/runs/r/events")
            return parsed(answer.text)

        reading = asyncio.create_task(stream())
        await until(lambda: len(script.seen) >= 2)
        script.answers["WatchRun"] = watched(2, 3, 4, last=4)
        found = await reading
    assert [event["data"]["sequence"] for event in found] == [0, 1, 2, 3, 4]
    assert [event["event"] for event in found].count("snapshot") == 1
    assert script.seen[1][1].after_sequence == 2


@pytest.mark.parametrize("silent", [True, False])
async def test_services_that_do_not_come_back(silent: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """A stream whose services stay silent, or greet and go again and again, ends cleanly after a while."""
    monkeypatch.setattr(watch, "_SILENCE", 0.2)
    monkeypatch.setattr(watch, "_PATIENCE", 0.6)

    async def answer(request: runs_pb2.WatchRunRequest) -> AsyncIterator[Any]:
        yield runs_pb2.WatchRunResponse(snapshot=runs_pb2.RunSnapshot(run=runs_pb2.Run(id="r")))
        if silent:
            await asyncio.sleep(60)

    script = Script({"WatchRun": answer})
    async with scripted(script) as target, gateway(target, "k") as rest:
        assert [event["event"] for event in parsed((await rest.get("/runs/r/events")).text)] == ["snapshot"]
    assert len(script.seen) > 1


async def test_heartbeats_are_comments() -> None:
    """What keeps the connection open says nothing to a browser, and is a line of its own kind otherwise."""

    async def answer(request: runs_pb2.WatchRunRequest) -> AsyncIterator[Any]:
        yield runs_pb2.WatchRunResponse(snapshot=runs_pb2.RunSnapshot(run=runs_pb2.Run(id="r")))
        yield runs_pb2.WatchRunResponse(heartbeat=runs_pb2.Heartbeat())
        yield runs_pb2.WatchRunResponse(sequence=1, event=runs_pb2.RunEvent(kind=runs_pb2.RUN_EVENT_KIND_RUN_CANCELLED))

    async with scripted(Script({"WatchRun": answer})) as target, gateway(target, "k") as rest:
        text = (await rest.get("/runs/r/events")).text
        assert "\n\n: nothing new\n\n" in text
        assert [event["event"] for event in parsed(text)] == ["snapshot", "run.cancelled"]
        lines = (await rest.get("/runs/r/events", headers={"accept": "application/x-ndjson"})).text.splitlines()
        assert [json.loads(line)["kind"] for line in lines] == ["snapshot", "heartbeat", "run.cancelled"]


async def test_pictures_stream() -> None:
    """The picture of a page comes as PNG; one that breaks off amid is cut off, not ended."""

    async def picture(_request: Any) -> AsyncIterator[Any]:
        yield _piece(b"\x89PNG", "image/png")
        yield _piece(b" and more")

    async def broken(_request: Any) -> AsyncIterator[Any]:
        yield _piece(b"\x89PNG", "image/png")
        yield Unavailable(Reason.OVERLOADED, "gone")

    script = Script({"GetPageImage": picture})
    async with scripted(script) as target, gateway(target, "k") as rest:
        answer = await rest.get("/runs/r/pages/2/image?maxSide=500")
        assert (answer.headers["content-type"], answer.content) == ("image/png", b"\x89PNG and more")
        assert (script.seen[0][1].page_number, script.seen[0][1].max_side) == (2, 500)
        assert (await rest.http.head(f"{rest.url}/runs/r/pages/2/image")).headers["content-type"] == "image/png"
        script.answers["GetPageImage"] = broken
        with pytest.raises(httpx2.RemoteProtocolError):
            await rest.get("/runs/r/pages/2/image")
        script.answers["GetPageImage"] = NotFound(Reason.PAGE_NOT_FOUND, "no")
        script.answers["CheckKey"] = accounts_pb2.CheckKeyResponse()
        assert (await rest.get("/runs/r/pages/2/image")).json()["error"]["code"] == "PAGE_NOT_FOUND"
        assert (await rest.get("/runs/r/pages/2/image?maxSide=big")).status_code == 422


def _piece(content: bytes, kind: str = "") -> runs_pb2.GetPageImageResponse:
    piece = runs_pb2.GetPageImageResponse()
    piece.image.data, piece.image.content_type = content, kind
    return piece


async def _document(house: House) -> str:
    answer = await house.rest.http.post(f"{house.rest.url}/documents?filename=a.pdf", content=b"%PDF-1.7 other")
    return str(answer.json()["id"])
