"""What each side of the bus is told of: services nothing that they said themselves, workers only what concerns them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from docmill.bus import ANSWER_SECONDS, Side
from docmill.bus.nats import NatsBus
from docmill.domain.messages import Beat, Hint, HintKind
from tests.fixtures.bus import all_wanted
from tests.fixtures.bus_messages import eventually

if TYPE_CHECKING:
    from docmill.bus.server import NatsServer

NEWS = Hint(kind=HintKind.RUN_ADVANCED, run_id="run_1", sequence=3)
CANCEL = Hint(kind=HintKind.RUN_CANCELLED, run_id="run_1", sequence=4)


async def test_workers_hear_of_cancels_only(nats_server: NatsServer) -> None:
    """Neither what runs did nor other workers' beats: hundreds of each a second would be nothing to them."""
    services = await NatsBus.connect(nats_server.url, side=Side.SERVICES)
    worker = await NatsBus.connect(nats_server.url, side=Side.WORKER)
    heard: list[Hint | Beat] = []
    worker.on_hint(heard.append)
    worker.on_beat(heard.append)
    await services.publish_hint(NEWS)
    await services.publish_beat(Beat(worker_id="other", slots=1))
    await services.publish_hint(CANCEL)  # one connection's messages arrive in order
    await eventually(lambda: bool(heard))
    assert heard == [CANCEL]
    await worker.aclose()
    await services.aclose()


async def test_services_answer_at_once(nats_server: NatsServer) -> None:
    """From the moment at which they say so; until then nothing of what they serve goes on."""
    services = await NatsBus.connect(nats_server.url, side=Side.SERVICES)
    worker = await NatsBus.connect(nats_server.url, side=Side.WORKER)
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(ANSWER_SECONDS / 2):
            await stack.enter_async_context(services.answering(all_wanted))
        assert await worker.ask_wanted([("job_1", 1)]) == {("job_1", 1)}
    await worker.aclose()
    await services.aclose()


async def test_services_hear_of_each_other_and_of_workers(nats_server: NatsServer) -> None:
    """All that others say, and nothing of their own: whoever waits in the same process was told before."""
    one = await NatsBus.connect(nats_server.url, side=Side.SERVICES)
    other = await NatsBus.connect(nats_server.url, side=Side.SERVICES)
    worker = await NatsBus.connect(nats_server.url, side=Side.WORKER)
    own: list[Hint | Beat] = []
    heard: list[Hint | Beat] = []
    one.on_hint(own.append)
    other.on_hint(heard.append)
    other.on_beat(heard.append)
    await one.publish_hint(NEWS)
    await one.publish_hint(CANCEL)
    beat = Beat(worker_id="w", slots=1)
    await worker.publish_beat(beat)
    await eventually(lambda: len(heard) == 3)
    assert beat in heard
    assert [said for said in heard if said != beat] == [NEWS, CANCEL]
    await other.publish_hint(NEWS)
    await eventually(lambda: bool(own))
    assert own == [NEWS]
    for bus in (one, other, worker):
        await bus.aclose()
