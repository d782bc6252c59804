"""Steps with flows inside: a conditional runs one of several, a forEach runs one for every document of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from docmill.domain.errors import DocmillError, Reason, WorkFailed
from docmill.domain.flow_steps import DEFAULT_BRANCH, FlowDefinition
from docmill.extract.nodes.results import Result, listed, under

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docmill.domain.flow_steps import Step, Subflow
    from docmill.extract.nodes.scope import Scope
    from docmill.extract.segments import Segment

__all__ = ["RunFlow", "run_branch", "run_items"]


class RunFlow(Protocol):
    """Runs a flow on the pages of a scope."""

    def __call__(self, flow: FlowDefinition, scope: Scope) -> Result:
        """What the flow gives; raises `WorkFailed`."""


def run_branch(step: Step, category: str, scope: Scope, run: RunFlow) -> Result:
    """What the branch of `category` makes of the document; `WorkFailed` when the step has none for it."""
    branch = step.branches.get(category) or step.branches.get(DEFAULT_BRANCH)
    name = category if category in step.branches else DEFAULT_BRANCH
    if branch is None:
        raise WorkFailed(Reason.EXTRACTION_FAILED, _no_branch(step, category), {"category": category})
    return run(_flow(branch), scope.branch(f"{step.id}/{name}", category))


def run_items(step: Step, segments: Sequence[Segment], scope: Scope, run: RunFlow) -> Result:
    """`[{status: "fulfilled", value} | {status: "rejected", reason: {code, message}}]`, one for each segment.

    What fails for one document neither ends the run nor the others.
    """
    assert step.item_flow is not None  # the definition was checked
    flow = _flow(step.item_flow)
    by_number = {page.number: page for page in scope.pages}
    settled, went_well, warnings = [], [], []
    for index, segment in enumerate(segments):
        pages = [by_number[number] for number in segment.pages]
        try:
            result = run(flow, scope.document(step.id, index, pages, segment.type))
        except DocmillError as error:
            if error.retryable:  # what is away for a moment is no fault of this document
                raise
            reason = {"code": str(error.reason), "message": error.message}
            settled.append(Result({"status": "rejected", "reason": reason}))
            warnings.append(f"{segment}: {error.message}")
            continue
        warnings.extend(f"{segment}: {warning}" for warning in result.warnings)
        went_well.append(result)
        settled.append(Result({"status": "fulfilled", "value": result.value}, under("value", result)))
    whole = listed(settled)
    return Result(whole.value, whole.evidence, tuple(warnings), items=tuple(went_well))


def _flow(flow: Subflow) -> FlowDefinition:
    if not isinstance(flow, FlowDefinition):
        raise WorkFailed(
            Reason.EXTRACTION_FAILED, f"The flow {flow} that a step refers to is not there; publish it again"
        )
    return flow


def _no_branch(step: Step, category: str) -> str:
    branches = ", ".join(f"'{name}'" for name in step.branches)
    if not category:
        return (
            f"Step '{step.id}' cannot tell what the document is: no word of it speaks for any of the categories. Describe "
            f"the categories in more words, or add a branch '{DEFAULT_BRANCH}' (there is {branches})"
        )
    return (
        f"Step '{step.id}' took the document for '{category}', which has no branch; add one, or a branch "
        f"'{DEFAULT_BRANCH}' (there is {branches})"
    )
