"""What sets the engine's loops going, and what waits for company: seen with every other occasion taken away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from docmill.domain.states import RunState
from docmill.engine import RunRequest, dispatch
from docmill.engine.workers import Workers
from docmill.store import Store
from tests.fixtures.engine import CALLER, QUICK, done, serving

_NEVER = 3600.0  # seconds
OTHER = replace(CALLER, org_id="org_2", key_id="key_2")


async def test_results_make_room_for_further_jobs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of more pages than fit the window goes on because of its results: there are no beats, sweeps or idle looks."""
    monkeypatch.setattr(dispatch, "_IDLE", _NEVER)
    async with serving(store, replace(QUICK, sweep=timedelta(seconds=_NEVER)), beats=False) as bench:
        bench.peer.answer = partial(done, pages=60)
        run_id = await bench.run()
        assert (await bench.ended(run_id)).state is RunState.SUCCEEDED


async def test_results_of_the_express_lane_wait_for_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the results of a flood wait for company, for an hour here, another organization's run goes through."""
    monkeypatch.setattr(Workers, "patience", _NEVER)
    async with serving(store, QUICK) as bench:
        bench.peer.answer = lambda job: done(job, pages=60 if job.org_id == CALLER.org_id else 1)
        flood = await bench.run()
        run = await bench.engine.run_flow(OTHER, RunRequest(flow_id="document-text", content=b"%PDF-1.7 a document"))
        assert (await bench.ended(run.id, OTHER)).state is RunState.SUCCEEDED
        assert not (await bench.engine.get_run(CALLER, flood)).state.is_terminal
