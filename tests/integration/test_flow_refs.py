"""Flows that refer to flows: pinned when they are published, written out for the workers, bounded. On both stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from docmill.domain.errors import InvalidArgument
from docmill.domain.flow_specs import FlowSpec, parse_flow
from docmill.domain.messages import DocumentFacts, JobMessage, JobResult, StepFacts
from docmill.domain.models import EventKind, JobKind
from docmill.domain.plan import OnPageFailure
from docmill.engine import RunRequest
from tests.fixtures.engine import CALLER, Bench, done

KINDS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}}
FIELDS = {"type": "step", "id": "fields", "nodeType": "extract", "config": {"schema": SCHEMA}}


def lab(version: str = "1.0.0", flow_id: str = "lab", **config: Any) -> FlowSpec:
    """A flow that reads as `config` says and extracts."""
    read = {"type": "step", "id": "read", "nodeType": "parse", "config": config}
    return parse_flow({"id": flow_id, "version": version, "definition": {"steps": [read, FIELDS]}})


def sorting(flow_id: str, *references: str) -> FlowSpec:
    """A flow that goes on with one of these flows."""
    branches = {kind: {"flowRef": reference} for kind, reference in zip(KINDS, references, strict=False)}
    step = {"type": "conditional", "id": "kind", "config": {"categories": KINDS}, "branches": branches}
    return parse_flow({"id": flow_id, "version": "1.0.0", "definition": {"steps": [step]}})


async def test_a_reference_is_pinned_when_the_flow_is_published(bench: Bench) -> None:
    """To the highest version of that day; the run's worker gets that one written out, and its pages are read as it says."""
    for version in ("1.9.0", "1.10.0"):
        await bench.engine.create_flow(CALLER, lab(version, onPageFailure="skip"))
    published = await bench.engine.create_flow(CALLER, sorting("desk", "lab", "lab@1.9.0", "invoice-extractor@latest"))
    branches = published.definition["steps"][0]["branches"]
    assert branches["a"] == {"flowRef": "lab@1.10.0"}
    assert branches["b"] == {"flowRef": "lab@1.9.0"}
    assert branches["c"]["flowRef"].startswith("invoice-extractor@1.")
    await bench.engine.create_flow(CALLER, lab("2.0.0"))
    seen: list[JobMessage] = []

    def note(job: JobMessage) -> JobResult:
        seen.append(job)
        return done(job)

    bench.peer.answer = note
    await bench.events(await bench.run(RunRequest(flow_id="desk", content=b"%PDF")))
    (sent,) = (job.definition for job in seen if job.kind is JobKind.DOCUMENT)
    inner = sent["steps"][0]["branches"]["a"]
    assert [step["id"] for step in inner["steps"]] == ["read", "fields"]
    assert inner["steps"][0]["config"] == {"onPageFailure": "skip"}
    recipe = await bench.engine.ctx.store.read(lambda: bench.engine.ctx.catalog.recipe(CALLER.org_id, "desk", "1.0.0"))
    assert recipe is not None
    assert recipe.on_page_failure is OnPageFailure.SKIP


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("nobody", "there is no flow nobody; publish it first"),
        ("lab@9.0.0", "flow lab has no version 9.0.0; it has 1.0.0"),
        ("desk", "there is no flow desk"),
    ],
)
async def test_a_reference_to_what_is_not_there_is_refused(bench: Bench, reference: str, says: str) -> None:
    """With the field of the reference; a flow cannot refer to itself before it is there."""
    await bench.engine.create_flow(CALLER, lab())
    with pytest.raises(InvalidArgument, match=says) as refused:
        await bench.engine.create_flow(CALLER, sorting("desk", "lab", reference))
    assert refused.value.details["field"] == "definition.steps.0.branches.b.flowRef"


async def test_flows_of_others_are_not_there(bench: Bench) -> None:
    """An organization sees its own and those of the installation."""
    await bench.engine.create_flow(replace(CALLER, org_id="org_2"), lab())
    with pytest.raises(InvalidArgument, match="there is no flow lab"):
        await bench.engine.create_flow(CALLER, sorting("desk", "lab"))


async def test_what_flows_refer_to_is_bounded(bench: Bench) -> None:
    """Ten references to flows of ten references each, and so on, would fill any memory: refused as soon as it is large."""
    await bench.engine.create_flow(CALLER, lab(flow_id="level-0", additionalInstructions="x" * 1000))
    for level in (1, 2):
        await bench.engine.create_flow(CALLER, sorting(f"level-{level}", *[f"level-{level - 1}"] * 10))
    with pytest.raises(InvalidArgument, match="larger than 256 KiB with the flows it refers to"):
        await bench.engine.create_flow(CALLER, sorting("level-3", *["level-2"] * 10))


