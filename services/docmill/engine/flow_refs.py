"""Flows that refer to flows: pinned to a version when they are published, written out when they are run.

A version can refer only to versions that are there already, and versions never change: there are no cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import orjson

from docmill.domain.errors import InvalidArgument, Reason
from docmill.domain.flow_kinds import check_kinds
from docmill.domain.flow_specs import MAX_DEFINITION_BYTES
from docmill.domain.flows import FlowDefinition, FlowRef, Subflow, parse_definition, parse_version
from docmill.domain.schemas import invalid
from docmill.store import Op, flows

MAX_DEPTH = 10
"""Flows that refer to flows that refer to flows ..."""


def pinned(org_id: str, definition: FlowDefinition) -> Op[FlowDefinition]:
    """The definition with a version in each reference, that of today where its author named none.

    `InvalidArgument` for a flow or a version that the organization does not see, and for a flow that is too large, too
    deep or wrong once everything is written out.
    """
    found: dict[FlowRef, Subflow] = {}
    for path, ref in definition.refs.items():
        found[ref] = yield from _pinned(org_id, ref, f"{path}.flowRef")
    result = definition.with_flows(found)
    whole = yield from written_out(org_id, result)
    if _size(whole, {}) > MAX_DEFINITION_BYTES:
        raise invalid(
            "definition",
            f"is larger than {MAX_DEFINITION_BYTES // 1024} KiB with the flows it refers to; refer to fewer or smaller ones",
        )
    check_kinds(whole, branches=False)
    parse_definition(whole.to_json())  # what may stand in a place holds for flows that are named, too
    return result


def written_out(org_id: str, definition: FlowDefinition) -> Op[FlowDefinition]:
    """The definition with the flows it refers to in their place, at every level. Each of them is there once in memory."""
    return (yield from _written_out(org_id, definition, {}, 0))


def _pinned(org_id: str, ref: FlowRef, field: str) -> Op[FlowRef]:
    versions = [found.version for found in (yield from flows.versions(org_id, ref.flow_id))]
    if not versions:
        raise invalid(
            field,
            f"there is no flow {ref.flow_id}; publish it first, or look up its id with `docmill flows list`",
        )
    if not ref.version:
        return replace(ref, version=max(versions, key=parse_version))
    if ref.version not in versions:
        known = ", ".join(sorted(versions, key=parse_version))
        raise invalid(field, f"flow {ref.flow_id} has no version {ref.version}; it has {known}")
    return ref


def _written_out(
    org_id: str, definition: FlowDefinition, known: dict[FlowRef, Subflow], depth: int
) -> Op[FlowDefinition]:
    for path, ref in definition.refs.items():
        if depth == MAX_DEPTH:
            raise invalid(f"{path}.flowRef", f"more than {MAX_DEPTH} flows refer to each other in a row")
        if ref not in known:
            version = yield from flows.get(org_id, ref.flow_id, ref.version)
            if version is None:
                raise InvalidArgument(Reason.VERSION_NOT_FOUND, f"{path}.flowRef: there is no flow {ref}")
            known[ref] = yield from _written_out(org_id, parse_definition(version.definition), known, depth + 1)
    return definition.with_flows(known)


def _size(flow: Subflow, known: dict[int, int]) -> int:
    """Bytes of the flow as JSON. A flow that occurs many times is measured once: written out it may fill any memory."""
    if isinstance(flow, FlowRef):
        return 0
    if id(flow) not in known:
        total = 0
        for step in flow.steps:
            alone: Mapping[str, object] = replace(step, branches={}, item_flow=None).to_json()
            total += len(orjson.dumps(alone)) + sum(_size(inside, known) for inside in step.subflows.values())
        known[id(flow)] = total
    return known[id(flow)]
