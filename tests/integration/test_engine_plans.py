"""What plans mean to the engine: the price of a page, and a plan that is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from docmill.blobs.memory import MemoryBlobStore
from docmill.bus.memory import MemoryBroker, MemoryBus
from docmill.domain.models import Caller
from docmill.domain.plans import parse_plans
from docmill.engine import Engine, EstimateRequest, RunRequest
from docmill.engine.context import Context
from docmill.engine.operate import Operator
from docmill.store import Store
from tests.fixtures.engine import CALLER, LIVE, QUICK, Bench, Peer

PLANS = parse_plans(
    {
        "default": "usual",
        "fallback": "usual",
        "plans": {
            "usual": {},
            "half": {"pricePerPage": 0.5},
            "dear": {"pricePerPage": 2.25},
            "gift": {"pricePerPage": 0},
        },
    }
)


@pytest.fixture
async def engine(store: Store) -> Engine:
    """An engine with these plans, without its loops."""
    bus = MemoryBus(MemoryBroker())
    engine = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=bus, options=QUICK, plans=PLANS))
    await engine.prepare()
    return engine


@pytest.mark.parametrize(
    ("caller", "credits_"),
    [
        (replace(LIVE, plan_id="usual"), 3),
        (replace(LIVE, plan_id="half"), 3),
        (replace(LIVE, plan_id="dear"), 9),
        (replace(LIVE, plan_id="gift"), 0),
        (replace(CALLER, plan_id="dear"), 0),
    ],
    ids=["as the flow says", "rounded up", "rounded up a page", "nothing", "test mode"],
)
async def test_the_plans_factor_is_in_the_price(engine: Engine, caller: Caller, credits_: int) -> None:
    """Three pages at one credit, times the factor, in whole credits a page; the estimate and the run agree."""
    estimate = await engine.estimate_run(caller, EstimateRequest(flow_id="document-text", pages=3))
    assert estimate.credits == credits_
    bench = Bench(engine, Peer(engine.ctx.bus))
    await bench.grant(100)
    run = await engine.run_flow(caller, RunRequest(flow_id="document-text", content=b"%PDF-1.7"))
    assert run.credits_reserved == credits_ // 3  # of one page: nobody has counted them yet


async def test_a_plan_that_is_gone_is_told_to_the_operator(store: Store) -> None:
    """Services that start with an organization on a plan that no file defines any more say which."""
    await Operator(store, plans=PLANS).create_organization("Acme", "dear")
    engine = Engine(Context(store=store, blobs=MemoryBlobStore(), bus=MemoryBus(MemoryBroker())))
    with structlog.testing.capture_logs() as lines:
        await engine.prepare()
    (line,) = [line for line in lines if line.get("event_key") == "plans.unknown"]
    assert (line["plan"], line["fallback"]) == ("dear", "doclo.test")