async def test_flows_do_not_refer_to_each_other_without_end(bench: Bench) -> None:
    """Ten in a row are taken."""
    await bench.engine.create_flow(CALLER, lab(flow_id="level-0"))
    for level in range(1, 11):
        await bench.engine.create_flow(CALLER, sorting(f"level-{level}", f"level-{level - 1}"))
    with pytest.raises(InvalidArgument, match="more than 10 flows refer to each other"):
        await bench.engine.create_flow(CALLER, sorting("level-11", "level-10"))


async def test_what_is_not_here_is_found_in_the_flows_inside_too(bench: Bench) -> None:
    """A provider that nobody configured, three levels down."""
    fields = {**FIELDS, "config": {"schema": SCHEMA, "providerRef": "nobody"}}
    inner = {"type": "forEach", "id": "each", "config": {"categories": ["a"]}, "itemFlow": {"steps": [fields]}}
    outer = {"type": "conditional", "id": "k", "config": {"categories": ["a"]}, "branches": {"a": {"steps": [inner]}}}
    spec = parse_flow({"id": "deep", "version": "1.0.0", "definition": {"steps": [outer]}})
    with pytest.raises(InvalidArgument) as refused:
        await bench.engine.create_flow(CALLER, spec)
    path = "definition.steps.0.branches.a.steps.0.itemFlow.steps.0.config.providerRef"
    assert refused.value.details["field"] == path


async def test_a_named_flow_must_fit_its_place(bench: Bench) -> None:
    """A stack is taken apart once: the flow of its documents cannot begin with that again, written out or named."""
    each = {"type": "forEach", "id": "each", "config": {"categories": ["a"]}, "itemFlow": {"steps": [FIELDS]}}
    await bench.engine.create_flow(
        CALLER, parse_flow({"id": "stack", "version": "1.0.0", "definition": {"steps": [each]}})
    )
    outer = {**each, "itemFlow": {"flowRef": "stack"}}
    spec = parse_flow({"id": "stacks", "version": "1.0.0", "definition": {"steps": [outer]}})
    with pytest.raises(InvalidArgument, match="an item flow cannot start with 'split'") as refused:
        await bench.engine.create_flow(CALLER, spec)
    assert refused.value.details["field"] == "definition.steps.0.itemFlow.steps.0.nodeType"


async def test_a_flow_may_want_nothing_but_the_electronic_invoice(bench: Bench) -> None:
    """Its provider reads documents; it cannot tell them apart."""
    fields = {**FIELDS, "config": {"schema": SCHEMA, "providerRef": "einvoice"}}
    await bench.engine.create_flow(
        CALLER, parse_flow({"id": "exact", "version": "1.0.0", "definition": {"steps": [fields]}})
    )
    kind = {
        "type": "step",
        "id": "kind",
        "nodeType": "categorize",
        "config": {"categories": KINDS, "providerRef": "einvoice"},
    }
    with pytest.raises(InvalidArgument, match="there is no provider einvoice; there is layout"):
        await bench.engine.create_flow(
            CALLER, parse_flow({"id": "odd", "version": "1.0.0", "definition": {"steps": [kind]}})
        )


async def test_steps_of_inner_flows_are_told_and_not_counted(bench: Bench) -> None:
    """Each has an event of its own; the run's steps are those of the outer flow."""
    await bench.engine.create_flow(CALLER, lab())
    await bench.engine.create_flow(CALLER, sorting("desk", "lab"))
    facts = [StepFacts(step_id=name, node_type="extract", duration_ms=3) for name in ("kind/a/fields", "kind")]

    def answer(job: JobMessage) -> JobResult:
        made = done(job)
        key = f"runs/{job.run_id}/output.json"
        return replace(made, document=DocumentFacts(output_key=key, steps=facts)) if made.document else made

    bench.peer.answer = answer
    run_id = await bench.run(RunRequest(flow_id="desk", content=b"%PDF"))
    events = await bench.events(run_id)
    ended = [event.payload["step"] for event in events if event.kind is EventKind.STEP_DONE]
    assert ended == ["read", "kind/a/fields", "kind"]
    run = await bench.engine.get_run(CALLER, run_id)
    assert (run.steps_run, run.steps_total) == (1, 1)


async def test_a_named_flow_must_know_the_kinds_of_the_stack(bench: Bench) -> None:
    """As one that is written out; but it may have branches for other uses."""
    await bench.engine.create_flow(CALLER, lab())
    await bench.engine.create_flow(CALLER, sorting("sorter", *["lab"] * len(KINDS)))

    def stacks(*kinds: str) -> FlowSpec:
        each = {"type": "forEach", "id": "each", "config": {"categories": kinds}, "itemFlow": {"flowRef": "sorter"}}
        return parse_flow({"id": "stacks", "version": "1.0.0", "definition": {"steps": [each]}})

    with pytest.raises(InvalidArgument, match="'z' is missing"):
        await bench.engine.create_flow(CALLER, stacks("a", "z"))
    await bench.engine.create_flow(CALLER, stacks("a", "b"))
