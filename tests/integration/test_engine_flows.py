"""Flows as their authors publish them, and lists that are walked page by page, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from docmill.domain.errors import (
    DocmillError,
    Fault,
    InvalidArgument,
    Reason,
)
from docmill.domain.flow_specs import parse_flow
from docmill.domain.models import EventKind, Mode
from docmill.engine import RunFilter, RunRequest, page_tokens
from docmill.store import flows as store_flows
from tests.fixtures.engine import CALLER, Bench, done, failed, lab_report

CRASH = Fault(reason=Reason.WORKER_CRASHED, message="The page crashed its reader", retryable=True)
WRONG = Fault(reason=Reason.MEDIA_CORRUPT, message="The page cannot be read")
LIVE = replace(CALLER, mode=Mode.LIVE)


async def test_variables_must_fit_the_flows_schema(bench: Bench) -> None:
    """A missing variable and one of the wrong kind are refused by name."""
    await bench.engine.create_flow(CALLER, lab_report("lab-report"))
    for variables in ({}, {"units": "furlong"}):
        with pytest.raises(InvalidArgument) as refused:
            await bench.run(RunRequest(flow_id="lab-report", content=b"%PDF", variables=variables))
        assert "units" in str(refused.value.details) + refused.value.message


async def test_flow_versions_never_change(bench: Bench) -> None:
    """A version can be published once, a new number is a new version, and a flow of the installation is nobody's."""
    await bench.engine.create_flow(CALLER, lab_report("lab-report"))
    with pytest.raises(DocmillError) as twice:
        await bench.engine.create_flow(CALLER, lab_report("lab-report"))
    assert twice.value.reason is Reason.VERSION_EXISTS
    await bench.engine.create_flow(CALLER, replace(lab_report("lab-report"), version="1.10.0"))
    await bench.engine.create_flow(CALLER, replace(lab_report("lab-report"), version="1.9.0"))
    flow, current = await bench.engine.get_flow(CALLER, "lab-report")
    assert [version.version for version in flow.versions] == ["1.0.0", "1.9.0", "1.10.0"]
    assert current.version == "1.10.0"
    run = await bench.engine.run_flow(
        CALLER, RunRequest(flow_id="lab-report", content=b"%PDF", variables={"units": "SI"})
    )
    assert run.flow_version == "1.10.0"
    with pytest.raises(InvalidArgument):
        await bench.engine.create_flow(CALLER, replace(lab_report("invoice-extractor"), version="9.0.0"))


async def test_a_flow_with_a_broken_schema_is_refused(bench: Bench) -> None:
    """What would fail inside every run is refused when it is published, with the field that is wrong."""
    broken = replace(
        lab_report("lab-report"), input_schema={"type": "object", "properties": {"units": {"type": "strin"}}}
    )
    with pytest.raises(InvalidArgument) as refused:
        await bench.engine.create_flow(CALLER, broken)
    assert refused.value.details["field"].startswith("inputSchema")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"providerRef": "no-such-engine"}, "providerRef"),
        ({"languages": ["de"]}, "languages"),
    ],
)
async def test_a_flow_that_asks_for_what_is_not_there_is_refused(
    bench: Bench, config: dict[str, Any], field: str
) -> None:
    """What reading would ignore in silence is refused when the flow is published."""
    with pytest.raises(InvalidArgument) as refused:
        await bench.engine.create_flow(CALLER, lab_report("wishful", config))
    assert refused.value.details["field"].endswith(field)


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ("llm", "DOCMILL_LLM_BASE_URL .* and DOCMILL_LLM_MODEL"),
        ("openai:gpt", "DOCMILL_LLM_BASE_URL .* and DOCMILL_LLM_MODEL"),
        ("layuot", "did you mean 'layout'"),
    ],
)
async def test_a_provider_that_is_not_there_is_told_with_what_to_do(bench: Bench, provider: str, says: str) -> None:
    """The settings that make it be there, or the name that was meant."""
    fields = {"id": "fields", "nodeType": "extract", "config": {"providerRef": provider, "schema": {"type": "object"}}}
    spec = parse_flow({"id": "asking", "version": "1.0.0", "definition": {"steps": [fields]}})
    with pytest.raises(InvalidArgument, match=says):
        await bench.engine.create_flow(CALLER, spec)


async def test_a_flow_published_under_older_rules_ends_its_own_runs_only(bench: Bench) -> None:
    """A stored definition that this release refuses neither stops the loops nor other runs."""
    spec = lab_report("old", {"onPageFailure": "skip"})
    old = replace(
        spec.published(org_id=CALLER.org_id, at=datetime.now(UTC)), definition={"version": "0.1", "steps": []}
    )
    await bench.engine.ctx.store.write(lambda: store_flows.insert(old))
    bench.peer.answer = lambda job: failed(job, WRONG) if job.definition.get("version") == "0.1" else done(job)
    broken = await bench.events(await bench.run(RunRequest(flow_id="old", content=b"%PDF")))
    assert broken[-1].kind is EventKind.RUN_FAILED
    assert (await bench.events(await bench.run()))[-1].kind is EventKind.RUN_SUCCEEDED


async def test_a_page_token_that_no_database_takes_is_refused(bench: Bench) -> None:
    """A forged token is the caller's mistake, whatever is in it."""
    for parts in (("2026-01-01T00:00:00+00:00", "run\0"), ("2026-01-01T00:00:00", "run_1")):
        with pytest.raises(InvalidArgument):
            await bench.engine.list_runs(CALLER, RunFilter(), limit=2, page_token=page_tokens.encode(*parts))
    run_id = await bench.run()
    with pytest.raises(InvalidArgument):
        await bench.engine.list_pages(CALLER, run_id, limit=2, page_token=page_tokens.encode("9" * 30))
    await bench.events(run_id)


async def test_lists_go_on_where_they_stopped(bench: Bench) -> None:
    """Page tokens walk through runs and flows without missing or repeating one."""
    made = [await bench.run() for _ in range(5)]
    seen, token = [], ""
    while True:
        listing = await bench.engine.list_runs(CALLER, RunFilter(), limit=2, page_token=token)
        seen += [run.id for run in listing.items]
        token = listing.next_page_token
        assert listing.total == len(made)
        if not token:
            break
    assert seen == made[::-1]
    flows, token = [], ""
    while True:
        page = await bench.engine.list_flows(CALLER, limit=1, page_token=token)
        flows += [flow.id for flow in page.items]
        token = page.next_page_token
        if not token:
            break
    assert sorted(flows) == ["document-text", "invoice-extractor", "receipt-extractor"]
    with pytest.raises(InvalidArgument):
        await bench.engine.list_runs(CALLER, RunFilter(), limit=2, page_token="nonsense")
    for run_id in made:
        await bench.events(run_id)
